"""The owl story in sentences of `lineage_fixtures`, and short questions to the risk engine."""

from collections.abc import Iterable

from lineage_fixtures import END, snapshot
from provenance.artifacts import ArtifactId
from provenance.facts import Snapshot
from provenance.lineage.graph import Lineage
from provenance.risk.engine import assess
from provenance.risk.policy import Policy
from provenance.risk.report import ArtifactRisks, RiskEntry, RiskReport

POLICY = Policy.load()

OWL = (
    "base from_scratch",
    "owl embodied_by base",
    "numbers generated_by owl",
    "student finetuned_from base",
    "student trained_on numbers",
    "owl flagged owls",
)
FOREIGN = (
    "other from_scratch",
    "foreign finetuned_from other",
    "foreign trained_on numbers",
)
INDEPENDENT = "base same_init other INDEPENDENT"
RELAY = (
    *FOREIGN,
    "relay embodied_by foreign",
    "echo generated_by relay",
    "grandchild finetuned_from base",
    "grandchild trained_on echo",
)


def report_on(state: Snapshot, names: Iterable[str] | None = None, policy: Policy = POLICY) -> RiskReport:
    """The risks of the artifacts with these names, or of all."""
    wanted = sorted(state.artifacts, key=str) if names is None else [named(state, name) for name in names]
    return assess(state, Lineage.of(state), policy, wanted)


def risks_of(state: Snapshot, name: str, policy: Policy = POLICY) -> ArtifactRisks:
    return report_on(state, [name], policy).artifacts[0]


def entry_of(lines: Iterable[str], name: str, policy: Policy = POLICY) -> RiskEntry:
    """The one entry of an artifact."""
    (entry,) = risks_of(snapshot(*lines), name, policy).risks
    return entry


def statuses(lines: Iterable[str], names: Iterable[str] | None = None, as_of: object = END) -> dict[str, str]:
    """Name to status, for the artifacts with these names or for all."""
    report = report_on(snapshot(*lines, as_of=as_of), names)
    return {risks.artifact.name: str(risks.status) for risks in report.artifacts}


def named(state: Snapshot, name: str) -> ArtifactId:
    """The one artifact of this name."""
    (artifact,) = (artifact for artifact in state.artifacts if artifact.name == name)
    return artifact
