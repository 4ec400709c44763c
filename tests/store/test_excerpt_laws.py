"""Excerpts: what is asked of an artifact has the same answer on its excerpt as on everything, on registries that Hypothesis makes up."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from lineage_fixtures import recorded_facts
from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.evidence import Evidence
from provenance.facts import Fact, Snapshot
from provenance.lineage import Kindred, Lifetimes, Lineage
from provenance.lineage.gaps import gaps
from provenance.risk import Policy, assess, explain
from provenance.store import Ledger, Reading, Transaction
from provenance.store.database import connect, writing
from provenance.store.head import read_head

MODELS = tuple(f"model:m{n}" for n in range(6))
TEACHERS = ("teacher:t0", "teacher:t1")
DATASETS = ("dataset:d0", "dataset:d1")
KINDS = {
    "finetuned_from": (MODELS, MODELS),
    "quantized_from": (MODELS, MODELS),
    "merged_from": (MODELS, MODELS),
    "embodied_by": (TEACHERS, MODELS),
    "generated_by": (DATASETS, TEACHERS),
    "selected_by": (DATASETS, TEACHERS),
    "derived_from": (DATASETS, DATASETS),
    "trained_on": (MODELS, DATASETS),
    "distilled_from": (MODELS, TEACHERS),
}
SAME_INIT = (
    *["SAME_INIT"] * 3,
    "SAME_INIT kinship=identical",
    "SAME_INIT kinship=partial",
    "INDEPENDENT",
    "INDEPENDENT",
    "INCONCLUSIVE",
)
CANARIES = ("TRANSFERS transfer_ratio=0.25", "NOT_DETECTED", "NOT_DETECTED bare", "INCONCLUSIVE effect=0.1")
# What makes m0 and m1 kin is a test of m2 and m3, which neither m5 nor anything above it descends from.
RELATIVES = (
    "teacher:t0 embodied_by model:m0",
    "dataset:d0 generated_by teacher:t0",
    "model:m5 trained_on dataset:d0",
    "model:m5 finetuned_from model:m1",
    "model:m2 finetuned_from model:m0",
    "model:m3 quantized_from model:m1",
)
EVERYTHING = (*MODELS, *TEACHERS, *DATASETS)
STALE = f"blake3:{'0' * 64}"

SOON = datetime.now(UTC) + timedelta(days=30)
MONTHS_LATER = datetime.now(UTC) + timedelta(days=90)
SHORT = Lifetimes(same_init=timedelta(days=1), canary=timedelta(days=1), clearances=timedelta(days=30))
POLICIES = (Policy.load(), replace(Policy.load(), lifetimes=SHORT))

many = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
few = settings(many, max_examples=10)


def pairs(firsts: Sequence[str], seconds: Sequence[str]) -> st.SearchStrategy[tuple[str, str]]:
    ends = st.tuples(st.sampled_from(firsts), st.sampled_from(seconds))
    return ends.filter(lambda pair: pair[0] != pair[1])


def edges() -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(KINDS)).flatmap(
        lambda kind: pairs(*KINDS[kind]).map(lambda pair: f"{pair[0]} {kind} {pair[1]}")
    )


def told(
    verb: str, ends: st.SearchStrategy[tuple[str, str]], outcomes: Sequence[str]
) -> st.SearchStrategy[str]:
    return st.tuples(ends, st.sampled_from(outcomes)).map(
        lambda drawn: f"{drawn[0][0]} {verb} {drawn[0][1]} {drawn[1]}"
    )


@st.composite
def registries(draw: st.DrawFn) -> list[list[Fact]]:
    """The facts of a small registry, in one transaction or several; cycles, copies, stale tests and strangers' tests among them."""
    related = draw(st.booleans())
    more = draw(st.lists(edges(), min_size=2, max_size=4 if related else 12))
    relations = list(dict.fromkeys([*(RELATIVES if related else ()), *more]))
    tested = draw(
        st.lists(
            told("same_init", pairs(MODELS, MODELS), SAME_INIT)
            | told("canary", pairs((*TEACHERS, *MODELS), MODELS), CANARIES),
            max_size=7,
        )
    )
    blocked = draw(st.lists(st.sampled_from(relations), max_size=1))
    anyone = st.sampled_from(EVERYTHING)
    flagged = draw(st.lists(anyone, min_size=1, max_size=2, unique=True))
    lines = [
        *EVERYTHING,
        *relations,
        "model:m0 names finetuned_from org/unknown",
        *(f"model:m2 names finetuned_from {name} which was left out" for name in ("m1", "m1@1")),
        *(["model:m2 same_init model:m3 SAME_INIT"] if related else []),
        *tested,
        *(f"{edge.split()[2]} blocked {edge.split()[0]} owls expires={SOON:%Y-%m-%d}" for edge in blocked),
        *(f"{one} cleared owls stops_here" for one in draw(st.lists(anyone, max_size=1))),
        *(f"{one} flagged owls" for one in flagged),
        *(f"{one} withdrawn owls" for one in flagged if draw(st.booleans()) and draw(st.booleans())),
    ]
    later = draw(st.lists(st.sampled_from(relations), max_size=2, unique=True))
    lines = [line for line in lines if line not in later] + later
    facts = [recorded.fact for recorded in recorded_facts(*lines)]
    stale = draw(st.integers(0, 12))
    facts = [aged(fact) if place == stale else fact for place, fact in enumerate(facts)]
    cut = draw(st.integers(1, len(facts)))
    return [part for part in (facts[:cut], facts[cut:]) if part]


