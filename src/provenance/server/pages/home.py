"""The first page: what is recorded, how it stands, and what wants a look."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.facts import Recorded
from provenance.risk import ArtifactRisks, Check, Status, Survey
from provenance.server.pages.owing import Owing
from provenance.status import in_plural
from provenance.traits import Conclusion, Flag, TraitMeasurement
from provenance.view import View

_SHOWN = 10
_MOST_LOOKED_AT = 100
"""Models that stand alike among which the nearest are looked for."""
_WORRYING = (Status.AFFECTED, Status.EXPOSED, Status.SUSPECTED, Status.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the whole registry stands.

    Args:
        counts: How many artifacts have each status, worst first.
        worst: What the gate says of the models that stand worst, the worst first.
        worrying: How many artifacts stand so badly that they are among those, or would be.
    """

    counts: Mapping[Status, int]
    worst: tuple[Check, ...]
    worrying: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What the first page shows.

    Args:
        counts: How many there are of each kind of artifact and type of fact; None while they are counted.
        measured: The artifacts in which a trait was measured to be present and that nobody flagged, the latest measured first.
        measured_count: How many there are of these.
        flags: The standing flags that were raised last, the latest first.
        flag_count: How many flags stand.
        standing: How the whole stands; None while that is being worked out.
        owing: What is owed to the whole; None where it is too large for that.
    """

    counts: Mapping[str, int] | None
    measured: tuple[Recorded[TraitMeasurement], ...]
    measured_count: int
    flags: tuple[Recorded[Flag], ...]
    flag_count: int
    standing: Standing | None
    owing: Owing | None


def page(view: View, counts: Mapping[str, int] | None, survey: Survey | None, owing: Owing | None) -> Home:
    """The first page.

    Args:
        view: What is known.
        counts: How many there are of each kind of artifact and type of fact; None while they are counted.
        survey: Where every artifact stands; None while that is being worked out.
        owing: What is owed to the whole registry; None where it is too large for that.
    """
    flags = view.reading.flags().standing_flags
    measured = _unflagged(view, flags)
    return Home(
        counts=None if counts is None else in_plural(counts),
        measured=measured[:_SHOWN],
        measured_count=len(measured),
        flags=tuple(reversed(flags))[:_SHOWN],
        flag_count=len(flags),
        standing=None if survey is None else _standing(view, survey),
        owing=owing,
    )


def _unflagged(view: View, flags: Sequence[Recorded[Flag]]) -> tuple[Recorded[TraitMeasurement], ...]:
    """What measurements found that no flag stands on, of content that is there no more as well: its page says so."""
    flagged = {(one.fact.artifact, one.fact.trait) for one in flags}
    found = {
        (one.fact.artifact, one.fact.trait): one
        for one in view.reading.measurements().all(TraitMeasurement)
        if one.fact.conclusion is Conclusion.PRESENT
    }
    return tuple(
        sorted(
            (one for place, one in found.items() if place not in flagged),
            key=lambda one: -one.seq,
        )
    )


def _standing(view: View, survey: Survey) -> Standing:
    worst = tuple(islice(_worst_models(survey), _SHOWN))
    return Standing(
        counts=survey.counts,
        worst=view.check(worst),
        worrying=sum(survey.counts[status] for status in _WORRYING),
    )


def _worst_models(survey: Survey) -> Iterator[ArtifactId]:
    """The models that stand worst; of those that stand alike, what is nearest to where its trait was found comes first."""
    for status in _WORRYING:
        if survey.counts[status]:
            alike = survey.artifacts(statuses=[status], kinds=[ArtifactKind.MODEL], limit=_MOST_LOOKED_AT)
            for found in sorted(survey.report(alike).artifacts, key=_distance):
                yield found.artifact


def _distance(found: ArtifactRisks) -> tuple[int, str]:
    return min((entry.depth for entry in found.risks), default=0), str(found.artifact)
