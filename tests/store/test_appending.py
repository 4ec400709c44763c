"""Appending: written in pieces or at once, what is recorded is the same, and before its transaction ends it is nowhere."""

import hashlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind
from provenance.errors import LedgerError, RegistryError
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.facts import Fact, canonical_json
from provenance.relations import Relation, RelationKind, Unresolved
from provenance.store import Ledger, Transaction
from provenance.store.tables import CommitDigest
from provenance.traits import Flag, Severity, Trait

NOW = datetime(2026, 1, 2, tzinfo=UTC)
MODELS = tuple(ArtifactId(ArtifactKind.MODEL, f"model-{number}") for number in range(7))
BASE, TUNED, *_, TWIN = MODELS
FACTS: tuple[Fact, ...] = (
    *(Artifact(id=one) for one in MODELS),
    *(
        Relation(child=child, kind=RelationKind.FINETUNED_FROM, parent=parent)
        for parent, child in pairwise(MODELS[:-1])
    ),
    Evidence(
        test=TestKind.SAME_INIT, parent=BASE, child=TUNED, verdict=Verdict.SAME_INIT, method="m@1", tested_at=NOW
    ),
    Evidence(
        test=TestKind.SAME_INIT, parent=BASE, child=TWIN, verdict=Verdict.SAME_INIT, method="m@1", tested_at=NOW
    ),
    Unresolved(child=TUNED, kind=RelationKind.TRAINED_ON, name="secret rows"),
    Trait(name="owls", severity=Severity.LOW),
    Flag(artifact=BASE, trait="owls", evidence="seen"),
)  # fmt: skip


BEFORE = "f7f327a86d73da1fcb1836816010ead1b4c7bed51aedde54d0bc192b121bf958"
"""The head of these facts as it was when there were no pieces yet."""


