"""The small zoo, built once and kept with pytest's cache: a recipe that did not change is not made again."""

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from benchmarks.zoo.building import folder_of
from benchmarks.zoo.catalogue import Pair

from provenance.sameinit import Comparison, compare

ROOT = Path(__file__).parents[2]

Compare = Callable[[Pair], Comparison]


@pytest.fixture(scope="session")
def zoo(request: pytest.FixtureRequest) -> Path:
    """The folder that holds all models of the small zoo. Tests that use it belong to the xdist group ``zoo``."""
    home = request.config.cache.mkdir("zoo")
    command = [
        sys.executable,
        "-m",
        "benchmarks.zoo",
        "build",
        "--small",
        "--workers",
        "1",
        "--home",
        str(home),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="session")
def compared(zoo: Path) -> Compare:
    """Compares a pair of the zoo, once however often it is asked for."""

    @cache
    def said(pair: Pair) -> Comparison:
        return compare(folder_of(pair.a, zoo), folder_of(pair.b, zoo))

    return said
