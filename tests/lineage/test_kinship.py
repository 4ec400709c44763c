"""Kinship by weights, and which evidence stands."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_fixtures import content_of, model, snapshot, teacher
from provenance.evidence import Evidence, Verdict
from provenance.facts import Snapshot
from provenance.lineage.evidence_index import EvidenceIndex
from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred, Member
from provenance.lineage.relatives import Kin, Kinship

FAMILY = (
    "base from_scratch",
    "tuned finetuned_from base",
    "chat finetuned_from tuned",
    "code finetuned_from base",
    "other from_scratch",
    "mix merged_from chat",
    "mix merged_from other",
)


def kindred(*lines: str) -> Kindred:
    return Kindred.of(Lineage.of(snapshot(*lines)))


def names(family: Kindred, one: str) -> list[str]:
    return [member.artifact.name for member in family.family(model(one))]


def test_ancestor_and_descendant_are_the_same_line_and_siblings_have_diverged() -> None:
    family = kindred(*FAMILY)
    assert family.kin(model("base"), model("chat")) == Kin(kinship=Kinship.SAME, through=model("base"))
    assert family.kin(model("chat"), model("base")) == Kin(kinship=Kinship.SAME, through=model("base"))
    assert family.kin(model("chat"), model("code")) == Kin(kinship=Kinship.DIVERGED, through=model("base"))
    assert family.kin(model("base"), model("other")) is None


def test_both_parents_of_a_merge_are_kin_to_it_and_not_to_each_other() -> None:
    family = kindred(*FAMILY)
    assert family.kin(model("mix"), model("chat")).kinship is Kinship.SAME
    assert family.kin(model("mix"), model("other")).kinship is Kinship.SAME
    assert family.kin(model("chat"), model("other")) is None
    assert family.kin(model("mix"), model("code")).kinship is Kinship.DIVERGED


def test_a_family_is_everyone_kin_and_oneself() -> None:
    family = kindred(*FAMILY)
    assert names(family, "base") == ["base", "chat", "code", "mix", "tuned"]
    assert names(family, "other") == ["mix", "other"]


def test_the_line_of_weights_leaves_out_data() -> None:
    family = kindred(*FAMILY, "chat trained_on rows", "rows generated_by owl", "owl embodied_by other")
    assert family.line(model("chat"))[1:] == (model("tuned"), model("base"))


def test_starting_weights_are_the_weights_parents_or_the_models_own() -> None:
    family = kindred(*FAMILY)
    assert family.starting_weights(model("mix")) == (model("chat"), model("other"))
    assert family.starting_weights(model("base")) == (model("base"),)


def test_weights_that_contradict_a_relation_end_the_kinship_there() -> None:
    family = kindred(*FAMILY, "base same_init tuned INDEPENDENT")
    assert family.kin(model("base"), model("chat")) is None
    assert family.kin(model("tuned"), model("chat")).kinship is Kinship.SAME
    assert family.line(model("chat"))[1:] == (model("tuned"),)
    (relation,) = family.weight_parents(model("tuned"))
    assert family.contradiction(relation).fact.verdict.value == "INDEPENDENT"


def test_only_weights_can_be_contradicted_by_weights() -> None:
    family = kindred("owl embodied_by base", "rows generated_by owl")
    assert family.contradiction(family.lineage.parents(teacher("owl"))[0]) is None


def test_a_test_joins_what_no_record_joins_and_their_descendants() -> None:
    family = kindred(*FAMILY[:4], "found", "heir finetuned_from found", "base same_init found SAME_INIT")
    kin = family.kin(model("chat"), model("heir"))
    assert (kin.kinship, kin.through, kin.measured.fact.verdict.value) == (
        Kinship.DIVERGED, model("found"), "SAME_INIT",
    )  # fmt: skip
    assert family.kin(model("heir"), model("chat")).measured == kin.measured
    assert "heir" in names(family, "base")


def test_a_test_of_a_descendant_or_of_a_cousin_joins_the_lines_too() -> None:
    family = kindred(*FAMILY[:4], "found", "heir finetuned_from found", "chat same_init heir SAME_INIT")
    for one in ("base", "tuned", "chat", "code"):
        for other in ("found", "heir"):
            assert family.kin(model(one), model(other)).kinship is Kinship.DIVERGED


def test_a_test_of_a_merge_says_nothing_of_its_parents() -> None:
    family = kindred(*FAMILY, "heir finetuned_from mix", "heir same_init found SAME_INIT")
    assert family.kin(model("mix"), model("found")) is not None
    assert family.kin(model("base"), model("found")) is family.kin(model("other"), model("found")) is None


def test_by_record_alone_a_contradicted_relation_still_makes_kin() -> None:
    family = kindred(*FAMILY, "base same_init tuned INDEPENDENT")
    assert family.kin(model("base"), model("chat")) is None
    assert family.as_declared.kin(model("base"), model("chat")).kinship is Kinship.SAME


MODELS = tuple(f"m{place}" for place in range(6))
PAIRS = [(a, b) for a in MODELS for b in MODELS if a < b]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(PAIRS), unique=True, max_size=8),
    st.dictionaries(
        st.sampled_from(PAIRS), st.sampled_from(["SAME_INIT", "INDEPENDENT", "INCONCLUSIVE"]), max_size=4
    ),
)
def test_kinship_is_symmetric(edges: list[tuple[str, str]], tests: dict[tuple[str, str], str]) -> None:
    lines = [*MODELS, *(f"{child} merged_from {parent}" for parent, child in edges)]
    family = kindred(*lines, *(f"{a} same_init {b} {verdict}" for (a, b), verdict in tests.items()))
    for a, b in PAIRS:
        one, other = family.kin(model(a), model(b)), family.kin(model(b), model(a))
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert one.kinship is other.kinship
            assert (one.measured is None) == (other.measured is None)


STANDS = {
    "a conclusive verdict outranks an inconclusive one": (["SAME_INIT", "INCONCLUSIVE"], 0),
    "also where it is the exonerating one": (["INDEPENDENT", "INCONCLUSIVE"], 0),
    "of two conclusive ones the more worrying stands": (["SAME_INIT", "INDEPENDENT"], 0),
    "whichever came first": (["INDEPENDENT", "SAME_INIT"], 1),
    "among equals the newest": (["INDEPENDENT", "INDEPENDENT"], 1),
}


@pytest.mark.parametrize("case", STANDS)
def test_which_same_init_test_stands(case: str) -> None:
    verdicts, place = STANDS[case]
    state = snapshot(*(f"a same_init b {verdict}" for verdict in verdicts))
    index = EvidenceIndex(Lineage.of(state))
    assert index.same_init(model("a"), model("b")) == state.all(Evidence)[place]
    assert index.same_init(model("b"), model("a")) == state.all(Evidence)[place]
    assert index.same_init(model("a"), model("c")) is None


def test_a_canary_has_a_direction() -> None:
    state = snapshot("owl embodied_by m", "owl canary s NOT_DETECTED", "owl canary s TRANSFERS")
    index = EvidenceIndex(Lineage.of(state))
    assert index.canary(teacher("owl"), model("s")).fact.verdict.value == "TRANSFERS"
    assert index.canary(model("s"), teacher("owl")) is None
    assert index.canary_teachers == {teacher("owl")}


@pytest.mark.parametrize(
    ("digest", "counts"), [(str(content_of(model("a")).digest), True), ("blake3:" + "0" * 64, False)]
)
def test_evidence_on_other_content_than_the_artifacts_own_is_ignored(digest: str, *, counts: bool) -> None:
    state = snapshot("a same_init b INDEPENDENT")
    told = tuple(
        replace(one, fact=replace(one.fact, inputs={"model:a@1": digest, "tokenizer": "blake3:" + "1" * 64}))
        if isinstance(one.fact, Evidence)
        else one
        for one in state.facts
    )
    index = EvidenceIndex(Lineage.of(Snapshot(told, state.as_of)))
    assert (index.same_init(model("a"), model("b")) is not None) == counts


def test_a_family_says_what_makes_each_member_kin() -> None:
    family = kindred(
        *FAMILY[:4], "found", "heir finetuned_from found", "base same_init found SAME_INIT kinship=derived"
    )
    members = {one.artifact.name: one for one in family.family(model("tuned"))}
    assert members["tuned"] == Member(artifact=model("tuned"), kinship=Kinship.SAME, through=model("tuned"))
    assert members["code"] == Member(artifact=model("code"), kinship=Kinship.DIVERGED, through=model("base"))
    assert members["heir"] == Member(
        artifact=model("heir"),
        kinship=Kinship.DIVERGED,
        through=model("found"),
        evidence="evidence-11",
        measured="derived",
    )


UNDECLARED = {
    "no relation at all": ((), True),
    "one comes from the other": (("b finetuned_from a",), False),
    "both come from one": (("a finetuned_from c", "b finetuned_from c"), False),
    "both have a part from one": (("a merged_from c", "a merged_from d", "b merged_from c", "b merged_from e"), False),
    "the relation between them is contradicted further up": (
        ("b finetuned_from c", "c finetuned_from a", "a same_init c INDEPENDENT"), True,
    ),
    "another test joins them already": (("b finetuned_from c", "a same_init c SAME_INIT"), True),
}  # fmt: skip


@pytest.mark.parametrize("case", UNDECLARED)
def test_kinship_that_no_record_explains_is_undeclared(case: str) -> None:
    lines, undeclared = UNDECLARED[case]
    family = kindred("a", "b", *lines, "a same_init b SAME_INIT")
    direct = family.evidence.same_init(model("a"), model("b"))
    assert (direct in family.undeclared.get(model("a"), ())) == undeclared
    assert (direct in family.undeclared.get(model("b"), ())) == undeclared


LINES = ("a2 finetuned_from a", "a3 quantized_from a2", "b2 pruned_from b", "b3 converted_from b2")
APART = "a same_init b INDEPENDENT"
INDEPENDENCE = {
    "what was initialised by independent models is independent": ((*LINES, APART), True),
    "by a test of some ancestors": ((*LINES, "a2 same_init b INDEPENDENT"), True),
    "by several tests": ((*LINES, APART, "a2 same_init b2 INDEPENDENT"), True),
    "relations that tests confirm": (
        (*LINES, APART, "a same_init a2 SAME_INIT kinship=derived", "b same_init b2 SAME_INIT"), True,
    ),
    "no test": (LINES, False),
    "a test of their descendants says nothing of what those come from": (
        (*LINES, "a4 finetuned_from a3", "b4 finetuned_from b3", "a4 same_init b4 INDEPENDENT"), False,
    ),
    "a test of a descendant and an ancestor": ((*LINES, "a4 finetuned_from a3", "a4 same_init b INDEPENDENT"), False),
    "a test of a sibling": ((*LINES, "a4 finetuned_from a", "a4 same_init b INDEPENDENT"), False),
    "an inconclusive test on the way": ((*LINES, APART, "a2 same_init b INCONCLUSIVE"), False),
    "an inconclusive test of the two": ((*LINES, APART, "a3 same_init b3 INCONCLUSIVE"), False),
    "kinship of any of them": ((*LINES, APART, "a2 same_init b3 SAME_INIT"), False),
    "kinship of their relatives": (
        (*LINES, APART, "a4 finetuned_from a", "b4 finetuned_from b", "a4 same_init b4 SAME_INIT"), False,
    ),
    "a merge": ((*LINES[:3], "b3 merged_from b2", "b3 merged_from c", APART), False),
    "a merge of one recorded part": ((*LINES[:3], "b3 merged_from b2", APART), False),
    "a merge that was tested itself": (
        (*LINES[:3], "b3 merged_from b2", "b3 merged_from c", "a same_init b3 INDEPENDENT"), True,
    ),
    "an adapter": ((*LINES[:3], "b3 adapter_of b2", APART), False),
    "an expansion": ((*LINES[:3], "b3 expanded_from b2", APART), False),
    "two starts of one model": ((*LINES, "b3 finetuned_from c", APART), False),
    "a card that names another start": ((*LINES, "b3 names finetuned_from org/lost", APART), False),
    "a card that names only data": ((*LINES, "b3 names trained_on org/rows", APART), True),
    "a relation that the weights contradict": ((*LINES, APART, "b2 same_init b3 INDEPENDENT"), False),
    "a relation of which a test is inconclusive": ((*LINES, APART, "b2 same_init b3 INCONCLUSIVE"), False),
    "a relation by which only a part was handed on": (
        (*LINES, APART, "b2 same_init b3 SAME_INIT kinship=partial"), False,
    ),
    "kin of unknown origin on the way": ((*LINES, APART, "x same_init b3 SAME_INIT"), False),
    "kin of unknown origin at the end of the way": ((*LINES, APART, "x same_init b SAME_INIT"), True),
    "a circle": (("a3 finetuned_from a2", "a2 finetuned_from a3", "b3 finetuned_from b", "a2 same_init b INDEPENDENT"), True),
}  # fmt: skip


@pytest.mark.parametrize("case", INDEPENDENCE)
def test_independence_is_derived_from_whole_initialisations_alone(case: str) -> None:
    lines, follows = INDEPENDENCE[case]
    family = kindred(*lines)
    found = family.independence(model("a3"), model("b3"))
    assert bool(found) == follows
    assert all(test.fact.verdict is Verdict.INDEPENDENT for test in found)
    assert set(family.independence(model("b3"), model("a3"))) == set(found)
