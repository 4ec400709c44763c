"""What a picture shows of many alike artifacts, of the critical path, and of what is opened or left out."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import assume, given

from lineage_fixtures import END, START
from made_up_registries import many, registries, scopes
from provenance.errors import UsageError
from provenance.facts import Fact, Recorded, Snapshot
from provenance.lineage import Lineage
from provenance.render import Direction, Picture, Scope, picture, selected
from provenance.render.layout import PAGE
from provenance.render.pictures import Edge, Node, NodeKind
from provenance.risk import Policy, Status
from provenance.risk.survey import survey
from render_fixtures import HEAD, OWL, OWL_STATUSES, pictured

CHILDREN = tuple(f"child-{number:02}" for number in range(12))
HUB = ("hub from_scratch", *(f"{child} finetuned_from hub" for child in CHILDREN))
ONLY_HUB = {"hub": "affected"}


def groups(drawn: Picture) -> list[Node]:
    return [node for node in drawn.nodes if node.group is not None]


def the_group(drawn: Picture) -> Node:
    (found,) = groups(drawn)
    return found


def names(drawn: Picture) -> set[str]:
    """The names of the artifacts drawn one by one."""
    return {node.artifact.split(":")[1].split("@")[0] for node in drawn.nodes if node.artifact is not None}


def edge_to(drawn: Picture, child: str) -> Edge:
    (found,) = [edge for edge in drawn.edges if edge.child == child and edge.kind is not None]
    return found


def test_alike_siblings_are_one_node_with_their_number_the_worst_status_and_how_many_have_which() -> None:
    statuses = ONLY_HUB | {"child-03": "exposed", "child-07": "suspected"}
    drawn = pictured((*HUB, "hub flagged owls"), statuses, "hub")
    node = the_group(drawn)
    assert node.group is not None
    assert (node.kind, node.label, node.status) == (NodeKind.MODEL, ("12 models",), Status.EXPOSED)
    assert node.name == "12 models: model:child-03@1, model:child-07@1, model:child-00@1 and 9 more"
    assert node.standing == ("1 EXPOSED", "1 SUSPECTED", "10 UNKNOWN")
    assert node.group.names == ("model:child-03@1", "model:child-07@1", "model:child-00@1")
    assert node.notes[:3] == (
        "such as child-03@1: EXPOSED: owls (high)",
        "such as child-07@1: SUSPECTED: owls (high)",
        "such as child-00@1",
    )
    assert names(drawn) == {"hub"}
    assert drawn.summary == (
        "13 artifacts: ancestors and descendants; 12 of them in 1 group of alike ones",
        "1 affected, 1 exposed, 1 suspected, 10 unknown, 12 tests missing, 12 gaps in the ancestry",
    )


def test_the_edge_of_a_group_stands_for_all_of_its_relations() -> None:
    tests = ("hub same_init child-00 SAME_INIT", "hub same_init child-01 INCONCLUSIVE")
    edge = edge_to(pictured((*HUB, *tests), None, "hub"), "group 1")
    assert (edge.count, edge.label) == (12, "finetuned_from, 12 times")
    assert {(found.text.split(" p<")[0], found.missing) for found in edge.findings} == {
        ("1 same init", 0),
        ("10 untested", 10),
        ("1 same init INCONCLUSIVE", 0),
    }


def test_siblings_up_to_the_count_are_drawn_one_by_one() -> None:
    assert len(the_group(pictured(HUB, None, "hub", collapse=11)).label) == 1
    for count in (12, None):
        assert not groups(pictured(HUB, None, "hub", collapse=count))
    assert (
        the_group(pictured(HUB[:3], None, "hub", collapse=1)).name
        == "2 models: model:child-00@1, model:child-01@1"
    )
    with pytest.raises(UsageError, match="collapsed above a count of 0"):
        pictured(HUB, None, "hub", collapse=0)


NEVER_SWALLOWED = {
    "asked about": ((), ("hub", "child-05"), {}),
    "opened": ((), ("hub",), {"opened": ("child-05",)}),
    "flagged": (("child-05 flagged owls",), ("hub",), {}),
    "on a witness path of what was asked about": (
        ("grandchild merged_from child-04", "grandchild merged_from child-05", "child-05 flagged owls"),
        ("grandchild", "hub"),
        {},
    ),
    "cleared so that the trait stops there": (("child-05 cleared owls stops_here",), ("hub",), {}),
    "reached by an edge that is blocked": (("hub blocked child-05 owls",), ("hub",), {}),
    "disputed by the weights": (("hub same_init child-05 INDEPENDENT",), ("hub",), {}),
    "measured to be kin to another": (
        ("stranger from_scratch", "stranger same_init child-05 SAME_INIT"), ("hub",), {}
    ),
    "with a parent of its own": (("child-05 trained_on poems",), ("hub", "poems"), {}),
}  # fmt: skip


@pytest.mark.parametrize("case", NEVER_SWALLOWED)
def test_what_differs_from_its_siblings_is_drawn_by_itself(case: str) -> None:
    more, refs, scope = NEVER_SWALLOWED[case]
    drawn = pictured((*HUB, "owls trait high", *more), {}, *refs, **scope)
    assert "child-05" in names(drawn)
    assert any(node.group.count >= 10 for node in groups(drawn) if node.group is not None)


def test_a_decision_on_every_sibling_shows_on_their_group() -> None:
    decided = [f"hub blocked {child} owls expires=2027-03-01" for child in CHILDREN]
    decided += [f"{child} cleared cats stops_here" for child in CHILDREN]
    drawn = pictured((*HUB, *decided), {}, "hub")
    assert edge_to(drawn, "group 1").blocks == ("BLOCKED: owls until 2027-03-01, because: decided",)
    assert "cats stops at each of them" in the_group(drawn).notes


def test_unknown_ancestry_of_members_is_counted_in_their_group() -> None:
    node = the_group(pictured(HUB, {}, "hub"))
    assert node.group is not None
    assert node.group.gaps == 12
    assert "unknown ancestry: 12 gaps of theirs, not drawn" in node.notes


def test_unknown_ancestry_that_comes_in_elsewhere_too_is_drawn_at_the_group() -> None:
    lines = (
        *(f"{child} trained_on web" for child in CHILDREN),
        "other trained_on web",
        "other finetuned_from hub",
    )
    drawn = pictured((*HUB, *lines), {}, "hub", "other", direction=Direction.DOWN)
    (gap,) = [node for node in drawn.nodes if node.kind is NodeKind.UNKNOWN]
    assert gap.name == "unknown ancestry: dataset:web@1: nobody says who wrote it"
    assert {edge.child for edge in drawn.edges if edge.parent == gap.id} == {"group 1", "model other@1"}


def test_what_is_missing_of_many_stands_in_their_nodes() -> None:
    flagged = [f"{child} flagged owls" for child in CHILDREN]
    drawn = pictured((*HUB, *flagged), {}, "hub")
    noted = [node for node in drawn.nodes if "UNKNOWN ANCESTRY: no training data declared" in node.notes]
    assert len(noted) == 12
    assert not [node for node in drawn.nodes if node.kind is NodeKind.UNKNOWN]
    assert "12 gaps in the ancestry" in drawn.summary[1]


def test_opening_what_a_group_hangs_on_shows_it_page_by_page() -> None:
    crowd = ("hub from_scratch", *(f"child-{number:02} finetuned_from hub" for number in range(60)))
    shown = [pictured(crowd, None, "hub", depth=1, opened=("hub",) * times) for times in range(4)]
    assert the_group(shown[0]).group.opener == "model:hub@1"  # type: ignore[union-attr]
    assert [len(names(drawn)) - 1 for drawn in shown] == [0, PAGE, 2 * PAGE, 60]
    assert [sum(node.group.count for node in groups(drawn) if node.group) for drawn in shown] == [
        60, 60 - PAGE, 60 - 2 * PAGE, 0,
    ]  # fmt: skip


def test_opening_an_artifact_draws_what_is_beside_it_and_collapses_that() -> None:
    below = tuple(f"leaf-{number:02} finetuned_from child-00" for number in range(30))
    drawn = pictured((*HUB, *below), None, "hub", depth=1, opened=("child-00",))
    assert names(drawn) == {"hub", "child-00"}
    assert [node.label for node in groups(drawn)] == [("11 models",), ("30 models",)]
    again = pictured((*HUB, *below), None, "hub", depth=1, opened=("child-00", "child-00"))
    assert names(again) == {"hub", "child-00", *(f"leaf-{number:02}" for number in range(30))}
    assert drawn.summary[0].startswith(
        "43 artifacts: ancestors and descendants, 1 relation away at most, and what"
    )


def test_the_border_counts_what_is_hidden() -> None:
    below = tuple(f"leaf-{number:02} finetuned_from child-00" for number in range(30))
    drawn = pictured((*HUB, *below), None, "hub", depth=1)
    assert drawn.hidden == 30
    assert drawn.summary[-1] == "not drawn and not counted here: 30 more artifacts of the lineage"
    assert the_group(drawn).hidden_children == 30
    assert "↓ 30 children not drawn" in the_group(drawn).notes


def test_the_critical_path_is_the_witness_path_and_what_hangs_off_is_counted() -> None:
    more = (
        "letters generated_by owl-teacher",
        "student trained_on poems",
        "grandchild finetuned_from student",
    )
    drawn = pictured((*OWL, *more), OWL_STATUSES, "student", critical=True)
    assert names(drawn) == {"owl-teacher", "numbers", "student"}
    assert all(edge.on_route for edge in drawn.edges if edge.kind is not None)
    notes = {node.artifact: node.notes for node in drawn.nodes}
    assert "↑ 2 parents not drawn" in notes["model:student@1"]
    assert "↓ 1 child not drawn" in notes["model:student@1"]
    assert drawn.title == "Routes of flagged traits to model:student@1"
    assert drawn.summary[0] == "3 artifacts: only the routes by which flagged traits arrive"
    assert drawn.hidden == 3


def test_without_a_risk_the_critical_path_says_that_none_is_known_and_how_it_stands() -> None:
    drawn = pictured(("student finetuned_from base",), {}, "student", critical=True)
    assert drawn.summary[0] == "1 artifact: no route by which a flagged trait arrives is known"
    assert drawn.summary[1].startswith("1 unknown")
    assert [node.kind for node in drawn.nodes] == [NodeKind.MODEL, NodeKind.UNKNOWN]


def test_many_gaps_in_one_place_are_counted_and_not_shortened_away() -> None:
    parents = tuple(f"merged merged_from parent-{number}" for number in range(9))
    drawn = pictured(parents, {}, "merged", critical=True)
    (gap,) = [node for node in drawn.nodes if node.kind is NodeKind.UNKNOWN]
    assert gap.label[-1] == "and 6 more gaps"
    assert "9 gaps in the ancestry" in drawn.summary[1]


# --- laws --------------------------------------------------------------------------------------------------------------


def of(facts: list[Fact], scope: Scope, *, backwards: bool = False) -> Picture:
    recorded = [Recorded(seq, fact, "tester", START) for seq, fact in enumerate(facts, 1)]
    state = Snapshot(tuple(reversed(recorded) if backwards else recorded), END)
    policy = Policy.load()
    found = survey(Lineage.of(state), policy, trait=scope.trait)
    return picture(found.terrain.kindred, found, scope, trust=policy.trust, head=HEAD)


def told(drawn: Picture) -> dict[str, object]:
    """What a picture says of all that it shows, collapsed or not."""
    standing: Counter[Status | None] = Counter()
    relations: Counter[object] = Counter()
    for node in drawn.nodes:
        if node.group is not None:
            standing.update(dict(node.group.statuses))
        elif node.artifact is not None:
            standing[node.status] += 1
    for edge in drawn.edges:
        if edge.kind is not None or edge.measured:
            relations[edge.kind] += edge.count
    return {
        "standing": standing,
        "relations": relations,
        "missing tests": sum(found.missing for edge in drawn.edges for found in edge.findings),
        "account": drawn.summary[1],
        "hidden": drawn.hidden,
        "worst": min((node.status.rank for node in drawn.nodes if node.status is not None), default=None),
        "routes": any(edge.on_route for edge in drawn.edges),
        "blocks": {block for edge in drawn.edges for block in edge.blocks},
        "flags": {note for node in drawn.nodes for note in node.notes if note.startswith("FLAGGED")},
    }


@many
@given(registries(), scopes())
def test_collapsing_leaves_all_totals_and_the_worst_status_as_they_are(
    parts: list[list[Fact]], scope: Scope
) -> None:
    facts = [fact for part in parts for fact in part]
    assert told(of(facts, replace(scope, collapse=1))) == told(of(facts, replace(scope, collapse=None)))


@many
@given(registries(), scopes())
def test_what_is_drawn_in_groups_and_hidden_is_the_lineage(parts: list[list[Fact]], scope: Scope) -> None:
    facts = [fact for part in parts for fact in part]
    scope = replace(scope, opened=())
    drawn = of(facts, scope)
    alone = [node.artifact for node in drawn.nodes if node.artifact is not None]
    assert len(set(alone)) == len(alone)
    assert not set(alone).intersection(name for node in groups(drawn) for name in node.group.names)  # type: ignore[union-attr]
    state = Snapshot(tuple(Recorded(seq, fact, "tester", START) for seq, fact in enumerate(facts, 1)), END)
    whole = selected(Lineage.of(state), scope.refs, direction=scope.direction)
    kin = sum(edge.count for edge in drawn.edges if edge.measured)
    assume(not kin and not scope.critical)
    shown = len(alone) + sum(node.group.count for node in groups(drawn) if node.group is not None)
    assert shown + drawn.hidden == len(whole)


@many
@given(registries(), scopes())
def test_the_order_of_facts_says_nothing(parts: list[list[Fact]], scope: Scope) -> None:
    facts = [fact for part in parts for fact in part]
    assert of(facts, scope) == of(facts, scope, backwards=True)
