"""Styles: one table for each thing that a diagram tells apart, so that all formats tell it the same way.

Status colours lie far apart in hue for the common kinds of colour blindness and fall in steps of lightness, so that a print
in grey keeps the order; the word stands beside the colour everywhere. Dark text on a fill has a contrast of at least 4.5.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from provenance.relations import Channel
from provenance.render.pictures import Mark, NodeKind, Tone
from provenance.risk.report import Status

INK = "#1a1a1a"
FAINT = "#595959"
ALARM = "#a50026"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """How a status looks.

    Args:
        fill: Colour of the node.
        text: Colour of what is written on it.
        meaning: For the legend.
    """

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
    Status.AFFECTED: Paint(fill=ALARM, text="#ffffff", meaning="the trait was found on it"),
    Status.EXPOSED: Paint(fill="#f08a3c", meaning="reached by a route whose every edge is established"),
    Status.SUSPECTED: Paint(fill="#efbf2e", meaning="reached, but some edge is untested or inconclusive"),
    Status.CARRIER: Paint(fill="#dccbeb", meaning="reached; may not show the trait, can hand it on"),
    Status.UNLIKELY: Paint(
        fill="#cfe6f7", meaning="reached; independent, and a powered canary found nothing"
    ),
    Status.CLEARED: Paint(fill="#daf1e7", meaning="tested itself and found free of the trait"),
    Status.UNKNOWN: Paint(fill="#ececec", meaning="no route found, but its ancestry is incomplete"),
    Status.CLEAR: Paint(fill="#ffffff", meaning="complete ancestry, no route"),
}
"""Fill of a node by status; a node whose status was not assessed is white without a word."""

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

MARKS: Mapping[Mark, tuple[str, str]] = {
    Mark.ASKED: ("heavy border", "what was asked about"),
    Mark.ROUTE: ("thick red line", "a route by which a flagged trait arrives"),
    Mark.BLOCKED: ("BLOCKED", "a recorded decision stops the trait here"),
    Mark.MEASURED: ("═══", "measured to share an initialisation; no record says why"),
}
"""Name of each mark and its meaning, for the legend."""
