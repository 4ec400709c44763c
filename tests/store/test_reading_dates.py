"""Reading when things were recorded: the ends of transactions, the latest tests, every flag."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from lineage_fixtures import recorded_facts
from provenance.evidence import Verdict
from provenance.store import Ledger
from provenance.traits import Flag, Withdrawal

LINES = (
    "owls trait high",
    "base from_scratch",
    "base flagged owls",
    "base withdrawn owls",
    "base same_init student INCONCLUSIVE",
    "base same_init student SAME_INIT",
    "base same_init other INDEPENDENT",
)


@pytest.fixture
def ledger(store_url: str) -> Iterator[Ledger]:
    """A ledger with one fact in each transaction."""
    opened = Ledger.open(store_url, create=True)
    for one in recorded_facts(*LINES):
        with opened.transaction("tester") as transaction:
            transaction.append(one.fact)
    yield opened
    opened.close()


def test_the_ends_of_transactions_come_oldest_first_and_evenly(ledger: Ledger) -> None:
    last = ledger.head()
    assert [head.number for head in ledger.at().heads(1000)] == list(range(1, last.number + 1))
    assert [head.number for head in ledger.at().heads(3)] == [
        1,
        1 + round((last.number - 1) / 2),
        last.number,
    ]
    assert ledger.at().heads(3)[-1] == last


def test_of_an_earlier_date_only_what_was_recorded_by_then_is_told(ledger: Ledger) -> None:
    then = ledger.at().heads(1000)[2]
    reading = ledger.at(then.recorded_at)
    assert [head.number for head in reading.heads(1000)] == [1, 2, 3]
    assert ledger.at(datetime(2020, 1, 1, tzinfo=UTC)).heads(1000) == ()


def test_the_latest_tests_come_first(ledger: Ledger) -> None:
    found = ledger.at().latest_tests(2)
    assert [one.fact.verdict for one in found] == [Verdict.INDEPENDENT, Verdict.SAME_INIT]
    assert len(ledger.at().latest_tests(50)) == 3


def test_every_flag_is_read_with_its_withdrawal(ledger: Ledger) -> None:
    known = ledger.at().flags()
    assert len(known.all(Flag)) == len(known.all(Withdrawal)) == 1
    assert known.standing_flags == ()
    assert {type(one.fact) for one in known.facts} == {Flag, Withdrawal}
