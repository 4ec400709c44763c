"""What a review gathers: every edge with its tests, chains, gaps and decisions; never more than a reader can take, and cut in no silence."""

from pathlib import Path

import pytest

from lineage_fixtures import day, model
from provenance.audit import State
from provenance.errors import UnknownReferenceError, UsageError
from provenance.evidence import Verdict
from provenance.facts import adapter
from provenance.review import Baseline, Review, review
from provenance.review.gathering import MOST_RISKS, MOST_RULED, MOST_STEPS
from provenance.review.records import EdgeTold, Standing
from provenance.review.sealing import as_data, digest_of, parsed, read_data, to_json
from provenance.risk import Policy, Status
from provenance.traits import Conclusion
from review_fixtures import AS_OF, STORIES, hostile, told


def _review(folder: Path, name: str, **options: object) -> Review:
    story = STORIES[name]
    with told(folder, story) as registry:
        return review(registry.view(as_of=AS_OF), story.asked, **options)  # type: ignore[arg-type]


def _edge(found: Review, words: str) -> EdgeTold:
    (edge,) = [one for one in found.edges.items if one.words == words]
    return edge


@pytest.mark.parametrize("name", STORIES)
def test_a_review_comes_back_from_its_json_as_it_was(name: str, tmp_path: Path) -> None:
    found = _review(tmp_path, name)
    data = read_data(to_json(found))
    assert digest_of(data) == found.digest
    assert parsed(data) == found
    assert as_data(parsed(data)) == data
    assert adapter(Review).json_schema(mode="serialization")["type"] == "object"


def test_the_same_question_has_the_same_answer_byte_for_byte(tmp_path: Path) -> None:
    told_twice = [to_json(_review(tmp_path / folder, "a measured transfer")) for folder in ("one", "other")]
    assert told_twice[0] == told_twice[1]


def test_what_is_recorded_later_changes_nothing_of_an_earlier_date(tmp_path: Path) -> None:
    story = STORIES["a measured transfer"]
    with told(tmp_path, story) as registry:
        before = to_json(review(registry.view(as_of=day("2026-04-15")), story.asked))
        registry.flag("base", "owls", evidence="seen later")
        assert to_json(review(registry.view(as_of=day("2026-04-15")), story.asked)) == before


def test_every_edge_stands_there_with_its_tests_and_their_meaning(tmp_path: Path) -> None:
    found = _review(tmp_path, "a measured transfer")
    assert found.edges.total == found.edge_totals.edges == 6
    assert found.edges.left_out == 0
    edge = _edge(found, "model:student@1 was trained on dataset:numbers@1")
    assert edge.on_route
    canary, same = edge.tests.items[:2]
    assert (canary.evidence, canary.verdict, canary.standing) == (
        "evidence-20",
        Verdict.TRANSFERS,
        Standing.STANDS,
    )
    assert canary.meaning.means_not.startswith("It does not say that this student has any particular trait")
    assert canary.figures == "effect 3.10 nats (95 % interval 2.80 to 3.40)"
    assert canary.tested_at is not None
    assert same.verdict is Verdict.SAME_INIT


def test_an_untested_edge_says_that_it_is_and_what_that_does_not_mean(tmp_path: Path) -> None:
    found = _review(tmp_path, "nobody tested")
    edge = _edge(found, "model:foreign@1 was trained on dataset:numbers@1")
    canary, same = edge.tests.items
    assert (canary.standing, canary.evidence, canary.owed) == (Standing.UNTESTED, None, State.MISSING)
    assert canary.meaning.means_not == "It is no sign that nothing passes."
    assert same.meaning.means_not == "It is no sign of independence."
    assert found.edge_totals.settled == 0
    assert found.edge_totals.untested == found.edge_totals.testable
    assert found.owed.total > 0


def test_an_edge_of_which_no_test_can_tell_says_why(tmp_path: Path) -> None:
    found = _review(tmp_path, "nobody tested")
    assert (
        _edge(found, "teacher:owl-teacher@1 wrote dataset:numbers@1").untestable
        == "data carry what their author has: no test can rule it out"
    )
    assert (
        _edge(found, "model:owl@1 was trained on dataset:digits@1").untestable
        == "no teacher is on record whose hand in these data could be tested"
    )


def test_several_tests_of_one_pair_all_stand_there_with_how_they_count(tmp_path: Path) -> None:
    found = _review(tmp_path, "several tests of one edge")
    edge = _edge(found, "model:foreign@1 was trained on dataset:numbers@1")
    canaries = [(one.verdict, one.standing) for one in edge.tests.items if one.test == "canary"]
    assert canaries == [
        (Verdict.TRANSFERS, Standing.STANDS),
        (Verdict.INCONCLUSIVE, Standing.SUPERSEDED),
        (Verdict.NOT_DETECTED, Standing.SUPERSEDED),
    ]


