"""A scan by the API: every page of a window, and only what is new the next time."""

import re
from dataclasses import dataclass, field, replace
from typing import TypeVar

from history_fixtures import HOUR_MS, logged, model_id, run, version
from mlflow_history_fixtures import quiet
from provenance.mlflow_link.history.records import History, LoggedModel, Run, Version
from provenance.mlflow_link.history.scan import Experiment, Marks, scan
from provenance.mlflow_link.port import Page

T = TypeVar("T")
PAGE = 3


@dataclass
class Shelf:
    """An archive in memory, of pages of three, that counts its calls."""

    runs_: list[Run] = field(default_factory=list)
    models_: list[LoggedModel] = field(default_factory=list)
    versions_: list[Version] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def experiments(self, page_token: str | None) -> Page[Experiment]:
        every = [Experiment("1", "trainings", deleted=False), Experiment("2", "provenance", deleted=False)]
        return self._page([*every, Experiment("3", "gone", deleted=True)], page_token)

    def runs(self, experiment_id: str, which: str, page_token: str | None) -> Page[Run]:
        assert experiment_id == "1"
        self.asked.append(which)
        found = [
            one._replace(inputs=()) for one in self.runs_ if self._fits(which, one.started_ms, one.ended_ms)
        ]
        return self._page(sorted(found, key=lambda one: (one.started_ms, one.id)), page_token)

    def models(self, experiment_id: str, which: str, page_token: str | None) -> Page[LoggedModel]:
        assert experiment_id == "1"
        found = [one for one in self.models_ if self._fits(which, one.created_ms, 0)]
        return self._page(sorted(found, key=lambda one: (one.created_ms, one.id)), page_token)

    def versions(self, page_token: str | None) -> Page[Version]:
        return self._page(self.versions_, page_token)

    def aliases(self, page_token: str | None) -> Page[tuple[str, int, str]]:
        return self._page([("net", 1, "live"), ("net", 1, "champion")], page_token)

    def run(self, run_id: str) -> Run | None:
        self.read.append(run_id)
        return next((one for one in self.runs_ if one.id == run_id), None)

    def model(self, model_id: str) -> LoggedModel | None:
        self.read.append(model_id)
        return next((one for one in self.models_ if one.id == model_id), None)

    @staticmethod
    def _fits(which: str, began: int, ended: int) -> bool:
        if which == "attributes.status = 'RUNNING'":
            return not ended
        found = re.fullmatch(
            r"(attributes\.start_time|attributes\.end_time|creation_timestamp) >= (\d+)", which
        )
        assert found
        return (ended if "end" in found[1] else began) >= int(found[2])

    @staticmethod
    def _page(every: list[T], page_token: str | None) -> Page[T]:
        start = int(page_token or 0)
        more = start + PAGE < len(every)
        return Page(tuple(every[start : start + PAGE]), str(start + PAGE) if more else None)


def scanned(shelf: Shelf, since: Marks | None = None) -> tuple[History, Marks]:
    return scan(shelf, own_experiment="provenance", since=since, basis="", progress=quiet)


def at(hours: float) -> int:
    return int(1_000_000_000_000 + hours * HOUR_MS)


def timed(id_: str, hours: float, *, ended: bool = True, outputs: tuple[str, ...] = ()) -> Run:
    made = run(id_, outputs=outputs, started=at(hours))
    return made._replace(ended_ms=at(hours + 0.5) if ended else 0)


