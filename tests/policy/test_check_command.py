"""`provenance check` in CI: exit codes, and reports that are written whatever the gate says."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from command_line import Terminal
from provenance import Registry
from provenance.artifacts import ArtifactKind
from provenance.relations import RelationKind
from provenance.request import Parent, Request
from statements import statements


@pytest.fixture
def told(registry: Registry) -> Registry:
    """A base that passes, a student that is held back, and a model that nobody says anything of."""
    registry.register_model(name="base", from_scratch=True)
    registry.register_model(name="api")
    registry.register_model(
        name="student", parents=[Parent(kind=RelationKind.CONVERTED_FROM, reference="base")]
    )
    registry.add_trait("owls", severity="high")
    registry.flag("student", "owls", evidence="seen")
    return registry


REPORTS = ("--junit", "gate.xml", "--sarif", "gate.sarif")


def findings(folder: Path) -> tuple[list[str], list[str]]:
    """The kinds of failure in the JUnit report, and the rules with their levels in the SARIF report."""
    failures = [str(one.get("type")) for one in ET.parse(folder / "gate.xml").getroot().iter("failure")]
    results = json.loads((folder / "gate.sarif").read_text())["runs"][0]["results"]
    return failures, [f"{one['level']} {one['ruleId']}" for one in results]


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("refs", "code", "expected"),
    [
        ("base", 0, ([], [])),
        ("student", 1, (["risk"], ["error risk/owls"])),
        ("api", 3, (["unknown"], ["error unknown"])),
        ("base api", 3, (["unknown"], ["error unknown"])),
        ("base api student", 1, (["unknown", "risk"], ["error unknown", "error risk/owls"])),
    ],
)
def test_reports_are_written_whatever_the_gate_says(
    terminal: Terminal, folder: Path, refs: str, code: int, expected: tuple[list[str], list[str]]
) -> None:
    answer = terminal("check", *refs.split(), *REPORTS, code=code)
    assert findings(folder) == expected
    assert len([line for line in answer.out.splitlines() if not line.startswith(" ")]) == len(refs.split())


@pytest.mark.usefixtures("told")
def test_what_is_only_reported_is_told_and_holds_nothing_back(terminal: Terminal, folder: Path) -> None:
    (folder / "p.toml").write_text('[gate]\nunknown = "report"\n[gate.refuse]\nhigh = []\n')
    words = ("check", "api", "student", "--policy", "p.toml", *REPORTS)
    answer = terminal(*words, code=0)
    assert answer.out.splitlines() == [
        "passed  model:api@1",
        "  reported, unknown: model:api@1: no starting weights declared",
        "passed  model:student@1",
        "  reported, risk: affected: owls (high) from model:student@1: flagged itself",
    ]
    assert findings(folder) == ([], ["note unknown", "note risk/owls"])
    api, student = terminal(*words, "--json").json
    assert (api["passed"], api["violations"], [one["kind"] for one in api["reported"]]) == (
        True,
        [],
        ["unknown"],
    )
    assert student["roots"] == ["model:base@1: declared to be initialised from scratch"]


@pytest.mark.usefixtures("told")
def test_people_are_told_where_trust_begins(terminal: Terminal) -> None:
    answer = terminal("check", "base", "student", code=1)
    assert answer.err.splitlines()[0] == "trust begins: model:base@1: declared to be initialised from scratch"
    assert "policy blake3:" in answer.err.splitlines()[1]


@pytest.mark.usefixtures("told")
def test_one_report_goes_to_stdout_in_place_of_the_text(terminal: Terminal) -> None:
    assert ET.fromstring(terminal("check", "student", "--junit", "-", code=1).out).tag == "testsuites"
    assert terminal("check", "student", "--sarif", "-", code=1).json["version"] == "2.1.0"
    for words in (("--junit", "-", "--sarif", "-"), ("--json", "--junit", "-")):
        assert "only one report can go to stdout" in terminal("check", "student", *words, code=2).err


@pytest.mark.usefixtures("told")
def test_a_report_that_can_not_be_written_is_no_violation(terminal: Terminal, folder: Path) -> None:
    full = terminal("check", "student", "--sarif", "/dev/full", code=4)
    assert full.err == "error: cannot write /dev/full: No space left on device\n"
    answer = terminal("check", "student", "--junit", folder / "nowhere" / "gate.xml", code=4)
    assert "cannot write" in answer.err
    assert "No such file or directory" in answer.err
    terminal("check", "nobody", *REPORTS, code=4)
    assert not (folder / "gate.xml").exists(), "nothing was found out, so nothing is reported"


def test_a_thousand_artifacts_are_asked_about_in_one_reading(told: Registry) -> None:
    parent = Parent(kind=RelationKind.CONVERTED_FROM, reference="student")
    names = [f"model:copy-{number}@1" for number in range(1000)]
    told.register(
        [Request(kind=ArtifactKind.MODEL, name=f"copy-{number}", parents=(parent,)) for number in range(1000)]
    )
    with statements() as few:
        told.check(names[:10])
    with statements() as many:
        answers = told.check(names)
    assert [str(one.artifact) for one in answers] == names
    assert not any(one.passed for one in answers)
    assert len(many) <= len(few) + 10
