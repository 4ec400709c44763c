"""Assets: the style sheet and the script of the viewer, and its icon, each under an address that names its content.

What both report and viewer need is `provenance.pages`'; what the viewer adds stands in its folder ``static``. A browser asks for each once
for every version of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from provenance.digests import digest_bytes
from provenance.pages import stylesheet, zoom_script

_STATIC = Path(__file__).parent.parent / "static"
_SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file that pages need.

    Args:
        content: Its text.
        media_type: What it is.
    """

    content: str
    media_type: str

    @property
    def version(self) -> str:
        """What tells it from other versions of it."""
        return digest_bytes(self.content.encode()).hex[:_SHOWN_DIGITS]


@cache
def assets() -> Mapping[str, Asset]:
    """All of them by name."""
    return {
        "viewer.css": Asset(content=stylesheet() + _read("viewer.css"), media_type="text/css"),
        "viewer.js": Asset(content=zoom_script() + _read("viewer.js"), media_type="text/javascript"),
        "icon.svg": Asset(content=_read("icon.svg"), media_type="image/svg+xml"),
    }


def _read(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")
