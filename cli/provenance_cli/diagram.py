"""diagram."""

from datetime import datetime
from pathlib import Path

import click

from provenance_cli.options import as_of_option, open_registry, policy_option, read_policy, registry_options
from provenance_cli.output import note


@click.command()
@click.argument("refs", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    metavar="FILE.svg|png|pdf|dot|mmd",
    help="Where to; default: DOT to stdout.",
)
@click.option(
    "--direction",
    type=click.Choice(["up", "down", "both"]),
    default="both",
    show_default=True,
    help="Ancestors, descendants, or both.",
)
@click.option("--depth", type=click.IntRange(min=1), help="No further than this many relations.")
@click.option("--trait", metavar="T", help="Show only this trait's risks.")
@policy_option
@registry_options
@as_of_option
def diagram(
    refs: tuple[str, ...],
    output: str | None,
    direction: str,
    depth: int | None,
    trait: str | None,
    policy: str | None,
    registry: str | None,
    actor: str | None,
    as_of: datetime | None,
) -> None:
    """Draw the lineage around REFS, with risks and evidence. Python: View.picture() and provenance.render.draw()."""
    from provenance.render import draw, to_dot

    with open_registry(registry, actor) as opened:
        view = opened.view(as_of=as_of, policy=read_policy(policy))
        picture = view.picture(refs, direction=direction, depth=depth, trait=trait)
    if output is None:
        click.echo(to_dot(picture), nl=False)
    else:
        draw(picture, Path(output))
        note(f"wrote {output}")
