"""A page that describes the API, made of what ``/openapi.json`` says of it: FastAPI's own loads scripts from elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """What an address takes.

    Args:
        name: Its name.
        place: ``path`` or ``query``.
        required: Whether it has to be there.
        says: What it is, in words.
        default: What it is where it is not given, as JSON would have it; None where there is nothing to say.
    """

    name: str
    place: str
    required: bool
    says: str
    default: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An address of the API.

    Args:
        path: With its parameters in braces.
        says: What is answered, in words.
        answer: Name of the type of the answer; of a file, its media types.
        parameters: What it takes.
    """

    path: str
    says: str
    answer: str
    parameters: tuple[Parameter, ...]


@router.get("/docs")
def describe(request: Request) -> Response:
    """The page."""
    from provenance.server.pages.showing import bare_page

    return bare_page(request, "docs.html", "API", routes=routes(request.app.openapi()))


def routes(document: Mapping[str, Any]) -> tuple[Route, ...]:
    """The addresses that an OpenAPI document describes, in its order."""
    return tuple(
        Route(
            path=path,
            says=said["description"].partition("\n\nRaises:")[0],
            answer=_answer(said["responses"]["200"]["content"]),
            parameters=tuple(map(_parameter, said.get("parameters", ()))),
        )
        for path, methods in document["paths"].items()
        for said in methods.values()
    )


def _parameter(said: Mapping[str, Any]) -> Parameter:
    schema = said["schema"]
    return Parameter(
        name=said["name"],
        place=said["in"],
        required=said["required"],
        says=said.get("description", ""),
        default=schema.get("default") or None,
    )


def _answer(content: Mapping[str, Any]) -> str:
    schema = content.get("application/json", {}).get("schema")
    if schema is None:
        return ", ".join(content)
    of = schema.get("items", schema)
    name = of.get("$ref", "").rpartition("/")[2] or of.get("type", "list")
    return f"list of {name}" if "items" in schema else name