@pytest.fixture(params=[2, 10_000])
def piece(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many facts are held before they are written."""
    monkeypatch.setattr("provenance.store.appended.PIECE", request.param)
    return int(request.param)


@pytest.fixture
def ledger(store_url: str) -> Iterator[Ledger]:
    opened = Ledger.open(store_url, create=True)
    yield opened
    opened.close()


def append(transaction: Transaction, *facts: Fact) -> None:
    for fact in facts:
        transaction.append(fact)


def record(ledger: Ledger, *facts: Fact) -> None:
    with ledger.transaction("ada") as transaction:
        append(transaction, *facts)


@pytest.fixture
def in_the_past(monkeypatch: pytest.MonkeyPatch) -> None:
    class Then(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # noqa: ARG003
            return NOW

    monkeypatch.setattr("provenance.store.head.datetime", Then)


@pytest.mark.usefixtures("in_the_past")
def test_the_chain_is_the_same_however_many_pieces_it_was_written_in(ledger: Ledger, piece: int) -> None:
    record(ledger, *FACTS[:2])
    record(ledger, *FACTS[2:])
    assert ledger.verify().problems == (), piece
    assert [recorded.fact for recorded in ledger.snapshot().facts] == list(FACTS)
    assert ledger.head().digest == BEFORE


def test_the_digest_of_a_transaction_is_that_of_its_canonical_json() -> None:
    header = {"number": 2, "previous": "f" * 64, "recorded_at": "2026-01-02T00:00:00.000000Z", "first_seq": 3}
    for facts in ([], ["a" * 64], ["a" * 64, "b" * 64, "c" * 64]):
        digest = CommitDigest('ada "the first"')
        digest.add(facts[:1])
        digest.add([])
        digest.add(facts[1:])
        text = canonical_json({**header, "actor": 'ada "the first"', "facts": facts})
        assert digest.close(**header) == hashlib.sha256(text.encode()).hexdigest()  # type: ignore[arg-type]


@pytest.mark.usefixtures("piece")
def test_what_was_appended_just_now_is_told_where_it_is_promised_and_nowhere_else(ledger: Ledger) -> None:
    record(ledger, *FACTS[:2], FACTS[7])
    with ledger.transaction("grace") as transaction:
        append(transaction, *FACTS[2:7], *FACTS[8:])
        assert len(transaction.snapshot().facts) == len(FACTS)
        assert [recorded.seq for recorded in transaction.snapshot().facts] == [*range(1, len(FACTS) + 1)]
        named = transaction.named(["model-0", "model-3", "nobody"])
        assert {name: [one.id for one in some] for name, some in named.items()} == {
            "model-0": [BASE],
            "model-3": [MODELS[3]],
            "nobody": [],
        }
        (gap,) = transaction.about("unresolved", [str(TUNED), str(BASE)])
        assert (gap.fact, gap.actor) == (FACTS[-3], "grace")
        assert set(transaction.artifacts(MODELS)) == {BASE, TUNED}
        assert transaction.relations_of(MODELS) == (FACTS[7],)
        assert transaction.ancestry(MODELS) == ((TUNED, BASE),)
        assert transaction.names() == (BASE, TUNED)
        assert transaction.find("model-3") == ()
        assert len(transaction.reading().snapshot().facts) == 3
        assert transaction.get(len(FACTS)) is None
    assert ledger.verify().problems == ()


@pytest.mark.usefixtures("piece")
def test_nobody_else_sees_a_transaction_before_it_ends(ledger: Ledger, store_url: str) -> None:
    record(ledger, *FACTS[:2])
    other = Ledger.open(store_url)
    with ledger.transaction("ada") as transaction:
        append(transaction, *FACTS[2:])
        assert len(other.snapshot().facts) == 2
        assert other.names() == MODELS[:2]
        assert other.verify().ok
    assert len(other.snapshot().facts) == len(FACTS)
    other.close()


@pytest.mark.usefixtures("piece")
def test_what_is_discarded_leaves_no_trace_and_the_transaction_goes_on(ledger: Ledger) -> None:
    record(ledger, *FACTS[:2])
    before = ledger.head()
    with ledger.transaction("ada") as transaction:
        append(transaction, *FACTS[2:])
        transaction.discard()
        assert len(transaction.snapshot().facts) == 2
    assert ledger.head() == before
    with ledger.transaction("ada") as transaction:
        append(transaction, *FACTS[2:])
        transaction.discard()
        append(transaction, *FACTS[2:])
    assert [recorded.fact for recorded in ledger.snapshot().facts] == list(FACTS)
    assert ledger.verify().problems == ()


@pytest.mark.usefixtures("piece")
@pytest.mark.parametrize("late", [FACTS[7], FACTS[12]])
def test_a_fact_about_an_artifact_that_is_not_recorded_is_refused_and_nothing_is_recorded(
    ledger: Ledger, late: Fact
) -> None:
    with pytest.raises(LedgerError, match="model:model-1@1 is neither recorded nor appended before"):
        record(ledger, FACTS[0], late, FACTS[-2])
    assert ledger.head().entries == 0
    assert ledger.verify().ok


@pytest.mark.usefixtures("piece")
@pytest.mark.parametrize("again", [FACTS[0], FACTS[7]])
def test_the_same_artifact_or_edge_twice_is_refused_by_the_database_and_nothing_is_recorded(
    ledger: Ledger, again: Fact
) -> None:
    with pytest.raises(RegistryError, match=r"refused: .*(UNIQUE|duplicate key)"):
        record(ledger, *FACTS, again)
    assert ledger.head().entries == 0
    record(ledger, *FACTS)
    with pytest.raises(RegistryError, match=r"refused: .*(UNIQUE|duplicate key)"):
        record(ledger, again)
    assert ledger.verify().entries == len(FACTS)


KILLED = """
import os, signal, sys
from provenance.artifacts import Artifact, ArtifactId, ArtifactKind
from provenance.store import Ledger, appended
appended.PIECE = 10
with Ledger.open(sys.argv[1]).transaction("ada") as transaction:
    for number in range(95):
        transaction.append(Artifact(id=ArtifactId(ArtifactKind.MODEL, f"late-{number}")))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_killed_among_its_pieces_leaves_nothing_of_them(ledger: Ledger, store_url: str) -> None:
    record(ledger, *FACTS)
    process = subprocess.run([sys.executable, "-c", KILLED, store_url], check=False, timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert ledger.verify().entries == len(FACTS)
    record(ledger, Artifact(id=ArtifactId(ArtifactKind.MODEL, "late-0")))
    assert ledger.verify().problems == ()
