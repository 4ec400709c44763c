"""A little HTTP server that answers whatever a test says: for what no real MLflow server can be made to do."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from provenance.mlflow_link.adapter import MlflowError, connect

SECRET = "hunter2-\N{SNOWMAN}"
VERSION = "/version"
EXPERIMENT = "/api/2.0/mlflow/experiments/get-by-name"


@dataclass
class Fake:
    """What answers, and what it was asked.

    Args:
        answers: Path to (status, body) or (status, body, headers); a body that is no text is sent as JSON.
        asked: Method, path without the query, and headers of each request.
    """

    answers: dict[str, tuple] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    uri: str = ""

    def login(self, user: str) -> str:
        """Its URI with a user (and password)."""
        return self.uri.replace("http://", f"http://{user}@")


def good() -> dict[str, tuple]:
    """The answers of an MLflow in which the experiment of the projection is."""
    found = {"experiment": {"experiment_id": "7", "lifecycle_stage": "active"}}
    return {VERSION: (200, "3.17.2"), EXPERIMENT: (200, found)}


@contextmanager
def fake_mlflow(prefix: str = "", **more: tuple) -> Iterator[Fake]:
    """Serves on loopback; ``more`` are answers by path, in which two underscores stand for a slash."""
    fake = Fake({prefix + path: answer for path, answer in good().items()})
    fake.answers |= {f"{prefix}/{name.replace('__', '/')}": answer for name, answer in more.items()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            path = self.path.partition("?")[0]
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fake.asked.append((self.command, path, dict(self.headers)))
            status, body, *headers = fake.answers.get(path, (404, "<html>no such page</html>"))
            content = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            for name, value in (headers[0] if headers else {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *words: object) -> None:
            pass

    for verb in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{verb}", Handler.answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        fake.uri = f"http://127.0.0.1:{server.server_port}{prefix}"
        yield fake
        server.shutdown()
        thread.join()


@contextmanager
def odd_server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A socket on loopback; each connection is handed to ``talk`` and closed after it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=converse, args=(connection,), daemon=True).start()

        def converse(connection: socket.socket) -> None:
            with connection:
                try:
                    talk(connection)
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def opened(uri: str, timeout_s: float = 5.0) -> int:
    """Opens an MLflow; how many calls that took."""
    with connect(uri, timeout_s) as mlflow:
        return mlflow.calls


def refusal(uri: str, match: str, timeout_s: float = 5.0) -> MlflowError:
    """The error of an MLflow that can't be opened, which has a hint and never tells the secret."""
    with pytest.raises(MlflowError, match=match) as caught:
        opened(uri, timeout_s)
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.hint
    return caught.value
