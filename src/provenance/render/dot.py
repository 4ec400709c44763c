r"""DOT: a picture in Graphviz's language.

Text of users stands in HTML-like labels and in tooltips only. In both, Graphviz decodes entities and then interprets backslash
sequences such as ``\N``, the latter twice in tooltips; `_markup` and `_tooltip` undo exactly that.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from itertools import zip_longest
from typing import TYPE_CHECKING

from provenance.relations import Channel
from provenance.render.pictures import Edge, Finding, LegendEntry, Mark, Node, NodeKind, Picture, Tone
from provenance.render.styles import ALARM, FAINT, INK, LINES, MARKS, PAINTS, SHAPES, TONES, signed, worded
from provenance.render.wording import visible
from provenance.risk.report import Status

if TYPE_CHECKING:
    from graphviz import Digraph

# Verdana has the widths of DejaVu Sans, for viewers of the SVG that lack it.
FONT = "DejaVu Sans,Verdana,sans-serif"
_NAME, _SMALL, _TINY = 12, 10, 9
_EMPTY_CELLS = "<td></td><td></td>"
_DPI, _NO_LIMIT = 96, 10_000  # dots in an inch of a PNG of a given width; inches that no drawing is high
_CROWD = 8
_LARGE = 400
# Beyond some hundred nodes, Graphviz spends its time on curves and on the last per cent of balance: minutes against seconds.
_HURRY = {"splines": "line", "nslimit": "0.2", "mclimit": "0.3"}
_GRAPH = {
    "ranksep": "0.5",
    "nodesep": "0.45",
    "fontname": FONT,
    "bgcolor": "white",
    "labelloc": "b",
    "labeljust": "l",
    "pad": "0.25",
}


Links = Callable[[str], str | None]
"""Identity of an artifact to the address of its page, or of nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """What elements of the drawing are called, and where they lead.

    Args:
        prefix: What their ids begin with.
        links: Where nodes lead.
    """

    prefix: str
    links: Links | None

    def attributes(self, node: Node, place: int) -> dict[str, str]:
        """The id of a node and its address."""
        address = self.links(node.artifact) if self.links and node.artifact else None
        linked = {} if address is None else {"URL": _markup(address)}
        return {"id": f"{self.prefix}-n{place}", **linked}


def to_dot(
    picture: Picture, *, links: Links | None = None, prefix: str = "lineage", width: int | None = None
) -> str:
    """The picture as DOT: the same picture, the same text.

    Args:
        picture: The picture.
        links: Identity of an artifact to the address that its node leads to, or to None.
        prefix: What the ids of an SVG made of it begin with, so that two in one page don't clash: letters, digits and hyphens.
        width: How many pixels wide a PNG made of it is; None for as wide as legible text makes it.
    """
    from graphviz import Digraph

    title = _tooltip(picture.title)
    attributes = {
        "id": prefix,
        "rankdir": _rankdir(picture.edges),
        "label": _key(picture),
        "tooltip": title,
    }
    if width is not None:
        attributes |= {"dpi": str(_DPI), "size": f"{width / _DPI!r},{_NO_LIMIT}!"}
    hurry = _HURRY if len(picture.nodes) > _LARGE else {}
    names = _Names(prefix=prefix, links=links)
    graph = Digraph("lineage", graph_attr=_GRAPH | hurry | attributes)
    with graph.subgraph(name="cluster_lineage") as body:
        body.attr(
            label=_heading(picture),
            labelloc="t",
            labeljust="l",
            peripheries="0",
            tooltip=title,
        )
        body.attr("node", fontname=FONT, fontsize=str(_NAME), margin="0.12,0.07")
        body.attr("edge", fontname=FONT, fontsize=str(_SMALL), arrowsize="0.8")
        for place, node in enumerate(picture.nodes, 1):
            _add_node(body, node, names.attributes(node, place))
        ends = {node.id: node.name for node in picture.nodes}
        for place, edge in enumerate(picture.edges, 1):
            _add_edge(body, edge, f"{prefix}-e{place}", f"{ends[edge.parent]} → {ends[edge.child]}")
    return str(graph.source)


def _rankdir(edges: Iterable[Edge]) -> str:
    """From top to bottom, unless one artifact has so many parents or children that a row of them would not fit a page."""
    crowd = Counter(end for edge in edges for end in (f"from {edge.parent}", f"to {edge.child}"))
    return "LR" if max(crowd.values(), default=0) > _CROWD else "TB"


def _add_node(graph: "Digraph", node: Node, attributes: dict[str, str]) -> None:
    paint = PAINTS[node.status or Status.CLEAR]
    graph.node(
        _id(node.id),
        label=_node_label(node, paint.text),
        tooltip=_tooltip("; ".join((node.name, *node.standing, *node.notes))),
        fillcolor=paint.fill,
        color=INK if node.asked else FAINT,
        penwidth="3.2" if node.asked else "1",
        peripheries="1" if node.group is None else "2",
        **attributes,
        **SHAPES[node.kind].dot,
    )


