"""Laws of policies: factors rank and decide nothing, refusing more lets no more pass, and a file says the same however it is split."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineage_fixtures import snapshot
from provenance.lineage import Lineage
from provenance.risk import Policy, RiskReport, Ruling, Status, assess, check
from provenance.risk.policy_keys import KEYS, PRIORS, REFUSABLE
from provenance.traits import Severity

STATE = snapshot(
    "base from_scratch",
    "other from_scratch",
    "base same_init other INDEPENDENT",
    "owl embodied_by base",
    "numbers generated_by owl",
    "chosen selected_by owl",
    "mixed derived_from numbers share=0.5",
    "mixed derived_from chosen share=0.5",
    "student finetuned_from base",
    "student trained_on numbers clean_fraction=0.5",
    "foreign finetuned_from other",
    "foreign trained_on numbers",
    "picked finetuned_from other",
    "picked trained_on mixed",
    "echoes distilled_from owl",
    "stranger",
    "owls trait medium",
    "owl flagged owls",
)
LINEAGE = Lineage.of(STATE)
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

factors = st.one_of(st.just(0.0), st.floats(0.0, 1.0))
statuses = st.sets(st.sampled_from(REFUSABLE)).map(lambda found: sorted(map(str, found)))
values: dict[str, st.SearchStrategy[Any]] = {
    "exposure.any_init": st.sets(st.sampled_from([key for key, kind in PRIORS.items() if kind])).map(sorted),
    **dict.fromkeys((f"gate.refuse.{severity}" for severity in Severity), statuses),
    **dict.fromkeys(("gate.unknown", "gate.partial", "gate.contradictions"), st.sampled_from([*map(str, Ruling)])),
    **dict.fromkeys((key for key in KEYS if key.startswith("evidence.")), st.integers(0, 36_500)),
    "roots.trusted": st.lists(st.sampled_from(["base", "model:*", "org/?"]), max_size=2),
    "roots.from_scratch_without_data": st.sampled_from(["trust", "unknown"]),
}  # fmt: skip
tables = st.fixed_dictionaries({}, optional={key: values.get(key, factors) for key in KEYS})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("policies")


def load(folder: Path, table: dict[str, Any], *, extends: dict[str, Any] | None = None) -> Policy:
    lines = [f"{key} = {value!r}" for key, value in table.items()]
    if extends is not None:
        load(folder, extends)
        (folder / "policy.toml").replace(folder / "base.toml")
        lines.insert(0, "extends = 'base.toml'")
    (folder / "policy.toml").write_text("\n".join(lines))
    return Policy.load(folder / "policy.toml")


def report(policy: Policy) -> RiskReport:
    return assess(STATE, LINEAGE, policy, sorted(STATE.artifacts, key=str))


def standings(policy: Policy) -> list[tuple[Status, ...]]:
    return [(one.status, *(risk.status for risk in one.risks)) for one in report(policy).artifacts]


@few
@given(table=tables)
def test_factors_change_scores_and_no_status(folder: Path, table: dict[str, Any]) -> None:
    without = {
        key: value
        for key, value in table.items()
        if not key.startswith("exposure.") or key == "exposure.any_init"
    }
    policy = load(folder, table)
    assert standings(policy) == standings(load(folder, without))
    assert all(0.0 <= risk.score <= 1.0 for one in report(policy).artifacts for risk in one.risks)


@few
@given(table=tables, more=statuses)
def test_refusing_more_lets_no_more_pass(folder: Path, table: dict[str, Any], more: list[str]) -> None:
    loose = load(folder, table)
    refused = sorted({*map(str, loose.refuse[Severity.MEDIUM]), *more})
    strict = load(folder, {**table, "gate.refuse.medium": refused, "gate.unknown": "refuse"})
    passed = [
        {one.artifact for one in check(report(policy), policy, LINEAGE) if one.passed}
        for policy in (loose, strict)
    ]
    assert passed[1] <= passed[0]


@few
@given(table=tables, where=st.data())
def test_a_file_over_another_says_what_both_say_in_one(
    folder: Path, table: dict[str, Any], where: st.DataObject
) -> None:
    above = {key for key in table if where.draw(st.booleans())}
    upper = {key: value for key, value in table.items() if key in above}
    lower = {key: value for key, value in table.items() if key not in above}
    split = load(folder, upper, extends=lower)
    assert split.digest == load(folder, table).digest
    assert split == load(folder, table)


@few
@given(table=tables)
def test_a_policy_read_back_from_what_it_says_is_the_same(folder: Path, table: dict[str, Any]) -> None:
    policy = load(folder, table)
    again = load(folder, {setting.key: setting.value for setting in policy.settings})
    assert (again, again.digest) == (policy, policy.digest)
