"""The flags: every one that was ever raised, and what became of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from provenance.errors import UnknownReferenceError
from provenance.lineage import Lineage
from provenance.review.on_record import OnRecord
from provenance.review.records import FlagTold, Standing
from provenance.server.pages.paging import Paged, paged
from provenance.server.pages.timelines import Timeline
from provenance.traits import Flag, Severity, Trait
from provenance.view import View

STATES = (Standing.STANDS, Standing.WITHDRAWN, Standing.EXPIRED)
"""What may have become of a flag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagsPage:
    """A page of flags.

    Args:
        trait: Only flags of this trait; None for any.
        states: Only flags of which one of these has become; any where there are none.
        flag: The one flag that is asked about; None for all.
        traits: All traits, by name.
        counts: How many flags of the trait there are, by what became of them.
        found: The flags, the latest first.
        timeline: What their timeline shows, in words; None where there is none.
    """

    trait: str | None
    states: tuple[Standing, ...]
    flag: str | None
    traits: Mapping[str, Trait]
    counts: Mapping[Standing, int]
    found: Paged[FlagTold]
    timeline: str | None

    def severity(self, flag: FlagTold) -> Severity:
        """How bad it would be to ship what a flag found."""
        return self.traits[flag.trait].severity


def page(
    view: View,
    trait: str | None = None,
    *,
    states: tuple[Standing, ...] = (),
    flag: str | None = None,
    start: int = 0,
) -> FlagsPage:
    """A page of flags.

    Args:
        view: What is known.
        trait: Only this trait; None for any.
        states: Only flags of which one of these has become; any where there are none.
        flag: The id of the only flag to show; None for all.
        start: How many to pass over.

    Raises:
        UnknownReferenceError: There is no such trait, or no such flag.
    """
    traits = {one.fact.name: one.fact for one in view.reading.traits()}
    if trait is not None and trait not in traits:
        raise UnknownReferenceError(
            f"there is no trait {trait!r}", hint=f"Known traits: {', '.join(traits) or 'none'}."
        )
    told = [one for one in reversed(raised(view)) if trait in {None, one.trait}]
    if flag is not None:
        told = [one for one in told if one.id == flag]
        if not told:
            raise UnknownReferenceError(f"there is no flag {flag!r}", hint="The list of flags has them all.")
    counts = Counter(one.standing for one in told)
    return FlagsPage(
        trait=trait,
        states=states,
        flag=flag,
        traits=traits,
        counts={state: counts[state] for state in STATES},
        found=paged([one for one in told if not states or one.standing in states], start),
        timeline=Timeline.of(view, None, trait).words if flag is None else None,
    )


def raised(view: View) -> tuple[FlagTold, ...]:
    """Every flag that was ever raised, oldest first, and what became of it."""
    known = view.reading.flags()
    flagged = frozenset(one.fact.artifact for one in known.all(Flag))
    return tuple(OnRecord(Lineage.of(known), flagged, view.policy.lifetimes).flags.values())
