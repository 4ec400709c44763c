"""Where the ancestries of several artifacts meet."""

from collections.abc import Sequence
from dataclasses import dataclass

from provenance.artifacts import ArtifactId
from provenance.lineage.graph import Lineage


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonAncestor:
    """What several artifacts come from. An artifact counts as its own ancestor here.

    Args:
        artifact: Which.
        depths: Number of relations from it down to each of those asked about, in their order.
        lowest: Whether no other common ancestor descends from it.
    """

    artifact: ArtifactId
    depths: tuple[int, ...]
    lowest: bool


def common_ancestors(lineage: Lineage, artifacts: Sequence[ArtifactId]) -> tuple[CommonAncestor, ...]:
    """What all of some artifacts come from, nearest first: by the number of relations to all of them together, then by name.

    Raises:
        UnknownReferenceError: One of them is not recorded.
    """
    above = [
        {artifact: 0} | {one.artifact: one.depth for one in lineage.ancestors(artifact)}
        for artifact in artifacts
    ]
    common = set(above[0]).intersection(*above[1:])
    lowest = _lowest(lineage, common)
    found = (
        CommonAncestor(
            artifact=artifact,
            depths=tuple(depths[artifact] for depths in above),
            lowest=artifact in lowest,
        )
        for artifact in common
    )
    return tuple(sorted(found, key=lambda one: (sum(one.depths), str(one.artifact))))


def _lowest(lineage: Lineage, common: set[ArtifactId]) -> set[ArtifactId]:
    """Those from which none of the others descends; what goes in a circle counts as one."""
    import networkx as nx

    graph: nx.DiGraph[ArtifactId] = nx.DiGraph()
    graph.add_nodes_from(common)
    graph.add_edges_from(
        (link.parent, link.child)
        for artifact in common
        for link in lineage.children(artifact)
        if link.child in common
    )
    circles = nx.condensation(graph)
    return {
        artifact
        for circle in circles
        if not circles.out_degree(circle)
        for artifact in circles.nodes[circle]["members"]
    }
