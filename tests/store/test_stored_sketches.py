"""Sketches in the store: kept by content, apart from the record, added to old registries as they are opened."""

import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config

from provenance.store import Ledger, database
from provenance.store.database import connect
from provenance.store.tables import SCHEMA_REVISION

ONE, OTHER = "blake3:" + "1" * 64, "blake3:" + "2" * 64


def test_a_sketch_comes_back_by_its_content_and_method_only(store_url: str) -> None:
    ledger = Ledger.open(store_url, create=True)
    kept = ledger.sketches()
    kept.put(ONE, method="m@1", plan=b"plan", bits=bytes(512), body=b"body")
    assert kept.get(ONE, method="m@1") == b"body"
    assert kept.get(ONE, method="m@2") is None
    assert kept.get(OTHER, method="m@1") is None
    ledger.close()


def test_the_index_holds_every_sketch_of_a_method_with_its_plan(store_url: str) -> None:
    ledger = Ledger.open(store_url, create=True)
    kept = ledger.sketches()
    assert kept.index(method="m@1").digests == ()
    kept.put(OTHER, method="m@1", plan=b"plan", bits=b"\1" * 512, body=b"2")
    kept.put(ONE, method="m@1", plan=b"plan", bits=b"\2" * 512, body=b"1")
    kept.put("blake3:" + "3" * 64, method="m@0", plan=b"old", bits=bytes(512), body=b"3")
    found = kept.index(method="m@1")
    assert dict(zip(found.digests, found.bits, strict=True)) == {ONE: b"\2" * 512, OTHER: b"\1" * 512}
    assert len(set(found.plans)) == 1
    assert found.plan_texts[found.plans[0]] == b"plan"
    assert kept.digests(method="m@1") == {ONE, OTHER}
    ledger.close()


def test_a_newer_sketch_takes_the_place_of_an_older_one_of_the_same_content(store_url: str) -> None:
    ledger = Ledger.open(store_url, create=True)
    kept = ledger.sketches()
    kept.put(ONE, method="m@1", plan=b"plan", bits=bytes(512), body=b"old")
    kept.put(ONE, method="m@2", plan=b"new plan", bits=bytes(512), body=b"new")
    assert kept.get(ONE, method="m@2") == b"new"
    assert kept.digests(method="m@1") == frozenset()
    ledger.close()


def test_sketches_are_no_part_of_the_record_and_can_be_thrown_away(store_url: str) -> None:
    ledger = Ledger.open(store_url, create=True)
    before = ledger.head()
    ledger.sketches().put(ONE, method="m@1", plan=b"plan", bits=bytes(512), body=b"body")
    assert ledger.head() == before
    assert ledger.verify().ok
    ledger.sketches().forget()
    assert ledger.sketches().digests(method="m@1") == frozenset()
    ledger.close()


def test_a_registry_of_the_first_version_gets_the_tables_when_it_is_opened(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = command.upgrade

    def to_the_first(configuration: Config, _revision: str) -> None:
        upgrade(configuration, "0001")

    with monkeypatch.context() as patched:
        patched.setattr(command, "upgrade", to_the_first)
        engine = connect(store_url)
        database.migrate(engine)
    assert not sqlalchemy.inspect(engine).has_table("provenance_sketch")
    assert database.revision(engine) == "0001"
    engine.dispose()
    ledger = Ledger.open(store_url)
    ledger.sketches().put(ONE, method="m@1", plan=b"plan", bits=bytes(512), body=b"body")
    assert ledger.sketches().get(ONE, method="m@1") == b"body"
    assert database.revision(ledger._engine) == SCHEMA_REVISION
    assert ledger.verify().ok
    ledger.close()
