"""A real server on loopback, asked over HTTP; shared by the tests of the server."""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI

from provenance.server.running import listen
from review_fixtures import STORIES

STORY = STORIES["a measured transfer"]
AS_OF = "2026-12-31"


@dataclass(frozen=True)
class Answered:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Asking:
    """Asks a server on loopback; a path is sent as it is, so that a test can send what no client would."""

    port: int
    app: FastAPI

    def __call__(
        self, path: str, *, method: str = "GET", body: str | None = None, **headers: str
    ) -> Answered:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        if body is not None:
            headers["Content-Length"] = str(len(body))
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(None if body is None else body.encode())
        answer = connection.getresponse()
        found = Answered(
            answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        )
        connection.close()
        return found


@contextmanager
def serving(app: FastAPI) -> Iterator[Asking]:
    """Serves an app in a thread of this process, on a port of its own."""
    listening = listen("127.0.0.1", 0)
    config = uvicorn.Config(app, log_level="critical", access_log=False, server_header=False, lifespan="on")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield Asking(listening.getsockname()[1], app)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def addresses(app: FastAPI) -> list[str]:
    """Every address that the app answers, with something in each place of its path."""
    values = {
        "{ref:path}": quote("model:student@1", safe=""),
        "{ref}": "student",
        "{id}": "evidence-18",
        "{id_}": "evidence-18",
        "{form}": "svg",
        "{name}": "viewer.css",
    }
    found = []
    for path in _paths(app.routes):
        for place, value in values.items():
            path = path.replace(place, value)  # noqa: PLW2901 - one place after the other
        found.append(path.replace("reports/model%3Astudent%401.svg", "reports/model%3Astudent%401.md"))
    return found


def _paths(routes: Any) -> Iterator[str]:
    for route in routes:
        if hasattr(route, "original_router"):
            yield from _paths(route.original_router.routes)
        elif hasattr(route, "path"):
            yield route.path
