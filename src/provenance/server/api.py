"""The read API: what the command line prints with ``--json``, by the name of its command below ``/api``.

Names may hold slashes, and are percent-encoded or not. A long list comes in pages, see `provenance.server.parameters.Paging`.
"""

from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Query

from provenance.answers import ImpactAnswer, ListedArtifact
from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.audit import Task
from provenance.description import Description
from provenance.differences import Diff
from provenance.errors import UsageError
from provenance.evidence import Evidence, TestKind
from provenance.facts import Recorded
from provenance.lineage import CommonAncestor, Exposure, Member, Relative
from provenance.lineage_view import Role
from provenance.relations import Link
from provenance.render import Picture
from provenance.review import Baseline, Review, review
from provenance.risk import Check, ExplainedRisks, with_statuses
from provenance.risk.policy_review import PolicyReport, describe
from provenance.server.pages.evidence import recorded_test
from provenance.server.pages.owing import owing
from provenance.server.parameters import (
    AnyRefs,
    AskedDrawing,
    AskedPage,
    AskedWalk,
    Kinds,
    Limit,
    Metadata,
    Ref,
    Refs,
    Since,
    Statuses,
    TraitName,
    only_known,
)
from provenance.server.serving import AskedMoment, AskedServed, AskedView
from provenance.status import WORKED_OUT_UP_TO, RegistryStatus
from provenance.traits import Flag, Trait
from provenance.view import RiskPage

_MOST_PATHS = 100
Upper = Annotated[str, Query(description="The artifact to begin with.")]
Lower = Annotated[str, Query(description="The artifact to arrive at.")]
_TESTS = 100  # of what is owed, unless more is asked for
router = APIRouter(prefix="/api", dependencies=[Depends(only_known)])

# --- what is recorded ----------------------------------------------------------------------------------------------------


@router.get("/ls", response_model=list[ListedArtifact])
def ls(
    view: AskedView,
    paging: AskedPage,
    metadata: Metadata,
    *,
    pattern: Annotated[str, Query(description="Of names; of identities, where it holds : or @.")] = "*",
    kinds: Kinds = (),
    trait: TraitName = None,
    statuses: Statuses = (),
) -> object:
    """What is recorded, in order of names; the pattern is a name with * and ?, or kind:name@version with them."""
    found = view.artifacts(
        pattern,
        kinds=kinds,
        metadata=metadata,
        trait=trait,
        statuses=statuses,
        after=paging.after,
        limit=paging.limit + 1,
    )
    return list(map(ListedArtifact.of, paging.beginning(found, lambda one: one.fact.id)))


@router.get("/show/{ref:path}", response_model=Description)
def show(view: AskedView, ref: Ref) -> object:
    """All that is recorded of one artifact."""
    return view.show(ref)


@router.get("/traits", response_model=list[Trait])
def traits(view: AskedView) -> object:
    """The properties that may be inherited."""
    return [one.fact for one in view.reading.traits()]


@router.get("/flags", response_model=list[Recorded[Flag]])
def flags(view: AskedView, paging: AskedPage, trait: TraitName = None) -> object:
    """The flags that stand, in the order of the ledger; `after` names a flag."""
    found = [one for one in view.reading.flags().standing_flags if trait in {None, one.fact.trait}]
    if paging.after is not None:
        places = [place for place, one in enumerate(found, 1) if one.id == paging.after]
        if not places:
            raise UsageError(f"{paging.after} is not in this list, so nothing comes after it")
        found = found[places[0] :]
    shown = found[: paging.limit]
    paging.follow(shown[-1].id if len(shown) < len(found) else None)
    return shown


@router.get("/evidence/{id}", response_model=Recorded[Evidence])
def evidence(view: AskedView, id: str) -> object:  # noqa: A002 - its name in the address
    """One test, by its id, such as evidence-12."""
    return recorded_test(view, id)


@router.get("/status", response_model=RegistryStatus)
def status(served: AskedServed, as_of: AskedMoment) -> object:
    """How the registry stands: what it holds, what it is owed, and what MLflow was not told yet."""
    return served.registry.status(as_of=as_of)


@router.get("/policy", response_model=PolicyReport)
def policy(served: AskedServed, view: AskedView) -> object:
    """Every key of the policy with its value and where that is from, and whom it trusts."""
    return describe(view.policy, served.policy_file, served.registry.names)


# --- lineage -------------------------------------------------------------------------------------------------------------


@router.get("/ancestors/{ref:path}", response_model=list[Relative])
def ancestors(view: AskedView, paging: AskedPage, walk: AskedWalk, ref: Ref) -> object:
    """What an artifact comes from, nearest first."""
    found = view.ancestors(ref, depth=walk.depth, kinds=walk.kinds, relations=walk.relations)
    return paging.of(found, _artifact, view)


@router.get("/descendants/{ref:path}", response_model=list[Relative])
def descendants(view: AskedView, paging: AskedPage, walk: AskedWalk, ref: Ref) -> object:
    """What comes from an artifact, nearest first."""
    found = view.descendants(ref, depth=walk.depth, kinds=walk.kinds, relations=walk.relations)
    return paging.of(found, _artifact, view)


@router.get("/roots/{ref:path}", response_model=list[ArtifactId])
def roots(view: AskedView, paging: AskedPage, walk: AskedWalk, ref: Ref) -> object:
    """Where the ancestry of an artifact begins."""
    found = view.roots(ref, depth=walk.depth, kinds=walk.kinds, relations=walk.relations)
    return paging.of(found, lambda one: one, view)


