"""Architecture families as data: which tensor plays which role.

The families are the rows of ``families.toml``, which says what a row means: adding a family is adding rows.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from typing import Any

from provenance.weights.hints import Norm


class Role(StrEnum):
    """The part that a matrix plays."""

    EMBEDDING = "embedding"  # tokens x residual
    POSITION = "position"  # positions x residual
    HEAD = "head"  # tokens x residual
    QUERY = "query"
    KEY = "key"
    VALUE = "value"
    OUTPUT = "output"  # of attention, back to the residual stream
    GATE = "gate"  # of a gated MLP: what the non-linearity sees
    UP = "up"  # of a gated MLP: what the gate multiplies
    DOWN = "down"
    HIDDEN_IN = "hidden-in"  # of a plain MLP
    HIDDEN_OUT = "hidden-out"
    ROUTER = "router"  # experts x residual
    STACKED = "stacked"  # one of a stack of plain layers
    SERIES = (
        "series"  # one of a series of layers that skip connections may run past; its outputs are hidden units
    )
    INPUT_GATE = "input-gate"  # of an LSTM, by what the cell takes in
    FORGET_GATE = "forget-gate"
    CELL_GATE = "cell-gate"
    OUTPUT_GATE = "output-gate"
    RESET_GATE = "reset-gate"  # of a GRU
    UPDATE_GATE = "update-gate"
    NEW_GATE = "new-gate"
    NORM_ATTENTION = "norm-attention"  # gains (vectors) on what attention reads
    NORM_MLP = "norm-mlp"  # on what the MLP reads
    NORM_FINAL = "norm-final"  # on what the head reads
    MARK = "mark"  # tells a family apart, and has no place in a layout


class Positions(StrEnum):
    """How positions enter."""

    ROTARY = "rotary"  # queries and keys turn with them
    TABLE = "table"  # a table is added to the residual stream
    BIAS = "bias"  # they are added to the scores of attention
    ABSENT = "absent"  # not at all


class Parts(StrEnum):
    """How the parts of a fused tensor lie along its outputs."""

    BLOCKS = "blocks"
    HEADS = "heads"
    NEIGHBOURS = "neighbours"


@dataclass(frozen=True, slots=True)
class Row:
    """What a tensor does.

    Args:
        roles: Its role, or one role for each part of a fused tensor.
        parts: How the parts lie; None for a tensor that is not fused.
        transposed: Stored as inputs x outputs.
        experts: One matrix for each expert along a first axis.
        tower: The tower of its own that it belongs to within the tower.
    """

    roles: tuple[Role, ...]
    parts: Parts | None = None
    transposed: bool = False
    experts: bool = False
    tower: str = ""

    @property
    def is_mark(self) -> bool:
        """Whether it only tells the family apart."""
        return self.roles == (Role.MARK,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models that name and wire their tensors alike.

    Args:
        name: What people call it.
        architecture: A word that it shares with families that differ from it in names only.
        positions: How positions enter.
        norm: How the residual stream is normalised, where that is so by definition.
        rows: End of a tensor's name, with ``{i}`` for a number, to what the tensor does; the first come first.
    """

    name: str
    architecture: str
    positions: Positions
    norm: Norm | None = None
    rows: Mapping[str, Row] = field(default_factory=dict)

    @property
    def rotary(self) -> bool:
        """Whether queries and keys turn with positions, so that nothing is added to the residual stream."""
        return self.positions is Positions.ROTARY


def _load() -> tuple[Family, ...]:
    text = files("provenance.weights").joinpath("families.toml").read_text(encoding="utf-8")
    entries: dict[str, Mapping[str, Any]] = {}
    for entry in tomllib.loads(text)["family"]:
        entries[entry["name"]] = _inherited(entry, entries)
    return tuple(_family(entry) for entry in entries.values())


def _inherited(entry: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """An entry with what it takes over from the one that it is like; its own rows stand first."""
    if "like" not in entry:
        return entry
    base = known[entry["like"]]
    tensors = {
        **entry["tensors"],
        **{end: row for end, row in base["tensors"].items() if end not in entry["tensors"]},
    }
    return {**base, "architecture": base["name"], **entry, "tensors": tensors}


def _family(entry: Mapping[str, Any]) -> Family:
    transposed = entry.get("transposed", False)
    return Family(
        name=entry["name"],
        architecture=entry.get("architecture", entry["name"]),
        positions=Positions(entry["positions"]),
        norm=Norm(entry["norm"]) if "norm" in entry else None,
        rows={end: _row(value, transposed=transposed) for end, value in entry["tensors"].items()},
    )


def _row(value: str | Mapping[str, Any], *, transposed: bool) -> Row:
    if isinstance(value, str):
        # A table of tokens or positions is stored alike everywhere.
        return Row((Role(value),), transposed=transposed and Role(value) not in _TABLES)
    roles: str | Sequence[str] = value["role"]
    return Row(
        tuple(Role(role) for role in ([roles] if isinstance(roles, str) else roles)),
        parts=Parts(value["parts"]) if "parts" in value else None,
        transposed=value.get("transposed", transposed),
        experts=value.get("experts", False),
        tower=value.get("tower", ""),
    )


_TABLES = frozenset({Role.EMBEDDING, Role.POSITION, Role.HEAD})
FAMILIES = _load()
"""Every family that is recognised by name, in the order of ``families.toml``."""
STACK = Family(name="stack", architecture="stack", positions=Positions.ABSENT)
"""Whatever is none of them, and has layers that follow each other."""
