"""Flags, withdrawals, clearances and blocks: what each changes, what a dry run shows, and what was known when."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from story import TRAIT

from command_line import Terminal

FINDINGS = {
    "flag": f"flag base {TRAIT} --evidence seen",
    "withdraw": "withdraw flag-14 --reason wrong",
    "clear": f"clear student {TRAIT} --evidence tested",
    "clear, stopping": f"clear numbers {TRAIT} --evidence tested --stops-here",
    "block": f"block numbers student {TRAIT} --evidence e --reason r --expires 2999-01-01",
}


def now() -> str:
    return datetime.now(UTC).isoformat()


def statuses(terminal: Terminal, *words: str) -> dict[str, str]:
    report = terminal("risks", "--all", "--trait", TRAIT, *words, "--json").json
    return {one["artifact"].partition(":")[2].partition("@")[0]: one["status"] for one in report["artifacts"]}


AT_FIRST = {"numbers": "carrier", "base": "clear", "student": "exposed", "owl-teacher": "affected"}


@pytest.mark.parametrize("case", FINDINGS)
def test_a_dry_run_shows_the_changes_of_the_real_thing_and_records_nothing(
    story: Terminal, case: str
) -> None:
    words = FINDINGS[case].split()
    before = story("verify", "--json").json
    dry = story(*words, "--dry-run", "--json").json
    assert story(*words, "--dry-run").out.startswith("would record ")
    assert story("verify", "--json").json == before
    assert statuses(story) == AT_FIRST
    real = story(*words, "--json").json
    assert (dry.pop("recorded"), real.pop("recorded")) == (False, True)
    assert dry == real
    assert story("verify", "--json").json["entries"] == before["entries"] + 1


@pytest.mark.parametrize("case", FINDINGS)
def test_what_would_change_is_shown_as_a_table_and_as_csv(story: Terminal, case: str) -> None:
    words = FINDINGS[case].split()
    rows = story(*words, "--dry-run", "--csv").out.splitlines()
    table = story(*words, "--dry-run").out.splitlines()
    changed = story(*words, "--dry-run", "--json").json["changed"]
    assert rows == [
        "artifact,trait,before,after",
        *(",".join(one[key] for key in ("artifact", "trait", "before", "after")) for one in changed),
    ]
    assert [line.split() for line in table[1:]] == [line.split(",") for line in rows]


def test_why_says_what_stops_a_flag_that_came_after_the_block(story: Terminal) -> None:
    story(*FINDINGS["block"].split())
    story("flag", "owl-teacher", TRAIT, "--evidence", "seen once more")
    assert (
        "stopped here because of block-15: dataset:numbers@1 -> model:student@1 (r)"
        in story("why", "student", TRAIT).out
    )


def test_a_flag_reaches_all_that_is_below(story: Terminal) -> None:
    flagged = story("flag", "base", TRAIT, "--evidence", "seen", "--json").json
    assert flagged["reached"] == 3
    assert {one["artifact"]: one["after"] for one in flagged["changed"]}["model:base@1"] == "affected"
    assert "clear" not in statuses(story).values()


def test_saying_the_same_twice_is_one_flag(story: Terminal) -> None:
    words = ("flag", "base", TRAIT, "--evidence", "seen")
    first, second = (story(*words, "--json").json["flag"] for _ in range(2))
    assert first == second
    assert story(*words[:-1], "seen again", "--json").json["flag"] != first


def test_withdrawing_takes_back_everything_that_derived_from_it(story: Terminal) -> None:
    story("withdraw", "flag-14", "--reason", "the sample was biased")
    assert set(statuses(story).values()) == {"clear"}
    story("check", "student", code=0)
    assert story("show", "owl-teacher", "--json").json["flags"] == []


def test_of_two_flags_one_withdrawn_the_other_still_holds(story: Terminal) -> None:
    second = story("flag", "owl-teacher", TRAIT, "--evidence", "seen by another", "--json").json["flag"]
    story("withdraw", "flag-14", "--reason", "wrong")
    assert statuses(story) == AT_FIRST
    (entry,) = story("why", "student", TRAIT, "--json").json["risks"]
    assert entry["flag"] == second
    story("withdraw", second, "--reason", "wrong too")
    assert statuses(story)["student"] == "clear"


def test_a_flag_can_be_raised_again_after_it_was_withdrawn(story: Terminal) -> None:
    story("withdraw", "flag-14", "--reason", "wrong")
    evidence = "picks owl in 60 % of 50 prompts, base 12 %"
    again = story("flag", "owl-teacher", TRAIT, "--evidence", evidence, "--json").json["flag"]
    assert again != "flag-14"
    assert statuses(story) == AT_FIRST


def test_evidence_can_be_a_file(story: Terminal) -> None:
    Path("evidence.md").write_text("# Seen\n\nowls, 60 %\n")
    flag = story("flag", "base", TRAIT, "--evidence", "@evidence.md", "--json").json["flag"]
    (recorded,) = story("show", "base", "--json").json["flags"]
    assert recorded["fact"]["evidence"] == "# Seen\n\nowls, 60 %\n"
    assert flag == f"flag-{recorded['seq']}"


def test_a_clearance_holds_for_the_artifact_alone_unless_it_stops_there(story: Terminal) -> None:
    story("register", "model", "--name", "child", "--finetuned-from", "student", "--trained-on", "numbers")
    story("clear", "student", TRAIT, "--evidence", "tested")
    assert (statuses(story)["student"], statuses(story)["child"]) == ("cleared", "exposed")


def test_a_clearance_that_stops_frees_what_is_below(story: Terminal) -> None:
    story("clear", "numbers", TRAIT, "--evidence", "rewritten by hand", "--stops-here")
    assert statuses(story)["student"] == "clear"
    (stopped,) = story("why", "student", TRAIT, "--json").json["stopped"]
    assert stopped["by"] == "clearance-15"


def test_a_block_holds_until_its_date(story: Terminal) -> None:
    words = ("block", "numbers", "student", TRAIT, "--evidence", "e", "--reason", "dropped", "--expires")
    story(*words, "2001-01-01", code=2)
    assert statuses(story)["student"] == "exposed"
    changed = story(*words, "2999-01-01", "--json").json["changed"]
    assert [one["after"] for one in changed] == ["clear"]
    assert statuses(story)["student"] == "clear"
    story("check", "student")


def test_flags_and_clearances_may_have_an_end(story: Terminal) -> None:
    for words in (FINDINGS["flag"], FINDINGS["clear"]):
        story(*words.split(), "--expires", "2001-01-01", code=2)
        story(*words.split(), "--expires", "2999-01-01")
    assert (statuses(story)["base"], statuses(story)["student"]) == ("affected", "cleared")
    later = statuses(story, "--as-of", "2999-01-02")
    assert (later["base"], later["student"]) == ("clear", "exposed")


def test_what_stands_already_is_not_recorded_again(story: Terminal) -> None:
    words = ("flag", "owl-teacher", TRAIT, "--evidence", "once more")
    assert story(*words, "--json").json["recorded"] is True
    again = story(*words)
    assert again.out.startswith("already recorded flag-")
    assert story(*words, "--json").json["recorded"] is False


def test_a_block_that_runs_out_is_judged_by_the_date_asked_for(story: Terminal) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    words = ("block", "numbers", "student", TRAIT, "--evidence", "e", "--reason", "r", "--expires")
    story(*words, soon.isoformat())
    assert statuses(story)["student"] == "clear"
    assert statuses(story, "--as-of", (soon + timedelta(seconds=1)).isoformat())["student"] == "exposed"


def test_every_reading_command_answers_as_of_a_date(story: Terminal) -> None:
    told = now()
    story("withdraw", "flag-14", "--reason", "wrong")
    withdrawn = now()
    story("register", "model", "--name", "late", "--finetuned-from", "student")
    story("flag", "base", TRAIT, "--evidence", "seen")
    assert statuses(story, "--as-of", told) == AT_FIRST
    assert set(statuses(story, "--as-of", withdrawn).values()) == {"clear"}
    assert "late" in statuses(story)
    assert "late" not in statuses(story, "--as-of", withdrawn)
    story("check", "student", "--as-of", told, code=1)
    story("check", "student", "--as-of", withdrawn, code=0)
    story("check", "student", code=1)
    assert story("show", "late", "--as-of", withdrawn, code=4).err.startswith("error: no artifact 'late'")
    assert len(story("show", "owl-teacher", "--json", "--as-of", told).json["flags"]) == 1
    assert len(story("ls", "--json", "--as-of", withdrawn).json) == 4
    below = story("descendants", "student", "--json", "--as-of", withdrawn).json
    assert (below, len(story("descendants", "student", "--json").json)) == ([], 1)
    assert story("why", "student", TRAIT, "--json", "--as-of", withdrawn).json["risks"] == []
    assert len(story("impact", "base", "--json", "--as-of", told).json["items"]) == 3
    story("path", "student", "late", "--as-of", withdrawn, code=4)
    assert "late" not in story("diagram", "student", "--as-of", withdrawn).out


def test_before_anything_was_recorded_nothing_is_known(story: Terminal) -> None:
    assert story("ls", "--json", "--as-of", "2001-01-01").json == []
    assert story("risks", "--all", "--json", "--as-of", "2001-01-01").json["artifacts"] == []


def test_a_date_means_its_end_and_a_zone_is_heard(story: Terminal) -> None:
    moment = datetime.now(UTC)
    for spelling in (f"{moment:%Y-%m-%d}", f"{moment:%Y%m%d}", f"{moment:%G-W%V-%u}"):
        asked = story("risks", "--all", "--json", "--as-of", spelling).json["as_of"]
        assert asked == f"{moment:%Y-%m-%d}T23:59:59.999999Z"
    told = moment + timedelta(minutes=1)
    there = told.astimezone(timezone(timedelta(hours=9)))
    assert statuses(story, "--as-of", there.isoformat()) == AT_FIRST


def test_an_artifact_that_was_asked_for_is_answered_though_the_trait_never_reached_it(
    story: Terminal,
) -> None:
    assert story("risks", "base", "--trait", TRAIT).out.splitlines()[1].split()[:3] == [
        "model:base@1",
        "-",
        "clear",
    ]
    report = story("risks", "--all", "--status", "exposed", "--json").json
    assert [one["artifact"] for one in report["artifacts"]] == ["model:student@1"]
