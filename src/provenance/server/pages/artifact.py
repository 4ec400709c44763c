"""The page of an artifact: may it ship, what may it have inherited, where does it come from, and what is recorded of it."""

from dataclasses import dataclass

from provenance.artifacts import ArtifactId
from provenance.description import Description
from provenance.relations import Relation
from provenance.render import Picture
from provenance.review.content import Outcome
from provenance.review.grounds import Grounds
from provenance.review.records import Decision, EdgeTold, FlagTold, MeasurementTold
from provenance.risk import ArtifactRisks
from provenance.server.pages.paging import Paged, paged
from provenance.server.pages.timelines import Timeline
from provenance.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactPage:
    """What the page of an artifact shows.

    Args:
        described: What is recorded of it.
        outcome: What the release gate says of it, in a word.
        sentence: The same in one sentence.
        reasons: All that holds it back or is remarked on, a sentence each.
        risks: What it may have inherited.
        partial: Whether something could not be looked at.
        picture: The diagram of what is one relation away.
        edges: The relations to its parents, and their tests.
        flags: Every flag that was ever raised on it, the latest first.
        decisions: Every clearance of it and every block of an edge to it, what stands first.
        measurements: What was measured on it, by trait, the newest of each first.
        timeline: What the timeline of its lineage's flags and decisions shows, in words; None where there is none.
        parents: The relations to its parents, some at a time.
        children: The relations to its children, some at a time.
    """

    described: Description
    outcome: Outcome
    sentence: str
    reasons: tuple[str, ...]
    risks: ArtifactRisks
    partial: bool
    picture: Picture
    edges: tuple[EdgeTold, ...]
    flags: tuple[FlagTold, ...]
    decisions: tuple[Decision, ...]
    measurements: tuple[tuple[str, MeasurementTold], ...]
    timeline: str | None
    parents: Paged[Relation]
    children: Paged[Relation]


def grounds(view: View, artifacts: tuple[ArtifactId, ...]) -> Grounds:
    """What the verdicts on some artifacts rest on."""
    return Grounds(
        kindred=view.kindred_above(artifacts),
        policy=view.policy,
        asked=artifacts,
        unfinished=view.unfinished,
    )


def page(view: View, ref: str, *, parents: int = 0, children: int = 0) -> ArtifactPage:
    """The page of an artifact.

    Args:
        view: What is known.
        ref: The artifact.
        parents: How many of its parents to pass over.
        children: How many of its children to pass over.

    Raises:
        UnknownReferenceError: It is not recorded.
    """
    artifact = view.resolve(ref)
    known, described = grounds(view, (artifact,)), view.show(artifact)
    (case,), on_record = known.cases, known.on_record
    return ArtifactPage(
        described=described,
        outcome=case.outcome,
        sentence=case.sentence,
        reasons=tuple(case.reaching()),
        risks=case.risks,
        partial=known.report.partial,
        picture=view.picture([artifact], depth=1),
        edges=known.edges.to(artifact),
        flags=tuple(one for one in reversed(tuple(on_record.flags.values())) if one.artifact == artifact),
        decisions=tuple(one for one in on_record.decisions().items if one.artifact == artifact),
        measurements=tuple(
            (trait, one)
            for trait, measured in on_record.measured_traits.items()
            if artifact in measured
            for one in on_record.measurements(artifact, trait)
        ),
        timeline=Timeline(view=view, snapshot=known.snapshot, artifacts=known.members, trait=None).words,
        parents=paged(described.parents, parents),
        children=paged(described.children, children),
    )
