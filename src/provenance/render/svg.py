"""SVG: Graphviz's drawing made fit to stand in a page.

What names its maker or a place elsewhere is dropped (document type, comments). Title and account come first, where screen readers look
for them, and tooltips are elements, which every viewer shows.
"""

import re
from html import escape

from provenance.render.account import account
from provenance.render.pictures import Picture
from provenance.render.wording import shown

_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_NAME = re.compile(r"(?<=>\n)<title>[^<]*</title>\n")
"""The names of nodes and edges in DOT, which would be shown as their tooltips."""
_TOOLTIP = re.compile(r'(<a(?: xlink:href="[^"]*")?) xlink:title="([^"]*)">')


def finished(drawing: str, picture: Picture, *, linked: bool) -> str:
    """Graphviz's SVG of a picture, with its title and account, without what points elsewhere.

    Args:
        drawing: What Graphviz wrote.
        picture: What it shows.
        linked: Whether its nodes lead somewhere: then it is a group of links, else an image.
    """
    body = _COMMENT.sub("", drawing[drawing.index("<svg") :]).replace("&#45;", "-")
    body = _TOOLTIP.sub(r"\1><title>\2</title>", _NAME.sub("", body))
    opening, rest = body.split(">", 1)
    told = f"<title>{_text(picture.title)}</title>\n<desc>{_text(account(picture))}</desc>"
    role = "group" if linked else "img"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{opening} role="{role}">\n{told}{rest}'


def _text(text: str) -> str:
    return escape(shown(text), quote=False)
