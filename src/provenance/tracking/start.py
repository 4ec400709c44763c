"""What a Trainer's training starts from: what is certain becomes a parent, everything else a gap in the ancestry.

A Trainer does not tell from where it resumed, and a model's name for its base stays when its weights become others. So no folder is taken
for the parent before its weights were found to be those that the training starts with; where that can't be done, the gap says so, and the
registry calls the model's status unknown until somebody settles it.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from provenance.artifacts import ArtifactKind
from provenance.errors import ContentError
from provenance.intake.claims import NOBODY, Claim, ancestor_name
from provenance.relations import WEIGHT_KINDS, RelationKind
from provenance.tracking.ancestry import Given, Parents, registered
from provenance.tracking.weights import adapters, are_fresh, doubt, without_adapters

if TYPE_CHECKING:
    from transformers import TrainerState, TrainingArguments

    from provenance.registry import Registry

_TRAINED: "WeakKeyDictionary[Any, Path | None]" = WeakKeyDictionary()
"""The models that were trained in this process, by any Trainer with the callback, and where they lie if they were registered."""
_WENT_ON = frozenset({RelationKind.FINETUNED_FROM, RelationKind.RESUMED_FROM})


@dataclass(frozen=True, slots=True)
class Said:
    """What a script says of where its training starts.

    Args:
        given: The parents, by relation.
        base: The model that it starts from; None for what the model says itself.
        from_scratch: Whether the weights were initialised at random.
    """

    given: Mapping[RelationKind, Parents] = field(hash=False)
    base: Given | None
    from_scratch: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is to be recorded of it.

    Args:
        given: The parents that are certain.
        inferred: Those that are known by name alone, and gaps.
        from_scratch: Whether ancestry by weights begins here.
        doubt: Why there is a gap, and what to say to close it; empty where there is none.
    """

    given: Mapping[RelationKind, Parents] = field(hash=False)
    inferred: tuple[Claim, ...] = ()
    from_scratch: bool = False
    doubt: str = ""


def begun(model: Any) -> None:  # noqa: ANN401 - a module of torch
    """Remembers that a model's weights are those of no folder from now on."""
    if model is not None:
        _TRAINED[model] = None


def ended(model: Any, folder: Path | None) -> None:  # noqa: ANN401
    """Remembers where a model lies that was registered."""
    if model is not None:
        _TRAINED[model] = folder


def start(
    registry: "Registry",
    said: Said,
    args: "TrainingArguments",
    state: "TrainerState",
    model: Any,  # noqa: ANN401
) -> Start:
    """Finds out what a training starts from, when it is about to begin.

    What is seen comes before what is said: that it goes on from a checkpoint, that the model was trained before in this process, that its
    adapter was. Then what the script says, and last what the model says, if the weights agree.

    Raises:
        ContentError: A candidate's files can't be read.
    """
    if state.global_step:
        return _resumed(registry, said, args, state, model)
    if model is not None and model in _TRAINED:
        folder = _TRAINED[model]
        if folder is not None and _proven(registry, model, folder):
            return _from(said, RelationKind.FINETUNED_FROM, folder)
        return _gap(
            said,
            RelationKind.FINETUNED_FROM,
            "weights-trained-before",
            "the model was trained before in this process, and what it holds now is no registered model",
        )
    is_said = not WEIGHT_KINDS.isdisjoint(said.given)
    if adapters(model) and _WENT_ON.isdisjoint(said.given) and not are_fresh(model):
        return _gap(
            said,
            RelationKind.FINETUNED_FROM,
            "adapter-trained-before",
            "the adapter is not known to be a new one: it adds to its base already, or is of a kind that can't be looked into",
            "finetuned_from",
        )
    if said.from_scratch or is_said:
        return Start(given=said.given, from_scratch=said.from_scratch)
    kind = RelationKind.ADAPTER_OF if adapters(model) else RelationKind.FINETUNED_FROM
    return _based(registry, said, kind, model)


def name_of_base(model: Any) -> str | None:  # noqa: ANN401
    """What a model, or its adapter, says that it was loaded from."""
    for adapter in adapters(model).values():
        return getattr(adapter, "base_model_name_or_path", None) or None
    return getattr(getattr(model, "config", None), "_name_or_path", None) or None


