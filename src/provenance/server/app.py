"""The app: a registry's pages, API and downloads together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from provenance import __version__
from provenance.registry import Registry
from provenance.risk import Policy
from provenance.server import api, describing, downloads, login, pages
from provenance.server.access import Door, Guard
from provenance.server.drawing import LaidOut
from provenance.server.failures import add_failures
from provenance.server.serving import Served


def create_app(registry: Registry, *, token: str | None = None, policy: Path | None = None) -> FastAPI:
    """The app that serves a registry; it is asked from any thread, and never writes.

    Where the registry's settings name its viewer, links begin with the path of that, and requests may name its host.

    Args:
        registry: The registry; whoever opened it closes it.
        token: What every request has to show, see `access.checked_token`; None where anybody who reaches the app may read.
        policy: The policy file that its answers are given under; None for the registry's own.

    Raises:
        PolicyError: The policy has no meaning.
    """
    door = Door(token=token, viewer=registry.home.viewer)
    served = Served(
        registry=registry,
        policy_file=policy or registry.home.policy_file,
        policy=Policy.load(policy) if policy else registry.policy,
    )

    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
        pages.prepare()
        yield
        served.close()

    app = FastAPI(
        title="provenance",
        version=__version__,
        docs_url=None,  # FastAPI's own pages load scripts from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
        lifespan=running,
    )
    app.state.served = served
    app.state.door = door
    add_failures(app)
    app.add_middleware(LaidOut, layout=served.page_layout)
    app.add_middleware(Guard, door=door)
    for part in (login, describing, api, downloads, pages):
        app.include_router(part.router)
    return app
