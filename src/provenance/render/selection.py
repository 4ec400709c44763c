"""Selection: which artifacts a diagram shows."""

from collections.abc import Iterable
from enum import StrEnum

from provenance.artifacts import ArtifactId
from provenance.errors import UsageError
from provenance.lineage.graph import Lineage


class Direction(StrEnum):
    """Which way to go from the artifacts asked about."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"


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
        Direction.UP: (lineage.ancestors,),
        Direction.DOWN: (lineage.descendants,),
        Direction.BOTH: (lineage.ancestors, lineage.descendants),
    }[direction]
    asked = tuple(refs)
    found = {relative.artifact for ref in asked for walk in walks for relative in walk(ref, depth=depth)}
    return tuple(sorted(found.union(asked), key=str))
