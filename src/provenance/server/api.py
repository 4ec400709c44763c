"""The read API: what the command line prints with ``--json``, below ``/api``."""

from typing import Any

from fastapi import APIRouter

from provenance.facts import adapter
from provenance.server.serving import AskedView

router = APIRouter(prefix="/api")


def as_data(value: object) -> Any:  # noqa: ANN401 - whatever JSON the type has
    """A domain object as plain data."""
    return adapter(type(value)).dump_python(value, mode="json")


@router.get("/show/{ref:path}")
def show(view: AskedView, ref: str) -> Any:  # noqa: ANN401
    """All that is recorded of one artifact."""
    return as_data(view.show(ref))
