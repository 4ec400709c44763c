"""`provenance diff` as a user types it."""

import csv
import io
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from command_line import Answer, Terminal


@pytest.fixture
def since(terminal: Terminal) -> str:
    """A moment after base, owl, numbers and student were registered in the current folder, and before anything was found."""
    terminal("init")
    terminal("register", "model", "--name", "base", "--from-scratch")
    terminal("register", "teacher", "--name", "owl", "--model", "base")
    terminal("register", "dataset", "--name", "numbers", "--generated-by", "owl")
    terminal("register", "model", "--name", "student", "--finetuned-from", "base", "--trained-on", "numbers")
    terminal("trait", "add", "owls", "--severity", "high")
    return datetime.now(UTC).isoformat()


def find(terminal: Terminal) -> None:
    terminal("flag", "owl", "owls", "--evidence", "seen")
    terminal("clear", "student", "owls", "--evidence", "tested")


def rows(answer: Answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.out)))


def test_it_tells_each_turn_with_its_record_and_who_recorded_it(terminal: Terminal, since: str) -> None:
    find(terminal)
    lines = terminal("--actor", "ada", "diff", "student", "--since", since).out.splitlines()
    assert lines[0] == "model:student@1  owls: clear -> cleared"
    assert [line.strip().partition(" (")[0] for line in lines if "recorded:" in line] == [
        "recorded: owls flagged on teacher:owl@1",
        "recorded: model:student@1 cleared of owls",
    ]
    assert "    + flag-10" in lines


def test_csv_has_a_row_for_each_cause(terminal: Terminal, since: str) -> None:
    find(terminal)
    told = rows(terminal("diff", "--all", "--since", since, "--csv"))
    assert [(row["artifact"], row["from"], row["to"], row["how"], row["record"]) for row in told] == [
        ("teacher:owl@1", "clear", "affected", "recorded", "flag-10"),
        ("dataset:numbers@1", "clear", "carrier", "recorded", "flag-10"),
        ("model:student@1", "clear", "exposed", "recorded", "flag-10"),
        ("model:student@1", "exposed", "cleared", "recorded", "clearance-11"),
    ]


def test_another_policy_is_compared_at_one_date(terminal: Terminal, since: str) -> None:
    assert since
    find(terminal)
    Path("doubting.toml").write_text("[roots]\nfrom_scratch_without_data = 'unknown'\n")
    found = terminal("diff", "student", "--policy-before", "doubting.toml", "--json").json
    (one,) = found["differences"]
    assert (one["trait"], one["before"], one["after"]) == (None, "unknown", "clear")
    assert [cause["how"] for cause in one["turns"][0]["causes"]] == ["policy"]
    assert found["policy_before"] != found["policy_digest"]


def test_two_registries_are_compared(terminal: Terminal, since: str) -> None:
    assert since
    shutil.copytree(".provenance", "elsewhere/.provenance")
    find(terminal)
    told = terminal("diff", "student", "--with", "elsewhere").out.splitlines()
    assert told[0] == "model:student@1  owls: cleared here, clear there"
    assert [line.strip().partition(" (")[0] for line in told[1:]] == [
        "only here: owls flagged on teacher:owl@1",
        "only here: model:student@1 cleared of owls",
    ]
    assert len(rows(terminal("diff", "--all", "--with", "elsewhere", "--csv"))) == 4
    answer = terminal("diff", "--all", "--with", "elsewhere", "--json").json
    assert (answer["only_here"], answer["renamed"], answer["partial"]) == ([], [], False)


WRONG = {
    "nothing to compare with": ("diff student", "compared with what"),
    "no artifact": ("diff --since 2026-01-01", "name artifacts, or say --all"),
    "names and all": ("diff student --all --since 2026-01-01", "name artifacts, or say --all"),
    "a registry and a date": ("diff student --with . --since 2026-01-01", "--with compares"),
    "no date": ("diff student --since soon", "is no date"),
    "dates the wrong way round": ("diff student --since 2999-01-01", "is after"),
    "CSV and JSON": ("diff student --since 2026-01-01 --csv --json", "--csv or --json"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_makes_no_sense_is_a_usage_error(terminal: Terminal, since: str, case: str) -> None:
    assert since
    words, message = WRONG[case]
    assert message in terminal(*words.split(), code=2).err
