"""What is missing in an ancestry, and where trust in it begins.

"Nothing was found" says little of a model whose parents nobody named. A gap is one sentence that names the artifact and what is
not known of it; an artifact's gaps are its own and those of all its ancestors.

Where a test finds two models to share an initialisation and no record joins them, an ancestry is incomplete, too: the model's whose
ancestry does not begin with it by declaration, or both models' where that tells them not apart.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred
from provenance.relations import GENERATING_KINDS, WEIGHT_KINDS, Link, RelationKind

_TRAINING_DATA = frozenset({RelationKind.TRAINED_ON, RelationKind.DISTILLED_FROM})
# Choosing rows is no authorship: a dataset that was only selected from says nothing of who wrote it.
_AUTHORSHIP = (GENERATING_KINDS - {RelationKind.SELECTED_BY}) | {RelationKind.DERIVED_FROM}
_ROUNDING = 0.015  # of the shares of one child together: they are often told in two digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Where trust begins without further questions.

    Args:
        trusted: Names, or patterns with ``*`` and ``?``, over ``kind:name@version`` or the name alone: their ancestry needs no
            proof.
        scratch_needs_data: Whether a model declared to be trained from scratch has to name its training data.
    """

    trusted: tuple[str, ...] = ()
    scratch_needs_data: bool = False

    def covers(self, artifact: ArtifactId) -> bool:
        """Whether an artifact is trusted by name."""
        return any(
            fnmatchcase(text, pattern) for pattern in self.trusted for text in (str(artifact), artifact.name)
        )


NO_TRUST = Trust()
"""Trust nothing by name, and models from scratch by declaration."""


def gaps(kindred: Kindred, artifact: ArtifactId, trust: Trust = NO_TRUST) -> tuple[str, ...]:
    """What is missing in an artifact's ancestry, its own gaps first, in words.

    Args:
        kindred: The lineage, and what tests say of it.
        artifact: Whose ancestry.
        trust: Where trust begins without further questions.

    Raises:
        UnknownReferenceError: The artifact is not recorded.
    """
    lineage = kindred.lineage
    line = tuple(_line(lineage, artifact, trust))
    found = [gap for member in line for gap in _own_gaps(kindred, member, trust)]
    found += [f"{member}: recorded as its own ancestor" for member in _circles(lineage, line, trust)]
    return tuple(found)


def trust_roots(lineage: Lineage, artifact: ArtifactId, trust: Trust = NO_TRUST) -> tuple[str, ...]:
    """Where an artifact's ancestry ends in something declared or trusted, nearest first, in words.

    Raises:
        UnknownReferenceError: The artifact is not recorded.
    """
    roots = []
    for member in _line(lineage, artifact, trust):
        if trust.covers(member):
            roots.append(f"{member}: trusted by the policy")
        elif lineage.declared_root(member):
            roots.append(f"{member}: {_DECLARED[member.kind]}")
    return tuple(roots)


_DECLARED: Mapping[ArtifactKind, str] = {
    ArtifactKind.MODEL: "declared to be initialised from scratch",
    ArtifactKind.DATASET: "declared to be written without a model",
}


def _line(lineage: Lineage, artifact: ArtifactId, trust: Trust) -> Iterator[ArtifactId]:
    """The artifact and its ancestors, nearest first; above a trusted artifact nothing is asked."""
    seen = {artifact}
    frontier = [artifact]
    while frontier:
        yield from frontier
        above = {
            relation.parent
            for member in frontier
            if not trust.covers(member)
            for relation in lineage.parents(member)
        }
        frontier = sorted(above - seen, key=str)
        seen.update(frontier)


def _circles(lineage: Lineage, line: tuple[ArtifactId, ...], trust: Trust) -> list[ArtifactId]:
    """One member, the first by name, of each circle in a line, in order of names."""
    parents = {
        member: () if trust.covers(member) else tuple(edge.parent for edge in lineage.parents(member))
        for member in line
    }
    left = _without_beginning(parents)
    if not left:
        return []
    import networkx as nx

    graph = nx.DiGraph((parent, member) for member in left for parent in parents[member] if parent in left)
    circles = (
        circle
        for circle in nx.strongly_connected_components(graph)
        if len(circle) > 1 or graph.has_edge(*circle, *circle)
    )
    return sorted((min(circle, key=str) for circle in circles), key=str)


