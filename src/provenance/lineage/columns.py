"""The lineage of a snapshot in columns: what the store reads from its own, made here from the facts."""

from provenance.artifacts import Artifact, ArtifactId
from provenance.facts import Snapshot
from provenance.lineage_table import LineageTable
from provenance.relations import Relation


def columns(snapshot: Snapshot) -> LineageTable:
    """The artifacts and relations of a snapshot. Where one edge was recorded twice, the later record stands."""
    relations = {recorded.fact.key: recorded.fact for recorded in snapshot.all(Relation)}
    recorded = snapshot.artifacts
    texts = {artifact: str(artifact) for artifact in recorded}
    for child, _, parent in relations:
        for end in (child, parent):
            if end not in texts:
                texts[end] = str(end)
    artifacts = sorted(texts, key=texts.__getitem__)
    node = {artifact: place for place, artifact in enumerate(artifacts)}
    edges = sorted(relations.values(), key=lambda edge: (node[edge.parent], node[edge.child], edge.kind))
    facts = [_fact(snapshot, artifact) for artifact in artifacts]
    return LineageTable(
        keys=[texts[artifact] for artifact in artifacts],
        recorded=[fact is not None for fact in facts],
        declared_roots=[fact is not None and fact.declared_root for fact in facts],
        digests=[
            None if fact is None or fact.content is None else str(fact.content.digest) for fact in facts
        ],
        parents=[node[edge.parent] for edge in edges],
        children=[node[edge.child] for edge in edges],
        kinds=[edge.kind for edge in edges],
        shares=[edge.share for edge in edges],
        clean_fractions=[edge.clean_fraction for edge in edges],
    )


def _fact(snapshot: Snapshot, artifact: ArtifactId) -> Artifact | None:
    recorded = snapshot.artifacts.get(artifact)
    return None if recorded is None else recorded.fact
