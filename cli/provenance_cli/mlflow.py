"""mlflow sync and mlflow status."""

import sys

import click

from provenance_cli.options import json_option, open_registry, registry_options
from provenance_cli.output import note, print_json, warn

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
    """Write to MLflow what it was not told yet; exit 4 when it refused something. Python: Registry.mlflow_sync()."""
    with open_registry(registry, actor) as opened:
        found = opened.mlflow_sync(uri, rebuild=rebuild, progress=_progress if sys.stderr.isatty() else None)
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


def _progress(done: int, total: int) -> None:
    click.echo(f"\r{done} of {total} ", nl=done == total, err=True)


@mlflow.command()
@_uri_option
@registry_options
@json_option
def status(uri: str | None, registry: str | None, actor: str | None, as_json: bool) -> None:
    """Say how many objects MLflow was not told of in their present state. Python: Registry.mlflow_pending()."""
    from provenance_cli.answers import ProjectionAnswer

    with open_registry(registry, actor) as opened:
        pending, target = opened.mlflow_pending(uri), uri or opened.home.mlflow_uri
    if as_json:
        print_json(ProjectionAnswer(mlflow=target, pending=pending))
        return
    click.echo(f"{pending} objects not projected to {target}")
    if pending:
        note("next: provenance mlflow sync")
