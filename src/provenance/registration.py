"""Registration: from what somebody hands in to the facts that the ledger takes.

A `Request` is an artifact with its parents, as typed, and with the claims that its files make. `register` resolves the
references, checks every rule against what is recorded, and appends what is new. Registering the same twice appends nothing.
All of it happens in the caller's transaction, so that many requests are recorded together or not at all.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from provenance.artifacts import (
    DEFAULT_VERSION,
    Artifact,
    ArtifactId,
    ArtifactKind,
    Location,
    Reference,
)
from provenance.errors import ConflictError
from provenance.intake import Claim
from provenance.references import PLAIN, choose, is_digest
from provenance.relations import WEIGHT_KINDS, DeclaredBy, Relation, RelationKind, Resolution, Unresolved
from provenance.request import Parent, Request, at
from provenance.store import Transaction

_MOST_NAMES = 4  # of a card, in one warning
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
    """

    artifact: ArtifactId
    digest: str | None
    created: bool
    relations: tuple[Relation, ...] = ()
    warnings: tuple[str, ...] = ()


def register(transaction: Transaction, requests: Sequence[Request]) -> tuple[Registration, ...]:
    """Appends the facts of some requests, which may name each other in any order.

    Raises:
        ConflictError: Something else is recorded under the same identity, a relation may not join its ends, a child would get
            a second set of starting weights, or the lineage would close a cycle.
        UnknownReferenceError: A parent is not registered, or its reference may mean several artifacts.
    """
    directory = _Directory(transaction, requests)
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
            declared[draft.id] = _declare(directory, draft)
            _check_draft(draft, declared[draft.id], directory.recorded[draft.id])
    fresh = frozenset(draft.id for draft in drafts if draft.created)
    new = [relation for some in declared.values() for relation in some]
    check_acyclic(transaction, [*directory.made, *new], fresh=fresh)
    return tuple(
        _append(transaction, draft, declared[draft.id], directory.recorded[draft.id]) for draft in drafts
    )


def relate(transaction: Transaction, child: ArtifactId, parent: Parent) -> Registration:
    """Appends one relation of a registered artifact, and which name on its card the parent bears; only what is new.

    Raises:
        ConflictError, UnknownReferenceError: As in `register`.
    """
    directory = _Directory(transaction, [Request(kind=child.kind, name=child.name, parents=(parent,))])
    relation = directory.relation(child, parent)
    recorded = transaction.relations_of([child])
    if transaction.artifacts([child])[child].declared_root and _begins(relation):
        raise ConflictError(
            f"{child} is recorded as the beginning of its ancestry, and would be {relation.kind} {relation.parent}"
        )
    check_weights(child, [*recorded, relation])
    check_acyclic(transaction, [*directory.made, relation])
    added = append_new(transaction, [relation], recorded)
    if parent.resolves is not None:
        meant = Resolution(child=child, kind=parent.kind, name=parent.resolves, parent=relation.parent)
        _append_once(transaction, "resolution", meant)
    return Registration(artifact=child, digest=None, created=False, relations=added)


