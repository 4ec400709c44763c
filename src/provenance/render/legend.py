"""Legend: what the signs of a picture mean, and only those that occur in it."""

from collections.abc import Sequence

from provenance.relations import Channel
from provenance.render.pictures import Edge, LegendEntry, Mark, Node, NodeKind
from provenance.render.records import TRAIT_COLUMNS
from provenance.render.styles import ABOVE, BELOW, LINES, MARKS, PAINTS, ROOT, SHAPES
from provenance.render.wording import shortened
from provenance.risk.report import Status


def legend(
    nodes: Sequence[Node], edges: Sequence[Edge], *, trait: str | None = None
) -> tuple[LegendEntry, ...]:
    """Shapes, then statuses from the worst, then lines, then marks.

    Args:
        nodes: What is drawn.
        edges: What joins it.
        trait: The one trait that was looked at; None for all.
    """
    kinds = {node.kind for node in nodes}
    statuses = {node.status for node in nodes}
    statuses |= {status for node in nodes if node.group for status, _ in node.group.statuses}
    notes = tuple(note for node in nodes for note in node.notes)
    channels = {edge.kind.rule.channel for edge in edges if edge.kind is not None}
    marks = {
        Mark.ASKED: any(node.asked for node in nodes),
        Mark.ROUTE: any(edge.on_route for edge in edges),
        Mark.BLOCKED: any(edge.blocks for edge in edges),
        Mark.MEASURED: any(edge.measured for edge in edges),
        Mark.GROUP: any(node.group is not None for node in nodes),
        Mark.TRUSTED: any(note.startswith(ROOT) for note in notes),
        Mark.BORDER: any(note.startswith((ABOVE, BELOW)) for note in notes),
    }
    return (
        *(LegendEntry(sign=kind, meaning=SHAPES[kind].meaning) for kind in NodeKind if kind in kinds),
        *(
            LegendEntry(sign=status, meaning=_meaning(status, trait))
            for status in Status
            if status in statuses
        ),
        *(
            LegendEntry(sign=channel, meaning=LINES[channel].meaning)
            for channel in Channel
            if channel in channels
        ),
        *(LegendEntry(sign=mark, meaning=MARKS[mark][1]) for mark in Mark if marks[mark]),
    )


def _meaning(status: Status, trait: str | None) -> str:
    if status is not Status.CLEAR or trait is None:
        return PAINTS[status].meaning
    return f"{PAINTS[status].meaning}, for {shortened(trait, TRAIT_COLUMNS)} alone"
