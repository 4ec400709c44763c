"""Which tables an embedded store has: MLflow brings an older one up to date without being asked, so it is looked at before."""

import re
from pathlib import Path
from urllib.parse import quote

from provenance.mlflow_link.address import MlflowError, shown

_REVISION = re.compile(r"^revision\b[^=\n]*=\s*(.+)$", re.MULTILINE)
_EARLIER = re.compile(r"^down_revision\b[^=\n]*=\s*(.+)$", re.MULTILINE)
_NAME = re.compile(r"[\"'](\w+)[\"']")


def is_empty(database: Path, migrations: Path, uri: str) -> bool:
    """Whether a database has no tables yet; otherwise they are exactly those of the installed MLflow.

    Args:
        database: The file.
        migrations: The folder of the installed MLflow's migrations.
        uri: The store, for words.

    Raises:
        MlflowError: Its tables are of another version of MLflow, or of something else, or can't be read.
    """
    import sqlite3

    if not database.exists() or not database.stat().st_size:
        return True
    connection = None
    try:
        connection = sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True, timeout=5)
        tables = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        rows = (
            connection.execute("SELECT version_num FROM alembic_version")
            if "alembic_version" in tables
            else ()
        )
        found = {str(revision) for (revision,) in rows}
    except sqlite3.Error as error:
        raise MlflowError(
            f"cannot read the MLflow store {database}: {error}",
            hint="Check that it is whole, and nobody locks it.",
        ) from error
    finally:
        if connection is not None:
            connection.close()
    if not tables:
        return True
    if not {"alembic_version", "experiments", "runs"} <= tables:
        raise MlflowError(
            f"{database} is an SQLite database of something else than MLflow",
            hint="Name the file of an MLflow store.",
        )
    _compare(found, migrations, database, uri)
    return False


def _compare(found: set[str], migrations: Path, database: Path, uri: str) -> None:
    known, earlier = _names(migrations, _REVISION), _names(migrations, _EARLIER)
    if found == known - earlier:
        return
    revision = ", ".join(sorted(found)) or "none"
    if found <= known:
        raise MlflowError(
            f"the MLflow store {database} is of an earlier version of MLflow (revision {revision})",
            hint=f"It is left as it is. Back it up, then: mlflow db upgrade {shown(uri)}",
        )
    raise MlflowError(
        f"the MLflow store {database} is of a version of MLflow that the installed one does not know (revision {revision})",
        hint="Install an MLflow at least as new as the one that writes there (below 4).",
    )


def _names(migrations: Path, line: re.Pattern[str]) -> set[str]:
    texts = (file.read_text(encoding="utf-8") for file in migrations.glob("*.py"))
    return {name for text in texts for found in line.findall(text) for name in _NAME.findall(found)}
