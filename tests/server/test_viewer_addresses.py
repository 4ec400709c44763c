"""Addresses: how the viewer's pages link to each other."""

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from provenance.server.pages.addresses import Address, Links
from review_fixtures import HOSTILE_NAMES


def test_an_address_replaces_adds_and_drops_what_it_asks() -> None:
    here = Address("/lineage/x", (("depth", "2"), ("open", "a"), ("open", "b"), ("open", "a")))
    assert str(here.having(depth=None)) == "/lineage/x?open=a&open=b&open=a"
    assert str(here.having(depth=5, open=None)) == "/lineage/x?depth=5"
    assert str(here.adding("open", "c")).endswith("open=a&open=b&open=a&open=c")
    assert [value for name, value in here.dropping("open", "a").query if name == "open"] == ["a", "b"]
    assert here.dropping("open", "nobody") == here
    assert here.kept(but=["open"]) == (("depth", "2"),)
    assert str(here.having(depth=None, open=None)) == "/lineage/x"


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_stays_one_part_of_a_path(name: str) -> None:
    link = Links(as_of="2026-03-01").href(f"model:{name}@1")
    assert link is not None
    parts = urlsplit(link)
    assert parts.path.startswith("/artifacts/")
    assert unquote(parts.path.removeprefix("/artifacts/")) == f"model:{name}@1"
    assert "/" not in parts.path.removeprefix("/artifacts/")
    assert parse_qsl(parts.query) == [("as_of", "2026-03-01")]
    assert not parts.fragment
    assert not set(link) & set("\"'<> ")


def test_every_link_keeps_the_date_and_the_prefix() -> None:
    links = Links(prefix="/viewer", as_of="2026-03-01T10:00:00Z")
    assert str(links.to("")) == "/viewer/?as_of=2026-03-01T10%3A00%3A00Z"
    assert str(links.to("why", "model:a@1", trait="owls", depth=None)) == (
        "/viewer/why/model%3Aa%401?trait=owls&as_of=2026-03-01T10%3A00%3A00Z"
    )
    assert links.file("diagrams", "model:a@1", "svg").path == "/viewer/diagrams/model%3Aa%401.svg"


def test_a_record_leads_to_its_page_where_it_has_one() -> None:
    links = Links()
    assert links.href("evidence-12") == "/evidence/evidence-12"
    assert links.href("flag-3") == "/flags?flag=flag-3#flag-3"
    assert links.href("block-4") is None
