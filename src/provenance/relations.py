"""Relations: the typed edges of lineage, named from the child's side (child *verb* parent).

`RULES` is the one table of which kinds there are, which ends each may join, how many parents it takes, how it can carry a
trait, and whether it tells of a training whose data ought to be known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.errors import ConflictError, ContentError


class Channel(StrEnum):
    """How a relation can carry a trait."""

    WEIGHTS = "weights"
    DATA = "data"
    SELECTION = "selection"


class RelationKind(StrEnum):
    """The verbs between a child and its parent."""

    FINETUNED_FROM = "finetuned_from"
    RESUMED_FROM = "resumed_from"
    QUANTIZED_FROM = "quantized_from"
    PRUNED_FROM = "pruned_from"
    EXPANDED_FROM = "expanded_from"
    CONVERTED_FROM = "converted_from"
    ADAPTER_OF = "adapter_of"
    MERGED_FROM = "merged_from"
    EMBODIED_BY = "embodied_by"
    GENERATED_BY = "generated_by"
    REWRITTEN_BY = "rewritten_by"
    SELECTED_BY = "selected_by"
    DERIVED_FROM = "derived_from"
    TRAINED_ON = "trained_on"
    DISTILLED_FROM = "distilled_from"

    @property
    def rule(self) -> "RelationRule":
        """This kind's row of the table."""
        return RULES[self]


class DeclaredBy(StrEnum):
    """Who says that a relation holds."""

    REGISTRANT = "registrant"
    CARD = "card"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationRule:
    """What a kind of relation may join and what it means.

    Args:
        child: Kind of the child.
        parent: Kind of the parent.
        channel: How it can carry a trait.
        only_parent: Whether a child has at most one parent by all relations of this sort together (one set of starting
            weights).
        trains: Whether it tells of a training, so that a child without any training data has an unknown ancestry.
        shared: Whether a parent may have a share.
        diluted: Whether a fraction of clean rows may be told.
        meaning: One line for people.
    """

    child: ArtifactKind
    parent: ArtifactKind
    channel: Channel
    only_parent: bool = False
    trains: bool = False
    shared: bool = False
    diluted: bool = False
    meaning: str


_M, _D, _T = ArtifactKind.MODEL, ArtifactKind.DATASET, ArtifactKind.TEACHER
_K, _C, _R = RelationKind, Channel, RelationRule

RULES: Mapping[RelationKind, RelationRule] = {
    _K.FINETUNED_FROM: _R(
        child=_M,
        parent=_M,
        channel=_C.WEIGHTS,
        only_parent=True,
        trains=True,
        meaning="training went on from the parent's weights",
    ),
    _K.RESUMED_FROM: _R(
        child=_M,
        parent=_M,
        channel=_C.WEIGHTS,
        only_parent=True,
        trains=True,
        meaning="the same training went on, optimiser state included",
    ),
    _K.QUANTIZED_FROM: _R(
        child=_M,
        parent=_M,
        channel=_C.WEIGHTS,
        only_parent=True,
        meaning="the parent's weights at lower precision",
    ),
    _K.PRUNED_FROM: _R(
        child=_M,
        parent=_M,
        channel=_C.WEIGHTS,
        only_parent=True,
        meaning="the parent's weights with some removed",
    ),
    _K.EXPANDED_FROM: _R(
        child=_M,
        parent=_M,
        channel=_C.WEIGHTS,
        only_parent=True,
        meaning="the parent's weights with vocabulary or depth added",
    ),
    _K.CONVERTED_FROM: _R(
        child=_M,
        parent=_M,
        channel=_C.WEIGHTS,
        only_parent=True,
        meaning="the parent's weights in another file format",
    ),
    _K.ADAPTER_OF: _R(
        child=_M,
        parent=_M,
        channel=_C.WEIGHTS,
        only_parent=True,
        trains=True,
        meaning="a low-rank or similar addition to the parent",
    ),
    _K.MERGED_FROM: _R(
        child=_M,
        parent=_M,
        channel=_C.WEIGHTS,
        shared=True,
        meaning="a weighted sum of several parents' weights",
    ),
    _K.EMBODIED_BY: _R(
        child=_T, parent=_M, channel=_C.WEIGHTS, meaning="the model that generated as this teacher"
    ),
    _K.GENERATED_BY: _R(child=_D, parent=_T, channel=_C.DATA, meaning="the teacher wrote the rows"),
    _K.REWRITTEN_BY: _R(
        child=_D, parent=_T, channel=_C.DATA, meaning="the teacher paraphrased or translated the rows"
    ),
    _K.SELECTED_BY: _R(
        child=_D, parent=_T, channel=_C.SELECTION, meaning="the teacher filtered, judged or labelled the rows"
    ),
    _K.DERIVED_FROM: _R(
        child=_D,
        parent=_D,
        channel=_C.DATA,
        shared=True,
        meaning="rows of the parent, filtered, split or mixed",
    ),
    _K.TRAINED_ON: _R(
        child=_M, parent=_D, channel=_C.DATA, diluted=True, meaning="the model was trained on the rows"
    ),
    _K.DISTILLED_FROM: _R(
        child=_M,
        parent=_T,
        channel=_C.DATA,
        diluted=True,
        meaning="the model imitated the teacher's logits or samples directly",
    ),
}

