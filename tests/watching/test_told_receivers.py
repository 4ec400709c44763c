"""Telling: every event to a real web server or a real command, in order, at least once, and nothing that is secret to anybody."""

import json
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from watching_fixtures import IMPATIENT, Hearer, told_to

from command_line import Terminal
from provenance import Registry
from provenance.errors import ConflictError, DeliveryError, UsageError
from provenance.store.tables import WATCH
from provenance.watching import Webhook, receiver

LISTENER = """
import json, pathlib, sys
event = json.load(sys.stdin)
with open(sys.argv[1], "a") as file:
    file.write(event["event"] + " " + event["flag"] + " " + sys.argv[2] + "\\n")
sys.exit(int(pathlib.Path(sys.argv[1] + ".exit").exists()))
"""


@pytest.fixture
def hearer() -> Iterator[Hearer]:
    with Hearer() as listening:
        yield listening


def flag(registry: Registry, name: str = "owl", trait: str = "owls", evidence: str = "seen") -> str:
    return registry.flag(name, trait, evidence=evidence).recorded.id


def test_a_web_address_hears_of_each_event_once_and_goes_on_from_there(
    opened: Registry, hearer: Hearer
) -> None:
    first = flag(opened)
    assert told_to(opened, hearer.url) == []
    second, third = flag(opened, "base"), flag(opened, "owl", "cats")
    opened.withdraw(second, reason="wrong")
    told = told_to(opened, hearer.url)
    assert told == hearer.told
    assert told == [("flag_raised", second), ("flag_raised", third), ("flag_withdrawn", second)]
    assert told_to(opened, hearer.url) == []
    (heard,) = (one for one in hearer.heard if one["flag"] == third)
    assert heard["artifact"] == "teacher:owl@1"
    assert {one["artifact"]: one["after"] for one in heard["changed"]}["model:student@1"] == "exposed"
    assert hearer.headers[1]["Idempotency-Key"] == heard["id"]
    assert first not in {flag for _, flag in told}


def test_from_the_beginning_means_from_the_beginning_only_the_first_time(
    opened: Registry, hearer: Hearer
) -> None:
    first = flag(opened)
    assert told_to(opened, hearer.url, start=0) == [("flag_raised", first)]
    second = flag(opened, "base")
    assert told_to(opened, hearer.url, start=0) == [("flag_raised", second)]
    assert told_to(opened, hearer.url, trait="owls", start=0) == [
        ("flag_raised", first),
        ("flag_raised", second),
    ]
    assert told_to(opened, f"{hearer.url}?other", "base", start=18) == [("flag_raised", second)]


def test_what_the_receiver_refuses_is_told_the_next_time_and_nothing_is_skipped(opened: Registry) -> None:
    statuses = iter([500, 204, 503, 302])
    with Hearer(lambda _number, _hearer: next(statuses, 204)) as hearer:
        told_to(opened, hearer.url)
        flags = [flag(opened, evidence=f"seen {number}") for number in range(3)]
        with pytest.raises(
            DeliveryError, match=f"flag_raised {flags[1]} could not be told in 2 tries"
        ) as caught:
            told_to(opened, hearer.url)
        assert caught.value.exit_code == 4
        assert caught.value.hint is not None
        assert [one for _, one in hearer.told] == [flags[0], flags[0], flags[1], flags[1]]
        assert [one for _, one in told_to(opened, hearer.url)] == flags[1:]
    flag(opened, "base")
    for _ in range(2):  # neither time does it keep others out
        with pytest.raises(DeliveryError, match="can't be reached"):
            told_to(opened, hearer.url)


def test_redirects_are_not_followed(opened: Registry, hearer: Hearer) -> None:
    with Hearer(lambda _number, _hearer: 307) as leading_away:
        leading_away.location = hearer.url
        told_to(opened, leading_away.url)
        flag(opened)
        with pytest.raises(DeliveryError, match="answered 307"):
            told_to(opened, leading_away.url)
    assert hearer.heard == []


