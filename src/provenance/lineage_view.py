"""A lineage view: where artifacts come from, as known at a date; the half of `provenance.view.View` that asks for lineage.

A question about some artifacts reads an excerpt of the ledger: what its answer rests on, and nothing else, so that it costs the same in
a registry of a hundred artifacts and in one of a million.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.errors import ContentError, UsageError
from provenance.facts import Snapshot
from provenance.lineage import (
    CommonAncestor,
    Exposure,
    Kindred,
    Lineage,
    Member,
    Relative,
    common_ancestors,
    paths,
)
from provenance.lineage_table import LineageTable
from provenance.references import choose
from provenance.relations import Channel, Link, RelationKind
from provenance.risk import Policy

if TYPE_CHECKING:
    from provenance.store import Reading

Ref = str | ArtifactId
"""An artifact, as typed (``name``, ``kind:name@version``, beginning of a digest) or as known."""

_TEACHING = frozenset(kind for kind in RelationKind if kind.rule.channel is not Channel.WEIGHTS)
"""The relations that an exposure is made of."""
_FEW = 5  # references that are faster looked up one by one


class Role(StrEnum):
    """Which end of an exposure an artifact is."""

    TEACHER = "teacher"
    STUDENT = "student"


@dataclass(frozen=True)
class LineageView:
    """Where artifacts come from, as known at a date.

    Args:
        reading: The ledger up to that date.
        policy: Says how long evidence counts, and where trust begins.
    """

    reading: "Reading"
    policy: Policy

    def resolve(self, ref: Ref, kind: ArtifactKind | None = None) -> ArtifactId:
        """The artifact that a reference means at this date.

        Raises:
            UnknownReferenceError: None, or several; the message lists the nearest names.
        """
        text = str(ref)
        return choose(text, self.reading.find(text), self.reading.names, kind, as_of=self.reading.as_of)

    def resolve_all(self, refs: Iterable[Ref]) -> tuple[ArtifactId, ...]:
        """The artifacts that references mean, in their order; of many, those that are written in full are looked up together.

        Raises:
            UnknownReferenceError: One of them means none, or several.
        """
        wanted = tuple(refs)
        if len(wanted) <= _FEW:
            return tuple(map(self.resolve, wanted))
        written = {ref: identity for ref in wanted if (identity := in_full(ref)) is not None}
        there = {one.fact.id for one in self.reading.page(among=written.values())} if written else ()
        return tuple(
            written[ref] if ref in written and written[ref] in there else self.resolve(ref) for ref in wanted
        )

    def ancestors(
        self,
        ref: Ref,
        *,
        depth: int | None = None,
        kinds: Collection[ArtifactKind] | None = None,
        relations: Collection[RelationKind] | None = None,
    ) -> tuple[Relative, ...]:
        """Everything that an artifact comes from, nearest first; see `Lineage.ancestors`."""
        artifact = self.resolve(ref)
        lineage = self._walked([artifact], up=True, relations=relations, depth=depth)
        return lineage.ancestors(artifact, depth=depth, kinds=kinds, relations=relations)

    def descendants(
        self,
        ref: Ref,
        *,
        depth: int | None = None,
        kinds: Collection[ArtifactKind] | None = None,
        relations: Collection[RelationKind] | None = None,
    ) -> tuple[Relative, ...]:
        """Everything that comes from an artifact, nearest first; see `Lineage.descendants`."""
        artifact = self.resolve(ref)
        lineage = self._walked([artifact], up=False, relations=relations, depth=depth)
        return lineage.descendants(artifact, depth=depth, kinds=kinds, relations=relations)

    def roots(
        self,
        ref: Ref,
        *,
        depth: int | None = None,
        kinds: Collection[ArtifactKind] | None = None,
        relations: Collection[RelationKind] | None = None,
    ) -> tuple[ArtifactId, ...]:
        """Where an artifact's ancestry begins, in order of names.

        Args:
            ref: Whose ancestry.
            depth: Only what is no farther away than so many relations.
            kinds: Which kinds of artifact to list.
            relations: Which relations to follow: an ancestry begins where none of these leads farther.
        """
        artifact = self.resolve(ref)
        lineage = self._walked([artifact], up=True, relations=relations)
        near = {artifact, *(one.artifact for one in lineage.ancestors(artifact, depth=depth))}
        found = lineage.roots(artifact)
        return tuple(one for one in found if one in near and (kinds is None or one.kind in kinds))

    def path(self, upper: Ref, lower: Ref) -> tuple[Link, ...] | None:
        """A shortest way down from one artifact to another; empty from an artifact to itself, None where there is none."""
        start, end = self.resolve(upper), self.resolve(lower)
        lineage = self._between(start, end)
        return lineage.path(start, end) if start in lineage else None

    def paths(self, upper: Ref, lower: Ref, *, limit: int) -> tuple[tuple[Link, ...], ...]:
        """The first ``limit`` simple paths down from one artifact to another, shortest first; see `provenance.lineage.paths`."""
        start, end = self.resolve(upper), self.resolve(lower)
        lineage = self._between(start, end)
        return tuple(islice(paths(lineage, start, end), limit)) if start in lineage else ()

    def common(self, refs: Iterable[Ref]) -> tuple[CommonAncestor, ...]:
        """What all of some artifacts come from, nearest first; see `provenance.lineage.common_ancestors`.

        Raises:
            UsageError: Fewer than two artifacts are named.
        """
        asked = tuple(dict.fromkeys(self.resolve_all(refs)))
        if len(asked) < 2:  # noqa: PLR2004 - one has nothing in common
            raise UsageError("name two artifacts or more")
        return common_ancestors(self._walked(asked, up=True), asked)

    def exposures(self, ref: Ref, *, role: Role | None = None) -> tuple[Exposure, ...]:
        """Whose hand was in what a model was trained on; whom a teacher reached; or which exposures lead through a dataset.

        Args:
            ref: The artifact.
            role: Which end it is. Of a model as a teacher: whom the teachers that embody it reached. Of a teacher as a student:
                whose hand was in what its models were trained on. Default: a model is a student, and a teacher a teacher.

        Raises:
            UsageError: A dataset is asked for in a role.
        """
        artifact = self.resolve(ref)
        natural = _ROLES.get(artifact.kind)
        if natural is None:
            if role is not None:
                raise UsageError(f"{artifact} is a dataset, which is neither teacher nor student")
            return self._exposures_through(artifact)
        asked = role or natural
        ends = [artifact] if asked is natural else self._counterparts(artifact)
        taught = self._walked(ends, up=asked is Role.STUDENT, relations=_TEACHING)
        found = (exposure for end in ends for exposure in taught.exposures(end))
        return tuple(sorted(found, key=_BY_OTHER_END[asked]))

    def family(self, ref: Ref) -> tuple[Member, ...]:
        """The models that share an initialisation with one, by record or by test, each with what makes it kin."""
        model = self.resolve(ref, ArtifactKind.MODEL)
        found = self._family(model, self.kindred_above([model]).line(model))
        if any(member.evidence is not None for member in found):
            # What tests join to the model is found by now; not yet what descends from that.
            found = self._family(model, (member.artifact for member in found))
        return found

    def _family(self, model: ArtifactId, tops: Iterable[ArtifactId]) -> tuple[Member, ...]:
        """A model's kin among some artifacts and all that descends from them."""
        return Kindred.of(self._below(tops), self.policy.lifetimes).family(model)

    # --- excerpts ------------------------------------------------------------------------------------------------------

    def kindred_above(self, artifacts: Iterable[ArtifactId]) -> Kindred:
        """Some artifacts and their ancestors, with all that is known of these and of their kinship."""
        return Kindred.of(self._above(artifacts), self.policy.lifetimes)

    def _exposures_through(self, dataset: ArtifactId) -> tuple[Exposure, ...]:
        """The exposures that lead through a dataset: what lies below it and below all who left a mark on it."""
        above = self._walked([dataset], up=True, relations=_TEACHING)
        authors = (one.artifact for one in above.ancestors(dataset, kinds={ArtifactKind.TEACHER}))
        return self._walked([dataset, *authors], up=False, relations=_TEACHING).exposures(dataset)

    def _counterparts(self, artifact: ArtifactId) -> list[ArtifactId]:
        """The teachers that embody a model, or the models that a teacher embodies."""
        up = artifact.kind is ArtifactKind.TEACHER
        near = self._walked([artifact], up=up, relations={RelationKind.EMBODIED_BY})
        return [one.artifact for one in near.walk([artifact], up=up)]

    def _above(self, artifacts: Iterable[ArtifactId]) -> Lineage:
        """Artifacts and their ancestors, with all that an answer about their risks rests on."""
        return Lineage.of(self.reading.line(artifacts))

    def _below(self, artifacts: Iterable[ArtifactId]) -> Lineage:
        """The same of artifacts and their descendants."""
        return Lineage.of(self.reading.below(artifacts))

    def _walked(
        self,
        starts: Iterable[ArtifactId],
        *,
        up: bool,
        relations: Collection[RelationKind] | None = None,
        depth: int | None = None,
    ) -> Lineage:
        """What a walk along some relations meets, and nothing that was found of it."""
        return self._bare(self.reading.subtable(starts, up=up, relations=relations, depth=depth))

    def _between(self, upper: ArtifactId, lower: ArtifactId) -> Lineage:
        """What lies on the ways down from one artifact to another: neither of them where there is none."""
        return self._bare(self.reading.between(upper, lower))

    def _bare(self, table: LineageTable) -> Lineage:
        return Lineage.over(table, Snapshot((), self.reading.moment))


def in_full(ref: Ref) -> ArtifactId | None:
    """The identity that a reference is, where it is written in full."""
    if isinstance(ref, ArtifactId):
        return ref
    try:
        return ArtifactId.parse(ref)
    except ContentError:
        return None


_ROLES = {ArtifactKind.MODEL: Role.STUDENT, ArtifactKind.TEACHER: Role.TEACHER}
"""The end of an exposure that each kind of artifact is unless the other is asked for."""


def _by_teacher(exposure: Exposure) -> tuple[str, ...]:
    return (str(exposure.teacher), str(exposure.student), exposure.how)


def _by_student(exposure: Exposure) -> tuple[str, ...]:
    return (str(exposure.student), str(exposure.teacher), exposure.how)


_BY_OTHER_END = {Role.STUDENT: _by_teacher, Role.TEACHER: _by_student}