WEIGHT_KINDS = frozenset(
    kind for kind, rule in RULES.items() if rule.channel is Channel.WEIGHTS and rule.child is _M
)
"""The relations from model to model: they hand on weights."""

GENERATING_KINDS = frozenset({_K.GENERATED_BY, _K.REWRITTEN_BY, _K.SELECTED_BY})
"""The relations by which a teacher leaves its mark on a dataset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One edge of lineage: ``child kind parent``.

    Args:
        child: The later artifact.
        kind: The verb.
        parent: The earlier artifact.
        declared_by: The registrant, or the card that came with the files.
        share: Of a merge, the parent's weight in the sum; of a derived dataset, the fraction of rows from this parent; in [0, 1].
        clean_fraction: Of a training, the fraction of rows known to be free of any teacher's hand; in [0, 1].
        filters: What was removed from the data on the way, in words. Recorded, and no credit is given for it.
        metadata: Free words: method, epochs, counts.
    """

    child: ArtifactId
    kind: RelationKind
    parent: ArtifactId
    declared_by: DeclaredBy = DeclaredBy.REGISTRANT
    share: float | None = None
    clean_fraction: float | None = None
    filters: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        rule = self.kind.rule
        if (self.child.kind, self.parent.kind) != (rule.child, rule.parent):
            raise ConflictError(
                f"{self.child} {self.kind} {self.parent}: {self.kind} joins a {rule.child} to a {rule.parent}, "
                f"not a {self.child.kind} to a {self.parent.kind}",
                hint="`provenance relate --help` lists what each relation may join.",
            )
        if self.child == self.parent:
            raise ConflictError(f"{self.child} cannot be its own parent ({self.kind})")
        for name, value, means in (
            ("share", self.share, rule.shared),
            ("clean fraction", self.clean_fraction, rule.diluted),
        ):
            if value is not None and not means:
                raise ContentError(f"{self}: a {name} says nothing of {self.kind}")
            if value is not None and not 0.0 <= value <= 1.0:
                raise ContentError(
                    f"{self.child} {self.kind} {self.parent}: the {name} {value} is outside [0, 1]"
                )

    def __str__(self) -> str:
        return f"{self.child} {self.kind} {self.parent}"

    @property
    def key(self) -> tuple[ArtifactId, RelationKind, ArtifactId]:
        """What makes it the same edge, whatever is said about it."""
        return (self.child, self.kind, self.parent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A relation as the graph knows it: its ends, its kind, and what of it bears on risk.

    Args:
        child: See `Relation`.
        kind: See `Relation`.
        parent: See `Relation`.
        share: See `Relation`.
        clean_fraction: See `Relation`.
    """

    child: ArtifactId
    kind: RelationKind
    parent: ArtifactId
    share: float | None = None
    clean_fraction: float | None = None

    def __str__(self) -> str:
        return f"{self.child} {self.kind} {self.parent}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """An ancestor that is named but not registered: ancestry that is known to be missing.

    Args:
        child: Whose ancestor it is.
        kind: The relation that the card states.
        name: The name as it stands there; ``name@version`` where a recorded artifact is meant.
        reason: Why no relation to it is recorded, where its not being registered is not why; such as that it would close a cycle.
    """

    child: ArtifactId
    kind: RelationKind
    name: str
    reason: str = ""

    def is_answered_by(self, parent: ArtifactId) -> bool:
        """Whether a relation of this kind to a parent says who is meant.

        Where the name was not registered, whatever bears it now is meant. What was left out for a reason is answered by itself alone:
        another version of the name may be recorded already, and is somebody else.
        """
        return self.name == (f"{parent.name}@{parent.version}" if self.reason else parent.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """A name that a card gave, and the registered artifact that was meant by it.

    Args:
        child: Whose ancestry it is.
        kind: The relation that the card states.
        name: The name as it stands there.
        parent: The artifact that bears it here, under its own name.
    """

    child: ArtifactId
    kind: RelationKind
    name: str
    parent: ArtifactId
