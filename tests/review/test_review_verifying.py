"""What verifying a report finds: the truth of it, every edit, and what nobody can tell."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineage_fixtures import day
from provenance import Registry
from provenance.errors import ConflictError, ContentError, LedgerError
from provenance.review import Outcome, Review
from provenance.review.documents import MOST_BYTES, Form, read, written
from provenance.review.question import Question
from provenance.review.sealing import SCRIPT, as_data, digest_of, sealed, to_json, without_markup
from provenance.review.verifying import Finding, ReportVerification
from review_fixtures import AS_OF, STORIES, told

FORMS = [pytest.param(form, id=form.value) for form in Form]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that is only read."""
    with told(tmp_path_factory.mktemp("story"), STORIES["a measured transfer"]) as registry:
        yield registry


def _write(registry: Registry, found: Review, place: Path) -> Path:
    form = Form(place.suffix[1:])
    place.write_text(written(form, registry.view(as_of=found.as_of), found), encoding="utf-8")
    return place


def _findings(found: ReportVerification) -> dict[str, Finding]:
    return {point.name: point.finding for point in found.points}


def _says(found: ReportVerification, name: str) -> str:
    return next(point.says for point in found.points if point.name == name)


def _forged(data: dict[str, Any], place: Path) -> Path:
    """The data as a report whose digest fits."""
    place.write_text(json.dumps({**data, "digest": digest_of(data)}), encoding="utf-8")
    return place


@pytest.mark.parametrize("form", FORMS)
def test_a_report_holds_as_long_as_the_registry_says_the_same(
    form: Form, story: Registry, tmp_path: Path
) -> None:
    report = _write(story, story.report(["student"], as_of=AS_OF), tmp_path / f"review.{form}")
    found = story.verify_report(report)
    assert found.finding is Finding.HOLDS
    assert set(_findings(found).values()) == {Finding.HOLDS}
    assert found.form is form
    assert found.meanwhile is not None
    assert found.meanwhile.transactions == 0


@pytest.mark.parametrize("form", FORMS)
def test_what_is_recorded_later_leaves_a_report_true_and_is_told_apart(form: Form, tmp_path: Path) -> None:
    with told(tmp_path / "registry", STORIES["no trait at all"]) as registry:
        report = _write(registry, registry.report(["student"]), tmp_path / f"review.{form}")
        registry.add_trait("owls", severity="high")
        registry.flag("base", "owls", evidence="seen")
        found = registry.verify_report(report)
    assert found.finding is Finding.HOLDS
    assert found.meanwhile is not None
    assert found.meanwhile.transactions == 2
    (turned,) = found.meanwhile.outcomes
    assert (turned.then, turned.now) == (Outcome.PASSES, Outcome.HELD_BACK)


@pytest.mark.parametrize("name", [name for name in STORIES if "200" not in name])
def test_every_story_verifies_with_what_it_is_compared_with(name: str, tmp_path: Path) -> None:
    story = STORIES[name]
    with told(tmp_path / "registry", story) as registry:
        earlier = registry.report(story.asked[:1], as_of=day("2026-03-15"))
        found = registry.report(story.asked, since=earlier, as_of=AS_OF)
        for form in (Form.JSON, Form.MARKDOWN):
            report = _write(registry, found, tmp_path / f"review.{form}")
            verified = registry.verify_report(report)
            assert verified.finding is Finding.HOLDS, verified.points
    assert found.changes is not None
    assert found.changes.review == earlier.digest


@pytest.mark.parametrize("name", ["a clearance", "nobody tested", "two teachers and three traits"])
@pytest.mark.parametrize("trait", [None, "owls"])
def test_a_page_whose_counts_are_of_several_statuses_verifies(
    name: str, trait: str | None, tmp_path: Path
) -> None:
    story = STORIES[name]
    with told(tmp_path / "registry", story) as registry:
        found = registry.report(story.asked, trait=trait, since=day("2026-03-15"), as_of=AS_OF)
        verified = registry.verify_report(_write(registry, found, tmp_path / "review.html"))
    assert verified.finding is Finding.HOLDS, verified.points


def test_a_clock_that_went_back_makes_no_sound_report_false(tmp_path: Path) -> None:
    lines = (
        *STORIES["no trait at all"].lines,
        "at 2026-03-01",
        "other from_scratch",
        "at 2026-02-01",
        "late from_scratch",
    )
    with told(tmp_path / "registry", lines) as registry:
        verified = registry.verify_report(
            _write(registry, registry.report(["student"]), tmp_path / "review.json")
        )
    assert verified.finding is Finding.HOLDS, verified.points


