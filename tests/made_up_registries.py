"""Small registries that Hypothesis makes up, and what can be read after each transaction of one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from lineage_fixtures import recorded_facts
from provenance.artifacts import ArtifactId
from provenance.evidence import Evidence
from provenance.facts import Fact
from provenance.lineage import Lifetimes
from provenance.render import Direction, Scope
from provenance.risk import Policy
from provenance.store import Reading, Transaction
from provenance.store.database import writing
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
MEASUREMENTS = ("present 0.9 threshold=0.3", "absent 0.1 threshold=0.3", "undecided 0.3 threshold=0.3")
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
ANYONE = st.sampled_from([ArtifactId.parse(f"{one}@1") for one in EVERYTHING])
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
    measured = st.tuples(st.sampled_from((*MODELS, *TEACHERS)), st.sampled_from(MEASUREMENTS))
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
        *(f"{one} measured owls {told}" for one, told in draw(st.lists(measured, max_size=2))),
        *(f"{one} withdrawn owls" for one in flagged if draw(st.booleans()) and draw(st.booleans())),
    ]
    later = draw(st.lists(st.sampled_from(relations), max_size=2, unique=True))
    lines = [line for line in lines if line not in later] + later
    facts = [recorded.fact for recorded in recorded_facts(*lines)]
    stale = draw(st.integers(0, 12))
    facts = [aged(fact) if place == stale else fact for place, fact in enumerate(facts)]
    cut = draw(st.integers(1, len(facts)))
    return [part for part in (facts[:cut], facts[cut:]) if part]


@st.composite
def scopes(draw: st.DrawFn) -> Scope:
    """What a diagram may be asked of one of these registries."""
    return Scope(
        refs=tuple(draw(st.lists(ANYONE, min_size=1, max_size=2))),
        direction=draw(st.sampled_from(Direction)),
        depth=draw(st.sampled_from([None, 0, 1, 2])),
        trait=draw(st.sampled_from([None, "owls"])),
        collapse=draw(st.sampled_from([None, 1, 2])),
        critical=draw(st.booleans()),
        opened=tuple(draw(st.lists(ANYONE, max_size=3))),
    )


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
