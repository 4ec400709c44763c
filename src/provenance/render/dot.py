r"""DOT: a picture in Graphviz's language.

Text of users stands in HTML-like labels and in tooltips only. In both, Graphviz decodes entities and then interprets backslash
sequences such as ``\N``, the latter twice in tooltips; `_markup` and `_tooltip` undo exactly that.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from itertools import pairwise, zip_longest
from typing import TYPE_CHECKING

from provenance.relations import Channel
from provenance.render.arrangement import Frame, frames, runs_down
from provenance.render.pictures import Edge, Finding, LegendEntry, Mark, Node, NodeKind, Picture, Tone
from provenance.render.styles import ALARM, FAINT, INK, LINES, MARKS, PAINTS, SHAPES, TONES, signed, worded
from provenance.render.wording import shown
from provenance.risk.report import Status

if TYPE_CHECKING:
    from graphviz import Digraph

# Verdana has the widths of DejaVu Sans, for viewers of the SVG that lack it.
FONT = "DejaVu Sans,Verdana,sans-serif"
_NAME, _SMALL, _TINY = 12, 10, 9
_EMPTY_CELLS = "<td></td><td></td>"
_DPI = 96  # dots in an inch of a PNG of a given width
WIDEST = 32_767  # pixels: what the library that paints can hold, each way
_MOST_PIXELS = 1 << 26  # some 256 MB while it is painted
_LARGE = 400
_LONGEST_TOOLTIP = 1_500  # characters; each takes up to 8 bytes, and Graphviz reads 16 KB of one
_GAP = '<font point-size="3"> </font>'  # a line of air below a larger one
# Beyond some hundred nodes, Graphviz spends most of its time on the last per cent of balance.
_HURRY = {"nslimit": "0.2", "mclimit": "0.3"}
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
    """What the elements of a drawing are called, and where they lead.

    Args:
        nodes: The nodes by id.
        elements: What the elements of nodes and edges are called.
        links: Where nodes lead.
    """

    nodes: Mapping[str, Node]
    elements: Mapping[str | Edge, str]
    links: Links | None

    @classmethod
    def of(cls, picture: Picture, prefix: str, links: Links | None) -> "_Names":
        """Numbers the elements in the order of the picture."""
        elements: dict[str | Edge, str] = {}
        elements |= {node.id: f"{prefix}-n{place}" for place, node in enumerate(picture.nodes, 1)}
        elements |= {edge: f"{prefix}-e{place}" for place, edge in enumerate(picture.edges, 1)}
        return cls(nodes={node.id: node for node in picture.nodes}, elements=elements, links=links)

    def of_node(self, node: Node) -> dict[str, str]:
        """The id of a node's element, and its address."""
        address = self.links(node.artifact) if self.links and node.artifact else None
        linked = {} if address is None else {"URL": escape(address).replace("\\", "\\\\")}
        return {"id": self.elements[node.id], **linked}

    def told(self, edge: Edge) -> str:
        """All that is known of an edge, for its tooltip."""
        ends = f"{self.nodes[edge.parent].name} → {self.nodes[edge.child].name}"
        return f"{ends}: {'; '.join(_words(edge))}" if edge.label else ends


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

    title, framed = _tooltip(picture.title), frames(picture)
    single = _unframed(picture, framed)
    attributes = {
        "id": prefix,
        "rankdir": "TB" if runs_down(*single) else "LR",
        "label": _key(picture),
        "tooltip": title,
    }
    if width is not None:
        attributes |= {"dpi": str(_DPI), "size": f"{width / _DPI!r},{highest(width) / _DPI!r}!"}
    if framed:
        attributes["compound"] = "true"
    hurry = _HURRY if len(picture.nodes) > _LARGE else {}
    names = _Names.of(picture, prefix, links)
    graph = Digraph("lineage", graph_attr=_GRAPH | hurry | attributes)
    with graph.subgraph(name="cluster_lineage") as body:
        body.attr(
            id=f"{prefix}-body",
            label=_heading(picture),
            labelloc="t",
            labeljust="l",
            peripheries="0",
            tooltip=title,
        )
        body.attr("node", fontname=FONT, fontsize=str(_NAME), margin="0.12,0.07")
        body.attr("edge", fontname=FONT, fontsize=str(_SMALL), arrowsize="0.8")
        nodes, edges = single
        for node in nodes:
            _add_node(body, node, names)
        for edge in edges:
            _add_edge(body, edge, names)
        for place, frame in enumerate(framed, 1):
            _add_frame(body, frame, f"{prefix}-f{place}", names)
    return str(graph.source)


