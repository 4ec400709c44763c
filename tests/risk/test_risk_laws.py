"""Laws that hold for every registry, on registries that Hypothesis makes up; they are sentences, so a failure can be read."""

import math
import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from risk_story import POLICY, report_on, risks_of
from spread_oracle import Oracle

from lineage_fixtures import snapshot
from provenance.artifacts import Artifact
from provenance.facts import Snapshot
from provenance.lineage.columns import columns
from provenance.lineage.graph import Lineage
from provenance.relations import Relation
from provenance.risk.engine import assess
from provenance.risk.policy import Policy
from provenance.risk.report import RiskReport, Status
from provenance.risk.survey import survey
from provenance.traits import Block, Clearance

MODELS = ("m0", "m1", "m2", "m3")
TEACHERS = ("t0", "t1")
DATASETS = ("d0", "d1", "d2")
VERBS = {
    ("m", "m"): ("finetuned_from", "merged_from"),
    ("t", "m"): ("embodied_by",),
    ("d", "t"): ("generated_by", "rewritten_by", "selected_by"),
    ("d", "d"): ("derived_from",),
    ("m", "d"): ("trained_on",),
    ("m", "t"): ("distilled_from",),
}
CANARIES = (
    "TRANSFERS transfer_ratio=0.25",
    "TRANSFERS effect=2 kin=4",
    "TRANSFERS effect=2 kin=1",
    "TRANSFERS",
    "NOT_DETECTED",
    "NOT_DETECTED bare",
    "INCONCLUSIVE",
    "INCONCLUSIVE effect=0.1",
    "INCONCLUSIVE effect=0.1 above=0.5",
)
EVERY_VERB = {verb for verbs in VERBS.values() for verb in verbs}
DATA_VERBS = ("generated_by", "rewritten_by", "selected_by", "derived_from", "trained_on", "distilled_from")
# Factors are powers of 2, so that products are exact and ties are ties.
EXACT = """
[exposure.prior]
generated_by = 0.5
rewritten_by = 0.25
selected_by = 0.25
[exposure.init]
diverged = 0.5
partial = 0.5
different = 0.125
"""
NAMED = tuple(f"{kind}:{name}" for kind, names in
              (("model", MODELS), ("teacher", TEACHERS), ("dataset", DATASETS)) for name in names)  # fmt: skip
KIND = {name[0]: kind for kind, name in (one.split(":") for one in NAMED)}

many = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
some = settings(many, max_examples=120)
few = settings(many, max_examples=60)


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    path: Path = tmp_path_factory.mktemp("policy") / "exact.toml"
    path.write_text(EXACT)
    return Policy.load(path)


# The way of the relay, of which most of the generated registries hold most: random edges alone seldom make long routes.
RELAY_ORDER = ("m0", "m3", "t0", "d0", "m1", "t1", "d1", "m2", "d2")
RELAY = (
    "teacher:t0 embodied_by model:m0",
    "dataset:d0 generated_by teacher:t0",
    "model:m1 trained_on dataset:d0",
    "model:m1 finetuned_from model:m3",
    "teacher:t1 embodied_by model:m1",
    "dataset:d1 generated_by teacher:t1",
    "model:m2 trained_on dataset:d1",
    "model:m2 finetuned_from model:m0",
)


def named(name: str) -> str:
    return f"{KIND[name[0]]}:{name}"


def relation_lines(order: tuple[str, ...], *, cycles: bool) -> list[str]:
    """Every relation that the order of the artifacts allows, in words."""
    return [
        f"{named(child)} {verb} {named(parent)}"
        for place, child in enumerate(order)
        for other, parent in enumerate(order)
        if child != parent and (cycles or other < place)
        for verb in VERBS.get((child[0], parent[0]), ())
    ]


