"""Real MLflow servers on loopback, started and stopped by the tests, over whichever database is asked for.

    with running_server(tmp_path) as server:
        client = server.client()
        server.stop()    # nobody answers any more
        server.start()   # the same port, the same store

A server lives no longer than the process that started it, however that ends: a keeper between the two kills the server's whole
process group as soon as its own input is closed.
"""

import base64
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from mlflow import MlflowClient

ADMIN, PASSWORD = "admin", "correct horse battery"
"""Who may do everything on a server that runs ``basic-auth``."""

PYTHON_VARIABLE = "MLFLOW_SERVER_PYTHON"
"""Names the interpreter that runs the servers: one of another virtual environment has another version of MLflow."""

_STARTS_WITHIN_S = 120.0
_ENVIRONMENT = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "known to the tests alone",
}
# Runs a command in a group of its own until it ends or its own input is closed, which the death of whoever started it does too.
_KEEPER = """
import os, signal, subprocess, sys, threading
process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
def kill():
    while os.read(0, 1):
        pass
    os.killpg(process.pid, signal.SIGKILL)
threading.Thread(target=kill, daemon=True).start()
os._exit(process.wait() & 127)
"""


@dataclass(kw_only=True)
class Server:
    """One MLflow server.

    Args:
        folder: Where its files lie: ``log``, ``files`` (the artifacts), and ``mlflow.db`` if that is its database.
        backend: The URL of its database.
        port: Its port on loopback.
        app: What is given to ``--app-name``, if anything.
        env: Variables for its process.
    """

    folder: Path
    backend: str
    port: int
    app: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    _keeper: "subprocess.Popen[bytes] | None" = None

    @property
    def uri(self) -> str:
        """Where it answers, without user and password."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_uri(self) -> str:
        """Where it answers the one who may do everything; for a server with ``basic-auth``."""
        return f"http://{ADMIN}:{quote(PASSWORD)}@127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it printed."""
        return (self.folder / "log").read_text(errors="replace")

    def client(self) -> "MlflowClient":
        """MLflow's own client of it."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore")
            from mlflow import MlflowClient

            return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def start(self) -> None:
        """Starts it and waits until it answers.

        Raises:
            AssertionError: It ended, or does not answer within two minutes; the message holds what it printed.
        """
        with (self.folder / "log").open("ab") as log:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _KEEPER, *self._command()],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=os.environ | _ENVIRONMENT | self.env,
                start_new_session=True,  # A signal to the whole group of the tests must not end the keeper first.
            )
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while not self.answers():
            if time.monotonic() > deadline or self._keeper.poll() is not None:
                self.stop()
                raise AssertionError(f"the MLflow server did not start:\n{self.log}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Kills it in the middle of whatever it does; twice is the same as once."""
        if self._keeper is not None:
            assert self._keeper.stdin is not None
            self._keeper.stdin.close()
            self._keeper.wait(timeout=20)
            self._keeper = None

    def answers(self) -> bool:
        """Whether it is there."""
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def _command(self) -> list[str]:
        app = ("--app-name", self.app) if self.app else ()
        return [
            *(_python(), "-m", "mlflow", "server"),
            *("--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"),
            *("--backend-store-uri", self.backend, "--artifacts-destination", str(self.folder / "files")),
            *app,
        ]


@contextmanager
def running_server(
    folder: Path,
    *,
    backend: str | None = None,
    app: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A server that is up until the end of the block.

    Args:
        folder: Where its files lie; made if it is not there.
        backend: The URL of its database; default: an SQLite file in the folder.
        app: What is given to ``--app-name``.
        env: Variables for its process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(
        folder=folder,
        backend=backend or f"sqlite:///{folder}/mlflow.db",
        port=_free_port(),
        app=app,
        env=dict(env or {}),
    )
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def running_server_with_passwords(folder: Path, *, app: str = "basic-auth") -> Iterator[Server]:
    """A server that runs MLflow's own ``basic-auth``, or an app around it.

    `ADMIN` may do everything, and nobody else anything unless told so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "basic_auth.ini"
    settings.write_text(
        "[mlflow]\n"
        "default_permission = NO_PERMISSIONS\n"
        f"database_uri = sqlite:///{folder}/users.db\n"
        f"admin_username = {ADMIN}\n"
        f"admin_password = {PASSWORD}\n"
        # Passwords are hashed slowly on purpose, at every call unless the answer is kept.
        "auth_cache_ttl_seconds = 60\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    env = {"MLFLOW_AUTH_CONFIG_PATH": str(settings)}
    with running_server(folder, app=app, env=env) as server:
        yield server


def add_user(server: Server, name: str, password: str) -> None:
    """Makes a user of a server that runs ``basic-auth``."""
    authorization = base64.b64encode(f"{ADMIN}:{PASSWORD}".encode()).decode()
    request = urllib.request.Request(
        f"{server.uri}/api/2.0/mlflow/users/create",
        data=f'{{"username": "{name}", "password": "{password}"}}'.encode(),
        headers={"Authorization": f"Basic {authorization}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20):
        pass


def with_driver(postgres_url: str) -> str:
    """A PostgreSQL URL as MLflow needs it: psycopg2 where the servers' interpreter has that, and otherwise psycopg 3.

    A bare ``postgresql://`` means the one under SQLAlchemy 2.0 and the other under 2.1. Under psycopg 3, MLflow 3.10.1 can't look up
    a registered version: it compares the number with text.
    """
    driver = "psycopg2" if _imports(_python(), "psycopg2") else "psycopg"
    return postgres_url.replace("postgresql://", f"postgresql+{driver}://", 1)


def _python() -> str:
    return os.environ.get(PYTHON_VARIABLE, sys.executable)


@cache
def _imports(python: str, module: str) -> bool:
    assert shutil.which(python), python
    return (
        subprocess.run([python, "-c", f"import {module}"], check=False, capture_output=True).returncode == 0
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
