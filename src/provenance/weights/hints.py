"""What a model's own metadata says of its geometry.

Metadata may choose what is compared; it decides nothing: a wrong hint makes a test weaker, or sets it aside, and every use of one is
listed among the assumptions of the result.
"""

from dataclasses import dataclass
from enum import StrEnum


class Norm(StrEnum):
    """How the residual stream is normalised: which of its symmetries that leaves."""

    RMS = "rms"
    LAYER = "layer"


class Rotation(StrEnum):
    """Which two dimensions of a head turn together under rotary positions."""

    NONE = "none"
    HALVES = "halves"  # r and r + size / 2
    NEIGHBOURS = "neighbours"  # 2 r and 2 r + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """Geometry that shapes alone do not tell; None where nothing says it.

    Args:
        heads: Number of query heads.
        kv_heads: Number of key and value heads.
        head_size: Dimensions of one head.
        norm: How the residual stream is normalised.
        rotation: How positions enter the heads.
    """

    heads: int | None = None
    kv_heads: int | None = None
    head_size: int | None = None
    norm: Norm | None = None
    rotation: Rotation | None = None
