"""Reading: what was recorded up to a date, from the store, and as much of it as a question needs, on both databases."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from lineage_fixtures import dataset, model, recorded_facts, teacher
from provenance.artifacts import Alias, Artifact
from provenance.evidence import Evidence
from provenance.facts import Fact, Snapshot
from provenance.lineage import Lineage
from provenance.lineage.columns import columns
from provenance.lineage_table import LineageTable
from provenance.relations import Relation, RelationKind
from provenance.store import Ledger, Reading
from statements import statements

STORY = (
    "base from_scratch",
    "owl embodied_by base",
    "numbers generated_by owl",
    "student finetuned_from base",
    "student trained_on numbers clean_fraction=0.25",
    "other from_scratch",
    "mix merged_from student share=0.75",
    "mix merged_from other share=0.25",
    "stranger",
    "owls trait high",
    "cats trait low",
    "base flagged owls",
    "stranger flagged cats",
    "owl canary student NOT_DETECTED",
)


@pytest.fixture
def ledger(store_url: str) -> Iterator[Ledger]:
    opened = Ledger.open(store_url, create=True)
    yield opened
    opened.close()


def record(ledger: Ledger, *facts: Fact) -> datetime:
    """Records some facts in a transaction of their own, and says when."""
    with ledger.transaction("tester") as transaction:
        for fact in facts:
            transaction.append(fact)
    moment = ledger.head().recorded_at
    assert moment is not None
    return moment


def tell(ledger: Ledger, *lines: str) -> datetime:
    """Records sentences; see `lineage_fixtures`."""
    return record(ledger, *(recorded.fact for recorded in recorded_facts(*lines)))


def names(table: LineageTable) -> list[str]:
    return [key.partition(":")[2].removesuffix("@1") for key in table.keys]


def ids(state: Snapshot) -> list[str]:
    return [one.id for one in state.facts]


# --- facts -----------------------------------------------------------------------------------------------------------


def test_an_excerpt_holds_ancestors_with_what_is_said_of_them_and_all_traits(ledger: Ledger) -> None:
    tell(ledger, *STORY)
    state = ledger.at().line([model("student")])
    assert [str(one) for one in state.artifacts] == [
        "model:base@1",
        "teacher:owl@1",
        "dataset:numbers@1",
        "model:student@1",
    ]
    assert [str(one.fact) for one in state.all(Relation)] == [
        "teacher:owl@1 embodied_by model:base@1",
        "dataset:numbers@1 generated_by teacher:owl@1",
        "model:student@1 finetuned_from model:base@1",
        "model:student@1 trained_on dataset:numbers@1",
    ]
    assert [one.fact.artifact.name for one in state.standing_flags] == ["base"]
    assert [one.fact.verdict for one in state.all(Evidence)] == ["NOT_DETECTED"]
    assert list(state.traits) == ["owls", "cats"]
    assert state.facts == tuple(one for one in ledger.snapshot().facts if one in state.facts)


def test_an_excerpt_from_below_holds_descendants_with_all_their_ancestors(ledger: Ledger) -> None:
    tell(ledger, *STORY)
    state = ledger.at().below([model("numbers"), dataset("numbers")])
    assert {one.name for one in state.artifacts} == {"base", "owl", "numbers", "student", "mix", "other"}


def test_what_is_not_recorded_has_an_empty_excerpt(ledger: Ledger) -> None:
    tell(ledger, "base")
    reading = ledger.at()
    assert reading.line([model("nobody")]).facts == reading.show(model("nobody")).facts == ()
    assert reading.subtable([model("nobody")], up=True).keys == []
    assert reading.between(model("base"), model("nobody")).keys == []


def test_an_excerpt_follows_no_relation_that_was_recorded_later(ledger: Ledger) -> None:
    before = tell(ledger, "grandparent", "parent", "child finetuned_from parent")
    record(
        ledger,
        Relation(child=model("parent"), kind=RelationKind.FINETUNED_FROM, parent=model("grandparent")),
    )
    past, now = ledger.at(before), ledger.at()
    assert [one.name for one in past.line([model("child")]).artifacts] == ["parent", "child"]
    assert names(past.subtable([model("child")], up=True)) == ["child", "parent"]
    assert names(past.subtable([model("grandparent")], up=False)) == ["grandparent"]
    assert past.between(model("grandparent"), model("child")).keys == []
    assert len(past.table().parents) == 1
    assert [one.name for one in now.line([model("child")]).artifacts] == ["grandparent", "parent", "child"]
    assert names(now.between(model("grandparent"), model("child"))) == ["child", "grandparent", "parent"]


def test_a_reading_of_a_past_date_knows_no_later_fact_of_any_kind(ledger: Ledger) -> None:
    before = tell(ledger, "base", "student finetuned_from base")
    tell_later = recorded_facts(
        "base", "student", "owls trait high", "base flagged owls", "base canary student TRANSFERS"
    )
    record(ledger, *(one.fact for one in tell_later[2:]), Alias(name="old", artifact=model("base")))
    record(ledger, Artifact(id=model("later")))
    past = ledger.at(before)
    assert past.moment == before
    assert past.head.entries == 3
    assert len(past.snapshot().facts) == len(past.line([model("student")]).facts) == 3
    assert past.findings().facts == past.traits() == past.find("old") == past.find("later") == ()
    assert past.trait("owls") is None
    assert past.counts() == {"artifact": 2, "model": 2, "relation": 1}
    assert len(past.names()) == len(past.page()) == 2
    assert past.page(flagged="owls") == ()
    assert ids(past.show(model("base"))) == ["artifact-1", "relation-3"]


def test_before_the_first_record_there_is_nothing(ledger: Ledger) -> None:
    moment = tell(ledger, *STORY)
    reading = ledger.at(moment.replace(year=moment.year - 1))
    assert (reading.head.number, reading.snapshot().facts, reading.table().keys) == (0, (), [])


def test_a_reading_in_a_transaction_holds_what_is_recorded_and_not_what_was_just_appended(
    ledger: Ledger,
) -> None:
    tell(ledger, "base", "student finetuned_from base")
    with ledger.transaction("tester") as transaction:
        transaction.append(Artifact(id=model("fresh")))
        reading = transaction.reading()
        assert len(reading.snapshot().facts) == 3
        assert names(reading.table()) == ["base", "student"]
        assert reading.find("fresh") == reading.line([model("fresh")]).facts == ()
        assert len(transaction.snapshot().facts) == 4


def test_showing_an_artifact_gives_its_relations_both_ways_and_all_that_is_said_of_it(ledger: Ledger) -> None:
    tell(ledger, *STORY, "student names finetuned_from org/gone")
    record(ledger, Alias(name="Pupil", artifact=model("student")), Alias(name="Base", artifact=model("base")))
    shown = ledger.at().show(model("student"))
    kinds = [one.id.partition("-")[0] for one in shown.facts]
    assert kinds == [
        "artifact",
        "relation",
        "relation",
        "relation",
        "trait",
        "trait",
        "evidence",
        "unresolved",
        "alias",
    ]


def test_showing_a_flagged_artifact_gives_the_withdrawal_of_its_flag(ledger: Ledger) -> None:
    tell(ledger, "base", "student", "base flagged owls", "student flagged owls", "base withdrawn owls")
    shown = ledger.at().show(model("base"))
    assert ids(shown) == ["artifact-1", "trait-3", "flag-4", "withdrawal-6"]
    assert shown.standing_flags == ()


def test_findings_are_all_but_artifacts_relations_and_locations(ledger: Ledger) -> None:
    tell(ledger, *STORY)
    found = {one.id.partition("-")[0] for one in ledger.at().findings().facts}
    assert found == {"trait", "flag", "evidence"}


# --- the lineage in columns ------------------------------------------------------------------------------------------


def test_the_table_is_the_lineage_of_the_facts_in_the_same_order(ledger: Ledger) -> None:
    tell(
        ledger,
        *STORY,
        "Ähre finetuned_from base",
        "Zebra finetuned_from base",
        "_x from_scratch",
        "a/b finetuned_from a",
    )
    reading = ledger.at()
    found, expected = reading.table(), columns(reading.snapshot())
    for column in LineageTable.__dataclass_fields__:
        assert list(getattr(found, column)) == list(getattr(expected, column)), column
    assert list(found.keys) == sorted(found.keys)


def test_a_subtable_is_the_closure_of_a_walk(ledger: Ledger) -> None:
    tell(ledger, *STORY)
    reading = ledger.at()
    above = reading.subtable([model("mix")], up=True)
    assert names(above) == ["numbers", "base", "mix", "other", "student", "owl"]
    assert [float(share) for share in above.shares if share is not None] == [0.25, 0.75]
    assert names(reading.subtable([model("base")], up=False)) == ["numbers", "base", "mix", "student", "owl"]
    weights = {RelationKind.FINETUNED_FROM, RelationKind.MERGED_FROM}
    walked = reading.subtable([model("mix")], up=True, relations=weights)
    assert names(walked) == ["base", "mix", "other", "student"]
    assert set(walked.kinds) == weights
    assert names(reading.subtable([model("mix")], up=True, depth=1)) == ["mix", "other", "student"]
    assert names(reading.subtable([model("mix"), model("stranger")], up=True, depth=0)) == ["mix", "stranger"]


def test_downwards_a_parent_outside_is_left_out_with_its_relation(ledger: Ledger) -> None:
    tell(ledger, *STORY)
    below = ledger.at().subtable([model("other")], up=False)
    assert (names(below), list(below.parents), list(below.children)) == (["mix", "other"], [1], [0])


def test_between_two_artifacts_lies_what_is_on_a_way(ledger: Ledger) -> None:
    tell(ledger, *STORY, "aside finetuned_from base")
    reading = ledger.at()
    assert names(reading.between(teacher("owl"), model("mix"))) == ["numbers", "mix", "student", "owl"]
    assert names(reading.between(model("mix"), model("mix"))) == ["mix"]
    assert reading.between(model("mix"), teacher("owl")).keys == []


def test_walks_end_in_cycles(ledger: Ledger) -> None:
    tell(ledger, "a finetuned_from b", "b finetuned_from c", "c finetuned_from a", "d finetuned_from a")
    reading = ledger.at()
    assert names(reading.subtable([model("a")], up=True)) == ["a", "b", "c"]
    assert names(reading.subtable([model("a")], up=False, depth=50)) == ["a", "b", "c", "d"]
    assert names(reading.between(model("a"), model("d"))) == ["a", "b", "c", "d"]
    assert len(reading.line([model("d")]).artifacts) == 4


# --- the number of statements ----------------------------------------------------------------------------------------

LONG = 1_000
SHAPES = {
    "chain": [f"m{place} quantized_from m{place - 1}" for place in range(1, LONG)],
    "star": [f"m{place} quantized_from m0" for place in range(1, LONG)],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_number_of_statements_does_not_depend_on_depth_and_size(ledger: Ledger, shape: str) -> None:
    tell(ledger, *SHAPES[shape])
    first, last = model("m0"), model(f"m{LONG - 1}")
    everyone = [model(f"m{place}") for place in range(LONG)]
    sent = {}
    for what, ask in {
        "line": lambda reading: reading.line([last]),
        "line of all": lambda reading: reading.line(everyone),
        "below": lambda reading: reading.below([first]),
        "ancestors": lambda reading: reading.subtable([last], up=True),
        "descendants": lambda reading: reading.subtable([first], up=False),
        "between": lambda reading: reading.between(first, last),
        "show": lambda reading: reading.show(first),
        "table": Reading.table,
        "among all": lambda reading: reading.page(among=everyone),
    }.items():
        reading = ledger.at()
        with statements() as found:
            ask(reading)
        sent[what] = len(found)
    excerpt, walk = 3, 1  # the tests of relatives, the line, its facts; everything in one
    assert sent == {
        "line": excerpt,
        "line of all": excerpt,
        "below": excerpt,
        "ancestors": walk,
        "descendants": walk,
        "between": walk,
        "show": walk,
        "table": 2,
        "among all": walk,
    }


def test_a_long_chain_and_a_wide_star_come_back_whole(ledger: Ledger) -> None:
    tell(ledger, *SHAPES["chain"])
    reading = ledger.at()
    last = model(f"m{LONG - 1}")
    lineage = Lineage.over(reading.subtable([last], up=True), Snapshot((), reading.moment))
    assert [relative.depth for relative in lineage.ancestors(last)] == list(range(1, LONG))
    assert len(reading.line([last]).artifacts) == LONG
