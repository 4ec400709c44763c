"""What a model's own metadata says of its geometry.

Metadata may choose what is compared; it decides nothing by itself. A hint that shapes or names contradict is set aside. One that is
wrong and fits (heads of another size, halves for neighbours) makes coins of what is no symmetry, so that a p-value may be too small
as well as too large: every use of one is listed among the assumptions of the result.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from provenance.errors import ContentError
from provenance.weights.folder import check_inside, opened

CONFIG = "config.json"
MAX_CONFIG_BYTES = 10_000_000
_MAX_COUNT = 1 << 20


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
        rotated: How many leading dimensions of a head turn.
        gain_offset: What is added to a stored gain of a norm: Gemma stores gains less one.
    """

    heads: int | None = None
    kv_heads: int | None = None
    head_size: int | None = None
    norm: Norm | None = None
    rotation: Rotation | None = None
    rotated: int | None = None
    gain_offset: float = 0.0


NO_HINTS = Hints()

_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads")
_KV_HEADS = ("num_key_value_heads", "num_kv_heads", "n_head_kv")
_WIDTHS = ("hidden_size", "n_embd", "d_model", "dim", "n_embed")
_RMS = ("rms_norm_eps", "rms_norm_epsilon")
_LAYER = ("layer_norm_eps", "layer_norm_epsilon")
_ROTARY = ("rope_theta", "rope_scaling", "rope_parameters", "rotary_emb_base", "rotary_dim")
_ROTARY_SHARES = ("partial_rotary_factor", "rotary_pct")
# Their config speaks of layer norms, and their code does not subtract the mean.
_RMS_TYPES = frozenset({"t5", "mt5", "umt5", "longt5", "switch_transformers", "pix2struct"})
_NEIGHBOUR_TYPES = frozenset(
    {
        "cohere",
        "cohere2",
        "ernie4_5",
        "ernie4_5_moe",
        "helium",
        "glm",
        "glm4",
        "gptj",
        "codegen",
        "llama4_text",
    }
)
# Whose code multiplies by 1 + gain.
_OFFSET_TYPES = frozenset(
    {
        "gemma",
        "gemma2",
        "gemma3",
        "gemma3_text",
        "recurrent_gemma",
        "vaultgemma",
        "qwen3_next",
        "qwen3_5_text",
    }
)
_UNROTATED_TYPES = frozenset(
    {
        "bert",
        "roberta",
        "distilbert",
        "gpt2",
        "gpt_neo",
        "opt",
        "bart",
        "whisper",
        "bloom",
        "mpt",
        "t5",
        "mt5",
    }
)


def read_hints(folder: Path) -> Hints:
    """What the ``config.json`` in a folder says; no hints where there is none, or none that can be read."""
    return config_hints(read_config(folder))


def read_config(folder: Path, name: str = CONFIG) -> Mapping[str, object]:
    """A JSON object beside the weights; empty where there is none that can be read, or that lies within the folder."""
    path = folder / name
    try:
        check_inside(path, folder)
        with opened(path) as file:
            text = file.read(MAX_CONFIG_BYTES + 1)
        config = json.loads(text) if len(text) <= MAX_CONFIG_BYTES else {}
    except (ValueError, RecursionError, ContentError):
        return {}
    return config if isinstance(config, dict) else {}


def config_hints(config: Mapping[str, object]) -> Hints:
    """The hints in a model's configuration, as the Transformers library names things. What makes no sense is no hint."""
    heads, width = _count(config, _HEADS), _count(config, _WIDTHS)
    size = _count(config, ("head_dim",)) or _quotient(width, heads)
    rotation = _config_rotation(config)
    kind = str(config.get("model_type"))
    return Hints(
        heads=heads,
        kv_heads=_divisor(_count(config, _KV_HEADS), heads),
        head_size=size,
        norm=Norm.RMS if kind in _RMS_TYPES else _norm(rms=_has(config, _RMS), layer=_has(config, _LAYER)),
        rotation=rotation,
        rotated=_config_rotated(config, size) if rotation else None,
        gain_offset=1.0 if kind in _OFFSET_TYPES else 0.0,
    )