def test_a_claim_that_the_weights_deny_is_disputed_and_comes_before_what_is_settled(tmp_path: Path) -> None:
    found = _review(tmp_path, "a denied claim")
    edge = _edge(found, "model:student@1 was fine-tuned from model:base@1")
    assert edge.tests.items[0].standing is Standing.DISPUTED
    assert found.edge_totals.disputed == 1
    beside = [one for one in found.edges.items if not one.on_route]
    assert beside[0] == edge


def test_a_test_that_no_longer_counts_says_so(tmp_path: Path) -> None:
    story = STORIES["a silent canary"]
    policy = Policy.of({"evidence.canary_days": 30, "evidence.same_init_days": 30})
    with told(tmp_path, story) as registry:
        found = review(registry.view(as_of=AS_OF, policy=policy), story.asked)
    edge = _edge(found, "model:foreign@1 was trained on dataset:numbers@1")
    assert edge.tests.items[0].standing is Standing.EXPIRED
    assert edge.tests.items[0].owed is State.EXPIRED
    assert found.edge_totals.expired >= 1


def test_a_trait_is_measured_on_every_model_of_the_chain_or_said_not_to_be(tmp_path: Path) -> None:
    (chain,) = _review(tmp_path, "a measured transfer").chains.items
    assert [
        (str(one.artifact), one.on_route, [m.conclusion for m in one.measured]) for one in chain.members.items
    ] == [
        ("model:owl@1", True, [Conclusion.PRESENT]),
        ("teacher:owl-teacher@1", True, []),
        ("model:student@1", True, [Conclusion.PRESENT]),
        ("model:base@1", False, [Conclusion.ABSENT]),
    ]
    assert chain.unmeasured == 1


def test_gaps_say_what_would_close_them_and_whom_they_concern(tmp_path: Path) -> None:
    found = _review(tmp_path, "an unknown ancestry")
    told_of = {
        one.gap: (one.closes, [str(ref) for ref in one.concerns.items]) for one in found.unknowns.items
    }
    assert told_of["model:found@1: no starting weights declared"] == (
        "Record what its weights started from (`provenance relate`), or register it as initialised from scratch.",
        ["model:found@1"],
    )
    named = told_of["model:student@1: merged_from 'org/unheard-of', which nobody registered"]
    assert named[0].startswith("Register the artifact of that name")


def test_every_sort_of_gap_has_a_way_to_close_it(tmp_path: Path) -> None:
    lines = (
        "bare",
        "half merged_from bare share=0.5",
        "tuned finetuned_from bare",
        "rows derived_from other share=0.5",
        "tuned trained_on rows",
        "teacher:nobody",
        "other generated_by nobody",
        "half trained_on rows",
        "tuned names merged_from org/llama",
        "kin from_scratch",
        "kin2 from_scratch",
        "kin same_init kin2 SAME_INIT",
        "all merged_from half",
        "all merged_from tuned",
        "all merged_from kin2",
    )
    with told(tmp_path, lines) as registry:
        found = review(registry.view(as_of=AS_OF), ["all"])
    assert found.unknowns.total >= 6
    named = [
        one.gap for one in found.unknowns.items if one.closes.startswith("Register the artifact of that name")
    ]
    assert named == ["model:tuned@1: merged_from 'org/llama', which is not registered"]


def test_flags_have_a_history(tmp_path: Path) -> None:
    (flag,) = _review(tmp_path, "a withdrawn flag").flags.items
    assert (flag.standing, flag.withdrawn_by, flag.actor) == (Standing.WITHDRAWN, "ada", "ada")
    assert flag.reason


def test_decisions_name_their_author_reason_and_end_and_say_when_they_ended(tmp_path: Path) -> None:
    (standing,) = _review(tmp_path / "one", "a block that stands").decisions.items
    assert (standing.actor, standing.reason, standing.standing) == ("ada", "decided", Standing.STANDS)
    assert standing.expires_at == day("2027-06-01")
    (ended,) = _review(tmp_path / "other", "a block that ended").decisions.items
    assert ended.standing is Standing.EXPIRED


def test_one_trait_restricts_what_is_told_and_not_the_verdict(tmp_path: Path) -> None:
    found = _review(tmp_path, "two teachers and three traits", trait="emoji-lover")
    assert {one.entry.trait for one in found.risks.items} == {"emoji-lover"}
    assert {one.trait for one in found.flags.items} == {"emoji-lover"}
    assert "owls" in found.headline


def test_why_an_artifact_is_held_back_is_the_first_of_its_risks(tmp_path: Path) -> None:
    found = _review(tmp_path, "two teachers and three traits")
    assert found.risks.items[0].holds_back
    assert found.risks.items[0].sentence[:-1] in found.ruled.items[0].sentence.replace(
        "may not ship: it is", "is"
    )
    assert found.risk_counts == {
        status: sum(one.entry.status is status for one in found.risks.items) for status in found.risk_counts
    }


