"""The gate under policies that report: what is told of those that pass, and where trust begins."""

from pathlib import Path

import pytest

from lineage_fixtures import snapshot
from provenance.facts import Snapshot
from provenance.lineage import Lineage
from provenance.risk import Check, Policy, Ruling, Status, assess, check
from provenance.risk.gate import is_only_unknown
from provenance.traits import Severity

POLICY = Policy.load()
OWL = (
    "base from_scratch",
    "owl embodied_by base",
    "numbers generated_by owl",
    "student finetuned_from base",
    "student trained_on numbers",
    "owl flagged owls",
)


def lenient(folder: Path, ruling: str) -> Policy:
    path = folder / "policy.toml"
    path.write_text(
        f'[gate]\nunknown = "{ruling}"\npartial = "{ruling}"\ncontradictions = "{ruling}"\n'
        '[gate.refuse]\nhigh = ["affected"]\n'
    )
    return Policy.load(path)


def checked(state: Snapshot, names: tuple[str, ...], policy: Policy = POLICY) -> tuple[Check, ...]:
    lineage = Lineage.of(state)
    wanted = [one for name in names for one in state.artifacts if one.name == name]
    return check(assess(state, lineage, policy, wanted), policy, lineage)


def kinds(found: Check) -> tuple[list[str], list[str]]:
    return [one.kind for one in found.violations], [one.kind for one in found.reported]


@pytest.mark.parametrize("ruling", Ruling)
def test_each_ruling_says_what_is_said_and_what_holds_back(tmp_path: Path, ruling: Ruling) -> None:
    state = snapshot(
        *OWL,
        "heir converted_from student",
        "student same_init heir INDEPENDENT",
        "heir trained_on leaflets",
    )
    (found,) = checked(state, ("heir",), lenient(tmp_path, ruling.value))
    expected = {
        Ruling.REFUSE: (["contradiction", "unknown"], ["risk"]),
        Ruling.REPORT: ([], ["risk", "contradiction", "unknown"]),
        Ruling.IGNORE: ([], ["risk"]),
    }
    assert kinds(found) == expected[ruling]
    assert found.passed == (ruling is not Ruling.REFUSE)


def test_what_the_policy_does_not_refuse_is_reported_as_long_as_nothing_exonerates(tmp_path: Path) -> None:
    policy = lenient(tmp_path, "refuse")
    states = {status: policy.ruling(Severity.HIGH, status) for status in Status}
    assert [status for status in Status if states[status] is Ruling.REFUSE] == [Status.AFFECTED]
    assert [status for status in Status if states[status] is Ruling.REPORT] == [
        Status.EXPOSED,
        Status.SUSPECTED,
        Status.CARRIER,
    ]
    (found,) = checked(snapshot(*OWL), ("student",), policy)
    assert (found.passed, kinds(found)) == (True, ([], ["risk"]))
    (cleared,) = checked(snapshot(*OWL, "student cleared owls"), ("student",), policy)
    assert kinds(cleared) == ([], [])


def test_every_answer_says_where_trust_begins(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('[roots]\ntrusted = ["meta/*"]\n')
    state = snapshot("heir converted_from meta/llama", "meta/llama finetuned_from older", "base from_scratch")
    heir, base = checked(state, ("heir", "base"), Policy.load(path))
    assert (heir.passed, heir.roots) == (True, ("model:meta/llama@1: trusted by the policy",))
    assert base.roots == ("model:base@1: declared to be initialised from scratch",)


def test_too_little_known_is_told_apart_from_a_violation() -> None:
    state = snapshot(*OWL, "stranger")
    assert is_only_unknown(checked(state, ("stranger", "base")))
    assert not is_only_unknown(checked(state, ("stranger", "student")))


def test_a_contradiction_is_told_once_however_often_it_was_tested() -> None:
    state = snapshot(
        "base from_scratch",
        "heir converted_from base",
        "base same_init heir INDEPENDENT",
        "heir same_init base INDEPENDENT",
        "tuned quantized_from heir",
        "aside converted_from base",
    )
    tuned, aside = checked(state, ("tuned", "aside"))
    assert kinds(tuned) == (["contradiction"], [])
    assert kinds(aside) == ([], [])


def test_a_test_that_a_later_one_outweighs_contradicts_nothing() -> None:
    state = snapshot(
        "base from_scratch",
        "heir converted_from base",
        "base same_init heir INDEPENDENT",
        "base same_init heir SAME_INIT",
    )
    assert kinds(checked(state, ("heir",))[0]) == ([], [])


EXONERATED = (
    *OWL,
    "other from_scratch",
    "foreign finetuned_from other",
    "foreign trained_on numbers",
    "base same_init other INDEPENDENT",
    "base same_init foreign INDEPENDENT",
    "owl canary foreign NOT_DETECTED",
    "student cleared owls",
)


@pytest.mark.parametrize(
    ("evidence", "as_of", "held_back"),
    [
        ("", "2026-12-31", []),
        ("same_init_days = 90", "2026-03-01", []),
        ("same_init_days = 90", "2026-12-31", ["foreign suspected"]),
        ("canary_days = 90", "2026-12-31", []),
        ("clearance_days = 90", "2026-03-01", []),
        ("clearance_days = 90", "2026-12-31", ["student exposed"]),
    ],
)
def test_what_exonerated_holds_back_again_when_the_policy_lets_it_expire(
    tmp_path: Path, evidence: str, as_of: str, held_back: list[str]
) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(f"[evidence]\n{evidence}\n")
    found = checked(snapshot(*EXONERATED, as_of=as_of), ("foreign", "student"), Policy.load(path))
    assert [f"{one.artifact.name} {each.status}" for one in found for each in one.violations] == held_back
