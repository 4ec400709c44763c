"""What a sync looks at: never less than what is pending, on registries that Hypothesis makes up and syncs at any moment."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from lineage_fixtures import recorded_facts
from made_up_registries import EVERYTHING as NAMES
from made_up_registries import POLICIES, RELATIVES, SOON, few, many, recorded, registries
from provenance.artifacts import ArtifactId
from provenance.facts import Fact
from provenance.lineage import Lifetimes
from provenance.mlflow_link import changes
from provenance.mlflow_link.changes import since
from provenance.mlflow_link.desired import no_pictures
from provenance.mlflow_link.objects import Desired, state_digest
from provenance.mlflow_link.showing import EVERYTHING, Showing
from provenance.risk import Policy
from provenance.store import Binding, Ledger, Reading
from provenance.store.database import connect

Told = dict[str, str]

# Tests that the sentences of `lineage_fixtures` tell of were run in the first days of 2026, and end between now and the last reading.
AGE = SOON - datetime(2026, 1, 1, tzinfo=UTC)
ENDING = replace(
    POLICIES[0],
    lifetimes=Lifetimes(same_init=AGE, canary=AGE, clearances=timedelta(days=30)),
)
UNDER = (*POLICIES, ENDING)


@dataclass
class Bound:
    """What others made of which artifacts, in the order in which it came."""

    by_artifact: dict[ArtifactId, Binding] = field(default_factory=dict)
    order: list[ArtifactId] = field(default_factory=list)

    def bind(self, name: str, binding: Binding) -> None:
        artifact = ArtifactId.parse(f"{name}@1")
        self.by_artifact[artifact] = self.by_artifact.get(artifact, Binding()).completed(binding)
        self.order.append(artifact)

    def bindings(self, artifacts: Iterable[ArtifactId]) -> Mapping[ArtifactId, Binding]:
        return {one: self.by_artifact[one] for one in artifacts if one in self.by_artifact}

    def bound_after(self, number: int) -> tuple[tuple[ArtifactId, ...], int]:
        return tuple(self.order[number:]), len(self.order)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[list[Fact]], list[tuple[int, str, Binding]]]:
    """The facts of a registry in some transactions, and what others made, each with the number of the sync before which it came."""
    facts = [fact for part in draw(registries()) for fact in part]
    cuts = sorted(draw(st.sets(st.integers(1, len(facts) - 1), min_size=1, max_size=4)))
    parts = [facts[low:high] for low, high in zip([0, *cuts], [*cuts, len(facts)], strict=True)]
    made = st.sampled_from([Binding(version="theirs/3"), Binding(model_id="m-1"), Binding(run_id="r-1")])
    bound = draw(st.lists(st.tuples(st.integers(0, len(parts)), st.sampled_from(NAMES), made), max_size=3))
    return parts, bound


CASES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "a relation": (
        ("base", "rows", "tuned finetuned_from base"),
        ("tuned trained_on rows",),
        ("model:tuned",),
    ),
    "a relation, seen from below it": (
        (
            "base",
            "rows authored",
            "tuned finetuned_from base",
            "low finetuned_from tuned",
            "rows flagged owls",
        ),
        ("tuned trained_on rows",),
        ("model:tuned", "model:low"),
    ),
    "a flag": (
        ("tuned finetuned_from base", "owls trait high"),
        ("base flagged owls",),
        ("model:base", "model:tuned"),
    ),
    "a withdrawal": (
        ("tuned finetuned_from base", "base flagged owls"),
        ("base withdrawn owls",),
        ("model:base", "model:tuned"),
    ),
    "a clearance": (
        ("tuned finetuned_from base", "low finetuned_from tuned", "base flagged owls"),
        ("tuned cleared owls stops_here",),
        ("model:tuned", "model:low"),
    ),
    "a block": (
        ("tuned finetuned_from base", "low finetuned_from tuned", "base flagged owls"),
        (f"base blocked tuned owls expires={SOON:%Y-%m-%d}",),
        ("model:tuned", "model:low"),
    ),
    "a name that is open": (("tuned",), ("tuned names finetuned_from org/unknown",), ("model:tuned",)),
    "a canary": (
        (
            "t embodied_by base",
            "d generated_by t",
            "s trained_on d",
            "s finetuned_from other",
            "t flagged owls",
        ),
        ("t canary s TRANSFERS transfer_ratio=0.25",),
        ("model:s",),
    ),
    "a test against a stranger": (("one", "other"), ("one same_init other INDEPENDENT",), ("model:other",)),
    "a relation that gives an end of a test its weights": (
        (
            *(line for line in RELATIVES if line != "model:m3 quantized_from model:m1"),
            "model:m3",
            "model:m2 same_init model:m3 SAME_INIT",
            "teacher:t0 flagged owls",
        ),
        ("model:m3 quantized_from model:m1",),
        ("model:m5",),
    ),
}
"""What is recorded, what comes later, and what is shown otherwise then."""


@pytest.mark.parametrize("case", CASES)
def test_what_comes_later_is_looked_at_where_it_bears(sqlite_engine: Engine, case: str) -> None:
    before, later, concerned = CASES[case]
    facts = [one.fact for one in recorded_facts(*before, *later)]
    count = len(recorded_facts(*before))
    with recorded(sqlite_engine, [facts[:count], facts[count:]]) as (then, now, _):
        found = _changed(then, now, POLICIES[0])
    assert set(concerned) <= {name.partition("@")[0] for name in found}


ENDS: Mapping[str, tuple[str, ...]] = {
    "a flag": (f"base flagged owls expires={SOON:%Y-%m-%d}", "tuned finetuned_from base"),
    "a clearance": ("base flagged owls", "tuned finetuned_from base", "tuned cleared owls"),
    "a block": (
        "base flagged owls",
        "tuned finetuned_from base",
        f"base blocked tuned owls expires={SOON:%Y-%m-%d}",
    ),
    "a test": (
        *("base", "other", "t embodied_by other", "d generated_by t", "tuned trained_on d"),
        *("tuned finetuned_from base", "other same_init base INDEPENDENT", "t flagged owls"),
    ),
}
"""Something that has ended by the last reading; what it is about is called ``tuned``."""


@pytest.mark.parametrize("case", ENDS)
def test_what_is_concerned_by_an_end_is_looked_at(sqlite_engine: Engine, case: str) -> None:
    facts = [one.fact for one in recorded_facts(*ENDS[case])]
    with recorded(sqlite_engine, [facts]) as (now, months_later):
        assert "model:tuned@1" in _changed(now, months_later, ENDING)


def _changed(then: Reading, now: Reading, policy: Policy) -> set[str]:
    """What is shown otherwise at a later reading, and was looked at since the earlier one."""
    told: Told = pending(_showing(then, policy).objects(EVERYTHING, _nobody), {})
    cursor = since(None, _showing(then, policy), Bound()).until
    showing = _showing(now, policy)
    scope = since(cursor, showing, Bound()).scope
    found = showing.objects(scope, _nobody)
    assert pending(found, told) == pending(showing.objects(EVERYTHING, _nobody), told)
    return {item.about for item in found if item.subject in pending([item], told)}


def _nobody(_artifacts: Iterable[ArtifactId]) -> Mapping[ArtifactId, Binding]:
    return {}


def _showing(reading: Reading, policy: Policy) -> Showing:
    return Showing(
        reading=reading, policy=policy, unfinished=False, registry="", viewer=None, pictures=no_pictures
    )


def pending(objects: Iterable[Desired], told: Told) -> Told:
    return {
        item.subject: digest for item in objects if told.get(item.subject) != (digest := state_digest(item))
    }


def assert_nothing_pending_is_overlooked(
    readings: list[Reading], policy: Policy, bound: list[tuple[int, str, Binding]], skipped: int
) -> None:
    """A sync at each reading but one looks at what is pending, and at that of everything that it looks at which is."""
    told: Told = {}
    cursor, state = None, Bound()
    for place, reading in enumerate(readings):
        for _, name, binding in (one for one in bound if one[0] == place):
            state.bind(name, binding)
        if place == skipped:
            continue
        showing = Showing(
            reading=reading, policy=policy, unfinished=False, registry="", viewer=None, pictures=no_pictures
        )
        stretch = since(cursor, showing, state)
        whole = pending(showing.objects(EVERYTHING, state.bindings), told)
        assert pending(showing.objects(stretch.scope, state.bindings), told) == whole
        assert (stretch.scope == EVERYTHING) == (cursor is None)
        told |= whole
        cursor = stretch.until


@pytest.fixture(autouse=True, scope="module")
def _parts_of_small_registries() -> Iterator[None]:
    """Has a part read by itself however small the registry is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "_SHARE", 0)
        yield


@many
@given(histories(), st.sampled_from(UNDER), st.integers(0, 6))
def test_what_a_sync_looks_at_holds_all_that_is_pending(
    sqlite_engine: Engine,
    history: tuple[list[list[Fact]], list[tuple[int, str, Binding]]],
    policy: Policy,
    skipped: int,
) -> None:
    parts, bound = history
    with recorded(sqlite_engine, parts) as readings:
        assert_nothing_pending_is_overlooked(readings, policy, bound, skipped)


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_what_a_sync_looks_at_holds_all_that_is_pending_in_postgresql(postgres_url: str) -> None:
    Ledger.open(postgres_url, create=True).close()
    engine = connect(postgres_url)

    @few
    @given(histories(), st.sampled_from(UNDER), st.integers(0, 6))
    def law(
        history: tuple[list[list[Fact]], list[tuple[int, str, Binding]]], policy: Policy, skipped: int
    ) -> None:
        parts, bound = history
        with recorded(engine, parts) as readings:
            assert_nothing_pending_is_overlooked(readings, policy, bound, skipped)

    law()
    engine.dispose()