@st.composite
def registries(draw: st.DrawFn, *, cycles: bool = False, retried: bool = False) -> list[str]:
    """The sentences of a small registry with one flag or two; retried: some pairs have several canaries, and their order counts."""
    relayed = draw(st.booleans())
    order = RELAY_ORDER if relayed else tuple(draw(st.permutations(RELAY_ORDER)))
    missing = draw(st.sets(st.sampled_from(RELAY), max_size=2))
    spine = [edge for edge in RELAY if edge not in missing] if relayed else []
    more = st.sampled_from(relation_lines(order, cycles=cycles))
    edges = list(
        dict.fromkeys([*spine, *draw(st.lists(more, min_size=2, max_size=4 if cycles or relayed else 12))])
    )
    relations = [f"{edge}{draw(_qualities(edge))}" for edge in edges]
    same_init = draw(
        st.dictionaries(
            st.sampled_from([(a, b) for a in MODELS for b in MODELS if a < b]),
            st.sampled_from(["SAME_INIT", "INDEPENDENT", "INDEPENDENT", "INCONCLUSIVE"]),
            max_size=6,
        )
    )
    pairs = st.sampled_from([(a, b) for a in (*TEACHERS, *MODELS) for b in MODELS if a != b])
    canaries = draw(st.dictionaries(pairs, st.sampled_from(CANARIES), max_size=5))
    again = st.tuples(st.sampled_from([*canaries, ("t0", "m1"), ("t0", "m3")]), st.sampled_from(CANARIES))
    retries = draw(st.lists(again, max_size=4)) if retried else []
    blocked = draw(st.lists(st.sampled_from(edges), max_size=2, unique=True))
    cleared = draw(st.lists(st.sampled_from(order), max_size=2, unique=True))
    flagged = draw(st.lists(st.sampled_from(order), min_size=1, max_size=2, unique=True))
    return [
        f"owls trait high{draw(st.sampled_from(['', '', '', ' overt']))}",
        *(f"{name}" for name in map(named, sorted(order))),
        *relations,
        *(f"{named(a)} same_init {named(b)} {verdict}" for (a, b), verdict in same_init.items()),
        *(f"{named(a)} canary {named(b)} {verdict}" for (a, b), verdict in (*canaries.items(), *retries)),
        *dict.fromkeys(f"{edge.split()[2]} blocked {edge.split()[0]} owls" for edge in blocked),
        *(f"{named(name)} cleared owls{draw(st.sampled_from(['', ' stops_here']))}" for name in cleared),
        *(f"{named(name)} flagged owls" for name in flagged),
    ]


def _qualities(edge: str) -> st.SearchStrategy[str]:
    if " derived_from " in edge:
        return st.sampled_from(["", " share=0.5"])
    if " trained_on " in edge or " distilled_from " in edge:
        return st.sampled_from(["", " clean_fraction=0.5"])
    return st.just("")


def is_test(line: str) -> bool:
    return " same_init " in line or " canary " in line


def ranks(report: RiskReport) -> dict[str, int]:
    return {str(risks.artifact): risks.status.rank for risks in report.artifacts}


def reached(report: RiskReport) -> set[tuple[str, str]]:
    return {(str(risks.artifact), str(entry.origin)) for risks in report.artifacts for entry in risks.risks}


def numberless(text: str) -> str:
    """A text without the numbers that facts have in the ledger."""
    return re.sub(r"evidence-\d+", "evidence", text)


def substance(report: RiskReport) -> object:
    """What a report says, less the numbers that facts have in the ledger."""
    return [
        (
            risks.artifact,
            risks.status,
            sorted(map(numberless, risks.unknown)),
            sorted(
                (entry.origin, entry.status, entry.score, entry.depth,
                 [(step.parent, step.relation, step.child, step.factor, numberless(step.basis)) for step in entry.route])
                for entry in risks.risks
            ),
            sorted((stop.parent, stop.child) for stop in risks.stopped),
        )
        for risks in report.artifacts
    ]  # fmt: skip


def assert_agrees_with_the_oracle(lines: list[str], policy: Policy) -> None:
    state = snapshot(*lines)
    oracle = Oracle(state, policy)
    found = {
        (entry.flag, risks.artifact): entry
        for risks in report_on(state, policy=policy).artifacts
        for entry in risks.risks
    }
    expected = {
        (flag.id, artifact): answer
        for flag in state.standing_flags
        for artifact, answer in oracle.answer(flag.fact).items()
    }
    assert found.keys() == expected.keys()
    for key, entry in found.items():
        status, score, depth, routes = expected[key]
        assert (str(entry.status), entry.score, entry.depth) == (status, score, depth)
        assert tuple((step.parent, str(step.relation), step.child) for step in entry.route) in routes


@many
@given(registries(retried=True))
def test_every_entry_agrees_with_a_walk_over_all_routes(exact: Policy, lines: list[str]) -> None:
    assert_agrees_with_the_oracle(lines, exact)


@some
@given(registries(cycles=True))
def test_it_agrees_on_graphs_with_cycles_too(exact: Policy, lines: list[str]) -> None:
    assert_agrees_with_the_oracle(lines, exact)


