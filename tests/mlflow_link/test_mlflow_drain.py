"""The drain: what is pending is what the ledger holds after the cursor, and it is written once, whoever writes."""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from lineage_fixtures import recorded_facts
from provenance import Registry
from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.mlflow_link import sync as writes
from provenance.mlflow_link.adapter import MlflowError, RefusedError, Written
from provenance.mlflow_link.objects import Desired
from provenance.mlflow_link.plan import references
from provenance.mlflow_link.port import MissingError
from provenance.relations import RelationKind
from provenance.request import Parent, Request
from provenance.store import Binding
from statements import statements

BASE = ArtifactId(ArtifactKind.MODEL, "base")


class Mlflow:
    """An MLflow that holds what it is told, and refuses what a test says."""

    def __init__(self) -> None:
        self.held: Counter[str] = Counter()
        self.refused: dict[str, RefusedError] = {}
        self.is_away = False
        self.calls = 0
        self.opened = 0
        self.marks: dict[str, str] = {}
        self.experiment = self

    @contextmanager
    def connect(self, uri: str, timeout_s: float) -> Iterator["Mlflow"]:
        self.opened += 1
        if self.is_away or timeout_s <= 0:
            raise MlflowError(f"MLflow at {uri} does not answer")
        yield self

    def prefetch(self, wanted: Sequence[Desired]) -> None:
        pass

    def mark(self, registry: str) -> str | None:
        return self.marks.get(registry)

    def note(self, registry: str, mark: str) -> None:
        self.marks[registry] = mark

    def write(self, desired: Desired, external_id: str | None, ids: Mapping[str, str]) -> Written:
        assert external_id in {None, f"id of {desired.subject}"}
        assert set(references(desired)) <= ids.keys()
        self.calls += 1
        if error := self.refused.get(desired.subject):
            raise error
        created = desired.subject not in self.held
        self.held[desired.subject] += 1
        return Written(f"id of {desired.subject}", created)


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Mlflow:
    fake = Mlflow()
    monkeypatch.setattr(writes, "connect", fake.connect)
    return fake


@pytest.fixture
def stored(store_url: str, folder: Path, mlflow: Mlflow) -> Iterator[Registry]:
    """A registry of two models, in either database, whose MLflow holds what it is told."""
    with Registry.init(folder, store="sqlite" if store_url.startswith("sqlite") else store_url) as opened:
        opened.register_model(name="base", from_scratch=True)
        opened.register_model(
            name="tuned", parents=[Parent(kind=RelationKind.FINETUNED_FROM, reference="base")]
        )
        opened.add_trait("owls", severity="high")
        assert not mlflow.opened
        yield opened


def many(registry: Registry, count: int) -> None:
    """Models that have nothing to do with each other."""
    registry.register([Request.named(ArtifactKind.MODEL, f"other{n}") for n in range(count)])


def test_a_second_sync_looks_at_nothing_and_opens_nothing(stored: Registry, mlflow: Mlflow) -> None:
    first = stored.mlflow_sync()
    assert (first.created, first.failed) == (len(mlflow.held), ())
    again = stored.mlflow_sync()
    assert (again.created, again.updated, again.unchanged, again.calls) == (0, 0, 0, 0)
    assert mlflow.opened == 1
    status = stored.mlflow_status()
    assert (status.behind, status.since, status.pending, status.failures) == (0, None, 0, ())
    assert not status.is_running


def test_a_flag_is_pending_until_the_next_sync_and_touches_what_is_below(
    stored: Registry, mlflow: Mlflow
) -> None:
    many(stored, 20)
    stored.mlflow_sync()
    before = mlflow.held.copy()
    stored.flag("base", "owls", evidence="seen")
    assert mlflow.held == before
    status = stored.mlflow_status()
    assert (status.behind, status.pending) == (1, 2)
    assert status.since == stored.head().recorded_at
    found = stored.mlflow_sync()
    assert found.updated == 2
    assert set(mlflow.held - before) == {"version model:base@1", "version model:tuned@1"}


