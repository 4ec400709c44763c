"""The API answers what the command line prints with --json, for every command that reads."""

import shlex
from pathlib import Path

import pytest

from command_line import Terminal
from server_fixtures import AS_OF, Asking

PAIRS = {
    "ls": "/api/ls",
    "ls '*t*' --kind model --kind teacher --limit 2": "/api/ls?pattern=*t*&kind=model&kind=teacher&limit=2",
    "ls --status exposed --trait owls": "/api/ls?status=exposed&trait=owls",
    "show model:student@1": "/api/show/model%3Astudent%401",
    "show student": "/api/show/student",
    "trait ls": "/api/traits",
    "ancestors student": "/api/ancestors/student",
    "ancestors student --depth 1 --kind dataset --relation trained_on": "/api/ancestors/student?depth=1&kind=dataset&relation=trained_on",
    "descendants model:base --limit 2": "/api/descendants/model:base?limit=2",
    "roots student": "/api/roots/student",
    "path model:owl student": "/api/path?ancestor=model:owl&descendant=student",
    "path model:base student --all": "/api/paths?ancestor=model:base&descendant=student",
    "common student foreign": "/api/common?ref=student&ref=foreign",
    "common student model:owl --lowest --kind model": "/api/common?ref=student&ref=model:owl&lowest=true&kind=model",
    "exposures student": "/api/exposures/student",
    "exposures model:owl --as teacher": "/api/exposures/model:owl?as=teacher",
    "family student": "/api/family/student",
    "risks student foreign": "/api/risks?ref=student&ref=foreign",
    "risks student --status clear": "/api/risks?ref=student&status=clear",
    "risks --all --limit 3": "/api/risks?limit=3",
    "risks --all --after model:base --trait owls": "/api/risks?after=model:base&trait=owls",
    "why student owls": "/api/why/student?trait=owls",
    "impact model:owl": "/api/impact/model:owl",
    "impact model:owl --trait owls --limit 1": "/api/impact/model:owl?trait=owls&limit=1",
    "check student": "/api/check/student",
    "check student foreign": "/api/check?ref=student&ref=foreign",
    "audit --dry-run": "/api/audit",
    "audit student foreign --dry-run --only canary --limit 1": "/api/audit?ref=student&ref=foreign&only=canary&limit=1",
    "status": "/api/status",
}


@pytest.mark.parametrize(("words", "address"), PAIRS.items(), ids=PAIRS)
def test_an_address_answers_what_its_command_prints(
    words: str, address: str, place: Path, asking: Asking, terminal: Terminal
) -> None:
    printed = terminal(*shlex.split(words), "--registry", place, "--as-of", AS_OF, "--json", code=None)
    found = asking(f"{address}{'&' if '?' in address else '?'}as_of={AS_OF}")
    assert printed.code in {0, 1, 3}, printed.err
    assert (found.status, found.headers["content-type"]) == (200, "application/json")
    assert found.json == printed.json


def test_a_diff_is_that_of_the_command(place: Path, asking: Asking, terminal: Terminal) -> None:
    words = ("diff", "student", "--since", "2026-02-02", "--until", AS_OF, "--json", "--registry", place)
    found = asking(f"/api/diff?ref=student&since=2026-02-02&as_of={AS_OF}")
    assert found.json == terminal(*words).json
    assert found.json["differences"]


def test_the_policy_is_that_of_the_command(place: Path, asking: Asking, terminal: Terminal) -> None:
    assert asking("/api/policy").json == terminal("policy", "show", "--registry", place, "--json").json


def test_dates_are_answered_as_of(asking: Asking) -> None:
    assert asking("/api/flags?as_of=2026-02-15").json == []
    standing = asking("/api/flags").json
    assert [one["fact"]["artifact"] for one in standing] == ["model:owl@1"]
    assert asking("/api/check/student?as_of=2026-02-15").json["passed"] is not False


def test_a_test_is_answered_by_its_id(asking: Asking) -> None:
    tests = asking("/api/show/student").json["evidence"]
    assert tests
    assert asking(f"/api/evidence/evidence-{tests[0]['seq']}").json == tests[0]
    assert asking("/api/evidence/evidence-99999").status == 404


def test_diagrams_and_reviews_are_data_too(asking: Asking) -> None:
    picture = asking("/api/diagram?ref=student&direction=up&depth=1&collapse=all").json
    assert "model:base@1" in {node["artifact"] for node in picture["nodes"]}
    assert (
        "model:student@1 MAY NOT SHIP" in asking("/api/report?ref=student&since=2026-02-02").json["headline"]
    )


@pytest.mark.parametrize(
    "address",
    ["/api/descendants/model:base?limit=1", "/api/ls?limit=2", "/api/risks?limit=2", "/api/flags?limit=1"],
)
def test_a_list_says_where_its_next_page_begins(address: str, asking: Asking) -> None:
    path, _, _ = address.partition("?")
    whole = _members(asking(path).json)
    pages, after = [], address
    while after:
        found = asking(after)
        pages += _members(found.json)
        link = found.headers.get("link", "")
        after = path + link[1:].partition(">")[0] if link else ""
    assert pages == whole


def _members(answer: object) -> list[object]:
    return answer["artifacts"] if isinstance(answer, dict) else answer


def test_every_address_says_in_the_openapi_document_what_it_takes_and_answers(asking: Asking) -> None:
    document = asking("/openapi.json").json
    assert {"/api/show/{ref}", "/diagrams/{ref}.{form}"} <= document["paths"].keys()
    for path, methods in document["paths"].items():
        assert methods.keys() == {"get"}, path
        assert methods["get"]["description"], path
        assert methods["get"]["responses"]["200"]["content"], path
    assert asking("/docs").text.count("<h2>") == len(document["paths"])


def test_the_description_loads_nothing_from_elsewhere(asking: Asking) -> None:
    assert "http" not in asking("/docs").text
