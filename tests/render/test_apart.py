"""Graphviz in a process apart: it draws the same, and ends where it takes too much."""

import os
import time
from collections.abc import Iterator
from threading import Thread

import pytest

from provenance.errors import BusyError, ProvenanceError
from provenance.render import render
from provenance.render.apart import Apart, TooMuchError
from provenance.render.drawing import laid_out_by
from render_fixtures import OWL, OWL_STATUSES, pictured

SMALL = "digraph { a -> b }"
ENDLESS = "digraph { " + " ".join(f"a{i} -> b{j};" for i in range(150) for j in range(150)) + " }"
"""What Graphviz would be busy with for longer than anybody waits."""


@pytest.fixture
def apart() -> Iterator[Apart]:
    found = Apart(seconds=60)
    yield found
    found.close()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_same_is_drawn_apart(apart: Apart) -> None:
    picture = pictured(OWL, OWL_STATUSES, "student")
    for format_ in ("svg", "png", "pdf"):
        with laid_out_by(apart):
            drawn = render(picture, format_)
        assert drawn == render(picture, format_)


def test_one_process_draws_one_after_the_other(apart: Apart) -> None:
    assert apart(SMALL, "svg") == apart(SMALL, "svg")
    process = apart._process
    with pytest.raises(ProvenanceError, match="Graphviz could not draw"):
        apart("digraph {", "svg")
    assert apart(SMALL, "svg")
    assert apart._process is process


def test_what_takes_too_long_is_ended_though_graphviz_cannot_be_interrupted() -> None:
    hurried = Apart(seconds=0.3)
    with pytest.raises(TooMuchError, match=r"more than the 0\.3 seconds"):
        hurried(ENDLESS, "svg")
    hurried._seconds = 60
    assert hurried(SMALL, "svg")
    hurried.close()


def test_what_takes_too_much_memory_is_ended(apart: Apart) -> None:
    with pytest.raises(TooMuchError, match="or the 2 GiB"):
        apart('digraph { graph [size="300,300!", dpi=100] a }', "png")


def test_the_end_of_the_server_ends_a_drawing_and_leaves_no_process(apart: Apart) -> None:
    apart(SMALL, "svg")
    assert apart._process is not None
    process = apart._process.pid
    said: list[str] = []

    def ask() -> None:
        try:
            apart(ENDLESS, "svg")
        except ProvenanceError as error:
            said.append(error.message)

    asking = Thread(target=ask)
    asking.start()
    while not apart._turn.locked():
        time.sleep(0.01)
    apart.close()
    asking.join(timeout=20)
    assert said == ["the diagram was not finished: the server ends"]
    assert not _is_running(process)
    with pytest.raises(ProvenanceError, match="nothing is drawn any more"):
        apart(SMALL, "svg")


def test_who_would_wait_too_long_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provenance.render.apart.MOST_WAITING", 1)
    crowded = Apart(seconds=60)
    with crowded._turn:
        waiting = Thread(target=crowded, args=(SMALL, "svg"))
        waiting.start()
        while crowded._places._value:
            time.sleep(0.01)
        with pytest.raises(BusyError, match="1 diagrams are being drawn already"):
            crowded(SMALL, "svg")
    waiting.join()
    crowded.close()
