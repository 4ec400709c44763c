"""The data of the viewer's pages, as pure functions of a view."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lineage_fixtures import dataset, model, teacher
from provenance import Registry
from provenance.artifacts import ArtifactKind
from provenance.audit import State
from provenance.errors import UnknownReferenceError
from provenance.render import Direction
from provenance.review.content import Outcome
from provenance.review.records import Standing
from provenance.risk import Status
from provenance.server.pages import (
    artifact,
    audit,
    catalogue,
    evidence,
    flags,
    home,
    impact,
    lineage,
    risks,
    why,
)
from provenance.server.pages.addresses import Address
from provenance.server.pages.frame import Frame
from provenance.server.pages.owing import owing
from provenance.server.pages.paging import PAGE, paged
from provenance.server.pages.spreadsheet import row
from provenance.traits import Severity
from provenance.view import View
from review_fixtures import AS_OF, STORIES, told


@pytest.fixture(scope="module")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Registry]]:
    """Some of the stories, each told once."""
    names = ("a measured transfer", "nobody tested", "an inconclusive test", "sixty alike", "a clearance")
    names += ("a withdrawn flag", "an unknown ancestry", "two teachers and three traits")
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(told(tmp_path_factory.mktemp("story"), STORIES[name])) for name in names
        }


@pytest.fixture
def view(registries: dict[str, Registry], request: pytest.FixtureRequest) -> View:
    """The end of the story that a test names."""
    return registries[request.param].view(as_of=AS_OF)


of = pytest.mark.parametrize


# --- the frame ---------------------------------------------------------------------------------------------------------


def test_the_frame_counts_what_came_after_the_date(registries: dict[str, Registry]) -> None:
    registry = registries["a measured transfer"]
    now, then = registry.view(), registry.view(as_of=_day(3, 1))
    frame = Frame.of(then, now)
    assert not frame.is_now
    assert frame.later == now.reading.head.entries - then.reading.head.entries > 0
    assert [mark.date().isoformat() for mark in frame.marks] == [
        "2026-01-01",
        "2026-02-01",
        "2026-03-01",
        "2026-04-01",
        "2026-05-01",
    ]
    assert frame.place == 2
    assert frame.before == frame.marks[1]
    assert frame.after == frame.marks[3]


def test_the_frame_of_the_present_has_nothing_after_it(registries: dict[str, Registry]) -> None:
    now = registries["a measured transfer"].view()
    frame = Frame.of(now, now)
    assert (frame.is_now, frame.later, frame.place, frame.after) == (True, 0, 4, None)


def test_before_the_first_record_only_a_later_one_is_offered(registries: dict[str, Registry]) -> None:
    registry = registries["a measured transfer"]
    frame = Frame.of(registry.view(as_of=_day(1, 1, year=2020)), registry.view())
    assert (frame.place, frame.before, frame.after) == (None, None, frame.marks[0])


def test_many_transactions_give_some_marks_the_first_and_the_last_among_them(registry: Registry) -> None:
    for number in range(12):
        registry.register_model(name=f"m{number}")
    heads = registry.view().reading.heads(5)
    assert [head.number for head in heads] == [1, 4, 7, 9, 12]
    assert [head.number for head in registry.view().reading.heads(100)] == list(range(1, 13))


def test_an_empty_registry_has_no_marks(registry: Registry) -> None:
    view = registry.view()
    frame = Frame.of(view, view)
    assert (frame.marks, frame.place, frame.before, frame.after) == ((), None, None, None)
    shown = home.page(view, view.reading.counts(), view.survey(), owing(view))
    assert shown.standing is not None
    assert not any(shown.standing.counts.values())
    assert shown.owing is not None
    assert shown.owing.progress.asked == 0


# --- paging ------------------------------------------------------------------------------------------------------------


def test_a_list_is_cut_into_pages_and_never_runs_past_its_end() -> None:
    found = range(2 * PAGE + 1)
    assert (paged(found).previous, paged(found).next) == (None, PAGE)
    assert (paged(found, PAGE).previous, paged(found, PAGE).end) == (0, 2 * PAGE)
    assert paged(found, 10**9).items == (2 * PAGE,)
    assert paged(found, 2 * PAGE).next is None
    assert paged((), 7).items == ()


def test_a_cell_never_becomes_a_formula() -> None:
    assert row(("=1+1", "-2", -2, "@x", "plain", None)) == "'=1+1,'-2,-2,'@x,plain,\n"


# --- the first page ----------------------------------------------------------------------------------------------------


@of("view", ["a measured transfer"], indirect=True)
def test_the_first_page_names_the_models_that_stand_worst(view: View) -> None:
    shown = home.page(view, view.reading.counts(), view.survey(), owing(view))
    assert shown.standing is not None
    assert shown.counts is not None
    assert shown.counts["models"] == 5
    assert [one.artifact for one in shown.standing.worst] == [
        model("owl"),
        model("student"),
        model("foreign"),
    ]
    assert not any(one.passed for one in shown.standing.worst)
    assert [flag.fact.trait for flag in shown.flags] == ["owls"]


@of("view", ["sixty alike"], indirect=True)
def test_many_alike_do_not_crowd_out_whom_they_have_it_from(view: View) -> None:
    standing = home.page(view, None, view.survey(), None).standing
    assert standing is not None
    assert [one.artifact.name for one in standing.worst][:3] == ["child07", "owl", "student"]


@of("view", ["a measured transfer"], indirect=True)
def test_the_first_page_does_without_what_is_being_worked_out(view: View) -> None:
    shown = home.page(view, None, None, None)
    assert (shown.counts, shown.standing, shown.owing) == (None, None, None)
    assert shown.flag_count == 1


# --- artifacts ---------------------------------------------------------------------------------------------------------


@of("view", ["a measured transfer"], indirect=True)
def test_artifacts_are_found_by_part_of_a_name_by_pattern_and_by_digest(view: View) -> None:
    def found(text: str) -> list[str]:
        return [one.fact.id.name for one in catalogue.page(view, catalogue.Sought(text=text)).found]

    assert found("tude") == ["student"]
    assert found("o*") == ["other", "owl", "owl-teacher"]
    assert found("model:o*") == ["other", "owl"]
    assert found("[") == []
    digest = view.show("student").artifact.content
    assert digest is not None
    assert found("STUDENT") == found("student") != []
    by_digest = catalogue.page(view, catalogue.Sought(text=str(digest.digest)[:20]))
    assert [one.id for one in by_digest.meant] == [model("student")]
    assert by_digest.standings[model("student")].status is Status.EXPOSED


@of("view", ["a measured transfer"], indirect=True)
def test_artifacts_are_narrowed_by_kind_status_and_trait(view: View) -> None:
    def found(sought: catalogue.Sought) -> list[str]:
        return [one.fact.id.name for one in catalogue.page(view, sought).found]

    assert found(catalogue.Sought(kinds=(ArtifactKind.TEACHER,))) == ["owl-teacher"]
    assert found(catalogue.Sought(statuses=(Status.AFFECTED,))) == ["owl"]
    assert found(catalogue.Sought(trait="owls")) == ["owl"]
    with pytest.raises(UnknownReferenceError, match="no trait 'nix'"):
        found(catalogue.Sought(trait="nix"))


@of("view", ["two teachers and three traits"], indirect=True)
def test_found_by_its_status_with_a_trait_an_artifact_is_told_with_that(view: View) -> None:
    sought = catalogue.Sought(statuses=(Status.AFFECTED,), trait="emoji-lover")
    found = catalogue.page(view, sought)
    assert {one: risks.status for one, risks in found.standings.items()} == {
        dataset("numbers"): Status.AFFECTED
    }
    everything = catalogue.page(view, catalogue.Sought(text="student"))
    assert everything.standings[model("student")].status is Status.EXPOSED


@of("view", ["sixty alike"], indirect=True)
def test_the_next_page_of_artifacts_begins_behind_the_last(view: View) -> None:
    first = catalogue.page(view, catalogue.Sought(text="child"))
    assert (len(first.found), first.next) == (PAGE, model("child49"))
    rest = catalogue.page(view, catalogue.Sought(text="child"), str(first.next))
    assert [one.fact.id.name for one in rest.found] == [f"child{number}" for number in range(50, 60)]
    assert rest.next is None


@of("view", ["a measured transfer"], indirect=True)
def test_an_artifact_is_told_with_its_verdict_its_tests_and_what_was_measured(view: View) -> None:
    shown = artifact.page(view, "student")
    assert shown.outcome is Outcome.HELD_BACK
    assert shown.sentence.startswith("model:student@1 may not ship")
    assert {edge.parent for edge in shown.edges} == {model("base"), dataset("numbers")}
    assert {test.standing for edge in shown.edges for test in edge.tests.items} >= {
        Standing.STANDS,
        Standing.UNTESTED,
    }
    assert [trait for trait, _ in shown.measurements] == ["owls"]
    assert {edge.parent for edge in shown.parents.items} == {model("base"), dataset("numbers")}
    assert {node.artifact for node in shown.picture.nodes} >= {"model:student@1", "model:base@1"}


@of("view", ["a clearance"], indirect=True)
def test_a_clearance_is_a_decision_on_the_artifact(view: View) -> None:
    assert [one.kind for one in artifact.page(view, "student").decisions] == ["clearance"]
    assert not artifact.page(view, "small").decisions


@of("view", ["a withdrawn flag"], indirect=True)
def test_a_withdrawn_flag_is_still_told_on_its_artifact(view: View) -> None:
    (flag,) = artifact.page(view, "model:owl").flags
    assert (flag.standing, flag.reason) == (Standing.WITHDRAWN, "retracted")


@of("view", ["sixty alike"], indirect=True)
def test_many_children_are_shown_some_at_a_time(view: View) -> None:
    shown = artifact.page(view, "student", children=PAGE)
    assert (len(shown.children.items), shown.children.total) == (10, 60)


# --- lineage -----------------------------------------------------------------------------------------------------------


@of("view", ["a measured transfer"], indirect=True)
def test_a_node_with_something_hidden_around_it_can_be_opened(view: View) -> None:
    shown = lineage.page(view, "student", lineage.Shown())
    here = Address("/lineage/x")
    openers = {node.artifact: lineage.opener(node, here) for node in shown.nodes}
    assert openers["model:student@1"] is None
    assert str(openers["dataset:numbers@1"]) == "/lineage/x?open=dataset%3Anumbers%401"
    opened = lineage.page(view, "student", lineage.Shown(opened=("dataset:numbers@1",)))
    assert "teacher:owl-teacher@1" in {node.artifact for node in opened.nodes}
    assert opened.nodes[0].artifact == "model:student@1"


@of("view", ["sixty alike"], indirect=True)
def test_a_group_is_opened_by_the_neighbour_that_it_hangs_on(view: View) -> None:
    shown = lineage.page(view, "student", lineage.Shown(direction=Direction.DOWN))
    (group,) = (node for node in shown.nodes if node.group is not None)
    opener = lineage.opener(group, Address("/lineage/x"))
    assert opener is not None
    more = lineage.page(view, "student", lineage.Shown(direction=Direction.DOWN, opened=("student",)))
    assert len(more.nodes) > len(shown.nodes)


@of("view", ["an unknown ancestry"], indirect=True)
def test_what_is_missing_is_told_beside_what_is_drawn(view: View) -> None:
    shown = lineage.page(view, "student", lineage.Shown(depth=None))
    assert shown.missing or any("UNKNOWN ANCESTRY" in note for node in shown.nodes for note in node.notes)


# --- risks -------------------------------------------------------------------------------------------------------------


@of("view", ["a measured transfer"], indirect=True)
def test_risks_come_worst_first_and_leave_only_the_clear_out(view: View) -> None:
    shown = risks.page(view.survey(), risks.Filter())
    statuses = [one.status for one in shown.found]
    assert statuses == sorted(statuses, key=lambda one: one.rank)
    assert Status.CLEAR not in statuses
    assert len(shown.found) == sum(shown.counts.values()) - shown.counts[Status.CLEAR]
    assert shown.next is None


@of("view", ["two teachers and three traits"], indirect=True)
def test_risks_are_narrowed_by_severity_status_and_kind(view: View) -> None:
    survey = view.survey()
    critical = risks.page(survey, risks.Filter(severities=(Severity.CRITICAL,)))
    assert {one.artifact for one in critical.found} == {
        teacher("critic"),
        dataset("preferences"),
        model("student"),
    }
    flagged = risks.page(survey, risks.Filter(statuses=(Status.AFFECTED,), kinds=(ArtifactKind.TEACHER,)))
    assert [one.artifact for one in flagged.found] == [teacher("critic")]


@of("view", ["sixty alike"], indirect=True)
def test_the_pages_of_risks_hold_everything_once(view: View) -> None:
    survey, after, found = view.survey(), None, []
    while True:
        shown = risks.page(survey, risks.Filter(), after)
        found += [one.artifact for one in shown.found]
        after = shown.next
        if after is None:
            break
    assert len(found) == len(set(found)) == sum(survey.counts.values()) - survey.counts[Status.CLEAR]
    lines = list(risks.as_csv(survey, risks.Filter()))
    assert lines[0] == "artifact,trait,status,score,severity,from,flag,steps\n"
    assert {line.partition(",")[0] for line in lines[1:]} == set(map(str, found))


# --- impact, flags, why ------------------------------------------------------------------------------------------------


@of("view", ["sixty alike"], indirect=True)
def test_an_impact_is_paged_counted_and_narrowed(view: View) -> None:
    shown = impact.page(view, "model:owl", "owls")
    assert shown.flags
    assert shown.items.total == sum(shown.counts.values())
    assert shown.items.next == PAGE
    carriers = impact.page(view, "model:owl", "owls", statuses=(Status.CARRIER,))
    assert [one.artifact for one in carriers.items.items] == [dataset("numbers")]
    assert len(list(impact.as_csv(view.impact("model:owl", "owls")))) == shown.items.total + 1


@of("view", ["a measured transfer"], indirect=True)
def test_an_impact_says_that_nothing_is_flagged(view: View) -> None:
    assert impact.page(view, "model:base").flags == ()


@of("view", ["two teachers and three traits"], indirect=True)
def test_flags_are_told_with_what_became_of_them(view: View) -> None:
    shown = flags.page(view)
    assert shown.found.total == 4
    assert shown.counts == {Standing.STANDS: 4, Standing.WITHDRAWN: 0, Standing.EXPIRED: 0}
    assert [one.trait for one in flags.page(view, "overclaiming").found.items] == ["overclaiming"]
    only = shown.found.items[0]
    assert flags.page(view, flag=only.id).found.items == (only,)
    with pytest.raises(UnknownReferenceError, match="no flag 'flag-0'"):
        flags.page(view, flag="flag-0")
    with pytest.raises(UnknownReferenceError, match="no trait 'nix'"):
        flags.page(view, "nix")


def test_a_flag_that_ends_is_told_as_ended_from_that_day_on(registries: dict[str, Registry]) -> None:
    later = registries["two teachers and three traits"].view(as_of=_day(2, 1, year=2027))
    assert [one.trait for one in flags.page(later, states=(Standing.EXPIRED,)).found.items] == ["emoji-lover"]


@of("view", ["a measured transfer"], indirect=True)
def test_why_brings_the_tests_along_that_the_paths_rest_on(view: View) -> None:
    shown = why.page(view, "student", "owls")
    assert shown.found is not None
    named = {id_ for risk in shown.found.risks for step in risk.route for id_ in step.evidence}
    assert named == set(shown.tests)


@of("view", ["two teachers and three traits"], indirect=True)
def test_why_asks_for_the_trait_where_there_are_several(view: View) -> None:
    assert why.page(view, "student").found is None
    assert len(why.page(view, "student").traits) == 3


# --- tests -------------------------------------------------------------------------------------------------------------


@of("view", ["an inconclusive test"], indirect=True)
def test_a_test_is_told_with_the_edges_that_it_bears_on(view: View) -> None:
    ids = {one.fact.test: one.id for one in view.reading.latest_tests(5)}
    shown = evidence.page(view, ids["canary"])
    assert [(edge.parent, edge.child) for edge in shown.edges] == [(dataset("numbers"), model("foreign"))]
    assert shown.told.standing is Standing.STANDS
    behind = evidence.page(view, ids["same-init"])
    assert [(edge.parent, edge.child) for edge in behind.edges] == [(dataset("numbers"), model("foreign"))]


@of("id_", ["evidence-1", "evidence-999", "flag-1", "evidence-", "evidence-1'--", "evidence-٣"])
def test_what_is_no_test_has_no_page(registries: dict[str, Registry], id_: str) -> None:
    with pytest.raises(UnknownReferenceError, match="no test"):
        evidence.page(registries["a measured transfer"].view(), id_)


@of("view", ["an inconclusive test"], indirect=True)
def test_an_audit_counts_what_came_to_no_conclusion_apart(view: View) -> None:
    shown = audit.page(view, owing(view))
    assert shown.progress is not None
    assert shown.tasks is not None
    assert shown.progress.lacking[State.INCONCLUSIVE] == 2
    assert shown.progress.asked == shown.progress.settled + sum(shown.progress.lacking.values())
    assert shown.tasks.total == shown.progress.lacking[State.MISSING]
    assert len(shown.latest) == 2
    above = owing(view, [model("foreign")])
    assert above.progress.asked < shown.progress.asked


def test_an_audit_of_what_is_too_large_says_nothing_of_what_is_owed(tmp_path: Path) -> None:
    with told(tmp_path, STORIES["a measured transfer"]) as registry:
        shown = audit.page(registry.view(), None)
    assert (shown.tasks, shown.progress) == (None, None)
    assert len(shown.latest) == 2


def _day(month: int, day: int, *, year: int = 2026) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)
