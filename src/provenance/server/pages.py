"""What a browser shows."""

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

router = APIRouter(include_in_schema=False)


def error_page(_request: Request, status: int, message: str, hint: str | None) -> Response:
    """An error, for people."""
    return PlainTextResponse(f"{message}\n{hint or ''}", status_code=status)
