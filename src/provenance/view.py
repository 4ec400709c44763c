"""A view: all that was known at a date, under a policy, and every question that can be asked of it.

    view = registry.view(as_of=datetime(2026, 11, 1, tzinfo=UTC))
    view.risks(["student"])

Two views of the same date under the same policy give the same answers, whatever was recorded since.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind
from provenance.errors import ContentError, UnknownReferenceError
from provenance.evidence import Evidence
from provenance.facts import Recorded, Snapshot
from provenance.lineage import Exposure, Kindred, Lineage, Member
from provenance.lineage.gaps import gaps
from provenance.references import SHORTEST_PREFIX, choose
from provenance.relations import Relation
from provenance.risk import (
    ArtifactRisks,
    Check,
    Impact,
    Policy,
    RiskReport,
    assess,
    check,
    explain,
    impact,
)
from provenance.traits import Flag

if TYPE_CHECKING:
    from provenance.render import Picture

Ref = str | ArtifactId
"""An artifact, as typed (``name``, ``kind:name@version``, beginning of a digest) or as known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """All that is recorded of one artifact.

    Args:
        artifact: The artifact itself.
        actor: Who registered it.
        registered_at: When, aware, UTC.
        location: Where its content was last seen.
        parents: The relations to its parents.
        children: The relations to its children.
        gaps: What is missing in its ancestry, in words.
        flags: The standing flags on it.
        evidence: The tests it was part of.
    """

    artifact: Artifact
    actor: str
    registered_at: datetime
    location: str | None
    parents: tuple[Relation, ...]
    children: tuple[Relation, ...]
    gaps: tuple[str, ...]
    flags: tuple[Recorded[Flag], ...]
    evidence: tuple[Recorded[Evidence], ...]


