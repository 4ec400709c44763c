"""Kinship by weights: which models share an initialisation, as far as the record and the tests know.

Two models are kin when one set of starting weights is an ancestor of both, or one is an ancestor of the other, along weights
relations that the weights themselves do not contradict. A test that found two models to share their initialisation joins what
was never recorded: the two, what they alone come from (never past a merge, of which it may be either part), and all that has its
weights from any of these. Sharing an ancestor is not transitive (both parents of a merge are kin to it, and not to each other),
so kinship is always asked from one model.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from provenance.artifacts import ArtifactId
from provenance.evidence import Evidence, Verdict
from provenance.facts import Recorded
from provenance.lineage.evidence_index import EvidenceIndex
from provenance.lineage.graph import Lineage
from provenance.relations import WEIGHT_KINDS, Relation


class Kinship(StrEnum):
    """How close two kin are."""

    SAME = "same"
    """One is the other, or its ancestor."""
    DIVERGED = "diverged"
    """Both come from the same weights and were then trained apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kin:
    """Why a model counts as kin.

    Args:
        kinship: How close.
        through: The weights that both share.
        measured: The test that joins the two, where no record does.
    """

    kinship: Kinship
    through: ArtifactId
    measured: Recorded[Evidence] | None = None


@dataclass(frozen=True, eq=False)
class Kindred:
    """Kinship in a lineage, under the evidence that stands; answers are kept, one table for each model asked about.

    Args:
        lineage: Who comes from whom.
        evidence: What was measured.
        believes_record: Whether weights relations that the weights contradict count all the same.
    """

    lineage: Lineage
    evidence: EvidenceIndex
    believes_record: bool = False
    _tables: dict[ArtifactId, Mapping[ArtifactId, Kin]] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, lineage: Lineage) -> "Kindred":
        """Kinship under all evidence of the lineage's snapshot."""
        return cls(lineage, EvidenceIndex(lineage.snapshot))

    @cached_property
    def as_declared(self) -> "Kindred":
        """Kinship if every recorded weights relation holds, also where the weights contradict it: who may yet be kin."""
        return Kindred(self.lineage, self.evidence, believes_record=True)

    def contradiction(self, relation: Relation) -> Recorded[Evidence] | None:
        """The test that found the two ends of a weights relation independent, if there is one."""
        if relation.kind not in WEIGHT_KINDS:
            return None
        found = self.evidence.same_init(relation.parent, relation.child)
        return found if found is not None and found.fact.verdict is Verdict.INDEPENDENT else None

    def weight_parents(self, model: ArtifactId) -> tuple[Relation, ...]:
        """The relations to the models that a model has its weights from, contradicted ones included."""
        return tuple(relation for relation in self.lineage.parents(model) if relation.kind in WEIGHT_KINDS)

    def contradictions_above(self, model: ArtifactId) -> tuple[Recorded[Evidence], ...]:
        """The tests that contradict a relation by which a model is recorded to have its weights, nearest first."""
        return tuple(
            test
            for member in self.as_declared.line(model)
            for relation in self.weight_parents(member)
            if (test := self.contradiction(relation)) is not None
        )

    def line(self, model: ArtifactId) -> tuple[ArtifactId, ...]:
        """A model and those that it has its weights from, nearest first."""
        return tuple(self._climb([model]))

    def starting_weights(self, student: ArtifactId) -> tuple[ArtifactId, ...]:
        """What a training began from: the weights parents, or the model's own weights where it has none."""
        return tuple(dict.fromkeys(relation.parent for relation in self.weight_parents(student))) or (
            student,
        )

    def kin(self, one: ArtifactId, other: ArtifactId) -> Kin | None:
        """Why two models are kin, or None where nothing says that they are."""
        return self._table(one).get(other)

    def family(self, model: ArtifactId) -> tuple[ArtifactId, ...]:
        """Every model that is kin to a model, and itself, in order of their names."""
        return tuple(sorted(self._table(model), key=str))

    def _table(self, model: ArtifactId) -> Mapping[ArtifactId, Kin]:
        if model not in self._tables:
            self._tables[model] = self._relatives(model)
        return self._tables[model]

    def _relatives(self, model: ArtifactId) -> dict[ArtifactId, Kin]:
        """Every kin of a model: its line by record, what a test joins to that line, then all that descend from either."""
        line = self._climb([model])
        found = {member: Kin(kinship=Kinship.SAME, through=member) for member in line}
        for descendant in self._descend([model]):
            found.setdefault(descendant, Kin(kinship=Kinship.SAME, through=model))
        for ancestor in line:
            for descendant in self._descend([ancestor], found):
                found.setdefault(descendant, Kin(kinship=Kinship.DIVERGED, through=ancestor))
        for member in self._descend(line, past_merges=False):
            for recorded in self.evidence.measured_kin.get(member, ()):
                (partner,) = recorded.fact.pair - {member} or {member}
                for descendant in self._descend(self._climb([partner], past_merges=False), found):
                    found.setdefault(
                        descendant, Kin(kinship=Kinship.DIVERGED, through=partner, measured=recorded)
                    )
        return found

    def _climb(self, models: Iterable[ArtifactId], *, past_merges: bool = True) -> dict[ArtifactId, None]:
        """Models and their weight ancestors, nearest first."""
        reached = dict.fromkeys(models)
        frontier = list(reached)
        while frontier:
            frontier = sorted(
                {
                    relation.parent
                    for model in frontier
                    for relation in self.weight_parents(model)
                    if relation.parent not in reached and self._follows(relation, past_merges=past_merges)
                },
                key=str,
            )
            reached.update(dict.fromkeys(frontier))
        return reached

    def _descend(
        self, models: Iterable[ArtifactId], known: Collection[ArtifactId] = (), *, past_merges: bool = True
    ) -> dict[ArtifactId, None]:
        """What has its weights from models, nearest first; below what is known already, it does not look again."""
        reached = dict.fromkeys(models)
        frontier = list(reached)
        while frontier:
            frontier = sorted(
                {
                    relation.child
                    for model in frontier
                    for relation in self.lineage.children(model)
                    if relation.kind in WEIGHT_KINDS
                    and relation.child not in reached
                    and relation.child not in known
                    and self._follows(relation, past_merges=past_merges)
                },
                key=str,
            )
            reached.update(dict.fromkeys(frontier))
        return reached

    def _follows(self, relation: Relation, *, past_merges: bool) -> bool:
        """Whether kinship follows a weights relation."""
        if not self.believes_record and self.contradiction(relation) is not None:
            return False
        return past_merges or len(self.starting_weights(relation.child)) == 1
