"""init, status, verify, completion."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from provenance.errors import UsageError
from provenance_cli.options import as_of_option, json_option, open_registry, registry_options
from provenance_cli.output import counted, note, note_when_slow, print_json, say, warn

if TYPE_CHECKING:
    from provenance.review.verifying import ReportVerification
    from provenance.status import RegistryStatus


@click.command()
@click.argument("directory", default=".", type=click.Path(file_okay=False))
@click.option(
    "--store",
    default="sqlite",
    metavar="sqlite|URL",
    help="Where facts are kept: a file, or postgresql://...",
)
@click.option(
    "--mlflow", metavar="URI", help="MLflow store or server; default: a SQLite file beside the registry."
)
@click.option(
    "--viewer",
    metavar="URL",
    help="Where the registry's web viewer answers; what is written to MLflow links to it.",
)
@click.option("--actor", metavar="NAME", help="Who is recorded; default: the login name.")
def init(directory: str, store: str, mlflow: str | None, viewer: str | None, actor: str | None) -> None:
    """Make a registry in DIRECTORY (default: here), or confirm the one that is there. Python: Registry.init().

    An MLflow server is asked once whether it answers; the registry is made in any case.
    """
    from provenance.registry import Registry

    if (click.get_current_context().find_root().obj or {}).get("registry"):
        raise UsageError(
            "init makes a registry in DIRECTORY, and takes no --registry", hint="provenance init DIRECTORY"
        )
    with Registry.init(directory, store=store, mlflow=mlflow, viewer=viewer, actor=actor) as registry:
        say(f"registry {registry.home.name}, {registry.head().entries} facts")
        if (trouble := registry.mlflow_trouble()) is not None:
            warn(trouble.message)
            if trouble.hint:
                note(f"hint: {trouble.hint}")
        note("next: provenance register model PATH --name NAME --from-scratch")


@click.command()
@registry_options
@as_of_option
@json_option
def status(registry: str | None, actor: str | None, as_of: datetime | None, as_json: bool) -> None:
    """Say how the registry stands: what it holds, and what MLflow was not told yet. Python: Registry.status()."""
    with open_registry(registry, actor) as opened:
        found = opened.status(as_of=as_of)
    if as_json:
        print_json(found)
        return
    say(f"registry  {found.registry}")
    say(f"ledger    {found.entries} facts in {found.transactions} transactions, head {found.head}")
    say("holds     " + ", ".join(counted(count, name) for name, count in found.counts.items()))
    for one in found.unfinished_imports:
        say(f"import    {one}")
    if found.tests_owed is None:
        say(
            "audit     not counted in a registry of this size: `provenance audit --dry-run --limit 20` reads it all, which takes long"
        )
    else:
        say(f"audit     {counted(found.tests_owed, 'tests')} owed")
    if found.unsketched:
        say(
            f"sketches  {found.unsketched} registered models have no sketch: `provenance audit` draws what can be drawn"
        )
    if found.mlflow_behind is not None:
        say(f"mlflow    {_lag(found)}")


def _lag(found: "RegistryStatus") -> str:
    pending = (
        f"{counted(found.mlflow_behind or 0, 'facts')} not looked at for"
        if found.mlflow_pending is None
        else f"{counted(found.mlflow_pending, 'objects')} not projected to"
    )
    refused = f", which refused {found.mlflow_refused}" if found.mlflow_refused else ""
    return f"{pending} {found.mlflow}{refused}"


@click.command()
@click.option("--head", metavar="DIGEST", help="A head digest noted earlier, which the chain has to contain.")
@click.option("--content", is_flag=True, help="Digest the artifacts' files again, too.")
@click.option(
    "--report",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Say whether the registry says what this report says that it said; exit 3 where that can't be told.",
)
@registry_options
@json_option
def verify(
    registry: str | None,
    actor: str | None,
    head: str | None,
    content: bool,
    report: str | None,
    as_json: bool,
) -> None:
    """Walk the ledger's chain and say what does not hold; exit 1 if anything.

    Python: Registry.verify(), Registry.verify_report().
    """
    if report is not None:
        if head is not None:
            raise UsageError("--head and --report exclude each other: a report names its own head")
        with open_registry(registry, actor) as opened:
            _tell_of_report(opened.verify_report(report, content=content, progress=note_when_slow()), as_json)
        return
    with open_registry(registry, actor) as opened:
        found = opened.verify(head, content=content)
    if as_json:
        print_json(found)
    else:
        say(f"{'ok' if found.ok else 'NOT ok'}: {found.entries} facts, head {found.head}")
        for problem in found.problems:
            say(f"  {problem.where}: {problem.what}")
    raise click.exceptions.Exit(0 if found.ok else 1)


_ENDS = {"holds": ("verified", 0), "can't be told": ("NOT all can be told", 3), "fails": ("NOT verified", 1)}
"""What is said of a report, and the exit code, by what came of looking at it."""


def _tell_of_report(found: "ReportVerification", as_json: bool) -> None:
    """Tells what came of verifying a report, and ends with its code."""
    word, code = _ENDS[found.finding]
    if as_json:
        print_json(found)
        raise click.exceptions.Exit(code)
    say(f"{word}: the report {found.digest[:19]}, as of {found.as_of:%Y-%m-%d %H:%M} UTC")
    for point in found.points:
        say(f"  {point.finding}: {point.says}")
        for difference in point.differences:
            say(f"    {difference}")
    if (since := found.meanwhile) is not None:
        say(f"since then: {counted(since.transactions, 'transactions')}")
        for one in since.outcomes:
            say(f"  {one.artifact}: {one.then} then, {one.now} now")
    raise click.exceptions.Exit(code)


_SHELLS = {
    "bash": 'eval "$(_PROVENANCE_COMPLETE=bash_source provenance)"',
    "zsh": 'eval "$(_PROVENANCE_COMPLETE=zsh_source provenance)"',
    "fish": "_PROVENANCE_COMPLETE=fish_source provenance | source",
}


@click.command()
@click.argument("shell", type=click.Choice(list(_SHELLS)))
def completion(shell: str) -> None:
    """Print the line that turns on completion; add it to your shell's start-up file."""
    click.echo(_SHELLS[shell])
