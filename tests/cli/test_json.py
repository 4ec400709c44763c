"""What --json promises: the fields of the contract, of the right types, on stdout, and nothing else there."""

import csv
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Any

import pytest
from story import TRAIT

from command_line import Terminal
from provenance.canary import CanaryResult, SelfTest
from provenance.canary.result import Controls

_Types = type | tuple[type, ...]
_NUMBER = (int, float)
_MAYBE_NUMBER = (int, float, NoneType)
_MAYBE_TEXT = (str, NoneType)

_RELATION: dict[str, _Types] = {
    "relations[].child": str,
    "relations[].kind": str,
    "relations[].parent": str,
}
_REGISTERED: dict[str, _Types] = {"artifact": str, "digest": _MAYBE_TEXT, "created": bool, "warnings": list}
_RISKS: dict[str, _Types] = {
    "risks[].trait": str,
    "risks[].status": str,
    "risks[].score": _NUMBER,
    "risks[].flag": str,
    "risks[].origin": str,
    "risks[].depth": int,
    "risks[].rule": str,
    "risks[].route[].parent": str,
    "risks[].route[].relation": str,
    "risks[].route[].child": str,
    "risks[].route[].factor": _NUMBER,
    "risks[].route[].verdict": _MAYBE_TEXT,
    "risks[].route[].evidence": list,
}
_CHANGED: dict[str, _Types] = {
    "changed[].artifact": str,
    "changed[].trait": str,
    "changed[].before": str,
    "changed[].after": str,
    "recorded": bool,
}
_CHECKED: dict[str, _Types] = {"artifact": str, "policy_digest": str, "passed": bool}

PROMISED: dict[str, dict[str, _Types]] = {
    "register model ./stranger --name stranger --finetuned-from base": _REGISTERED | _RELATION,
    "register dataset ./numbers.jsonl --name copy --generated-by owl-teacher": _REGISTERED | _RELATION,
    "register teacher --name plain --model base": _REGISTERED | _RELATION,
    "register model ./stranger --name stranger --from-scratch --distilled-from owl-teacher --audit": _REGISTERED
    | {"audit[].task.test": str, "audit[].recorded.fact.verdict": str, "audit[].reason": _MAYBE_TEXT},
    "relate student distilled_from owl-teacher": _REGISTERED | _RELATION,
    "ls": {"[].id": str, "[].content": (dict, NoneType), "[].actor": str, "[].registered_at": str},
    "show student": {
        "artifact.id": str,
        "artifact.content.digest": str,
        "actor": str,
        "registered_at": str,
        "location": str,
        "parents[].parent": str,
        "children": list,
        "gaps": list,
        "flags": list,
        "evidence[].fact.verdict": str,
    },
    "ancestors student": {"[].artifact": str, "[].depth": int},
    "descendants base": {"[].artifact": str, "[].depth": int},
    "roots student": {"[]": str},
    "family base": {
        "[].artifact": str,
        "[].kinship": str,
        "[].through": str,
        "[].evidence": _MAYBE_TEXT,
        "[].measured": _MAYBE_TEXT,
        "[].log10_p": _MAYBE_NUMBER,
    },
    "path base student": {"[].child": str, "[].kind": str, "[].parent": str},
    "exposures student": {"[].teacher": str, "[].student": str, "[].how": str, "[].datasets[]": str},
    "trait add other --severity low": {"id": str, "name": str, "severity": str, "overt": bool},
    "trait ls": {"[].name": str, "[].severity": str, "[].description": str, "[].overt": bool},
    "flag base owl-preference --evidence seen": {"flag": str, "artifact": str, "trait": str, "reached": int}
    | _CHANGED,
    "withdraw flag-14 --reason wrong": {"id": str} | _CHANGED,
    "clear student owl-preference --evidence tested": {"id": str} | _CHANGED,
    "block numbers student owl-preference --evidence e --reason r --expires 2999-01-01": {"id": str}
    | _CHANGED,
    "risks student": {"as_of": str, "policy_digest": str, "partial": bool, "artifacts[].artifact": str}
    | {f"artifacts[].{name}": types for name, types in _RISKS.items()}
    | {"artifacts[].unknown": list},
    "why student owl-preference": {"artifact": str, "status": str, "unknown": list} | _RISKS,
    "impact base": {
        "source": str,
        "trait": _MAYBE_TEXT,
        "partial": bool,
        "items[].artifact": str,
        "items[].status": str,
        "items[].score": _NUMBER,
        "items[].depth": int,
        "items[].via": str,
    },
    "check student": _CHECKED | {"violations[].kind": str, "violations[].message": str},
    "check student base": {f"[].{name}": types for name, types in _CHECKED.items()} | {"[].violations": list},
    "compare ./base ./student": {
        "a": str,
        "b": str,
        "verdict": str,
        "kinship": _MAYBE_TEXT,
        "log10_p": _MAYBE_NUMBER,
        "p_value_kind": str,
        "aligned_cosine": _MAYBE_NUMBER,
        "coverage": _NUMBER,
        "rho_min": _MAYBE_NUMBER,
        "tests[].name": str,
        "assumptions[]": str,
        "seconds": _NUMBER,
        "bytes_read": int,
    },
    "search student": {
        "query": str,
        "hits[].artifact": str,
        "hits[].z": float,
        "hits[].log10_p": float,
        "hits[].verdict": _MAYBE_TEXT,
        "hits[].kinship": _MAYBE_TEXT,
        "hits[].log10_p_exact": _MAYBE_NUMBER,
        "searched": int,
        "seconds": float,
    },
    "audit --dry-run": {
        "[].test": str,
        "[].parent": str,
        "[].child": str,
        "[].because": str,
        "[].state": str,
    },
    "audit": {
        "outcomes[].task.test": str,
        "outcomes[].recorded": (dict, NoneType),
        "outcomes[].reason": _MAYBE_TEXT,
        "left": list,
    },
    "mlflow status": {"mlflow": str, "pending": int},
    "status": {
        "registry": str,
        "entries": int,
        "transactions": int,
        "head": str,
        "counts.models": int,
        "tests_owed": int,
        "mlflow": str,
        "mlflow_behind": int,
        "mlflow_pending": int,
        "mlflow_refused": int,
    },
    "verify": {"ok": bool, "entries": int, "head": str, "problems": list},
}
"""Command, as typed in the told story, to the fields that others rely on."""


