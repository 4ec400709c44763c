"""Nodes: what a picture says of an artifact, or of a group of alike ones."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from provenance.artifacts import ArtifactId
from provenance.render.layout import node_id
from provenance.render.pictures import Group, Node, NodeKind
from provenance.render.records import TRAIT_COLUMNS
from provenance.render.scene import NAMED, Scene
from provenance.render.selection import neighbours
from provenance.render.styles import ABOVE, BELOW, ROOT
from provenance.render.wording import LABEL_COLUMNS, counted, shortened, visible, wrapped
from provenance.risk.report import RiskEntry, Status

_SHOWN = 3


def nodes(scene: Scene) -> Iterator[Node]:
    """The artifacts in order of their names, then the groups."""
    for artifact in scene.layout.singles:
        yield _single(scene, artifact)
    for members in scene.layout.groups:
        yield _group(scene, members)


# --- one artifact ------------------------------------------------------------------------------------------------------


def _single(scene: Scene, artifact: ArtifactId) -> Node:
    status = scene.status(artifact)
    return Node(
        id=node_id(artifact),
        kind=NodeKind(artifact.kind.value),
        artifact=str(artifact),
        name=str(artifact),
        label=wrapped(_short(artifact)),
        status=status,
        standing=tuple(_standing(scene, artifact, scene.entries(artifact))),
        notes=tuple(_notes(scene, artifact, status)),
        asked=artifact in scene.scope.refs,
        hidden_parents=len(_hidden_parents(scene, [artifact])),
        hidden_children=_hidden_children(scene, [artifact]),
    )


def _short(artifact: ArtifactId) -> str:
    return shortened(f"{artifact.name}@{artifact.version}")


def _standing(scene: Scene, artifact: ArtifactId, entries: Iterable[RiskEntry]) -> Iterator[str]:
    """One line for each trait, with the worst of its entries; where no flag reaches it, what that rests on."""
    worst: dict[str, RiskEntry] = {}
    for entry in entries:
        worst.setdefault(entry.trait, entry)
    for entry in list(worst.values())[:_SHOWN]:
        name = shortened(entry.trait, TRAIT_COLUMNS)
        yield f"{entry.status.value.upper()}: {name} ({entry.severity})"
    if len(worst) > _SHOWN:
        yield f"and {counted(len(worst) - _SHOWN, 'more trait')}"
    status = scene.status(artifact)
    if not worst and status is not None:
        stops = len(scene.stopped(artifact))
        yield _shouted(scene, status) + (f", {counted(stops, 'route')} stopped" if stops else "")


def _shouted(scene: Scene, status: Status) -> str:
    return scene.word(status).replace(status.value, status.value.upper(), 1)


def _notes(scene: Scene, artifact: ArtifactId, status: Status | None) -> Iterator[str]:
    flags = scene.records.flags.get(artifact, ())
    for flag in flags[:_SHOWN]:
        yield f"FLAGGED HERE: {shortened(flag.fact.trait, TRAIT_COLUMNS)}, {flag.id}"
    if more := flags[_SHOWN:]:
        yield f"FLAGGED HERE: and {counted(len(more), 'more time')}"
    yield from _far_origins(scene, [artifact])
    for stop in scene.records.stops.get(artifact, ()):
        because = shortened(visible(stop.fact.evidence), TRAIT_COLUMNS)
        yield f"{shortened(stop.fact.trait, TRAIT_COLUMNS)} stops here, {stop.id}, because: {because}"
    if not scene.lineage.recorded(artifact):
        yield "named, not registered"
    elif _is_root(scene, artifact):
        yield f"{ROOT} trusted root"
    if scene.standings is not None and status is None:
        yield "risk not assessed"
    elif scene.standings is not None and status is not Status.UNKNOWN and artifact in scene.incomplete:
        yield "ancestry incomplete"
    for gap in scene.missing.noted.get(node_id(artifact), ()):
        yield f"UNKNOWN ANCESTRY: {shortened(visible(gap.words), LABEL_COLUMNS)}"
    yield from _border(scene, [artifact])


def _far_origins(scene: Scene, artifacts: Iterable[ArtifactId]) -> Iterator[str]:
    """Where traits come from that the picture does not show."""
    origins = {entry.origin for artifact in artifacts for entry in scene.entries(artifact)}
    for origin in sorted(origins - scene.drawn, key=str)[:_SHOWN]:
        yield f"from {shortened(str(origin), TRAIT_COLUMNS)}, not drawn"


def _is_root(scene: Scene, artifact: ArtifactId) -> bool:
    """Whether its ancestry begins with it: by declaration, or since the policy trusts it without further questions."""
    return scene.lineage.declared_root(artifact) or scene.gaps.trust.covers(artifact)


# --- a group -----------------------------------------------------------------------------------------------------------


def _group(scene: Scene, members: Sequence[ArtifactId]) -> Node:
    kind = members[0].kind
    statuses = Counter(scene.status(member) for member in members)
    place = scene.layout.places[members[0]]
    title = f"{len(members):,} {kind}s"
    known = tuple((status, statuses[status]) for status in Status if statuses[status])
    return Node(
        id=place,
        kind=NodeKind(kind.value),
        group=Group(
            count=len(members),
            statuses=known,
            names=tuple(map(str, members[:NAMED])),
            gaps=scene.missing.counted.get(place, 0),
            opener=_opener(scene, members[0]),
        ),
        name=f"{title}: {_listed(members)}",
        label=(title,),
        status=known[0][0] if known else None,
        standing=tuple(f"{count:,} {_shouted(scene, status)}" for status, count in known),
        notes=tuple(_group_notes(scene, members, statuses)),
        hidden_parents=len(_hidden_parents(scene, members)),
        hidden_children=_hidden_children(scene, members),
    )


def _listed(members: Sequence[ArtifactId]) -> str:
    """The first members by their names."""
    more = f" and {len(members) - NAMED:,} more" if len(members) > NAMED else ""
    return f"{', '.join(map(str, members[:NAMED]))}{more}"


def _opener(scene: Scene, member: ArtifactId) -> str | None:
    """The neighbour, drawn by itself, that all members have: they have all of these in common."""
    alone = frozenset(scene.layout.singles)
    return next((str(one) for one in neighbours(scene.lineage, member) if one in alone), None)


def _group_notes(
    scene: Scene, members: Sequence[ArtifactId], statuses: Counter[Status | None]
) -> Iterator[str]:
    yield from _named(scene, members[:NAMED])
    yield from _far_origins(scene, members[:NAMED])
    stopped = {stop.fact.trait for stop in scene.records.stops.get(members[0], ())}
    for trait in sorted(stopped):
        yield f"{shortened(trait, TRAIT_COLUMNS)} stops at each of them"
    if roots := sum(_is_root(scene, member) for member in members if scene.lineage.recorded(member)):
        yield f"{ROOT} {counted(roots, 'trusted root')}"
    counts = (
        (sum(not scene.lineage.recorded(member) for member in members), "named, not registered"),
        (statuses[None] if scene.standings is not None else 0, "not assessed"),
    )
    yield from (f"{count:,} {words}" for count, words in counts if count)
    incomplete = len(scene.incomplete.intersection(members))
    if scene.standings is not None and incomplete > statuses[Status.UNKNOWN]:
        yield f"ancestry incomplete of {incomplete:,}"
    if inside := scene.missing.counted.get(scene.layout.places[members[0]]):
        yield f"unknown ancestry: {counted(inside, 'gap')} of theirs, not drawn"
    yield from _border(scene, members)


def _named(scene: Scene, members: Iterable[ArtifactId]) -> Iterator[str]:
    """One of the first members for each thing that is said of them, the worst first."""
    said: dict[str, ArtifactId] = {}
    for member in members:
        entries = scene.entries(member)[:1]
        said.setdefault(next(_standing(scene, member, entries), "") if entries else "", member)
    for words, member in said.items():
        yield f"such as {_short(member)}{': ' if words else ''}{words}"


# --- what is left out --------------------------------------------------------------------------------------------------


def _border(scene: Scene, artifacts: Sequence[ArtifactId]) -> Iterator[str]:
    """What the picture leaves out around a node, so that its border is not taken for the end of the lineage."""
    if parents := len(_hidden_parents(scene, artifacts)):
        yield f"{ABOVE} {counted(parents, 'parent')} not drawn"
    asked = [artifact for artifact in artifacts if artifact in scene.downstream]
    if children := _hidden_children(scene, asked):
        yield f"{BELOW} {counted(children, 'child', 'children')} not drawn"


def _hidden_parents(scene: Scene, artifacts: Iterable[ArtifactId]) -> frozenset[ArtifactId]:
    parents = (link.parent for artifact in artifacts for link in scene.lineage.parents(artifact))
    return frozenset(parents) - scene.drawn


def _hidden_children(scene: Scene, artifacts: Iterable[ArtifactId]) -> int:
    """How many children are not drawn; of several artifacts, a child that they share counts for each."""
    return sum(
        scene.border.children.get(str(artifact), 0)
        - len({link.child for link in scene.lineage.children(artifact)} & scene.drawn)
        for artifact in artifacts
    )
