"""report."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.errors import UsageError
from provenance_cli.options import (
    Moment,
    as_of_option,
    json_option,
    open_registry,
    policy_option,
    read_policy,
    registry_options,
)
from provenance_cli.output import note, note_when_slow, whole_file

if TYPE_CHECKING:
    from provenance.review.documents import Form


@click.command()
@click.argument("refs", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    metavar="FILE.html|md|json",
    help="Where to, in the form of its extension; default: Markdown to stdout.",
)
@click.option("--since", type=Moment(), help="Tell what changed since this date.")
@click.option(
    "--since-report",
    "earlier",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Tell what changed since this report, in any of the forms.",
)
@click.option("--trait", metavar="T", help="Look at this trait only; the gate's verdict is about all.")
@policy_option
@registry_options
@as_of_option
@json_option
def report(
    refs: tuple[str, ...],
    output: str | None,
    since: datetime | None,
    earlier: str | None,
    trait: str | None,
    policy: str | None,
    registry: str | None,
    actor: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Write all that there is to say before REFS ship, for whoever decides. Python: Registry.report().

    The gate's verdict comes first, and whatever it says the exit code is 0: `provenance check` is the gate.
    `provenance verify --report FILE` says later whether the registry still says the same.
    """
    from provenance.review.documents import read, written

    form = _form(output, as_json=as_json)
    if since is not None and earlier is not None:
        raise UsageError("--since and --since-report exclude each other")
    before = since if earlier is None else read(Path(earlier)).question
    with open_registry(registry, actor) as opened:
        applied = read_policy(policy) or opened.policy
        found = opened.report(
            refs, trait=trait, since=before, as_of=as_of, policy=applied, progress=note_when_slow()
        )
        text = written(form, opened.view(as_of=found.as_of, policy=applied), found)
    if output is None:
        click.echo(text, nl=False)
        return
    with whole_file(output) as file:
        file.write(text)
    note(f"wrote {output}: {found.headline}")


def _form(output: str | None, *, as_json: bool) -> "Form":
    """How the report is to be written.

    Raises:
        UsageError: The extension names no form, or both a file and JSON on stdout are asked for.
    """
    from provenance.review.documents import Form

    if output is None:
        return Form.JSON if as_json else Form.MARKDOWN
    if as_json:
        raise UsageError("--json prints to stdout", hint="Name a file that ends in .json, or leave out -o.")
    extension = Path(output).suffix.removeprefix(".").lower()
    if extension not in set(Form):
        raise UsageError(
            f"no report can be written as {extension or output!r}", hint=f"Extensions: {', '.join(Form)}."
        )
    return Form(extension)