def _without_beginning(parents: Mapping[ArtifactId, tuple[ArtifactId, ...]]) -> set[ArtifactId]:
    """Who is left when those without parents are taken away again and again: circles, and all below them."""
    children: dict[ArtifactId, list[ArtifactId]] = {}
    for member, above in parents.items():
        for parent in above:
            children.setdefault(parent, []).append(member)
    missing = {member: len(above) for member, above in parents.items()}
    free = [member for member, count in missing.items() if count == 0]
    while free:
        for child in children.get(free.pop(), ()):
            missing[child] -= 1
            if missing[child] == 0:
                free.append(child)
    return {member for member, count in missing.items() if count}


def _own_gaps(kindred: Kindred, artifact: ArtifactId, trust: Trust) -> Iterator[str]:
    if trust.covers(artifact):
        return
    lineage = kindred.lineage
    yield from _MISSING[artifact.kind](lineage, artifact, trust)
    for unresolved in lineage.open_names.get(artifact, ()):
        yield f"{artifact}: {unresolved.kind} {unresolved.name!r}, {unresolved.reason or 'which is not registered'}"
    for test in kindred.undeclared.get(artifact, ()):
        (other,) = test.fact.pair - {artifact}
        if not lineage.declared_root(artifact) or lineage.declared_root(other):
            yield f"{artifact}: shares its initialisation with {other} ({test.id}), and no recorded relation says why"


def _missing_of_model(lineage: Lineage, model: ArtifactId, trust: Trust) -> Iterator[str]:
    parents = lineage.parents(model)
    scratch = lineage.declared_root(model)
    named = {unresolved.kind for unresolved in lineage.open_names.get(model, ())}
    if not scratch and not _any(parents, WEIGHT_KINDS) and not named & WEIGHT_KINDS:
        yield f"{model}: no starting weights declared"
    if (left := _left_over(parents, WEIGHT_KINDS, RelationKind.MERGED_FROM)) > _ROUNDING:
        yield f"{model}: {left:.0%} of its weights come from nobody recorded"
    trained = any(relation.kind.rule.trains for relation in parents) or (scratch and trust.scratch_needs_data)
    if trained and not _any(parents, _TRAINING_DATA) and not named & _TRAINING_DATA:
        yield f"{model}: no training data declared"


def _missing_of_dataset(lineage: Lineage, dataset: ArtifactId, _: Trust) -> Iterator[str]:
    parents = lineage.parents(dataset)
    if not lineage.declared_root(dataset) and not _any(parents, _AUTHORSHIP):
        yield f"{dataset}: nobody says who wrote it"
    if (left := _left_over(parents, _AUTHORSHIP, RelationKind.DERIVED_FROM)) > _ROUNDING:
        yield f"{dataset}: {left:.0%} of its rows come from nobody recorded"


def _missing_of_teacher(lineage: Lineage, teacher: ArtifactId, _: Trust) -> Iterator[str]:
    if not _any(lineage.parents(teacher), {RelationKind.EMBODIED_BY}):
        yield f"{teacher}: nobody says which model it is"


_MISSING: Mapping[ArtifactKind, Callable[[Lineage, ArtifactId, Trust], Iterator[str]]] = {
    ArtifactKind.MODEL: _missing_of_model,
    ArtifactKind.DATASET: _missing_of_dataset,
    ArtifactKind.TEACHER: _missing_of_teacher,
}


def _left_over(parents: tuple[Link, ...], origins: frozenset[RelationKind], shared: RelationKind) -> float:
    """What the shares leave over, in [0, 1]; 0 where a parent without a share may be all the rest."""
    shares = [
        relation.share if relation.kind is shared else None
        for relation in parents
        if relation.kind in origins
    ]
    known = [share for share in shares if share is not None]
    return max(0.0, 1.0 - sum(known)) if known and len(known) == len(shares) else 0.0


def _any(parents: tuple[Link, ...], kinds: frozenset[RelationKind] | set[RelationKind]) -> bool:
    return any(relation.kind in kinds for relation in parents)
