"""Composition: from facts, lineage and risks to a picture. Pure: the same facts give the same picture, in whatever order."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property

from provenance.artifacts import ArtifactId
from provenance.facts import Recorded, Snapshot
from provenance.lineage.evidence_index import FOREVER, Lifetimes
from provenance.lineage.gaps import gaps
from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred
from provenance.relations import Link, RelationKind
from provenance.render.edge_tests import EdgeTests
from provenance.render.legend import legend
from provenance.render.pictures import Edge, Node, NodeKind, Picture
from provenance.render.selection import Direction, selected
from provenance.render.wording import counted, finding, short_digest, shortened, visible, wrapped
from provenance.risk.report import ArtifactRisks, RiskEntry, RiskReport, Status
from provenance.traits import Clearance, Flag

_SHOWN = 3
_TRAIT_COLUMNS = 40
_GAP_COLUMNS = 140
_SHOWN_REFS = 3
_ROUTE_STATUSES = frozenset({Status.EXPOSED, Status.SUSPECTED, Status.CARRIER})


def picture(
    snapshot: Snapshot,
    lineage: Lineage,
    report: RiskReport | None,
    refs: Sequence[ArtifactId],
    *,
    direction: Direction = Direction.BOTH,
    depth: int | None = None,
    trait: str | None = None,
    lifetimes: Lifetimes = FOREVER,
    head: str,
) -> Picture:
    """Composes the picture of a lineage.

    Args:
        snapshot: What is known.
        lineage: The same as a graph.
        report: The risks of every artifact that is drawn (`selected` lists them, and measured kin of theirs are added), or None to
            draw lineage and tests alone.
        refs: The artifacts asked about.
        direction: Which way to go from them.
        depth: At most so many relations away; None for all the way.
        trait: Show this trait's flags, risks and blocks only.
        lifetimes: How long what exonerates counts, as in the report.
        head: Digest at the head of the ledger.

    Raises:
        UnknownReferenceError: An artifact is not recorded.
        UsageError: The depth is negative.
    """
    related = selected(lineage, refs, direction=direction, depth=depth)
    kindred = Kindred.of(lineage, lifetimes)
    drawn = tuple(sorted({*related, *_measured_kin(kindred, related)}, key=str))
    goes_down = direction is not Direction.UP
    downstream = selected(lineage, refs, direction=Direction.DOWN, depth=depth) if goes_down else ()
    scene = _Scene(snapshot, kindred, report, frozenset(refs), drawn, frozenset(downstream), trait)
    nodes, edges = scene.nodes, scene.edges
    return Picture(
        title=_title(refs, trait),
        summary=_summary(nodes, edges, direction, depth),
        nodes=nodes,
        edges=edges,
        legend=legend(nodes, edges),
        as_of=snapshot.as_of,
        footer=_footer(snapshot, report, head),
    )


@dataclass(frozen=True)
class _Scene:
    """What the nodes and edges of one picture are made from."""

    snapshot: Snapshot
    kindred: Kindred
    report: RiskReport | None
    asked: frozenset[ArtifactId]
    drawn: tuple[ArtifactId, ...]
    downstream: frozenset[ArtifactId]
    trait: str | None

    @property
    def lineage(self) -> Lineage:
        return self.kindred.lineage

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        missing = (
            _gap_node(place, artifacts, words)
            for place, (artifacts, words) in enumerate(self.gaps.items(), 1)
        )
        return (*(self._node(artifact) for artifact in self.drawn), *missing)

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        tests = EdgeTests(self.lineage, self.kindred.evidence, self.kindred)
        drawn = frozenset(self.drawn)
        known = (
            self._edge(relation, tests)
            for artifact in self.drawn
            for relation in self.lineage.children(artifact)
            if relation.child in drawn
        )
        missing = (
            Edge(parent=_gap_id(place), child=node_id(artifact), kind=None, label="")
            for place, artifacts in enumerate(self.gaps, 1)
            for artifact in artifacts
        )
        return (*known, *self._measured(), *missing)

    def _measured(self) -> Iterator[Edge]:
        """Kinship between drawn models that was measured and that no record explains."""
        drawn = frozenset(self.drawn)
        tests = {test.id: test for model in self.drawn for test in self.kindred.undeclared.get(model, ())}
        for test in sorted(tests.values(), key=lambda test: test.seq):
            if test.fact.pair <= drawn:
                yield Edge(
                    parent=node_id(test.fact.parent),
                    child=node_id(test.fact.child),
                    kind=None,
                    label="measured, not recorded",
                    findings=(finding(test.fact),),
                    measured=True,
                )

    @cached_property
    def risks(self) -> Mapping[ArtifactId, ArtifactRisks]:
        return {} if self.report is None else {risks.artifact: risks for risks in self.report.artifacts}

    @cached_property
    def flags(self) -> Mapping[ArtifactId, tuple[Recorded[Flag], ...]]:
        """The standing flags that the picture is about, by artifact."""
        found: dict[ArtifactId, list[Recorded[Flag]]] = {}
        for flag in sorted(self.snapshot.standing_flags, key=lambda flag: (flag.fact.trait, flag.seq)):
            if self._concerns(flag.fact.trait):
                found.setdefault(flag.fact.artifact, []).append(flag)
        return {artifact: tuple(flags) for artifact, flags in found.items()}

    @cached_property
    def route_edges(self) -> frozenset[tuple[ArtifactId, RelationKind, ArtifactId]]:
        """The edges along which a trait reaches a drawn artifact."""
        return frozenset(
            (step.parent, step.relation, step.child)
            for artifact in self.drawn
            for entry in self._entries(artifact)
            if entry.status in _ROUTE_STATUSES
            for step in entry.route
        )

    @cached_property
    def gaps(self) -> Mapping[tuple[ArtifactId, ...], tuple[str, ...]]:
        """What is missing in the ancestry, by the artifacts that it is drawn at.

        A gap counts for everything below it; it is drawn where it comes in, at the artifacts that have it and have no drawn
        parent that does (or, in a cycle, at all that have it).
        """
        having: dict[str, list[ArtifactId]] = {}
        for artifact in self.drawn:
            for gap in self._missing(artifact):
                having.setdefault(gap, []).append(artifact)
        drawn_at: dict[tuple[ArtifactId, ...], list[str]] = {}
        for gap in sorted(having):
            drawn_at.setdefault(self._tops(having[gap]), []).append(gap)
        return {artifacts: tuple(drawn_at[artifacts]) for artifacts in sorted(drawn_at)}

    def _missing(self, artifact: ArtifactId) -> tuple[str, ...]:
        if self.report is None:
            return gaps(self.kindred, artifact)
        return self.risks[artifact].unknown if artifact in self.risks else ()

    def _tops(self, artifacts: list[ArtifactId]) -> tuple[ArtifactId, ...]:
        among = frozenset(artifacts)
        tops = (
            artifact
            for artifact in artifacts
            if not any(relation.parent in among for relation in self.lineage.parents(artifact))
        )
        return tuple(tops) or tuple(artifacts)

    def _concerns(self, trait: str) -> bool:
        return self.trait in {None, trait}

    def _entries(self, artifact: ArtifactId) -> list[RiskEntry]:
        """The artifact's risks that the picture is about, worst first."""
        risks = self.risks.get(artifact)
        entries = () if risks is None else risks.risks
        return sorted(
            (entry for entry in entries if self._concerns(entry.trait)),
            key=lambda entry: (
                entry.status.rank,
                -entry.severity.rank,
                entry.trait,
                -entry.score,
                entry.flag,
            ),
        )

    def _status(self, artifact: ArtifactId) -> Status | None:
        if artifact not in self.risks:
            return None
        if entries := self._entries(artifact):
            return entries[0].status
        return Status.UNKNOWN if self.risks[artifact].unknown else Status.CLEAR

    def _node(self, artifact: ArtifactId) -> Node:
        status = self._status(artifact)
        return Node(
            id=node_id(artifact),
            kind=NodeKind(artifact.kind.value),
            artifact=str(artifact),
            name=str(artifact),
            label=wrapped(shortened(f"{artifact.name}@{artifact.version}")),
            status=status,
            standing=tuple(self._standing(artifact, status)),
            notes=tuple(self._notes(artifact, status)),
            asked=artifact in self.asked,
        )

    def _standing(self, artifact: ArtifactId, status: Status | None) -> Iterator[str]:
        """One line for each trait, with the worst of its entries."""
        worst: dict[str, RiskEntry] = {}
        for entry in self._entries(artifact):
            worst.setdefault(entry.trait, entry)
        for entry in list(worst.values())[:_SHOWN]:
            name = shortened(entry.trait, _TRAIT_COLUMNS)
            yield f"{entry.status.value.upper()}: {name} ({entry.severity})"
        if len(worst) > _SHOWN:
            yield f"and {counted(len(worst) - _SHOWN, 'more trait')}"
        if not worst and status is not None:
            yield status.value.upper()

    def _notes(self, artifact: ArtifactId, status: Status | None) -> Iterator[str]:
        yield from self._origin_notes(artifact)
        recorded = self.snapshot.artifacts.get(artifact)
        if recorded is None:
            yield "named, not registered"
        elif recorded.fact.declared_root or self._is_root(artifact):
            yield "trusted root"
        if self.report is not None and status is None:
            yield "risk not assessed"
        elif status is not Status.UNKNOWN and artifact in self.risks and self.risks[artifact].unknown:
            yield "ancestry incomplete"
        yield from self._border_notes(artifact)

    def _is_root(self, artifact: ArtifactId) -> bool:
        """Whether the policy trusts it without further questions: the report lists it among its own roots."""
        risks = self.risks.get(artifact)
        return risks is not None and any(root.startswith(f"{artifact}: ") for root in risks.roots)

    def _origin_notes(self, artifact: ArtifactId) -> Iterator[str]:
        """Where traits come from, and where a decision about the artifact itself ends their way."""
        for flag in self.flags.get(artifact, ()):
            yield f"FLAGGED HERE: {shortened(flag.fact.trait, _TRAIT_COLUMNS)}, {flag.id}"
        origins = {entry.origin for entry in self._entries(artifact) if entry.origin != artifact}
        for origin in sorted(origins.difference(self.drawn), key=str)[:_SHOWN]:
            yield f"from {shortened(str(origin), _TRAIT_COLUMNS)}, not drawn"
        for clearance in self.snapshot.all(Clearance):
            fact = clearance.fact
            if fact.artifact == artifact and fact.stops_here and self._concerns(fact.trait):
                yield f"{shortened(fact.trait, _TRAIT_COLUMNS)} stops here, {clearance.id}"

    def _border_notes(self, artifact: ArtifactId) -> Iterator[str]:
        """What the picture leaves out around the artifact, so that its border is not taken for the end of the lineage."""
        drawn = frozenset(self.drawn)
        parents = {relation.parent for relation in self.lineage.parents(artifact)} - drawn
        if parents:
            yield f"{counted(len(parents), 'parent')} not drawn"
        children = {relation.child for relation in self.lineage.children(artifact)} - drawn
        if children and artifact in self.downstream:
            yield f"{counted(len(children), 'child', 'children')} not drawn"

    def _edge(self, relation: Link, tests: EdgeTests) -> Edge:
        return Edge(
            parent=node_id(relation.parent),
            child=node_id(relation.child),
            kind=relation.kind,
            label=_edge_label(relation),
            findings=tests.findings(relation),
            blocks=tuple(
                f"BLOCKED: {shortened(block.fact.trait, _TRAIT_COLUMNS)} until {block.fact.expires_at:%Y-%m-%d}"
                for block in self.snapshot.standing_blocks
                if (block.fact.parent, block.fact.child) == (relation.parent, relation.child)
                and self._concerns(block.fact.trait)
            ),
            on_route=(relation.parent, relation.kind, relation.child) in self.route_edges,
        )


