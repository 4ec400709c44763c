"""The weights that a Trainer holds, set beside those in a folder: a model's name for its base is a label, and no proof.

Value by value, one tensor at a time, from safetensors alone: nothing is unpickled. What can't be compared counts as different.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_ZERO_AT_FIRST: Mapping[str, tuple[str, ...]] = {
    "LORA": ("lora_B", "lora_embedding_A"),
    "ADALORA": ("lora_E",),
}
"""By kind of adapter, what holds nothing but zeros until it is trained, as PEFT initialises it by default."""
_OF_ADAPTER = ("lora_", "modules_to_save")
_WRAPPED = ("_orig_mod", "base_layer", "original_module")
"""What torch.compile and PEFT put into the names of weights."""
_PEFT = "base_model.model."


def adapters(model: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a module of torch
    """The settings of a model's adapters, as PEFT keeps them."""
    return getattr(model, "peft_config", None) or {}


def without_adapters(model: Any) -> Any:  # noqa: ANN401
    """What a model of PEFT wraps; a model that wears its adapters itself is its own."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def are_fresh(model: Any) -> bool:  # noqa: ANN401
    """Whether a model's adapters are known to add nothing yet; one that was trained does, and of some kinds nothing can be told."""
    kinds = [str(getattr(one.peft_type, "value", one.peft_type)) for one in adapters(model).values()]
    zeros = {part for kind in kinds for part in _ZERO_AT_FIRST.get(kind, ())}
    found = [one for name, one in model.named_parameters() if not zeros.isdisjoint(name.split("."))]
    return (
        set(kinds) <= _ZERO_AT_FIRST.keys()
        and bool(found)
        and all(_is_whole(one) and not one.detach().any() for one in found)
    )


def doubt(model: Any, folder: Path, *, whole: bool) -> str | None:  # noqa: ANN401
    """Why a model's weights may be others than those in a folder; None where they are those.

    A value may stand in the folder in another type: what loading it in the model's own would make of it is compared.

    Args:
        model: It; of one with adapters, these are compared with a folder of an adapter, and the rest with any other.
        folder: What it may have been loaded from.
        whole: Whether every parameter has to be there, as in a checkpoint; otherwise most have to, since a training may add a head.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else [folder]
    if not files or files[0].suffix != ".safetensors":
        return "there are no safetensors to compare with"
    own = _parameters(model, of_adapter=(folder / "adapter_model.safetensors").is_file())
    seen: dict[int, int] = {}
    try:
        for file in files:
            with safe_open(file, framework="pt") as opened:
                for name in own.keys() & set(opened.keys()):
                    stored = opened.get_tensor(name)
                    for one in own[name]:
                        held = one.detach().cpu()  # where there is room for one more tensor
                        if stored.shape != held.shape or not torch.equal(stored.to(held.dtype), held):
                            return f"{name} differs"
                        seen[id(one)] = one.numel()
    except (OSError, RuntimeError, SafetensorError) as error:  # the second of types that torch can't compare
        return f"{file.name} can't be compared: {error}"
    every = {id(one): one.numel() for some in own.values() for one in some}
    missing = sum(every.values()) - sum(seen.values())
    if not seen or (missing if whole else 2 * missing > sum(every.values())):
        return "not all of them can be compared" if seen else "none of them can be compared"
    return None


def _is_whole(parameter: Any) -> bool:  # noqa: ANN401
    """Whether this process holds a parameter as it is: neither packed into fewer bits nor spread over processes."""
    import torch

    return type(parameter) is torch.nn.Parameter and parameter.numel() > 0 and not parameter.is_meta


def _parameters(model: Any, *, of_adapter: bool) -> Mapping[str, "list[torch.nn.Parameter]"]:  # noqa: ANN401
    """A model's parameters by every name that they may have in a file; those that can't be compared have none."""
    own = defaultdict(list)
    head = f"{getattr(without_adapters(model), 'base_model_prefix', None) or ''}."
    for name, one in model.named_parameters(remove_duplicate=False):
        added = any(part in name for part in _OF_ADAPTER)
        if of_adapter and added:
            own[_plain(name, adapters(model), keeps_head=True)].append(one)
        elif not of_adapter and "lora_" not in name:
            plain = _plain(name, adapters(model))
            for found in _names(plain, head) if _is_whole(one) else (f"\0{plain}",):
                own[found].append(one)
    return own


def _plain(name: str, adapted: Collection[str], *, keeps_head: bool = False) -> str:
    """A parameter's name without what wrappers added."""
    outside = {*_WRAPPED, *adapted, "modules_to_save"}
    plain = ".".join(part for part in name.split(".") if part not in outside)
    return plain if keeps_head or not adapted else plain.removeprefix(_PEFT)


def _names(name: str, head: str) -> Iterator[str]:
    """The names under which a model with and without a head keeps the same weights."""
    yield from {name, name.removeprefix(head), f"{head}{name}" if head != "." else name}
