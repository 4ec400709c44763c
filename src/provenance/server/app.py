"""The app: a registry's pages, API and downloads together."""

from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from provenance import __version__
from provenance.registry import Registry
from provenance.risk import Policy
from provenance.server import api, pages
from provenance.server.failures import add_failures
from provenance.server.serving import Served

_STATIC = Path(__file__).parent / "static"


def create_app(registry: Registry, *, token: str | None = None, policy: Policy | None = None) -> FastAPI:
    """The app that serves a registry; it is asked from any thread, and never writes.

    Args:
        registry: The registry; whoever opened it closes it.
        token: What every request has to show; None where anybody who reaches the app may read.
        policy: The policy of its answers; None for the registry's own.
    """
    app = FastAPI(title="provenance", version=__version__, docs_url=None, redoc_url=None)
    app.state.served = Served(registry=registry, policy=policy)
    add_failures(app)
    app.mount("/static", StaticFiles(directory=_STATIC, check_dir=False), name="static")
    app.include_router(api.router)
    app.include_router(pages.router)
    return app
