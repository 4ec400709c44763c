"""Answers as data, where no type of a part of the library says it all: one member of a list, the beginning of one, a page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Generic, TypeVar

from provenance.artifacts import Artifact, ArtifactId
from provenance.errors import UsageError
from provenance.facts import Recorded
from provenance.risk import Impact

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedArtifact(Artifact):
    """A member of the answer to `ls`.

    Args:
        actor: Who registered it.
        registered_at: When, aware, UTC.
    """

    actor: str
    registered_at: datetime

    @classmethod
    def of(cls, recorded: Recorded[Artifact]) -> "ListedArtifact":
        """An artifact with its place in the ledger."""
        said = {field.name: getattr(recorded.fact, field.name) for field in fields(Artifact)}
        return cls(**said, actor=recorded.actor, registered_at=recorded.recorded_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactAnswer(Impact):
    """The answer to `impact`.

    Args:
        total: How many artifacts there are downstream; more than items where only the first were asked for.
    """

    total: int

    @classmethod
    def of(cls, impact: Impact, limit: int | None) -> "ImpactAnswer":
        """An answer, or the beginning of it."""
        return cls(
            source=impact.source,
            trait=impact.trait,
            partial=impact.partial,
            items=impact.items[:limit],
            total=len(impact.items),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some members of a list.

    Args:
        items: They.
        next: The artifact behind which the next page begins; None where none follows.
    """

    items: Sequence[T]
    next: ArtifactId | None


def rest(found: Sequence[T], key: Callable[[T], ArtifactId], last: ArtifactId) -> Sequence[T]:
    """The members of a list behind the last one of an artifact.

    Raises:
        UsageError: The list holds none of it.
    """
    places = [place for place, one in enumerate(found) if key(one) == last]
    if not places:
        raise UsageError(f"{last} is not in this list, so nothing comes after it")
    return found[places[-1] + 1 :]


def page(found: Sequence[T], key: Callable[[T], ArtifactId], limit: int | None) -> Page[T]:
    """The beginning of a list: so many members, and those of the last one's artifact that follow it."""
    stop = len(found) if limit is None else min(limit, len(found))
    while 0 < stop < len(found) and key(found[stop]) == key(found[stop - 1]):
        stop += 1
    return Page(items=found[:stop], next=key(found[stop - 1]) if 0 < stop < len(found) else None)
