"""Which calls of MLflow's API wake the importer, and that the apps around MLflow's own change nothing."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from provenance.mlflow_server.calls import may_tell
from provenance.mlflow_server.observed import ObservedAsgi, ObservedWsgi

CREATE = "/api/2.0/mlflow/runs/create"

WAKING = (
    ("POST", CREATE),
    ("POST", "/ajax-api/2.0/mlflow/runs/update"),
    ("POST", "/api/2.0/mlflow/runs/log-batch"),
    ("POST", "/api/2.0/mlflow/runs/log-inputs"),
    ("POST", "/api/2.0/mlflow/runs/outputs"),
    ("POST", "/api/2.0/mlflow/runs/set-tag"),
    ("POST", "/api/2.0/mlflow/logged-models"),
    ("PATCH", "/api/2.0/mlflow/logged-models/m-1"),
    ("DELETE", "/api/2.0/mlflow/logged-models/m-1/tags/key"),
    ("POST", "/api/2.0/mlflow/registered-models/create"),
    ("POST", "/api/2.0/mlflow/model-versions/create"),
    ("PATCH", "/api/2.0/mlflow/model-versions/update"),
    ("POST", "/team/api/2.0/mlflow/runs/create"),
    ("POST", "/api/4.0/mlflow/runs/of-a-later-version"),
)
SILENT = (
    ("GET", CREATE),
    ("HEAD", CREATE),
    ("OPTIONS", CREATE),
    ("POST", "/api/2.0/mlflow/runs/search"),
    ("POST", "/api/2.0/mlflow/logged-models/search"),
    ("POST", "/api/2.0/mlflow/registered-models/get-latest-versions"),
    ("POST", "/api/2.0/mlflow/runs/log-metric"),
    ("POST", "/api/3.0/mlflow/traces"),
    ("POST", "/api/2.0/mlflow/webhooks"),
    ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/runs/create"),
    ("POST", "/graphql"),
    ("POST", "/gateway/mlflow/runs/create"),
    ("POST", "/"),
)


@pytest.mark.parametrize(("method", "path"), WAKING)
def test_a_call_that_writes_lineage_may_tell_something(method: str, path: str) -> None:
    assert may_tell(method, path)


@pytest.mark.parametrize(("method", "path"), SILENT)
def test_a_call_that_reads_or_writes_something_else_tells_nothing(method: str, path: str) -> None:
    assert not may_tell(method, path)


def asgi_answer(status: int, method: str, path: str) -> tuple[list[dict[str, Any]], list[str]]:
    """What an observed app sends that answers so, and the order in which things happened."""
    order: list[str] = []

    async def app(_scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        body = await receive()
        await send({"type": "http.response.start", "status": status, "headers": [(b"x", b"y")]})
        await send({"type": "http.response.body", "body": body["body"]})

    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"every byte", "more_body": False}

    async def send(message: Any) -> None:
        order.append(message["type"])
        sent.append(dict(message))

    observed = ObservedAsgi(app=app, wake=lambda: order.append("woken"))
    asyncio.run(observed({"type": "http", "method": method, "path": path}, receive, send))
    return sent, order


@pytest.mark.parametrize(
    ("status", "path", "wakes"),
    [(200, CREATE, True), (403, CREATE, False), (500, CREATE, False), (200, "/", False)],
)
def test_an_answer_goes_through_untouched_and_wakes_after_it_when_the_call_succeeded(
    status: int, path: str, wakes: bool
) -> None:
    sent, order = asgi_answer(status, "POST", path)
    assert sent == [
        {"type": "http.response.start", "status": status, "headers": [(b"x", b"y")]},
        {"type": "http.response.body", "body": b"every byte"},
    ]
    assert order == ["http.response.start", "http.response.body", *(["woken"] if wakes else [])]


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_what_is_no_request_goes_through(kind: str) -> None:
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["type"])

    observed = ObservedAsgi(app=app, wake=lambda: seen.append("woken"))
    asyncio.run(observed({"type": kind}, None, None))  # type: ignore[arg-type]
    assert seen == [kind]


def test_what_an_app_raises_goes_through_and_wakes_nobody() -> None:
    async def app(*_: Any) -> None:
        raise ConnectionError("gone")

    observed = ObservedAsgi(app=app, wake=lambda: pytest.fail("woken"))
    with pytest.raises(ConnectionError, match="gone"):
        asyncio.run(observed({"type": "http", "method": "POST", "path": CREATE}, None, None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "path", "wakes"), [("200 OK", CREATE, 1), ("403 FORBIDDEN", CREATE, 0), ("200 OK", "/", 0)]
)
def test_an_app_of_gunicorn_is_observed_as_well(line: str, path: str, wakes: int) -> None:
    woken: list[None] = []
    started: list[Any] = []

    def app(_environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response(line, [("x", "y")])
        return [b"every byte"]

    def start_response(*said: Any) -> Callable[[bytes], object]:
        started.append(said)
        return lambda _: None

    observed = ObservedWsgi(app=app, wake=lambda: woken.append(None))
    assert observed({"REQUEST_METHOD": "POST", "PATH_INFO": path}, start_response) == [b"every byte"]
    assert started == [(line, [("x", "y")])]
    assert len(woken) == wakes
