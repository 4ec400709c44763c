"""Relations as sentences, told from the parent on, the way that a trait goes."""

from collections.abc import Mapping

from provenance.relations import RelationKind

_K = RelationKind
_SENTENCES: Mapping[RelationKind, str] = {
    _K.FINETUNED_FROM: "{child} was fine-tuned from {parent}",
    _K.RESUMED_FROM: "the training of {parent} went on as {child}",
    _K.QUANTIZED_FROM: "{child} is {parent} at lower precision",
    _K.PRUNED_FROM: "{child} is {parent} with some weights removed",
    _K.EXPANDED_FROM: "{child} is {parent} with vocabulary or depth added",
    _K.CONVERTED_FROM: "{child} is {parent} in another file format",
    _K.ADAPTER_OF: "{child} is an adapter of {parent}",
    _K.MERGED_FROM: "{child} was merged from {parent} and others",
    _K.EMBODIED_BY: "{parent} generated as {child}",
    _K.GENERATED_BY: "{parent} wrote {child}",
    _K.REWRITTEN_BY: "{parent} paraphrased or translated the rows of {child}",
    _K.SELECTED_BY: "{parent} chose, judged or labelled the rows of {child}",
    _K.DERIVED_FROM: "{child} was made from rows of {parent}",
    _K.TRAINED_ON: "{child} was trained on {parent}",
    _K.DISTILLED_FROM: "{child} imitated {parent} directly",
}
MARKS: Mapping[RelationKind, str] = {
    _K.GENERATED_BY: "wrote",
    _K.REWRITTEN_BY: "paraphrased or translated",
    _K.SELECTED_BY: "chose, judged or labelled the rows of",
}
"""What a teacher did to a dataset, as a verb."""


def relation_words(kind: RelationKind, parent: object, child: object) -> str:
    """A relation as a sentence without its full stop."""
    return _SENTENCES[kind].format(parent=parent, child=child)
