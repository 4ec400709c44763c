"""Descriptions: all that is recorded of one artifact, as `View.show` answers."""

from dataclasses import dataclass
from datetime import datetime

from provenance.artifacts import Artifact
from provenance.evidence import Evidence
from provenance.facts import Recorded
from provenance.relations import Relation
from provenance.shown import Shown
from provenance.traits import Block, Clearance, Flag, TraitMeasurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Description(Shown):
    """All that is recorded of one artifact.

    Args:
        artifact: The artifact itself.
        actor: Who registered it.
        registered_at: When, aware, UTC.
        location: Where its content was last seen.
        aliases: Its other names, in the order in which they were recorded.
        parents: The relations to its parents.
        children: The relations to its children.
        gaps: What is missing in its ancestry, in words.
        flags: The standing flags on it.
        clearances: Its clearances that have not expired.
        blocks: The standing blocks of the edges to it.
        evidence: The tests it was part of.
        measurements: What was measured of traits on it.
    """

    artifact: Artifact
    actor: str
    registered_at: datetime
    location: str | None
    aliases: tuple[str, ...]
    parents: tuple[Relation, ...]
    children: tuple[Relation, ...]
    gaps: tuple[str, ...]
    flags: tuple[Recorded[Flag], ...]
    clearances: tuple[Recorded[Clearance], ...]
    blocks: tuple[Recorded[Block], ...]
    evidence: tuple[Recorded[Evidence], ...]
    measurements: tuple[Recorded[TraitMeasurement], ...]
