"""Edge tests: what was measured on each relation, or that nothing was.

A weights relation is tested by comparing its two models. A relation that trains a student on data is tested by what lies
behind it, its exposures: every teacher that left its mark on the data, against the student. A canary is missing only where one is owed: it speaks of rows that a
teacher wrote or rewrote, not of selection, nor of direct imitation.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from provenance.artifacts import ArtifactId
from provenance.lineage.evidence_index import EvidenceIndex
from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred
from provenance.relations import WEIGHT_KINDS, Link, RelationKind
from provenance.render.pictures import Finding, Tone
from provenance.render.wording import counted, finding, shortened

_SHOWN_TEACHERS = 3
_TEACHER_COLUMNS = 24
_WRITING = frozenset({RelationKind.GENERATED_BY, RelationKind.REWRITTEN_BY})
_UNTESTED = Finding(text="untested", tone=Tone.OPEN, missing=1)
_CANARY_UNTESTED = Finding(text="canary untested", tone=Tone.OPEN, missing=1)
_SAME_BY_RECORD = Finding(text="same init by record", tone=Tone.CARRIES)
_INDEPENDENT_BY_FAMILIES = Finding(text="independent init, derived through families", tone=Tone.EASES)
_URGENCY = tuple(Tone)


@dataclass(frozen=True, eq=False)
class EdgeTests:
    """Says what was tested on a relation.

    Args:
        lineage: Who comes from whom.
        index: Which evidence stands.
        kindred: Which models share an initialisation, as far as is known.
    """

    lineage: Lineage
    index: EvidenceIndex
    kindred: Kindred
    _teachers: dict[ArtifactId, Mapping[ArtifactId, Mapping[ArtifactId, bool]]] = field(
        default_factory=dict, init=False
    )

    def findings(self, relation: Link) -> tuple[Finding, ...]:
        """One line or more for a relation that has something to test; none for one that hasn't."""
        if relation.kind in WEIGHT_KINDS:
            return (self._weights(relation),)
        if relation.kind is RelationKind.DISTILLED_FROM:
            return self._exposure(relation.parent, relation.child, wrote=False)
        if relation.kind is RelationKind.TRAINED_ON:
            return self._exposures(relation)
        return ()

    def _weights(self, relation: Link) -> Finding:
        recorded = self.index.same_init(relation.parent, relation.child)
        if recorded is None:
            return _UNTESTED
        found = finding(recorded.fact)
        if self.kindred.contradiction(relation) is None:
            return found
        gist = found.gist or found.text
        return Finding(text=f"DISPUTED: {found.text}", tone=Tone.DISPUTES, gist=f"DISPUTED: {gist}")

    def _exposures(self, relation: Link) -> tuple[Finding, ...]:
        """The findings on every teacher behind a dataset, the most worrying first."""
        student, teachers = relation.child, self._behind(relation.parent).get(relation.child, {})
        each = [
            (teacher, self._exposure(teacher, student, wrote=teachers[teacher]))
            for teacher in sorted(teachers, key=str)
        ]
        if len(each) == 1:
            return each[0][1]
        each.sort(key=lambda pair: min(_URGENCY.index(found.tone) for found in pair[1]))
        lines = [
            replace(found, text=f"{shortened(teacher.name, _TEACHER_COLUMNS)}: {found.text}")
            for teacher, findings in each[:_SHOWN_TEACHERS]
            for found in findings
        ]
        if rest := each[_SHOWN_TEACHERS:]:
            missing = sum(found.missing for _, findings in rest for found in findings)
            more = counted(len(rest), "more teacher")
            lines.append(Finding(text=f"and {more}", tone=Tone.OPEN, missing=missing))
        return tuple(lines)

    def _behind(self, dataset: ArtifactId) -> Mapping[ArtifactId, Mapping[ArtifactId, bool]]:
        """Student to the teachers behind a dataset, and whether each wrote rows; read once, since a dataset may have many students."""
        if dataset not in self._teachers:
            found: defaultdict[ArtifactId, defaultdict[ArtifactId, bool]] = defaultdict(
                lambda: defaultdict(bool)
            )
            for exposure in self.lineage.exposures(dataset):
                found[exposure.student][exposure.teacher] |= exposure.how in _WRITING
            self._teachers[dataset] = found
        return self._teachers[dataset]

    def _exposure(self, teacher: ArtifactId, student: ArtifactId, *, wrote: bool) -> tuple[Finding, ...]:
        """What is known of one teacher's way into one student: initialisation first, then the canary."""
        init = self._initialisation(teacher, student)
        canary = self.index.canary(teacher, student)
        if canary is not None:
            return (*init, finding(canary.fact))
        if not init:
            return (replace(_UNTESTED, missing=1 + wrote),)
        return (*init, _CANARY_UNTESTED) if wrote else init

    def _initialisation(self, teacher: ArtifactId, student: ArtifactId) -> tuple[Finding, ...]:
        """A test of the teacher's model against what the student started from, on which risks rest, or against the student; else the record."""
        models = [
            edge.parent for edge in self.lineage.parents(teacher) if edge.kind is RelationKind.EMBODIED_BY
        ]
        starts = self.kindred.starting_weights(student)
        pairs = [(model, other) for model in models for other in dict.fromkeys((*starts, student))]
        for model, other in pairs:
            if (measured := self.index.same_init(model, other)) is not None:
                return (finding(measured.fact),)
        for model, other in pairs:
            if (kin := self.kindred.kin(model, other)) is not None:
                return (_SAME_BY_RECORD if kin.measured is None else finding(kin.measured.fact),)
        if models and all(self.kindred.independence(model, start) for model in models for start in starts):
            return (_INDEPENDENT_BY_FAMILIES,)
        return ()
