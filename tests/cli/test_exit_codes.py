"""Exit codes: 0 done, 1 a violation, 2 usage, 3 not known well enough, 4 an error; and how errors are told."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from command_line import Terminal
from provenance import Registry
from provenance.canary import mlp

EVIDENCE = ("--evidence", "seen")
UNTIL = (*EVIDENCE, "--reason", "r", "--expires")

USAGE = {
    "a command that is not there": "riks student",
    "an option that is not there": "--registery . ls",
    "a subcommand that is not there": "register modell ./base --name x",
    "a missing argument": "show",
    "a missing option": "flag base owl-preference",
    "a missing reason": "withdraw flag-14",
    "risks of nothing": "risks",
    "risks of some and of all": "risks base --all",
    "an unknown status": "risks --all --status infected",
    "a depth of nothing": "ancestors student --depth 0",
    "an unknown relation": "relate student descended_from base",
    "an unknown kind": "ls --kind adapter",
    "an unknown severity": "trait add x --severity awful",
    "a date that is none": "ls --as-of yesterday",
    "a date with a zone out of the calendar": "ls --as-of 0001-01-01T00:00+14:00",
    "an expiry out of the calendar": "block numbers student owl-preference --evidence e --reason r "
    "--expires 9999-12-31T23:59-14:00",
    "too much confidence": "flag base owl-preference --evidence e --confidence 1.5",
    "no confidence": "flag base owl-preference --evidence e --confidence 0",
    "a share that is no number": "register model --name x --merged-from base=half --merged-from student=0.5",
    "a share above all": "register model --name x --merged-from base=1.5 --merged-from student=0.5",
    "a share that is not a number at all": "register model --name x --merged-from base=nan --merged-from student=0.5",
    "a clean fraction above all": "register model --name x --trained-on numbers:clean=2",
    "a share above all, later": "relate numbers derived_from numbers --share 2",
    "a word without a value": "register model --name x --meta team",
    "a word that comes twice": "register model --name x --meta a=1 --meta a=2",
    "a decoding setting without a value": "register teacher --name x --model base --sampling hot",
    "a prompt that can't be read": "register teacher --name x --model base --system-prompt @missing.txt",
    "evidence that can't be read": "flag base owl-preference --evidence @missing.txt",
    "nothing to register": "register",
    "a manifest and more": "register -f numbers.jsonl model --name x",
    "a registry between the two words": "register --registry elsewhere model --name x",
    "--json between the two words": "register --json model --name x",
    "a kind before a new name": "register model --name model:x",
    "a manifest that is not there": "register -f missing.yaml",
    "a policy that is not there": "check student --policy missing.toml",
    "a picture of no format": "diagram student -o picture.gif",
    "a picture in a folder that is not there": "diagram student -o missing/picture.svg",
    "too few runs": "audit --seeds 2",
}

ERRORS = {
    "an unknown artifact": "show nobody",
    "an unknown trait of a flag": "flag base owl-prefrence --evidence e",
    "an unknown trait of a question": "why student owl-prefrence",
    "an unknown trait of a report": "risks --all --trait owl-prefrence",
    "an unknown trait of a picture": "diagram student --trait owl-prefrence",
    "an unknown flag": "withdraw flag-12 --reason r",
    "no flag's name": "withdraw 13 --reason r",
    "an edge that is not there": "block stranger student owl-preference --evidence e --reason r --expires 2999-01-01",
    "files that are not there": "register model ./missing --name x",
    "other content under a name": "register model ./stranger --name base",
    "a name with markup": "register model --name <b>",
    "a trait of another severity": "trait add owl-preference --severity low",
    "a relation that joins something else": "relate numbers finetuned_from base",
    "a circle": "relate base finetuned_from student",
    "no registry": "--registry ./base ls",
    "a database of another make": "--registry mysql://somewhere/x ls",
    "a policy that means nothing": "check student --policy numbers.jsonl",
    "a checkpoint that is not there": "compare ./missing ./base",
    "a checkpoint with a name too long for a path": f"compare {'x' * 300} ./base",
    "a path too long to register": f"register model {'x' * 300} --name x",
    "a canary of no exposure": "canary run owl-teacher base",
    "the family of a dataset": "family numbers",
}


@pytest.mark.parametrize("case", USAGE)
def test_usage_ends_with_2_and_says_what_to_type(story: Terminal, case: str) -> None:
    answer = story(*USAGE[case].split(), code=2)
    assert answer.out == ""
    first, *rest = answer.err.splitlines()
    assert first.startswith("error: ")
    assert all(line.startswith("hint: ") for line in rest)


@pytest.mark.parametrize("case", ERRORS)
def test_errors_end_with_4_and_record_nothing(story: Terminal, case: str) -> None:
    before = story("verify", "--json").json
    answer = story(*ERRORS[case].split(), code=4)
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert "Traceback" not in answer.err
    assert story("verify", "--json").json == before


def test_the_gate_ends_with_0_1_or_3(story: Terminal) -> None:
    assert story("check", "base", code=0).out == "passed  model:base@1\n"
    assert "risk: exposed: owl-preference" in story("check", "student", code=1).out
    story("register", "model", "--name", "api")
    assert "unknown: " in story("check", "api", code=3).out
    assert story("check", "base", "api", code=3).out.splitlines()[0] == "passed  model:base@1"
    story("check", "base", "api", "student", code=1)


def test_a_path_that_is_not_there_ends_with_3(story: Terminal) -> None:
    assert story("path", "base", "student").out.splitlines() == [
        "model:base@1",
        "  -> model:student@1  (finetuned_from)",
    ]
    backwards = story("path", "student", "base", code=3)
    assert backwards.out == ""
    assert backwards.err == "no path leads from model:student@1 to model:base@1\n"
    assert story("path", "student", "base", "--json", code=3).json == []


def test_comparing_ends_with_0_for_a_verdict_and_with_3_for_none(story: Terminal, folder: Path) -> None:
    assert story("compare", "./base", "./student").out.startswith("SAME_INIT")
    for seed in (1, 2):
        mlp.save(mlp.init(mlp.MlpConfig(), seed), folder / f"large{seed}")
    assert story("compare", "large1", "large2").out.startswith("INDEPENDENT")
    for name in ("one", "two"):
        (folder / name).mkdir()
        weights = np.random.default_rng(len(name)).normal(size=(2, 2)).astype(np.float32)
        save_file({"only.weight": weights}, folder / name / "model.safetensors")
    assert story("compare", "large1", "one", code=3).out.startswith("INCONCLUSIVE")
    assert story("compare", "large1", "one", "--json", code=3).json["verdict"] == "INCONCLUSIVE"


def test_comparing_takes_references_too_and_says_both_that_failed(story: Terminal, folder: Path) -> None:
    (folder / "student").rename(folder / "moved")
    assert story("compare", "base", "student").out.startswith("SAME_INIT")
    answer = story("compare", "base", "studnet", code=4)
    assert answer.err.splitlines() == [
        "error: nothing is at studnet, and no artifact 'studnet' is registered",
        "hint: Nearest: model:student@1.",
    ]


def test_pickled_weights_are_recorded_and_never_opened(story: Terminal, folder: Path) -> None:
    (folder / "pickled").mkdir()
    (folder / "pickled" / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n.")
    recorded = story("register", "model", "./pickled", "--name", "pickled")
    assert "safetensors" in recorded.err
    answer = story("compare", "./pickled", "./base", code=4)
    assert "safetensors" in answer.err


def test_a_tampered_ledger_ends_with_1_and_says_where(story: Terminal, folder: Path) -> None:
    assert story("verify").out.startswith("ok: 14 facts, head ")
    with sqlite3.connect(folder / ".provenance" / "registry.db") as database:
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            database.execute(f"DROP TRIGGER {name}")
        changed = database.execute(
            "UPDATE provenance_fact SET body = replace(body, '60 %', '10 %') WHERE body LIKE '%60 \\%%' ESCAPE '\\'"
        ).rowcount
    database.close()
    assert changed == 1
    answer = story("verify", code=1)
    assert answer.out.startswith("NOT ok: ")
    assert "14" in answer.out.splitlines()[1]
    problems = story("verify", "--json", code=1).json
    assert problems["ok"] is False
    assert problems["problems"][0].keys() == {"where", "what"}


def test_a_head_noted_earlier_finds_a_ledger_whose_end_was_cut(story: Terminal, folder: Path) -> None:
    database = folder / ".provenance" / "registry.db"
    earlier = database.read_bytes()
    story("register", "model", "--name", "late")
    head = story("verify", "--json").json["head"]
    assert story("verify", "--head", head).out.startswith("ok")
    database.write_bytes(earlier)
    assert "cut off or rewritten" in story("verify", "--head", head, code=1).out


def test_content_that_changed_ends_with_1(story: Terminal, folder: Path) -> None:
    story("register", "dataset", "./numbers.jsonl", "--name", "here")
    assert story("verify", "--content").out.startswith("ok")
    (folder / "numbers.jsonl").write_text("{}\n")
    assert "dataset:here@1: " in story("verify", "--content", code=1).out
    assert story("verify").out.startswith("ok")


def test_without_a_registry_the_hint_is_how_to_make_one(terminal: Terminal, folder: Path) -> None:
    assert terminal("ls", code=4).err.splitlines() == [
        f"error: no registry in {folder} or any folder above it",
        "hint: Make one with `provenance init`, or name one with --registry DIR|URL.",
    ]


def test_a_store_that_can_not_be_opened_leaves_the_folder_free_for_another(
    terminal: Terminal, folder: Path
) -> None:
    for store in ("mysql://somewhere/x", f"sqlite:///{folder}/missing/registry.db", "nonsense"):
        assert terminal("init", "--store", store, code=4).err.startswith("error: ")
        assert terminal("ls", code=4).err.startswith("error: no registry in ")
    assert terminal("init").out == f"registry {folder / '.provenance'}, 0 facts\n"


def test_a_damaged_database_is_an_error_and_no_traceback(story: Terminal, folder: Path) -> None:
    (folder / ".provenance" / "registry.db").write_bytes(b"no database at all, not even a little" * 100)
    for words in (("ls",), ("verify",), ("check", "student"), ("register", "model", "--name", "x")):
        assert "not a database" in story(*words, code=4).err


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("store = [", "cannot read"),
        ("store = 3", "store is no text"),
        ('stroe = "x"', "unknown setting 'stroe'"),
    ],
)
def test_settings_that_can_not_be_read_are_an_error_that_names_them(
    story: Terminal, folder: Path, settings: str, said: str
) -> None:
    (folder / ".provenance" / "config.toml").write_text(settings)
    error = story("ls", code=4).err
    assert said in error
    assert "config.toml" in error


def test_traceback_shows_where_an_error_came_from(story: Terminal) -> None:
    for words in (("--traceback", "show", "nobody"), ("show", "nobody", "--traceback")):
        answer = story(*words, code=4)
        assert answer.err.startswith("Traceback (most recent call last)")
        assert "error: no artifact 'nobody' is registered" in answer.err


def test_a_crash_does_not_pass_for_a_violation(folder: Path) -> None:
    """An uncaught exception ends a Python program with 1, which is the gate's word for a violation."""
    code = "import sys, provenance_cli.main as m; sys.argv[1:] = ['ls']; m.provenance.main = lambda **_: 1 / 0; m.main()"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 4
    assert "ZeroDivisionError" in ended.stderr
    assert "a fault of provenance itself" in ended.stderr


