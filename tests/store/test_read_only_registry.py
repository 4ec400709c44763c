"""A registry that may only be read, such as on a read-only mount: it answers, and says why it records nothing."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind
from provenance.errors import RegistryError
from provenance.store import Ledger, Transaction

BASE = Artifact(id=ArtifactId(ArtifactKind.MODEL, "base"), declared_root=True)
NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user whom file modes apply to."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def database() -> Iterator[Path]:
    """A registry in a folder that nobody may write to."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "a %20 registry?.db"
        ledger = Ledger.open(f"sqlite:///{path}", create=True)
        with ledger.transaction("ada") as transaction:
            transaction.append(BASE)
        ledger.close()
        path.chmod(0o444)
        folder.chmod(0o555)
        yield path
        folder.chmod(0o755)


def record(ledger: Ledger) -> Transaction:
    with ledger.transaction("ada") as transaction:
        transaction.append(Artifact(id=ArtifactId(ArtifactKind.MODEL, "other")))
    return transaction


def test_a_registry_that_can_not_be_written_answers_and_leaves_no_file(database: Path) -> None:
    with unprivileged():
        ledger = Ledger.open(f"sqlite:///{database}")
        assert ledger.verify().ok
        assert ledger.find("base") == (BASE,)
        ledger.close()
    assert [path.name for path in database.parent.iterdir()] == [database.name]


def test_recording_in_it_is_refused_with_the_reason(database: Path) -> None:
    with unprivileged():
        ledger = Ledger.open(f"sqlite:///{database}")
        with pytest.raises(RegistryError, match="can only be read: its file or folder may not be written"):
            record(ledger)
        ledger.close()


def test_what_stands_only_in_its_write_ahead_log_is_read_as_well(database: Path) -> None:
    database.parent.chmod(0o755)
    database.chmod(0o644)
    writer = Ledger.open(f"sqlite:///{database}")
    record(writer)
    database.parent.chmod(0o555)
    for path in database.parent.iterdir():
        path.chmod(0o444)
    with unprivileged():
        ledger = Ledger.open(f"sqlite:///{database}")
        assert [str(one) for one in ledger.names()] == ["model:base@1", "model:other@1"]
        ledger.close()
    writer.close()
