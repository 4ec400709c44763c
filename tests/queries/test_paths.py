"""All simple paths, shortest first, and never more work than the paths that are asked for."""

from itertools import islice

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_fixtures import model, snapshot
from provenance.artifacts import ArtifactId
from provenance.errors import UnknownReferenceError
from provenance.lineage import Lineage, paths
from provenance.lineage_table import LineageTable
from provenance.relations import Link, RelationKind


def lineage(*lines: str) -> Lineage:
    return Lineage.of(snapshot(*lines))


def over(edges: set[tuple[int, int]], nodes: int) -> Lineage:
    """A lineage of merges, circles and self-loops included, as an import of older days may hold."""
    width = len(str(nodes))
    in_order = sorted(edges)
    table = LineageTable(
        keys=[f"model:{node:0{width}}@1" for node in range(nodes)],
        recorded=[True] * nodes,
        declared_roots=[False] * nodes,
        digests=[None] * nodes,
        parents=[parent for parent, _ in in_order],
        children=[child for _, child in in_order],
        kinds=[RelationKind.MERGED_FROM] * len(in_order),
        shares=[None] * len(in_order),
        clean_fractions=[None] * len(in_order),
    )
    return Lineage.over(table, snapshot())


def node(number: int, nodes: int) -> ArtifactId:
    return model(f"{number:0{len(str(nodes))}}")


def words(path: tuple[Link, ...]) -> list[str]:
    return [f"{link.parent.name} {link.child.name}" for link in path]


def ladder(rungs: int) -> Lineage:
    """From the top to the bottom there are 2^rungs paths."""
    tops = range(0, 3 * rungs, 3)
    down = {(top, top + side) for top in tops for side in (1, 2)}
    onward = {(top + side, top + 3) for top in tops for side in (1, 2)}
    return over(down | onward, 3 * rungs + 1)


def test_the_shortest_path_comes_first() -> None:
    found = lineage(
        "base from_scratch",
        "tuned finetuned_from base",
        "mix merged_from tuned",
        "mix merged_from base",
    )
    assert [words(path) for path in paths(found, model("base"), model("mix"))] == [
        ["base mix"],
        ["base tuned", "tuned mix"],
    ]


def test_two_relations_between_the_same_two_make_two_paths() -> None:
    found = lineage("owl embodied_by base", "numbers generated_by owl", "numbers selected_by owl")
    ends = (found.artifact(found.table.keys.index(key)) for key in ("teacher:owl@1", "dataset:numbers@1"))
    kinds = [path[0].kind for path in paths(found, *ends)]
    assert kinds == [RelationKind.GENERATED_BY, RelationKind.SELECTED_BY]


def test_from_an_artifact_to_itself_there_is_the_empty_path() -> None:
    assert list(paths(lineage("base from_scratch"), model("base"), model("base"))) == [()]


def test_upwards_there_is_no_path() -> None:
    assert list(paths(lineage("tuned finetuned_from base"), model("tuned"), model("base"))) == []


def test_a_path_of_what_is_not_recorded_is_refused() -> None:
    with pytest.raises(UnknownReferenceError, match="model:nobody@1 is not recorded"):
        next(paths(lineage("base from_scratch"), model("nobody"), model("base")))


def test_a_ladder_of_more_paths_than_atoms_gives_the_first_of_them() -> None:
    rungs = 300
    found = ladder(rungs)
    first = list(islice(paths(found, found.artifact(0), found.artifact(3 * rungs)), 20))
    assert {len(path) for path in first} == {2 * rungs}
    assert len(set(first)) == 20


def test_a_chain_of_a_hundred_thousand_has_one_path() -> None:
    steps = 100_000
    found = over({(step, step + 1) for step in range(steps)}, steps + 1)
    (path,) = paths(found, found.artifact(0), found.artifact(steps))
    assert len(path) == steps


def test_a_knot_of_circles_gives_the_first_paths_and_no_dead_ends() -> None:
    """The knot can be walked in 17! orders, and only the first two of it lead to its way out."""
    knot = range(1, 19)
    edges = {(0, 1), (18, 19)} | {(one, other) for one in knot for other in knot if one != other}
    edges -= {(one, 18) for one in range(3, 18)}
    found = over(edges, 20)
    first = list(islice(paths(found, node(0, 20), node(19, 20)), 5))
    assert [len(path) for path in first] == [3, 4, 5, 5, 5]
    assert all(len({link.child for link in path}) == len(path) for path in first)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, set[tuple[int, int]]]:
    nodes = draw(st.integers(2, 6))
    ends = st.integers(0, nodes - 1)
    return nodes, draw(st.sets(st.tuples(ends, ends), max_size=14))


@settings(deadline=None)
@given(graphs())
def test_they_are_the_simple_paths_of_networkx_in_order_of_length(
    graph: tuple[int, set[tuple[int, int]]],
) -> None:
    nodes, edges = graph
    found = [
        tuple(int(link.child.name) for link in path)
        for path in paths(over(edges, nodes), node(0, nodes), node(nodes - 1, nodes))
    ]
    oracle: nx.DiGraph[int] = nx.DiGraph(edges)
    oracle.add_nodes_from(range(nodes))
    assert [len(path) for path in found] == sorted(map(len, found))
    assert sorted(found) == sorted(tuple(way[1:]) for way in nx.all_simple_paths(oracle, 0, nodes - 1))
