"""The readers agree on the same store, whatever stands in it; and what can't be read is told apart."""

import hashlib
import shutil
import uuid
from pathlib import Path

import pytest

from mlflow_history_fixtures import KEYS, Writer, fill, quiet, read_embedded, read_server
from mlflow_servers import Server
from provenance import Registry
from provenance.errors import UsageError
from provenance.mlflow_link.address import MlflowError
from provenance.mlflow_link.history import sql
from provenance.mlflow_link.history.reading import HistorySource, Via, read_history
from provenance.mlflow_link.history.records import History

pytestmark = pytest.mark.xdist_group("mlflow")


def read_sql(url: str) -> History:
    return sql.read(url, KEYS, "provenance", quiet)


@pytest.fixture(scope="module")
def filled(mlflow_server: Server) -> Server:
    """A server over SQLite with a history in it, beside whatever other tests left there."""
    fill(Writer(mlflow_server.client(), f"-{uuid.uuid4().hex[:6]}"))
    return mlflow_server


@pytest.fixture
def store(filled: Server, tmp_path: Path) -> str:
    """A copy of its store."""
    shutil.copy(filled.backend.removeprefix("sqlite:///"), tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"


def assert_same(one: History, other: History) -> None:
    for name in History.__dataclass_fields__:
        assert getattr(one, name) == getattr(other, name), name


def test_server_client_and_sql_read_the_same_over_sqlite(filled: Server, store: str) -> None:
    found = read_sql(filled.backend)
    assert_same(read_server(filled.uri), found)
    assert_same(read_embedded(store), found)
    assert len(found.models) >= 8
    assert found.deleted_experiments >= 1
    names = {one.name.partition("-")[0] for one in found.versions}
    assert names >= {"base", "old", "copy", "gone"}
    assert "prompt" not in names
    assert any(run.deleted and run.inputs for run in found.runs.values())


@pytest.mark.postgres
def test_server_and_sql_read_the_same_over_postgresql(mlflow_server_on_postgres: Server) -> None:
    server = mlflow_server_on_postgres
    fill(Writer(server.client(), f"-{uuid.uuid4().hex[:6]}"))
    assert_same(read_server(server.uri), read_sql(server.backend))


def test_reading_by_sql_changes_no_byte(store: str) -> None:
    path = Path(store.removeprefix("sqlite:///"))
    before = hashlib.sha256(path.read_bytes()).digest()
    read_sql(store)
    assert hashlib.sha256(path.read_bytes()).digest() == before
    assert [one.name for one in path.parent.iterdir()] == ["mlflow.db"]


def test_a_store_of_an_unknown_revision_is_read_by_the_api_unless_sql_is_asked_for(
    store: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "REVISIONS", {"0123456789ab": "9.9"})
    with pytest.raises(
        sql.UnknownRevisionError, match=r"of the revision '\w+', which can't be read directly"
    ):
        registry.mlflow_import(store, via="sql", dry_run=True)
    with pytest.raises(sql.UnknownRevisionError, match=r"known are those of MLflow 9\.9"):
        registry.mlflow_import("http://localhost:1", store=store, dry_run=True)
    found = registry.mlflow_import(store, dry_run=True)
    assert found.via is Via.API
    assert "read by its API" in " ".join(found.imported.notes)


def test_what_is_no_store_is_told_apart(tmp_path: Path) -> None:
    import sqlite3

    other = tmp_path / "other.db"
    sqlite3.connect(other).execute("CREATE TABLE t (x)").connection.close()
    text = tmp_path / "text.db"
    text.write_text("no database at all, but long enough to look at\n" * 9, encoding="ascii")
    for path, words in (
        (other, "holds no MLflow store"),
        (text, "can't be read: file is not a database"),
        (tmp_path / "none.db", "there is no MLflow store"),
    ):
        with pytest.raises(MlflowError, match=words):
            read_sql(f"sqlite:///{path}")
    assert not (tmp_path / "none.db").exists()


@pytest.mark.postgres
def test_a_database_that_does_not_answer_is_told_without_its_password(postgres_socket: str) -> None:
    url = f"postgresql://postgres:hush@/nowhere?host={postgres_socket}&password=hush"
    with pytest.raises(MlflowError, match=r'can\'t be read: .*database "nowhere" does not exist') as caught:
        read_sql(url)
    assert "hush" not in caught.value.message


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"uri": "http://localhost:1", "via": Via.SQL}, "no database that can be read directly"),
        ({"uri": "http://localhost:1", "store": "mysql://host/x"}, "no database that can be read directly"),
        ({"uri": "ftp://host", "via": Via.AUTO}, "not an MLflow"),
        ({"uri": "postgresql://host/x", "via": Via.API}, "not an MLflow"),
    ],
)
def test_a_way_of_reading_that_can_not_be_is_a_usage_error(source: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_history(HistorySource(**source), "", quiet)  # type: ignore[arg-type]


def test_a_server_that_does_not_answer_says_that_nothing_was_recorded() -> None:
    with pytest.raises(MlflowError, match="does not answer") as caught:
        read_history(HistorySource(uri="http://127.0.0.1:1"), "", quiet)
    assert caught.value.hint is not None
    assert "Nothing was recorded" in caught.value.hint