def _node_label(node: Node, colour: str) -> str:
    if node.kind is NodeKind.UNKNOWN:
        return _lines(_font(line, size=_SMALL, colour=INK, italic=True) for line in node.label)
    kind = () if node.group else (_font(node.kind.value, size=_TINY, colour=colour),)
    return _lines(
        [
            *kind,
            *(_font(line, size=_NAME, colour=colour, bold=True) for line in node.label),
            *(_font(line, size=_SMALL, colour=colour, bold=True) for line in signed(node)),
            *(_font(line, size=_TINY, colour=colour) for line in node.notes),
        ]
    )


def _add_edge(graph: "Digraph", edge: Edge, id_: str, ends: str) -> None:
    told = (edge.label, *(found.text for found in edge.findings), *edge.blocks)
    tooltip = _tooltip(f"{ends}: {'; '.join(told)}" if edge.label else ends)
    graph.edge(
        _id(edge.parent),
        _id(edge.child),
        id=id_,
        label=_edge_label(edge),
        tooltip=tooltip,
        labeltooltip=tooltip,
        style=_style(edge),
        color=f"{INK}:invis:{INK}" if edge.measured else ALARM if edge.on_route else FAINT,
        penwidth="2.6" if edge.on_route else "1.1",
        **_head(edge),
    )


def _style(edge: Edge) -> str:
    if edge.kind is None:
        return "solid" if edge.measured else "dashed"
    return LINES[edge.kind.rule.channel].dot


def _head(edge: Edge) -> dict[str, str]:
    if edge.measured:
        # It joins two models and ranks neither above the other.
        return {"dir": "none", "constraint": "false"}
    if edge.blocks:
        return {"arrowhead": "teetee", "arrowsize": "1.6"}
    return {"arrowhead": "open" if edge.kind is None else "normal"}


def _edge_label(edge: Edge) -> str:
    lines = [
        _font(edge.label, size=_SMALL, colour=INK),
        *(
            _font(found.text, size=_TINY, colour=_tone(found, edge), bold=found.tone is Tone.DISPUTES)
            for found in edge.findings
        ),
        *(_font(block, size=_SMALL, colour=INK, bold=True) for block in edge.blocks),
    ]
    # The space keeps the words off the line that they stand beside.
    return _lines((f"&#160;{line}" for line in lines), align="left") if edge.label else ""


def _tone(found: Finding, edge: Edge) -> str:
    return ALARM if found.tone is Tone.CARRIES and edge.on_route else TONES[found.tone]


def _heading(picture: Picture) -> str:
    return _lines(
        [
            _font(picture.title, size=16, colour=INK, bold=True),
            *(_font(line, size=_NAME, colour=FAINT) for line in picture.summary),
        ],
        align="left",
    )


def _key(picture: Picture) -> str:
    """Legend and footer, in a table under the drawing: statuses on the left, all other signs on the right."""
    statuses = [_cells(entry) for entry in picture.legend if isinstance(entry.sign, Status)]
    others = [_cells(entry) for entry in picture.legend if not isinstance(entry.sign, Status)]
    rows = "".join(
        f"<tr>{left}{right}</tr>" for left, right in zip_longest(statuses, others, fillvalue=_EMPTY_CELLS)
    )
    footer = _font(picture.footer, size=_TINY, colour=FAINT)
    return (
        '<<table border="0" cellborder="0" cellspacing="2" cellpadding="2">'
        f'{rows}<tr><td colspan="4" align="left">{footer}</td></tr></table>>'
    )


def _cells(entry: LegendEntry) -> str:
    sign, attributes = _sign(entry)
    meaning = _font(entry.meaning, size=_TINY, colour=INK)
    return f'<td align="left"{attributes}>{sign}</td><td align="left">{meaning}</td>'


def _sign(entry: LegendEntry) -> tuple[str, str]:
    """What stands in the legend for a sign, and the attributes of its cell."""
    match entry.sign:
        case Status():
            paint = PAINTS[entry.sign]
            word = _font(worded(entry.sign), size=_TINY, colour=paint.text, bold=True)
            return word, f' bgcolor="{paint.fill}" border="1" color="{FAINT}"'
        case Channel():
            return _font(LINES[entry.sign].sample, size=_TINY, colour=INK), ""
        case Mark():
            colour = ALARM if entry.sign is Mark.ROUTE else INK
            return _font(MARKS[entry.sign][0], size=_TINY, colour=colour, bold=True), ""
        case _:
            return _font(entry.sign.value, size=_TINY, colour=INK, bold=True), ""


def _lines(parts: Iterable[str], align: str | None = None) -> str:
    br = "<br/>" if align is None else f'<br align="{align}"/>'
    joined = br.join(parts)
    return f"<{joined}{'' if align is None else br}>"


def _font(text: str, *, size: int, colour: str, bold: bool = False, italic: bool = False) -> str:
    inner = _markup(text)
    inner = f"<b>{inner}</b>" if bold else inner
    inner = f"<i>{inner}</i>" if italic else inner
    return f'<font point-size="{size}" color="{colour}">{inner}</font>'


def _id(text: str) -> str:
    """Graphviz decodes entities in ids."""
    return escape(text, quote=False)


def _markup(text: str) -> str:
    return escape(visible(text)).replace("\\", "\\\\")


def _tooltip(text: str) -> str:
    return escape(visible(text), quote=False).replace("\\", "\\\\\\\\")