def test_the_statements_of_a_sync_are_as_many_however_large_the_registry_is(stored: Registry) -> None:
    counts = []
    for n in (40, 80):
        stored.register([Request.named(ArtifactKind.MODEL, f"more{n}-{i}") for i in range(n)])
        stored.mlflow_sync()
        flag = stored.flag("base", "owls", evidence="seen").recorded
        with statements() as sent:
            stored.mlflow_sync()
        counts.append(len(sent))
        stored.withdraw(flag.id, reason="a mistake")
    assert counts[0] == counts[1]


def test_what_is_refused_is_remembered_and_tried_again_by_each_sync(stored: Registry, mlflow: Mlflow) -> None:
    mlflow.refused["version model:base@1"] = RefusedError("not this one")
    assert [one.subject for one in stored.mlflow_sync().failed] == ["version model:base@1"]
    (failure,) = stored.mlflow_status().failures
    assert (failure.subject, failure.about, failure.message, failure.attempts) == (
        "version model:base@1",
        "model:base@1",
        "not this one",
        1,
    )
    assert (stored.mlflow_status().behind, stored.mlflow_status().pending) == (0, 1)
    assert len(stored.mlflow_sync().failed) == 1
    (again,) = stored.mlflow_status().failures
    assert (again.attempts, again.since) == (2, failure.since)
    mlflow.refused.clear()
    assert stored.mlflow_sync().created == 1
    assert stored.mlflow_status().failures == ()


def test_what_failed_and_is_wanted_no_more_is_forgotten(stored: Registry, mlflow: Mlflow) -> None:
    stored.mlflow_sync()
    mlflow.refused["version model:tuned@1"] = RefusedError("not this one")
    flag = stored.flag("tuned", "owls", evidence="seen").recorded
    assert len(stored.mlflow_sync().failed) == 1
    stored.withdraw(flag.id, reason="a mistake")
    assert stored.mlflow_sync().failed == ()
    assert stored.mlflow_status().failures == ()


def test_an_mlflow_that_is_away_moves_no_cursor(stored: Registry, mlflow: Mlflow) -> None:
    mlflow.is_away = True
    with pytest.raises(MlflowError, match="does not answer"):
        stored.mlflow_sync()
    status = stored.mlflow_status()
    assert status.behind == stored.head().entries
    assert status.pending == len(_everything(stored))
    mlflow.is_away = False
    assert stored.mlflow_sync().created == status.pending


def _everything(registry: Registry) -> set[str]:
    from provenance.mlflow_link.showing import EVERYTHING

    return {
        item.subject for item in registry._showing(registry.mlflow_memory()).objects(EVERYTHING, lambda _: {})
    }


