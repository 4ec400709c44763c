"""Laws of reviews, on registries that Hypothesis makes up: true to the gate, the same whenever they are asked for, whole in every form."""

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from made_up_registries import ANYONE, few, recorded, registries
from provenance.artifacts import ArtifactId
from provenance.facts import Fact
from provenance.review import Baseline, review
from provenance.review.markdown import question_within, to_markdown
from provenance.review.question import Question
from provenance.review.sealing import as_data, digest_of, parsed, read_data, to_json
from provenance.risk import Policy
from provenance.view import View

SHORT = {"evidence.same_init_days": 1, "evidence.canary_days": 1, "evidence.clearance_days": 30}
POLICIES = (Policy.load(), Policy.of(SHORT))
ASKED = st.lists(ANYONE, min_size=1, max_size=3, unique=True)


@few
@given(
    parts=registries(), asked=ASKED, policy=st.sampled_from(POLICIES), trait=st.sampled_from([None, "owls"])
)
def test_a_review_says_what_the_gate_says_and_comes_back_as_it_was(
    sqlite_engine: Engine, parts: list[list[Fact]], asked: list[ArtifactId], policy: Policy, trait: str | None
) -> None:
    with recorded(sqlite_engine, parts) as readings:
        view = View(readings[-1], policy)
        if not all(one in view.snapshot.artifacts for one in asked):
            return
        trait = trait if trait in view.snapshot.traits else None
        found = review(view, asked, trait=trait)
        checks = {one.artifact: one for one in view.check(asked)}
        reached = {one.artifact: {risk.flag for risk in one.risks} for one in view.risks(asked).artifacts}
    assert {one.artifact: one.check for one in found.ruled.items} == checks
    for ruled in found.ruled.items:
        assert ruled.outcome.may_ship is checks[ruled.artifact].passed
        assert ("may not ship" in ruled.sentence) is not ruled.outcome.may_ship
        assert ruled.sentence.isprintable()
    told = {one: {risk.entry.flag for risk in found.risks.items if risk.artifact == one} for one in reached}
    assert told == reached
    data = read_data(to_json(found))
    assert parsed(data) == found
    assert digest_of(data) == found.digest
    assert question_within(to_markdown(found)) == Question.of(found)


@few
@given(parts=registries(), asked=ASKED)
def test_the_question_in_a_review_has_the_same_answer_later(
    sqlite_engine: Engine, parts: list[list[Fact]], asked: list[ArtifactId]
) -> None:
    with recorded(sqlite_engine, parts) as readings:
        for reading in readings:
            for policy in POLICIES:
                view = View(reading, policy)
                if not all(one in view.snapshot.artifacts for one in asked):
                    continue
                since = Baseline(at=readings[0].moment, policy=POLICIES[-1])
                found = review(view, asked, since=since)
                question = Question.within(as_data(found))
                again = question.answer(question.view(reading))
                assert to_json(again) == to_json(found)
