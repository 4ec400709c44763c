"""Timelines: when flags and decisions came and ended, in an artifact's lineage or in the whole registry, as a picture with its words."""

from dataclasses import dataclass

from provenance.artifacts import ArtifactId
from provenance.facts import Snapshot
from provenance.lineage import Lineage
from provenance.render.timeline_picture import spans, timeline, timeline_told
from provenance.traits import Flag
from provenance.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What a timeline is of.

    Args:
        view: What is known, and how long a policy lets decisions count.
        snapshot: The facts that it is drawn from.
        artifacts: What the flags and decisions are on.
        trait: Only this trait; None for all.
    """

    view: View
    snapshot: Snapshot
    artifacts: frozenset[ArtifactId]
    trait: str | None

    @classmethod
    def of(cls, view: View, artifact: ArtifactId | None, trait: str | None) -> "Timeline":
        """The timeline of a lineage, or of all flags of the registry."""
        if artifact is None:
            known = view.reading.flags()
            flagged = frozenset(one.fact.artifact for one in known.all(Flag))
            return cls(view=view, snapshot=known, artifacts=flagged, trait=trait)
        known = view.reading.line([artifact])
        return cls(view=view, snapshot=known, artifacts=Lineage.of(known).line([artifact]), trait=trait)

    @property
    def words(self) -> str | None:
        """What there is to see, in words; None where there is nothing."""
        asked = (self.snapshot, self.artifacts)
        if not spans(*asked, trait=self.trait, lifetimes=self.view.policy.lifetimes):
            return None
        return timeline_told(*asked, trait=self.trait, lifetimes=self.view.policy.lifetimes)

    def drawn(self) -> bytes | None:
        """The picture as SVG; None where there is nothing to draw."""
        return timeline(
            self.snapshot, self.artifacts, trait=self.trait, lifetimes=self.view.policy.lifetimes, form="svg"
        )
