"""The ledger: what goes in comes out, nothing is changed, and whatever is changed behind its back is found."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy

from provenance import Registry
from provenance.artifacts import Artifact, ArtifactId, ArtifactKind, Content
from provenance.digests import digest_bytes
from provenance.errors import RegistryError
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.facts import Snapshot
from provenance.relations import Relation, RelationKind
from provenance.store import Ledger
from provenance.store.database import connect, migrate
from provenance.store.tables import SCHEMA_REVISION
from provenance.traits import Flag, Severity, Trait, Withdrawal

BASE = ArtifactId(ArtifactKind.MODEL, "base")
STUDENT = ArtifactId(ArtifactKind.MODEL, "student")


@pytest.fixture
def ledger(store_url: str) -> Iterator[Ledger]:
    opened = Ledger.open(store_url, create=True)
    yield opened
    opened.close()


def tell_a_story(ledger: Ledger) -> None:
    """Three transactions of two, one and two facts."""
    with ledger.transaction("ada") as transaction:
        transaction.append(Artifact(id=BASE, declared_root=True))
        transaction.append(Artifact(id=STUDENT))
    with ledger.transaction("ada") as transaction:
        transaction.append(Relation(child=STUDENT, kind=RelationKind.FINETUNED_FROM, parent=BASE))
    with ledger.transaction("grace") as transaction:
        transaction.append(Trait(name="owls", severity=Severity.LOW))
        transaction.append(Flag(artifact=BASE, trait="owls", evidence="seen"))


def test_facts_come_back_as_they_went_in_with_who_and_in_order(ledger: Ledger) -> None:
    tell_a_story(ledger)
    facts = ledger.snapshot().facts
    assert [recorded.seq for recorded in facts] == [1, 2, 3, 4, 5]
    assert [recorded.actor for recorded in facts] == ["ada", "ada", "ada", "grace", "grace"]
    assert facts[2].fact == Relation(child=STUDENT, kind=RelationKind.FINETUNED_FROM, parent=BASE)
    assert [recorded.id for recorded in ledger.snapshot().standing_flags] == ["flag-5"]


def fail_midway(ledger: Ledger) -> None:
    with ledger.transaction("ada") as transaction:
        transaction.append(Withdrawal(flag="flag-5", reason="no"))
        raise ZeroDivisionError("midway")


def test_a_transaction_that_fails_records_nothing(ledger: Ledger) -> None:
    tell_a_story(ledger)
    before = ledger.head()
    with pytest.raises(ZeroDivisionError, match="midway"):
        fail_midway(ledger)
    assert ledger.head() == before


def test_a_transaction_that_appends_nothing_leaves_no_trace(ledger: Ledger) -> None:
    tell_a_story(ledger)
    before = ledger.head()
    with ledger.transaction("ada") as transaction:
        transaction.append(Withdrawal(flag="flag-5", reason="no"))
        transaction.discard()
    assert ledger.head() == before


def test_a_past_date_knows_only_what_was_recorded_by_then(ledger: Ledger) -> None:
    tell_a_story(ledger)
    moments = [recorded.recorded_at for recorded in ledger.snapshot().facts]
    assert [len(ledger.snapshot(moment).facts) for moment in sorted(set(moments))] == [2, 3, 5]
    assert ledger.snapshot(moments[0] - timedelta(microseconds=1)).facts == ()
    assert Snapshot.of(ledger.snapshot().facts, moments[2]).facts == ledger.snapshot(moments[2]).facts


def test_a_clock_set_back_never_puts_a_record_before_the_last_one(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell_a_story(ledger)

    class Yesterday(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime(2020, 1, 1, tzinfo=UTC if tz is UTC else None)

    monkeypatch.setattr("provenance.store.head.datetime", Yesterday)
    last = ledger.head().recorded_at
    with ledger.transaction("ada") as transaction:
        transaction.append(Withdrawal(flag="flag-5", reason="no"))
    assert ledger.head().recorded_at == last
    assert len(ledger.snapshot().facts) == 6
    assert ledger.verify().ok


def test_artifacts_are_found_by_name_and_by_the_beginning_of_their_digest(ledger: Ledger) -> None:
    digest = digest_bytes(b"weights")
    with ledger.transaction("ada") as transaction:
        content = Content(digest=digest, format="file", size_bytes=7, files=1)
        transaction.append(Artifact(id=ArtifactId(ArtifactKind.MODEL, "org/base", "2"), content=content))
    for reference in ("org/base", "model:org/base", "org/base@2", str(digest)[:20], digest.hex[:8]):
        assert [str(one.id) for one in ledger.find(reference)] == ["model:org/base@2"], reference
    assert ledger.find("org") == ()
    assert ledger.find(digest.hex[:3]) == ()


def test_the_database_itself_refuses_to_change_or_delete_a_fact(ledger: Ledger, store_url: str) -> None:
    tell_a_story(ledger)
    for table in ("provenance_commit", "provenance_fact", "provenance_artifact", "provenance_relation"):
        column = "actor" if table == "provenance_commit" else "seq"
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
            engine = connect(store_url)
            with pytest.raises(sqlalchemy.exc.DBAPIError, match="append-only"), engine.begin() as connection:
                connection.execute(sqlalchemy.text(statement))
            engine.dispose()
    assert ledger.verify().ok


def tamper(store_url: str, *statements: str) -> None:
    """Changes the database as somebody with full access would: triggers off, then the statements."""
    engine = connect(store_url)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sqlalchemy.text("SET session_replication_role = replica"))
        else:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            rows = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all()
            for (name,) in rows:
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.exec_driver_sql(statement)
        if engine.dialect.name == "postgresql":
            connection.commit()
    engine.dispose()


TAMPERING = {
    "a fact is changed": (
        ["UPDATE provenance_fact SET body = replace(body, 'seen', 'not seen') WHERE seq = 5"],
        ["fact 5"],
        "changed: its flag",
    ),
    "a fact is changed and its digest made to fit": (
        ["UPDATE provenance_fact SET digest = '" + "0" * 64 + "' WHERE seq = 5"],
        ["fact 5"],
        "changed",
    ),
    "a fact is removed": (
        ["DELETE FROM provenance_fact WHERE seq = 5"],
        ["fact 5"],
        "removed from transaction 3",
    ),
    "a fact is inserted": (
        [
            "INSERT INTO provenance_fact SELECT 6, 3, type, subject, body, digest FROM provenance_fact WHERE seq = 5"
        ],
        ["fact 6"],
        "inserted",
    ),
    "a transaction's actor is changed": (
        ["UPDATE provenance_commit SET actor = 'mallory' WHERE number = 2"],
        ["transaction 2"],
        "its digest does not cover",
    ),
    "a transaction is removed with its facts": (
        [
            "DELETE FROM provenance_relation WHERE seq = 3",
            "DELETE FROM provenance_fact WHERE seq = 3",
            "DELETE FROM provenance_commit WHERE number = 2",
        ],
        ["transaction 2"],
        "removed",
    ),
    "an index row is changed": (
        ["UPDATE provenance_relation SET kind = 'merged_from' WHERE seq = 3"],
        ["fact 3"],
        "the index of relations",
    ),
    "an index row is removed": (
        ["DELETE FROM provenance_relation WHERE seq = 3"],
        ["fact 3"],
        "the index of relations",
    ),
    "an index row is inserted where its fact is of another kind": (
        [
            "INSERT INTO provenance_relation VALUES (4, 2, 1, 'merged_from', NULL, NULL)",
            "INSERT INTO provenance_relation VALUES (9, 2, 1, 'pruned_from', NULL, NULL)",
        ],
        ["fact 4", "fact 9"],
        "the index of relations",
    ),
    "the share of a relation is changed in its index": (
        ["UPDATE provenance_relation SET share = 0.5 WHERE seq = 3"],
        ["fact 3"],
        "the index of relations",
    ),
    "a root is made of an artifact in its index": (
        ["UPDATE provenance_artifact SET declared_root = (1 = 1) WHERE seq = 2"],
        ["fact 2"],
        "the index of artifacts",
    ),
    "a transaction claims facts that never were": (
        ["UPDATE provenance_commit SET last_seq = 2000000000 WHERE number = 3"],
        ["facts 6 to 2000000000"],
        "removed from transaction 3",
    ),
    "a fact's subject is changed": (
        ["UPDATE provenance_fact SET subject = 'model:other@1' WHERE seq = 5"],
        ["fact 5"],
        "its index says",
    ),
}


@pytest.mark.parametrize("name", TAMPERING)
def test_verification_finds_what_was_tampered_with_and_says_which(
    ledger: Ledger, store_url: str, name: str
) -> None:
    statements, rows, words = TAMPERING[name]
    tell_a_story(ledger)
    assert ledger.verify().ok
    tamper(store_url, *statements)
    found = ledger.verify()
    assert not found.ok
    assert [problem.where for problem in found.problems][: len(rows)] == rows, found.problems
    assert words in found.problems[0].what


@pytest.mark.parametrize(
    "statement", ["DELETE FROM provenance_evidence", "UPDATE provenance_evidence SET apart = NOT apart"]
)
def test_verification_finds_a_changed_index_of_tests(ledger: Ledger, store_url: str, statement: str) -> None:
    tell_a_story(ledger)
    with ledger.transaction("ada") as transaction:
        test = transaction.append(
            Evidence(
                test=TestKind.SAME_INIT,
                parent=BASE,
                child=STUDENT,
                verdict=Verdict.SAME_INIT,
                method="m@1",
                tested_at=datetime(2026, 1, 2, tzinfo=UTC),
            )
        )
    assert ledger.verify().ok
    tamper(store_url, statement)
    (problem,) = ledger.verify().problems
    assert (problem.where, problem.what) == (f"fact {test.seq}", "the index of tests does not agree with it")


def test_a_head_noted_elsewhere_finds_a_chain_that_was_cut_off_at_its_end(
    ledger: Ledger, store_url: str
) -> None:
    tell_a_story(ledger)
    noted = ledger.head().digest
    tamper(
        store_url,
        "DELETE FROM provenance_fact WHERE seq > 3",
        "DELETE FROM provenance_commit WHERE number = 3",
    )
    assert ledger.verify().ok
    (problem,) = ledger.verify(noted).problems
    assert problem.where == "head"
    assert noted in problem.what


def test_opening_what_is_no_registry_says_how_to_make_one(store_url: str) -> None:
    with pytest.raises(RegistryError, match="there is no registry") as caught:
        Ledger.open(store_url)
    assert "`provenance init`" in str(caught.value.hint)


def test_opening_a_registry_of_a_newer_version_is_refused(store_url: str) -> None:
    Ledger.open(store_url, create=True).close()
    engine = connect(store_url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE provenance_alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(RegistryError, match="written by a newer version"):
        Ledger.open(store_url)


def test_migrating_twice_changes_nothing_and_ends_at_the_revision_that_the_program_expects(
    store_url: str,
) -> None:
    engine = connect(store_url)
    for _ in range(2):
        migrate(engine)
        with engine.connect() as connection:
            found = connection.execute(
                sqlalchemy.text("SELECT version_num FROM provenance_alembic_version")
            ).scalar()
        assert found == SCHEMA_REVISION
    engine.dispose()


@pytest.mark.parametrize("url", ["mysql://here/there", "not a url"])
def test_a_url_of_another_kind_is_a_clear_error(url: str) -> None:
    with pytest.raises(RegistryError, match=r"SQLite or PostgreSQL|not a database URL"):
        Ledger.open(url)


def test_looking_for_a_registry_that_is_not_there_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="there is no registry"):
        Ledger.open(f"sqlite:///{tmp_path / 'nothing.db'}")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(RegistryError, match="not a database"):
        Ledger.open(f"sqlite:///{path}")


def test_sqlite_keeps_a_write_ahead_log_and_foreign_keys(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    ledger = Ledger.open(f"sqlite:///{path}", create=True)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    with ledger._engine.connect() as opened:
        assert opened.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    ledger.close()


@pytest.mark.parametrize("name", ["a?b", "e%20f", "#x y"])
def test_a_registry_lies_in_its_folder_whatever_that_is_called(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with Registry.init(folder) as registry:
        assert registry.verify().ok
    assert (folder / ".provenance" / "registry.db").exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_distant_past_knows_nothing(ledger: Ledger) -> None:
    tell_a_story(ledger)
    assert ledger.snapshot(datetime(999, 1, 1, tzinfo=UTC)).facts == ()