def aged(fact: Fact) -> Fact:
    """A test as if it had been run on other content than is recorded."""
    return replace(fact, inputs={str(fact.parent): STALE}) if isinstance(fact, Evidence) else fact


class ForgottenError(Exception):
    """Ends a transaction whose facts were only wanted for a while."""


@contextmanager
def recorded(engine: Engine, parts: list[list[Fact]]) -> Iterator[list[Reading]]:
    """What can be read after each of some transactions, and of the last a month later; then nothing is recorded any more."""
    with suppress(ForgottenError), writing(engine) as connection:
        heads = []
        for part in parts:
            transaction = Transaction(connection, "tester")
            for fact in part:
                transaction.append(fact)
            transaction.commit()
            heads.append(read_head(connection))
        dates = [(head, head.now) for head in heads] + [(heads[-1], MONTHS_LATER)]
        yield [Reading(lambda: nullcontext(connection), head, date) for head, date in dates]
        raise ForgottenError


def answers(state: Snapshot, artifact: ArtifactId, line: Iterable[ArtifactId], policy: Policy) -> object:
    """All that a snapshot says of an artifact and its ancestors, as far as it is about these."""
    lineage = Lineage.of(state)
    kindred = Kindred.of(lineage, policy.lifetimes)
    models = [one for one in line if one.kind is ArtifactKind.MODEL]
    return (
        assess(state, lineage, policy, [artifact]),
        [explain(state, lineage, policy, artifact, trait) for trait in state.traits],
        gaps(kindred, artifact, policy.trust),
        lineage.exposures(artifact) if artifact.kind is ArtifactKind.MODEL else None,
        [
            (one, other, kinship.kin(one, other), kinship.independence(one, other))
            for one in models
            for other in models
            for kinship in (kindred, kindred.as_declared)
        ],
    )


def assert_excerpts_answer(readings: list[Reading]) -> None:
    for reading in readings:
        state = reading.snapshot()
        whole = Lineage.of(state)
        for artifact in state.artifacts:
            line = sorted(whole.line([artifact]), key=str)
            for policy in POLICIES:
                expected = answers(state, artifact, line, policy)
                assert answers(reading.line([artifact]), artifact, line, policy) == expected
            above = reading.below([artifact])
            for one in (artifact, *(relative.artifact for relative in whole.descendants(artifact))):
                found = assess(above, Lineage.of(above), POLICIES[0], [one])
                assert found == assess(state, whole, POLICIES[0], [one])


@pytest.fixture(scope="module")
def sqlite_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path_factory.mktemp('laws') / 'registry.db'}"
    Ledger.open(url, create=True).close()
    engine = connect(url)
    yield engine
    engine.dispose()


@many
@given(registries())
def test_an_excerpt_answers_as_everything_does(sqlite_engine: Engine, parts: list[list[Fact]]) -> None:
    with recorded(sqlite_engine, parts) as readings:
        assert_excerpts_answer(readings)


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_an_excerpt_answers_as_everything_does_in_postgresql(postgres_url: str) -> None:
    Ledger.open(postgres_url, create=True).close()
    engine = connect(postgres_url)

    @few
    @given(registries())
    def law(parts: list[list[Fact]]) -> None:
        with recorded(engine, parts) as readings:
            assert_excerpts_answer(readings)

    law()
    engine.dispose()
