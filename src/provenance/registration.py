"""Registration: from what somebody hands in to the facts that the ledger takes.

A `Request` is an artifact with its parents, as typed, and with the claims that its files make. `register` resolves the
references, checks every rule against what is recorded, and appends what is new. Registering the same twice appends nothing.
All of it happens in the caller's transaction, so that many requests are recorded together or not at all.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from provenance import collector
from provenance.artifacts import (
    DEFAULT_VERSION,
    Artifact,
    ArtifactId,
    ArtifactKind,
    Location,
)
from provenance.errors import ConflictError
from provenance.parentage import Directory, Draft, declare
from provenance.relations import WEIGHT_KINDS, DeclaredBy, Relation, RelationKind, Resolution, Unresolved
from provenance.request import Parent, Request, at
from provenance.store import Transaction

_SHARE_TOLERANCE = 0.005  # shares are often told in two digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What became of a request.

    Args:
        artifact: Its identity.
        digest: Its content's digest, where there is content.
        created: Whether it is new; False when the same was registered before.
        relations: All relations to its parents that were recorded now.
        warnings: What the registrant should know, a sentence each.
        evidence: Ids of the tests of its weights that were run and recorded now, see `provenance.discovery`.
    """

    artifact: ArtifactId
    digest: str | None
    created: bool
    relations: tuple[Relation, ...] = ()
    warnings: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


@collector.at_rest()
def register(transaction: Transaction, requests: Sequence[Request]) -> tuple[Registration, ...]:
    """Appends the facts of some requests, which may name each other in any order.

    Raises:
        ConflictError: Something else is recorded under the same identity, a relation may not join its ends, a child would get
            a second set of starting weights, or the lineage would close a cycle.
        UnknownReferenceError: A parent is not registered, or its reference may mean several artifacts.
    """
    directory = Directory(transaction, requests)
    drafts = []
    for request in requests:
        with at(request.place):
            drafts.append(_draft(directory, request))
    if repeated := [one for one, times in Counter(draft.id for draft in drafts).items() if times > 1]:
        raise ConflictError(
            f"{repeated[0]} is to be registered twice at once", hint="Give each one its own name@version."
        )
    for relation in transaction.relations_of(draft.id for draft in drafts if not draft.created):
        directory.recorded[relation.child].append(relation)
    declared: dict[ArtifactId, list[Relation]] = {}
    for draft in drafts:
        with at(draft.request.place):
            declared[draft.id] = declare(directory, draft)
            _check_draft(draft, declared[draft.id], directory.recorded[draft.id])
    fresh = frozenset(draft.id for draft in drafts if draft.created)
    new = [relation for some in declared.values() for relation in some]
    for draft in drafts:
        if draft.created and draft.id.kind is not ArtifactKind.DATASET:
            with at(draft.request.place):
                directory.check_plain(draft.id, declared)
    check_acyclic(transaction, [*directory.made, *new], fresh=fresh)
    return tuple(
        _append(transaction, draft, declared[draft.id], directory.recorded[draft.id]) for draft in drafts
    )


def relate(transaction: Transaction, child: ArtifactId, parent: Parent) -> Registration:
    """Appends one relation of a registered artifact, and which name on its card the parent bears; only what is new.

    Raises:
        ConflictError, UnknownReferenceError: As in `register`.
    """
    directory = Directory(transaction, [Request(kind=child.kind, name=child.name, parents=(parent,))])
    relation = directory.relation(child, parent)
    recorded = transaction.relations_of([child])
    if transaction.artifacts([child])[child].declared_root and _begins(relation):
        raise ConflictError(
            f"{child} is recorded as the beginning of its ancestry, and would be {relation.kind} {relation.parent}"
        )
    check_weights(child, [*recorded, relation])
    if child.kind is ArtifactKind.TEACHER:
        directory.check_plain(child, {child: [relation]})
    check_acyclic(transaction, [*directory.made, relation])
    added = append_new(transaction, [relation], recorded)
    if parent.resolves is not None:
        meant = Resolution(child=child, kind=parent.kind, name=parent.resolves, parent=relation.parent)
        _append_once(transaction, "resolution", meant)
    return Registration(artifact=child, digest=None, created=False, relations=added)


