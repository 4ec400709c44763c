"""How pages look: the style sheet, whose colours of statuses are those of diagrams, and the script that zooms diagrams."""

from importlib.resources import files

from provenance.render.styles import PAINTS, TONES


def stylesheet() -> str:
    """The style sheet of all pages."""
    statuses = [
        f".status-{status} {{ background: {paint.fill}; color: {paint.text}; }}"
        for status, paint in PAINTS.items()
    ]
    tones = [f".tone-{tone} {{ color: {colour}; }}" for tone, colour in TONES.items()]
    return "\n".join([_read("pages.css"), *statuses, *tones, ""])


def zoom_script() -> str:
    """The script that lets a reader zoom and move the diagrams of a page; without it they can be scrolled."""
    return _read("zoom.js")


def _read(name: str) -> str:
    return files("provenance.pages").joinpath("static", name).read_text(encoding="utf-8")
