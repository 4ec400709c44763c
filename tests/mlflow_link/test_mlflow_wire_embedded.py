"""Embedded stores that are not what they should be: of another version of MLflow, of something else, or begun and not finished."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import mlflow
import pytest

from provenance.mlflow_link.adapter import MlflowError, connect

pytestmark = pytest.mark.xdist_group("mlflow")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with an experiment of its user."""
    database = tmp_path_factory.mktemp("store") / "mlflow.db"
    database.touch()  # An empty file is a new database.
    _open(database)
    assert [file.name for file in database.parent.iterdir()] == ["mlflow.db"]
    uri = f"sqlite:///{database}"
    mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri).create_experiment("theirs")
    return database


def _copy(store: Path, folder: Path, *statements: str) -> Path:
    copy = folder / "copy.db"
    shutil.copy(store, copy)
    connection = sqlite3.connect(copy)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return copy


def _open(database: Path) -> None:
    with connect(f"sqlite:///{database}"):
        pass


@pytest.mark.parametrize(
    ("statement", "said", "hint"),
    [
        (
            "UPDATE alembic_version SET version_num = 'f5a4f2784254'",
            "of an earlier version of MLflow",
            "mlflow db upgrade sqlite:///",
        ),
        ("UPDATE alembic_version SET version_num = 'ffff00000000'", "does not know", "at least as new"),
        ("DELETE FROM alembic_version", r"earlier version of MLflow \(revision none\)", "mlflow db upgrade"),
        ("DROP TABLE alembic_version", "of something else than MLflow", "Name the file"),
        ("DROP TABLE experiments", "of something else than MLflow", "Name the file"),
    ],
)
def test_a_store_of_another_revision_is_left_as_it_is(
    statement: str, said: str, hint: str, store: Path, tmp_path: Path
) -> None:
    copy = _copy(store, tmp_path, statement)
    before = copy.read_bytes()
    with pytest.raises(MlflowError, match=said) as caught:
        _open(copy)
    assert hint in str(caught.value.hint)
    assert copy.read_bytes() == before


def test_a_database_of_something_else_gets_no_tables_of_mlflow(tmp_path: Path) -> None:
    database = tmp_path / "other.db"
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE notes (words TEXT)")
    connection.close()
    with pytest.raises(MlflowError, match="of something else than MLflow"):
        _open(database)
    connection = sqlite3.connect(database)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("notes",)]
    connection.close()


def test_a_damaged_store_is_said_to_be_unreadable(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(store.read_bytes()[:100] + b"\xff" * 5000)
    with pytest.raises(MlflowError, match="cannot read the MLflow store"):
        _open(copy)


def test_nothing_is_left_of_a_store_whose_making_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class DiedError(BaseException):
        pass

    def die(*_: object, **__: object) -> Any:
        raise DiedError

    database = tmp_path / "mlflow.db"
    with monkeypatch.context() as patch:
        patch.setattr("mlflow.MlflowClient.get_experiment_by_name", die)
        with pytest.raises(DiedError):
            _open(database)
    assert list(tmp_path.iterdir()) == []