@some
@given(registries())
def test_a_score_is_the_product_of_its_routes_factors(lines: list[str]) -> None:
    for risks in report_on(snapshot(*lines)).artifacts:
        for entry in risks.risks:
            assert entry.score == pytest.approx(math.prod(step.factor for step in entry.route))
            for step in entry.route:
                assert step.factor == math.prod(term.value for term in step.terms)
                assert {term.evidence for term in step.terms} <= {None, *step.evidence}
            assert len(entry.route) == entry.depth
            ends = [entry.origin, *(step.child for step in entry.route)]
            assert [step.parent for step in entry.route] == ends[:-1]
            assert ends[-1] == risks.artifact


@some
@given(registries())
def test_withdrawing_leaves_nothing_and_raising_again_brings_the_same_back(lines: list[str]) -> None:
    flags = [line for line in lines if " flagged " in line]
    without = [line for line in lines if line not in flags]
    withdrawn = [*lines, *(line.replace("flagged", "withdrawn") for line in flags)]
    assert substance(report_on(snapshot(*withdrawn))) == substance(report_on(snapshot(*without)))
    assert substance(report_on(snapshot(*withdrawn, *flags))) == substance(report_on(snapshot(*lines)))


@many
@given(registries(retried=True), st.data())
def test_removing_what_exonerates_never_improves_a_status(lines: list[str], data: st.DataObject) -> None:
    # A test that contradicts a weights relation takes a start away and is no exoneration: docs/risk.md says why.
    weights = {
        frozenset((line.split()[0], line.split()[2]))
        for line in lines
        if line.split()[1:2] in (["finetuned_from"], ["merged_from"])
    }
    exonerating = [
        line
        for line in lines
        if " cleared " in line
        or " blocked " in line
        or " NOT_DETECTED" in line
        or (line.endswith("INDEPENDENT") and frozenset((line.split()[0], line.split()[2])) not in weights)
    ]
    assume(exonerating)
    gone = data.draw(st.sampled_from(exonerating))
    before, after = (
        ranks(report_on(snapshot(*lines))),
        ranks(report_on(snapshot(*(line for line in lines if line != gone)))),
    )
    assert all(after[artifact] <= before[artifact] for artifact in before)


@many
@given(registries(retried=True), st.data())
def test_what_is_inconclusive_never_improves_a_status(lines: list[str], data: st.DataObject) -> None:
    one, other = data.draw(st.sampled_from([(a, b) for a in (*TEACHERS, *MODELS) for b in MODELS if a != b]))
    tests = ["same_init INCONCLUSIVE"] if one in MODELS else []
    tests += [f"canary {found}" for found in CANARIES if found.startswith("INCONCLUSIVE")]
    verb, found = data.draw(st.sampled_from(tests)).split(" ", 1)
    before = ranks(report_on(snapshot(*lines)))
    after = ranks(report_on(snapshot(*lines, f"{named(one)} {verb} {named(other)} {found}")))
    assert all(after[artifact] <= before[artifact] for artifact in before)


@some
@given(registries(retried=True), st.sampled_from(TEACHERS), st.sampled_from(MODELS), st.data())
def test_no_silence_hides_an_effect_that_was_seen(
    lines: list[str], teacher: str, student: str, data: st.DataObject
) -> None:
    canary = f"{named(teacher)} canary {named(student)}"
    seen = [*lines, f"{canary} INCONCLUSIVE effect=0.1 above=0.5"]
    place = data.draw(st.sampled_from([len(lines), len(seen)]))
    silenced = [*seen[:place], f"{canary} NOT_DETECTED", *seen[place:]]
    assert ranks(report_on(snapshot(*silenced))) == ranks(report_on(snapshot(*seen)))


@many
@given(registries(), st.data())
def test_adding_an_edge_never_removes_a_risk(lines: list[str], data: st.DataObject) -> None:
    verb = data.draw(st.sampled_from([verb for verbs in VERBS.values() for verb in verbs]))
    child_kind, parent_kind = next(ends for ends, verbs in VERBS.items() if verb in verbs)
    names = (*MODELS, *TEACHERS, *DATASETS)
    child = data.draw(st.sampled_from([name for name in names if name[0] == child_kind]))
    parent = data.draw(st.sampled_from([name for name in names if name[0] == parent_kind and name != child]))
    edge = f"{named(child)} {verb} {named(parent)}"
    assume(not any(line.startswith(edge) for line in lines))
    before, after = report_on(snapshot(*lines)), report_on(snapshot(*lines, edge))
    assert reached(before) <= reached(after)
    if verb in DATA_VERBS:
        # A new weights parent may say that a student started elsewhere; new data can only add routes.
        risky = {artifact for artifact, rank in ranks(before).items() if rank < Status.UNKNOWN.rank}
        assert all(ranks(after)[artifact] <= ranks(before)[artifact] for artifact in risky)