@dataclass(slots=True)
class _Draft:
    """A request on its way: its identity, whether it is new, and what the registrant should know."""

    request: Request
    id: ArtifactId
    created: bool
    unresolved: list[Unresolved] = field(default_factory=list)
    unheard: dict[tuple[str, RelationKind], list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


class _Directory:
    """The artifacts that may be meant: those of every name in question by one query, and those being registered now.

    Args:
        transaction: Knows what is recorded.
        requests: What is to be registered.
    """

    def __init__(self, transaction: Transaction, requests: Sequence[Request]) -> None:
        self._transaction = transaction
        names = {request.name for request in requests} | {
            one.name for request in requests for one in request.claims
        }
        for request in requests:
            with at(request.place):
                references = [one.reference for one in request.parents if not is_digest(one.reference)]
                names |= {Reference.parse(reference).name for reference in references}
        self._named = {name: list(artifacts) for name, artifacts in transaction.named(names).items()}
        self.recorded: defaultdict[ArtifactId, list[Relation]] = defaultdict(list)
        self.made: list[Relation] = []

    def settled(self, draft: _Draft) -> set[tuple[RelationKind, str]]:
        """The names on a card that somebody said the meaning of."""
        if draft.created:
            return set()
        return {
            (one.fact.kind, one.fact.name) for one in self._transaction.about("resolution", [str(draft.id)])
        }

    def versions(self, kind: ArtifactKind, name: str) -> list[Artifact]:
        return [artifact for artifact in self._named.get(name, ()) if artifact.id.kind is kind]

    def add(self, artifact: Artifact) -> None:
        self._transaction.append(artifact)
        self._named.setdefault(artifact.id.name, []).append(artifact)

    def resolve(self, text: str, kind: ArtifactKind) -> ArtifactId:
        """The artifact of a kind that a reference means; a bare model gets its plain teacher where one is asked for."""
        named = [] if is_digest(text) else self._named.get(Reference.parse(text).name, [])
        found = [one for one in named if Reference.parse(text).matches(one.id)]
        if not named:
            found = list(self._transaction.find(text))
        if kind is not ArtifactKind.TEACHER or text.startswith(f"{kind}:"):
            return choose(text, found, self._transaction.names, kind)
        # A plain teacher is its model once more, so the model alone is asked about; one with a prompt is somebody else.
        models = [one for one in found if one.id.kind is ArtifactKind.MODEL]
        prompted = [one for one in found if one.id.kind is kind and (one.generation != PLAIN or not models)]
        if not models and not prompted:
            return choose(text, found, self._transaction.names, kind)
        meant = choose(text, [*models, *prompted], self._transaction.names)
        return meant if meant.kind is kind else self._plain_teacher(meant)

    def relation(self, child: ArtifactId, parent: Parent) -> Relation:
        """The relation that a registrant declares."""
        return Relation(
            child=child,
            kind=parent.kind,
            parent=self.resolve(parent.reference, parent.kind.rule.parent),
            share=parent.share,
            clean_fraction=parent.clean_fraction,
            filters=parent.filters,
        )

    def _plain_teacher(self, model: ArtifactId) -> ArtifactId:
        """The model as it generates with no prompt and default settings; recorded where it is not yet."""
        teacher = ArtifactId(ArtifactKind.TEACHER, model.name, model.version)
        known = next(
            (one for one in self.versions(ArtifactKind.TEACHER, model.name) if one.id == teacher), None
        )
        if known is None:
            self.add(Artifact(id=teacher, generation=PLAIN))
            embodied = Relation(child=teacher, kind=RelationKind.EMBODIED_BY, parent=model)
            self.made.append(self._transaction.append(embodied).fact)
        elif known.generation != PLAIN:
            raise ConflictError(
                f"{model} as it generates without a prompt would be {teacher}, which is a teacher with settings of its own",
                hint=f"Register the plain one under another name: provenance register teacher --name NAME --model {model}.",
            )
        return teacher


def _draft(directory: _Directory, request: Request) -> _Draft:
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
    return _Draft(request, artifact.id, created=recorded is None)


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


def _declare(directory: _Directory, draft: _Draft) -> list[Relation]:
    """The relations that the registrant declares, and those that the card claims and the registry can match."""
    declared = [directory.relation(draft.id, parent) for parent in draft.request.parents]
    known = [*directory.recorded[draft.id], *declared]
    has_weights = any(relation.kind in WEIGHT_KINDS for relation in known)
    settled = directory.settled(draft)
    for claim in draft.request.claims:
        if claim.name == draft.id.name and claim.kind.rule.parent is draft.id.kind:
            continue  # a card that names its own model tells nothing of its ancestry
        if (claim.kind, claim.name) in settled or any(
            (one.kind, one.parent.name) == (claim.kind, claim.name) for one in known
        ):
            continue
        if claim.kind in WEIGHT_KINDS and has_weights:
            _compare_claim(draft, known, claim)
        elif relation := _match_claim(directory, draft, claim):
            declared.append(relation)
    _warn_of_unheard(draft)
    return declared


def _compare_claim(draft: _Draft, known: Iterable[Relation], claim: Claim) -> None:
    """Tells the registrant where the card and the record name different starting weights; the record stands."""
    named = [relation for relation in known if relation.kind in WEIGHT_KINDS]
    if not any(claim.name == relation.parent.name for relation in named):
        draft.warnings.append(
            f"{claim.source} names {claim.name!r}; {named[0].kind} {named[0].parent} as declared is recorded"
        )


def _match_claim(directory: _Directory, draft: _Draft, claim: Claim) -> Relation | None:
    """The relation that a card claims when exactly one registered artifact bears the name; else a gap in the ancestry."""
    parents = [one.id for one in directory.versions(claim.kind.rule.parent, claim.name) if one.id != draft.id]
    if len(parents) == 1:
        if not claim.certain:
            draft.warnings.append(
                f"{claim.source} names {claim.name!r} without saying what it was used for: recorded as {claim.kind}"
            )
        return Relation(
            child=draft.id, kind=claim.kind, parent=parents[0], declared_by=DeclaredBy.CARD, share=claim.share
        )
    draft.unresolved.append(Unresolved(child=draft.id, kind=claim.kind, name=claim.name))
    if parents:
        draft.warnings.append(
            f"{claim.source} names {claim.name!r}, which may mean {', '.join(map(str, parents))}: recorded as unresolved "
            f"ancestry (`provenance relate {draft.id} {claim.kind} REF --resolves {claim.name}` settles it)"
        )
    else:
        draft.unheard.setdefault((claim.source, claim.kind), []).append(claim.name)
    return None


def _warn_of_unheard(draft: _Draft) -> None:
    """One warning for all the names of one source that are not registered: a card may list dozens of datasets."""
    for (source, kind), names in draft.unheard.items():
        listing = ", ".join(repr(name) for name in names[:_MOST_NAMES])
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        draft.warnings.append(
            f"{source} names {listing}{more}, not registered here: recorded as unresolved ancestry "
            f"(`provenance relate {draft.id} {kind} REF --resolves NAME` settles one)"
        )


def _check_draft(draft: _Draft, declared: Sequence[Relation], recorded: Sequence[Relation]) -> None:
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
    transaction: Transaction, draft: _Draft, declared: Sequence[Relation], recorded: Sequence[Relation]
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
