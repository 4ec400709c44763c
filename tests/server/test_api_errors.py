"""What can't be answered is said as JSON, with a message, a hint, and a status that says whose fault it is."""

from pathlib import Path

import pytest

from provenance import Registry
from provenance.server.app import create_app
from provenance.server.drawing import Most
from review_fixtures import told
from server_fixtures import Asking, serving

WRONG = {
    "an artifact that is not recorded": ("/api/show/nobody", 404, "no artifact 'nobody'"),
    "a near name": ("/api/show/studnet", 404, "studnet"),
    "a trait that is not recorded": ("/api/why/student?trait=cats", 404, "no trait 'cats'"),
    "no reference": ("/api/show/%20", 400, "' '"),
    "an empty reference": ("/api/show/", 400, ""),
    "no date": ("/api/ls?as_of=yesterday", 400, "'yesterday' is no date"),
    "a parameter that means nothing": ("/api/ls?statuss=exposed", 400, "'statuss' means nothing here"),
    "no such status": ("/api/risks?status=fine", 422, "status.0"),
    "no such kind": ("/api/ls?kind=cat", 422, "kind.0"),
    "a limit beyond all": ("/api/ls?limit=1000000000000", 422, "limit"),
    "a limit of nothing": ("/api/ls?limit=0", 422, "limit"),
    "no trait where one is needed": ("/api/why/student", 422, "trait: Field required"),
    "no artifact where one is needed": ("/api/check", 422, "ref"),
    "one artifact where two are needed": ("/api/common?ref=student", 400, "name two artifacts"),
    "a dataset in a role": ("/api/exposures/dataset:numbers?as=teacher", 400, "neither teacher nor student"),
    "nothing to begin behind": ("/api/ancestors/student?after=foreign", 400, "not in this list"),
    "no earlier date": ("/api/diff?ref=student", 400, "compared with what?"),
    "words without a value": ("/api/ls?meta=colour", 400, "KEY=VALUE"),
    "a depth of words": ("/api/diagram?ref=student&depth=far", 400, "no number"),
    "an address of nothing": ("/api/nothing", 404, "nothing is at this address"),
    "the character NUL in a path": ("/api/show/a%00b", 400, "NUL"),
    "the character NUL in a query": ("/api/ls?pattern=a%00", 400, "NUL"),
    "bytes that are no text": ("/api/show/%ff%fe", 400, "UTF-8"),
    "bytes that are no text in a query": ("/api/ls?pattern=%ff", 400, "UTF-8"),
    "half an escape": ("/api/show/100%", 404, "100%"),
    "an address without end": ("/api/ls?pattern=" + "a" * 9000, 414, "longer than"),
    "a climb": ("/api/show/..%2F..%2Fetc%2Fpasswd", 400, "etc/passwd"),
}


@pytest.mark.parametrize(("address", "status", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(address: str, status: int, said: str, asking: Asking) -> None:
    found = asking(address)
    assert (found.status, found.headers["content-type"]) == (status, "application/json")
    assert found.json.keys() == {"message", "hint"}
    assert said in found.json["message"]


def test_people_are_told_by_a_page(asking: Asking) -> None:
    found = asking("/artifacts/nobody")
    assert (found.status, found.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "no artifact" in found.text


def test_a_form_that_a_list_has_not_is_an_error(asking: Asking) -> None:
    for address in ("/risks?as=xml", "/impact/student?as=xml"):
        assert asking(address).status == 422, address


def test_an_error_repeats_no_markup(asking: Asking) -> None:
    found = asking("/artifacts/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert found.status in {400, 404}
    assert "<script>alert" not in found.text


def test_a_diagram_that_would_take_too_long_is_refused(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    for most in (Most(nodes=2, edges=99), Most(nodes=99, edges=1)):
        monkeypatch.setattr("provenance.server.downloads.FILE", most)
        found = asking("/diagrams/student.svg")
        assert found.status == 422
        assert "are more than the" in found.text
        assert asking("/diagrams/student.dot").status == 200


def test_a_drawing_that_takes_too_long_is_ended_and_the_next_is_done(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hurried:
        hurried.setattr(asking.app.state.served.file_layout, "_seconds", 1e-6)
        for address in ("/diagrams/student.svg", "/diagrams/student.png", "/reports/student.html"):
            found = asking(address)
            assert found.status == 422, address
            assert "Name a smaller depth, collapse what is alike, or take it as dot" in found.text
        assert "<svg" in asking("/artifacts/student").text
    assert asking("/diagrams/student.svg").status == 200


def test_a_page_whose_diagram_takes_too_long_comes_without(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking.app.state.served.page_layout, "_seconds", 1e-6)
    for address in ("/artifacts/student", "/lineage/student"):
        found = asking(address)
        assert (found.status, "etag" in found.headers) == (200, False), address
        assert "Too large to be drawn here" in found.text


def test_graphviz_never_runs_within_the_server(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provenance.render.drawing._in_process", None)
    monkeypatch.setattr("provenance.render.drawing._by_program", None)
    for address in (
        "/diagrams/student.svg",
        "/diagrams/student.pdf",
        "/reports/student.html",
        "/artifacts/student",
        "/lineage/student",
    ):
        assert asking(address).status == 200, address


def test_a_database_that_is_gone_is_said_and_brings_nobody_down(tmp_path: Path) -> None:
    told(tmp_path, ("model:base from_scratch",)).close()
    database = tmp_path / ".provenance" / "registry.db"
    with Registry.open(tmp_path, read_only=True) as registry, serving(create_app(registry)) as asking:
        assert asking("/api/show/base").status == 200
        registry._ledger._engine.dispose()
        kept = database.read_bytes()
        database.write_bytes(b"no database" * 1000)
        found = asking("/api/show/base")
        assert (
            found.status,
            "does not answer" in found.json["message"] or "refused" in found.json["message"],
        ) == (
            503,
            True,
        )
        assert asking("/").status == 503
        registry._ledger._engine.dispose()
        database.write_bytes(kept)
        assert asking("/api/show/base").status == 200


def test_a_fault_of_ours_is_told_without_its_inside(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("provenance.view.View.show", broken)
    found = asking("/api/show/student")
    assert found.status == 500
    assert "fault of provenance" in found.json["message"]
    assert b"secret" not in found.body
    assert "default-src 'none'" in found.headers["content-security-policy"]
