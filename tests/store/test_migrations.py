"""Registries of earlier releases: opened, brought up to date from their facts, and whole whatever happens on the way."""

import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind, Content
from provenance.digests import digest_bytes
from provenance.errors import RegistryError
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.facts import Fact, Snapshot
from provenance.relations import Relation, RelationKind
from provenance.store import Ledger, database
from provenance.store.bulk import write_rows
from provenance.store.database import connect
from provenance.store.tables import (
    COMMIT,
    FACT,
    GENESIS,
    SCHEMA_REVISION,
    CommitDigest,
    fact_row,
)
from provenance.traits import Flag, Severity, Trait

BASE, TUNED, MERGE, TWIN = (
    ArtifactId(ArtifactKind.MODEL, name) for name in ("base", "org/tuned", "merge", "twin")
)
ROWS = ArtifactId(ArtifactKind.DATASET, "rows", "2")


def same_init(parent: ArtifactId, child: ArtifactId, verdict: Verdict = Verdict.SAME_INIT) -> Evidence:
    return Evidence(
        test=TestKind.SAME_INIT,
        parent=parent,
        child=child,
        verdict=verdict,
        method="m@1",
        tested_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


TOLD: tuple[tuple[Fact, ...], ...] = (
    (
        Artifact(id=BASE, declared_root=True),
        Artifact(
            id=TUNED,
            content=Content(digest=digest_bytes(b"tuned"), format="file", size_bytes=5, files=1),
        ),
        Artifact(id=MERGE),
        Artifact(id=TWIN),
        Artifact(id=ROWS, metadata={"language": "en"}),
    ),
    (
        Relation(child=TUNED, kind=RelationKind.FINETUNED_FROM, parent=BASE),
        Relation(child=TUNED, kind=RelationKind.TRAINED_ON, parent=ROWS, clean_fraction=0.1),
        Relation(child=MERGE, kind=RelationKind.MERGED_FROM, parent=TUNED, share=0.3),
        same_init(BASE, TUNED),
        same_init(TWIN, MERGE),
        same_init(TWIN, TUNED, Verdict.INDEPENDENT),
        Relation(child=MERGE, kind=RelationKind.MERGED_FROM, parent=TWIN, share=0.7),
        same_init(MERGE, TWIN),
    ),
    (
        Trait(name="owls", severity=Severity.LOW),
        Flag(artifact=BASE, trait="owls", evidence="seen"),
    ),
)
"""Of the tests, fact 10 alone joins what the record did not: the relation between its ends came after it."""

ARTIFACTS = [
    (1, "model:base@1", "base", None, "model", True),
    (2, "model:org/tuned@1", "org/tuned", str(digest_bytes(b"tuned")), "model", False),
    (3, "model:merge@1", "merge", None, "model", False),
    (4, "model:twin@1", "twin", None, "model", False),
    (5, "dataset:rows@2", "rows", None, "dataset", False),
]
RELATIONS = [
    (6, 2, 1, "finetuned_from", None, None),
    (7, 2, 5, "trained_on", None, 0.1),
    (8, 3, 2, "merged_from", 0.3, None),
    (12, 3, 4, "merged_from", 0.7, None),
]
EVIDENCE = [
    (9, "same-init", "SAME_INIT", 1, 2, False),
    (10, "same-init", "SAME_INIT", 4, 3, True),
    (11, "same-init", "INDEPENDENT", 4, 2, False),
    (13, "same-init", "SAME_INIT", 3, 4, False),
]


def old_registry(url: str, revision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry as a release at an earlier migration left it: its tables, holding what `TOLD` says before the third migration."""
    upgrade = command.upgrade

    def halt(configuration: Config, _revision: str) -> None:
        upgrade(configuration, revision)

    engine = connect(url)
    with monkeypatch.context() as patched:
        patched.setattr(command, "upgrade", halt)
        database.migrate(engine)
    if revision < "0003":
        with engine.begin() as connection:
            write_as_before(connection)
    engine.dispose()


def write_as_before(connection: sqlalchemy.Connection) -> None:
    """Writes facts and the two indexes that there were, column by column."""
    seq, previous = 0, GENESIS
    positions: dict[str, int] = {}
    for number, facts in enumerate(TOLD, 1):
        rows = [fact_row(seq + place, number, fact) for place, fact in enumerate(facts, 1)]
        digest = CommitDigest("ada")
        digest.add(row[-1] for row in rows)
        header: dict[str, Any] = {
            "number": number,
            "previous": previous,
            "recorded_at": f"2026-01-0{number}T00:00:00.000000Z",
            "first_seq": seq + 1,
        }
        previous = digest.close(**header)
        closing = {"actor": "ada", "last_seq": seq + len(facts), "digest": previous}
        connection.execute(sqlalchemy.insert(COMMIT), header | closing)
        write_rows(connection, FACT, rows)
        for place, fact in enumerate(facts, seq + 1):
            if isinstance(fact, Artifact):
                positions[str(fact.id)] = place
                values: Mapping[str, Any] = {
                    "seq": place,
                    "key": str(fact.id),
                    "name": fact.id.name,
                    "digest": str(fact.content.digest) if fact.content else None,
                }
                insert(connection, "provenance_artifact", values)
            elif isinstance(fact, Relation):
                ends = {"child": positions[str(fact.child)], "parent": positions[str(fact.parent)]}
                insert(connection, "provenance_relation", {"seq": place, **ends, "kind": fact.kind.value})
        seq += len(facts)


def insert(connection: sqlalchemy.Connection, table: str, values: Mapping[str, Any]) -> None:
    columns = sqlalchemy.table(table, *map(sqlalchemy.column, values))
    connection.execute(sqlalchemy.insert(columns), values)


def rows_of(url: str, table: str, columns: str) -> list[tuple[Any, ...]]:
    engine = connect(url)
    with engine.connect() as connection:
        found = connection.exec_driver_sql(f"SELECT {columns} FROM provenance_{table} ORDER BY seq").all()
    engine.dispose()
    return [tuple(row) for row in found]


def indexes_of(url: str) -> list[list[tuple[Any, ...]]]:
    return [
        rows_of(url, "artifact", "seq, key, name, digest, kind, declared_root"),
        rows_of(url, "relation", "seq, child, parent, kind, share, clean_fraction"),
        rows_of(url, "evidence", "seq, test, verdict, parent, child, apart"),
    ]


def said(snapshot: Snapshot) -> list[Fact]:
    return [recorded.fact for recorded in snapshot.facts]


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_a_registry_of_an_earlier_release_opens_with_its_facts_and_full_indexes(
    store_url: str, revision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_registry(store_url, revision, monkeypatch)
    ledger = Ledger.open(store_url)
    assert database.revision(ledger._engine) == SCHEMA_REVISION
    assert ledger.verify().problems == ()
    assert said(ledger.snapshot()) == [fact for facts in TOLD for fact in facts]
    assert [one.id for one in ledger.find("org/tuned")] == [TUNED]
    assert indexes_of(store_url) == [ARTIFACTS, RELATIONS, EVIDENCE]
    ledger.close()


def test_a_new_registry_has_the_same_indexes_and_tables_as_one_that_was_brought_up_to_date(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_registry(store_url, "0001", monkeypatch)
    Ledger.open(store_url).close()
    fresh_url = f"sqlite:///{tmp_path / 'fresh.db'}"
    fresh = Ledger.open(fresh_url, create=True)
    for facts in TOLD:
        with fresh.transaction("ada") as transaction:
            for fact in facts:
                transaction.append(fact)
    assert fresh.verify().problems == ()
    fresh.close()
    assert indexes_of(fresh_url) == indexes_of(store_url)


def test_recording_goes_on_after_the_update_and_no_index_can_be_changed(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_registry(store_url, "0001", monkeypatch)
    ledger = Ledger.open(store_url)
    with ledger.transaction("grace") as transaction:
        transaction.append(same_init(BASE, MERGE))
    assert indexes_of(store_url)[2][-1] == (16, "same-init", "SAME_INIT", 1, 3, True)
    assert ledger.verify().ok
    for table in ("artifact", "relation", "evidence"):
        for statement in (
            f"UPDATE provenance_{table} SET seq = seq",
            f"DELETE FROM provenance_{table}",
        ):
            with (
                pytest.raises(sqlalchemy.exc.DBAPIError, match="append-only"),
                ledger._engine.begin() as connection,
            ):
                connection.exec_driver_sql(statement)
    ledger.close()


def test_a_registry_with_a_changed_fact_still_opens_and_verification_names_the_fact(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_registry(store_url, "0002", monkeypatch)
    engine = connect(store_url)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")
        else:
            connection.exec_driver_sql("DROP TRIGGER provenance_fact_no_update")
        connection.exec_driver_sql("UPDATE provenance_fact SET body = 'torn' WHERE seq = 2")
        connection.commit()
    engine.dispose()
    ledger = Ledger.open(store_url)
    problems = ledger.verify().problems
    assert ("fact 2", "changed: its artifact is not what was recorded") in [
        (one.where, one.what) for one in problems
    ]
    ledger.close()


def test_what_an_mlflow_was_told_stays_known_unless_it_went_by_a_login(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_registry(store_url, "0003", monkeypatch)
    plain, login = "http://mlflow:5000", "http://me:secret@mlflow:5000"
    engine = connect(store_url)
    with engine.begin() as connection:
        for target in (plain, login):
            told = {"target": target, "subject": "a", "state_digest": "d", "external_id": "x"}
            insert(connection, "provenance_projected", told)
    engine.dispose()
    ledger = Ledger.open(store_url)
    assert ledger.projection(plain).all() == {"a": ("d", "x")}
    assert ledger.projection(login).all() == {}
    assert ledger.projection(plain).cursor() is None
    ledger.close()


def fail_at(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets opening a registry fail before it executes a statement that holds some words."""

    def halt(*arguments: object) -> None:
        if words in str(arguments[2]):
            raise RegistryError(f"stopped at {words}")

    def watched(url: str) -> sqlalchemy.Engine:
        engine = connect(url)
        sqlalchemy.event.listen(engine, "before_cursor_execute", halt)
        return engine

    monkeypatch.setattr("provenance.store.ledger.connect", watched)


STEPS = (
    "INSERT INTO provenance_relation",
    "CREATE TRIGGER provenance_evidence",
    "UPDATE provenance_alembic_version",
)


@pytest.mark.parametrize("words", STEPS)
def test_an_update_that_fails_on_its_way_leaves_the_old_registry_whole(
    store_url: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_registry(store_url, "0002", monkeypatch)
    with monkeypatch.context() as patched:
        fail_at(words, patched)
        with pytest.raises(RegistryError, match=words):
            Ledger.open(store_url)
    engine = connect(store_url)
    assert database.revision(engine) == "0002"
    assert not sqlalchemy.inspect(engine).has_table("provenance_evidence")
    engine.dispose()
    assert [row[0] for row in rows_of(store_url, "relation", "seq")] == [6, 7, 8, 12]
    ledger = Ledger.open(store_url)
    assert ledger.verify().problems == ()
    assert indexes_of(store_url) == [ARTIFACTS, RELATIONS, EVIDENCE]
    ledger.close()


KILLED = """
import os, signal, sys
import sqlalchemy
from provenance.store import Ledger, ledger
connect = ledger.connect
def halt(connection, cursor, statement, *rest):
    if "UPDATE provenance_evidence" in statement:
        os.kill(os.getpid(), signal.SIGKILL)
def listening(url):
    engine = connect(url)
    sqlalchemy.event.listen(engine, "before_cursor_execute", halt)
    return engine
ledger.connect = listening
Ledger.open(sys.argv[1])
"""


def test_a_process_killed_in_the_middle_of_an_update_leaves_the_old_registry_whole(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_registry(store_url, "0001", monkeypatch)
    process = subprocess.run([sys.executable, "-c", KILLED, store_url], check=False, timeout=60)
    assert process.returncode == -signal.SIGKILL
    engine = connect(store_url)
    assert database.revision(engine) == "0001"
    engine.dispose()
    ledger = Ledger.open(store_url)
    assert ledger.verify().problems == ()
    assert indexes_of(store_url) == [ARTIFACTS, RELATIONS, EVIDENCE]
    ledger.close()
