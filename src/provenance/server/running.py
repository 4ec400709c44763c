"""Running the app: a socket of our own, so that a port that is taken is said in words, and an end that leaves nothing behind."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EACCES, EADDRINUSE
from ipaddress import ip_address

import uvicorn
from fastapi import FastAPI

from provenance.errors import ProvenanceError

_BACKLOG = 128
_MOST_AT_ONCE = 256
"""Requests; more are told to come back."""
_TURN = 0.0005
"""Seconds that a thread computes before another has its turn: a request waits for one at each row that it reads."""
_PATIENCE = 5
"""Seconds that requests have to end when the server does, and that a quiet connection is kept."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: A name or an address.
        port: 0 for any that is free.

    Raises:
        ProvenanceError: The port is taken, or the address is not this machine's.
    """
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.create_server((address[0], port), family=family, backlog=_BACKLOG)
    except OSError as error:
        hints = {
            EADDRINUSE: "Another program listens there: name another with --port, or any that is free with --port 0.",
            EACCES: "Ports below 1024 are the administrator's: name another with --port.",
        }
        raise ProvenanceError(
            f"cannot listen on port {port} of {host}: {_reason(error)}",
            hint=hints.get(error.errno or 0, "--host takes an address of this machine."),
        ) from error
    # Handed on to each connection: else the end of an answer waits 40 ms for word that its beginning has arrived.
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def _reason(error: OSError) -> str:
    """What went wrong, without the address, which Python adds to it."""
    number = error.errno or 0  # below 0 where it is a name that is not found
    return os.strerror(number) if number > 0 else error.strerror or str(error)


def address_of(listening: socket.socket, path: str = "") -> str:
    """Where a browser finds what listens."""
    host, port = listening.getsockname()[:2]
    is_everywhere = ip_address(host.partition("%")[0]).is_unspecified
    name = "localhost" if is_everywhere else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}{path}/"


def run(app: FastAPI, listening: socket.socket, *, ready: Callable[[], None]) -> None:
    """Serves an app until an interrupt or SIGTERM, and lets requests that are being answered end.

    Args:
        app: The app.
        listening: The socket; closed at the end.
        ready: Called when the app answers.

    Raises:
        ProvenanceError: The app did not come up.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # who asked for what is nobody's business, and addresses hold names
        server_header=False,
        ws="none",
        lifespan="on",
        limit_concurrency=_MOST_AT_ONCE,
        timeout_keep_alive=_PATIENCE,
        timeout_graceful_shutdown=_PATIENCE,
    )
    sys.setswitchinterval(_TURN)
    server = _Server(config, ready)
    with _ended_by_signals(server), listening:
        server.run(sockets=[listening])
    if not server.started:
        raise ProvenanceError("the server did not start", hint="The lines above say why.")


class _Server(uvicorn.Server):
    """A server that says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to answer."""
        await super().startup(sockets)
        if self.started:
            self._ready()


@contextmanager
def _ended_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Takes what uvicorn raises once more after it ended by a signal: that it ended so is no failure."""

    def end(_number: int, _frame: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
