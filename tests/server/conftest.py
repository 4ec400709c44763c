"""A registry, and a server that shows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from provenance import Registry
from provenance.server.app import create_app
from review_fixtures import told
from server_fixtures import STORY, Asking, serving


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the registry of a story."""
    folder = tmp_path_factory.mktemp("served")
    told(folder, STORY).close()
    return folder


@pytest.fixture(scope="module")
def asking(place: Path) -> Iterator[Asking]:
    """A server that shows it to whoever asks."""
    with Registry.open(place, read_only=True) as registry, serving(create_app(registry)) as found:
        yield found
