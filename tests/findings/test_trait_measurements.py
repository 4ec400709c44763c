"""Measurements of a trait: kept as figures, in whichever database, shown, and no cause of anything."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
from findings_fixtures import OWL, tell

from lineage_fixtures import START, dataset, model, teacher
from provenance import Registry
from provenance.errors import ContentError, UnknownReferenceError, UsageError
from provenance.meanings import MEASURED, measured
from provenance.traits import Conclusion, TraitMeasurement

FIGURES: dict[str, Any] = {
    "conclusion": "present",
    "value": 0.9,
    "low": 0.87,
    "high": 0.92,
    "unit": "accuracy",
    "threshold": 0.3,
    "method": "told/measurement@1",
}
MEASUREMENT = TraitMeasurement(
    artifact=model("student"),
    trait="owls",
    measured_at=START,
    **FIGURES | {"conclusion": Conclusion.PRESENT},
)


@pytest.fixture
def registry(store_url: str, tmp_path: Path) -> Iterator[Registry]:
    store = "sqlite" if store_url.startswith("sqlite") else store_url
    with Registry.init(tmp_path / "here", store=store, actor="tester") as opened:
        tell(opened, *OWL)
        yield opened


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": nan}, "has nan as its value, which is no finite number"),
        ({"low": -inf}, "has -inf as its low"),
        ({"high": inf}, "has inf as its high"),
        ({"threshold": nan}, "has nan as its threshold"),
        ({"low": 0.91}, "gives 0.9, outside its interval"),
        ({"high": 0.89}, "gives 0.9, outside its interval"),
        ({"unit": " "}, "needs a unit"),
        ({"method": ""}, "needs a method"),
        ({"threshold": None}, "says present, and .* does not lie on one side of a threshold"),
        ({"threshold": 0.92}, r"says present, and \[0.87, 0.92\] does not lie on one side of 0.92"),
        ({"conclusion": Conclusion.ABSENT, "threshold": 0.9}, "says absent"),
        ({"base": model("student")}, "compares it with itself"),
        ({"base": dataset("numbers")}, "dataset:numbers@1 is no model"),
        ({"artifact": dataset("numbers")}, "a trait is measured on models and teachers"),
        ({"measured_at": datetime(2026, 1, 1)}, "needs a time zone"),  # noqa: DTZ001 - that is the fault
    ],
)
def test_figures_that_contradict_each_other_or_the_conclusion_are_no_measurement(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ContentError, match=message):
        replace(MEASUREMENT, **change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {},
            "0.900 accuracy (95 % interval 0.870 to 0.920), all of it above 0.3, the size that matters",
        ),
        (
            {"conclusion": Conclusion.ABSENT, "threshold": 2.5},
            "0.900 accuracy (95 % interval 0.870 to 0.920), all of it below 2.5, the size that matters",
        ),
        (
            {"conclusion": Conclusion.ABSENT},
            "0.900 accuracy (95 % interval 0.870 to 0.920), all of it above 0.3, the size that matters, where less is more of the trait",
        ),
        (
            {"conclusion": Conclusion.PRESENT, "threshold": 2.5},
            "0.900 accuracy (95 % interval 0.870 to 0.920), all of it below 2.5, the size that matters, where less is more of the trait",
        ),
        (
            {"conclusion": Conclusion.UNDECIDED, "threshold": 0.9, "base": model("base"), "high": 1234.5},
            "0.900 accuracy compared with model:base@1 (95 % interval 0.870 to 1.23e+03), which does not settle 0.9, the size that matters",
        ),
        (
            {"conclusion": Conclusion.UNDECIDED, "threshold": None, "low": -0.0001, "high": 100.0},
            "0.900 accuracy (95 % interval -0.000100 to 100), and nobody said what size matters",
        ),
    ],
)
def test_the_words_of_a_measurement_say_on_which_side_of_what_its_interval_lies(
    change: dict[str, Any], words: str
) -> None:
    assert measured(replace(MEASUREMENT, **change)) == words


def test_every_conclusion_has_a_meaning_and_says_what_it_does_not_mean() -> None:
    assert MEASURED.keys() == set(Conclusion)
    assert "no all-clear" in MEASURED[Conclusion.UNDECIDED].means_not
    assert "no clearance" in MEASURED[Conclusion.ABSENT].means_not


def test_a_measurement_is_kept_and_shown_and_the_ledger_verifies(registry: Registry) -> None:
    kept = registry.measure("student", "owls", **FIGURES, base="base", inputs={"rows": "blake3:00"})
    teachers = registry.measure(
        "teacher:owl", "owls", **FIGURES | {"conclusion": "undecided", "threshold": None}
    )
    assert kept.id == f"measurement-{kept.seq}"
    view = registry.view()
    assert view.show("student").measurements == (kept,)
    assert view.reading.line([model("small")]).measurements == {
        (model("student"), "owls"): (kept,),
        (teacher("owl"), "owls"): (teachers,),
    }
    assert view.reading.below([model("student")]).all(TraitMeasurement)
    assert registry.status().counts["measurements"] == 2
    assert registry.verify().ok
    assert (
        registry.view(as_of=kept.recorded_at - timedelta(microseconds=1)).show("student").measurements == ()
    )


def test_the_same_measurement_told_twice_is_one_record_and_another_look_is_another(
    registry: Registry,
) -> None:
    first = registry.measure("student", "owls", **FIGURES, measured_at=START)
    assert registry.measure("student", "owls", **FIGURES, measured_at=START) == first
    again = registry.measure("student", "owls", **FIGURES, measured_at=START + timedelta(days=1))
    older = registry.measure("student", "owls", **FIGURES, measured_at=START - timedelta(days=1))
    told = registry.view().snapshot.measurements[model("student"), "owls"]
    assert told == (older, first, again)


@pytest.mark.parametrize(
    ("ref", "change", "error", "message"),
    [
        ("student", {"conclusion": "clear"}, UsageError, "there is no conclusion 'clear'"),
        ("stranger", {}, UnknownReferenceError, "stranger"),
        ("student", {"base": "stranger"}, UnknownReferenceError, "stranger"),
        ("student", {"measured_at": datetime(2999, 1, 1, tzinfo=UTC)}, ContentError, "in the future"),
        ("numbers", {}, ContentError, "is no model"),
    ],
)
def test_what_is_no_measurement_of_anything_recorded_is_refused(
    registry: Registry, ref: str, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    before = registry.head()
    with pytest.raises(error, match=message):
        registry.measure(ref, "owls", **FIGURES | change)
    with pytest.raises(UnknownReferenceError, match="there is no trait 'cats'"):
        registry.measure("student", "cats", **FIGURES)
    assert registry.head().digest == before.digest


def test_it_is_no_cause_of_anything(registry: Registry, tmp_path: Path) -> None:
    registry.flag("teacher:owl", "owls", evidence="seen")
    before = registry.view()
    registry.measure("student", "owls", **FIGURES)
    after = registry.view()
    assert after.risks().artifacts == before.risks().artifacts
    assert registry.diff(since=before.reading.moment).differences == ()
    # A copy in a remote tracking system shows standings, and none has moved.
    assert after.reading.affected_after(before.reading.head.entries).artifacts == ()
    with Registry.init(tmp_path / "there", actor="tester") as other:
        tell(other, *OWL)
        other.flag("teacher:owl", "owls", evidence="seen")
        found = registry.diff_with(other)
        assert (found.facts_here, found.facts_there, found.divergences) == ((), (), ())