def test_a_terminal_that_lacks_letters_still_gets_its_report(folder: Path, registry: Registry) -> None:
    registry.register_dataset(name="日本", authored=True)
    command = [sys.executable, "-m", "provenance_cli.main", "ls"]
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    assert ended.returncode == 0
    assert b"dataset:\\u65e5\\u672c@1" in ended.stdout


def test_text_that_is_no_unicode_is_refused(story: Terminal) -> None:
    answer = story("flag", "student", "owl-preference", "--evidence", "half a pair: \udcff", code=4)
    assert "surrogates not allowed" in answer.err


def test_init_does_not_begin_a_lost_database_anew(terminal: Terminal, folder: Path) -> None:
    terminal("init")
    for path in (folder / ".provenance").glob("registry.db*"):
        path.unlink()
    assert "there is no registry" in terminal("init", code=4).err
    assert "takes no --registry" in terminal("--registry", "elsewhere", "init", code=2).err
    assert "--registry is empty" in terminal("ls", "--registry", "", code=2).err


def test_nothing_at_all_is_answered_with_the_help(terminal: Terminal) -> None:
    for words in ((), ("trait",), ("canary",), ("mlflow",)):
        answer = terminal(*words, code=2)
        assert answer.err.startswith("Usage: provenance")
        assert answer.out == ""
    assert terminal("--version").out.startswith("provenance, version ")
    for words in (("-h",), ("--help",), ("risks", "-h"), ("register", "model", "--help")):
        assert terminal(*words).out.startswith("Usage: provenance")


def in_a_shell(words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    line = words.replace("provenance", f"{sys.executable} -m provenance_cli.main")
    return subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", line],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full disk at hand")
@pytest.mark.parametrize("words", ["check base --json", "ls", "ls --csv", "--version"])
def test_a_report_that_no_disk_takes_is_an_error_in_plain_words(words: str, registry: Registry) -> None:
    registry.register_model(name="base", from_scratch=True)
    assert registry.home.folder
    ended = in_a_shell(f"provenance {words} > /dev/full", registry.home.folder.parent)
    assert ended.returncode == 4
    assert ended.stderr.splitlines()[0] == "error: cannot write: No space left on device"
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("words", ["ls", "ls --csv", "ls --json"])
def test_a_reader_who_has_read_enough_is_no_error(words: str, registry: Registry) -> None:
    for place in range(20):
        registry.register_model(name=f"m{place}", from_scratch=True)
    assert registry.home.folder
    ended = in_a_shell(f"provenance {words} | true", registry.home.folder.parent)
    assert ended.returncode in {0, 1}
    assert ended.stderr == ""