def test_what_is_recorded_while_a_sync_runs_is_told_by_the_same_sync(
    stored: Registry, mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = mlflow.write

    def slow(desired: Desired, external_id: str | None, ids: Mapping[str, str]) -> Written:
        if mlflow.calls == 3:
            with Registry.open() as other:
                other.register_model(name="late")
        return write(desired, external_id, ids)

    monkeypatch.setattr(mlflow, "write", slow)
    stored.mlflow_sync()
    assert "version model:late@1" in mlflow.held
    assert stored.mlflow_status().behind == 0


def test_what_was_deleted_there_is_made_again_with_all_that_leads_to_it(
    stored: Registry, mlflow: Mlflow
) -> None:
    many(stored, 20)
    stored.mlflow_sync()
    before = mlflow.held.copy()
    for subject in ("record of model:base@1", "logged model:base@1", "version model:base@1"):
        del mlflow.held[subject]
    stored.flag("base", "owls", evidence="seen")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("provenance.mlflow_link.changes._SHARE", 0)  # as in a registry of thousands
        stored.mlflow_sync()
    assert mlflow.held.keys() == before.keys()
    assert mlflow.held["links of model:tuned@1"] == before["links of model:tuned@1"] + 1
    calls = mlflow.calls
    stored.mlflow_sync()
    assert mlflow.calls == calls


def test_what_is_missing_for_another_is_made_first(stored: Registry, mlflow: Mlflow) -> None:
    stored.mlflow_sync()
    del mlflow.held["registered name base"]
    mlflow.refused["version model:base@1"] = MissingError("there is no registered model of this name")
    write = mlflow.write

    def mended(desired: Desired, external_id: str | None, ids: Mapping[str, str]) -> Written:
        if desired.subject == "registered name base":
            mlflow.refused.clear()
        return write(desired, external_id, ids)

    mlflow.write = mended  # type: ignore[method-assign]
    stored.flag("base", "owls", evidence="seen")
    assert stored.mlflow_sync().failed == ()
    assert mlflow.held["registered name base"] == 1


def test_a_rebuild_looks_at_every_object_and_keeps_what_others_made(stored: Registry, mlflow: Mlflow) -> None:
    stored.mlflow_bind(BASE, Binding(version="theirs/3"))
    stored.mlflow_sync()
    assert "adopted version model:base@1" in mlflow.held
    found = stored.mlflow_sync(rebuild=True)
    assert (found.created, found.updated) == (0, len(mlflow.held))
    assert stored.mlflow_bindings() == {BASE: Binding(version="theirs/3")}
    assert stored.mlflow_status().bindings == 1


def test_a_binding_that_comes_later_is_looked_at_and_completes_what_was_known(
    stored: Registry, mlflow: Mlflow
) -> None:
    stored.mlflow_bind(BASE, Binding(run_id="r"))
    stored.mlflow_sync()
    before = mlflow.held.copy()
    stored.mlflow_bind(BASE, Binding(model_id="m-1"))
    stored.mlflow_sync()
    # The child's links lead to their logged model from now on.
    # Ours, which told until now where it stands, leaves that to theirs.
    assert set(mlflow.held - before) == {
        "adopted logged model:base@1",
        "links of model:tuned@1",
        "version model:base@1",
    }
    assert stored.mlflow_bindings() == {BASE: Binding(model_id="m-1", run_id="r")}
    assert stored.mlflow_logged_model(BASE) == "m-1"
    assert stored.mlflow_logged_model(stored.resolve("tuned")) == "id of logged model:tuned@1"


def test_an_artifact_that_mlflow_was_not_told_of_has_no_logged_model(stored: Registry) -> None:
    assert stored.mlflow_logged_model(BASE) is None


def test_another_policy_has_everything_looked_at(
    stored: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stored.mlflow_sync()
    policy = tmp_path / "other.toml"
    policy.write_text("[exposure]\nweights = 0.5\n")
    assert stored.mlflow_status().pending == 0
    monkeypatch.setenv("PROVENANCE_POLICY", str(policy))
    with Registry.open() as again:
        assert again.mlflow_status().behind == 0
        found = again.mlflow_sync()
        assert found.updated + found.unchanged == len(_everything(again))


def _flagged_and_told(folder: Path) -> str:
    """A registry whose MLflow was told of a flag; the flag's id."""
    with Registry.init(folder, mlflow=f"sqlite:///{folder}/mlflow.db") as registry:
        registry.register_model(name="base", from_scratch=True)
        many(registry, 20)
        registry.add_trait("owls", severity="high")
        registry.mlflow_sync()
        flag = registry.flag("base", "owls", evidence="seen").recorded
        registry.mlflow_sync()
        return flag.id


def test_what_a_registry_told_before_it_was_brought_back_from_a_copy_is_mended_by_the_next_write(
    folder: Path, mlflow: Mlflow
) -> None:
    flag = _flagged_and_told(folder)
    database = folder / ".provenance" / "registry.db"
    shutil.copy(database, folder / "copy.db")
    with Registry.open(folder) as registry:
        registry.withdraw(flag, reason="wrong")
        registry.mlflow_sync()
    shutil.copy(folder / "copy.db", database)
    before = mlflow.held.copy()
    with Registry.open(folder) as registry:
        # Nobody can know without asking, and with nothing to write the server is not asked.
        assert registry.mlflow_sync().calls == 0
        assert registry.mlflow_status().pending == 0
        registry.register_model(name="late")
        registry.mlflow_sync()
        assert set(mlflow.held - before) == _everything(registry)
        before = mlflow.held.copy()
        registry.register_model(name="later")
        registry.mlflow_sync()
        assert {name for name in mlflow.held - before if "later" not in name} == set()


def test_an_mlflow_that_was_brought_back_from_a_copy_is_told_of_everything_again(
    folder: Path, mlflow: Mlflow
) -> None:
    flag = _flagged_and_told(folder)
    marks = dict(mlflow.marks)
    with Registry.open(folder) as registry:
        registry.withdraw(flag, reason="wrong")
        registry.mlflow_sync()
        mlflow.marks = marks
        before = mlflow.held.copy()
        registry.register_model(name="late")
        registry.mlflow_sync()
        assert set(mlflow.held - before) == _everything(registry)


def test_a_death_between_the_notes_of_a_mark_loses_nothing(
    stored: Registry, mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored.mlflow_sync()
    stored.flag("base", "owls", evidence="seen")

    def die(*_noted: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mlflow, "note", die)
        with pytest.raises(KeyboardInterrupt):
            stored.mlflow_sync()
    before = mlflow.held.copy()
    assert stored.mlflow_sync().failed == ()
    written = set(mlflow.held - before)
    assert written
    assert written < _everything(stored), "what was flagged, and not everything"
    assert stored.mlflow_status().pending == 0


def test_a_ledger_that_was_brought_back_from_a_copy_is_looked_at_as_a_whole(
    folder: Path, mlflow: Mlflow
) -> None:
    """In a database whose tables can be brought back one by one, the memory may stay as it was."""
    database = folder / ".provenance" / "registry.db"
    with Registry.init(folder) as registry:
        registry.register_model(name="base")
    shutil.copy(database, folder / "copy.db")
    with Registry.open(folder) as registry:
        registry.register_model(name="lost")
        registry.mlflow_sync()
        cursor = registry.mlflow_memory().cursor()
    assert mlflow.opened == 1
    shutil.copy(folder / "copy.db", database)
    with Registry.open(folder) as registry:
        registry.register_model(name="another")
        assert registry.head().entries == cursor.position
        registry.mlflow_memory().move(cursor)
        assert registry.mlflow_memory().cursor() is None
        assert registry.mlflow_status().pending > 0


def test_another_version_brings_its_own_time_and_the_same_one_keeps_what_is_known(stored: Registry) -> None:
    stored.mlflow_bind(BASE, Binding(version="theirs/3", made_at_ms=1_790_000_000_000))
    stored.mlflow_bind(BASE, Binding(version="theirs/3", model_id="m-1"))
    assert stored.mlflow_bindings()[BASE].made_at_ms == 1_790_000_000_000
    stored.mlflow_bind(BASE, Binding(version="theirs/4"))
    assert stored.mlflow_bindings()[BASE] == Binding(version="theirs/4", model_id="m-1")


def test_logged_models_and_runs_are_known_wherever_they_were_and_versions_where_they_are(
    stored: Registry,
) -> None:
    memory, moved = stored.mlflow_memory(), stored.mlflow_memory("http://moved.example")
    memory.put_all({"version X": ("", "net/1"), "record of X": ("", "r1")})
    memory.bind(BASE, Binding(model_id="m-1"))
    assert memory.known(["net/1", "r1", "r2"]) == {"net/1": "version X", "r1": "record of X"}
    assert moved.known(["net/1", "r1", "r2"]) == {"r1": "record of X"}
    assert moved.bound_anywhere(["m-1", "m-2"]) == {"m-1": BASE}


def test_a_registry_knows_its_own_mlflow_by_any_spelling(folder: Path) -> None:
    with Registry.init(folder, mlflow="http://me:secret@localhost:5000/") as registry:
        assert registry.is_own_mlflow("http://127.0.0.1:5000")
        assert not registry.is_own_mlflow("http://127.0.0.1:5001")
        registry.mlflow_bind(BASE, Binding(model_id="m-1"))
        assert registry.mlflow_bindings("http://[::1]:5000") == {BASE: Binding(model_id="m-1")}


def test_what_was_superseded_is_still_known_after_a_rebuild(stored: Registry, mlflow: Mlflow) -> None:
    stored.mlflow_sync()
    stored.mlflow_bind(BASE, Binding(version="theirs/3"))
    before = mlflow.held.copy()
    stored.mlflow_sync(rebuild=True)
    assert "version model:base@1" in mlflow.held - before
    assert "record of model:base@1" not in mlflow.held - before
    before = mlflow.held.copy()
    stored.mlflow_sync(rebuild=True)
    assert "version model:base@1" in mlflow.held - before
    assert mlflow.opened == 3


# --- at once ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def served(folder: Path, mlflow: Mlflow) -> Iterator[Registry]:
    """A registry of one model, whose MLflow is a server that was told of it."""
    with Registry.init(folder, mlflow="http://server:5000") as opened:
        opened.register_model(name="base", from_scratch=True)
        assert opened.mlflow_note is None
        assert "version model:base@1" in mlflow.held
        yield opened


def test_what_a_server_refuses_at_once_is_said_and_tried_again_by_a_sync(
    served: Registry, mlflow: Mlflow
) -> None:
    mlflow.refused["version model:tuned@1"] = RefusedError("not this one")
    served.register_model(name="tuned")
    assert (
        "MLflow refused 1 of the objects (not this one): see `provenance mlflow status`" in served.mlflow_note
    )
    assert [one.subject for one in served.mlflow_status().failures] == ["version model:tuned@1"]
    mlflow.refused.clear()
    assert served.mlflow_sync().created == 1


def test_what_there_is_no_time_for_stays_pending(
    served: Registry, mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provenance.mlflow_link.inline._BUDGET_S", -1.0)
    served.register_model(name="tuned")
    assert "was not told all of it in a second; `provenance mlflow sync` writes" in served.mlflow_note
    assert "record of model:tuned@1" not in mlflow.held
    assert served.mlflow_status().pending == 5


def test_a_test_that_has_to_be_drawn_is_left_to_a_sync(
    served: Registry, mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provenance.render.evidence_pictures.pictures", lambda _: {"depth.png": bytes})
    with served.mlflow_together():
        served.register_model(name="tuned")
        ends = recorded_facts("base", "tuned", "base same_init tuned INDEPENDENT")[-1]
        served._inspection.record(ends.fact)
    assert "was not told of its tests, whose pictures take time" in served.mlflow_note
    assert "version model:tuned@1" in mlflow.held
    assert not any(subject.startswith("audit") for subject in mlflow.held)
    assert served.mlflow_sync().created == 2


def test_what_was_deleted_and_is_made_again_at_once_has_the_rest_mended_by_a_sync(
    served: Registry, mlflow: Mlflow
) -> None:
    served.register_dataset(name="rows", authored=True)
    before = mlflow.held.copy()
    del mlflow.held["version model:base@1"], mlflow.held["record of model:base@1"]
    served.relate("base", RelationKind.TRAINED_ON, "rows")
    assert "lacks something that it was told before" in served.mlflow_note
    served.mlflow_sync()
    assert mlflow.held.keys() == before.keys()
    assert served.mlflow_status().pending == 0
