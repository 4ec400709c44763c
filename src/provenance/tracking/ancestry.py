"""The parents of a training as a script gives them: references, paths, earlier trainings.

A reference has to be known. A path is looked up by its content, whatever it is registered as; what is registered as nothing is recorded
together with the model, by its own name and content, with an ancestry that is unknown.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from provenance.artifacts import DEFAULT_VERSION, ArtifactId, ArtifactKind
from provenance.errors import ContentError, UnknownReferenceError, UsageError
from provenance.relations import RULES, RelationKind

if TYPE_CHECKING:
    from provenance.registry import Registry
    from provenance.request import Parent, Request

NUMBERED = frozenset({RelationKind.TRAINED_ON, RelationKind.MERGED_FROM})
"""The relations that take a number beside each parent: its fraction of clean rows, its share of the sum."""

KINDS: tuple[RelationKind, ...] = tuple(
    kind for kind, rule in RULES.items() if rule.child is ArtifactKind.MODEL
)
"""The relations that a trained model can have, in the order in which they are listed."""

_UNFIT = re.compile(r"[^\w.+-]+")
_DIGITS = 12


@runtime_checkable
class Training(Protocol):
    """An earlier training, as a parent: `provenance.tracking.TrackedRun`."""

    @property
    def artifact(self) -> ArtifactId | None:
        """What came out of it."""

    @property
    def name(self) -> str:
        """What it was called."""


Given: TypeAlias = str | os.PathLike[str] | Training
"""One parent: a reference, a path, or an earlier training."""
Parents: TypeAlias = Given | Iterable[Given] | Mapping[Given, float | None]
"""Parents of one relation; in a mapping with the share of each (``merged_from``) or its fraction of clean rows (``trained_on``)."""


@dataclass(frozen=True, slots=True)
class Ancestry:
    """The parents of a model that is to be trained.

    Args:
        parents: Them, each by its whole identity.
        unregistered: Those of them that are not registered yet, to be registered together with the model.
    """

    parents: "tuple[Parent, ...]" = ()
    unregistered: "tuple[Request, ...]" = ()


def relation_kinds(given: Mapping[str, Parents | None]) -> dict[RelationKind, Parents]:
    """The relations that keywords name; one that says None is left out.

    Raises:
        UsageError: A keyword is no relation of a model.
    """
    known = {kind.value: kind for kind in KINDS}
    if unknown := given.keys() - known.keys():
        raise UsageError(
            f"track() takes no {min(unknown)!r}", hint=f"Relations of a model: {', '.join(known)}."
        )
    return {known[name]: parents for name, parents in given.items() if parents is not None}


def ancestry(registry: "Registry", given: Mapping[RelationKind, Parents]) -> Ancestry:
    """Finds out who is meant.

    Raises:
        UnknownReferenceError: A reference means nothing, or several; or an earlier training is not registered.
        ContentError: The files at a path can't be read.
        UsageError: A number stands beside a parent that takes none.
    """
    from provenance.request import Parent

    parents: list[Parent] = []
    unregistered: dict[ArtifactId, Request] = {}
    for kind, some in given.items():
        for one, fraction in _listed(kind, some):
            found = _found(registry, kind, one)
            if not isinstance(found, ArtifactId):
                found = _added(found, unregistered)
            is_merge = kind is RelationKind.MERGED_FROM
            parents.append(
                Parent(
                    kind=kind,
                    reference=str(found),
                    share=fraction if is_merge else None,
                    clean_fraction=None if is_merge else fraction,
                )
            )
    return Ancestry(tuple(parents), tuple(unregistered.values()))


def _added(request: "Request", unregistered: "dict[ArtifactId, Request]") -> ArtifactId:
    """The identity of what is to be registered too; what another has taken is told apart by the digest."""
    identity = ArtifactId(request.kind, request.name, request.version or DEFAULT_VERSION)
    other = unregistered.get(identity)
    if other is not None and other.content != request.content:
        request = replace(request, version=_apart(request))
        return _added(request, unregistered)
    unregistered[identity] = request
    return identity


def _apart(request: "Request") -> str:
    """A version that is of this content alone."""
    return request.content.digest.hex[:_DIGITS] if request.content else DEFAULT_VERSION


def registered(registry: "Registry", path: Path, kind: ArtifactKind) -> ArtifactId | None:
    """What the files at a path are registered as: the first of that content; None where they are not."""
    from provenance.intake import read_content

    digest = str(read_content(path, kind=kind).content.digest)
    return next((one for one in registry.view().reading.bearing([digest]) if one.kind is kind), None)


def _listed(kind: RelationKind, given: Parents) -> Iterator[tuple[Given, float | None]]:
    if isinstance(given, Mapping):
        if kind not in NUMBERED:
            raise UsageError(
                f"{kind} takes no numbers beside its parents", hint=f"Give a list: {kind}=[...]."
            )
        yield from given.items()
    elif isinstance(given, str | os.PathLike | Training):
        yield given, None
    else:
        yield from ((one, None) for one in given)


def _found(registry: "Registry", kind: RelationKind, given: Given) -> "ArtifactId | Request":
    """The artifact that is meant, or the request to register it."""
    wanted = kind.rule.parent
    if isinstance(given, str):
        asked = None if wanted is ArtifactKind.TEACHER else wanted  # a bare model will do for a teacher
        try:
            return registry.resolve(given, asked)
        except (UnknownReferenceError, ContentError):
            path = Path(given).expanduser()
            if not os.path.lexists(path):
                raise
    elif isinstance(given, os.PathLike):
        path = Path(given).expanduser()
    elif given.artifact is None:
        raise UnknownReferenceError(
            f"the training of {given.name} is given as a parent, and no model of it is registered",
            hint="End it first, and register what it kept in its manifest.",
        )
    else:
        return given.artifact
    held = ArtifactKind.DATASET if wanted is ArtifactKind.DATASET else ArtifactKind.MODEL
    return registered(registry, path, held) or _unregistered(registry, path.resolve(), held)


def _unregistered(registry: "Registry", path: Path, kind: ArtifactKind) -> "Request":
    """A request for the files at a path, by their own name; where something else bears it, by a version of their digest."""
    from provenance.request import Request

    name = _UNFIT.sub("-", path.name if path.is_dir() else path.stem) or kind.value
    request = Request(kind=kind, name=name).reading(path)
    taken = any(one.id.kind is kind for one in registry.view().reading.find(name))
    return replace(request, version=_apart(request) if taken else DEFAULT_VERSION)
