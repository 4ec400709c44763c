"""mlflow sync and mlflow status."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from provenance_cli.mlflow_import import import_
from provenance_cli.mlflow_listen import listen
from provenance_cli.options import json_option, open_registry, registry_options
from provenance_cli.output import counted, note, print_json, say, warn

if TYPE_CHECKING:
    from provenance.mlflow_link.lag import MlflowStatus

_uri_option = click.option("--uri", metavar="URI", help="Which MLflow; default: the registry's.")


@click.group()
def mlflow() -> None:
    """Project the registry to MLflow: a copy for people who look there, rebuilt from the ledger at any time."""


@mlflow.command()
@_uri_option
@click.option("--rebuild", is_flag=True, help="Forget what it was told, and look at every object again.")
@registry_options
@json_option
def sync(uri: str | None, rebuild: bool, registry: str | None, actor: str | None, as_json: bool) -> None:
    """Write to MLflow what it was not told yet; exit 4 when it refused something. Python: Registry.mlflow_sync().

    Where another sync is running, it is waited for, a minute at most.
    """
    with open_registry(registry, actor) as opened, _progress() as progress:
        found = opened.mlflow_sync(uri, rebuild=rebuild, progress=progress, waiting=_tell_of_waiting)
    if as_json:
        print_json(found)
    else:
        click.echo(
            f"{found.created} created, {found.updated} updated, {found.unchanged} unchanged, "
            f"{len(found.failed)} refused, in {found.seconds:.1f} s"
        )
    for failure in found.failed:
        warn(f"{failure.subject}: {failure.message}")
    raise click.exceptions.Exit(4 if found.failed else 0)


def _tell_of_waiting() -> None:
    note("another process is writing to this MLflow: waiting for it, a minute at most")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """Tells of written objects as they come, on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return

    def advance(done: int, total: int) -> None:
        click.echo(f"\r{done} of {total} objects ", nl=False, err=True)

    try:
        yield advance
    finally:
        click.echo("\r\033[K", nl=False, err=True)


@mlflow.command()
@_uri_option
@registry_options
@json_option
def status(uri: str | None, registry: str | None, actor: str | None, as_json: bool) -> None:
    """Say how far MLflow is behind, and what it refused. Python: Registry.mlflow_status().

    MLflow itself is not asked.
    """
    with open_registry(registry, actor) as opened:
        found = opened.mlflow_status(uri)
    if as_json:
        print_json(found)
    else:
        _print(found)


def _print(found: "MlflowStatus") -> None:
    say(f"mlflow    {found.mlflow}{', which a process is writing to now' if found.is_running else ''}")
    since = f", the first of {found.since:%Y-%m-%d %H:%M:%S} UTC" if found.since is not None else ""
    say(f"behind    {counted(found.behind, 'facts')}{since}")
    if found.pending is None:
        say("pending   not counted: too much would have to be looked at")
    else:
        say(f"pending   {counted(found.pending, 'objects')} to write")
    if found.bindings:
        say(f"adopted   objects that others made for {counted(found.bindings, 'artifacts')}")
    for failure in found.failures:
        tried = f"{counted(failure.attempts, 'times')} since {failure.since:%Y-%m-%d %H:%M:%S} UTC"
        say(f"refused   {failure.subject}, tried {tried}: {failure.message}")
    if found.behind or found.pending:
        note("next: provenance mlflow sync")


mlflow.add_command(import_)
mlflow.add_command(listen)
