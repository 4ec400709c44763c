"""Selection: which artifacts a diagram shows."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from provenance.artifacts import ArtifactId
from provenance.errors import UsageError
from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred

COLLAPSE = 8
"""How many alike siblings are drawn one by one unless somebody says otherwise: a row of eight still fits a page."""


class Direction(StrEnum):
    """Which way to go from the artifacts asked about."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a diagram is asked to show.

    Args:
        refs: The artifacts asked about.
        direction: Which way to go from them.
        depth: At most so many relations away; None for all the way.
        trait: Show this trait's flags, risks and blocks only.
        collapse: Above so many, alike siblings are drawn as one group; None for never.
        critical: Show only those asked about and the witness paths of their risks.
        opened: Artifacts whose neighbours are shown besides, in any direction; opening one again shows a part of each group beside it.

    Raises:
        UsageError: The count to collapse at is less than 1.
    """

    refs: tuple[ArtifactId, ...]
    direction: Direction = Direction.BOTH
    depth: int | None = None
    trait: str | None = None
    collapse: int | None = COLLAPSE
    critical: bool = False
    opened: tuple[ArtifactId, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what has no meaning."""
        if self.collapse is not None and self.collapse < 1:
            raise UsageError(
                f"siblings cannot be collapsed above a count of {self.collapse}",
                hint="Give 1 or more, or none.",
            )

    def concerns(self, trait: str) -> bool:
        """Whether the diagram is about a trait."""
        return self.trait in {None, trait}


@dataclass(frozen=True, slots=True, kw_only=True)
class Border:
    """What is recorded beyond what a diagram may show.

    Args:
        children: How many children each artifact has, by identity; what has none is left out.
        lineage: Identities of the artifacts that belong to the lineage asked about, as far as they are at hand.
        size: How many artifacts that lineage has.
        uncounted: Whether it has more than that.
    """

    children: Mapping[str, int]
    lineage: frozenset[str]
    size: int
    uncounted: bool = False

    @classmethod
    def of(cls, lineage: Lineage, scope: Scope) -> "Border":
        """The border where the whole lineage is at hand."""
        whole = selected(lineage, scope.refs, direction=scope.direction)
        children = {
            str(one): len({link.child for link in lineage.children(one)}) for one in lineage.artifacts
        }
        return cls(children=children, lineage=frozenset(map(str, whole)), size=len(whole))

    def hidden(self, drawn: Iterable[ArtifactId]) -> int:
        """How many artifacts of the lineage are not among the drawn ones."""
        return self.size - len(self.lineage.intersection(map(str, drawn)))


def selected(
    lineage: Lineage, refs: Iterable[ArtifactId], *, direction: Direction, depth: int | None = None
) -> tuple[ArtifactId, ...]:
    """The artifacts asked about with their ancestors, their descendants, or both, in order of their names.

    Args:
        lineage: Who comes from whom.
        refs: The artifacts asked about.
        direction: Which way to go.
        depth: At most so many relations away; None for all the way.

    Raises:
        UnknownReferenceError: One of them is not recorded.
        UsageError: The depth is negative.
    """
    if depth is not None and depth < 0:
        raise UsageError(
            f"a depth of {depth} relations has no meaning", hint="Give 0 or more, or none for all."
        )
    walks = {
        Direction.UP: (True,),
        Direction.DOWN: (False,),
        Direction.BOTH: (True, False),
    }[direction]
    asked = tuple(refs)
    found = {one.artifact for up in walks for one in lineage.walk(asked, up=up, depth=depth)}
    return tuple(sorted(found.union(asked), key=str))


def drawn(
    kindred: Kindred, scope: Scope, routes: Collection[ArtifactId]
) -> tuple[frozenset[ArtifactId], frozenset[ArtifactId]]:
    """The artifacts that a diagram shows before anything is opened, and with all that is opened.

    Args:
        kindred: Who comes from whom, and who is kin.
        scope: What is asked.
        routes: What lies on the witness paths of the risks of those asked about.

    Raises:
        UnknownReferenceError: An artifact is not recorded.
        UsageError: The depth is negative.
    """
    lineage = kindred.lineage
    if scope.critical:
        near = frozenset(scope.refs).union(routes)
    else:
        near = frozenset(selected(lineage, scope.refs, direction=scope.direction, depth=scope.depth))
    shown = near.union(scope.opened, (one for opened in scope.opened for one in neighbours(lineage, opened)))
    return near.union(_measured_kin(kindred, near)), shown.union(_measured_kin(kindred, shown))


def neighbours(lineage: Lineage, artifact: ArtifactId) -> Iterator[ArtifactId]:
    """The parents of an artifact, then its children, each by name."""
    yield from (link.parent for link in lineage.parents(artifact))
    yield from (link.child for link in lineage.children(artifact))


def _measured_kin(kindred: Kindred, models: Iterable[ArtifactId]) -> Iterator[ArtifactId]:
    """The models that tests found to be kin to some, and no record does."""
    return (one for model in models for test in kindred.undeclared.get(model, ()) for one in test.fact.pair)
