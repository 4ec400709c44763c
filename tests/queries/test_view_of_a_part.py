"""A question about some artifacts reads a part of the registry, by a number of statements that its size does not change."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from told_registries import STORY, crowd, forbid_the_whole, tell

from lineage_fixtures import dataset, model, recorded_facts, teacher
from provenance import Registry
from provenance.artifacts import ArtifactKind
from provenance.errors import UnknownReferenceError, UsageError
from provenance.facts import Snapshot
from provenance.lineage import Kindred, Lineage
from provenance.lineage_view import Role
from provenance.relations import RelationKind
from provenance.risk import Policy, assess
from provenance.store import Ledger
from provenance.view import View
from statements import statements

QUESTIONS: dict[str, tuple[int, Callable[[View], object]]] = {
    "risks of one": (5, lambda view: view.risks(["grandchild"])),
    "risks of one and one trait": (6, lambda view: view.risks(["grandchild"], trait="owls")),
    "why": (6, lambda view: view.why("grandchild", "owls")),
    "check": (5, lambda view: view.check(["grandchild"])),
    "impact": (6, lambda view: view.impact("owl", "owls")),
    "show": (6, lambda view: view.show("student")),
    "ancestors": (2, lambda view: view.ancestors("grandchild")),
    "descendants": (2, lambda view: view.descendants("owl", depth=1)),
    "roots": (2, lambda view: view.roots("grandchild")),
    "the shortest path": (3, lambda view: view.path("owl", "grandchild")),
    "all paths": (3, lambda view: view.paths("owl", "grandchild", limit=5)),
    "common ancestors": (3, lambda view: view.common(["student", "grandchild"])),
    "exposures of a student": (2, lambda view: view.exposures("grandchild")),
    "exposures of a model as a teacher": (3, lambda view: view.exposures("student", role=Role.TEACHER)),
    "exposures through a dataset": (3, lambda view: view.exposures("mixed")),
    "a family": (7, lambda view: view.family("student")),
    "a page of artifacts": (1, lambda view: view.artifacts("s*", kinds=[ArtifactKind.MODEL], limit=3)),
    "flagged artifacts": (3, lambda view: view.artifacts(trait="owls")),
    "a picture": (11, lambda view: view.picture(["grandchild"], direction="up")),
    "a picture of near things": (
        18,
        lambda view: view.picture(["student"], depth=1, trait="owls", opened=["grandchild"]),
    ),
}
"""Each with the most statements that it may take."""


@pytest.fixture(scope="module", params=[0, 500], ids=["alone", "among strangers"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry.init(tmp_path_factory.mktemp("told"), actor="tester") as opened:
        tell(opened, *STORY, *crowd(request.param))
        yield opened


@pytest.mark.parametrize("question", QUESTIONS)
def test_one_artifacts_question_takes_few_statements_and_never_reads_the_whole(
    told: Registry, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_the_whole(monkeypatch)
    most, ask = QUESTIONS[question]
    view = told.view()
    with statements() as sent:
        assert ask(view)
    assert len(sent) <= most, len(sent)


def test_what_is_owed_above_one_artifact_is_that_part_of_all_that_is_owed(
    told: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = {str(one.artifact) for one in told.view().ancestors("grandchild")} | {"model:grandchild@1"}
    whole = [task for task in told.audit_plan() if {str(task.parent), str(task.child)} <= line]
    assert whole
    forbid_the_whole(monkeypatch)
    assert list(told.audit_plan(["grandchild"])) == whole


def test_many_references_in_full_are_looked_up_together(told: Registry) -> None:
    view = told.view()
    refs = 3 * ["model:student@1", "model:base@1", "teacher:owl@1", "dataset:echo@1"]
    with statements() as sent:
        found = view.resolve_all(refs)
    assert [str(one) for one in found] == refs
    assert len(sent) == 1
    with pytest.raises(UnknownReferenceError, match="no artifact 'model:nobody@1' is registered"):
        view.resolve_all([*refs, "model:nobody@1"])


def test_a_walk_follows_some_relations_and_lists_some_kinds(told: Registry) -> None:
    view = told.view()
    assert [str(one.artifact) for one in view.ancestors("student", relations={RelationKind.TRAINED_ON})] == [
        "dataset:mixed@1"
    ]
    assert {one.artifact for one in view.ancestors("grandchild", kinds={ArtifactKind.TEACHER})} == {
        teacher("relay"),
        teacher("owl"),
    }
    assert [one.depth for one in view.descendants("owl", depth=2)] == [1, 2]


def test_an_ancestry_begins_where_the_relations_that_are_followed_end(told: Registry) -> None:
    view = told.view()
    assert view.roots("grandchild") == (model("base"),)
    assert view.roots("grandchild", relations={RelationKind.TRAINED_ON}) == (dataset("echo"),)
    assert view.roots("grandchild", kinds={ArtifactKind.DATASET}) == ()
    assert view.roots("grandchild", depth=1) == (model("base"),)
    assert view.roots("mixed", depth=1) == ()


def test_a_path_leads_down_and_never_up(told: Registry) -> None:
    view = told.view()
    found = view.path("owl", "student")
    assert found is not None
    assert [str(link.child) for link in found] == ["dataset:numbers@1", "dataset:mixed@1", "model:student@1"]
    assert view.path("student", "owl") is None
    assert view.paths("student", "owl", limit=3) == ()
    assert view.path("owl", "owl") == ()
    assert view.paths("owl", "owl", limit=3) == ((),)


def test_of_one_artifact_nothing_is_common(told: Registry) -> None:
    with pytest.raises(UsageError, match="name two artifacts or more"):
        told.view().common(["student", "model:student@1"])


@pytest.mark.parametrize(
    ("ref", "role", "expected"),
    [
        ("student", None, [("owl", "student")]),
        ("student", Role.TEACHER, [("relay", "grandchild")]),
        ("relay", None, [("relay", "grandchild")]),
        ("relay", Role.STUDENT, [("owl", "student")]),
        ("base", Role.TEACHER, [("owl", "student")]),
        ("base", None, []),
        ("mixed", None, [("owl", "student")]),
        ("numbers", None, [("owl", "student")]),
    ],
)
def test_an_exposure_is_asked_for_from_either_end(
    told: Registry, ref: str, role: Role | None, expected: list[tuple[str, str]]
) -> None:
    found = told.view().exposures(ref, role=role)
    assert [(one.teacher.name, one.student.name) for one in found] == expected


def test_a_dataset_is_neither_teacher_nor_student(told: Registry) -> None:
    with pytest.raises(UsageError, match="dataset:mixed@1 is a dataset"):
        told.view().exposures("mixed", role=Role.TEACHER)


def test_the_graph_goes_into_files_that_other_tools_read(told: Registry, tmp_path: Path) -> None:
    graph = told.view().graph(["grandchild"], direction="up")
    assert graph.nodes["teacher:owl@1"]["status"] == "affected"
    assert graph.nodes["model:grandchild@1"]["kind"] == "model"
    assert graph.edges["teacher:owl@1", "dataset:numbers@1"]["relation"] == "generated_by"
    nx.write_graphml(graph, tmp_path / "lineage.graphml")
    again = nx.read_graphml(tmp_path / "lineage.graphml")
    assert set(again.nodes) == set(graph.nodes)
    assert again.nodes["model:base@1"] == graph.nodes["model:base@1"]
    data = nx.node_link_data(graph, edges="links")
    assert nx.utils.graphs_equal(nx.node_link_graph(data, edges="links"), graph)


def test_the_graph_of_everything_holds_everything(told: Registry) -> None:
    view = told.view()
    graph = view.graph()
    assert set(graph.nodes) == set(map(str, view.snapshot.artifacts))
    assert {status for _, status in graph.nodes(data="status")} <= {
        "affected",
        "exposed",
        "suspected",
        "carrier",
        "unknown",
        "clear",
    }
    near = view.graph(["owl"], direction="both", depth=1)
    assert set(near.nodes) == {"model:base@1", "teacher:owl@1", "dataset:numbers@1"}
    with pytest.raises(UsageError, match="there is no direction 'sideways'"):
        view.graph(["owl"], direction="sideways")


_NAMES = [f"m{number}" for number in range(8)]


@st.composite
def kinships(draw: st.DrawFn) -> tuple[str, ...]:
    """Eight models, weights relations among them, and tests of any pairs."""
    pairs = st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] < pair[1])
    lines = [*_NAMES]
    for parent, child in sorted(draw(st.sets(pairs, max_size=8))):
        lines.append(f"m{child} merged_from m{parent}")
    for one, other in sorted(draw(st.sets(pairs, max_size=4))):
        verdict = draw(st.sampled_from(["SAME_INIT", "SAME_INIT kinship=identical", "INDEPENDENT"]))
        lines.append(f"m{one} same_init m{other} {verdict}")
    return (*lines, "owls trait high", f"m{draw(st.integers(0, 7))} flagged owls")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(kinships())
def test_families_and_risks_of_a_part_are_those_of_the_whole(lines: tuple[str, ...]) -> None:
    facts = recorded_facts(*lines)
    policy = Policy.load()
    with closing(Ledger.open("sqlite://", create=True)) as ledger:
        with ledger.transaction("tester") as transaction:
            for one in facts:
                transaction.append(one.fact)
        view = View(ledger.at(), policy)
        whole = Snapshot(view.snapshot.facts, view.reading.moment)
        lineage = Lineage.of(whole)
        for name in _NAMES:
            assert view.family(name) == Kindred.of(lineage, policy.lifetimes).family(model(name))
            assert view.risks([name]) == assess(whole, lineage, policy, [model(name)])
