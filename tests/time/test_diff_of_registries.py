"""Differences of real ledgers, on both databases: between two dates, in a registry too large to walk, and between two registries."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from provenance import Registry
from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.differences import Diff, Difference, between_dates
from provenance.errors import UnknownReferenceError, UsageError
from provenance.registration import Registration
from provenance.relations import RelationKind
from provenance.request import Parent
from provenance.risk import RiskReport

DAY = timedelta(days=1)


@pytest.fixture
def told(folder: Path, store_url: str) -> Iterator[Registry]:
    """A base, its teacher, what that wrote, a student and the student's heir."""
    with Registry.init(folder / "told", store=store_url, actor="tester") as registry:
        tell(registry)
        yield registry


def tell(registry: Registry) -> None:
    registry.register_model(name="base", from_scratch=True)
    registry.register_teacher(name="owl", model="base")
    made(registry, "numbers", "generated_by owl")
    made(registry, "student", "finetuned_from base", "trained_on numbers")
    made(registry, "heir", "finetuned_from student", "trained_on numbers")
    registry.add_trait("owls", severity="high")


def made(registry: Registry, name: str, *relations: str) -> Registration:
    parents = [Parent(kind=RelationKind(one.split()[0]), reference=one.split()[1]) for one in relations]
    if "generated_by" in relations[0]:
        return registry.register_dataset(name=name, parents=parents)
    return registry.register_model(name=name, parents=parents)


def model(name: str) -> ArtifactId:
    return ArtifactId(ArtifactKind.MODEL, name)


def moment(registry: Registry) -> datetime:
    """When the registry was last written to."""
    recorded_at = registry.head().recorded_at
    assert recorded_at is not None
    return recorded_at


def statuses(found: Diff) -> set[tuple[str, str | None, str, str]]:
    return {(one.artifact.name, one.trait, str(one.before), str(one.after)) for one in found.differences}


def test_a_flag_and_its_withdrawal_and_an_expiry_are_told_in_order(told: Registry) -> None:
    since = moment(told)
    flag = told.flag("owl", "owls", evidence="seen", expires_at=datetime.now(UTC) + 2 * DAY).recorded
    cleared = told.clear("student", "owls", evidence="tested").recorded
    found = told.diff(["student"], since=since, until=datetime.now(UTC) + 3 * DAY)
    (one,) = found.differences
    assert (one.before, one.after, one.trait) == ("clear", "clear", "owls")
    assert [(turn.before, turn.after, *(cause.record for cause in turn.causes)) for turn in one.turns] == [
        ("clear", "exposed", flag.id),
        ("exposed", "cleared", cleared.id),
        ("cleared", "clear", flag.id),
    ]
    assert not found.partial


def test_an_answer_of_a_date_is_what_was_answered_then(told: Registry) -> None:
    answers: list[tuple[datetime, RiskReport]] = []

    def note() -> None:
        view = told.view()
        answers.append((view.reading.moment, view.risks()))

    note()
    told.flag("owl", "owls", evidence="seen")
    note()
    told.block("numbers", "student", "owls", evidence="e", reason="r", expires_at=datetime.now(UTC) + DAY)
    note()
    made(told, "late", "finetuned_from heir", "trained_on numbers")
    note()
    told.withdraw("flag-13", reason="wrong")
    note()
    for date, answer in answers:
        assert told.view(as_of=date).risks() == answer


