"""What a gate found as SARIF 2.1.0, the OASIS format that code scanning services read.

There is one rule for each trait, and one for each other kind of finding. A result's level says what the gate did: ``error`` holds the
artifact back, ``note`` is only reported. How grave a trait is, its rule says. An artifact is no file, so it is named as a logical location;
since services such as GitHub's refuse results without a file, it also stands as a path of the same words.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from provenance.digests import digest_bytes
from provenance.facts import canonical_json, utc_text
from provenance.plain_text import one_line
from provenance.risk.report import Check, Violation
from provenance.traits import Severity

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a rule says of one kind of finding."""

    title: str
    help: str
    level: str


_KINDS: Mapping[str, _Kind] = {
    "risk": _Kind(
        "may have been inherited",
        "A flag for this trait reaches the artifact. `provenance why REF TRAIT` prints the route, edge by edge, with what each edge "
        "rests on. What changes it: tests of the open edges (`provenance audit REF`), a clearance of the artifact or a block of an edge "
        "with evidence, the flag's withdrawal where it was wrong, or other parents.",
        "error",
    ),
    "contradiction": _Kind(
        "The weights contradict a recorded relation",
        "A same-init test found the two ends of a recorded weights relation independent. Either the record or the test is wrong: "
        "`provenance compare CHILD PARENT` repeats it, `provenance show CHILD` says who recorded what.",
        "error",
    ),
    "unknown": _Kind(
        "Part of the ancestry is not known",
        "Something in the artifact's ancestry is not declared, so that nothing found says little. `provenance show REF` lists what is "
        "missing; `provenance relate` or a new registration adds it; `roots.trusted` in the policy says whom to trust without it.",
        "warning",
    ),
    "partial": _Kind(
        "The answer is not complete",
        "Part of the ancestry could not be looked at. `provenance status` says whether an import is not finished, and "
        "`provenance verify` whether the registry is whole.",
        "warning",
    ),
}
_LEVELS: Mapping[Severity, str] = {
    Severity.LOW: "note",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}
_SCORES: Mapping[Severity, str] = {
    Severity.LOW: "2.0",
    Severity.MEDIUM: "5.0",
    Severity.HIGH: "8.0",
    Severity.CRITICAL: "9.5",
}
"""Inside the four bands of GitHub's ``security-severity``."""


def sarif(checks: Sequence[Check], *, version: str) -> str:
    """The findings of a gate as SARIF.

    Args:
        checks: What the gate found; at least one.
        version: Of this program.
    """
    found = [
        (check, one, held_back)
        for check in checks
        for held_back, listed in ((True, check.violations), (False, check.reported))
        for one in listed
    ]
    rules = {_rule_id(one): _rule(one) for _, one, _ in found}
    places = {rule: place for place, rule in enumerate(rules)}
    run = {
        "tool": {"driver": {"name": "provenance", "version": version, "rules": list(rules.values())}},
        "results": [
            _result(check, one, places[_rule_id(one)], held_back=held_back) for check, one, held_back in found
        ],
        "properties": {
            "as_of": utc_text(checks[0].as_of),
            "policy_digest": checks[0].policy_digest,
            "passed": [str(check.artifact) for check in checks if check.passed],
            "held_back": [str(check.artifact) for check in checks if not check.passed],
        },
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule_id(violation: Violation) -> str:
    return violation.kind if violation.trait is None else f"{violation.kind}/{violation.trait}"


def _rule(violation: Violation) -> _Object:
    kind = _KINDS[violation.kind]
    title = kind.title if violation.trait is None else f"{violation.trait} {kind.title}"
    rule: _Object = {
        "id": _rule_id(violation),
        "shortDescription": {"text": one_line(title)},
        "fullDescription": {"text": one_line(title)},
        "help": {"text": kind.help, "markdown": kind.help},
        "defaultConfiguration": {
            "level": kind.level if violation.severity is None else _LEVELS[violation.severity]
        },
        "properties": {"tags": ["security", "provenance"]},
    }
    if violation.severity is not None:
        rule["properties"]["security-severity"] = _SCORES[violation.severity]
    return rule


def _result(check: Check, violation: Violation, rule: int, *, held_back: bool) -> _Object:
    artifact = check.artifact
    told = {
        "status": violation.status,
        "severity": violation.severity,
        "trait": violation.trait,
        "flag": violation.flag,
    }
    fingerprint = _fingerprint(check, violation)
    return {
        "ruleId": _rule_id(violation),
        "ruleIndex": rule,
        "level": "error" if held_back else "note",
        "message": {"text": one_line(f"{artifact}: {violation.message}")},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {
                        "uri": quote(f"{artifact.kind}/{artifact.name}@{artifact.version}", safe="/@")
                    },
                    "region": {"startLine": 1},
                },
                "logicalLocations": [
                    {
                        "name": artifact.name,
                        "fullyQualifiedName": str(artifact),
                        "kind": artifact.kind.value,
                    }
                ],
            }
        ],
        # The second name is the one that GitHub matches alerts by.
        "partialFingerprints": {
            "provenance/v1": fingerprint,
            "primaryLocationLineHash": f"{fingerprint[:16]}:1",
        },
        "properties": {"held_back": held_back, **{name: str(word) for name, word in told.items() if word}},
    }


def _fingerprint(check: Check, violation: Violation) -> str:
    """What makes a finding the same one in every run: not its status, which new evidence may change."""
    what = violation.message if violation.trait is None else f"{violation.trait} {violation.flag}"
    told = canonical_json([str(check.artifact), violation.kind, one_line(what)])
    return digest_bytes(told.encode()).hex
