"""The impact of an artifact: what is downstream of it, and where that would stand were the artifact flagged."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provenance.artifacts import ArtifactId
from provenance.risk import Impact, ImpactItem, Status
from provenance.server.pages.paging import Paged, paged
from provenance.server.pages.spreadsheet import row
from provenance.traits import Trait
from provenance.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactPage:
    """What is downstream of an artifact.

    Args:
        source: The artifact asked about.
        trait: The trait asked about; None for a covert one found on the source.
        traits: All traits that may be asked about.
        flags: Ids of the standing flags on the source, of the trait asked about or of any.
        counts: How many artifacts downstream would have each status, worst first.
        statuses: Only these are listed; all where there are none.
        items: The artifacts, worst first, then nearest.
        partial: Whether something could not be looked at.
    """

    source: ArtifactId
    trait: str | None
    traits: tuple[Trait, ...]
    flags: tuple[str, ...]
    counts: Mapping[Status, int]
    statuses: tuple[Status, ...]
    items: Paged[ImpactItem]
    partial: bool


def page(
    view: View, ref: str, trait: str | None = None, *, statuses: tuple[Status, ...] = (), start: int = 0
) -> ImpactPage:
    """A page of what is downstream of an artifact.

    Args:
        view: What is known.
        ref: The artifact.
        trait: The trait; None for a covert one.
        statuses: Only these; all where there are none.
        start: How many to pass over.

    Raises:
        UnknownReferenceError: The artifact or the trait is not recorded.
    """
    found = view.impact(ref, trait)
    counted = Counter(one.status for one in found.items)
    listed = [one for one in found.items if not statuses or one.status in statuses]
    on_source = (
        one
        for one in view.reading.show(found.source).standing_flags
        if one.fact.artifact == found.source and trait in {None, one.fact.trait}
    )
    return ImpactPage(
        source=found.source,
        trait=trait,
        traits=tuple(one.fact for one in view.reading.traits()),
        flags=tuple(one.id for one in on_source),
        counts={status: counted[status] for status in Status if counted[status]},
        statuses=statuses,
        items=paged(listed, start),
        partial=found.partial,
    )


def as_csv(found: Impact) -> Iterator[str]:
    """All that is downstream of an artifact as CSV."""
    yield row(("artifact", "status", "score", "depth", "via"))
    for one in found.items:
        yield row((one.artifact, one.status, one.score, one.depth, one.via))
