"""A difference is worked out from an excerpt of the ledger, and is what all of the ledger would say."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from dated_registries import OF, registries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineage_fixtures import model, recorded_facts
from provenance.differences import History, between_dates
from provenance.risk import Policy
from provenance.store import Ledger
from statements import statements

POLICY = Policy.load()
STORY = (
    "base from_scratch",
    "owl embodied_by base",
    "numbers generated_by owl",
    "student finetuned_from base",
    "student trained_on numbers",
    "owls trait high",
    "owl flagged owls",
)


def write(ledger: Ledger, *lines: str) -> None:
    """Records sentences, each fact in a transaction of its own."""
    for recorded in recorded_facts(*lines):
        with ledger.transaction("tester") as transaction:
            transaction.append(recorded.fact)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(registries(), st.sampled_from(OF), st.floats(0, 1))
def test_an_excerpt_tells_the_same_differences_as_the_whole(
    lines: list[str], name: str, place: float
) -> None:
    with TemporaryDirectory() as folder:
        ledger = Ledger.open(f"sqlite:///{Path(folder) / 'registry.db'}", create=True)
        write(ledger, *lines)
        now = ledger.at()
        facts = now.snapshot().facts
        since = facts[int(place * (len(facts) - 1))].recorded_at
        told = between_dates(ledger.at(since), now, POLICY, POLICY, asked=[model(name)])
        whole = History(
            excerpt=now.snapshot(), asked=[model(name)], since=since, before=POLICY, after=POLICY
        ).diff()
        ledger.close()
    assert told == whole


@pytest.mark.parametrize("moments", [1, 30])
def test_the_statements_of_a_difference_grow_neither_with_its_moments_nor_with_the_registry(
    store_url: str, moments: int
) -> None:
    ledger = Ledger.open(store_url, create=True)
    more = [f"student cleared owls expires={2090 + number}-01-01" for number in range(moments)]
    strangers = [f"stranger{number} from_scratch" for number in range(moments)]
    write(ledger, *STORY, *more, *strangers)
    with statements() as sent:
        since = ledger.at().snapshot().facts[5].recorded_at
        sent.clear()
        found = between_dates(ledger.at(since), ledger.at(), POLICY, POLICY, asked=[model("student")])
    ledger.close()
    assert found.differences
    assert len(sent) <= 12, sent