def test_every_run_is_read_in_windows_even_if_many_began_in_one_moment() -> None:
    runs = [timed(f"r{number:02}", number // 8) for number in range(32)]
    found, _ = scanned(Shelf(runs_=runs))
    assert set(found.runs) == {one.id for one in runs}


def test_aliases_are_joined_to_their_versions() -> None:
    found, _ = scanned(Shelf(versions_=[version("net", 1), version("net", 2)]))
    assert [one.aliases for one in found.versions] == [("champion", "live"), ()]


def test_only_runs_that_made_a_model_cost_a_call() -> None:
    one, two = model_id(1), model_id(2)
    shelf = Shelf(
        runs_=[timed("idle", 1), timed("made", 2, outputs=(one,)), timed("logged", 3), timed("named", 4)],
        models_=[logged(one), logged(two, "logged")],
        versions_=[version("net", 1, "s3://bucket/net", "named")],
    )
    scanned(shelf)
    assert sorted(shelf.read) == ["logged", "made", "named"]


def test_a_second_scan_reads_what_began_ended_or_ran_since() -> None:
    shelf = Shelf(
        runs_=[timed("old", 1), timed("stuck", 2, ended=False), timed("long", 3), timed("last", 50)]
    )
    shelf.runs_[2] = shelf.runs_[2]._replace(ended_ms=0)
    _, marks = scanned(shelf)
    shelf.runs_[2] = shelf.runs_[2]._replace(ended_ms=at(60))
    shelf.runs_ += [timed("new", 55), timed("of a slow clock", 49.5)]
    found, _ = scanned(shelf, marks)
    assert set(found.runs) == {"stuck", "long", "last", "new", "of a slow clock"}
    assert not found.whole


def test_a_clock_that_is_ahead_hides_nothing_that_comes_later() -> None:
    shelf = Shelf(runs_=[timed("from the future", 10**6)])
    _, marks = scanned(shelf)
    shelf.runs_.append(timed("today", 10**6 - 1)._replace(started_ms=marks.experiments["1"].started))
    assert "today" in scanned(shelf, marks)[0].runs


def test_what_something_new_refers_to_is_looked_up_and_nothing_above_it() -> None:
    old, base, new = model_id(1), model_id(2), model_id(3)
    shelf = Shelf(
        runs_=[timed("first", 1, outputs=(base,)), timed("before", 2, outputs=(old,))],
        models_=[
            logged(base, "first")._replace(created_ms=at(1)),
            logged(old, "before")._replace(created_ms=at(2)),
        ],
    )
    _, marks = scanned(shelf)
    late = timed("late", 90, outputs=(new,))._replace(inputs=(old,))
    shelf.runs_.append(late)
    shelf.models_.append(logged(new, "late")._replace(created_ms=at(90)))
    shelf.read.clear()
    marks = replace(
        marks,
        experiments={"1": marks.experiments["1"]._replace(created=at(80), started=at(80), ended=at(80))},
    )
    found, _ = scanned(shelf, marks)
    assert shelf.read == ["late", old]
    assert set(found.models) == {new, old}


def test_a_whole_scan_goes_on_to_what_made_the_models_that_it_finds() -> None:
    hidden, made = model_id(1), model_id(2)
    shelf = Shelf(
        runs_=[timed("r", 1, outputs=(made,))._replace(inputs=(hidden,))], models_=[logged(made, "r")]
    )
    elsewhere = logged(hidden, "of a deleted experiment")
    shelf.model = lambda model_id: elsewhere if model_id == hidden else None  # type: ignore[method-assign]
    scanned(shelf)
    assert shelf.read == ["r", "of a deleted experiment"]


def test_a_logged_model_that_was_being_uploaded_is_asked_for_until_it_is_complete() -> None:
    big = logged(model_id(1))._replace(status="PENDING", created_ms=at(1))
    shelf = Shelf(models_=[big, logged(model_id(2))._replace(created_ms=at(2))])
    _, marks = scanned(shelf)
    assert marks.pending == (big.id,)
    shelf.models_ = [big._replace(status="READY"), logged(model_id(3))._replace(created_ms=at(90))]
    marks = replace(marks, experiments={"1": marks.experiments["1"]._replace(created=at(90))})
    found, marks = scanned(shelf, marks)
    assert found.models[big.id].status == "READY"
    assert marks.pending == ()


def test_where_a_model_lies_that_an_old_version_names_by_its_place_is_remembered() -> None:
    net = logged(model_id(1))._replace(created_ms=at(1))
    shelf = Shelf(models_=[net], versions_=[version("net", 1, net.place)])
    _, marks = scanned(shelf)
    shelf.models_ = []
    marks = replace(marks, versions=at(90))
    found, _ = scanned(shelf, marks)
    assert found.model_of(net.place) == net.id
