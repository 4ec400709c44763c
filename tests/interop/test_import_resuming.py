"""An import that is stopped leaves whole artifacts, is told of, and goes on when it is begun again; whoever else writes meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from import_fixtures import edges, imported, missed, told
from provenance import Registry
from provenance.home import Home
from provenance.importing import Source
from provenance.store import Ledger
from statements import statements

ROWS = (
    "a finetuned root",
    "b merged a",
    "b merged root",
    "b trained_on rows",
    "rows generated_by root",
    "c quantized b",
    "d finetuned c",
    "ring1 finetuned ring2",
    "ring2 finetuned ring1",
    "e merged d",
    "E2 finetuned A",
)


class StoppedError(Exception):
    """What stops an import in these tests."""


@pytest.fixture
def opened(store_url: str) -> Iterator[Registry]:
    """An empty registry in each kind of database."""
    with Registry(
        Ledger.open(store_url, create=True), Home(folder=None, store_url=store_url), actor="tester"
    ) as found:
        yield found


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provenance.importing.recording.BATCH_FACTS", 3)


def stopped(registry: Registry, path: Path, batches: int) -> None:
    """Begins an import, and stops it after some batches."""
    seen = 0

    def stop(_done: int, _total: int) -> None:
        nonlocal seen
        seen += 1
        if seen == batches:
            raise StoppedError

    with pytest.raises(StoppedError):
        registry.import_lineage(Source(files=(path,)), progress=stop)


def whole(registry: Registry, expected: set[str]) -> bool:
    """Whether every artifact that is recorded has all its relations to parents."""
    recorded = {f"{one.kind}:{one.name}" for one in registry.view().snapshot.artifacts}
    verbs = {"embodied_by": "teacher", "generated_by": "dataset"}
    due = {
        line for line in expected if f"{verbs.get(line.split()[1], 'model')}:{line.split()[0]}" in recorded
    }
    return due == told(registry)


@pytest.mark.parametrize("batches", [1, 2, 3, 4, 5])
def test_a_stop_leaves_whole_artifacts_and_the_same_import_goes_on(
    opened: Registry, tmp_path: Path, batches: int
) -> None:
    path = edges(tmp_path, *ROWS)
    with Registry.init(tmp_path / "at-once", actor="tester") as other:
        imported(other, path)
        expected, gaps = told(other), missed(other)
    stopped(opened, path, batches)
    assert len(told(opened)) < len(expected)
    assert whole(opened, expected)
    (unfinished,) = opened.unfinished_imports()
    assert unfinished.startswith(f"the import of {path} was not finished: ")
    again = imported(opened, path)
    assert (told(opened), missed(opened)) == (expected, gaps)
    assert opened.unfinished_imports() == ()
    assert again.report.rows == len(ROWS)
    assert opened.verify().ok


def test_what_little_is_left_ends_the_import_too_and_so_does_a_changed_file(
    opened: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = edges(tmp_path, *ROWS)
    stopped(opened, path, 2)
    monkeypatch.setattr("provenance.importing.recording.BATCH_FACTS", 100)
    assert len(opened.unfinished_imports()) == 1
    imported(opened, edges(tmp_path, *ROWS, "late finetuned root"))
    assert opened.unfinished_imports() == ()


def test_a_third_time_records_nothing(opened: Registry, tmp_path: Path) -> None:
    path = edges(tmp_path, *ROWS)
    imported(opened, path)
    entries = opened.head().entries
    assert dict(imported(opened, path).report.recorded) == {}
    assert opened.head().entries == entries


def test_what_others_record_between_two_batches_is_heeded(opened: Registry, tmp_path: Path) -> None:
    path = edges(tmp_path, *ROWS)
    busy = False

    def write(_done: int, _total: int) -> None:
        nonlocal busy
        if not busy:
            busy = True
            opened.register_model(name="other", from_scratch=True)
            opened.register_model(name="d", parents=())
            opened.relate("d", "finetuned_from", "other")

    opened.import_lineage(Source(files=(path,)), progress=write)
    assert "d finetuned_from other" in told(opened)
    assert "d finetuned_from c" not in told(opened)
    assert (
        "d finetuned_from c@1: which would be a second set of starting weights, beside finetuned_from model:other@1"
        in missed(opened)
    )
    assert opened.unfinished_imports() == ()


def test_two_imports_at_once_come_to_the_same(opened: Registry, tmp_path: Path) -> None:
    path = edges(tmp_path, *ROWS)
    nested = False

    def both(_done: int, _total: int) -> None:
        nonlocal nested
        if not nested:
            nested = True
            imported(opened, path)

    opened.import_lineage(Source(files=(path,)), progress=both)
    with Registry.init(tmp_path / "at-once", actor="tester") as other:
        imported(other, path)
        assert (told(opened), missed(opened)) == (told(other), missed(other))


def test_an_unfinished_import_makes_every_answer_about_risks_partial(
    opened: Registry, tmp_path: Path
) -> None:
    opened.register_model(name="root", from_scratch=True)
    assert opened.check(["root"])[0].passed
    path = edges(tmp_path, *ROWS)
    stopped(opened, path, 1)
    now = opened.view()
    assert [now.risks(["root"]).partial, now.risks().partial, now.risk_page(limit=1).partial] == [True] * 3
    assert now.impact("root").partial
    (held,) = now.check(["root"])
    assert [one.kind for one in held.violations] == ["partial"]
    past = opened.view(as_of=now.reading.moment)
    assert past.check(["root"])[0].passed
    imported(opened, path)
    assert opened.check(["root"])[0].passed


def test_an_import_that_is_given_up_makes_nothing_partial_and_leaves_what_it_recorded(
    opened: Registry, tmp_path: Path
) -> None:
    opened.register_model(name="root", from_scratch=True)
    stopped(opened, edges(tmp_path, *ROWS), 1)
    before = opened.head()
    (given_up,) = opened.give_up_imports()
    assert "edges.csv was not finished: " in given_up
    assert opened.head() == before
    assert opened.check(["root"])[0].passed
    assert opened.give_up_imports() == ()


def test_what_is_told_of_recorded_artifacts_comes_first(opened: Registry, tmp_path: Path) -> None:
    opened.register_model(name="z", from_scratch=True)
    stopped(opened, edges(tmp_path, *ROWS, "z trained_on web", "z finetuned a"), 1)
    assert told(opened) == {"z trained_on web"}
    assert {gap.split(":")[0] for gap in missed(opened)} == {"z finetuned_from a@1"}


def test_statements_do_not_grow_with_the_graph(
    opened: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provenance.importing.recording.BATCH_FACTS", 100_000)
    counts = []
    for size in (50, 1500):
        rows = [f"{size}-{number} finetuned {size}-{number // 2}" for number in range(1, size)]
        path = edges(tmp_path, *rows, name=f"{size}.csv")
        for _ in range(2):
            with statements() as sent:
                imported(opened, path)
            counts.append(len(sent))
    assert counts[0] == counts[2]
    assert counts[1] == counts[3] <= counts[0]