def _leaves(data: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    inner = enumerate(data) if isinstance(data, list) else data.items() if isinstance(data, dict) else ()
    children = list(inner)
    if not children:
        yield path
    for key, value in children:
        yield from _leaves(value, (*path, key))


def _edited(value: object) -> object:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return f"{value}x"
        case None:
            return "something"
        case _:
            return ["something"]


@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_edit_of_what_a_report_says_is_found_though_its_digest_fits(
    data: st.DataObject, story: Registry, tmp_path: Path
) -> None:
    said = as_data(story.report(["student"], as_of=AS_OF))
    unheld = {("software",), ("digest",)}
    leaves = [path for path in _leaves(said) if path not in unheld]
    path = data.draw(st.sampled_from(leaves))
    place: Any = said
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = _edited(place[path[-1]])
    forged = _forged(said, tmp_path / "forged.json")
    try:
        found = story.verify_report(forged)
    except (ConflictError, ContentError):
        return  # no report of this registry any more, or none at all
    assert found.finding is not Finding.HOLDS
    assert _findings(found)["digest"] is Finding.HOLDS


def test_an_edit_at_the_end_of_a_long_sentence_is_shown_where_it_is(story: Registry, tmp_path: Path) -> None:
    said = as_data(story.report(["student"], as_of=AS_OF))
    sentence = said["ruled"]["items"][0]["sentence"]
    said["ruled"]["items"][0]["sentence"] = sentence.replace("every edge is established", "no edge is")
    found = story.verify_report(_forged(said, tmp_path / "forged.json"))
    (answer,) = (point for point in found.points if point.name == "answer")
    assert answer.finding is Finding.FAILS
    (difference,) = answer.differences
    assert difference.startswith("ruled.items[0].sentence: the report says …")
    assert "whose no edge is" in difference
    assert "whose every edge is established" in difference


def test_an_edit_without_a_new_digest_is_found_twice(story: Registry, tmp_path: Path) -> None:
    report = _write(story, story.report(["student"], as_of=AS_OF), tmp_path / "review.json")
    report.write_text(report.read_text().replace("MAY NOT SHIP", "MAY SHIP"))
    found = story.verify_report(report)
    assert _findings(found)["digest"] is Finding.FAILS
    assert _findings(found)["answer"] is Finding.FAILS


def test_something_added_or_left_out_is_found(story: Registry, tmp_path: Path) -> None:
    said = as_data(story.report(["student"], as_of=AS_OF))
    found = story.verify_report(_forged({**said, "note": "it may ship"}, tmp_path / "more.json"))
    assert 'note: the report says "it may ship", the registry nothing' in found.points[-1].differences
    less = {**said, "risks": {"total": 0, "items": []}}
    found = story.verify_report(_forged(less, tmp_path / "less.json"))
    assert "risks.total: the report says 0, the registry 1" in found.points[-1].differences


@pytest.mark.parametrize("form", [Form.HTML, Form.MARKDOWN])
def test_what_is_to_be_read_is_compared_and_not_only_what_is_hidden(
    form: Form, story: Registry, tmp_path: Path
) -> None:
    report = _write(story, story.report(["student"], as_of=AS_OF), tmp_path / f"review.{form}")
    text = report.read_text()
    report.write_text(text.replace("MAY NOT SHIP", "MAY SHIP", 1))
    found = story.verify_report(report)
    assert found.finding is Finding.FAILS
    failing = next(point for point in found.points if point.finding is Finding.FAILS)
    assert failing.name == ("page" if form is Form.HTML else "answer")
    assert any("MAY SHIP" in difference for difference in failing.differences)


def test_other_drawings_are_not_vouched_for(story: Registry, tmp_path: Path) -> None:
    report = _write(story, story.report(["student"], as_of=AS_OF), tmp_path / "review.html")
    text = report.read_text()
    assert "<!--drawn-->" in text
    report.write_text(text.replace("<!--drawn-->", "<!--drawn--><p>MAY SHIP</p>", 1))
    found = story.verify_report(report)
    assert found.finding is Finding.OPEN
    assert "do not go by them" in _says(found, "page")


def test_a_second_review_hidden_in_a_page_is_an_error(story: Registry, tmp_path: Path) -> None:
    report = _write(story, story.report(["student"], as_of=AS_OF), tmp_path / "review.html")
    report.write_text(report.read_text().replace("<!--drawn-->", f"<!--drawn-->{SCRIPT}{{}}</script>", 1))
    with pytest.raises(ContentError, match="this page holds no review, or is cut short"):
        story.verify_report(report)


@pytest.mark.parametrize("form", FORMS)
def test_a_report_that_is_cut_short_is_an_error(form: Form, story: Registry, tmp_path: Path) -> None:
    report = _write(story, story.report(["student"], as_of=AS_OF), tmp_path / f"review.{form}")
    text = report.read_text()
    report.write_text(text[: len(text) // 2])
    with pytest.raises(ContentError, match=r"review\.\w+: .*(cut short|no review can be read)"):
        story.verify_report(report)


@pytest.mark.parametrize("form", FORMS)
def test_line_ends_of_other_systems_change_nothing(form: Form, story: Registry, tmp_path: Path) -> None:
    report = _write(story, story.report(["student"], as_of=AS_OF), tmp_path / f"review.{form}")
    report.write_bytes(report.read_bytes().replace(b"\n", b"\r\n"))
    assert story.verify_report(report).finding is Finding.HOLDS


def test_json_that_was_laid_out_anew_says_the_same(story: Registry, tmp_path: Path) -> None:
    report = _write(story, story.report(["student"], as_of=AS_OF), tmp_path / "review.json")
    report.write_text(json.dumps(json.loads(report.read_text()), sort_keys=True))
    assert story.verify_report(report).finding is Finding.HOLDS


def test_a_report_of_another_registry_is_an_error_that_says_so(story: Registry, tmp_path: Path) -> None:
    with told(tmp_path / "other", STORIES["no trait at all"]) as other:
        report = _write(other, other.report(["student"]), tmp_path / "review.json")
    with pytest.raises(ConflictError, match="this report is of another registry: its ledger begins with"):
        story.verify_report(report)


def test_a_head_that_the_chain_does_not_hold_fails(story: Registry, tmp_path: Path) -> None:
    said = as_data(story.report(["student"], as_of=AS_OF))
    said["ledger"]["head"] = "0" * 64
    found = story.verify_report(_forged(said, tmp_path / "forged.json"))
    assert _findings(found) == {"digest": Finding.HOLDS, "ledger": Finding.FAILS}
    assert "does not hold the report's head" in _says(found, "ledger")
    assert found.meanwhile is None


def test_a_report_that_leaves_out_what_was_recorded_by_its_date_fails(tmp_path: Path) -> None:
    with told(tmp_path / "registry", STORIES["a measured transfer"]) as registry:
        early = registry.view(as_of=day("2026-02-15"))
        question = replace(Question.of(registry.report(["student"], as_of=AS_OF)), head=early.head)
        reading = question.reading(registry._ledger)
        assert reading is not None
        forged = question.answer(question.view(reading))
        assert forged.headline.startswith("model:student@1 MAY SHIP")
        found = registry.verify_report(_write(registry, forged, tmp_path / "review.json"))
    assert found.finding is Finding.FAILS
    assert _findings(found)["answer"] is Finding.HOLDS
    assert _says(found, "complete") == "3 transactions that were recorded by its date are not in it"


def test_one_transaction_that_may_not_have_ended_can_t_be_told(tmp_path: Path) -> None:
    with told(tmp_path / "registry", STORIES["a measured transfer"]) as registry:
        before = registry.view(as_of=day("2026-04-15"))
        question = replace(Question.of(registry.report(["student"], as_of=AS_OF)), head=before.head)
        reading = question.reading(registry._ledger)
        assert reading is not None
        found = registry.verify_report(
            _write(registry, question.answer(question.view(reading)), tmp_path / "review.json")
        )
    assert _findings(found)["complete"] is Finding.OPEN
    assert found.finding is Finding.OPEN


def test_a_ledger_that_was_changed_is_not_asked(tmp_path: Path) -> None:
    from sqlalchemy import text

    from provenance.store.database import writing

    with told(tmp_path / "registry", STORIES["no trait at all"]) as registry:
        report = _write(registry, registry.report(["student"]), tmp_path / "review.json")
        with writing(registry._ledger._engine) as connection:
            connection.execute(text("DROP TRIGGER IF EXISTS provenance_fact_no_update"))
            for (name,) in connection.execute(
                text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            ).all():
                connection.execute(text(f"DROP TRIGGER {name}"))
            connection.execute(text("UPDATE provenance_fact SET body = replace(body, 'poems', 'tales')"))
        found = registry.verify_report(report)
    assert _findings(found) == {"digest": Finding.HOLDS, "ledger": Finding.FAILS}


def test_a_report_of_another_version_is_asked_of_that_one(story: Registry, tmp_path: Path) -> None:
    same = sealed(replace(story.report(["student"], as_of=AS_OF), software="9.9"))
    for form in (Form.JSON, Form.MARKDOWN):
        found = story.verify_report(_write(story, same, tmp_path / f"same.{form}"))
        assert found.finding is Finding.HOLDS
    other = sealed(replace(same, headline="in other words"))
    found = story.verify_report(_write(story, other, tmp_path / "other.json"))
    assert found.finding is Finding.OPEN
    assert _says(found, "answer").endswith("; it was written by version 9.9, and this is 0.1.0: ask that one")


def test_a_version_is_no_place_for_words(story: Registry, tmp_path: Path) -> None:
    forged = sealed(replace(story.report(["student"], as_of=AS_OF), software="0.1.0, and it MAY SHIP"))
    with pytest.raises(ContentError, match="its version or the digest of an earlier review is none"):
        story.verify_report(_write(story, forged, tmp_path / "review.json"))


def test_contents_are_digested_again_where_that_is_asked_for(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "a poem"}\n')
    gone = tmp_path / "gone.jsonl"
    gone.write_text('{"text": "another"}\n')
    with Registry.init(tmp_path / "registry") as registry:
        registry.register_dataset(rows, name="poems", authored=True)
        registry.register_dataset(gone, name="tales", authored=True)
        report = _write(registry, registry.report(["poems", "tales"]), tmp_path / "review.json")
        assert registry.verify_report(report, content=True).finding is Finding.HOLDS
        gone.unlink()
        found = registry.verify_report(report, content=True)
        assert found.finding is Finding.OPEN
        assert _says(found, "content") == (
            "of 2 artifacts with files 1 are what was registered, 0 are not, 1 are not at hand"
        )
        rows.write_text('{"text": "another poem"}\n')
        found = registry.verify_report(report, content=True)
    assert found.finding is Finding.FAILS
    (point,) = (point for point in found.points if point.name == "content")
    assert "is no longer what was registered as dataset:poems@1" in point.differences[0]


def test_a_file_that_is_no_report_is_an_error(tmp_path: Path) -> None:
    place = tmp_path / "file"
    cases = {
        b"": "this text holds no seal of a review",
        b"\xff\xfe": "is no report: it is no text in UTF-8",
        b"{": "no review can be read from this",
        b"[" * 100_000: "this text holds no seal",
        b'{"a":' * 100_000: "nested too deeply",
        b'{"a": 1, "a": 2}': "a key stands twice in one object",
        b'{"a": NaN}': "NaN is no JSON",
        b'{"changes": null}': "it lacks 'ledger'",
        b'{"changes": null, "ledger": "x"}': "it lacks 'asked'",
        b'{"changes": "x", "ledger": {}}': "its parts are not those of one",
        b'{"a": "\\ud800"}': "file: no review can be read from this: half a character",
        b'{"a": %s}' % (b"1" * 5_001): "a number is too long to be one of a review",
        b"<!doctype html><p>": "this page holds no review, or is cut short",
    }
    for content, message in cases.items():
        place.write_bytes(content)
        with pytest.raises(ContentError, match=message):
            read(place)
    with pytest.raises(ContentError, match="cannot read"):
        read(tmp_path)


def test_a_file_that_is_too_large_for_a_report_is_not_read_to_its_end(tmp_path: Path) -> None:
    place = tmp_path / "huge.json"
    with place.open("wb") as file:
        file.truncate(MOST_BYTES * 40)
    with pytest.raises(ContentError, match="is larger than 64 MiB: no report is"):
        read(place)


def test_an_earlier_report_has_to_be_of_the_same_ledger(story: Registry, tmp_path: Path) -> None:
    with told(tmp_path / "other", STORIES["no trait at all"]) as other:
        foreign = other.report(["student"])
    with pytest.raises(ConflictError, match="this report is of another registry"):
        story.report(["student"], since=foreign)
    rewritten = replace(Question.of(story.report(["student"], as_of=AS_OF)), head="0" * 64)
    with pytest.raises(LedgerError, match="the ledger does not hold the head of the earlier report"):
        story.report(["student"], since=rewritten)


def test_a_naive_date_is_none(story: Registry, tmp_path: Path) -> None:
    said = as_data(story.report(["student"], as_of=AS_OF))
    said["as_of"] = "2026-12-31T00:00:00"
    with pytest.raises(ContentError, match="a date without a time zone"):
        read(_forged(said, tmp_path / "forged.json"))
    said["as_of"] = "0001-01-01T00:00:00+14:00"
    with pytest.raises(ContentError, match="a date without a time zone"):
        read(_forged(said, tmp_path / "forged.json"))


def test_a_line_that_is_added_at_the_end_is_found(story: Registry, tmp_path: Path) -> None:
    report = _write(story, story.report(["student"], as_of=AS_OF), tmp_path / "review.md")
    for line in ("nothing more", "It MAY SHIP."):
        report.write_text(
            f"{written(Form.MARKDOWN, story.view(as_of=AS_OF), story.report(['student'], as_of=AS_OF))}{line}\n"
        )
        assert story.verify_report(report).finding is Finding.FAILS


def test_what_stands_in_a_page_can_be_taken_for_nothing_else(story: Registry) -> None:
    held = without_markup({"a": "</script><!--\u2028\u202e"})
    assert held == '{"a":"\\u003c/script\\u003e\\u003c!--\\u2028\\u202e"}'
    assert to_json(story.report(["student"], as_of=AS_OF)).endswith("}\n")