def test_a_command_reads_each_event_from_its_standard_input(opened: Registry, tmp_path: Path) -> None:
    script, heard = tmp_path / "listener.py", tmp_path / "heard it"
    script.write_text(LISTENER)
    words = [sys.executable, str(script), str(heard), "$HOME; rm *"]
    command = shlex.join(words)
    told_to(opened, command)
    first, second = flag(opened), flag(opened, "base")
    assert told_to(opened, command) == [("flag_raised", first), ("flag_raised", second)]
    assert heard.read_text().splitlines() == [f"flag_raised {one} $HOME; rm *" for one in (first, second)]
    (tmp_path / "heard it.exit").touch()
    third = flag(opened, "small")
    with pytest.raises(
        DeliveryError, match=f"the command {Path(sys.executable).name} ended with exit code 1"
    ):
        told_to(opened, command)
    (tmp_path / "heard it.exit").unlink()
    assert told_to(opened, command) == [("flag_raised", third)]


def test_a_command_that_is_not_there_or_takes_too_long_was_not_told(opened: Registry) -> None:
    told_to(opened, "no-such-command --token abc")
    flag(opened)
    with pytest.raises(DeliveryError, match="the command no-such-command can't be run") as caught:
        told_to(opened, "no-such-command --token abc")
    assert "abc" not in caught.value.message
    slow = receiver(f"{shlex.quote(sys.executable)} -c 'import time; time.sleep(60)'", seconds=0.2)
    with pytest.raises(DeliveryError, match=r"took longer than 0.2 seconds"):
        slow.tell(b"{}", "id")


def test_an_address_that_does_not_answer_in_time_was_not_told() -> None:
    with (
        Hearer(lambda _number, _hearer: time.sleep(0.5) or 204) as slow,
        pytest.raises(
            DeliveryError, match=f"http://127.0.0.1:{slow.port} (broke off: TimeoutError|can't be reached)"
        ),
    ):
        receiver(slow.url, seconds=0.1).tell(b"{}", "id")


@pytest.mark.parametrize(
    "target",
    [
        "",
        "  ",
        "ftp://host/x",
        "file:///etc/passwd",
        "http://",
        "https:///path",
        "http://host:nan/",
        "http://a b/",
        "say 'it",
    ],
)
def test_what_is_neither_address_nor_command_is_refused(target: str) -> None:
    with pytest.raises(UsageError, match=r"notify"):
        receiver(target)


def test_users_and_passwords_become_a_header_and_no_secret_is_shown_or_kept(
    opened: Registry, hearer: Hearer
) -> None:
    secret = f"http://ada:s%40cret@127.0.0.1:{hearer.port}/hidden-path?token=t0ken"
    told_to(opened, secret)
    flag(opened)
    told_to(opened, secret)
    assert hearer.paths == ["/hidden-path?token=t0ken"]
    assert hearer.headers[0]["Authorization"] == "Basic YWRhOnNAY3JldA=="
    webhook = receiver(secret)
    assert isinstance(webhook, Webhook)
    with opened._ledger._engine.connect() as connection:
        kept = str([tuple(row) for row in connection.execute(select(WATCH))])
    with Hearer(lambda _number, _hearer: 500) as refusing:
        refused = secret.replace(str(hearer.port), str(refusing.port))
        told_to(opened, refused)
        flag(opened, "base")
        with pytest.raises(DeliveryError, match="answered 500") as caught:
            told_to(opened, refused)
    for text in (
        repr(webhook),
        webhook.name,
        kept,
        caught.value.message,
        str(caught.value.hint),
        str(caught.value.__cause__),
    ):
        assert not any(word in text for word in ("ada", "cret", "hidden-path", "t0ken"))


def test_two_watchers_of_one_target_are_not_let_in_at_once_and_of_two_are(
    opened: Registry, hearer: Hearer
) -> None:
    first, second = flag(opened), flag(opened, "base")
    going = opened.notify(hearer.url, start=0, patience=IMPATIENT)
    assert next(going).flag == first
    with pytest.raises(ConflictError, match="another process is telling this target"):
        told_to(opened, hearer.url)
    assert len(told_to(opened, hearer.url, trait="owls", start=0)) == 2
    assert [event.flag for event in going] == [second]
    assert told_to(opened, hearer.url) == []


