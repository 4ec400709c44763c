"""Errors as answers: JSON with message and hint for programs, a page for people, and a status that says whose fault it is."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from provenance.errors import (
    BusyError,
    ConflictError,
    ContentError,
    ProvenanceError,
    RegistryError,
    UnknownReferenceError,
    UsageError,
)
from provenance.render.apart import TooMuchError
from provenance.server.access import HEADERS, is_for_programs, path_of
from provenance.server.caching import BeingWorkedOutError
from provenance.server.serving import UnchangedError

_SOON = "3"  # seconds
_STATUSES: Mapping[type[ProvenanceError], HTTPStatus] = {
    BusyError: HTTPStatus.SERVICE_UNAVAILABLE,  # before the conflict that it is one of
    UnknownReferenceError: HTTPStatus.NOT_FOUND,
    TooMuchError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UsageError: HTTPStatus.BAD_REQUEST,
    ContentError: HTTPStatus.BAD_REQUEST,
    ConflictError: HTTPStatus.CONFLICT,
    RegistryError: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Error to status; any other is the server's fault."""

_SAID: Mapping[int, tuple[str, str]] = {
    HTTPStatus.NOT_FOUND: (
        "nothing is at this address",
        "/docs lists the addresses of the API, and / has a search.",
    )
}
"""What stands for the words of the framework."""


def status_of(error: ProvenanceError) -> HTTPStatus:
    """The status that an error is answered with."""
    found = (status for cls, status in _STATUSES.items() if isinstance(error, cls))
    return next(found, HTTPStatus.INTERNAL_SERVER_ERROR)


def failure(request: Request, status: int, message: str, hint: str | None = None) -> Response:
    """An error's answer: a page where people look, and JSON elsewhere."""
    from provenance.server.pages import error_page

    if is_for_programs(path_of(request.scope)):
        return JSONResponse({"message": message, "hint": hint}, status_code=status)
    return error_page(request, status, message, hint)


def add_failures(app: FastAPI) -> None:
    """Lets an app answer every error by `failure`."""

    @app.exception_handler(ProvenanceError)
    async def known(request: Request, error: ProvenanceError) -> Response:
        answer = failure(request, status_of(error), error.message, error.hint)
        if isinstance(error, BeingWorkedOutError | BusyError):
            answer.headers["Retry-After"] = _SOON
        return answer

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        told = "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors())
        return failure(request, HTTPStatus.UNPROCESSABLE_ENTITY, told, "/docs lists what each address takes.")

    @app.exception_handler(UnchangedError)
    async def unchanged(_request: Request, _error: UnchangedError) -> Response:
        return Response(status_code=HTTPStatus.NOT_MODIFIED)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        answer = failure(request, error.status_code, *_SAID.get(error.status_code, (str(error.detail), None)))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def broken(request: Request, _error: Exception) -> Response:
        # Starlette answers it outside of all that adds headers, and raises it again for the log.
        told = "this is a fault of provenance itself; the server's log says where"
        answer = failure(request, HTTPStatus.INTERNAL_SERVER_ERROR, told)
        answer.headers.update({**HEADERS, "Cache-Control": "no-store"})
        return answer
