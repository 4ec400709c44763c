"""`--as-of`: every command that reads the record takes it, and answers of a date what it would have answered then."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import click
import pytest
from story import TRAIT

from command_line import Terminal
from provenance_cli.main import COMMANDS, provenance

READS = {
    "alias ls": "alias ls --json",
    "ancestors": "ancestors student --json",
    "audit": "audit --dry-run --json",
    "check": "check student --json",
    "common": "common student numbers --json",
    "descendants": "descendants base --json",
    "diagram": "diagram student",
    "exposures": "exposures student --json",
    "family": "family student --json",
    "impact": "impact base --json",
    "ls": "ls --json",
    "path": "path base student --json",
    "preflight": "preflight --base base --dataset numbers --json",
    "report": "report student --json",
    "risks": "risks --all --json",
    "roots": "roots student --json",
    "search": "search student --json",
    "show": "show student --json",
    "status": "status --json",
    "trait ls": "trait ls --json",
    "why": f"why student {TRAIT} --json",
}
"""The commands that read the record, each with a question."""
WRITES = {
    "alias add", "block", "canary run", "canary screen", "clear", "demo", "flag", "import", "init", "mlflow import", "mlflow listen", "mlflow sync",
    "register dataset", "register model", "register teacher", "relate", "trait add", "withdraw",
}  # fmt: skip
OF_NOW = {
    "canary matrix": "trains now",
    "canary self-test": "trains now, and asks no registry",
    "compare": "tests files as they are",
    "completion": "asks no registry",
    "diff": "has two dates of its own, --since and --until",
    "mlflow status": "says how far MLflow is behind now",
    "palimpsest": "tests files as they are",
    "policy check": "reads a policy file",
    "policy explain": "reads a policy file",
    "policy show": "reads a policy file",
    "probe": "measures a model as it is",
    "serve": "shows any date, each page the one that it is asked for",
    "verify": "walks the whole chain; --head asks for an earlier end of it",
}
"""What neither writes nor takes a date, and why."""
VARYING = ("seconds",)


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(provenance)
    stack = [(name, provenance.get_command(context, name)) for name in COMMANDS]
    while stack:
        name, command = stack.pop()
        if isinstance(command, click.Group):
            stack += [
                (f"{name} {one}", command.get_command(context, one)) for one in command.list_commands(context)
            ]
        elif command is not None:
            yield name, command


def test_every_command_that_reads_the_record_takes_a_date() -> None:
    takes = {
        name for name, command in commands() if any("--as-of" in option.opts for option in command.params)
    }
    everything = {name for name, _ in commands()}
    assert takes == READS.keys()
    assert everything - takes == WRITES | OF_NOW.keys()


def change_everything(story: Terminal) -> None:
    story(
        "register",
        "model",
        "./student",
        "--name",
        "heir",
        "--finetuned-from",
        "student",
        "--trained-on",
        "numbers",
    )
    story("trait", "add", "bats", "--severity", "low")
    story("flag", "base", "bats", "--evidence", "seen")
    story("flag", "base", TRAIT, "--evidence", "seen")
    story("clear", "student", TRAIT, "--evidence", "tested")
    story("alias", "add", "pupil", "student")
    story("withdraw", "flag-14", "--reason", "wrong")
    story("audit", "student", "--only", "same-init")


def answers(story: Terminal, as_of: str) -> dict[str, str]:
    told = {}
    for name, words in READS.items():
        answer = story(*words.split(), "--as-of", as_of, code=None)
        assert answer.code in {0, 1, 3}, (name, answer)
        lines = answer.out.splitlines()
        told[name] = "\n".join(line for line in lines if not any(f'"{word}"' in line for word in VARYING))
    return told


def test_an_answer_of_a_date_is_the_same_whatever_was_recorded_since(story: Terminal) -> None:
    date = datetime.now(UTC).isoformat()
    then = answers(story, date)
    change_everything(story)
    later = answers(story, date)
    assert {name: later[name] for name in later if later[name] != then[name]} == {}
    now = answers(story, datetime.now(UTC).isoformat())
    unmoved = {name for name in READS if now[name] == then[name]}
    assert unmoved <= {"ancestors", "common", "path", "roots", "exposures"}


def test_an_artifact_is_not_there_before_it_was_recorded(story: Terminal) -> None:
    early = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert f"no artifact 'student' was registered as of {early[:10]}" in (
        story("risks", "student", "--as-of", early, code=4).err
    )
    assert f"as of {early[:10]}" in story("risks", "--all", "--trait", TRAIT, "--as-of", early, code=4).err
    nothing = story("ls", "--as-of", early, "--json")
    assert (nothing.json, nothing.err) == ([], "nothing to list\n")


def test_a_date_to_come_says_what_will_stand_if_nothing_is_recorded(story: Terminal) -> None:
    soon = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    story("block", "numbers", "student", TRAIT, "--evidence=e", "--reason=r", "--expires", soon)
    words = ("why", "student", TRAIT, "--json", "--as-of")
    assert story(*words, (datetime.now(UTC) + timedelta(days=1)).isoformat()).json["status"] == "clear"
    assert story(*words, (datetime.now(UTC) + timedelta(days=3)).isoformat()).json["status"] == "exposed"


@pytest.mark.parametrize("word", ["yesterday", "2026-13-01", "2026-02-30T10:00", ""])
def test_what_is_no_date_is_refused(story: Terminal, word: str) -> None:
    assert "is no date" in story("risks", "student", "--as-of", word, code=2).err
