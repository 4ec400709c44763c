"""Low-rank adapters, as PEFT saves them: merged into their base as rows are read.

W' = W + s B A, with s = alpha / r, or alpha / sqrt(r) for rsLoRA (arXiv 2106.09685, 2312.03732); the transpose of B A where the layer
keeps inputs x outputs. The rank is that of A itself. What PEFT saves whole (``modules_to_save``, biases) takes the place of the base's.
What changes weights in another way (DoRA, adapters other than LoRA, layers that are repeated) is refused.

The base is the one that was given. The name that an adapter gives its base is never followed.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from provenance.errors import ContentError
from provenance.weights.computed import made_of
from provenance.weights.dtypes import Floats
from provenance.weights.folder import ADAPTER_CONFIG
from provenance.weights.hints import read_config
from provenance.weights.tensor import Tensor

_PREFIX = "base_model.model."
_LOW_RANK = re.compile(r"(.+)\.lora_(?:(A|B)\.weight|embedding_(A|B))")
_PLAIN = re.compile(r"\^?[\w.]+")
_MATRIX = 2
_PREFIX_PARTS = 6
_REFUSED = (
    "use_dora",
    "use_qalora",
    "use_bdlora",
    "lora_bias",
    "layer_replication",
    "target_parameters",
    "trainable_token_indices",
    "megatron_config",
    "alora_invocation_tokens",
    "arrow_config",
    "kasa_config",
)
"""Settings of PEFT with which a merged weight is not W + s B A."""

Tensors = Mapping[str, Tensor]


def merged(adapter: Tensors, base: Tensors, folder: Path) -> Tensors:
    """The tensors of a base with an adapter merged into them.

    Args:
        adapter: The adapter's own tensors.
        base: The base's.
        folder: Where the adapter's ``adapter_config.json`` is.

    Raises:
        ContentError: The configuration is missing or asks for what is not known here, or an update fits no tensor of the base.
    """
    settings = _Settings.read(folder)
    pairs: dict[str, dict[str, Tensor]] = {}
    result, names = dict(base), _Base.of(base, folder)
    for name, tensor in adapter.items():
        name_of_base = name.removeprefix(_PREFIX).replace(".base_layer.", ".")
        match = _LOW_RANK.fullmatch(name_of_base)
        if match:
            pairs.setdefault(match[1], {})[(match[2] or match[3]) + ("e" if match[3] else "")] = tensor
        elif ".lora_" in name_of_base:
            raise _unknown(folder, f"{name!a} is no part of a plain LoRA")
        else:
            result[names.name(name_of_base)] = tensor
    if not pairs:
        raise _unknown(folder, "it holds no lora_A and lora_B")
    for module, parts in pairs.items():
        name = names.name(f"{module}.weight")
        result[name] = _updated(
            result[name], parts, settings.scale(module, parts), settings, f"{folder}: {module}"
        )
    return result


def _unknown(folder: Path, reason: str) -> ContentError:
    return ContentError(
        f"the adapter in {folder} can't be merged: {reason}",
        hint="Merge it with the library that trained it (PEFT's merge_and_unload), save the model, and give that.",
    )


@dataclass(frozen=True, slots=True)
class _Base:
    """A base's names, by their ends.

    Args:
        names: What the base calls its tensors.
        longer: The end of a name after a dot, to the names that end so.
        folder: Where the adapter is.
    """

    names: Tensors
    longer: Mapping[str, list[str]]
    folder: Path

    @classmethod
    def of(cls, names: Tensors, folder: Path) -> "_Base":
        longer: dict[str, list[str]] = defaultdict(list)
        for name in names:
            for end in _ends(name):
                longer[end].append(name)
        return cls(names, longer, folder)

    def name(self, name: str) -> str:
        """What the base calls a tensor, which may have another prefix there (``model.layers...`` for ``layers...``)."""
        if name in self.names:
            return name
        found: list[str] = [*self.longer.get(name, ()), *(end for end in _ends(name) if end in self.names)]
        if len(found) != 1:
            raise ContentError(
                f"the adapter in {self.folder} changes {name!a}, which the base {'has twice' if found else 'does not have'}",
                hint="Is this the base that the adapter was trained on?",
            )
        return found[0]


def _ends(name: str) -> Iterator[str]:
    """What stands after each of the first dots of a name; one from a stranger may have a million."""
    parts = name.split(".", _PREFIX_PARTS)
    return (".".join(parts[start:]) for start in range(1, len(parts)))


@dataclass(frozen=True, slots=True)
class _Settings:
    """What an adapter's configuration says of its scale.

    Args:
        folder: Where it is.
        alpha: The default alpha.
        alphas: Module, or end of its name, to alpha.
        by_root: Whether alpha is divided by the root of the rank.
        flipped: Whether layers keep inputs x outputs, as GPT-2's do.
    """

    folder: Path
    alpha: float
    alphas: Mapping[str, float]
    by_root: bool
    flipped: bool

    @classmethod
    def read(cls, folder: Path) -> "_Settings":
        config = read_config(folder, ADAPTER_CONFIG)
        if config.get("peft_type") != "LORA":
            raise _unknown(
                folder, f"its {ADAPTER_CONFIG} is missing or speaks of no LoRA ({config.get('peft_type')!a})"
            )
        if refused := [key for key in _REFUSED if config.get(key)]:
            raise _unknown(folder, f"its {ADAPTER_CONFIG} sets {', '.join(refused)}")
        alpha, alphas = config.get("lora_alpha"), config.get("alpha_pattern") or {}
        if not _is_number(alpha) or not isinstance(alphas, dict) or not all(map(_is_number, alphas.values())):
            raise _unknown(folder, f"its {ADAPTER_CONFIG} gives no numbers for alpha")
        # PEFT takes these for regular expressions; one from a stranger is not run.
        if any(not _PLAIN.fullmatch(key) for key in alphas):
            raise _unknown(folder, f"alpha_pattern in its {ADAPTER_CONFIG} holds regular expressions")
        by_root, flipped = config.get("use_rslora") is True, config.get("fan_in_fan_out") is True
        return cls(folder, float(str(alpha)), alphas, by_root, flipped)

    def scale(self, module: str, parts: Mapping[str, Tensor]) -> float:
        """The factor of a module's update."""
        a = parts.get("A", parts.get("Ae"))
        rank = a.info.shape[0] if a is not None and a.info.shape else 0
        if not rank:
            raise _unknown(self.folder, f"the update of {module!a} has no rank")
        found = (value for key, value in self.alphas.items() if _is_meant(key, module))
        return next(found, self.alpha) / (math.sqrt(rank) if self.by_root else rank)


