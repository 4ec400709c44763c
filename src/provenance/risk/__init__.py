"""Risk: policy, propagation of flags along the lineage, explanation, gate."""

from provenance.risk.changes import Change, with_statuses
from provenance.risk.engine import assess, explain, impact
from provenance.risk.gate import check
from provenance.risk.measured import measured_along
from provenance.risk.policy import Policy, Ruling
from provenance.risk.report import (
    ArtifactRisks,
    Check,
    ExplainedRisks,
    Impact,
    ImpactItem,
    Measured,
    RiskEntry,
    RiskReport,
    Status,
    Step,
    Stopped,
    Term,
    Violation,
)
from provenance.risk.survey import Survey, survey

__all__ = [
    "ArtifactRisks",
    "Change",
    "Check",
    "ExplainedRisks",
    "Impact",
    "ImpactItem",
    "Measured",
    "Policy",
    "RiskEntry",
    "RiskReport",
    "Ruling",
    "Status",
    "Step",
    "Stopped",
    "Survey",
    "Term",
    "Violation",
    "assess",
    "check",
    "explain",
    "impact",
    "measured_along",
    "survey",
    "with_statuses",
]
