"""Diagrams: a picture of a lineage with its tests and risks, and its writing as DOT, Mermaid, SVG, PNG and PDF; pictures of tests.

In reading order: `pictures` (what a picture is), `selection` (what is in it), `collapse` and `layout` (what of that is drawn as
groups), `composition` (from facts to a picture, with `scene`, `nodes`, `edges` and `unknown_ancestry`), `styles`
and `legend`, `dot` and `mermaid` (a picture in a language), `drawing` (a picture as a file), `apart` (the same in a process that can be ended); and besides
these `evidence_pictures` (what one test rests on, drawn), with `canary_picture` and `depth_picture`, and `timeline_picture` (flags along time); both are `plots`.
"""

from provenance.render.composition import picture
from provenance.render.dot import to_dot
from provenance.render.drawing import FORMATS, draw, render
from provenance.render.mermaid import to_mermaid
from provenance.render.pictures import Picture
from provenance.render.selection import Border, Direction, Scope, selected

__all__ = [
    "FORMATS",
    "Border",
    "Direction",
    "Picture",
    "Scope",
    "draw",
    "picture",
    "render",
    "selected",
    "to_dot",
    "to_mermaid",
]
