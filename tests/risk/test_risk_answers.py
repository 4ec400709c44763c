"""Answers: what was stopped, `explain`, `impact`, the gate."""

from pathlib import Path

import pytest
from risk_story import FOREIGN, INDEPENDENT, OWL, POLICY, RELAY, named, report_on, risks_of

from lineage_fixtures import model, snapshot, teacher
from provenance.artifacts import ArtifactId
from provenance.errors import UnknownReferenceError
from provenance.facts import Snapshot
from provenance.lineage.graph import Lineage
from provenance.risk.engine import assess, explain, impact
from provenance.risk.gate import check
from provenance.risk.policy import Policy
from provenance.risk.report import Check


def stops(state: Snapshot, name: str) -> list[tuple[str, str, str]]:
    return [(stop.parent.name, stop.child.name, stop.reason) for stop in risks_of(state, name).stopped]


def test_a_block_shows_on_everything_that_it_keeps_the_trait_from() -> None:
    state = snapshot(*OWL, "small quantized_from student", "numbers blocked student owls")
    expected = [("numbers", "student", "decided")]
    assert stops(state, "student") == stops(state, "small") == expected
    assert stops(state, "numbers") == stops(state, "base") == []
    (stop,) = risks_of(state, "small").stopped
    assert (stop.trait, stop.by) == ("owls", state.standing_blocks[0].id)


def test_a_block_shows_beside_a_route_that_stays_open() -> None:
    state = snapshot(
        *OWL, "copy derived_from numbers", "student trained_on copy", "numbers blocked student owls"
    )
    risks = risks_of(state, "student")
    assert [step.parent.name for step in risks.risks[0].route] == ["owl", "numbers", "copy"]
    assert [stop.parent.name for stop in risks.stopped] == ["numbers"]


def test_a_block_that_nothing_runs_into_is_not_shown() -> None:
    state = snapshot(*OWL, "numbers blocked student owls", "owl blocked numbers owls")
    assert stops(state, "student") == [("owl", "numbers", "decided")]


def test_a_block_that_has_expired_is_not_shown() -> None:
    state = snapshot(*OWL, "numbers blocked student owls expires=2026-02-01")
    assert stops(state, "student") == []


def test_a_clearance_that_stops_here_shows_on_the_descendants_only() -> None:
    state = snapshot(*OWL, "small quantized_from student", "student cleared owls stops_here")
    assert stops(state, "small") == [("student", "student", "tested")]
    assert stops(state, "student") == []


def test_of_two_clearances_the_one_that_stops_here_counts() -> None:
    state = snapshot(
        *OWL, "small quantized_from student", "student cleared owls", "student cleared owls stops_here"
    )
    assert risks_of(state, "small").status.value == "clear"
    assert "clearance" in risks_of(state, "student").risks[0].rule


def test_the_entry_of_a_cleared_artifact_says_where_it_stood_without() -> None:
    state = snapshot(*OWL, "student cleared owls")
    (entry,) = risks_of(state, "student").risks
    assert entry.rule.endswith("otherwise exposed: shares the initialisation of the trait's origin")
    assert len(entry.route) == 2


def test_explain_tells_of_one_trait_only() -> None:
    state = snapshot(
        *OWL, "cats trait low", "owl flagged cats", "owls2 trait low", "numbers blocked student cats"
    )
    lineage, student = Lineage.of(state), model("student")
    assert [entry.trait for entry in explain(state, lineage, POLICY, student, "owls").risks] == ["owls"]
    about_cats = explain(state, lineage, POLICY, student, "cats")
    assert (about_cats.risks, len(about_cats.stopped), about_cats.status.value) == ((), 1, "clear")


def test_entries_come_worst_first_then_by_severity_then_by_score() -> None:
    state = snapshot(
        *OWL,
        *FOREIGN,
        "mild trait low",
        "grave trait critical",
        "owl flagged mild",
        "owl flagged grave",
        "foreign flagged mild",
    )
    found = [(str(entry.status), entry.trait) for entry in risks_of(state, "foreign").risks]
    assert found == [
        ("affected", "mild"),
        ("suspected", "grave"),
        ("suspected", "owls"),
        ("suspected", "mild"),
    ]


def test_an_artifact_that_is_not_recorded_is_an_error() -> None:
    state = snapshot(*OWL)
    with pytest.raises(UnknownReferenceError, match="model:nobody@1 is not recorded"):
        assess(state, Lineage.of(state), POLICY, [model("nobody")])


def test_a_trait_that_is_not_recorded_is_an_error_and_not_clear() -> None:
    state = snapshot(*OWL)
    with pytest.raises(UnknownReferenceError, match="there is no trait 'owl'"):
        explain(state, Lineage.of(state), POLICY, model("student"), "owl")
    with pytest.raises(UnknownReferenceError, match="there is no trait 'owl'"):
        impact(state, Lineage.of(state), POLICY, model("student"), "owl")


def downstream(
    state: Snapshot, source: ArtifactId, trait: str | None = None
) -> list[tuple[str, str, int, str]]:
    found = impact(state, Lineage.of(state), POLICY, source, trait)
    return [(item.artifact.name, str(item.status), item.depth, item.via.name) for item in found.items]


def test_impact_lists_what_a_flag_would_reach_worst_and_nearest_first() -> None:
    state = snapshot(*OWL[:-1], *RELAY, INDEPENDENT)
    assert downstream(state, teacher("owl")) == [
        ("student", "exposed", 2, "numbers"),
        ("grandchild", "exposed", 5, "echo"),
        ("numbers", "carrier", 1, "owl"),
        ("foreign", "carrier", 2, "numbers"),
        ("relay", "carrier", 3, "foreign"),
        ("echo", "carrier", 4, "relay"),
    ]


