"""Picturing: reads as much of a registry as a diagram shows, and composes its picture."""

from typing import TYPE_CHECKING

from provenance.lineage import Lineage
from provenance.render.selection import Border, Direction, Scope
from provenance.risk import Policy
from provenance.risk.survey import survey

if TYPE_CHECKING:
    from provenance.render import Picture
    from provenance.store import Reading


def pictured(reading: "Reading", policy: Policy, scope: Scope, *, partial: bool) -> "Picture":
    """The picture of a part of a registry at a date.

    Args:
        reading: The ledger up to that date.
        policy: The policy.
        scope: What to show.
        partial: Whether something could not be looked at.

    Raises:
        UnknownReferenceError: There is no such trait.
        UsageError: The depth is negative.
    """
    from provenance.render import picture
    from provenance.store import Reach

    near = reading.vicinity(
        Reach(
            asked=scope.refs,
            opened=scope.opened,
            up=scope.direction is not Direction.DOWN,
            down=scope.direction is not Direction.UP,
            depth=0 if scope.critical else scope.depth,
            routes=scope.critical,
        )
    )
    found = survey(Lineage.over(near.table, near.findings), policy, trait=scope.trait)
    return picture(
        found.terrain.kindred,
        found,
        scope,
        border=Border(children=near.children, lineage=near.lineage, size=near.size, uncounted=near.uncounted),
        trust=policy.trust,
        partial=partial,
        head=reading.head.digest,
    )