def highest(width: int) -> int:
    """How many pixels a PNG of a width can be high at most; what would be higher comes out narrower."""
    return min(WIDEST, _MOST_PIXELS // width)


def _unframed(picture: Picture, framed: Iterable[Frame]) -> tuple[list[Node], list[Edge]]:
    """The nodes and edges that stand by themselves."""
    members = {one for frame in framed for one in (*frame.members, *frame.gaps.values())}
    nodes = [node for node in picture.nodes if node.id not in members]
    return nodes, [edge for edge in picture.edges if members.isdisjoint((edge.parent, edge.child))]


def _add_frame(graph: "Digraph", frame: Frame, name: str, names: _Names) -> None:
    """Neighbours in rows, each with its relation's words, and one line for all of them."""
    kin = "parents" if frame.are_parents else "children"
    words = f"{len(frame.edges):,} {kin}, each joined by {frame.kind}"
    rows = frame.rows
    with graph.subgraph(name=f"cluster_{name}") as box:
        label = _lines([_font(words, size=_SMALL, colour=INK, bold=True)])
        box.attr(id=name, label=label, tooltip=words, color=FAINT, peripheries="1", labeljust="l")
        for member, edge in zip(frame.members, frame.edges, strict=True):
            missing = names.nodes[frame.gaps[member]] if member in frame.gaps else None
            _add_node(box, names.nodes[member], names, joined_by=edge, missing=missing)
        for upper, lower in pairwise(rows):
            for one, other in zip(upper, lower, strict=False):
                box.edge(_id(one), _id(other), style="invis", minlen="1")
    inner = rows[-1 if frame.are_parents else 0]
    member, hub = _id(inner[len(inner) // 2]), _id(frame.hub)
    style = {
        "id": f"{name}-e",
        "style": LINES[frame.kind.rule.channel].dot,
        "color": FAINT,
        "penwidth": "1.1",
    }
    label = _lines(
        [f"&#160;{_font(f'{frame.kind}, {len(frame.edges):,} times', size=_SMALL, colour=INK)}"], align="left"
    )
    if frame.are_parents:
        graph.edge(member, hub, label=label, tooltip=words, ltail=f"cluster_{name}", **style)
    else:
        graph.edge(hub, member, label=label, tooltip=words, lhead=f"cluster_{name}", **style)


def _add_node(
    graph: "Digraph",
    node: Node,
    names: _Names,
    *,
    joined_by: Edge | None = None,
    missing: Node | None = None,
) -> None:
    """A node; in a frame, it says itself what joins it to the frame's artifact and what is missing in its ancestry."""
    paint = PAINTS[node.status or Status.CLEAR]
    words = (*(missing.label if missing else ()), *(_words(joined_by) if joined_by else ()))
    looks = SHAPES[node.kind].dot
    if missing:
        looks = {**looks, "style": f"{looks['style']},dashed"}
    graph.node(
        _id(node.id),
        label=_node_label(node, words, paint.text),
        tooltip=_tooltip("; ".join((node.name, *node.standing, *node.notes, *words))),
        fillcolor=paint.fill,
        color=INK if node.asked else FAINT,
        penwidth="3.2" if node.asked else "1",
        peripheries="1" if node.group is None else "2",
        **names.of_node(node),
        **looks,
    )


def _node_label(node: Node, more: Iterable[str], colour: str) -> str:
    if node.kind is NodeKind.UNKNOWN:
        return _lines(_font(line, size=_SMALL, colour=INK, italic=True) for line in node.label)
    kind = () if node.group else (_font(node.kind.value, size=_TINY, colour=colour),)
    return _lines(
        [
            *kind,
            *(_font(line, size=_NAME, colour=colour, bold=True) for line in node.label),
            _GAP,
            *(_font(line, size=_SMALL, colour=colour, bold=True) for line in signed(node)),
            *(_font(line, size=_TINY, colour=colour) for line in (*node.notes, *more)),
        ]
    )


def _words(edge: Edge) -> tuple[str, ...]:
    return (edge.label, *(found.text for found in edge.findings), *edge.blocks)


def _add_edge(graph: "Digraph", edge: Edge, names: _Names) -> None:
    tooltip = _tooltip(names.told(edge))
    graph.edge(
        _id(edge.parent),
        _id(edge.child),
        id=names.elements[edge],
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
            _GAP,
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
    return escape(shown(text)).replace("\\", "\\\\")


def _tooltip(text: str) -> str:
    """A text as a tooltip, which can't be longer than 16 KB as it stands in DOT; nobody reads one that is."""
    told = text if len(text) <= _LONGEST_TOOLTIP else f"{text[:_LONGEST_TOOLTIP]} …"
    return escape(shown(told), quote=False).replace("\\", "\\\\\\\\")