def _measured_kin(kindred: Kindred, models: Iterable[ArtifactId]) -> Iterator[ArtifactId]:
    """The models that tests found to be kin to some, and no record does."""
    return (one for model in models for test in kindred.undeclared.get(model, ()) for one in test.fact.pair)


def node_id(artifact: ArtifactId) -> str:
    """An artifact's id in a picture: readable and unique, and without the colon that stands for a port in DOT."""
    return f"{artifact.kind} {artifact.name}@{artifact.version}"


def _gap_id(place: int) -> str:
    return f"unknown ancestry {place}"


def _gap_node(place: int, artifacts: tuple[ArtifactId, ...], words: tuple[str, ...]) -> Node:
    """A node for what is missing at some artifacts; what the edge shows anyway is not said again."""
    own = [f"{artifact}: " for artifact in artifacts]
    plain = "; ".join(_without_prefix(visible(gap), own) for gap in words)
    return Node(
        id=_gap_id(place),
        kind=NodeKind.UNKNOWN,
        name=f"unknown ancestry: {visible('; '.join(words))}",
        label=("unknown ancestry:", *wrapped(shortened(plain, _GAP_COLUMNS))),
    )


def _without_prefix(text: str, prefixes: Sequence[str]) -> str:
    for prefix in prefixes:
        text = text.removeprefix(prefix)
    return text


