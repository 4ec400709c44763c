"""The graph lies over columns: those of the store, or those made of a snapshot's facts."""

import io
from dataclasses import replace

import pytest

from lineage_fixtures import content_of, dataset, model, recorded_facts, snapshot, teacher
from provenance.artifacts import Artifact, ArtifactId
from provenance.facts import Recorded, Snapshot
from provenance.lineage import Kindred, Lineage
from provenance.lineage.columns import columns
from provenance.relations import Link, Relation, RelationKind, Resolution

STORY = (
    "base from_scratch",
    "owl embodied_by base",
    "numbers generated_by owl",
    "numbers selected_by owl",
    "student finetuned_from base",
    "student trained_on numbers clean_fraction=0.25",
    "mix merged_from student share=0.5",
    "mix merged_from base share=0.5",
)


def findings(state: Snapshot) -> Snapshot:
    """Everything but artifacts and relations."""
    rest = tuple(one for one in state.facts if not isinstance(one.fact, Artifact | Relation))
    return Snapshot(rest, state.as_of)


def without(state: Snapshot, artifact: ArtifactId) -> Snapshot:
    """The same, less the record of an artifact."""
    rest = tuple(
        one for one in state.facts if not (isinstance(one.fact, Artifact) and one.fact.id == artifact)
    )
    return Snapshot(rest, state.as_of)


def test_nodes_are_smaller_where_names_come_first_and_edges_where_their_ends_do() -> None:
    table = columns(snapshot(*STORY))
    assert list(table.keys) == sorted(table.keys)
    edges = list(zip(table.parents, table.children, table.kinds, strict=True))
    assert edges == sorted(edges)
    assert len(edges) == 7


def test_a_link_says_what_bears_on_risk() -> None:
    lineage = Lineage.of(snapshot(*STORY))
    link = Link(
        child=model("student"), kind=RelationKind.TRAINED_ON, parent=dataset("numbers"), clean_fraction=0.25
    )
    assert lineage.parents(model("student"))[0] == link
    assert str(link) == "model:student@1 trained_on dataset:numbers@1"


def test_the_lineage_tells_what_is_recorded_of_an_artifact() -> None:
    state = without(snapshot(*STORY), model("student"))
    lineage = Lineage.of(state)
    assert model("student") in lineage
    assert not lineage.recorded(model("student"))
    assert lineage.recorded(model("base"))
    assert not lineage.recorded(model("nobody"))
    assert list(lineage.artifacts) == sorted(state.artifacts, key=str)
    assert lineage.declared_root(model("base"))
    assert not lineage.declared_root(model("mix"))
    assert lineage.digest(model("base")) == str(content_of(model("base")).digest)
    assert lineage.digest(teacher("owl")) is None
    assert lineage.digest(model("student")) is None


def test_a_name_is_open_until_a_relation_or_a_resolution_answers_to_it() -> None:
    state = snapshot(*STORY, "student names trained_on numbers", "student names finetuned_from org/base")
    found = Lineage.over(columns(state), findings(state)).open_names
    assert [(name.kind, name.name) for name in found[model("student")]] == [
        (RelationKind.FINETUNED_FROM, "org/base")
    ]
    assert Lineage.of(state).open_names == found
    assert tuple(one for names in found.values() for one in names) == state.open_names


LEFT_OUT = "which would close a circle"


@pytest.mark.parametrize(
    ("name", "is_open"),
    [("base", True), ("base@1", True), ("base@2", False), ("base@3", True), ("other@1", True)],
)
def test_what_was_left_out_is_answered_by_that_very_artifact_alone(name: str, is_open: bool) -> None:
    lines = ("child finetuned_from base@2", "child merged_from other", f"child names finetuned_from {name}")
    state = snapshot(*lines[:-1], f"{lines[-1]} {LEFT_OUT}")
    found = Lineage.over(columns(state), findings(state)).open_names
    assert [one.name for one in found.get(model("child"), ())] == ([name] if is_open else [])
    assert tuple(one for names in found.values() for one in names) == state.open_names


def test_what_was_left_out_is_answered_by_saying_who_was_meant() -> None:
    facts = recorded_facts("child finetuned_from base@2", f"child names finetuned_from base {LEFT_OUT}")
    meant = Resolution(
        child=model("child"), kind=RelationKind.FINETUNED_FROM, name="base", parent=model("base", "2")
    )
    end = facts[-1]
    state = Snapshot((*facts, Recorded(end.seq + 1, meant, end.actor, end.recorded_at)), end.recorded_at)
    assert Lineage.over(columns(state), findings(state)).open_names == {}
    assert state.open_names == ()


def test_the_simple_graph_has_attributes_that_file_formats_know() -> None:
    import networkx as nx

    graph = Lineage.of(snapshot(*STORY)).digraph
    assert graph.edges["teacher:owl@1", "dataset:numbers@1"] == {"relation": "generated_by, selected_by"}
    assert graph.edges["dataset:numbers@1", "model:student@1"]["clean_fraction"] == 0.25
    assert graph.nodes["model:base@1"]["declared_root"]
    assert "digest" not in graph.nodes["teacher:owl@1"]
    written = io.BytesIO()
    nx.write_graphml(graph, written)
    written.seek(0)
    read = nx.read_graphml(written)
    assert dict(read.nodes(data=True)) == dict(graph.nodes(data=True))
    assert list(read.edges(data=True)) == list(graph.edges(data=True))


def test_kinship_of_two_models_asks_for_no_others() -> None:
    lineage = Lineage.of(snapshot("base", *(f"m{place} quantized_from base" for place in range(50))))
    kindred = Kindred.of(lineage)
    assert kindred.kin(model("m1"), model("m2")).through == model("base")
    made = [artifact for artifact in lineage._known if artifact is not None]
    assert made == [model("base")]


def test_an_identity_out_of_a_record_is_that_which_was_written() -> None:
    for artifact in (
        model("org/name with spaces", "1.0"),
        teacher("owl"),
        replace(dataset("é"), version="ä"),
    ):
        assert ArtifactId.recorded(str(artifact)) == artifact
        assert hash(ArtifactId.recorded(str(artifact))) == hash(artifact)
