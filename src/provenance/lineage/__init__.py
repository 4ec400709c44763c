"""Lineage: the graph of artifacts, kinship by weights, the evidence that stands, and what is missing in an ancestry."""

from provenance.lineage.evidence_index import FOREVER, EvidenceIndex, Lifetimes, is_stale
from provenance.lineage.exposures import Exposure
from provenance.lineage.graph import Lineage, Relative
from provenance.lineage.kinship import Kindred, Member
from provenance.lineage.meeting import CommonAncestor, common_ancestors
from provenance.lineage.paths import paths
from provenance.lineage.relatives import Kin, Kinship

__all__ = [
    "FOREVER",
    "CommonAncestor",
    "EvidenceIndex",
    "Exposure",
    "Kin",
    "Kindred",
    "Kinship",
    "Lifetimes",
    "Lineage",
    "Member",
    "Relative",
    "common_ancestors",
    "is_stale",
    "paths",
]