def test_impact_of_a_trait_hears_its_blocks_and_clearances_and_without_a_trait_none() -> None:
    state = snapshot(*OWL, "numbers blocked student owls", "numbers cleared owls")
    assert downstream(state, teacher("owl"), "owls") == [("numbers", "cleared", 1, "owl")]
    assert [item[:2] for item in downstream(state, teacher("owl"))] == [
        ("student", "exposed"),
        ("numbers", "carrier"),
    ]


def test_impact_takes_the_source_to_be_flagged_even_if_it_was_cleared() -> None:
    state = snapshot(*OWL, "student cleared owls stops_here", "small quantized_from student")
    assert downstream(state, model("student"), "owls") == [("small", "exposed", 1, "student")]


def gate(state: Snapshot, name: str, policy: Policy = POLICY) -> Check:
    (answer,) = check(report_on(state, [name], policy), policy, Lineage.of(state))
    return answer


def violations(answer: Check) -> list[tuple[str, str | None]]:
    return [(one.kind, None if one.status is None else str(one.status)) for one in answer.violations]


@pytest.mark.parametrize(
    ("severity", "refused"),
    [
        ("low", ["affected"]),
        ("medium", ["affected", "exposed"]),
        ("high", ["affected", "exposed", "suspected"]),
        ("critical", ["affected", "exposed", "suspected", "carrier"]),
    ],
)
def test_the_gate_refuses_by_severity_and_status(severity: str, refused: list[str]) -> None:
    state = snapshot(f"owls trait {severity}", *OWL, *FOREIGN)
    held = [name for name in ("owl", "student", "foreign", "numbers") if not gate(state, name).passed]
    assert [risks_of(state, name).status.value for name in held] == refused


def test_the_gate_names_trait_flag_and_reason() -> None:
    state = snapshot(*OWL)
    answer = gate(state, "student")
    (violation,) = answer.violations
    assert (violation.kind, violation.trait, violation.flag) == ("risk", "owls", state.standing_flags[0].id)
    assert violation.message == (
        "exposed: owls (high) from teacher:owl@1: shares the initialisation of the trait's origin"
    )
    assert answer.policy_digest == POLICY.digest
    assert answer.as_of == state.as_of


def test_the_gate_lets_the_cleared_and_the_clear_through() -> None:
    state = snapshot(*OWL, "student cleared owls")
    assert gate(state, "student").passed
    assert gate(state, "base").passed


def test_the_gate_refuses_what_is_unknown_contradicted_or_partial_unless_the_policy_allows_it(
    tmp_path: Path,
) -> None:
    unknown = snapshot("stranger")
    contradicted = snapshot(
        "base from_scratch", "heir converted_from base", "base same_init heir INDEPENDENT"
    )
    whole = snapshot(*OWL[:-1])
    partial = Snapshot(
        tuple(one for one in whole.facts if getattr(one.fact, "id", None) != model("base")), whole.as_of
    )
    assert violations(gate(unknown, "stranger")) == [("unknown", None)]
    assert violations(gate(contradicted, "heir")) == [("contradiction", None)]
    assert ("partial", None) in violations(gate(partial, "numbers"))
    file = tmp_path / "lenient.toml"
    file.write_text('[gate]\nunknown = "report"\ncontradictions = "report"\npartial = "ignore"\n')
    lenient = Policy.load(file)
    assert all(
        gate(state, name, lenient).passed
        for state, name in ((unknown, "stranger"), (contradicted, "heir"), (partial, "numbers"))
    )


def test_a_contradiction_anywhere_in_the_ancestry_holds_back() -> None:
    state = snapshot(
        "base from_scratch",
        "heir converted_from base",
        "base same_init heir INDEPENDENT",
        "tuned quantized_from heir",
    )
    (violation,) = gate(state, "tuned").violations
    assert (
        violation.message
        == "model:heir@1 converted_from model:base@1: the weights say otherwise (evidence-4)"
    )


def test_what_the_policy_trusts_needs_no_ancestry(tmp_path: Path) -> None:
    file = tmp_path / "trust.toml"
    file.write_text('[roots]\ntrusted = ["model:meta/*"]\n')
    trusting = Policy.load(file)
    state = snapshot("heir finetuned_from meta/llama", "heir trained_on poems", "poems authored")
    assert risks_of(state, "heir").status.value == "unknown"
    assert risks_of(state, "heir", trusting).status.value == "clear"
    assert "model:meta/llama@1: trusted by the policy" in risks_of(state, "heir", trusting).roots


def test_a_flag_above_a_trusted_root_is_spread_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "trust.toml"
    file.write_text('[roots]\ntrusted = ["base"]\n')
    state = snapshot("base finetuned_from older", "heir converted_from base", "older flagged owls")
    assert risks_of(state, "heir", Policy.load(file)).status.value == "exposed"


def test_a_policy_may_ask_for_the_data_of_models_from_scratch(tmp_path: Path) -> None:
    file = tmp_path / "strict.toml"
    file.write_text('[roots]\nfrom_scratch_without_data = "unknown"\n')
    risks = risks_of(snapshot("base from_scratch"), "base", Policy.load(file))
    assert risks.unknown == ("model:base@1: no training data declared",)


def test_names_that_artifacts_of_two_kinds_share_stay_apart() -> None:
    state = snapshot(
        "model:owl from_scratch", "teacher:owl embodied_by model:owl", "teacher:owl flagged owls"
    )
    report = assess(state, Lineage.of(state), POLICY, [model("owl"), teacher("owl")])
    assert [str(risks.status) for risks in report.artifacts] == ["clear", "affected"]
    assert named(snapshot(*OWL), "owl") == teacher("owl")
