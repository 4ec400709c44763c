"""Where artifacts stand at one moment, in a form that can be told from another moment's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from provenance.artifacts import ArtifactId
from provenance.errors import UnknownReferenceError
from provenance.facts import Snapshot
from provenance.lineage import Lineage
from provenance.risk import ArtifactRisks, Policy, Status, assess
from provenance.risk.survey import survey
from provenance.traits import Flag

if TYPE_CHECKING:
    from provenance.store import Reading


class Subject(NamedTuple):
    """What has a standing: an artifact with a trait, or with None for its ancestry whatever the trait."""

    artifact: ArtifactId
    trait: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an artifact stands, and by what.

    Args:
        status: None for an artifact that is not recorded.
        by: Ids of the flags that reach it; of an ancestry, its gaps in words.
    """

    status: Status | None
    by: frozenset[str] = frozenset()


_UNRECORDED = Standing(None)


@dataclass(frozen=True, slots=True)
class Standings:
    """Where artifacts stand at one moment.

    Args:
        told: By subject; a trait that reaches an artifact by no flag stands where its ancestry does.
        partial: Whether part of an ancestry could not be looked at.
    """

    told: Mapping[Subject, Standing]
    partial: bool

    @classmethod
    def of(
        cls, snapshot: Snapshot, policy: Policy, asked: Iterable[ArtifactId], trait: str | None = None
    ) -> "Standings":
        """Assesses those of some artifacts that are recorded in a snapshot."""
        lineage = Lineage.of(snapshot)
        known = [artifact for artifact in asked if lineage.recorded(artifact)]
        report = assess(snapshot, lineage, policy, known, trait=trait if trait in snapshot.traits else None)
        told = {}
        for risks in report.artifacts:
            told[Subject(risks.artifact, None)] = _ancestry(risks)
            for name in {entry.trait for entry in risks.risks if trait in {None, entry.trait}}:
                told[Subject(risks.artifact, name)] = _reached(risks, name)
        return cls(told, report.partial)

    def __getitem__(self, subject: Subject) -> Standing:
        if subject in self.told:
            return self.told[subject]
        ancestry = self.told.get(Subject(subject.artifact, None), _UNRECORDED)
        return Standing(ancestry.status)


def _ancestry(risks: ArtifactRisks) -> Standing:
    return Standing(Status.UNKNOWN if risks.unknown else Status.CLEAR, frozenset(risks.unknown))


def _reached(risks: ArtifactRisks, trait: str) -> Standing:
    entries = [entry for entry in risks.risks if entry.trait == trait]
    worst = min((entry.status for entry in entries), key=lambda status: status.rank)
    return Standing(worst, frozenset(entry.flag for entry in entries))


def compared(
    then: "tuple[Reading, Policy]",
    now: "tuple[Reading, Policy]",
    trait: str | None,
    called: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Standings, Standings]:
    """Where artifacts of whole registries stand, those alone that do not stand alike; by status alone.

    Args:
        then: What they are compared with, and the policy that is applied to it.
        now: Whose artifacts, and the policy that is applied to it.
        trait: Only this trait; None for all.
        called: What artifacts of ``now`` are called in ``then``, where it is something else.
    """
    earlier: dict[Subject, Standing] = {}
    later: dict[Subject, Standing] = {}
    lineages = [_whole(reading) for reading, _ in (then, now)]
    policies = then[1], now[1]
    flagged = {flag.fact.trait for lineage in lineages for flag in lineage.snapshot.standing_flags}
    for name in (None, *sorted(flagged if trait is None else flagged & {trait})):
        one, other = (
            _statuses(lineage, policy, name) for lineage, policy in zip(lineages, policies, strict=True)
        )
        for key, status in other.items():
            before = one.get(called.get(key, key))
            if before is not status and (name is None or not {before, status} <= _UNREACHED):
                subject = Subject(ArtifactId.recorded(key), name)
                earlier[subject], later[subject] = Standing(before), Standing(status)
    partial = [not all(lineage.table.recorded) for lineage in lineages]
    return Standings(earlier, partial[0]), Standings(later, partial[1])


_UNREACHED = frozenset({None, Status.UNKNOWN, Status.CLEAR})
"""Where an artifact stands with a trait that no flag brings to it."""


def _whole(reading: "Reading") -> Lineage:
    return Lineage.over(reading.table(), reading.findings())


def _statuses(lineage: Lineage, policy: Policy, trait: str | None) -> dict[str, Status]:
    """Where every recorded artifact stands with a trait; with none, where its ancestry does."""
    known = lineage.snapshot
    if trait is None or trait not in known.traits:
        flagless = tuple(one for one in known.facts if not isinstance(one.fact, Flag))
        lineage = Lineage.over(lineage.table, Snapshot(flagless, known.as_of))
        trait = None
    ranks = survey(lineage, policy, trait=trait).ranks
    rows = zip(lineage.table.keys, ranks, lineage.table.recorded, strict=True)
    statuses = tuple(Status)
    return {key: statuses[rank] for key, rank, recorded in rows if recorded}


def require_trait(reading: "Reading", trait: str | None) -> None:
    """Sees to it that a trait that is asked about is recorded.

    Raises:
        UnknownReferenceError: It is not.
    """
    if trait is not None and reading.trait(trait) is None:
        known = ", ".join(one.fact.name for one in reading.traits()) or "none"
        raise UnknownReferenceError(f"there is no trait {trait!r}", hint=f"Known traits: {known}.")
