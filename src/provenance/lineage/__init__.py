"""Lineage: the graph of artifacts, kinship by weights, the evidence that stands, and what is missing in an ancestry."""

from provenance.lineage.evidence_index import FOREVER, EvidenceIndex, Lifetimes, is_stale
from provenance.lineage.exposures import Exposure
from provenance.lineage.graph import Lineage, Relative
from provenance.lineage.kinship import Kin, Kindred, Kinship, Member

__all__ = [
    "FOREVER",
    "EvidenceIndex",
    "Exposure",
    "Kin",
    "Kindred",
    "Kinship",
    "Lifetimes",
    "Lineage",
    "Member",
    "Relative",
    "is_stale",
]