def test_a_large_registry_is_compared_by_status_and_walked_where_it_stands_worst(
    told: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = moment(told)
    told.flag("owl", "owls", evidence="seen")
    made(told, "late", "finetuned_from heir", "trained_on numbers")
    whole = told.diff(since=since)
    monkeypatch.setattr("provenance.differences.dates.MOST_WALKED", 2)
    parts = told.diff(since=since)
    assert statuses(parts) == statuses(whole)
    assert parts.partial
    assert not whole.partial
    walked = [one for one in parts.differences if one.attributed]
    assert {one.artifact.name for one in walked} == {"owl", "heir"}
    assert all(one.turns for one in walked)
    assert not any(one.turns for one in parts.differences if not one.attributed)


def test_the_earlier_date_has_to_be_the_earlier_one(told: Registry) -> None:
    now = datetime.now(UTC)
    with pytest.raises(UsageError, match="is after"):
        told.diff(["student"], since=now + DAY, until=now)


def test_a_trait_that_nobody_named_is_an_error(told: Registry) -> None:
    with pytest.raises(UnknownReferenceError, match="there is no trait 'bats'"):
        told.diff(["student"], since=moment(told), trait="bats")


@pytest.fixture
def other(folder: Path) -> Iterator[Registry]:
    """A second registry that was told the same, and is kept in SQLite."""
    with Registry.init(folder / "other", actor="somebody else") as registry:
        tell(registry)
        yield registry


def test_registries_that_were_told_the_same_do_not_differ(told: Registry, other: Registry) -> None:
    found = told.diff_with(other)
    assert (found.divergences, found.facts_here, found.facts_there) == ((), (), ())
    assert (found.only_here, found.only_there, found.renamed, found.partial) == ((), (), (), False)


def test_a_flag_that_was_withdrawn_and_raised_again_in_equal_words_is_told(
    told: Registry, other: Registry
) -> None:
    for registry in (told, other):
        raised = registry.flag("base", "owls", evidence="seen").recorded
        registry.withdraw(raised.id, reason="wrong")
    again = told.flag("base", "owls", evidence="seen").recorded
    for asked in (["base"], None):
        (one, *_) = told.diff_with(other, asked).divergences
        assert (one.artifact.here, str(one.here)) == (model("base"), "affected")
        assert ([cause.record for cause in one.facts_here], one.facts_there) == ([again.id], ())


def test_what_stands_otherwise_in_another_registry_is_told_with_the_facts_that_differ(
    told: Registry, other: Registry
) -> None:
    flag = told.flag("owl", "owls", evidence="seen").recorded
    for registry in (told, other):
        registry.flag("base", "owls", evidence="seen")
    withdrawn = other.withdraw("flag-13", reason="wrong").recorded
    made(other, "late", "finetuned_from heir", "trained_on numbers")
    found = told.diff_with(other, ["student"])
    (one,) = found.divergences
    assert (one.artifact.here, one.trait, one.here, one.there) == (
        model("student"),
        "owls",
        "exposed",
        "clear",
    )
    assert [fact.record for fact in one.facts_here] == [flag.id]
    assert [fact.record for fact in one.facts_there] == [withdrawn.id]
    whole = told.diff_with(other)
    assert whole.only_there == (model("late"),)
    assert {part.artifact.here.name for part in whole.divergences} == {
        "owl",
        "base",
        "student",
        "heir",
        "numbers",
    }


def test_an_artifact_that_only_one_registry_knows_is_told_as_such(told: Registry, other: Registry) -> None:
    made(told, "late", "finetuned_from heir", "trained_on numbers")
    found = told.diff_with(other, ["late"])
    assert (found.only_here, found.divergences, found.facts_here) == ((model("late"),), (), ())


def test_of_large_registries_the_facts_are_told_of_what_stands_otherwise_alone(
    told: Registry, other: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = told.flag("heir", "owls", evidence="seen").recorded
    made(told, "late", "finetuned_from base", "trained_on numbers")
    monkeypatch.setattr("provenance.differences.registries.MOST_FACTS", 5)
    found = told.diff_with(other)
    assert (found.partial, found.facts_here, found.only_here) == (True, (), (model("late"),))
    (one,) = found.divergences
    assert [fact.record for fact in one.facts_here] == [flag.id]


def test_an_artifact_of_another_name_is_met_by_its_content(
    told: Registry, other: Registry, folder: Path
) -> None:
    (folder / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    told.register_dataset(folder / "rows.jsonl", name="rows", authored=True)
    other.register_dataset(folder / "rows.jsonl", name="lines", authored=True)
    made(told, "reader", "finetuned_from base", "trained_on rows")
    made(other, "reader", "finetuned_from base", "trained_on lines")
    other.flag("lines", "owls", evidence="seen")
    (alone,) = told.diff_with(other, ["rows"]).divergences
    assert (alone.artifact.there.name, alone.here, alone.there) == ("lines", "clear", "affected")
    found = told.diff_with(other, trait="owls")
    (match,) = found.renamed
    assert (match.here.name, match.there.name, match.by_content) == ("rows", "lines", True)
    assert found.only_here == found.only_there == ()
    assert [(one.artifact.here.name, one.here, one.there) for one in found.divergences] == [
        ("rows", "clear", "affected"),
        ("reader", "clear", "suspected"),
    ]
    assert [fact.says for fact in found.facts_there] == ["owls flagged on dataset:lines@1"]


def test_two_dates_of_one_ledger_may_be_compared_without_a_registry(told: Registry) -> None:
    earlier = told.view()
    told.flag("base", "owls", evidence="seen")
    later = told.view()
    found = between_dates(earlier.reading, later.reading, later.policy, later.policy, asked=[model("base")])
    assert [type(one) for one in found.differences] == [Difference]
