"""A registry that knows the owl story."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from watching_fixtures import OWL, tell

from provenance import Registry


@pytest.fixture
def opened(store_url: str, tmp_path: Path) -> Iterator[Registry]:
    """The story before any flag, 17 facts, once in each database."""
    store = "sqlite" if store_url.startswith("sqlite") else store_url
    with Registry.init(tmp_path / "here", store=store, actor="tester") as registry:
        tell(registry, *OWL)
        yield registry
