"""The gate's answer as JUnit XML and as SARIF: what readers rely on, and words of others in them."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pytest

from lineage_fixtures import dataset, model
from provenance.artifacts import ArtifactId
from provenance.risk.junit import junit
from provenance.risk.report import Check, Status, Violation
from provenance.risk.sarif import sarif
from provenance.traits import Severity

DIGEST = "blake3:" + "0" * 64
AS_OF = datetime(2026, 11, 22, 12, 0, 0, 5, tzinfo=UTC)
HOSTILE = 'a"]]><b>&amp; \x1b[2J\x00\ufffe\ud800 \u202e フクロウ 🦉\r\n::error::'


def risk(
    trait: str = "owls",
    status: Status = Status.EXPOSED,
    severity: Severity = Severity.HIGH,
    *,
    flag: str = "flag-7",
    message: str = "exposed: owls (high) from teacher:owl@1: shares the initialisation",
) -> Violation:
    return Violation(kind="risk", message=message, trait=trait, status=status, severity=severity, flag=flag)


UNKNOWN = Violation(kind="unknown", message="model:student@1: no starting weights declared")
CONTRADICTION = Violation(kind="contradiction", message="model:a@1 converted_from model:b@1: says otherwise")
PARTIAL = Violation(kind="partial", message="part of the ancestry could not be looked at")


def answer(artifact: ArtifactId, *violations: Violation, reported: tuple[Violation, ...] = ()) -> Check:
    return Check(
        artifact=artifact,
        as_of=AS_OF,
        policy_digest=DIGEST,
        passed=not violations,
        violations=violations,
        reported=reported,
        roots=("model:base@1: trusted by the policy",),
    )


ANSWERS = (
    answer(model("org/student"), risk(), UNKNOWN, reported=(risk("cats", severity=Severity.LOW),)),
    answer(dataset("numbers"), reported=(PARTIAL, CONTRADICTION)),
    answer(model("base")),
)


def told(*answers: Check) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(sarif(answers, version="1.2.3"))
    return read


# --- JUnit -------------------------------------------------------------------------------------------------------------


def test_each_finding_is_a_test_case_and_each_artifact_that_passed_has_one() -> None:
    root = ET.fromstring(junit(ANSWERS))
    cases = [
        (case.get("classname"), case.get("name"), case.find("failure") is not None)
        for case in root.iter("testcase")
    ]
    assert cases == [
        ("model:org/student@1", "risk: owls by flag-7", True),
        ("model:org/student@1", "unknown: model:student@1: no starting weights declared", True),
        ("model:org/student@1", "risk: cats by flag-7", False),
        ("dataset:numbers@1", "partial: part of the ancestry could not be looked at", False),
        ("dataset:numbers@1", f"contradiction: {CONTRADICTION.message}", False),
        ("dataset:numbers@1", "passes the gate", False),
        ("model:base@1", "passes the gate", False),
    ]


def test_the_counts_are_those_of_the_cases() -> None:
    root = ET.fromstring(junit(ANSWERS))
    (suite,) = root
    for element in (root, suite):
        counts = {name: element.get(name) for name in ("tests", "failures", "errors", "skipped")}
        assert counts == {"tests": "7", "failures": "2", "errors": "0", "skipped": "0"}
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    assert suite.get("timestamp") == "2026-11-22T12:00:00", "readers take no zone and no fraction"


def test_a_case_keeps_its_name_when_the_policy_begins_to_refuse_it() -> None:
    names = [
        next(case.get("name") for case in ET.fromstring(junit([one])).iter("testcase"))
        for one in (answer(model("a"), risk()), answer(model("a"), reported=(risk(),)))
    ]
    assert names[0] == names[1]


def test_what_a_passing_artifact_rests_on_is_said() -> None:
    root = ET.fromstring(junit([answer(model("base"))]))
    assert root.findtext(".//system-out") == "trust begins: model:base@1: trusted by the policy"


def test_words_of_others_stay_words_in_xml() -> None:
    text = junit(
        [answer(model("a"), risk(HOSTILE, message=HOSTILE), Violation(kind="unknown", message=HOSTILE))]
    )
    root = ET.fromstring(text)
    assert {element.tag for element in root.iter()} == {
        *("testsuites", "testsuite", "properties", "property", "testcase", "failure")
    }
    (first, _) = root.iter("failure")
    assert first.text == first.get("message")
    assert str(first.text).startswith('a"]]><b>&amp; \\x1b[2J\\x00\\ufffe\\ud800 \\u202e フクロウ 🦉\\r\\n')
    assert re.search("[\x00-\x08\x0b-\x1f\ufffe\ud800]", text) is None
    text.encode()


# --- SARIF -------------------------------------------------------------------------------------------------------------

# What the schema of SARIF 2.1.0 requires (first) and allows beside it, of the objects that are written here.
SHAPES: Mapping[str, tuple[set[str], set[str]]] = {
    "": ({"version", "runs"}, {"$schema", "inlineExternalProperties", "properties"}),
    "runs": ({"tool"}, {"results", "properties", "automationDetails", "invocations"}),
    "tool": ({"driver"}, {"extensions", "properties"}),
    "driver": ({"name"}, {"version", "rules", "semanticVersion", "informationUri", "properties"}),
    "rules": (
        {"id"},
        {"name", "shortDescription", "fullDescription", "help", "helpUri", "defaultConfiguration", "properties"},
    ),
    "shortDescription": ({"text"}, {"markdown"}),
    "fullDescription": ({"text"}, {"markdown"}),
    "help": ({"text"}, {"markdown"}),
    "defaultConfiguration": (set(), {"enabled", "level", "rank", "parameters", "properties"}),
    "results": (
        {"message"},
        {"ruleId", "ruleIndex", "level", "kind", "locations", "partialFingerprints", "fingerprints", "properties"},
    ),
    "message": (set(), {"text", "markdown", "id", "arguments", "properties"}),
    "locations": (set(), {"id", "physicalLocation", "logicalLocations", "message", "properties"}),
    "physicalLocation": (set(), {"artifactLocation", "region", "contextRegion", "address", "properties"}),
    "artifactLocation": (set(), {"uri", "uriBaseId", "index", "description", "properties"}),
    "region": (set(), {"startLine", "startColumn", "endLine", "endColumn", "properties"}),
    "logicalLocations": (set(), {"name", "fullyQualifiedName", "decoratedName", "kind", "index", "properties"}),
}  # fmt: skip
FREE = {"properties", "partialFingerprints"}
LEVELS = {"none", "note", "warning", "error"}


def objects(value: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a document, with the name of the property that it stands in."""
    if isinstance(value, list):
        for one in value:
            yield from objects(one, name)
    elif isinstance(value, dict):
        yield name, value
        for key, one in value.items():
            if key not in FREE:
                yield from objects(one, key)