def _values(data: Any, place: str) -> Iterator[Any]:
    """All values at a place such as ``artifacts[].risks[].score``."""
    name, _, rest = place.partition(".")
    listed = name.endswith("[]")
    name = name.removesuffix("[]")
    found = data[name] if name else data
    for one in found if listed else [found]:
        if rest:
            yield from _values(one, rest)
        else:
            yield one


@pytest.mark.parametrize("line", PROMISED)
def test_the_promised_fields_are_there(story: Terminal, line: str) -> None:
    if line == "show student":
        story("audit", "student", "--only", "same-init")
    answer = story(*line.split(), "--json", code=1 if line.startswith("check") else 0)
    for place, types in PROMISED[line].items():
        values = list(_values(answer.json, place))
        assert values, place
        allowed = types if isinstance(types, tuple) else (types,)
        assert all(type(value) in allowed for value in values), (place, values)


def test_a_canary_answers_with_the_promised_fields() -> None:
    """Running one takes half a minute, and its type is the answer."""
    promised = {
        "verdict",
        "effect",
        "ci_low",
        "ci_high",
        "mde",
        "seeds",
        "controls",
        "transfer_ratio",
        "method",
    }
    assert promised | {"seconds"} <= {field.name for field in fields(CanaryResult)}
    assert [field.name for field in fields(Controls)] == ["positive", "negative", "carrier", "sanity"]
    assert [field.name for field in fields(SelfTest)] == ["same_init", "different_init"]


def test_the_talk_is_on_stderr_and_the_report_on_stdout(story: Terminal) -> None:
    (owed,) = story("audit", "--dry-run", "--json").json
    audited = story("audit", "student", "--json")
    assert f"{owed['test']} {owed['parent']} -> {owed['child']}" in audited.err
    assert [one["task"]["test"] for one in audited.json["outcomes"]] == ["canary"]
    assert story("withdraw", "flag-14", "--reason", "wrong").out.startswith("recorded withdrawal-")
    unchanged = story("withdraw", "flag-14", "--reason", "wrong")
    assert "changed" in unchanged.err
    assert "changed" not in unchanged.out


def test_warnings_stay_off_the_report(story: Terminal) -> None:
    answer = story("register", "model", "./numbers.jsonl", "--name", "odd", "--json")
    assert answer.json["warnings"]
    assert answer.err == f"warning: {answer.json['warnings'][0]}\n"


def test_registering_and_auditing_at_once_is_one_document(story: Terminal) -> None:
    words = ("register", "model", "./stranger", "--name", "stranger", "--distilled-from", "owl-teacher")
    answer = story(*words, "--from-scratch", "--audit", "--json")
    (outcome,) = answer.json["audit"]
    assert outcome["task"]["child"] == answer.json["artifact"] == "model:stranger@1"
    assert outcome["recorded"]["fact"]["verdict"] != "SAME_INIT"
    assert story("audit", "stranger").out == "no test is owed\n"


def test_a_manifest_answers_with_one_registration_an_entry(story: Terminal) -> None:
    Path("many.yaml").write_text("models:\n  - name: one\n  - name: two\n    finetuned_from: one\n")
    answer = story("register", "-f", "many.yaml", "--json").json
    assert [one["artifact"] for one in answer] == ["model:one@1", "model:two@1"]
    assert [one["created"] for one in answer] == [True, True]


def test_an_error_leaves_the_report_empty(story: Terminal) -> None:
    answer = story("risks", "nobody", "--json", code=4)
    assert answer.out == ""
    assert answer.err.startswith("error: ")


def test_impact_as_a_table_of_a_spreadsheet_has_the_same_rows(story: Terminal) -> None:
    items = story("impact", "base", "--trait", TRAIT, "--json").json["items"]
    rows = list(csv.DictReader(story("impact", "base", "--trait", TRAIT, "--csv").out.splitlines()))
    assert [(row["artifact"], row["status"], int(row["depth"])) for row in rows] == [
        (item["artifact"], item["status"], item["depth"]) for item in items
    ]
