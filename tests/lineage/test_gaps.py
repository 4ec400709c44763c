"""What is missing in an ancestry, in words."""

from collections.abc import Iterator

import pytest

from lineage_fixtures import model, snapshot
from provenance.lineage.gaps import Gaps, Trust, gaps
from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred

CASES = {
    "nothing is missing down to declared roots": (
        ("base from_scratch", "heir finetuned_from base", "heir trained_on poems", "poems authored"),
        [],
    ),
    "a model of which nothing is said": (
        ("heir",),
        ["model:heir@1: no starting weights declared"],
    ),
    "a fine-tune whose data nobody names": (
        ("base from_scratch", "heir finetuned_from base"),
        ["model:heir@1: no training data declared"],
    ),
    "a conversion needs no data": (
        ("base from_scratch", "heir converted_from base"),
        [],
    ),
    "distillation is training data": (
        ("base from_scratch", "heir finetuned_from base", "heir distilled_from owl", "owl embodied_by base"),
        [],
    ),
    "data without starting weights": (
        ("heir trained_on poems", "poems authored"),
        ["model:heir@1: no starting weights declared"],
    ),
    "a dataset that nobody wrote": (
        ("base from_scratch", "heir finetuned_from base", "heir trained_on web"),
        ["dataset:web@1: nobody says who wrote it"],
    ),
    "selecting rows is no authorship": (
        ("base from_scratch", "judge embodied_by base", "heir finetuned_from base", "heir trained_on picks",
         "picks selected_by judge"),
        ["dataset:picks@1: nobody says who wrote it"],
    ),
    "a teacher without a model": (
        ("heir distilled_from api", "heir finetuned_from base", "base from_scratch"),
        ["teacher:api@1: nobody says which model it is"],
    ),
    "a name that is not registered": (
        ("heir converted_from base", "base from_scratch", "base names trained_on org/corpus"),
        ["model:base@1: trained_on 'org/corpus', which is not registered"],
    ),
    "a name that is not registered says once what is missing": (
        ("heir names finetuned_from org/base", "heir names trained_on org/corpus"),
        [
            "model:heir@1: finetuned_from 'org/base', which is not registered",
            "model:heir@1: trained_on 'org/corpus', which is not registered",
        ],
    ),
    "shares of a mix that do not add up": (
        ("heir from_scratch", "heir trained_on mix", "mix derived_from web share=0.3", "web authored"),
        ["dataset:mix@1: 70% of its rows come from nobody recorded"],
    ),
    "shares of a merge that do not add up": (
        ("heir merged_from a share=0.1", "heir merged_from b share=0.1", "a from_scratch", "b from_scratch"),
        ["model:heir@1: 80% of its weights come from nobody recorded"],
    ),
    "shares that are rounded do add up": (
        ("heir merged_from a share=0.33", "heir merged_from b share=0.33", "heir merged_from c share=0.33",
         "a from_scratch", "b from_scratch", "c from_scratch"),
        [],
    ),
    "rows that a teacher wrote fill up a mix": (
        ("heir from_scratch", "heir trained_on mix", "mix derived_from web share=0.3", "web authored",
         "mix generated_by owl", "owl embodied_by base", "base from_scratch"),
        [],
    ),
    "a parent without a share may be all the rest": (
        ("heir from_scratch", "heir trained_on mix", "mix derived_from web share=0.3", "mix derived_from poems",
         "web authored", "poems authored"),
        [],
    ),
    "gaps of all ancestors, nearest first": (
        ("heir converted_from tuned", "tuned finetuned_from lost"),
        ["model:tuned@1: no training data declared", "model:lost@1: no starting weights declared"],
    ),
    "an ancestry that goes in a circle begins nowhere": (
        ("base from_scratch", "heir converted_from tuned", "heir merged_from base", "tuned converted_from heir"),
        ["model:heir@1: recorded as its own ancestor"],
    ),
    "a circle far above is named where it is, once": (
        ("heir converted_from c", "c merged_from b", "b merged_from a", "a merged_from b", "c merged_from y",
         "y merged_from x", "x merged_from z", "z merged_from y"),
        ["model:a@1: recorded as its own ancestor", "model:x@1: recorded as its own ancestor"],
    ),
    "a test that found kin which no record explains": (
        ("heir", "base from_scratch", "heir same_init base SAME_INIT"),
        ["model:heir@1: no starting weights declared",
         "model:heir@1: shares its initialisation with model:base@1 (evidence-3), and no recorded relation says why"],
    ),
    "of two that are both declared to begin with themselves, either may be wrong": (
        ("heir from_scratch", "base from_scratch", "heir same_init base SAME_INIT"),
        ["model:heir@1: shares its initialisation with model:base@1 (evidence-3), and no recorded relation says why"],
    ),
    "a model that begins its ancestry, and kin that was found below it": (
        ("heir from_scratch", "found", "heir same_init found SAME_INIT"),
        [],
    ),
    "kin that a common ancestor explains": (
        ("base from_scratch", "heir quantized_from base", "other quantized_from base", "heir same_init other SAME_INIT"),
        [],
    ),
    "kin above": (
        ("heir quantized_from mid", "mid quantized_from base", "base from_scratch", "lost", "lost same_init mid SAME_INIT"),
        ["model:mid@1: shares its initialisation with model:lost@1 (evidence-7), and no recorded relation says why"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_gaps(case: str) -> None:
    lines, expected = CASES[case]
    state = snapshot(*lines)
    assert list(gaps(Kindred.of(Lineage.of(state)), model("heir"))) == expected


def test_above_what_is_trusted_nothing_is_asked() -> None:
    state = snapshot("heir converted_from org/base", "org/base finetuned_from lost")
    graph, heir = Lineage.of(state), model("heir")
    kindred = Kindred.of(graph)
    for pattern in ("model:org/*", "org/base", "model:org/base@1"):
        trust = Trust(trusted=(pattern,))
        assert gaps(kindred, heir, trust) == ()
        assert Gaps(kindred, trust).roots(heir) == ("model:org/base@1: trusted by the policy",)
    assert gaps(kindred, heir, Trust(trusted=("dataset:*",))) == gaps(kindred, heir) != ()


def test_roots_say_why_trust_begins_there() -> None:
    state = snapshot(
        "base from_scratch", "heir finetuned_from base", "heir trained_on poems", "poems authored"
    )
    assert Gaps(Kindred.of(Lineage.of(state))).roots(model("heir")) == (
        "dataset:poems@1: declared to be written without a model",
        "model:base@1: declared to be initialised from scratch",
    )


def test_a_model_from_scratch_may_be_asked_for_its_data() -> None:
    state = snapshot("heir from_scratch")
    kindred, heir = Kindred.of(Lineage.of(state)), model("heir")
    assert gaps(kindred, heir) == ()
    assert gaps(kindred, heir, Trust(scratch_needs_data=True)) == ("model:heir@1: no training data declared",)


def test_what_is_missing_is_put_together_once_though_all_below_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ("m0 from_scratch", *(f"m{number} finetuned_from m{number - 1}" for number in range(1, 30)))
    missing = Gaps(Kindred.of(Lineage.of(snapshot(*lines))))
    looked, look = [], Gaps._missing_of

    def counted(self: Gaps, node: int) -> Iterator[str]:
        looked.append(node)
        return look(self, node)

    monkeypatch.setattr(Gaps, "_missing_of", counted)
    assert len(missing.above(model("m29"))) == 29
    assert len(missing.above(model("m28"))) == 28
    assert len(looked) == 30
