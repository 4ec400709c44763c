"""The receiver of webhooks: one address that takes a knock, answers at once, and looks at nothing that is in it but the signature."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from threading import Thread
from typing import TYPE_CHECKING

from provenance.errors import UsageError
from provenance.mlflow_server.signature import Doorkeeper

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request

LARGEST_BODY = 1 << 20
"""Bytes of a body; those of MLflow hold a name, a description and tags."""

SLOWEST_BODY_S = 10.0
"""Seconds in which a body has to come."""

_AT_ONCE = 64
"""Requests at a time; others are answered 503, upon which MLflow tries again."""


def receiver(doorkeeper: Doorkeeper, ring: Callable[[], None]) -> "Starlette":
    """The receiver as an app.

    Args:
        doorkeeper: Says who may ring.
        ring: Called once for each delivery; it must neither wait nor fail.
    """
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def receive(request: Request) -> Response:
        body = await _body(request)
        status = body if isinstance(body, HTTPStatus) else doorkeeper.judge(request.headers, body)
        if status is HTTPStatus.NO_CONTENT:
            ring()
        return Response(status_code=status)

    return Starlette(routes=[Route("/", receive, methods=["POST"])])


async def _body(request: "Request") -> bytes | HTTPStatus:
    """The body, or why it was not read to its end."""
    from starlette.requests import ClientDisconnect

    body = bytearray()
    try:
        async with asyncio.timeout(SLOWEST_BODY_S):
            async for part in request.stream():
                body += part
                if len(body) > LARGEST_BODY:
                    return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    except (TimeoutError, ClientDisconnect):
        return HTTPStatus.REQUEST_TIMEOUT
    return bytes(body)


@contextmanager
def served(app: "Starlette", *, host: str, port: int) -> Iterator[str]:
    """Serves an app in a thread until the end of the block, and tells its address.

    Args:
        app: The app.
        host: An address or name of this machine.
        port: The port; 0 for any that is free.

    Raises:
        UsageError: It can't be listened to there.
    """
    import uvicorn

    config = uvicorn.Config(
        app,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        limit_concurrency=_AT_ONCE,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    with _listening(host, port) as found:
        thread = Thread(target=server.run, kwargs={"sockets": [found]}, name="webhooks")
        thread.start()
        try:
            yield f"http://{f'[{host}]' if ':' in host else host}:{found.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UsageError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
