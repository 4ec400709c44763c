"""A view: all that was known at a date, under a policy, and every question that can be asked of it.

    view = registry.view(as_of=datetime(2026, 11, 1, tzinfo=UTC))
    view.risks(["student"])

Two views of the same date under the same policy give the same answers, whatever was recorded since.

A question about some artifacts reads an excerpt of the ledger, see `provenance.lineage_view`. Only what is asked of the whole registry
(`View.survey`, `View.snapshot`, `View.lineage`, `View.kindred`) reads the whole, when it is asked for.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from provenance.artifacts import Alias, Artifact, ArtifactId, ArtifactKind
from provenance.description import Description
from provenance.errors import ContentError, UnknownReferenceError, UsageError
from provenance.evidence import Evidence
from provenance.facts import Recorded, Snapshot
from provenance.lineage import Kindred, Lineage
from provenance.lineage.gaps import gaps
from provenance.lineage_view import LineageView, Ref, in_full
from provenance.moments import told
from provenance.picturing import pictured
from provenance.relations import Relation
from provenance.render.selection import COLLAPSE, Direction, Scope, selected
from provenance.risk import (
    Check,
    ExplainedRisks,
    Impact,
    RiskReport,
    Status,
    assess,
    check,
    explain,
    impact,
)
from provenance.risk.survey import Survey, survey
from provenance.traits import TraitMeasurement

if TYPE_CHECKING:
    import networkx as nx

    from provenance.render import Picture

Answer = TypeVar("Answer", RiskReport, Impact)
_CHUNK = 500  # artifacts that are looked up together


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPage(RiskReport):
    """The answer to `risks`: of artifacts that were named, or a page of all.

    Args:
        counts: Of all artifacts of the registry, how many stand where; None where only named ones were looked at.
        next: The last artifact of this page, where others follow: they come after it.
    """

    counts: Mapping[Status, int] | None = field(default=None, hash=False)
    next: ArtifactId | None = None

    @classmethod
    def of(
        cls,
        report: RiskReport,
        *,
        counts: Mapping[Status, int] | None = None,
        follow: ArtifactId | None = None,
    ) -> "RiskPage":
        """A report as a page."""
        told = {one.name: getattr(report, one.name) for one in fields(RiskReport)}
        return cls(**told, counts=counts, next=follow)


@dataclass(frozen=True)
class View(LineageView):
    """All that was known at a date, under a policy.

    Args:
        reading: The ledger up to that date.
        policy: The policy.
        unfinished: Whether an import was begun and not finished: more of its files may bear on any answer, so that every answer
            about risks is partial.
    """

    unfinished: bool = False

    @property
    def head(self) -> str:
        """Digest of the ledger's last transaction at that date, for footers."""
        return self.reading.head.digest

    # --- the whole -----------------------------------------------------------------------------------------------------

    @cached_property
    def snapshot(self) -> Snapshot:
        """Every fact."""
        return self.reading.snapshot()

    @cached_property
    def lineage(self) -> Lineage:
        """The graph of all artifacts and relations."""
        return Lineage.of(self.snapshot)

    @cached_property
    def kindred(self) -> Kindred:
        """Kinship by weights among all of them."""
        return Kindred.of(self.lineage, self.policy.lifetimes)

    @cached_property
    def _columns(self) -> Lineage:
        """The graph of all artifacts and relations, without reading their facts one by one."""
        return Lineage.over(self.reading.table(), self.reading.findings())

    def survey(self, trait: str | None = None) -> Survey:
        """Where every artifact stands with one trait, or with any; see `provenance.risk.survey`.

        Raises:
            UnknownReferenceError: There is no such trait.
        """
        self._require_trait(trait)
        return survey(self._columns, self.policy, trait=trait)

    # --- finding -------------------------------------------------------------------------------------------------------

    def artifacts(
        self,
        pattern: str = "*",
        *,
        any_case: bool = False,
        kinds: Collection[ArtifactKind] = (),
        metadata: Mapping[str, str] | None = None,
        trait: str | None = None,
        statuses: Collection[Status] = (),
        after: Ref | None = None,
        limit: int | None = None,
    ) -> tuple[Recorded[Artifact], ...]:
        """What is recorded, in order of identity as text.

        Args:
            pattern: Of names, with ``*`` and ``?``; of identities, where it holds ``:`` or ``@``.
            any_case: Whether the pattern's capitals stand for small letters, too, and the other way round.
            kinds: Of these kinds; any where there are none.
            metadata: With these words.
            trait: Flagged with this trait; where statuses are asked for, the trait to which they apply.
            statuses: With one of these statuses, for which the whole registry is surveyed; any where there are none.
            after: From behind this one on.
            limit: At most so many.

        Raises:
            UnknownReferenceError: There is no such trait, or nothing to begin behind.
        """
        self._require_trait(trait)
        start = None if after is None else in_full(after) or self.resolve(after)
        if not statuses:
            return self.reading.page(
                kinds=kinds,
                pattern=pattern,
                any_case=any_case,
                metadata=metadata or {},
                flagged=trait,
                after=start,
                limit=limit,
            )
        standing = self.survey(trait).artifacts(statuses=statuses, after=start)
        found: list[Recorded[Artifact]] = []
        for first in range(0, len(standing), _CHUNK):
            among = standing[first : first + _CHUNK]
            found += self.reading.page(
                kinds=kinds, pattern=pattern, any_case=any_case, metadata=metadata or {}, among=among
            )
            if limit is not None and len(found) >= limit:
                break
        return tuple(found[:limit])

    def show(self, ref: Ref) -> Description:
        """All that is recorded of one artifact."""
        artifact = self.resolve(ref)
        known = self.reading.show(artifact)
        relations = {one.fact.key: one.fact for one in known.all(Relation)}
        in_order = sorted(relations.values(), key=lambda one: (str(one.parent), str(one.child), one.kind))
        recorded = known.artifacts[artifact]
        return Description(
            artifact=recorded.fact,
            actor=recorded.actor,
            registered_at=recorded.recorded_at,
            location=known.locations.get(artifact),
            aliases=tuple(
                dict.fromkeys(one.fact.name for one in known.all(Alias) if one.fact.artifact == artifact)
            ),
            parents=tuple(one for one in in_order if one.child == artifact),
            children=tuple(one for one in in_order if one.parent == artifact),
            gaps=gaps(self.kindred_above([artifact]), artifact, self.policy.trust),
            flags=tuple(one for one in known.standing_flags if one.fact.artifact == artifact),
            clearances=tuple(
                one
                for one in known.standing_clearances
                if one.fact.artifact == artifact and not self.policy.lifetimes.has_ended(one, known.as_of)
            ),
            blocks=tuple(one for one in known.standing_blocks if one.fact.child == artifact),
            evidence=tuple(one for one in known.all(Evidence) if artifact in one.fact.pair),
            measurements=tuple(one for one in known.all(TraitMeasurement) if one.fact.artifact == artifact),
        )

    def location(self, ref: Ref) -> Path:
        """Where an artifact's content was last seen.

        Raises:
            ContentError: It has none, or it is no longer there.
        """
        artifact = self.resolve(ref)
        path = self.reading.show(artifact).locations.get(artifact)
        if path is None or not Path(path).exists():
            where = f"was last seen in {path}" if path else "was registered by name only"
            raise ContentError(
                f"the content of {artifact} is not at hand: it {where}",
                hint="Register the same content from where it is now; the same artifact gets the new place.",
            )
        return Path(path)

    # --- lineage -------------------------------------------------------------------------------------------------------

    def graph(
        self, refs: Iterable[Ref] | None = None, *, direction: str = "both", depth: int | None = None
    ) -> "nx.DiGraph[str]":
        """The lineage for networkx and for what reads its files: nodes are identities as text, edges run from parent to child.

        Nodes have what `Lineage.digraph` gives them, and ``status``, the artifact's worst over all traits. Every attribute is text,
        a number or a truth value, so that `networkx.write_graphml` and `networkx.node_link_data` take the graph.

        Args:
            refs: The artifacts to begin with; None for the whole registry.
            direction: Which way to go from them: ``up``, ``down`` or ``both``.
            depth: At most so many relations away; None for all the way.

        Raises:
            UnknownReferenceError: An artifact is not recorded.
            UsageError: There is no such direction, or the depth is negative.
        """
        if refs is None:
            return self._with_statuses(self._columns)
        lineage, _, within = self._around(refs, direction, depth)
        return self._with_statuses(lineage).subgraph(map(str, within)).copy()

    def _with_statuses(self, lineage: Lineage) -> "nx.DiGraph[str]":
        graph, found = lineage.digraph.copy(), survey(lineage, self.policy)
        for artifact in found.artifacts():
            graph.nodes[str(artifact)]["status"] = found.status(artifact).value
        return graph

    # --- risk ----------------------------------------------------------------------------------------------------------

    def risks(self, refs: Iterable[Ref] | None = None, *, trait: str | None = None) -> RiskReport:
        """What artifacts (all of them when ``refs`` is None) may have inherited of one trait, or of any.

        Raises:
            UnknownReferenceError: One of them, or the trait, is not recorded.
        """
        if refs is None:
            found = self.survey(trait)
            return self._as_known(found.report(found.artifacts()))
        self._require_trait(trait)
        wanted = self.resolve_all(refs)
        lineage = self._above(wanted)
        return self._as_known(assess(lineage.snapshot, lineage, self.policy, wanted, trait=trait))

    def risk_page(
        self,
        *,
        trait: str | None = None,
        statuses: Collection[Status] = (),
        after: Ref | None = None,
        limit: int | None = None,
    ) -> RiskPage:
        """A page of what all artifacts may have inherited, in order of names, and how many stand where.

        Args:
            trait: Only this trait.
            statuses: Only artifacts of one of these statuses; any where there are none.
            after: From behind this one on.
            limit: At most so many.

        Raises:
            UnknownReferenceError: There is no such trait, or nothing to begin behind.
        """
        found = self.survey(trait)
        start = None if after is None else in_full(after) or self.resolve(after)
        more = None if limit is None else limit + 1
        listed = found.artifacts(statuses=statuses, after=start, limit=more)
        page = listed[:limit]
        follow = page[-1] if page and len(page) < len(listed) else None
        return RiskPage.of(self._as_known(found.report(page)), counts=found.counts, follow=follow)

    def why(self, ref: Ref, trait: str) -> ExplainedRisks:
        """Where an artifact stands with one trait, with the witness paths."""
        self._require_trait(trait)
        artifact = self.resolve(ref)
        lineage = self._above([artifact])
        return explain(lineage.snapshot, lineage, self.policy, artifact, trait)

    def impact(self, ref: Ref, trait: str | None = None) -> Impact:
        """What is downstream of an artifact, and where it would stand were the artifact flagged."""
        self._require_trait(trait)
        artifact = self.resolve(ref)
        lineage = self._below([artifact])
        return self._as_known(impact(lineage.snapshot, lineage, self.policy, artifact, trait))

    def check(self, refs: Iterable[Ref]) -> tuple[Check, ...]:
        """The release gate: whether anything holds each artifact back."""
        wanted = self.resolve_all(refs)
        lineage = self._above(wanted)
        report = self._as_known(assess(lineage.snapshot, lineage, self.policy, wanted))
        return check(report, self.policy, lineage)

    def _as_known(self, answer: Answer) -> Answer:
        """An answer, partial as well where an import is not finished."""
        return replace(answer, partial=answer.partial or self.unfinished)

    def picture(
        self,
        refs: Iterable[Ref],
        *,
        direction: str = "both",
        depth: int | None = None,
        trait: str | None = None,
        collapse: int | None = COLLAPSE,
        critical: bool = False,
        opened: Collection[Ref] = (),
    ) -> "Picture":
        """The diagram of the lineage around some artifacts; see `provenance.render`.

        Args:
            refs: The artifacts.
            direction: Which way to go from them: ``up``, ``down`` or ``both``.
            depth: At most so many relations away; None for all the way.
            trait: Show this trait's flags, risks and blocks only.
            collapse: Above so many, alike siblings are drawn as one group; None for never.
            critical: Show only the artifacts and the witness paths of their risks.
            opened: Artifacts whose neighbours are shown besides, whatever the direction and the depth. The alike ones among them are
                collapsed; opening an artifact once more draws `provenance.render.layout.PAGE` more of each group beside it one by one.

        Raises:
            UnknownReferenceError: An artifact, or the trait, is not recorded.
            UsageError: There is no such direction, the depth is negative, or the count to collapse at is less than 1.
        """
        self._require_trait(trait)
        scope = Scope(
            refs=self.resolve_all(refs),
            direction=_direction(direction),
            depth=depth,
            trait=trait,
            collapse=collapse,
            critical=critical,
            opened=self.resolve_all(opened),
        )
        return pictured(self.reading, self.policy, scope, partial=self.unfinished)

    # --- excerpts ------------------------------------------------------------------------------------------------------

    def _around(
        self, refs: Iterable[Ref], direction: str, depth: int | None
    ) -> tuple[Lineage, tuple[ArtifactId, ...], frozenset[ArtifactId]]:
        """An excerpt around some artifacts, these, and what of it lies in a direction and not too far."""
        way, asked = _direction(direction), self.resolve_all(refs)
        lineage = self._above(asked) if way is Direction.UP else self._below(asked)
        within = selected(lineage, asked, direction=way, depth=depth)
        return lineage, asked, frozenset(within)

    def _require_trait(self, trait: str | None) -> None:
        if trait is not None and self.reading.trait(trait) is None:
            known = ", ".join(one.fact.name for one in self.reading.traits()) or "none"
            there = (
                "there is" if self.reading.as_of is None else f"as of {told(self.reading.as_of)} there was"
            )
            raise UnknownReferenceError(f"{there} no trait {trait!r}", hint=f"Known traits: {known}.")


def _direction(text: str) -> Direction:
    """Reads a direction.

    Raises:
        UsageError: There is no such direction.
    """
    if text not in set(Direction):
        raise UsageError(f"there is no direction {text!r}", hint=f"Directions: {', '.join(Direction)}.")
    return Direction(text)