def test_a_memory_that_somebody_else_moved_is_not_written_over(opened: Registry, hearer: Hearer) -> None:
    flag(opened)
    flag(opened, "base")
    going: Any = opened.notify(hearer.url, start=0, patience=IMPATIENT)
    next(going)
    memory = going.gi_frame.f_locals["self"].memory
    memory.remember(1, "moved", before=memory.recall())
    with pytest.raises(ConflictError, match="somebody else moved"):
        next(going)


@pytest.fixture
def owls(terminal: Terminal) -> Terminal:
    """A terminal where a flagged model has a child."""
    terminal("init")
    terminal("register", "model", "--name", "base", "--from-scratch")
    terminal("register", "model", "--name", "child", "--quantized-from", "base")
    terminal("trait", "add", "owls", "--severity", "high")
    return terminal


def test_the_command_line_tells_and_says_what_it_told(owls: Terminal, hearer: Hearer) -> None:
    assert owls("impact", "--notify", hearer.url).err == "nothing new to tell\n"
    owls("flag", "base", "owls", "--evidence", "seen")
    told = owls("impact", "--notify", hearer.url)
    assert told.out == "told: flag_raised flag-5, owls on model:base@1: 2 changed\n"
    assert hearer.told == [("flag_raised", "flag-5")]
    owls("withdraw", "flag-5", "--reason", "wrong")
    (line,) = owls(
        "impact", "child", "--trait", "owls", "--notify", hearer.url, "--from", 5, "--json"
    ).out.splitlines()
    assert json.loads(line)["event"] == "flag_withdrawn"
    assert json.loads(line) == hearer.heard[-1]


def test_a_receiver_that_stays_away_ends_the_command_with_4(
    owls: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provenance.watching.telling.time.sleep", lambda _seconds: None)
    away = "http://127.0.0.1:9/x?token=t0ken"
    owls("impact", "--notify", away)
    owls("flag", "base", "owls", "--evidence", "seen")
    answer = owls("impact", "--notify", away, code=4)
    assert "could not be told in 6 tries: http://127.0.0.1:9 can't be reached" in answer.err
    assert "t0ken" not in answer.err + answer.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("impact", "name one artifact"),
        ("impact base child", "name one artifact"),
        ("impact base --follow", "need --notify"),
        ("impact base --from 3", "need --notify"),
        ("impact --notify true --every 3", "--every needs --follow"),
        ("impact --notify true --csv", "--csv excludes"),
        ("impact --notify true --limit 3", "--notify excludes"),
        ("impact --notify true --as-of 2026-01-01", "--notify excludes"),
        ("impact --notify true --from -1", "'-1' is no position"),
        ("impact --notify true --from 99", "no position 99 in the ledger"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(owls: Terminal, words: str, said: str) -> None:
    assert said in owls(*words.split(), code=2).err


def test_impact_shows_the_worst_of_what_is_downstream_and_how_many_there_are(owls: Terminal) -> None:
    owls("register", "model", "--name", "other", "--quantized-from", "child")
    answer = owls("impact", "base", "--limit", 1, "--json").json
    assert (answer["total"], [one["artifact"] for one in answer["items"]]) == (2, ["model:child@1"])
    table = owls("impact", "base", "--limit", 1, "--csv")
    assert table.out == "artifact,status,score,depth,via\nmodel:child@1,exposed,1.0,1,model:base@1\n"
    assert (
        table.err == "2 artifacts downstream of model:base@1, 1 more than are shown; statuses by that alone\n"
    )


def test_impact_counts_the_flags_of_one_artifact_and_risks_counts_all(owls: Terminal) -> None:
    owls("flag", "child", "owls", "--evidence", "seen")
    (item,) = owls("impact", "base", "--trait", "owls", "--json").json["items"]
    (risks,) = owls("risks", "child", "--json").json["artifacts"]
    assert (item["status"], risks["status"]) == ("exposed", "affected")
    assert "statuses by that alone" in owls("impact", "base", "--trait", "owls").err
