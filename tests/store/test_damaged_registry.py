"""A registry that was cut off, changed from outside or dated oddly: what is said names it, and nothing is made of it."""

import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind
from provenance.errors import ContentError, LedgerError, ProvenanceError, RegistryError
from provenance.store import Ledger

MODEL = ArtifactKind.MODEL


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A registry of three hundred models, recorded in one transaction."""
    path = tmp_path / "registry.db"
    ledger = Ledger.open(f"sqlite:///{path}", create=True)
    with ledger.transaction("ada") as transaction:
        for number in range(300):
            transaction.append(Artifact(id=ArtifactId(MODEL, f"model-{number}")))
    ledger.close()
    return path


def changed(*statements: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        connection = sqlite3.connect(path)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()

    return change


def shortened(size: int) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, min(size, path.stat().st_size - 1))


ODD_DATE = (
    "DROP TRIGGER provenance_commit_no_update",
    "UPDATE provenance_commit SET recorded_at = 'soon'",
)
DAMAGE: dict[str, tuple[Callable[[Path], None], type[ProvenanceError], str, str]] = {
    "cut off at its beginning": (shortened(100), RegistryError, "malformed", "It was cut off"),
    "cut off": (shortened(60_000), RegistryError, "malformed", "It was cut off"),
    "emptied": (shortened(0), RegistryError, "is there, and no registry is in it", "Bring back a copy"),
    "without an index": (
        changed("DROP TABLE provenance_artifact"),
        RegistryError,
        "no such table: provenance_artifact",
        "It was cut off",
    ),
    "at a migration that never was": (
        changed("UPDATE provenance_alembic_version SET version_num = '0000'"),
        RegistryError,
        "can't be brought up to date: Can't locate revision identified by '0000'",
        "Another program changed it",
    ),
    "with a date that is none": (
        changed(*ODD_DATE),
        LedgerError,
        "transaction 1 of the ledger can't be read",
        "Run `provenance verify`",
    ),
}


def record(ledger: Ledger, name: str) -> None:
    with ledger.transaction("ada") as transaction:
        transaction.append(Artifact(id=ArtifactId(MODEL, name)))


def ask(path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{path}")
    try:
        ledger.find("model-1")
        ledger.snapshot()
    finally:
        ledger.close()


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_registry_is_named_with_what_helps(database: Path, name: str) -> None:
    damage, error, words, helps = DAMAGE[name]
    damage(database)
    with pytest.raises(error, match=words) as caught:
        ask(database)
    assert str(caught.value.hint).startswith(helps)


def test_a_registry_whose_date_was_changed_can_still_be_verified(database: Path) -> None:
    changed(*ODD_DATE)(database)
    ledger = Ledger.open(f"sqlite:///{database}")
    (problem,) = ledger.verify().problems
    assert problem.where == "transaction 1"
    ledger.close()


def test_records_after_one_from_the_future_stand_at_its_date_and_in_order(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = datetime.now(UTC) + timedelta(days=400)

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # noqa: ARG003
            return ahead

    ledger = Ledger.open(store_url, create=True)
    with monkeypatch.context() as patched:
        patched.setattr("provenance.store.head.datetime", Ahead)
        record(ledger, "early")
    record(ledger, "late")
    assert [one.recorded_at for one in ledger.snapshot().facts] == [ahead, ahead]
    assert ledger.snapshot(ahead - timedelta(days=1)).facts == ()
    assert ledger.verify().ok
    ledger.close()


@pytest.mark.parametrize("length", [201, 10_000])
def test_a_name_that_is_too_long_is_refused_before_it_reaches_the_database(
    store_url: str, length: int
) -> None:
    ledger = Ledger.open(store_url, create=True)
    with pytest.raises(ContentError, match=rf"at most 200 characters, this one has {length}: 'xxx"):
        ledger.find("x" * length)
    ledger.close()
