"""Who may ask a viewer: by which name, with which token; and what every answer says to the browser."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from provenance import Registry
from provenance.errors import UsageError
from provenance.home import VIEWER_ENVIRONMENT
from provenance.server.access import HEADERS, Door, checked_token, is_loopback, make_token
from provenance.server.app import create_app
from server_fixtures import Asking, addresses, serving

TOKEN = "correct-horse-battery-staple"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def guarded(place: Path) -> Iterator[Asking]:
    with (
        Registry.open(place, read_only=True) as registry,
        serving(create_app(registry, token=TOKEN)) as found,
    ):
        yield found


def test_every_answer_carries_the_headers(asking: Asking) -> None:
    asked = [*addresses(asking.app), "/nothing", "/api/nothing", "/openapi.json", "/artifacts/%ff", "/login"]
    assert len(asked) > 35
    for address in asked:
        found = asking(address)
        assert found.status < 500, (address, found.text)
        for name, value in HEADERS.items():
            assert found.headers[name.lower()] == value, address
        assert found.headers["cache-control"], address
        assert "access-control-allow-origin" not in found.headers, address
        assert "server" not in found.headers, address


def test_nothing_but_reading_is_answered(asking: Asking) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
        found = asking("/api/ls", method=method)
        assert (found.status, found.headers["allow"]) == (405, "GET, HEAD"), method


def test_a_head_is_a_get_without_its_body(asking: Asking) -> None:
    for address in ("/", "/api/show/student", "/diagrams/student.dot", "/api/nothing"):
        found = asking(address, method="HEAD")
        assert (found.status, found.body) == (asking(address).status, b""), address


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000", "viewer.localhost"]
)
def test_a_name_of_this_machine_is_answered(host: str, asking: Asking) -> None:
    assert asking("/api/status", Host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "10.0.0.7",
        "",
        "[::1",
        "a]b",
        "evil.example@localhost",
        "localhost:abc",
        "localhost:80:80",
        "[localhost]",
        "localhost/",
    ],
)
def test_a_strangers_name_for_this_machine_is_not(host: str, asking: Asking) -> None:
    found = asking("/api/status", Host=host)
    assert found.status == 421
    assert "model" not in found.text


def test_no_page_of_another_site_has_the_server_work_for_it(asking: Asking) -> None:
    for dest in ("image", "iframe", "script", "empty"):
        found = asking("/diagrams/student.png", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest=dest)
        assert found.status == 403, dest
    for site, dest in (("cross-site", "document"), ("same-origin", "image"), ("none", "document")):
        assert asking("/artifacts/student", Sec_Fetch_Site=site, Sec_Fetch_Dest=dest).status == 200


def test_the_name_that_readers_use_is_answered_behind_a_proxy(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VIEWER_ENVIRONMENT, "https://models.example/review")
    url = f"sqlite:///{place / '.provenance' / 'registry.db'}"
    with Registry.open(url, read_only=True) as registry, serving(create_app(registry)) as asking:
        assert asking("/api/status", Host="models.example").status == 200
        assert asking("/review/api/status", Host="models.example").status == 200
        assert asking("/api/status", Host="others.example").status == 421
        assert 'href="/review/artifacts' in asking("/", Host="models.example").text


def test_without_the_token_a_program_is_told_and_a_browser_is_asked(guarded: Asking) -> None:
    for address in (
        "/api/show/student",
        "/api/nothing",
        "/openapi.json",
        "/diagrams/student.svg",
        "/",
        "/docs",
    ):
        found = guarded(address)
        assert (found.status, found.headers["www-authenticate"]) == (401, "Bearer"), address
        assert "student" not in found.text, address
    found = guarded("/artifacts/a%2Fb?as_of=2026-01-01", Accept="text/html")
    assert found.status == 303
    assert found.headers["location"] == "/login?next=%2Fartifacts%2Fa%2Fb%3Fas_of%3D2026-01-01"
    assert guarded(found.headers["location"]).status == 200


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer ü",
    ],
)
def test_a_wrong_token_is_none(shown: str, guarded: Asking) -> None:
    assert guarded("/api/status", Authorization=shown).status == 401


def test_the_token_lets_a_program_in(guarded: Asking) -> None:
    for shown in (f"Bearer {TOKEN}", f"bearer  {TOKEN}"):
        assert guarded("/api/status", Authorization=shown).status == 200
    assert guarded("/api/status", Authorization=f"Bearer {TOKEN}", Host="models.example").status == 200


def test_the_form_gives_a_browser_a_cookie_that_does_not_tell_the_token(guarded: Asking) -> None:
    body = urlencode({"token": f" {TOKEN} ", "next": "/risks?trait=owls"})
    found = guarded("/login", method="POST", body=body, Content_Type=FORM)
    assert (found.status, found.headers["location"]) == (303, "/risks?trait=owls")
    cookie, *words = found.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(words)
    assert cookie.startswith(f"provenance_viewer_{guarded.port}=")
    assert TOKEN not in cookie
    assert guarded("/risks", Cookie=cookie).status == 200
    assert guarded("/risks", Cookie=f"{cookie.partition('=')[0]}={TOKEN}").status == 401


def test_a_wrong_token_in_the_form_is_said_and_not_repeated(guarded: Asking) -> None:
    found = guarded(
        "/login", method="POST", body=urlencode({"token": "guess-work-guess-work"}), Content_Type=FORM
    )
    assert found.status == 403
    assert "set-cookie" not in found.headers
    assert "That is not the token" in found.text
    assert "guess-work" not in found.text


@pytest.mark.parametrize(
    "onward", ["//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nX: y", ""]
)
def test_the_form_leads_nowhere_else(onward: str, guarded: Asking) -> None:
    body = urlencode({"token": TOKEN, "next": onward})
    assert guarded("/login", method="POST", body=body).headers["location"] == "/"


@pytest.mark.parametrize("body", ["&".join(["token=a"] * 50), "x" * 20_000, "token=%ff"])
def test_what_is_no_form_is_refused(body: str, guarded: Asking) -> None:
    assert guarded("/login", method="POST", body=body).status in {400, 403, 413}


def test_where_no_token_is_asked_for_the_form_leads_on(asking: Asking) -> None:
    assert asking("/login?next=/risks").headers["location"] == "/risks"
    answer = asking("/login", method="POST", body=urlencode({"token": TOKEN}), Content_Type=FORM)
    assert (answer.status, "set-cookie" in answer.headers) == (303, False)


def test_over_https_the_cookie_goes_nowhere_else() -> None:
    assert Door(token=TOKEN, viewer="https://models.example/review").is_secure
    assert not Door(token=TOKEN, viewer="http://models.example").is_secure
    assert Door(token=TOKEN, viewer="https://models.example/review/").prefix == "/review"
    assert TOKEN not in repr(Door(token=TOKEN))


def test_tokens_are_long_and_their_own() -> None:
    assert make_token() != make_token()
    assert checked_token(f"{make_token()}\n")
    for token in ("", "short", "a" * 19, "a" * 30 + " b", "ü" * 30, "a\nb" * 30):
        with pytest.raises(UsageError, match="token is no word of 20 characters or more"):
            checked_token(token)


def test_loopback_is_known_by_name_and_number() -> None:
    for host in ("127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "localhost.", "a.localhost"):
        assert is_loopback(host), host
    for host in (
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "example.org",
        "127.0.0.1.example.org",
        "localhost.example",
        "",
    ):
        assert not is_loopback(host), host
