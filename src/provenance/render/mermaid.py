"""Mermaid: a picture as a flowchart that GitHub's markdown shows.

Only the plainest syntax is used: quoted labels with ``<br/>``, classes, link styles. Whatever is no letter, digit or harmless sign
is written as a numeric entity, so that no text can end a label, begin a directive or be taken for markdown.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from provenance.relations import Channel
from provenance.render.arrangement import lowest
from provenance.render.pictures import Edge, LegendEntry, Mark, Node, NodeKind, Picture
from provenance.render.styles import ALARM, FAINT, INK, LINES, MARKS, PAINTS, SHAPES, signed, worded
from provenance.render.wording import shown
from provenance.risk.report import Status

# A colon is harmless before a space only: elsewhere Mermaid may read "style:x#35;" as a style and eat the semicolon. Inside a word,
# an underscore is no markdown; at its edge, it may be.
_HARMFUL = re.compile(r"[^\w .,/+()\[\]'!?=@:…·—-]|:(?! )|(?<![^\W_])_|_(?![^\W_])|^[-+\d]|\ufb02")

_MOST_CHARACTERS, _MOST_LINES = 50_000, 500
"""What Mermaid draws at most unless whoever shows it allows for more; GitHub does not."""
_GROUP = ("[[", "]]")
_CONFIGURATION = ("config:", "  flowchart:", "    wrappingWidth: 480")
"""Lines are broken by us: Mermaid's own width would part words that belong together."""


def to_mermaid(picture: Picture) -> str:
    """The picture as Mermaid: the same picture, the same text."""
    ids = {node.id: f"n{place}" for place, node in enumerate(picture.nodes, 1)}
    lines = (
        *(_node(node, ids[node.id]) for node in picture.nodes),
        *(_link(edge, ids) for edge in picture.edges),
        *_key(picture, ids),
        *_classes(picture, ids),
        *_link_styles(picture.edges),
    )
    title = json.dumps(shown(picture.title), ensure_ascii=False)
    front = ("---", f"title: {title}", *_CONFIGURATION, "---")
    return "\n".join((*front, "flowchart TB", *(f"  {line}" for line in lines), ""))


def is_too_large(text: str, picture: Picture) -> bool:
    """Whether the Mermaid of a picture is more than Mermaid draws by itself."""
    return len(text) > _MOST_CHARACTERS or len(picture.edges) >= _MOST_LINES


def _node(node: Node, key: str) -> str:
    before, after = SHAPES[node.kind].mermaid if node.group is None else _GROUP
    kind = () if node.kind is NodeKind.UNKNOWN or node.group else (node.kind.value,)
    return f"{key}{before}{_label((*kind, *node.label, *signed(node), *node.notes))}{after}"


def _link(edge: Edge, ids: Mapping[str, str]) -> str:
    stem = "-.-" if edge.kind is None else LINES[edge.kind.rule.channel].mermaid
    arrow = "===" if edge.measured else f"{stem}{'x' if edge.blocks else '>'}"
    lines = (edge.label, *(found.text for found in edge.findings), *edge.blocks)
    label = f"|{_label(lines)}|" if edge.label else ""
    return f"{ids[edge.parent]} {arrow}{label} {ids[edge.child]}"


def _key(picture: Picture, ids: Mapping[str, str]) -> Iterator[str]:
    """Summary, legend and footer, in a node of their own at the foot."""
    entries = (f"{_sign(entry)} = {entry.meaning}" for entry in picture.legend)
    yield f"key[{_label((*picture.summary, *entries, picture.footer))}]"
    if above := lowest(picture):
        yield f"{ids[above]} ~~~ key"


def _sign(entry: LegendEntry) -> str:
    match entry.sign:
        case Status():
            return worded(entry.sign)
        case Channel():
            return LINES[entry.sign].sample
        case Mark():
            return MARKS[entry.sign][0]
        case _:
            return entry.sign.value


def _classes(picture: Picture, ids: Mapping[str, str]) -> Iterator[str]:
    """Colours by class; a class is defined where a node is in it."""
    for status in Status:
        paint = PAINTS[status]
        members = [ids[node.id] for node in picture.nodes if node.status is status]
        yield from _class(members, status.value, f"fill:{paint.fill},color:{paint.text},stroke:{FAINT}")
    plain = [ids[node.id] for node in picture.nodes if node.status is None]
    yield from _class([*plain, "key"], "plain", f"fill:#ffffff,color:{INK},stroke:{FAINT}")
    missing = [ids[node.id] for node in picture.nodes if node.kind is NodeKind.UNKNOWN]
    yield from _class(missing, "missing", "stroke-dasharray:6 4")
    asked = [ids[node.id] for node in picture.nodes if node.asked]
    yield from _class(asked, "asked", f"stroke:{INK},stroke-width:4px")


def _class(members: Sequence[str], name: str, style: str) -> Iterator[str]:
    if members:
        yield f"classDef {name} {style}"
        yield f"class {','.join(members)} {name}"


def _link_styles(edges: Iterable[Edge]) -> Iterator[str]:
    for place, edge in enumerate(edges):
        dashes = None if edge.kind is None else LINES[edge.kind.rule.channel].dashes
        parts = [f"stroke:{ALARM},stroke-width:3px"] if edge.on_route else []
        parts += [] if dashes is None else [f"stroke-dasharray:{dashes}"]
        if parts:
            yield f"linkStyle {place} {','.join(parts)}"


def _label(lines: Iterable[str]) -> str:
    joined = "<br/>".join(_HARMFUL.sub(lambda found: f"#{ord(found[0])};", shown(line)) for line in lines)
    return f'"{joined}"'
