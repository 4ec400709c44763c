"""Importing rows that name versions, and names that may only mean what is known."""

import pytest

from mlflow_history_fixtures import artifacts, gaps, relations
from provenance import Registry
from provenance.artifacts import ArtifactKind
from provenance.importing import Imported, Origin, record_graph
from provenance.interop import Edge, ForeignGraph, Missing, Node
from provenance.relations import RelationKind

FINETUNED = RelationKind.FINETUNED_FROM


def imported(registry: Registry, *rows: Node | Edge | Missing) -> Imported:
    graph = ForeignGraph()
    graph.take(rows)
    origin = Origin(names=("rows",), format="test", key=lambda: "0" * 64)
    return record_graph(registry._ledger, graph, origin, actor="tester")


def node(name: str, version: str | None = None) -> Node:
    return Node(ArtifactKind.MODEL, name, {}, "rows", 0, version)


def edge(child: str, parent: str, *versions: str | None, known_only: bool = False) -> Edge:
    stated = True
    return Edge(child, FINETUNED, parent, "rows", 0, stated, *versions, known_only=known_only)


def test_versions_are_themselves_and_not_the_first(registry: Registry) -> None:
    imported(registry, node("net", "7"), edge("net", "net", "7", "6"))
    assert artifacts(registry) == {"model:net@7", "model:net@6"}
    assert relations(registry) == {"model:net@7 finetuned_from model:net@6"}


def test_versions_in_another_case_are_artifacts_of_their_own(registry: Registry) -> None:
    imported(registry, node("net", "1"), node("NET", "1"))
    assert artifacts(registry) == {"model:net@1", "model:NET@1"}


def test_a_name_without_a_version_means_the_first_of_those_that_are_told(registry: Registry) -> None:
    imported(registry, node("net", "1"), edge("other", "net"))
    assert relations(registry) == {"model:other@1 finetuned_from model:net@1"}


@pytest.mark.parametrize(("name", "version"), [("a@b", "1"), ("net", "1@2"), ("net", "v" * 81), ("", "1")])
def test_a_name_or_version_that_can_not_be_is_skipped(registry: Registry, name: str, version: str) -> None:
    (omission,) = imported(registry, node(name, version)).report.omissions
    assert omission.reason == "a name that no artifact can bear"
    assert omission.first == "rows"


def test_a_name_that_may_only_mean_what_is_known_makes_no_placeholder(registry: Registry) -> None:
    report = imported(registry, edge("net", "base", known_only=True)).report
    assert artifacts(registry) == {"model:net@1"}
    assert gaps(registry) == {"model:net@1 finetuned_from base: "}
    assert report.omissions[0].reason == "a name that nobody registered"


@pytest.mark.parametrize("name", ["base", "BASE", "old"])
def test_a_name_in_another_case_and_an_alias_are_known(registry: Registry, name: str) -> None:
    base = registry.register_model(name="base", from_scratch=True)
    registry.add_alias("old", base.artifact)
    imported(registry, edge("net", name, known_only=True))
    assert relations(registry) == {"model:net@1 finetuned_from model:base@1"}


@pytest.mark.parametrize(("version", "is_known"), [("1", True), ("2", False)])
def test_a_version_is_known_or_not(registry: Registry, version: str, is_known: bool) -> None:
    registry.register_model(name="base", from_scratch=True)
    imported(registry, edge("net", "base", None, version, known_only=True))
    assert bool(relations(registry)) is is_known
    assert bool(gaps(registry)) is not is_known


def test_the_gap_of_an_exact_child_is_its_own(registry: Registry) -> None:
    imported(registry, Missing("net", FINETUNED, "x", "gone", "", "rows", 0, child_version="3"))
    assert gaps(registry) == {"model:net@3 finetuned_from x: gone"}
