"""Kinship by weights: which models share an initialisation, as far as the record and the tests know.

Two models are kin when one set of starting weights is an ancestor of both, or one is an ancestor of the other, along weights
relations that the weights themselves do not contradict. A test that found two models to share their initialisation joins what
was never recorded: the two, what they alone come from (never past a merge, of which it may be either part), and all that has its
weights from any of these. Sharing an ancestor is not transitive (both parents of a merge are kin to it, and not to each other),
so kinship is always asked from one model.

Independence is derived more sparingly than kinship, since it exonerates. A model has the whole initialisation of another where it
was fine-tuned, resumed, quantised, pruned or converted from it and from nothing else: what initialised the one initialised the
other. So two models are independent where something in the one's line of whole initialisations was measured to be independent
of something in the other's. The lines end at merges and adapters (which are made of several initialisations), at expansions
(nobody says what was added), at a model of which a card names another start that is not registered, and at a relation whose test
says anything but `SAME_INIT`. Nothing is derived past a doubt: every test between the two lines has to say `INDEPENDENT`, and the
two may be kin by no record, measured or declared. Descendants say nothing of their ancestors here: what was trained for long
may look independent of what its beginning still shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from provenance.artifacts import ArtifactId
from provenance.evidence import Evidence, Verdict
from provenance.facts import Recorded
from provenance.lineage.evidence_index import FOREVER, EvidenceIndex, Lifetimes
from provenance.lineage.graph import Lineage
from provenance.lineage.relatives import Joins, Kin, Kinship, Relatives
from provenance.lineage.weight_lines import WeightLines
from provenance.relations import WEIGHT_KINDS, Link, RelationKind

WHOLE_KINDS = frozenset(
    {
        RelationKind.FINETUNED_FROM,
        RelationKind.RESUMED_FROM,
        RelationKind.QUANTIZED_FROM,
        RelationKind.PRUNED_FROM,
        RelationKind.CONVERTED_FROM,
    }
)
"""The weights relations whose child has the whole of its initialisation from its one parent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of a family, and why it is one.

    Args:
        artifact: The model.
        kinship: How close it is to the model that was asked about; `Kinship.SAME` for that model itself.
        through: The weights that both share.
        evidence: Id of the test that joins the two, where no record does.
        measured: What kind of kinship that test found (``derived``, ``partial``, ...), where it says.
        log10_p: Its p-value, where it says.
    """

    artifact: ArtifactId
    kinship: Kinship
    through: ArtifactId
    evidence: str | None = None
    measured: str | None = None
    log10_p: float | None = None

    @classmethod
    def of(cls, artifact: ArtifactId, kin: Kin) -> "Member":
        """A member by what makes it kin."""
        if kin.measured is None:
            return cls(artifact=artifact, kinship=kin.kinship, through=kin.through)
        said = kin.measured.fact.result
        measured, log10_p = said.get("kinship"), said.get("log10_p")
        return cls(
            artifact=artifact,
            kinship=kin.kinship,
            through=kin.through,
            evidence=kin.measured.id,
            measured=measured if isinstance(measured, str) else None,
            log10_p=float(log10_p) if isinstance(log10_p, int | float) else None,
        )


@dataclass(frozen=True, eq=False)
class Kindred:
    """Kinship in a lineage, under the evidence that stands; what was worked out for a model asked about is kept.

    Args:
        lineage: Who comes from whom.
        evidence: What was measured.
        believes_record: Whether weights relations that the weights contradict count all the same.
    """

    lineage: Lineage
    evidence: EvidenceIndex
    believes_record: bool = False
    _relatives: dict[int, Relatives] = field(default_factory=dict, init=False, repr=False)
    _tests: dict[ArtifactId, tuple[Mapping[ArtifactId, Recorded[Evidence]], ...]] = field(
        default_factory=dict, init=False, repr=False
    )
    _whole_parents: dict[ArtifactId, ArtifactId | None] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, lineage: Lineage, lifetimes: Lifetimes = FOREVER) -> "Kindred":
        """Kinship under the evidence that stands at the date of the lineage's snapshot."""
        return cls(lineage, EvidenceIndex(lineage, lifetimes))

    @cached_property
    def as_declared(self) -> "Kindred":
        """Kinship if every recorded weights relation holds, also where the weights contradict it: who may yet be kin."""
        return Kindred(self.lineage, self.evidence, believes_record=True) if self.contradicted else self

    @cached_property
    def readings(self) -> tuple["Kindred", ...]:
        """This kinship and, where the time of a test is over that denies a weights relation, the one without that test.

        Either may be the worse one: the denied start may incriminate by the record, and exonerate. A status is the worse by both.
        """
        forgetting = self.evidence.forgetting
        return (self,) if forgetting is None else (self, replace(self, evidence=forgetting))

    def contradiction(self, relation: Link) -> Recorded[Evidence] | None:
        """The test that found the two ends of a weights relation independent, if there is one."""
        if relation.kind not in WEIGHT_KINDS:
            return None
        found = self.evidence.same_init(relation.parent, relation.child)
        return found if found is not None and found.fact.verdict is Verdict.INDEPENDENT else None

    @cached_property
    def contradicted(self) -> frozenset[int]:
        """The edges whose two ends hand on weights by record and were found to be independent."""
        lineage = self.lineage
        return frozenset(
            edge
            for pair in self.evidence.independent_pairs
            for model in pair
            if (node := lineage.find(model)) is not None
            for edge in lineage.above(node)
            if lineage.table.kinds[edge] in WEIGHT_KINDS
            and lineage.artifact(lineage.table.parents[edge]) in pair - {model}
        )

    def weight_parents(self, model: ArtifactId) -> tuple[Link, ...]:
        """The relations to the models that a model has its weights from, contradicted ones included."""
        return tuple(map(self.lineage.link, self._lines.recorded(self.lineage.node(model))))

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
        return tuple(map(self.lineage.artifact, self._lines.line(self.lineage.node(model))))

    def starting_weights(self, student: ArtifactId) -> tuple[ArtifactId, ...]:
        """What a training began from: the weights parents, or the model's own weights where it has none."""
        return tuple(dict.fromkeys(relation.parent for relation in self.weight_parents(student))) or (
            student,
        )

    def kin(self, one: ArtifactId, other: ArtifactId) -> Kin | None:
        """Why two models are kin, or None where nothing says that they are."""
        relatives, node = self._relatives_of(one), self.lineage.find(other)
        return None if node is None else relatives.kin(node)

    def family(self, model: ArtifactId) -> tuple[Member, ...]:
        """Every model that is kin to a model, and itself, in order of their names."""
        return tuple(
            Member.of(self.lineage.artifact(node), kin) for node, kin in self._relatives_of(model).all()
        )

    @cached_property
    def undeclared(self) -> Mapping[ArtifactId, tuple[Recorded[Evidence], ...]]:
        """The tests of each model that found it to be kin to one with which no record joins it, oldest first."""
        found: dict[ArtifactId, list[Recorded[Evidence]]] = {}
        for join in self._joins.all:
            if self._lines.line(join.member).keys().isdisjoint(self._lines.line(join.partner)):
                found.setdefault(self.lineage.artifact(join.member), []).append(join.test)
        return {model: tuple(tests) for model, tests in found.items()}

    def whole_line(self, model: ArtifactId) -> tuple[ArtifactId, ...]:
        """A model and those of which it has the whole initialisation, nearest first; see the head of this module."""
        line = {model: None}
        while (above := self._whole_parent(next(reversed(line)))) is not None and above not in line:
            line[above] = None
        return tuple(line)

    def independence(self, one: ArtifactId, other: ArtifactId) -> tuple[Recorded[Evidence], ...]:
        """The tests from which it follows that two models are independent, nearest to ``one`` first; none where it does not.

        The rule stands at the head of this module.
        """
        tested = self._tests_above(one)
        if not tested or self.as_declared.kin(one, other) is not None:
            return ()
        line = self.whole_line(other)
        found = [tests[partner] for tests in tested for partner in line if partner in tests]
        denied = all(test.fact.verdict is Verdict.INDEPENDENT for test in found)
        return tuple(dict.fromkeys(found)) if denied else ()

    def _tests_above(self, model: ArtifactId) -> tuple[Mapping[ArtifactId, Recorded[Evidence]], ...]:
        """The tests of a model and of those of which it has the whole initialisation, each by the other one, nearest first."""
        if model not in self._tests:
            found = map(self.evidence.tests_of, self.whole_line(model))
            self._tests[model] = tuple(tests for tests in found if tests)
        return self._tests[model]

    def _whole_parent(self, model: ArtifactId) -> ArtifactId | None:
        """The one model that a model has its whole initialisation from, where the record says so and nothing speaks against it."""
        if model not in self._whole_parents:
            self._whole_parents[model] = self._find_whole_parent(model)
        return self._whole_parents[model]

    def _find_whole_parent(self, model: ArtifactId) -> ArtifactId | None:
        relations = self.weight_parents(model)
        if len(relations) != 1 or relations[0].kind not in WHOLE_KINDS:
            return None
        if model in self.undeclared or any(
            name.kind in WEIGHT_KINDS for name in self.lineage.open_names.get(model, ())
        ):
            return None
        test = self.evidence.same_init(relations[0].parent, model)
        return relations[0].parent if test is None or is_whole(test.fact) else None

    @cached_property
    def _lines(self) -> WeightLines:
        return WeightLines(self.lineage, frozenset() if self.believes_record else self.contradicted)

    @cached_property
    def _joins(self) -> Joins:
        return Joins(self._lines, self.evidence)

    def _relatives_of(self, model: ArtifactId) -> Relatives:
        node = self.lineage.node(model)
        if node not in self._relatives:
            self._relatives[node] = Relatives(self._lines, self._joins, node)
        return self._relatives[node]


def is_whole(evidence: Evidence) -> bool:
    """Whether a test found two models to share all of an initialisation, as far as it could tell."""
    is_partial = str(evidence.result.get("kinship", "")).startswith("partial")
    return evidence.verdict is Verdict.SAME_INIT and not is_partial
