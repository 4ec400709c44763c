"""Opening a database by URL: SQLite with write-ahead log and foreign keys, or PostgreSQL; migrations; the writer's lock."""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from provenance.errors import MissingExtraError, RegistryError
from provenance.store.tables import SCHEMA_REVISION, VERSION_TABLE

SQLITE_BUSY_SECONDS = 60
CONNECT_SECONDS = 10
"""How long a server that does not answer is waited for, where the URL does not say."""
_LONGEST_REASON = 400  # characters; a server that can't be reached by several ways tells of each
_NOT_WRITABLE, _AS_ASKED = "its file or folder may not be written", "it was opened for no more than that"
_LOGIN = re.compile(r"://[^/]*@")
_WRITER_LOCK = 7_401_622_963  # any constant of our own: the key of PostgreSQL's advisory lock
# PostgreSQL can't know how far a walk will lead, takes it for long, and would rather read whole tables than look up a few rows.
_BY_INDEX = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"


def connect(url: str, *, read_only: bool = False) -> Engine:
    """An engine for ``sqlite:///file`` or ``postgresql://...``; one that only reads if told so.

    Raises:
        RegistryError: The URL is of another kind, or malformed.
        MissingExtraError: PostgreSQL's driver is not installed.
    """
    path = url.removeprefix("sqlite:///")
    try:
        # A file's path is taken as it is: in a URL, ? and % would mean something else.
        parsed = make_url(url) if path == url else URL.create("sqlite", database=path)
    except (ArgumentError, ValueError) as error:
        raise RegistryError(
            f"not a database URL: {_LOGIN.sub('://***@', url)!r}",
            hint="Write sqlite:///FILE or postgresql://USER@HOST/DATABASE.",
        ) from error
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed.set(drivername="sqlite"), read_only=read_only)
    if parsed.get_backend_name() != "postgresql":
        raise RegistryError(
            f"a registry lives in SQLite or PostgreSQL, not in {parsed.get_backend_name()}",
            hint="Write sqlite:///FILE or postgresql://USER@HOST/DATABASE.",
        )
    patience = {} if "connect_timeout" in parsed.query else {"connect_timeout": CONNECT_SECONDS}
    try:
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            connect_args=patience,
            execution_options={"read_only": _AS_ASKED if read_only else None},
        )
    except (ImportError, NoSuchModuleError) as error:
        raise MissingExtraError(
            "PostgreSQL's driver is not installed", hint="pip install 'provenance-registry[postgres]'"
        ) from error


def _sqlite(url: URL, *, read_only: bool) -> Engine:
    """An engine for a file; one that only reads if told so, or where neither the file nor its folder may be written."""
    path = Path(url.database or "")
    if path.exists() and not all(map(_may_write, (path, path.parent))):
        engine = create_engine(
            url, creator=partial(_read_only, path), execution_options={"read_only": _NOT_WRITABLE}
        )
    else:
        engine = create_engine(
            url,
            connect_args={"timeout": SQLITE_BUSY_SECONDS},
            execution_options={"read_only": _AS_ASKED if read_only else None},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        if read_only:
            event.listen(engine, "connect", _forbid_writing)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _read_only(path: Path) -> sqlite3.Connection:
    """Reads a file that can't be written; without a log beside it, SQLite has to be told that it will find none."""
    log = path.with_name(f"{path.name}-wal")
    mode = "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"
    address = f"file:{quote(str(path))}?{mode}"
    return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's connection
    connection.isolation_level = None  # transactions begin where we say, see _begin_sqlite
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    if cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):  # setting it anew would be a write
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _forbid_writing(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's connection
    connection.execute("PRAGMA query_only = ON").close()


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state of the database."""
    with explained(engine), engine.connect() as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(
                f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; {_BY_INDEX}"
            )
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that is the only writer until it ends: what it reads stays true while it appends.

    Raises:
        RegistryError: The database can only be read, or does not answer.
    """
    if reason := engine.get_execution_options().get("read_only"):
        raise RegistryError(
            f"the registry in {shown(engine.url)} can only be read: {reason}",
            hint="Ask who may write there, or copy the file together with the one that ends in -wal. Nothing was recorded.",
        )
    with (
        explained(engine),
        engine.connect().execution_options(writing=True) as connection,
        connection.begin(),
    ):
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITER_LOCK})
            connection.exec_driver_sql(_BY_INDEX)
        yield connection


