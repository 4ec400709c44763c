"""The command `audit`: what is owed in the order of risk, budgets, and where tests run."""

import sys
from pathlib import Path

import pytest
from audit_fixtures import TEACHERS, write_registry

from command_line import Terminal
from provenance import canary
from provenance.canary import screen
from provenance.canary.protocol import Progress
from provenance.errors import CanaryError


@pytest.fixture
def audit(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A terminal in the folder of a registry that owes tests, in which one teacher is flagged."""
    monkeypatch.chdir(place)
    terminal = Terminal(capsys)
    terminal("trait", "add", "cruelty", "--severity", "critical")
    terminal("flag", "dan-speaks", "cruelty", "--evidence", "seen")
    return terminal


def test_what_is_owed_is_listed_in_the_order_of_risk_with_what_is_at_stake(audit: Terminal) -> None:
    told = audit("audit", "--dry-run").out.splitlines()
    assert told[0].split() == ["test", "of", "and", "evidence", "at", "stake", "because"]
    canaries = [line.split()[1] for line in told if line.startswith("canary")]
    assert canaries[0] == "teacher:dan-speaks@1"
    assert len(canaries) == len(TEACHERS)
    assert "missing   cruelty (critical), suspected  model:pupil@1 was trained on what" in next(
        line for line in told if line.startswith("canary")
    )
    first = audit("audit", "--dry-run", "--json", "--only", "canary").json[0]
    assert first["state"] == "missing"
    assert first["stake"]["trait"] == "cruelty"
    assert first["concerns"] == ["model:pupil@1"]
    some = audit("audit", "--dry-run", "--limit", 2)
    assert len(some.out.splitlines()) == 3
    assert some.err == f"{len(told) - 1} tests owed, {len(told) - 3} more than are shown\n"
    assert "--max-jobs says" in audit("audit", "--limit", 2, code=2).err


def test_what_the_budget_leaves_is_told_and_the_same_command_goes_on(audit: Terminal) -> None:
    words = ("audit", "--only", "same-init", "--max-jobs", "3")
    first = audit(*words, "--json")
    assert len(first.json["outcomes"]) == 3
    assert [task["test"] for task in first.json["left"]] == ["same-init"]
    assert "tests that the budget left: 1; the same command goes on with them" in first.err
    assert "[3/4] INDEPENDENT: same-init model:" in first.err
    assert audit(*words, "--json").json["left"] == []
    assert audit(*words).out == "no test is owed\n"


def test_a_test_is_told_of_when_it_starts_and_its_trainings_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def train(*_: object, progress: Progress, **__: object) -> None:
        progress(1, 2)
        progress(2, 2)
        raise CanaryError("enough was trained")

    write_registry(tmp_path, names=("ann",), system_prompt=None)
    monkeypatch.chdir(tmp_path)
    for module in (canary, screen):
        monkeypatch.setattr(module, "run", train)
    told = Terminal(capsys)("audit", "--only", "canary", "--screen").err.splitlines()
    test = "canary teacher:ann-speaks@1 -> model:pupil@1"
    assert told == [
        f"started: screen: {test}",
        f"screen: {test}: 1 of 2 trainings",
        f"screen: {test}: 2 of 2 trainings",
        f"started: {test}",
        f"{test}: 1 of 2 trainings",
        f"{test}: 2 of 2 trainings",
        f"[1/1] not testable: {test}: enough was trained",
    ]


def test_a_test_in_another_process_is_told_of_when_it_is_handed_out(audit: Terminal) -> None:
    told = audit("audit", "--only", "same-init", "--max-jobs", "1", "--jobs", "1").err.splitlines()
    assert told[0].startswith("started: same-init model:")
    assert told[1].startswith("[1/4] INDEPENDENT: same-init model:")


def test_nobody_runs_tests_in_two_places(audit: Terminal) -> None:
    assert "not on both" in audit("audit", "--jobs", "2", "--cluster", "ray", code=2).err
    assert "no cluster of the kind 'spark'" in audit("audit", "--cluster", "spark", code=2).err


def test_on_a_terminal_a_bar_tells_how_far_it_is(audit: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda _: True, raising=False)
    told = audit("audit", "--only", "same-init", "--max-minutes", "60").err
    assert "[                              ] 0/4, 60.0 min left" in told
    assert "[##############################]" not in told
    assert told.endswith("\r\033[K")
