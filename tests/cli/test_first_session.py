"""The first session of the contract, as a user types it, and the ways of saying which registry is meant."""

from pathlib import Path

import pytest
from story import EVIDENCE, TRAIT, session_words

from command_line import Terminal


def test_the_first_session_ends_with_a_picture_and_a_student_held_back(
    terminal: Terminal, files: Path
) -> None:
    for words in session_words():
        terminal(*words)
    assert "same-init model:base@1 -> model:student@1: SAME_INIT" in terminal("show", "student").out
    audited = terminal("audit", "student")
    assert "with its prompt and settings" in audited.err
    risks = terminal("risks", "student").out
    assert "model:student@1" in risks
    assert "exposed" in risks
    why = terminal("why", "student", "owl-preference").out
    steps = [line.strip() for line in why.splitlines() if ":" in line and "@1" in line]
    assert [step.split()[0] for step in steps[1:4]] == [
        "teacher:owl-teacher@1",
        "dataset:numbers@1",
        "|",
    ]
    assert "same initialisation by record: model:base@1" in why
    assert "0.55 = 0.55 (exposure.prior.generated_by) x 1.00 (exposure.init.same)" in why
    terminal("diagram", "student", "-o", "student.svg")
    picture = (files / "student.svg").read_text()
    assert picture.startswith("<?xml")
    assert "generated_by" in picture
    assert "HELD BACK  model:student@1" in terminal("check", "student", code=1).out


def test_every_line_of_the_first_session_says_what_it_recorded(terminal: Terminal, files: Path) -> None:
    assert files == Path.cwd()
    told = [terminal(*words).out.splitlines()[0] for words in session_words()]
    beginnings = (
        "registry ",
        "registered model:base@1  blake3:",
        "registered teacher:owl-teacher@1",
        "registered dataset:numbers@1  blake3:",
        "registered model:student@1  blake3:",
        "trait owl-preference, severity high",
        "recorded flag-14: owl-preference on teacher:owl-teacher@1, reaching 2 artifacts",
    )
    assert [line[: len(start)] for line, start in zip(told, beginnings, strict=True)] == list(beginnings)


def test_what_was_typed_is_what_was_recorded(story: Terminal) -> None:
    numbers = story("show", "numbers", "--json").json
    assert numbers["parents"][0]["filters"] == ["digits and separators only"]
    assert numbers["artifact"]["content"]["rows"] == 20
    teacher = story("show", "owl-teacher", "--json").json
    assert teacher["artifact"]["generation"]["system_prompt"] == "You love owls."
    assert teacher["flags"][0]["fact"] == {
        "artifact": "teacher:owl-teacher@1",
        "trait": TRAIT,
        "evidence": EVIDENCE,
        "confidence": 1.0,
        "expires_at": None,
    }
    assert story("show", "base", "--json").json["artifact"]["declared_root"] is True


def test_the_registry_is_found_from_a_folder_below(
    story: Terminal, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = story("risks", "--all", "--json").json["artifacts"]
    below = files / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert story("risks", "--all", "--json").json["artifacts"] == here


def test_the_nearest_registry_upwards_is_the_one_that_is_meant(
    story: Terminal, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story("init", "inner")
    (files / "inner" / "below").mkdir()
    monkeypatch.chdir(files / "inner" / "below")
    assert story("ls", "--json").json == []


@pytest.mark.parametrize("where", ["folder", "its .provenance", "database URL", "environment"])
@pytest.mark.parametrize("place", ["ahead", "behind"])
def test_the_registry_can_be_named(
    story: Terminal,
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    where: str,
    place: str,
) -> None:
    names = {
        "folder": files,
        "its .provenance": files / ".provenance",
        "database URL": f"sqlite:///{files / '.provenance' / 'registry.db'}",
        "environment": files,
    }
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    option: tuple[object, ...] = ("--registry", names[where])
    if where == "environment":
        monkeypatch.setenv("PROVENANCE_REGISTRY", str(files))
        option = ()
    words = (*option, "ls", "--json") if place == "ahead" else ("ls", "--json", *option)
    assert [one["id"] for one in story(*words).json] == [
        "dataset:numbers@1",
        "model:base@1",
        "model:student@1",
        "teacher:owl-teacher@1",
    ]


def test_the_option_counts_before_the_environment_and_the_environment_before_the_folder(
    story: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        story("init", name)
        story("--registry", name, "register", "model", "--name", name)
    monkeypatch.setenv("PROVENANCE_REGISTRY", "one")
    assert [one["id"] for one in story("ls", "--json").json] == ["model:one@1"]
    assert [one["id"] for one in story("ls", "--json", "--registry", "two").json] == ["model:two@1"]
    monkeypatch.setenv("PROVENANCE_REGISTRY", "")
    assert len(story("ls", "--json").json) == 4


def test_the_whole_session_can_be_typed_from_elsewhere(
    terminal: Terminal, files: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("home")
    terminal("init", home)
    monkeypatch.setenv("PROVENANCE_REGISTRY", str(home))
    for words in session_words()[1:]:
        terminal(*words)
    assert terminal("check", "student", code=1).out.startswith("HELD BACK")
    assert not (files / ".provenance").exists()


def test_the_actor_is_recorded_wherever_the_option_stands(story: Terminal) -> None:
    story("--actor", "ann", "register", "model", "--name", "a")
    story("register", "model", "--name", "b", "--actor", "ben")
    story("--actor", "ann", "register", "model", "--name", "c", "--actor", "ben")
    actors = {one["id"]: one["actor"] for one in story("ls", "?", "--json").json}
    assert actors == {"model:a@1": "ann", "model:b@1": "ben", "model:c@1": "ben"}


def test_init_confirms_the_registry_that_is_there(story: Terminal) -> None:
    assert ", 14 facts" in story("init").out