_CAUSES = (
    (
        r"password|authentication|pg_hba",
        "Put the password into ~/.pgpass or PGPASSWORD; is the role the right one?",
    ),
    (r'role ".*" does not exist', "Name a role of the server: postgresql://USER@HOST/DATABASE."),
    (
        r'database ".*" does not exist',
        "Make the database first, such as with `createdb`; or is its name another?",
    ),
    (
        r"permission denied|read-only transaction",
        "docs/postgresql.md lists the rights of readers, of writers and of who makes the tables.",
    ),
    (
        r"malformed|not a database|no such table|relation .* does not exist",
        "It was cut off or changed from outside: bring back a copy, and check that with `provenance verify`.",
    ),
    (
        r"refused|resolve|translate host|No such file or directory|timeout|unreachable",
        "Is the server up, and are its host and port these?",
    ),
)
"""What the servers say, as a pattern, and what helps."""


def shown(url: URL) -> str:
    """A database's URL for people: without its password, wherever that stands."""
    plain = url.set(drivername=url.get_backend_name()).difference_update_query(["password"])
    return plain.render_as_string(hide_password=True)


@contextmanager
def explained(engine: Engine) -> Iterator[None]:
    """Turns the database's own errors into one that says what to do; `ProvenanceError` passes through."""
    try:
        yield
    except (SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as error:
        cause = getattr(error, "orig", None) or error
        reason = " ".join(str(cause).split())
        if engine.url.password:
            reason = reason.replace(engine.url.password, "***")
        helps = next((hint for words, hint in _CAUSES if re.search(words, reason)), None)
        if isinstance(cause, engine.dialect.loaded_dbapi.OperationalError):
            fact = "does not answer as it should"
            helps = helps or "Is the disk full, the folder read-only, or another process holding the file?"
        else:
            fact = "refused"
            helps = helps or "Run `provenance verify`, and report this with the command that led to it."
        raise RegistryError(
            f"the database {shown(engine.url)} {fact}: {reason[:_LONGEST_REASON]}",
            hint=f"{helps} Nothing was recorded.",
        ) from error


def revision(engine: Engine) -> str | None:
    """The migration that the database stands at, or None where there is no registry."""
    with reading(engine) as connection:
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant


def ensure_current(engine: Engine, *, create: bool) -> None:
    """Brings the tables to the newest migration.

    Args:
        engine: The database.
        create: Whether a database without a registry becomes one.

    Raises:
        RegistryError: There is no registry and none may be made, or it was written by a newer version.
    """
    where = shown(engine.url)
    missing = engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists()
    if missing and not create:  # Looking into a SQLite file that is not there would make it.
        raise RegistryError(
            f"there is no registry in {where}",
            hint="If it was there before, bring back a copy of it; `provenance init` makes one in a folder that has none.",
        )
    found = revision(engine)
    if found == SCHEMA_REVISION:
        return
    if found is None and not create and engine.dialect.name == "sqlite":
        raise RegistryError(
            f"the database {where} is there, and no registry is in it: it is empty, or was cut off",
            hint="Bring back a copy of it, and check that with `provenance verify`.",
        )
    if found is None and not create:
        raise RegistryError(f"there is no registry in {where}", hint="Make one with `provenance init`.")
    if found is not None and found > SCHEMA_REVISION:
        raise RegistryError(
            f"the registry in {where} was written by a newer version (migration {found}, this is {SCHEMA_REVISION})",
            hint="pip install --upgrade provenance-registry",
        )
    migrate(engine)


def migrate(engine: Engine) -> None:
    """Runs the migrations that are still missing, in one transaction, under the writer's lock.

    Raises:
        RegistryError: The database stands at no migration that this program knows, or refuses one of them.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    configuration.set_main_option("path_separator", "os")
    with writing(engine) as connection:
        configuration.attributes["connection"] = connection
        try:
            command.upgrade(configuration, "head")
        except CommandError as error:
            raise RegistryError(
                f"the registry in {shown(engine.url)} can't be brought up to date: {error}",
                hint="Another program changed it: bring back a copy, and check that with `provenance verify`.",
            ) from error