def test_sarif_has_the_shape_that_the_standard_requires() -> None:
    document = told(*ANSWERS)
    assert document["version"] == "2.1.0"
    for name, found in objects(document):
        required, allowed = SHAPES[name]
        assert required <= found.keys() <= required | allowed, name
    rules = document["runs"][0]["tool"]["driver"]["rules"]
    ids = [rule["id"] for rule in rules]
    assert len(set(ids)) == len(ids)
    assert {rule["defaultConfiguration"]["level"] for rule in rules} <= LEVELS
    for result in document["runs"][0]["results"]:
        assert result["level"] in LEVELS
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert all(isinstance(word, str) for word in result["partialFingerprints"].values())


def test_there_is_a_rule_for_each_trait_and_each_other_kind_of_finding() -> None:
    rules = told(*ANSWERS)["runs"][0]["tool"]["driver"]["rules"]
    assert {
        rule["id"]: (rule["defaultConfiguration"]["level"], rule["properties"].get("security-severity"))
        for rule in rules
    } == {
        "risk/owls": ("error", "8.0"),
        "unknown": ("warning", None),
        "risk/cats": ("note", "2.0"),
        "partial": ("warning", None),
        "contradiction": ("error", None),
    }
    assert all(rule["help"]["text"] and rule["shortDescription"]["text"] for rule in rules)


def test_the_level_of_a_result_says_whether_it_holds_back() -> None:
    results = told(*ANSWERS)["runs"][0]["results"]
    assert [(one["ruleId"], one["level"], one["properties"]["held_back"]) for one in results] == [
        ("risk/owls", "error", True),
        ("unknown", "error", True),
        ("risk/cats", "note", False),
        ("partial", "note", False),
        ("contradiction", "note", False),
    ]


def test_an_artifact_is_a_logical_location_and_a_path_of_the_same_words() -> None:
    (result,) = told(answer(model("org/über student", "2 b"), UNKNOWN))["runs"][0]["results"]
    (place,) = result["locations"]
    assert place["logicalLocations"] == [
        {"name": "org/über student", "fullyQualifiedName": "model:org/über student@2 b", "kind": "model"}
    ]
    uri = place["physicalLocation"]["artifactLocation"]["uri"]
    assert re.fullmatch(r"[\w/@%.~-]+", uri, re.ASCII)
    assert unquote(uri) == "model/org/über student@2 b"


def prints(*answers: Check) -> list[str]:
    return [one["partialFingerprints"]["provenance/v1"] for one in told(*answers)["runs"][0]["results"]]


def test_a_finding_keeps_its_fingerprint_when_its_status_and_its_reason_change() -> None:
    worse = risk(status=Status.EXPOSED, message="exposed: owls: a canary transferred")
    better = risk(status=Status.SUSPECTED, message="suspected: owls: untested")
    (before,), (after,) = prints(answer(model("a"), worse)), prints(answer(model("a"), reported=(better,)))
    assert before == after


def test_different_findings_have_different_fingerprints() -> None:
    found = prints(
        answer(model("a"), risk(), risk("cats"), risk(flag="flag-8"), UNKNOWN, CONTRADICTION, PARTIAL),
        answer(model("b"), risk(), UNKNOWN, PARTIAL),
    )
    assert len(set(found)) == len(found) == 9


def test_a_passing_gate_is_an_empty_list_of_results_and_says_who_passed() -> None:
    (run,) = told(answer(model("base")))["runs"]
    assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])
    assert run["properties"]["passed"] == ["model:base@1"]
    assert (run["properties"]["policy_digest"], run["tool"]["driver"]["version"]) == (DIGEST, "1.2.3")


@pytest.mark.parametrize("render", [junit, lambda checks: sarif(checks, version="1")])
def test_the_same_answer_gives_the_same_bytes(render: Any) -> None:
    assert render(ANSWERS) == render(ANSWERS)


def test_words_of_others_stay_words_in_sarif() -> None:
    (result,) = told(answer(model("a"), Violation(kind="unknown", message=HOSTILE)))["runs"][0]["results"]
    assert all(sign.isprintable() for sign in result["message"]["text"])
