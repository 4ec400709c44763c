"""Parentage: from the references and claims of a request to relations between identities.

A registrant types references; the files' cards make claims. Here both become relations, or, where nothing registered is meant for
certain, a gap in the ancestry that is recorded as such. Nothing is guessed silently.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind, Reference
from provenance.errors import ConflictError
from provenance.intake import Claim
from provenance.references import PLAIN, choose, is_digest
from provenance.relations import WEIGHT_KINDS, DeclaredBy, Relation, RelationKind, Unresolved
from provenance.request import Parent, Request, at
from provenance.store import Transaction

_MOST_NAMES = 4  # of a card, in one warning


@dataclass(slots=True)
class Draft:
    """A request on its way: its identity, whether it is new, and what the registrant should know."""

    request: Request
    id: ArtifactId
    created: bool
    unresolved: list[Unresolved] = field(default_factory=list)
    unheard: dict[tuple[str, RelationKind], list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


class Directory:
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
        self._named: dict[str, list[Artifact]] = {}
        self._embodied: dict[ArtifactId, set[ArtifactId]] = {}
        self._look_up(names)
        self.recorded: defaultdict[ArtifactId, list[Relation]] = defaultdict(list)
        self.made: list[Relation] = []

    def settled(self, draft: Draft) -> set[tuple[RelationKind, str]]:
        """The names on a card that somebody said the meaning of."""
        if draft.created:
            return set()
        return {
            (one.fact.kind, one.fact.name) for one in self._transaction.about("resolution", [str(draft.id)])
        }

    def versions(self, kind: ArtifactKind, name: str) -> list[Artifact]:
        """The artifacts of a kind that bear a name, in the order of their registration."""
        if name not in self._named:  # of a model that was called by an alias or a digest
            self._look_up([name])
        return [artifact for artifact in self._named[name] if artifact.id.kind is kind]

    def add(self, artifact: Artifact) -> None:
        """Records an artifact, which later references may mean."""
        self._transaction.append(artifact)
        self._named[artifact.id.name].append(artifact)

    def resolve(self, text: str, kind: ArtifactKind) -> ArtifactId:
        """The artifact of a kind that a reference means; a bare model gets its plain teacher where one is asked for."""
        named = [] if is_digest(text) else self._named.get(Reference.parse(text).name, [])
        found = [one for one in named if Reference.parse(text).matches(one.id)]
        if not named:
            found = list(self._transaction.find(text))
        if kind is not ArtifactKind.TEACHER or text.startswith(f"{kind}:"):
            return choose(text, found, self._transaction.names, kind)
        # A plain teacher is its model once more, so that `choose` has it yield; any other teacher is somebody else.
        embodied = [one for one in found if one.id.kind in {ArtifactKind.MODEL, kind}]
        if not embodied:
            return choose(text, found, self._transaction.names, kind)
        meant = choose(text, embodied, self._transaction.names)
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
        known = next((one for one in self.versions(teacher.kind, teacher.name) if one.id == teacher), None)
        if known is None:
            self.add(Artifact(id=teacher, generation=PLAIN))
            embodied = Relation(child=teacher, kind=RelationKind.EMBODIED_BY, parent=model)
            self.made.append(self._transaction.append(embodied).fact)
            self._embodied[teacher] = {model}
        elif known.generation != PLAIN:
            raise ConflictError(
                f"{model} as it generates without a prompt would be {teacher}, which is a teacher with settings of its own",
                hint=f"Register the plain one under another name: provenance register teacher --name NAME --model {model}.",
            )
        elif self._embodied.get(teacher, {model}) != {
            model
        }:  # one that is being registered is checked at the end
            raise _other_body(teacher, self._embodied[teacher], model)
        return teacher

    def check_plain(self, artifact: ArtifactId, declared: Mapping[ArtifactId, Sequence[Relation]]) -> None:
        """Raises where a teacher without settings bears the name of a model, and is not that model alone.

        Args:
            artifact: The model or teacher that is new, or has new relations.
            declared: The new relations by child.

        Raises:
            ConflictError: It is embodied by something else.
        """
        model, teacher = (
            next(
                (one for one in self.versions(kind, artifact.name) if one.id.version == artifact.version),
                None,
            )
            for kind in (ArtifactKind.MODEL, ArtifactKind.TEACHER)
        )
        if model is None or teacher is None or teacher.generation != PLAIN:
            return
        embodied = self._embodied.get(teacher.id, set()).union(
            relation.parent for relation in declared.get(teacher.id, ())
        )
        if embodied != {model.id}:
            raise _other_body(teacher.id, embodied, model.id)

    def _look_up(self, names: Iterable[str]) -> None:
        """Learns what bears some names, and what embodies the plain teachers among it."""
        found = self._transaction.named(names)
        plain = [one.id for some in found.values() for one in some if one.generation == PLAIN]
        self._named |= {name: list(artifacts) for name, artifacts in found.items()}
        self._embodied |= {teacher: set() for teacher in plain}
        if plain:
            for relation in self._transaction.relations_of(plain):
                self._embodied[relation.child].add(relation.parent)


def _other_body(teacher: ArtifactId, embodied: Iterable[ArtifactId], model: ArtifactId) -> ConflictError:
    bodies = ", ".join(map(str, sorted(embodied))) or "no model"
    return ConflictError(
        f"{teacher} bears the name of {model} and has no settings of its own, so it would be taken for that model, "
        f"and it is embodied by {bodies}",
        hint=f"Choose another name for one of the two; a plain teacher of {model}'s name is that model alone.",
    )


def declare(directory: Directory, draft: Draft) -> list[Relation]:
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


def _compare_claim(draft: Draft, known: Iterable[Relation], claim: Claim) -> None:
    """Tells the registrant where the card and the record name different starting weights; the record stands."""
    named = [relation for relation in known if relation.kind in WEIGHT_KINDS]
    if not any(claim.name == relation.parent.name for relation in named):
        draft.warnings.append(
            f"{claim.source} names {claim.name!r}; {named[0].kind} {named[0].parent} as declared is recorded"
        )


def _match_claim(directory: Directory, draft: Draft, claim: Claim) -> Relation | None:
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


def _warn_of_unheard(draft: Draft) -> None:
    """One warning for all the names of one source that are not registered: a card may list dozens of datasets."""
    for (source, kind), names in draft.unheard.items():
        listing = ", ".join(repr(name) for name in names[:_MOST_NAMES])
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        draft.warnings.append(
            f"{source} names {listing}{more}, not registered here: recorded as unresolved ancestry "
            f"(`provenance relate {draft.id} {kind} REF --resolves NAME` settles one)"
        )