def _config_rotation(config: Mapping[str, object]) -> Rotation | None:
    kind = str(config.get("model_type"))
    if kind in _UNROTATED_TYPES:
        return Rotation.NONE
    # Where a part of each head turns that is stored apart from the rest (multi-head latent attention), there is no word for it here.
    if not _has(config, _ROTARY) or _has(config, ("qk_rope_head_dim",)):
        return None
    return Rotation.NEIGHBOURS if kind in _NEIGHBOUR_TYPES else Rotation.HALVES


def _config_rotated(config: Mapping[str, object], size: int | None) -> int | None:
    if _config_rotation(config) is Rotation.NONE:
        return 0
    nested = config.get("rope_parameters")
    settings = {**(nested if isinstance(nested, dict) else {}), **config}
    if _has(settings, ("rotary_dim",)):
        return _count(settings, ("rotary_dim",))
    share = next((settings[key] for key in _ROTARY_SHARES if settings.get(key) is not None), 1)
    if size is None or not isinstance(share, int | float) or not 0 < share <= 1:
        return None
    return int(size * share)


_GGUF_ROTATIONS: Mapping[str, Rotation] = {
    **dict.fromkeys(
        (
            "llama",
            "arctic",
            "baichuan",
            "internlm2",
            "minicpm",
            "xverse",
            "command-r",
            "cohere2",
            "deepseek",
            "olmo",
            "granite",
            "granitemoe",
            "smollm3",
        ),
        Rotation.NEIGHBOURS,
    ),
    **dict.fromkeys(
        (
            "qwen",
            "qwen2",
            "qwen2moe",
            "qwen3",
            "qwen3moe",
            "phi3",
            "gemma",
            "gemma2",
            "gemma3",
            "falcon",
            "gptneox",
            "nemotron",
            "olmo2",
            "olmoe",
            "phi2",
            "stablelm",
            "starcoder2",
        ),
        Rotation.HALVES,
    ),
    **dict.fromkeys(("gpt2", "bert", "bloom", "mpt", "t5"), Rotation.NONE),
}
"""How each architecture's heads turn in a GGUF file: converters reorder the rows of queries and keys of some (Llama) from halves
to neighbours. Source: ``llama_model_rope_type`` in llama.cpp, save for ``bert``: it names a rotation for that, which a BERT with absolute
positions never makes. An architecture that is not here gives no hint."""


def gguf_hints(metadata: Mapping[str, object]) -> Hints:
    """The hints in a GGUF file's metadata (keys ``<architecture>.attention.head_count`` and so on)."""
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str):
        return NO_HINTS
    settings = {
        key.removeprefix(architecture + "."): value
        for key, value in metadata.items()
        if key.startswith(architecture + ".")
    }
    heads, width = _count(settings, ("attention.head_count",)), _count(settings, ("embedding_length",))
    size = _count(settings, ("attention.key_length",)) or _quotient(width, heads)
    rotation = _GGUF_ROTATIONS.get(architecture)
    turned = 0 if rotation is Rotation.NONE else _count(settings, ("rope.dimension_count",)) or size
    return Hints(
        heads=heads,
        kv_heads=_divisor(_count(settings, ("attention.head_count_kv",)), heads),
        head_size=size,
        norm=_norm(
            rms=_has(settings, ("attention.layer_norm_rms_epsilon",)),
            layer=_has(settings, ("attention.layer_norm_epsilon",)),
        ),
        rotation=rotation,
        rotated=turned if rotation else None,
    )


def _norm(*, rms: bool, layer: bool) -> Norm | None:
    """The norm whose epsilon is given; a configuration that gives both leaves it open."""
    if rms == layer:
        return None
    return Norm.RMS if rms else Norm.LAYER


def _has(settings: Mapping[str, object], keys: Iterable[str]) -> bool:
    return any(settings.get(key) is not None for key in keys)


def _count(settings: Mapping[str, object], keys: Iterable[str]) -> int | None:
    """The value of the first key that is given, where it is a count that a network can have."""
    value = next((settings[key] for key in keys if settings.get(key) is not None), None)
    return value if type(value) is int and 0 < value <= _MAX_COUNT else None


def _quotient(whole: int | None, count: int | None) -> int | None:
    return whole // count if whole and count and whole % count == 0 else None


def _divisor(count: int | None, whole: int | None) -> int | None:
    return count if count and whole and whole % count == 0 else None
