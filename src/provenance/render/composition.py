"""Composition: from lineage, records and risks to a picture. Pure: the same facts give the same picture, in whatever order."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC

from provenance.lineage.gaps import NO_TRUST, Gaps, Trust
from provenance.lineage.kinship import Kindred
from provenance.render.edges import edges
from provenance.render.layout import arranged
from provenance.render.legend import legend
from provenance.render.nodes import nodes
from provenance.render.pictures import Edge, Node, Picture
from provenance.render.records import TRAIT_COLUMNS, Records
from provenance.render.scene import Scene
from provenance.render.selection import Border, Direction, Scope
from provenance.render.standings import Standings
from provenance.render.wording import counted, short_digest, shortened
from provenance.risk.report import Status

_SHOWN_REFS = 3
_PARTIAL = "PARTIAL: something could not be looked at"
_ROUTES = {
    (True, True): "only the routes by which flagged traits arrive, and those that were stopped",
    (True, False): "only the routes by which flagged traits arrive",
    (False, True): "only routes that were stopped; no other by which a flagged trait arrives is known",
    (False, False): "no route by which a flagged trait arrives is known",
}
"""What the critical path shows, by whether a trait arrives and whether one was stopped."""
_WAYS = {
    Direction.UP: "ancestors",
    Direction.DOWN: "descendants",
    Direction.BOTH: "ancestors and descendants",
}


def picture(
    kindred: Kindred,
    standings: Standings | None,
    scope: Scope,
    *,
    border: Border | None = None,
    trust: Trust = NO_TRUST,
    partial: bool = False,
    head: str | None,
) -> Picture:
    """Composes the picture of a lineage.

    Args:
        kindred: Who comes from whom, who is kin, and what is known of them: at least of all that is drawn and of its ancestors.
        standings: Where all recorded artifacts of it stand, or None to draw lineage and tests alone.
        scope: What is asked.
        border: What is recorded beyond; None where ``kindred`` holds all of it.
        trust: Where trust in an ancestry begins without further questions, as in the standings.
        partial: Whether something could not be looked at, beside what the standings say.
        head: Digest at the head of the ledger; None for facts that stand in none.

    Raises:
        UnknownReferenceError: An artifact is not recorded.
        UsageError: The depth is negative.
    """
    lineage = kindred.lineage
    records = Records(lineage.snapshot, scope)
    scene = Scene(
        records=records,
        gaps=Gaps(kindred, trust),
        standings=standings,
        border=border or Border.of(lineage, scope),
        layout=arranged(kindred, records, standings),
    )
    partial = partial or (scene.report is not None and scene.report.partial)
    drawn = (*nodes(scene), *scene.missing.nodes)
    joined = (*edges(scene), *scene.missing.edges)
    return Picture(
        title=_title(scope),
        summary=_summary(scene, drawn, joined, partial),
        nodes=drawn,
        edges=joined,
        legend=legend(drawn, joined, trait=scope.trait),
        as_of=lineage.snapshot.as_of,
        footer=_footer(scene, head, partial),
        hidden=scene.border.hidden(scene.drawn),
        uncounted=scene.border.uncounted,
    )


def _title(scope: Scope) -> str:
    named = [shortened(str(ref)) for ref in dict.fromkeys(scope.refs)]
    more = f" and {len(named) - _SHOWN_REFS} more" if len(named) > _SHOWN_REFS else ""
    about = f", {shortened(scope.trait, TRAIT_COLUMNS)} alone" if scope.trait is not None else ""
    what = "Routes of flagged traits to" if scope.critical else "Lineage of"
    return f"{what} {', '.join(named[:_SHOWN_REFS])}{more}{about}"


def _summary(scene: Scene, drawn: Sequence[Node], joined: Sequence[Edge], partial: bool) -> tuple[str, ...]:
    """Whether something could not be looked at; what is drawn; how that stands and what nobody knows of it; what is left out."""
    lines = [_extent(scene, drawn), ", ".join(_account(scene, joined))]
    lines += _reservations(scene)
    if partial:
        lines.insert(0, _PARTIAL)
    if hidden := scene.border.hidden(scene.drawn):
        least = "at least " if scene.border.uncounted else ""
        lines.append(
            f"not drawn and not counted here: {least}{counted(hidden, 'more artifact')} of the lineage"
        )
    return tuple(lines)


def _reservations(scene: Scene) -> Iterator[str]:
    """What keeps a trait from those asked about by decision alone, and which traits were not looked at."""
    stops = dict.fromkeys(stop for ref in scene.scope.refs for stop in scene.stopped(ref))
    words = [f"{shortened(stop.trait, TRAIT_COLUMNS)} by {stop.by}" for stop in stops]
    if words:
        more = [f"{len(words) - _SHOWN_REFS:,} more"] if len(words) > _SHOWN_REFS else []
        yield f"stopped by recorded decisions: {'; '.join([*words[:_SHOWN_REFS], *more])}"
    if scene.scope.trait is not None and scene.standings is not None:
        yield f"{shortened(scene.scope.trait, TRAIT_COLUMNS)} alone: other traits were not looked at"


def _extent(scene: Scene, drawn: Sequence[Node]) -> str:
    """How many artifacts are drawn, one by one or in groups, and which."""
    scope, groups = scene.scope, [node.group for node in drawn if node.group is not None]
    shown = _routes(scene) if scope.critical else _WAYS[scope.direction]
    if scope.depth is not None and not scope.critical:
        shown += f", {counted(scope.depth, 'relation')} away at most"
    if scope.opened:
        shown += f", and what is beside {counted(len(set(scope.opened)), 'opened artifact')}"
    if groups:
        inside = sum(group.count for group in groups)
        shown += f"; {inside:,} of them in {counted(len(groups), 'group')} of alike ones"
    return f"{counted(len(scene.drawn), 'artifact')}: {shown}"


def _routes(scene: Scene) -> str:
    if scene.standings is None:
        return "no routes, since no risk was assessed"
    refs = scene.scope.refs
    arrive, stopped = any(map(scene.entries, refs)), any(map(scene.stopped, refs))
    return _ROUTES[arrive, stopped]


def _account(scene: Scene, joined: Sequence[Edge]) -> list[str]:
    standing = Counter(scene.status(artifact) for artifact in scene.drawn)
    untested = sum(found.missing for edge in joined for found in edge.findings)
    words = [f"{standing[status]:,} {scene.word(status)}" for status in Status if standing[status]]
    if not words:
        words.append("risk not assessed")
    elif standing[None]:
        words.append(f"{standing[None]:,} not assessed")
    words.append(f"{counted(untested, 'test')} missing")
    words.append(f"{counted(scene.missing.total, 'gap')} in the ancestry")
    return words


def _footer(scene: Scene, head: str | None, partial: bool) -> str:
    parts = [f"as of {scene.lineage.snapshot.as_of.astimezone(UTC):%Y-%m-%d %H:%M} UTC"]
    if head is not None:
        parts.append(f"ledger head {short_digest(head)}")
    if scene.report is not None:
        parts.append(f"policy {short_digest(scene.report.policy_digest)}")
    if partial:
        parts.append(_PARTIAL)
    return " · ".join(parts)