def _draft(directory: Directory, request: Request) -> Draft:
    """Finds or records the artifact of a request."""
    versions = directory.versions(request.kind, request.name)
    version = request.version
    if version is None:
        same = [
            one
            for one in versions
            if one.content and request.content and one.content.digest == request.content.digest
        ]
        version = same[-1].id.version if same else DEFAULT_VERSION
    artifact = Artifact(
        id=ArtifactId(request.kind, request.name, version),
        content=request.content,
        declared_root=request.declared_root,
        generation=request.generation,
        metadata=request.metadata,
    )
    recorded = next((one for one in versions if one.id == artifact.id), None)
    if recorded is None:
        directory.add(artifact)
    else:
        _check_same(recorded, artifact)
    return Draft(request, artifact.id, created=recorded is None)


def _check_same(recorded: Artifact, artifact: Artifact) -> None:
    """Raises when something else stands under the identity."""
    before, now = (str(one.content.digest) if one.content else "no content" for one in (recorded, artifact))
    if before != now:
        raise ConflictError(
            f"{artifact.id} is registered with other content: recorded {before}, given {now}",
            hint=f"Register this as another version, such as --name {artifact.id.name}@{_next_version(artifact.id.version)}.",
        )
    for what, old, new in (
        (
            "word on whether its ancestry begins with it",
            recorded.declared_root,
            artifact.declared_root or None,
        ),
        ("way of generating", recorded.generation, artifact.generation),
        ("metadata", dict(recorded.metadata), dict(artifact.metadata) or None),
    ):
        if new is not None and old != new:
            raise ConflictError(
                f"{artifact.id} is registered with the same content and another {what}: recorded {old}, given {new}",
                hint="What is recorded stays. Leave the option out, or register another version.",
            )


def _next_version(version: str) -> str:
    return str(int(version) + 1) if version.isdigit() else f"{version}-2"


def _check_draft(draft: Draft, declared: Sequence[Relation], recorded: Sequence[Relation]) -> None:
    """Raises when the relations of a draft contradict it, each other, or what is recorded."""
    parents = [relation for relation in declared if _begins(relation)]
    if draft.request.declared_root and parents:
        option = "--authored" if draft.id.kind is ArtifactKind.DATASET else "--from-scratch"
        raise ConflictError(
            f"{option} says that the ancestry of {draft.id} begins with it, and it is {parents[0].kind} {parents[0].parent}",
            hint=f"Leave out {option}, or the parent.",
        )
    if draft.id.kind is ArtifactKind.TEACHER and not draft.created:
        before, now = ({one.parent for one in some} for some in (recorded, declared))
        if now != before:
            listings = (", ".join(map(str, sorted(some))) for some in (before, now))
            raise ConflictError(
                f"{draft.id} is registered with other models: recorded {next(listings)}, given {next(listings)}",
                hint="Register this teacher as another version, --name NAME@VERSION.",
            )
    check_weights(draft.id, [*recorded, *declared])
    merged = {
        relation.parent for relation in (*recorded, *declared) if relation.kind is RelationKind.MERGED_FROM
    }
    unheard = [gap for gap in draft.unresolved if gap.kind is RelationKind.MERGED_FROM]
    if len(merged) == 1 and not unheard and draft.created:
        raise ConflictError(
            f"{draft.id} is merged from one model, {next(iter(merged))}",
            hint="A merge has two or more parents.",
        )


def _begins(relation: Relation) -> bool:
    """Whether a relation denies that its child's ancestry begins with it."""
    return relation.kind in WEIGHT_KINDS or relation.child.kind is ArtifactKind.DATASET


