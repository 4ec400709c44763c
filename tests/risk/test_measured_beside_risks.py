"""What was measured of a trait stands beside the risks, and moves none of them."""

from hypothesis import given
from risk_story import POLICY

from lineage_fixtures import START, model, snapshot, teacher
from made_up_registries import many, registries
from provenance.facts import Fact, Recorded, Snapshot
from provenance.lineage import Lineage
from provenance.risk import Status, assess, check, explain, impact, survey
from provenance.traits import Conclusion, TraitMeasurement

CHAIN = (
    "base from_scratch",
    "owl finetuned_from base",
    "teacher:owls embodied_by owl",
    "numbers generated_by teacher:owls",
    "student finetuned_from base",
    "student trained_on numbers",
    "small quantized_from student",
    "owl flagged owls",
)


@many
@given(registries())
def test_no_measurement_moves_a_standing(parts: list[list[Fact]]) -> None:
    facts = [fact for part in parts for fact in part]
    told = Snapshot(tuple(Recorded(seq, fact, "ada", START) for seq, fact in enumerate(facts, 1)), START)
    untold = Snapshot(
        tuple(one for one in told.facts if not isinstance(one.fact, TraitMeasurement)), told.as_of
    )
    assert answers(told) == answers(untold)


def answers(state: Snapshot) -> object:
    """Every standing, every gate and every impact of a registry."""
    lineage = Lineage.of(state)
    report = assess(state, lineage, POLICY, state.artifacts)
    return (
        report,
        check(report, POLICY, lineage),
        [impact(state, lineage, POLICY, one, "owls") for one in state.artifacts if "owls" in state.traits],
        survey(lineage, POLICY).counts,
    )


def test_why_tells_what_was_measured_on_each_model_of_the_way_and_on_which_nothing_was() -> None:
    state = snapshot(
        *CHAIN,
        "small measured owls undecided 0.3 threshold=0.3",
        "owl measured owls absent 0.1 threshold=0.3",
        "base measured owls absent 0.1 threshold=0.3",
        "cats trait low",
        "owl measured cats present 0.9 threshold=0.3",
        "owl measured owls present 0.9 threshold=0.3",
    )
    found = explain(state, Lineage.of(state), POLICY, model("small"), "owls")
    assert found.status is Status.EXPOSED
    told = [(one.artifact, one.measurement and one.measurement.fact.conclusion) for one in found.measured]
    assert told == [
        (model("owl"), Conclusion.PRESENT),
        (teacher("owls"), None),
        (model("student"), None),
        (model("small"), Conclusion.UNDECIDED),
    ]


def test_of_what_no_flag_reaches_its_own_measurement_is_told() -> None:
    state = snapshot(*CHAIN, "base measured owls absent 0.1 threshold=0.3")
    (only,) = explain(state, Lineage.of(state), POLICY, model("base"), "owls").measured
    assert only.artifact == model("base")
    assert only.measurement is not None


def test_the_latest_measurement_is_the_one_that_was_made_last_and_not_the_one_recorded_last() -> None:
    early = snapshot("owl measured owls present 0.9 threshold=0.3", "at 2026-03-01", "owl measured owls absent 0.1 threshold=0.3")  # fmt: skip
    first, second = early.all(TraitMeasurement)
    swapped = Snapshot(
        (Recorded(1, second.fact, "ada", START), Recorded(2, first.fact, "ada", START)), early.as_of
    )
    for state in (early, swapped):
        latest = state.measurements[model("owl"), "owls"][-1].fact
        assert latest.conclusion is Conclusion.ABSENT
