"""Locks by key that end with the process which holds them, however that ends: they keep processes from doing the same work at once."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

from provenance.errors import RegistryError
from provenance.store.database import explained, reading

_LOOK_AGAIN_SECONDS = 0.2


@contextmanager
def held(engine: Engine, purpose: str, key: str, *, patience_s: float = 0.0) -> Iterator[bool]:
    """Holds a lock, and tells whether it is ours; where it is not, another process has it.

    Args:
        engine: The database beside which, or in which, the lock is.
        purpose: What it is for, a word; it stands in the name of a file.
        key: Which of that purpose, in hexadecimal digits.
        patience_s: How long to wait for it, in seconds.

    Raises:
        RegistryError: The lock can't be asked for.
    """
    hold = _server_lock if engine.dialect.name == "postgresql" else _file_lock
    deadline = time.monotonic() + patience_s
    with ExitStack() as stack:
        while not (is_ours := stack.enter_context(hold(engine, purpose, key))):
            stack.pop_all().close()
            if time.monotonic() >= deadline:
                break
            time.sleep(_LOOK_AGAIN_SECONDS)
        yield is_ours


def is_held(engine: Engine, purpose: str, key: str) -> bool:
    """Whether a process holds a lock; asks for nothing, and needs no right to write."""
    if engine.dialect.name == "postgresql":
        with reading(engine) as connection:
            return bool(connection.execute(_HELD_IN_SERVER, {"key": _number(key)}).scalar_one())
    import fcntl

    try:
        with _path(engine, purpose, key).open(encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # it is not there, or not ours to look at
        return False
    return False


# A key of 64 bits is told in two halves.
_HELD_IN_SERVER = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND (CAST(classid AS bigint) << 32 | CAST(objid AS bigint)) = :key"
)


def _number(key: str) -> int:
    return int(key[:15], 16)


def _path(engine: Engine, purpose: str, key: str) -> Path:
    return Path(f"{engine.url.database}-{purpose}-{key[:16]}")


@contextmanager
def _server_lock(engine: Engine, _purpose: str, key: str) -> Iterator[bool]:
    """Whether an advisory lock is ours; the server takes it back when the connection ends that it belongs to."""
    lock = {"key": _number(key)}
    with (
        explained(engine),
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
    ):
        is_ours = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), lock).scalar_one()
        try:
            yield is_ours
        finally:
            if is_ours:  # the connection goes back to the pool, and would keep it
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), lock)


@contextmanager
def _file_lock(engine: Engine, purpose: str, key: str) -> Iterator[bool]:
    """Whether the lock of a file beside the database is ours; the system takes it back when the process ends."""
    import fcntl

    path = _path(engine, purpose, key)
    try:
        file = path.open("a", encoding="ascii")
    except OSError as error:
        raise RegistryError(
            f"cannot write {path}, which keeps two processes apart: {error.strerror}"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = True
        except BlockingIOError:
            is_ours = False
        yield is_ours