def _resumed(
    registry: "Registry",
    said: Said,
    args: "TrainingArguments",
    state: "TrainerState",
    model: Any,  # noqa: ANN401
) -> Start:
    if RelationKind.RESUMED_FROM in said.given:
        return Start(given=said.given, from_scratch=said.from_scratch)
    named = args.resume_from_checkpoint
    beside = Path(args.output_dir or "") / f"checkpoint-{state.global_step}"
    for folder in (*([Path(named)] if isinstance(named, str) else []), beside):
        # An adapter's checkpoint does not hold the base that it is now worn by.
        if not adapters(model) and folder.is_dir() and _proven(registry, model, folder):
            return _from(said, RelationKind.RESUMED_FROM, folder)
    return _gap(
        said,
        RelationKind.RESUMED_FROM,
        f"checkpoint-of-step-{state.global_step}",
        f"the training goes on at step {state.global_step}, from a checkpoint that is not known to be a registered model",
        "resumed_from",
    )


def _proven(registry: "Registry", model: Any, folder: Path) -> bool:  # noqa: ANN401
    """Whether a folder is registered, and holds the very weights that a model has."""
    return (
        doubt(model, folder, whole=True) is None
        and registered(registry, folder, ArtifactKind.MODEL) is not None
    )


def _based(registry: "Registry", said: Said, kind: RelationKind, model: Any) -> Start:  # noqa: ANN401
    """The base that the script or the model names."""
    if said.base is not None:
        return Start(given={kind: said.base, **said.given})
    named = name_of_base(model)
    if named is None:
        return Start(given=said.given)
    path, folder, name, reason = Path(named), None, "", None
    try:
        if path.exists():
            folder = path
        else:
            name = ancestor_name(named)
            folder = _located(registry, name, model)
        reason = doubt(model, folder, whole=False) if folder is not None else None
    except ContentError as error:  # a path on some other disk
        reason = error.message
    if reason is not None:
        why = f"the model says that it was loaded from {named}, and its weights are not known to be those: {reason}"
        return _gap(said, kind, "weights-of-the-base", why, "base")
    if folder == path:
        return _from(said, kind, path)
    return Start(given=said.given, inferred=(Claim(kind=kind, name=name, source="the model's name_or_path"),))


def _located(registry: "Registry", name: str, model: Any) -> Path | None:  # noqa: ANN401
    """Where the files of a name lie on this machine: where they were registered, or where transformers keeps what is from the hub."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    view = registry.view()
    found = [one.id for one in view.reading.find(name) if one.id.kind is ArtifactKind.MODEL]
    if len(found) == 1:
        with suppress(ContentError):
            return view.location(found[0])
    revision = getattr(getattr(without_adapters(model), "config", None), "_commit_hash", None)
    with suppress(HFValidationError):
        cached = try_to_load_from_cache(name, "config.json", revision=revision)
        return Path(cached).parent if isinstance(cached, str) else None
    return None


def _from(said: Said, kind: RelationKind, folder: Path) -> Start:
    """A start from a folder, in place of whatever else was said of the weights."""
    return Start(given={kind: folder, **_without_weights(said)})


def _gap(said: Said, kind: RelationKind, name: str, why: str, keyword: str = "") -> Start:
    """A start that is not known: nothing that was said of the weights is recorded, since it may be wrong."""
    known = (
        f"where you know better, say {keyword}=REF beforehand, or"
        if keyword
        else "where you know better, say"
    )
    gap = f"{NOBODY}{name}"
    return Start(
        given=_without_weights(said),
        inferred=(Claim(kind=kind, name=gap, source="the callback"),),
        doubt=f"{why}. So where its weights come from is recorded as a gap; {known} afterwards: "
        f"provenance relate MODEL {kind} REF --resolves {gap}",
    )


def _without_weights(said: Said) -> dict[RelationKind, Parents]:
    return {kind: parents for kind, parents in said.given.items() if kind not in WEIGHT_KINDS}
