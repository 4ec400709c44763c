"""A team with a registry beside a real MLflow server, once over SQLite and once over PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import Terminal
from mlflow_servers import Server
from mlflow_team import Team

SERVERS = ("mlflow_server", "mlflow_server_on_postgres")


@pytest.fixture(params=SERVERS, ids=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that everybody uses: a test that stops it starts it again, and if it failed before it did, that is done here."""
    found: Server = request.getfixturevalue(request.param)
    yield found
    if not found.answers():
        found.start()


@pytest.fixture
def team(terminal: Terminal, folder: Path, server: Server) -> Team:
    """A team that has just made its registry, with the server as its MLflow: what it registers is there at once."""
    terminal("init", "--mlflow", server.uri)
    return Team(terminal=terminal, folder=folder, client=server.client())


@pytest.fixture
def late_team(terminal: Terminal, folder: Path, server: Server) -> Team:
    """A team whose registry has no server: whatever it recorded is still to be told, to ``--uri``."""
    terminal("init")
    return Team(terminal=terminal, folder=folder, client=server.client())