@router.get("/path", response_model=list[Link])
def path(view: AskedView, ancestor: Upper, descendant: Lower) -> object:
    """The shortest way down from one artifact to another; empty where there is none."""
    return view.path(ancestor, descendant) or ()


@router.get("/paths", response_model=list[list[Link]])
def paths(
    view: AskedView,
    ancestor: Upper,
    descendant: Lower,
    limit: Annotated[int, Query(ge=1, le=_MOST_PATHS)] = _MOST_PATHS,
) -> object:
    """Every simple way down from one artifact to another, shortest first: `path --all`."""
    return view.paths(ancestor, descendant, limit=limit)


@router.get("/common", response_model=list[CommonAncestor])
def common(view: AskedView, paging: AskedPage, refs: Refs, kinds: Kinds = (), lowest: bool = False) -> object:
    """What all of some artifacts come from, nearest first; an artifact counts as its own ancestor."""
    found = [
        one
        for one in view.common(refs)
        if (one.lowest or not lowest) and one.artifact.kind in (kinds or ArtifactKind)
    ]
    return paging.of(found, _artifact, view)


@router.get("/exposures/{ref:path}", response_model=list[Exposure])
def exposures(
    view: AskedView,
    paging: AskedPage,
    ref: Ref,
    role: Annotated[Role | None, Query(alias="as", description="Which end the artifact is.")] = None,
) -> object:
    """The teachers whose hand was in what a model was trained on, or the students that a teacher reached."""
    artifact = view.resolve(ref)
    reached = role is Role.TEACHER or (role is None and artifact.kind is ArtifactKind.TEACHER)
    found = view.exposures(artifact, role=role)
    return paging.of(found, lambda one: one.student if reached else one.teacher, view)


@router.get("/family/{ref:path}", response_model=list[Member])
def family(view: AskedView, paging: AskedPage, ref: Ref) -> object:
    """The models that share an initialisation with one, by record or by test."""
    return paging.of(view.family(ref), _artifact, view)


# --- risk ----------------------------------------------------------------------------------------------------------------


@router.get("/risks", response_model=RiskPage)
def risks(
    view: AskedView, paging: AskedPage, refs: AnyRefs = (), trait: TraitName = None, statuses: Statuses = ()
) -> object:
    """What artifacts may have inherited, and what is not known; of all of them, how many stand where, too."""
    if refs:
        return RiskPage.of(with_statuses(view.risks(refs, trait=trait), frozenset(statuses)))
    found = view.risk_page(trait=trait, statuses=statuses, after=paging.after, limit=paging.limit)
    paging.follow(found.next)
    return found


@router.get("/why/{ref:path}", response_model=ExplainedRisks)
def why(view: AskedView, ref: Ref, trait: str) -> object:
    """How a trait may have come to an artifact, edge by edge."""
    return view.why(ref, trait)


@router.get("/impact/{ref:path}", response_model=ImpactAnswer)
def impact(view: AskedView, ref: Ref, trait: TraitName = None, limit: Limit = 1_000) -> object:
    """What is downstream of an artifact, worst first: whom to recall."""
    return ImpactAnswer.of(view.impact(ref, trait), limit)


@router.get("/check", response_model=list[Check])
def check_many(view: AskedView, refs: Refs) -> object:
    """The release gate for some artifacts."""
    return view.check(refs)


@router.get("/check/{ref:path}", response_model=Check)
def check(view: AskedView, ref: Ref) -> object:
    """The release gate: whether anything holds an artifact back."""
    return view.check([ref])[0]


@router.get("/diff", response_model=Diff)
def diff(
    served: AskedServed, view: AskedView, refs: Refs, since: Since = None, trait: TraitName = None
) -> object:
    """What of some artifacts stands otherwise at `as_of` than at an earlier date, since when, and by which record."""
    if since is None:
        raise UsageError("compared with what?", hint="Say since=DATE.")
    return served.registry.diff(refs, since=since, until=view.reading.as_of, trait=trait, policy=view.policy)


@router.get("/report", response_model=Review)
def report(view: AskedView, refs: Refs, since: Since = None, trait: TraitName = None) -> object:
    """What there is to say before some artifacts ship."""
    baseline = None if since is None else Baseline(at=since, policy=view.policy)
    return review(view, refs, trait=trait, since=baseline)


@router.get("/diagram", response_model=Picture)
def diagram(view: AskedView, drawing: AskedDrawing, refs: Refs) -> object:
    """The diagram around some artifacts as plain data; /diagrams has it drawn, and as DOT and Mermaid."""
    return drawing.picture(view, refs)


@router.get("/audit", response_model=list[Task])
def audit(
    view: AskedView,
    served: AskedServed,
    refs: AnyRefs = (),
    only: TestKind | None = None,
    limit: Limit = _TESTS,
) -> object:
    """The tests that the edges above some artifacts still lack: `audit --dry-run`; of all, in a small registry alone."""
    if not refs and (entries := view.reading.head.entries) > WORKED_OUT_UP_TO:
        raise UsageError(
            f"what a registry of {entries} facts is owed as a whole is not worked out here",
            hint="Name artifacts by ref=; `provenance audit --dry-run` reads it all, which takes long.",
        )
    owed = owing(view, view.resolve_all(refs)) if refs else served.worked_out.once(view, "owing", owing)
    return [task for task in owed.tasks if only in {None, task.test}][:limit]


class _OfArtifact(Protocol):
    """A member of a list that is about one artifact."""

    @property
    def artifact(self) -> ArtifactId: ...


def _artifact(one: _OfArtifact) -> ArtifactId:
    return one.artifact
