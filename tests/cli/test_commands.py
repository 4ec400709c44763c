"""The table of commands against the commands, and their completion in a shell."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from command_line import Terminal
from provenance_cli.main import COMMANDS, provenance

# What has no twin: the groups, whose commands have, and what is about the shell alone.
WITHOUT_TWIN = {"trait", "alias", "canary", "mlflow", "policy", "completion"}


def commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None, name
        yield (*path, name), found
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))


ALL = {" ".join(path): found for path, found in commands(provenance)}


@pytest.mark.parametrize("name", sorted(ALL.keys() - WITHOUT_TWIN))
def test_the_help_names_the_call_in_python(name: str) -> None:
    assert re.search(r"Python: \S+", ALL[name].help or ""), name


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_table_begins_as_the_help_of_the_command(name: str) -> None:
    line, text = COMMANDS[name][1], (ALL[name].help or "").strip()
    assert line.endswith(".")
    assert line.split()[0].rstrip(",") == text.split()[0].rstrip(","), (line, text)


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_command_can_show_its_help(terminal: Terminal, name: str) -> None:
    answer = terminal(*name.split(), "--help")
    assert answer.out.startswith(f"Usage: provenance {name} ")
    assert answer.err == ""


def test_every_option_says_what_it_is_for() -> None:
    silent = [
        (name, option.name)
        for name, found in ALL.items()
        for option in found.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert silent == []


def test_every_reading_command_takes_a_date_and_prints_json() -> None:
    reading = "ls show ancestors descendants roots path common exposures family risks why impact check"
    for name in reading.split():
        assert {"as_of", "as_json", "registry", "actor"} <= {option.name for option in ALL[name].params}, name


def test_all_commands_but_the_few_that_answer_nothing_print_json() -> None:
    silent = {name for name, found in ALL.items() if "as_json" not in {one.name for one in found.params}}
    assert silent == {"init", "demo", "serve", *WITHOUT_TWIN}


def test_unknown_commands_are_answered_with_the_nearest(terminal: Terminal) -> None:
    assert terminal("riks", code=2).err.splitlines() == [
        "error: there is no command 'riks'",
        "hint: Nearest: risks, register.",
    ]
    assert "`provenance --help`" in terminal("qqqqqq", code=2).err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_one_line_for_the_start_up_file(terminal: Terminal, shell: str) -> None:
    (line,) = terminal("completion", shell).out.splitlines()
    assert f"_PROVENANCE_COMPLETE={shell}_source provenance" in line


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("provenance ri", {"risks"}),
        ("provenance re", {"register", "relate", "report"}),
        ("provenance register ", {"model", "dataset", "teacher"}),
        ("provenance risks --st", {"--status"}),
        ("provenance trait add x --severity ", {"low", "medium", "high", "critical"}),
    ],
)
def test_a_shell_is_offered_what_can_follow(typed: str, offered: set[str]) -> None:
    words = typed.split(" ")
    environment = {
        **os.environ,
        "_PROVENANCE_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) - 1),
    }
    program = "from provenance_cli.main import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    )
    assert {line.partition(",")[2] for line in ran.stdout.splitlines()} == offered
