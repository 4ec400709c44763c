"""The risks of the whole registry: worst first, by trait, status, severity and kind."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.risk import ArtifactRisks, Status, Survey
from provenance.server.pages.paging import PAGE
from provenance.server.pages.spreadsheet import row
from provenance.traits import Severity

_CHUNK = 200
"""Artifacts whose routes are worked out together."""
MOST_LOOKED_AT = 5_000
"""Artifacts that are looked through for a severity before a page is shown with what was found."""
REACHED = tuple(status for status in Status if status is not Status.CLEAR)
"""What is listed unless statuses are asked for: whatever is not known to be clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which risks are asked for.

    Args:
        trait: Of this trait; None for any.
        statuses: Of artifacts with one of these statuses; where there are none, of all that are not clear.
        severities: By a trait of one of these severities; any where there are none.
        kinds: Of artifacts of these kinds; any where there are none.
    """

    trait: str | None = None
    statuses: tuple[Status, ...] = ()
    severities: tuple[Severity, ...] = ()
    kinds: tuple[ArtifactKind, ...] = ()

    @property
    def listed(self) -> tuple[Status, ...]:
        """The statuses that are listed, worst first."""
        return tuple(status for status in Status if status in (self.statuses or REACHED))

    def admits(self, found: ArtifactRisks) -> bool:
        """Whether an artifact may have inherited something of the severities asked for."""
        return not self.severities or any(entry.severity in self.severities for entry in found.risks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Risks:
    """A page of risks.

    Args:
        asked: Which were asked for.
        counts: Of all artifacts, how many have each status with the trait asked about.
        found: The artifacts of this page, worst first.
        partial: Whether something could not be looked at.
        next: The last artifact that was looked at, where others follow.
    """

    asked: Filter
    counts: Mapping[Status, int]
    found: tuple[ArtifactRisks, ...]
    partial: bool
    next: ArtifactId | None


def page(survey: Survey, asked: Filter, after: ArtifactId | None = None) -> Risks:
    """A page of risks.

    Args:
        survey: Where every artifact stands with the trait asked about.
        asked: Which risks.
        after: From behind this artifact on, in the same order.

    Raises:
        UnknownReferenceError: The artifact to begin behind is not recorded.
    """
    found: list[ArtifactRisks] = []
    last = after
    for looked_at, one in enumerate(_in_order(survey, asked, after)):
        if len(found) == PAGE or looked_at == MOST_LOOKED_AT:
            break
        if asked.admits(one):
            found.append(one)
        last = one.artifact
    else:
        last = None
    return Risks(asked=asked, counts=survey.counts, found=tuple(found), partial=survey.partial, next=last)


def _in_order(survey: Survey, asked: Filter, after: ArtifactId | None) -> Iterator[ArtifactRisks]:
    """The artifacts asked for, worst first and then by name, each looked at when it is its turn."""
    size = _CHUNK if asked.severities else PAGE + 1
    first = 0 if after is None else survey.status(after).rank
    for status in asked.listed:
        if status.rank < first or not survey.counts[status]:
            continue
        behind = after if status.rank == first else None
        while chunk := survey.artifacts(statuses=[status], kinds=asked.kinds, after=behind, limit=size):
            yield from survey.report(chunk).artifacts
            behind = chunk[-1]


_HEADERS = ("artifact", "trait", "status", "score", "severity", "from", "flag", "steps")


def as_csv(survey: Survey, asked: Filter) -> Iterator[str]:
    """All risks asked for as CSV, a row for each flag that reaches an artifact, or one that says that none does."""
    yield row(_HEADERS)
    for one in _in_order(survey, asked, None):
        if asked.admits(one):
            for entry in one.risks:
                yield row(
                    (
                        one.artifact,
                        entry.trait,
                        entry.status,
                        entry.score,
                        entry.severity,
                        entry.origin,
                        entry.flag,
                        entry.depth,
                    )
                )
            if not one.risks:
                yield row((one.artifact, "", one.status, "", "", "", "", ""))
