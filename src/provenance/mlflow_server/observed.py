"""An app, observed: each request goes through it untouched, and after a call that may tell something and succeeded, somebody is woken."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provenance.mlflow_server.calls import may_tell

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SUCCESS = range(200, 300)


@dataclass(slots=True, kw_only=True)
class ObservedAsgi:
    """An app as uvicorn runs it.

    Args:
        app: The app.
        wake: Called after the answer; it must neither wait nor fail.
    """

    app: "ASGIApp"
    wake: Callable[[], None]

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Hands a request on."""
        if scope["type"] != "http" or not may_tell(scope["method"], scope["path"]):
            await self.app(scope, receive, send)
            return
        status = 0

        async def observed(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await self.app(scope, receive, observed)
        if status in _SUCCESS:
            self.wake()


@dataclass(slots=True, kw_only=True)
class ObservedWsgi:
    """An app as gunicorn and waitress run it.

    Args:
        app: The app.
        wake: Called when the app has answered; it must neither wait nor fail.
    """

    app: "WSGIApplication"
    wake: Callable[[], None]

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Hands a request on."""
        if not may_tell(environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")):
            return self.app(environ, start_response)
        status = 0

        def observed(line: str, *rest: Any) -> Callable[[bytes], object]:  # noqa: ANN401 - headers, and perhaps what was raised
            nonlocal status
            status = int(line.split(" ", 1)[0])
            return start_response(line, *rest)

        answer = self.app(environ, observed)
        if status in _SUCCESS:
            self.wake()
        return answer