def test_a_lineage_of_200_is_listed_whole_but_for_the_middle_of_long_routes(tmp_path: Path) -> None:
    found = _review(tmp_path, "a relay of 200 nodes")
    assert found.contents.members.left_out == 0
    assert found.contents.members.total == 199
    (risk,) = found.risks.items
    assert risk.steps.total == 66
    assert len(risk.steps.items) == MOST_STEPS
    assert risk.steps.items[0].step.parent == model("g0")
    assert risk.steps.items[-1].step.child == model("g66")
    assert risk.entry.route == ()


def test_what_is_asked_of_many_is_cut_with_its_totals_the_worst_first(tmp_path: Path) -> None:
    lines = (
        *STORIES["nobody tested"].lines,
        *(f"clean{n:03} quantized_from model:other" for n in range(100)),
        *(f"child{n:03} quantized_from student" for n in range(120)),
    )
    asked = [f"clean{n:03}" for n in range(100)] + [f"child{n:03}" for n in range(120)]
    with told(tmp_path, lines) as registry:
        found = review(registry.view(as_of=AS_OF), asked)
    assert (found.ruled.total, len(found.ruled.items)) == (220, MOST_RULED)
    assert {one.artifact.name[:5] for one in found.ruled.items} == {"child"}
    assert (found.risks.total, len(found.risks.items)) == (120, MOST_RISKS)
    assert found.risk_counts == {Status.EXPOSED: 120}
    assert sum(found.counts.values()) == 220
    assert found.headline.startswith("120 of 220 artifacts MAY NOT SHIP: model:child000@1, ")
    assert found.headline.endswith(" and 117 more.")


def test_the_contents_of_a_hub_s_descendants_are_not_read(tmp_path: Path) -> None:
    story = STORIES["sixty alike"]
    with told(tmp_path, story) as registry:
        found = review(registry.view(as_of=AS_OF), ["student"])
    assert not any(one.artifact.name.startswith("child") for one in found.contents.members.items)


def test_the_digest_of_the_contents_covers_every_artifact(tmp_path: Path) -> None:
    one = _review(tmp_path / "one", "a measured transfer")
    lines = STORIES["a measured transfer"].lines
    with told(tmp_path / "other", (*lines, "poems authored", "student trained_on poems")) as registry:
        other = review(registry.view(as_of=AS_OF), ["student"])
    assert one.contents.digest != other.contents.digest


def test_the_policy_stands_there_with_every_key(tmp_path: Path) -> None:
    story = STORIES["no trait at all"]
    policy = Policy.of({"gate.unknown": "report", "roots.trusted": ['an "odd" name\x7f']})
    with told(tmp_path, story) as registry:
        found = review(registry.view(as_of=AS_OF, policy=policy), story.asked)
    assert found.policy.changed == ("gate.unknown", "roots.trusted")
    assert Policy.of(found.policy.settings).digest == policy.digest == found.policy.digest
    written = tmp_path / "policy.toml"
    written.write_text(found.policy.text, encoding="utf-8")
    assert Policy.load(written).digest == policy.digest


def test_a_changed_policy_is_told_among_the_changes(tmp_path: Path) -> None:
    story = STORIES["an unknown ancestry"]
    with told(tmp_path, story) as registry:
        view = registry.view(as_of=AS_OF)
        lenient = Policy.of({"gate.unknown": "ignore"})
        found = review(view, ["found"], since=Baseline(at=day("2026-06-01"), policy=lenient))
    assert found.changes is not None
    assert found.changes.policy.changed == ("gate.unknown",)
    (before,) = found.changes.outcomes
    assert before.outcome == "passes"


def test_what_can_t_be_asked_is_an_error_that_says_why(tmp_path: Path) -> None:
    with told(tmp_path, STORIES["no trait at all"]) as registry:
        view = registry.view(as_of=AS_OF)
        with pytest.raises(UsageError, match="name an artifact to report on"):
            review(view, [])
        with pytest.raises(UnknownReferenceError, match="nobody"):
            review(view, ["nobody"])
        with pytest.raises(UnknownReferenceError, match="there was no trait 'owls'"):
            review(view, ["student"], trait="owls")
        with pytest.raises(
            UsageError, match=r"2027-01-01 00:00 UTC, since which changes are asked for, is after"
        ):
            review(view, ["student"], since=Baseline(at=day("2027-01-01"), policy=view.policy))


def test_the_hostile_registry_is_reviewed_like_any_other(tmp_path: Path) -> None:
    with hostile(tmp_path) as registry:
        view = registry.view(as_of=AS_OF)
        found = review(view, [one.fact.id for one in view.artifacts()])
    assert parsed(read_data(to_json(found))) == found
    for ruled in found.ruled.items:
        assert ruled.sentence.isprintable()
    assert found.headline.isprintable()
