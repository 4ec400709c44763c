"""The lineage: the diagram around an artifact, which unfolds around any node; all that was unfolded stands in the address."""

from dataclasses import dataclass

from provenance.artifacts import ArtifactId
from provenance.render import Direction, Picture
from provenance.render.pictures import Node, NodeKind
from provenance.render.selection import COLLAPSE
from provenance.server.pages.addresses import Address
from provenance.traits import Trait
from provenance.view import View

DEPTH = 1
"""How far the diagram goes at first: it unfolds from there."""
DEPTHS = (1, 2, 3, 5)
"""Depths to choose from, beside all the way."""
COLLAPSES = (3, 8, 25, 100)
"""Numbers to choose from, beside never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How much of a lineage is shown.

    Args:
        direction: Which way from the artifact.
        depth: How many relations away at most; None for all the way.
        trait: Only this trait; None for all.
        collapse: Above how many alike siblings are drawn as one; None for never.
        critical: Whether only the witness paths are drawn.
        opened: Whose neighbours are drawn beside that, in the order in which they were asked for.
    """

    direction: Direction = Direction.BOTH
    depth: int | None = DEPTH
    trait: str | None = None
    collapse: int | None = COLLAPSE
    critical: bool = False
    opened: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LineagePage:
    """The diagram around an artifact.

    Args:
        artifact: The artifact.
        shown: How much is shown.
        traits: All traits that may be asked about.
        picture: The diagram without a format.
    """

    artifact: ArtifactId
    shown: Shown
    traits: tuple[Trait, ...]
    picture: Picture

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that stand for artifacts, what was asked about first, then the worst."""
        drawn = (one for one in self.picture.nodes if one.kind is not NodeKind.UNKNOWN)
        return tuple(sorted(drawn, key=_gravity))

    @property
    def missing(self) -> tuple[Node, ...]:
        """The nodes that stand for what is missing."""
        return tuple(one for one in self.picture.nodes if one.kind is NodeKind.UNKNOWN)


def _gravity(node: Node) -> tuple[object, ...]:
    """What was asked about first, then the worst; what was not assessed may be anything."""
    return (not node.asked, -1 if node.status is None else node.status.rank, node.name)


def page(view: View, ref: str, shown: Shown) -> LineagePage:
    """The diagram around an artifact.

    Raises:
        UnknownReferenceError: An artifact, or the trait, is not recorded.
        UsageError: The depth is negative.
    """
    artifact = view.resolve(ref)
    picture = view.picture(
        [artifact],
        direction=shown.direction,
        depth=shown.depth,
        trait=shown.trait,
        collapse=shown.collapse,
        critical=shown.critical,
        opened=view.resolve_all(shown.opened),
    )
    return LineagePage(
        artifact=artifact,
        shown=shown,
        traits=tuple(one.fact for one in view.reading.traits()),
        picture=picture,
    )


def opener(node: Node, here: Address) -> Address | None:
    """Where more around a node is drawn; None where nothing is hidden there."""
    if node.group is not None:
        return None if node.group.opener is None else here.adding("open", node.group.opener)
    if node.artifact is None or not (node.hidden_parents or node.hidden_children):
        return None
    return here.adding("open", node.artifact)