def _edge_label(relation: Link) -> str:
    """The relation's word with its share, or its fraction of clean rows."""
    parts = [relation.kind.value]
    if relation.share is not None:
        parts.append(f"{relation.share:.2g}")
    if relation.clean_fraction is not None:
        parts.append(f"({relation.clean_fraction:.0%} clean)")
    return " ".join(parts)


def _title(refs: Sequence[ArtifactId], trait: str | None) -> str:
    named = [shortened(str(ref)) for ref in dict.fromkeys(refs)]
    more = f" and {len(named) - _SHOWN_REFS} more" if len(named) > _SHOWN_REFS else ""
    about = f": {shortened(trait, _TRAIT_COLUMNS)}" if trait is not None else ""
    return f"Lineage of {', '.join(named[:_SHOWN_REFS])}{more}{about}"


def _summary(
    nodes: Sequence[Node], edges: Sequence[Edge], direction: Direction, depth: int | None
) -> tuple[str, ...]:
    """What is drawn, and how it stands: the worst first, then what nobody knows."""
    artifacts = [node for node in nodes if node.kind is not NodeKind.UNKNOWN]
    standing = Counter(node.status for node in artifacts if node.status is not None)
    untested = sum(found.text.endswith("untested") for edge in edges for found in edge.findings)
    ways = {
        Direction.UP: "ancestors",
        Direction.DOWN: "descendants",
        Direction.BOTH: "ancestors and descendants",
    }
    reach = "" if depth is None else f", {counted(depth, 'relation')} away at most"
    words = [f"{standing[status]} {status}" for status in Status if standing[status]]
    if not words:
        words.append("risk not assessed")
    words.append(f"{counted(untested, 'test')} missing")
    words.append(f"{counted(len(nodes) - len(artifacts), 'gap')} in the ancestry")
    return (
        f"{counted(len(artifacts), 'artifact')}: {ways[direction]}{reach}",
        ", ".join(words),
    )


def _footer(snapshot: Snapshot, report: RiskReport | None, head: str) -> str:
    parts = [
        f"as of {snapshot.as_of.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        f"ledger head {short_digest(head)}",
    ]
    if report is not None:
        parts.append(f"policy {short_digest(report.policy_digest)}")
        if report.partial:
            parts.append("PARTIAL: something could not be looked at")
    return " · ".join(parts)