def check_weights(child: ArtifactId, relations: Iterable[Relation]) -> None:
    """Raises when a model has two sets of starting weights, or the shares of its parents make more than all.

    Raises:
        ConflictError: The relations can't hold together.
    """
    known = {relation.key: relation for relation in relations}.values()
    weights = [relation for relation in known if relation.kind in WEIGHT_KINDS]
    merged = [relation for relation in weights if relation.kind is RelationKind.MERGED_FROM]
    single = [relation for relation in weights if relation.kind is not RelationKind.MERGED_FROM]
    if len(single) > 1 or (single and merged):
        first, second = (*single, *merged)[:2]
        raise ConflictError(
            f"{child} would start from two sets of weights: {first.kind} {first.parent} and {second.kind} {second.parent}",
            hint="A model has one set of starting weights; a sum of several is declared with merged_from.",
        )
    for kind in (RelationKind.MERGED_FROM, RelationKind.DERIVED_FROM):
        shared = [relation for relation in known if relation.kind is kind]
        total = sum(relation.share or 0.0 for relation in shared)
        if total > 1.0 + _SHARE_TOLERANCE:
            parents = ", ".join(str(relation.parent) for relation in shared)
            raise ConflictError(
                f"the shares of {child} {kind} {parents} add up to {total:.4g}",
                hint="Shares add up to 1 at most.",
            )


def check_acyclic(
    transaction: Transaction, new: Sequence[Relation], *, fresh: frozenset[ArtifactId] = frozenset()
) -> None:
    """Raises when new relations close a cycle.

    Args:
        transaction: Knows what is recorded.
        new: The relations to be added.
        fresh: Artifacts that are being registered, so that nothing recorded can descend from them.

    Raises:
        ConflictError: They do; the message shows the cycle.
    """
    order: TopologicalSorter[ArtifactId] = TopologicalSorter()
    for relation in new:
        order.add(relation.child, relation.parent)
    if any(relation.child not in fresh for relation in new):
        for child, parent in transaction.ancestry({relation.parent for relation in new}):
            order.add(child, parent)
    try:
        order.prepare()
    except CycleError as error:
        path = " <- ".join(map(str, reversed(error.args[1])))
        raise ConflictError(
            f"these relations would close a cycle: {path}", hint="An artifact can't descend from itself."
        ) from error


def append_new(
    transaction: Transaction, relations: Iterable[Relation], recorded: Iterable[Relation]
) -> tuple[Relation, ...]:
    """Appends those relations that are not recorded yet, and returns them.

    Raises:
        ConflictError: The same edge is recorded with other figures.
    """
    known = {relation.key: relation for relation in recorded}
    fresh = []
    for relation in relations:
        before = known.get(relation.key)
        if before is None:
            transaction.append(relation)
            known[relation.key] = relation
            fresh.append(relation)
        elif _figures(before) != _figures(relation) and relation.declared_by is not DeclaredBy.CARD:
            raise ConflictError(
                f"{relation} is recorded with other figures: recorded {_figures(before)}, given {_figures(relation)}",
                hint="What is recorded stays; a corrected artifact is another version.",
            )
    return tuple(fresh)


def _append_once(transaction: Transaction, type_name: str, fact: Unresolved | Resolution) -> None:
    """Appends a fact about a child unless the very same is recorded."""
    if all(one.fact != fact for one in transaction.about(type_name, [str(fact.child)])):
        transaction.append(fact)


def _figures(relation: Relation) -> dict[str, object]:
    return {
        "share": relation.share,
        "clean_fraction": relation.clean_fraction,
        "filters": list(relation.filters),
    }


def _append(
    transaction: Transaction, draft: Draft, declared: Sequence[Relation], recorded: Sequence[Relation]
) -> Registration:
    """Appends the relations, gaps and location of one draft, as far as they are new."""
    fresh = append_new(transaction, declared, recorded)
    for gap in draft.unresolved:
        _append_once(transaction, "unresolved", gap)
    request = draft.request
    if request.path is not None:
        seen = [] if draft.created else transaction.about("location", [str(draft.id)])
        if not seen or seen[-1].fact.path != request.path:
            transaction.append(Location(artifact=draft.id, path=request.path))
    return Registration(
        artifact=draft.id,
        digest=str(request.content.digest) if request.content else None,
        created=draft.created,
        relations=fresh,
        warnings=(*request.notes, *draft.warnings),
    )
