"""What a gate found as JUnit XML, which CI systems show as tests: one test case for each finding, and one for each artifact that passed.

There is no standard of JUnit XML; this keeps to what Jenkins, GitLab and GitHub's reporters all read. A finding that only is reported is
a test case that passes, so it stays the same test case when the policy begins to refuse it.
"""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from itertools import chain

from provenance.plain_text import one_line
from provenance.risk.report import Check, Violation

_SUITE = "provenance check"


def junit(checks: Sequence[Check]) -> str:
    """The findings of a gate as JUnit XML; each artifact is a class, each finding on it a test case.

    Args:
        checks: What the gate found; at least one.
    """
    cases = tuple(chain.from_iterable(map(_cases, checks)))
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": "0",
        "skipped": "0",
        "time": "0",
    }
    root = ET.Element("testsuites", {"name": _SUITE, **counts})
    moment = checks[0].as_of.replace(tzinfo=None).isoformat(timespec="seconds")
    suite = ET.SubElement(root, "testsuite", {"name": _SUITE, **counts, "timestamp": moment})
    properties = ET.SubElement(suite, "properties")
    ET.SubElement(properties, "property", {"name": "policy_digest", "value": checks[0].policy_digest})
    suite.extend(cases)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _cases(check: Check) -> tuple[ET.Element, ...]:
    """The test cases of one artifact."""
    held_back = [_case(check, _name(one), failure=one) for one in check.violations]
    reported = [_case(check, _name(one), said=one.message) for one in check.reported]
    passed = [_case(check, "passes the gate", said=_trust(check))] if check.passed else []
    return (*held_back, *reported, *passed)


def _case(check: Check, name: str, *, failure: Violation | None = None, said: str = "") -> ET.Element:
    attributes = {"classname": one_line(check.artifact), "name": one_line(name), "time": "0"}
    case = ET.Element("testcase", attributes)
    if failure is not None:
        text = one_line(failure.message)
        ET.SubElement(case, "failure", {"type": failure.kind, "message": text}).text = text
    if said:
        ET.SubElement(case, "system-out").text = one_line(said)
    return case


def _name(violation: Violation) -> str:
    """What the finding is about, in words that stay the same from run to run."""
    if violation.trait is not None:
        return f"{violation.kind}: {violation.trait} by {violation.flag}"
    return f"{violation.kind}: {violation.message}"


def _trust(check: Check) -> str:
    return f"trust begins: {'; '.join(check.roots)}" if check.roots else ""
