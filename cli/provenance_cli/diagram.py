"""diagram."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from provenance.errors import UsageError
from provenance_cli.options import (
    as_of_option,
    json_option,
    open_registry,
    policy_option,
    read_policy,
    registry_options,
)
from provenance_cli.output import counted, note, note_when_slow, print_json, warn

if TYPE_CHECKING:
    from provenance.render import Picture
    from provenance.render.dot import Links

_LARGE = 400  # nodes that take a moment to lay out
_BINARY = frozenset({"png", "pdf"})
_NEVER = "none"


@click.command()
@click.argument("refs", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    metavar="FILE.svg|png|pdf|dot|mmd",
    help="Where to; default: stdout.",
)
@click.option("--format", "form", metavar="F", help="Default: that of the file's extension; DOT to stdout.")
@click.option(
    "--direction",
    type=click.Choice(["up", "down", "both"]),
    default="both",
    show_default=True,
    help="Ancestors, descendants, or both.",
)
@click.option("--depth", type=click.IntRange(min=1), help="No further than this many relations.")
@click.option("--trait", metavar="T", help="Look at this trait alone: CLEAR is clear of it.")
@click.option("--critical", is_flag=True, help="Show only the routes by which traits arrive, or are stopped.")
@click.option(
    "--collapse",
    metavar=f"N|{_NEVER}",
    help="Draw more than this many alike siblings as one group; default: 8.",
)
@click.option("--width", type=click.IntRange(min=1), metavar="PIXELS", help="How wide a png is.")
@policy_option
@registry_options
@as_of_option
@json_option
def diagram(
    refs: tuple[str, ...],
    output: str | None,
    form: str | None,
    direction: str,
    depth: int | None,
    trait: str | None,
    critical: bool,
    collapse: str | None,
    width: int | None,
    policy: str | None,
    registry: str | None,
    actor: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Draw the lineage around REFS, with risks and evidence. Python: View.picture() and provenance.render.draw().

    Nodes of an svg (not of a pdf) lead to the artifacts' pages where the registry has a viewer. What is drawn as a group, and what is left
    out, is said on stderr too.
    """
    from provenance.render.drawing import check_wishes, draw, render
    from provenance.render.mermaid import is_too_large, to_mermaid
    from provenance.render.selection import COLLAPSE

    chosen = _format(output, form, as_json=as_json)
    if chosen is not None:
        check_wishes(chosen, width)
    alike = COLLAPSE if collapse is None else _count(collapse)
    with open_registry(registry, actor) as opened:
        view = opened.view(as_of=as_of, policy=read_policy(policy))
        picture = view.picture(
            refs, direction=direction, depth=depth, trait=trait, collapse=alike, critical=critical
        )
        links = _links(opened.home.viewer)
    _tell_what_is_missing(picture)
    if chosen is None:
        print_json(picture)
        return
    if len(picture.nodes) > _LARGE and chosen in {"svg", *_BINARY}:
        note_when_slow()(f"laying out {counted(len(picture.nodes), 'nodes')}")
    if chosen == "mmd" and is_too_large(to_mermaid(picture), picture):
        warn(
            "Mermaid, on GitHub too, refuses to draw so much: ask for less by --depth, --trait or --critical"
        )
    if output is None:
        click.echo(render(picture, chosen, width=width, links=links), nl=False)
    else:
        draw(picture, Path(output), format=chosen, width=width, links=links)
        note(f"wrote {output}")


def _format(output: str | None, form: str | None, *, as_json: bool) -> str | None:
    """The format that is asked for; None for JSON.

    Raises:
        UsageError: More than one is asked for, or one that no terminal shows.
    """
    if as_json:
        if output or form:
            raise UsageError(
                "--json prints to stdout", hint="Leave out -o and --format, or leave out --json."
            )
        return None
    if output is not None:
        return form or Path(output).suffix.removeprefix(".").lower()
    if form in _BINARY and sys.stdout.isatty():
        raise UsageError(
            f"{form} is not for a terminal", hint=f"Add `-o lineage.{form}`, or redirect stdout."
        )
    return form or "dot"


def _count(text: str) -> int | None:
    """How many alike siblings are drawn one by one; None for any number.

    Raises:
        UsageError: It says neither.
    """
    if text == _NEVER:
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise UsageError(f"--collapse {text!r} is no count", hint=f"A number from 1, or {_NEVER}.")
    return int(text)


def _links(viewer: str | None) -> "Links | None":
    """Where nodes lead: to the pages of the registry's viewer, where it has one."""
    return None if viewer is None else lambda identity: f"{viewer}/artifacts/{quote(identity, safe='')}"


def _tell_what_is_missing(picture: "Picture") -> None:
    """Tells people what the picture does not show one by one, as it says itself."""
    groups = [node.group.count for node in picture.nodes if node.group is not None]
    if groups:
        note(
            f"{counted(sum(groups), 'artifacts')} drawn as {counted(len(groups), 'groups')} of alike ones; "
            f"--collapse {_NEVER} draws each"
        )
    if picture.hidden or picture.uncounted:
        least = "at least " if picture.uncounted else ""
        note(f"{least}{counted(picture.hidden, 'artifacts')} of the lineage not drawn")
    if "PARTIAL" in picture.footer:
        note("PARTIAL: something could not be looked at")
