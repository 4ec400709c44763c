"""Styles: one table for each thing that a diagram tells apart, so that all formats tell it the same way.

A status is told by colour, sign and word. The colours lie far apart in hue for the common kinds of colour blindness and fall in steps
of lightness, so that a print in grey keeps the order; dark text on a fill has a contrast of at least 4.5. The signs differ in outline,
never in filling alone; none of them has an emoji's form that a viewer could put in its place.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from provenance.relations import Channel
from provenance.render.pictures import Mark, Node, NodeKind, Tone
from provenance.risk.report import Status

INK = "#1a1a1a"
FAINT = "#595959"
ALARM = "#a50026"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """How a status looks.

    Args:
        sign: One character, beside the word.
        fill: Colour of the node.
        text: Colour of what is written on it.
        meaning: For the legend.
    """

    sign: str
    fill: str
    text: str = INK
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a kind of node looks.

    Args:
        dot: Graphviz attributes.
        mermaid: What stands before and after the label.
        meaning: For the legend.
    """

    dot: Mapping[str, str]
    mermaid: tuple[str, str]
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How a channel's relations look.

    Args:
        dot: Graphviz's line style.
        mermaid: Stem and head of the arrow.
        dashes: The stroke's dash pattern in Mermaid, where the arrow alone does not say it.
        sample: The line in type, for the legend.
        meaning: For the legend.
    """

    dot: str
    mermaid: str
    dashes: str | None = None
    sample: str
    meaning: str


PAINTS: Mapping[Status, Paint] = {
    Status.AFFECTED: Paint(sign="■", fill=ALARM, text="#ffffff", meaning="the trait was found on it"),
    Status.EXPOSED: Paint(
        sign="▲",
        fill="#f08a3c",
        meaning="reached by a route whose every edge is established, by test or by record",
    ),
    Status.SUSPECTED: Paint(
        sign="△", fill="#efbf2e", meaning="reached, but some edge is untested or inconclusive"
    ),
    Status.CARRIER: Paint(
        sign="◆", fill="#dccbeb", meaning="reached; may not show the trait, can hand it on"
    ),
    Status.UNLIKELY: Paint(
        sign="▽", fill="#cfe6f7", meaning="reached; independent, and a powered canary found nothing"
    ),
    Status.CLEARED: Paint(sign="✓", fill="#daf1e7", meaning="tested itself and found free of the trait"),
    Status.UNKNOWN: Paint(sign="?", fill="#ececec", meaning="no route found, but its ancestry is incomplete"),
    Status.CLEAR: Paint(sign="○", fill="#ffffff", meaning="complete ancestry, no route that is not stopped"),
}
"""Fill of a node by status; a node whose status was not assessed is white without a word."""


def worded(status: Status) -> str:
    """A status as it is written everywhere: its sign and its word."""
    return f"{PAINTS[status].sign} {status.value.upper()}"


def signed(node: Node) -> tuple[str, ...]:
    """The lines that say where a node stands, the first with the sign of its status."""
    if node.status is None or not node.standing:
        return node.standing
    worst, *others = node.standing
    return (f"{PAINTS[node.status].sign} {worst}", *others)


SHAPES: Mapping[NodeKind, Shape] = {
    NodeKind.MODEL: Shape(
        dot={"shape": "box", "style": "filled,rounded"}, mermaid=("(", ")"), meaning="rounded box"
    ),
    NodeKind.DATASET: Shape(
        dot={"shape": "cylinder", "style": "filled"}, mermaid=("[(", ")]"), meaning="cylinder"
    ),
    NodeKind.TEACHER: Shape(
        dot={"shape": "octagon", "style": "filled", "margin": "0,0"},
        mermaid=("{{", "}}"),
        meaning="box with cut corners: a model as it generated",
    ),
    NodeKind.UNKNOWN: Shape(
        dot={"shape": "box", "style": "dashed"},
        mermaid=("[", "]"),
        meaning="dashed box: something is missing here",
    ),
}

LINES: Mapping[Channel, Line] = {
    Channel.WEIGHTS: Line(dot="solid", mermaid="--", sample="———", meaning="weights handed on"),
    Channel.DATA: Line(dot="dashed", mermaid="-.-", sample="- - - -", meaning="data handed on"),
    Channel.SELECTION: Line(
        dot="dotted", mermaid="-.-", dashes="2 4", sample="· · · ·", meaning="data chosen or judged"
    ),
}

TONES: Mapping[Tone, str] = {Tone.DISPUTES: ALARM, Tone.CARRIES: INK, Tone.OPEN: FAINT, Tone.EASES: "#1f5f99"}
"""Colour of a finding's text by what it means; on a trait's route, what carries is written in the colour of the route."""

ROOT, ABOVE, BELOW = "⌂", "↑", "↓"
"""Signs with which a note begins: of a trusted root, and of what is not drawn above or below."""

MARKS: Mapping[Mark, tuple[str, str]] = {
    Mark.ASKED: ("heavy border", "what was asked about"),
    Mark.ROUTE: ("thick red line", "a route by which a flagged trait arrives; all such routes are red"),
    Mark.BLOCKED: ("BLOCKED", "a recorded decision stops the trait here"),
    Mark.MEASURED: ("═══", "measured to share an initialisation; no record says why"),
    Mark.GROUP: ("double border", "so many alike artifacts, in the colour of the worst of them"),
    Mark.TRUSTED: (f"{ROOT} trusted root", "ancestry begins here, by declaration or by the policy"),
    Mark.BORDER: (
        f"{ABOVE} {BELOW} not drawn",
        "parents above or children below that the drawing leaves out",
    ),
}
"""Name of each mark and its meaning, for the legend."""
