"""The errand and the thread that runs it: what a registry answers, what is logged, and what is tried again."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

import pytest

from provenance.errors import BusyError, ConflictError, ProvenanceError, RegistryError
from provenance.importing import ImportReport
from provenance.mlflow_import import HistoryImport, Via
from provenance.mlflow_link.address import MlflowError
from provenance.mlflow_link.history.sql import UnknownRevisionError
from provenance.mlflow_link.sync import Failure, SyncReport
from provenance.mlflow_server.bell import Bell, Rhythm
from provenance.mlflow_server.errand import Errand, Look, Source
from provenance.mlflow_server.importer import Importer

AT_ONCE = Rhythm(settle=0, every=None, rest=0)
ADDRESS, STORE = "http://mlflow.example", "sqlite:///mlflow.db"
NOTHING = HistoryImport(
    mlflow=ADDRESS,
    via=Via.SQL,
    whole=True,
    read={},
    imported=ImportReport(
        files=(),
        format="mlflow",
        rows=0,
        recorded={},
        outcomes={},
        omissions=(),
        assumed=0,
        notes=(),
        dry_run=False,
    ),
    bound=0,
    seconds=0.0,
)


MIRRORED = SyncReport(created=1, updated=2, unchanged=0, failed=(), calls=0, seconds=0.0)


@dataclass
class FakeRegistry:
    """A registry that answers what it is told to, call by call, and then nothing new."""

    answers: list[ProvenanceError | None] = field(default_factory=list)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    then: Callable[[], None] = lambda: None
    mirrored: SyncReport = MIRRORED

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.then()

    def mlflow_import(self, uri: str | None, *, store: str | None = None) -> HistoryImport:
        self._answer("import", uri, store)
        return NOTHING

    def mlflow_sync(self, uri: str | None) -> SyncReport:
        self._answer("sync", uri)
        return self.mirrored

    def _answer(self, *call: Any) -> None:
        self.calls.append(call)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer


def errand(registry: FakeRegistry, *, store: str | None = None, mirror: bool = False) -> Errand:
    source = Source(uri=ADDRESS, store=store)
    return Errand(open_registry=lambda: registry, source=lambda _: source, mirror=mirror)  # type: ignore[arg-type, return-value]


def look(registry: FakeRegistry, **options: Any) -> Look:
    bell = Bell()
    bell.ring()
    return next(errand(registry, **options).looks(bell, AT_ONCE))


def test_a_store_is_read_in_the_stead_of_the_server() -> None:
    registry = FakeRegistry()
    assert look(registry, store=STORE) == Look(imported=NOTHING)
    assert registry.calls == [("import", ADDRESS, STORE)]


def test_a_store_of_a_revision_that_nobody_knows_is_left_for_the_server() -> None:
    registry = FakeRegistry([UnknownRevisionError("never seen")])
    assert look(registry, store=STORE) == Look(imported=NOTHING)
    assert registry.calls == [("import", ADDRESS, STORE), ("import", ADDRESS, None)]


def test_who_is_not_first_looks_again() -> None:
    registry = FakeRegistry([BusyError("another process imports"), BusyError("another process imports")])
    assert look(registry) == Look(imported=NOTHING)
    assert len(registry.calls) == 3


@pytest.mark.parametrize(
    "error", [RegistryError("no registry", hint="make one"), ConflictError("two digests", hint="make one")]
)
def test_what_goes_wrong_is_told_with_what_to_do(error: ProvenanceError) -> None:
    assert look(FakeRegistry([error])) == Look(problem=f"{error.message} (make one)")


def test_what_was_imported_is_told_though_it_can_not_be_mirrored() -> None:
    registry = FakeRegistry([None, MlflowError("no answer")])
    assert look(registry, mirror=True) == Look(imported=NOTHING, problem="no answer")
    assert registry.calls == [("import", ADDRESS, None), ("sync", ADDRESS)]


def test_what_mlflow_refuses_is_told() -> None:
    registry = FakeRegistry()
    assert look(registry, mirror=True) == Look(imported=NOTHING, mirrored=MIRRORED)
    failure = Failure(subject="version model:owl@1", message="the name is taken")
    registry.mirrored = replace(MIRRORED, failed=(failure,))
    problem = "MLflow refused 1 of our objects, version model:owl@1 because of: the name is taken"
    assert look(registry, mirror=True) == Look(imported=NOTHING, mirrored=registry.mirrored, problem=problem)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    """What was logged."""
    logger = logging.getLogger("mlflow.provenance")
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.INFO, logger.name)
    yield lambda: list(dict.fromkeys(one.getMessage() for one in caplog.records))
    logger.removeHandler(caplog.handler)


def looked(count: int) -> tuple[FakeRegistry, threading.Event]:
    """A registry, and what is set when it was looked at some times."""
    done = threading.Event()
    registry = FakeRegistry()
    registry.then = lambda: done.set() if len(registry.calls) >= count else None
    return registry, done


def test_trouble_is_logged_once_and_so_is_its_end(lines: Callable[[], list[str]]) -> None:
    registry, done = looked(4)
    registry.answers = [MlflowError("no answer"), MlflowError("no answer"), None, None]
    importer = Importer(errand(registry), AT_ONCE)
    step = threading.Semaphore(0)
    ended = registry.then

    def then() -> None:
        step.release()
        ended()

    registry.then = then
    for _ in range(4):
        importer.wake()
        assert step.acquire(timeout=10)
    assert done.wait(10)
    importer.end()
    assert lines() == [
        "provenance can't do its work, and goes on trying: no answer",
        "provenance does its work again",
    ]


def test_waking_takes_no_look_in_the_callers_thread() -> None:
    registry, done = looked(1)
    registry.then = lambda: (threads.append(threading.current_thread()), done.set())  # type: ignore[func-returns-value]
    threads: list[threading.Thread] = []
    importer = Importer(errand(registry), AT_ONCE)
    importer.wake()
    assert done.wait(10)
    importer.end()
    assert threads == [importer._thread]
    assert threads[0].daemon


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_of_a_fault_is_begun_again() -> None:
    registry, done = looked(2)
    registry.answers = [ZeroDivisionError("a fault of ours")]  # type: ignore[list-item]
    importer = Importer(errand(registry), AT_ONCE)
    importer.wake()
    assert importer._thread is not None
    importer._thread.join(10)
    importer.wake()
    assert done.wait(10)
    importer.end()


def test_a_thread_that_can_not_begin_fails_no_request(
    monkeypatch: pytest.MonkeyPatch, lines: Callable[[], list[str]]
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    Importer(errand(FakeRegistry()), AT_ONCE).wake()
    assert lines() == ["provenance can't import before the next call: can't start new thread"]