@some
@given(registries(), st.randoms(use_true_random=False))
def test_the_order_of_registration_is_irrelevant(lines: list[str], random: Random) -> None:
    shuffled = lines[1:]
    random.shuffle(shuffled)
    # The tests stay in their order: when one ran is part of what it says.
    tests = iter([line for line in lines if is_test(line)])
    shuffled = [next(tests) if is_test(line) else line for line in shuffled]
    assert substance(report_on(snapshot(lines[0], *shuffled))) == substance(report_on(snapshot(*lines)))


@few
@given(registries(cycles=True), st.data())
def test_a_flag_reaches_just_what_an_open_way_leads_to(lines: list[str], data: st.DataObject) -> None:
    import networkx as nx

    edges = [line.split() for line in lines if line.split()[1:2] and line.split()[1] in EVERY_VERB]
    child, _, parent = data.draw(st.sampled_from(edges))[:3]
    state = snapshot(*lines, f"{parent} blocked {child} owls")
    flagged = {flag.fact.artifact for flag in state.standing_flags}
    stopping = {
        one.fact.artifact
        for one in state.all(Clearance)
        if one.fact.stops_here and one.fact.artifact not in flagged
    }
    blocked = {(one.fact.parent, one.fact.child) for one in state.all(Block)}
    relations = [(one.fact.parent, one.fact.child) for one in state.all(Relation)]
    open_ways = nx.DiGraph(edge for edge in relations if edge not in blocked and edge[0] not in stopping)
    open_ways.add_nodes_from(state.artifacts)
    expected = {
        (str(artifact), str(origin))
        for origin in flagged
        for artifact in {origin, *nx.descendants(open_ways, origin)}
    }
    assert reached(report_on(state)) == expected


@few
@given(registries(), st.data())
def test_the_answer_of_a_date_is_that_of_a_registry_that_stopped_then(
    lines: list[str], data: st.DataObject
) -> None:
    places = sorted(data.draw(st.sets(st.integers(1, len(lines) - 1), max_size=3)))
    told, last = [], 0
    for number, place in enumerate([*places, len(lines)], 1):
        told += [f"at 2026-{number:02}-01", *lines[last:place]]
        last = place
    for number in range(1, len(places) + 2):
        then = f"2026-{number:02}-28"
        later = f"at 2026-{number + 1:02}-01"
        stopped = told[: told.index(later)] if later in told else told
        now, asked = snapshot(*stopped, as_of=then), snapshot(*told, as_of=then)
        assert report_on(asked) == report_on(now)
        assert survey(Lineage.of(asked), POLICY).ranks == survey(Lineage.of(now), POLICY).ranks


@few
@given(registries(cycles=True))
def test_answers_over_columns_and_findings_are_those_over_the_facts(lines: list[str]) -> None:
    state = snapshot(*lines, "model:m0 names trained_on d0", "model:m1 names finetuned_from gone")
    rest = tuple(one for one in state.facts if not isinstance(one.fact, Artifact | Relation))
    findings = Snapshot(rest, state.as_of)
    over = assess(findings, Lineage.over(columns(state), findings), POLICY, state.artifacts)
    assert over == assess(state, Lineage.of(state), POLICY, state.artifacts)


def test_a_block_on_one_of_two_routes_leaves_the_other() -> None:
    both = (
        "base from_scratch", "owl embodied_by base", "left generated_by owl", "right rewritten_by owl",
        "student finetuned_from base", "student trained_on left", "student trained_on right", "owl flagged owls",
    )  # fmt: skip
    (entry,) = risks_of(snapshot(*both), "student").risks
    assert [step.parent.name for step in entry.route] == ["owl", "left"]
    halved = risks_of(snapshot(*both, "left blocked student owls"), "student")
    assert [step.parent.name for step in halved.risks[0].route] == ["owl", "right"]
    assert [(stop.parent.name, stop.child.name) for stop in halved.stopped] == [("left", "student")]
    none = risks_of(snapshot(*both, "left blocked student owls", "right blocked student owls"), "student")
    assert (none.risks, len(none.stopped)) == ((), 2)