def _is_meant(key: str, module: str) -> bool:
    return module == key.removeprefix("^") or (not key.startswith("^") and module.endswith("." + key))


def _is_number(value: object) -> bool:
    return type(value) in {int, float}


def _updated(
    weight: Tensor, parts: Mapping[str, Tensor], scale: float, settings: _Settings, where: str
) -> Tensor:
    """A weight with its update added as it is read; one block of rows, A and B are held."""
    is_table = "Ae" in parts
    first, second = (parts.get(key) for key in (("Ae", "Be") if is_table else ("A", "B")))
    if first is None or second is None or len(parts) != _MATRIX:
        raise _unknown(settings.folder, f"the update of {where!a} is not one A and one B")
    flipped = is_table or settings.flipped
    rank, rows = first.info.shape[0], second.info.shape[0]
    shape = (first.info.shape[-1], rows) if flipped else (rows, first.info.shape[-1])
    if (first.info.shape, second.info.shape) != (
        (rank, first.info.shape[-1]),
        (rows, rank),
    ) or shape != weight.info.shape:
        raise _unknown(
            settings.folder,
            f"the update of {where!a} does not have the shape of its weight {weight.info.shape}",
        )

    def compute(start: int, stop: int) -> Floats:
        a, b = first.rows(0, rank), second.rows(0, rows)
        update: Floats = a[:, start:stop].T @ b.T if flipped else b[start:stop] @ a
        return weight.rows(start, stop) + np.float32(scale) * update

    return made_of(weight.info.dtype, shape, (weight, first, second), compute)
