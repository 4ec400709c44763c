"""The graph: relatives, paths, roots, exposures, cycles."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_fixtures import dataset, model, snapshot, teacher
from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.errors import UnknownReferenceError
from provenance.lineage.graph import Exposure, Lineage
from provenance.relations import WEIGHT_KINDS, RelationKind

OWL = (
    "base from_scratch",
    "owl embodied_by base",
    "numbers generated_by owl",
    "part derived_from numbers",
    "student finetuned_from base",
    "student trained_on part clean_fraction=0.25",
    "small quantized_from student",
)


def lineage(*lines: str) -> Lineage:
    return Lineage.of(snapshot(*lines))


def names(found: object) -> list[tuple[str, int, str]]:
    return [(relative.artifact.name, relative.depth, str(relative.via.kind)) for relative in found]


def test_ancestors_come_nearest_first_then_by_name() -> None:
    assert names(lineage(*OWL).ancestors(model("small"))) == [
        ("student", 1, "quantized_from"),
        ("part", 2, "trained_on"),
        ("base", 2, "finetuned_from"),
        ("numbers", 3, "derived_from"),
        ("owl", 4, "generated_by"),
    ]


def test_descendants_come_nearest_first_then_by_name() -> None:
    assert names(lineage(*OWL).descendants(model("base"))) == [
        ("student", 1, "finetuned_from"),
        ("owl", 1, "embodied_by"),
        ("numbers", 2, "generated_by"),
        ("small", 2, "quantized_from"),
        ("part", 3, "derived_from"),
    ]


def test_a_walk_can_be_held_to_a_depth_to_kinds_and_to_relations() -> None:
    graph = lineage(*OWL)
    assert names(graph.ancestors(model("small"), depth=1)) == [("student", 1, "quantized_from")]
    assert graph.ancestors(model("small"), depth=0) == ()
    assert names(graph.ancestors(model("small"), kinds={ArtifactKind.TEACHER})) == [
        ("owl", 4, "generated_by")
    ]
    assert names(graph.ancestors(model("small"), relations=WEIGHT_KINDS)) == [
        ("student", 1, "quantized_from"),
        ("base", 2, "finetuned_from"),
    ]


def test_parents_and_children_are_relations_in_order_of_names() -> None:
    graph = lineage("mix merged_from b share=0.5", "mix merged_from a share=0.5", "z finetuned_from a")
    assert [str(relation) for relation in graph.parents(model("mix"))] == [
        "model:mix@1 merged_from model:a@1",
        "model:mix@1 merged_from model:b@1",
    ]
    assert [relation.child.name for relation in graph.children(model("a"))] == ["mix", "z"]


def test_two_relations_between_the_same_two_are_two_edges() -> None:
    graph = lineage("rows generated_by owl", "rows selected_by owl", "owl embodied_by base")
    assert [str(relation.kind) for relation in graph.parents(dataset("rows"))] == [
        "generated_by",
        "selected_by",
    ]


def test_of_one_edge_recorded_twice_the_later_record_stands() -> None:
    graph = lineage(
        "student trained_on rows clean_fraction=0.5", "student trained_on rows clean_fraction=0.25"
    )
    assert [relation.clean_fraction for relation in graph.parents(model("student"))] == [0.25]


def test_networkx_sees_the_same_graph() -> None:
    state = snapshot(*OWL)
    graph = Lineage.of(state).graph
    assert set(graph.nodes) == set(state.artifacts)
    edge = graph.edges[dataset("part"), model("student"), RelationKind.TRAINED_ON]
    assert edge["relation"].clean_fraction == 0.25
    assert graph.number_of_edges() == 6


def test_roots_are_the_ancestors_without_parents() -> None:
    graph = lineage(*OWL, "student trained_on poems", "poems authored")
    assert graph.roots(model("small")) == (dataset("poems"), model("base"))
    assert graph.roots(model("base")) == (model("base"),)


def test_a_path_is_a_shortest_way_down() -> None:
    graph = lineage(*OWL, "student trained_on numbers")
    way = graph.path(teacher("owl"), model("small"))
    assert [str(relation.kind) for relation in way] == ["generated_by", "trained_on", "quantized_from"]
    assert graph.path(model("base"), model("base")) == ()
    assert graph.path(model("small"), model("base")) is None


def test_exposures_read_the_same_from_teacher_student_and_dataset() -> None:
    graph = lineage(*OWL)
    expected = (
        Exposure(
            teacher=teacher("owl"),
            student=model("student"),
            how=RelationKind.GENERATED_BY,
            datasets=(dataset("numbers"), dataset("part")),
        ),
    )
    for artifact in (teacher("owl"), model("student"), dataset("numbers"), dataset("part")):
        assert graph.exposures(artifact) == expected
    assert graph.exposures(model("small")) == graph.exposures(model("base")) == ()


def test_direct_distillation_is_an_exposure_without_datasets() -> None:
    graph = lineage("pupil distilled_from owl", "owl embodied_by base")
    exposure = Exposure(teacher=teacher("owl"), student=model("pupil"), how=RelationKind.DISTILLED_FROM)
    assert graph.exposures(model("pupil")) == graph.exposures(teacher("owl")) == (exposure,)


def test_each_manner_of_each_teacher_is_an_exposure_with_a_shortest_chain() -> None:
    graph = lineage(
        *OWL[:4], "part selected_by judge", "judge embodied_by base", "numbers rewritten_by owl",
        "student trained_on part", "student trained_on numbers", "other trained_on part",
    )  # fmt: skip
    found = [
        (one.teacher.name, one.student.name, str(one.how), [link.name for link in one.datasets])
        for one in graph.exposures(dataset("part"))
    ]
    assert found == [
        ("judge", "other", "selected_by", ["part"]),
        ("judge", "student", "selected_by", ["part"]),
        ("owl", "other", "generated_by", ["numbers", "part"]),
        ("owl", "other", "rewritten_by", ["numbers", "part"]),
        ("owl", "student", "generated_by", ["numbers", "part"]),
        ("owl", "student", "rewritten_by", ["numbers", "part"]),
    ]
    by_student = {(one.teacher.name, str(one.how)): one.datasets for one in graph.exposures(model("student"))}
    assert by_student == {
        ("judge", "selected_by"): (dataset("part"),),
        ("owl", "generated_by"): (dataset("numbers"),),
        ("owl", "rewritten_by"): (dataset("numbers"),),
    }


def test_cycles_in_imported_data_never_loop() -> None:
    graph = lineage("a finetuned_from b", "b finetuned_from c", "c finetuned_from a", "d finetuned_from c")
    assert names(graph.ancestors(model("a"))) == [("b", 1, "finetuned_from"), ("c", 2, "finetuned_from")]
    assert [name for name, _, _ in names(graph.descendants(model("a")))] == ["c", "b", "d"]
    assert graph.roots(model("d")) == ()
    data = lineage(
        "x derived_from y", "y derived_from x", "x generated_by owl", "owl embodied_by m", "s trained_on y"
    )
    assert data.exposures(model("s"))[0].datasets == (dataset("x"), dataset("y"))


def test_an_artifact_that_is_not_recorded_is_an_error() -> None:
    graph = lineage(*OWL)
    for ask in (
        graph.parents,
        graph.children,
        graph.ancestors,
        graph.descendants,
        graph.roots,
        graph.exposures,
    ):
        with pytest.raises(UnknownReferenceError, match="model:nobody@1 is not recorded"):
            ask(model("nobody"))
    assert model("nobody") not in graph
    assert model("base") in graph


PEOPLE = tuple(f"m{place}" for place in range(7))


@settings(max_examples=150, deadline=None)
@given(
    st.sets(
        st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE)).filter(lambda pair: pair[0] != pair[1])
    )
)
def test_ancestry_and_descent_are_each_others_reverse_and_networkx_agrees(
    pairs: set[tuple[str, str]],
) -> None:
    import networkx as nx

    graph = lineage(*PEOPLE, *(f"{child} merged_from {parent}" for child, parent in sorted(pairs)))
    above = {one: _depths(graph.ancestors(model(one))) for one in PEOPLE}
    below = {one: _depths(graph.descendants(model(one))) for one in PEOPLE}
    for one in PEOPLE:
        expected = nx.single_source_shortest_path_length(graph.graph, model(one))
        assert below[one] == {other: depth for other, depth in expected.items() if other != model(one)}
        for other, depth in below[one].items():
            assert above[other.name][model(one)] == depth
            assert len(graph.path(model(one), other)) == depth


def _depths(found: object) -> dict[ArtifactId, int]:
    return {relative.artifact: relative.depth for relative in found}
