"""Locks by key that end with the process which holds them, however that ends: they keep processes from doing the same work at once."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

from provenance.errors import RegistryError
from provenance.store.database import explained

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


@contextmanager
def _server_lock(engine: Engine, _purpose: str, key: str) -> Iterator[bool]:
    """Whether an advisory lock is ours; the server takes it back when the connection ends that it belongs to."""
    lock = {"key": int(key[:15], 16)}
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

    path = Path(f"{engine.url.database}-{purpose}-{key[:16]}")
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
