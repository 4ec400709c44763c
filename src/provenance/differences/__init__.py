"""Differences: which standings are not what they were or what they are elsewhere, and which records made them so."""

from provenance.differences.dates import between_dates
from provenance.differences.history import History
from provenance.differences.registries import between_registries
from provenance.differences.report import (
    Cause,
    Diff,
    Difference,
    Divergence,
    How,
    Match,
    RegistryDiff,
    Turn,
)

__all__ = [
    "Cause",
    "Diff",
    "Difference",
    "Divergence",
    "History",
    "How",
    "Match",
    "RegistryDiff",
    "Turn",
    "between_dates",
    "between_registries",
]