@dataclass(frozen=True)
class View:
    """All that was known at a date, under a policy.

    Args:
        snapshot: The facts.
        policy: The policy.
        head: Digest of the ledger's last transaction, for footers.
    """

    snapshot: Snapshot
    policy: Policy
    head: str

    @cached_property
    def lineage(self) -> Lineage:
        """The graph of artifacts and relations."""
        return Lineage.of(self.snapshot)

    @cached_property
    def kindred(self) -> Kindred:
        """Kinship by weights."""
        return Kindred.of(self.lineage, self.policy.lifetimes)

    @cached_property
    def _by_name(self) -> Mapping[str, tuple[Artifact, ...]]:
        named: dict[str, list[Artifact]] = {}
        for recorded in self.snapshot.artifacts.values():
            named.setdefault(recorded.fact.id.name, []).append(recorded.fact)
        return {name: tuple(found) for name, found in named.items()}

    def resolve(self, ref: Ref, kind: ArtifactKind | None = None) -> ArtifactId:
        """The artifact that a reference means at this date.

        Raises:
            UnknownReferenceError: None, or several; the message lists the nearest names.
        """
        if isinstance(ref, ArtifactId):
            return choose(str(ref), self._by_name.get(ref.name, ()), lambda _: self.snapshot.artifacts, kind)
        name = ref.partition(":")[2] if ref.partition(":")[0] in set(ArtifactKind) else ref
        found = self._by_name.get(name.rpartition("@")[0] or name, ())
        if not found and len(ref.rpartition(":")[2]) >= SHORTEST_PREFIX:
            found = tuple(one for some in self._by_name.values() for one in some if _has_digest(one, ref))
        return choose(ref, found, lambda _: self.snapshot.artifacts, kind)

    def show(self, ref: Ref) -> Description:
        """All that is recorded of one artifact."""
        artifact = self.resolve(ref)
        recorded = self.snapshot.artifacts[artifact]
        return Description(
            artifact=recorded.fact,
            actor=recorded.actor,
            registered_at=recorded.recorded_at,
            location=self.snapshot.locations.get(artifact),
            parents=self._relations(lambda one: one.child == artifact),
            children=self._relations(lambda one: one.parent == artifact),
            gaps=gaps(self.kindred, artifact, self.policy.trust),
            flags=tuple(one for one in self.snapshot.standing_flags if one.fact.artifact == artifact),
            evidence=tuple(one for one in self.snapshot.all(Evidence) if artifact in one.fact.pair),
        )

    def _relations(self, wanted: Callable[[Relation], bool]) -> tuple[Relation, ...]:
        found = {one.fact.key: one.fact for one in self.snapshot.all(Relation) if wanted(one.fact)}
        return tuple(sorted(found.values(), key=lambda edge: (str(edge.parent), str(edge.child), edge.kind)))

    def location(self, ref: Ref) -> Path:
        """Where an artifact's content was last seen.

        Raises:
            ContentError: It has none, or it is no longer there.
        """
        artifact = self.resolve(ref)
        path = self.snapshot.locations.get(artifact)
        if path is None or not Path(path).exists():
            where = f"was last seen in {path}" if path else "was registered by name only"
            raise ContentError(
                f"the content of {artifact} is not at hand: it {where}",
                hint="Register the same content from where it is now; the same artifact gets the new place.",
            )
        return Path(path)

    def roots(self, ref: Ref) -> tuple[ArtifactId, ...]:
        """Where an artifact's ancestry begins."""
        return self.lineage.roots(self.resolve(ref))

    def exposures(self, ref: Ref) -> tuple[Exposure, ...]:
        """Whose hand was in what a model was trained on; or whom a teacher or dataset reached."""
        return self.lineage.exposures(self.resolve(ref))

    def family(self, ref: Ref) -> tuple[Member, ...]:
        """The models that share an initialisation with one, by record or by test, each with what makes it kin."""
        return self.kindred.family(self.resolve(ref, ArtifactKind.MODEL))

    def risks(self, refs: Iterable[Ref] | None = None, *, trait: str | None = None) -> RiskReport:
        """What artifacts (all of them when ``refs`` is None) may have inherited of one trait, or of any."""
        if trait is not None:
            self._require_trait(trait)
        wanted = sorted(self.snapshot.artifacts) if refs is None else [self.resolve(ref) for ref in refs]
        return assess(self.snapshot, self.lineage, self.policy, wanted, trait=trait)

    def why(self, ref: Ref, trait: str) -> ArtifactRisks:
        """Where an artifact stands with one trait, with the witness paths."""
        self._require_trait(trait)
        return explain(self.snapshot, self.lineage, self.policy, self.resolve(ref), trait)

    def impact(self, ref: Ref, trait: str | None = None) -> Impact:
        """What is downstream of an artifact, and where it would stand were the artifact flagged."""
        if trait is not None:
            self._require_trait(trait)
        return impact(self.snapshot, self.lineage, self.policy, self.resolve(ref), trait)

    def check(self, refs: Iterable[Ref]) -> tuple[Check, ...]:
        """The release gate: whether anything holds each artifact back."""
        return check(self.risks(refs), self.policy, self.lineage)

    def picture(
        self,
        refs: Iterable[Ref],
        *,
        direction: str = "both",
        depth: int | None = None,
        trait: str | None = None,
    ) -> "Picture":
        """The diagram of the lineage around some artifacts; see `provenance.render`."""
        from provenance.render import Direction, picture

        if trait is not None:
            self._require_trait(trait)
        return picture(
            self.snapshot,
            self.lineage,
            self.risks(),
            [self.resolve(ref) for ref in refs],
            direction=Direction(direction),
            depth=depth,
            trait=trait,
            head=self.head,
        )

    def _require_trait(self, trait: str) -> None:
        if trait not in self.snapshot.traits:
            known = ", ".join(self.snapshot.traits) or "none"
            raise UnknownReferenceError(f"there is no trait {trait!r}", hint=f"Known traits: {known}.")


def _has_digest(artifact: Artifact, prefix: str) -> bool:
    if artifact.content is None:
        return False
    return str(artifact.content.digest).startswith(prefix if ":" in prefix else f"blake3:{prefix}")
