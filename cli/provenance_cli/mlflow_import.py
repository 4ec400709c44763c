"""mlflow import."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from provenance.errors import UsageError
from provenance.relations import WEIGHT_KINDS, RelationKind
from provenance_cli.interchange import print_report
from provenance_cli.options import json_option, open_registry, registry_options
from provenance_cli.output import note, print_json, say

if TYPE_CHECKING:
    from provenance.mlflow_import import HistoryImport, HistoryProgress


@click.command("import")
@click.option("--uri", metavar="URI", help="Which MLflow; default: the registry's.")
@click.option(
    "--store",
    metavar="URL",
    help="The database behind that MLflow, sqlite:///FILE or postgresql://..., to be read directly in its stead.",
)
@click.option(
    "--via",
    type=click.Choice(["auto", "api", "sql"]),
    default="auto",
    show_default=True,
    help="How it is read: by direct SQL where that can be, by MLflow's API, or by SQL and not otherwise.",
)
@click.option(
    "--rescan",
    is_flag=True,
    help="Ask the API for everything, and not only for what is new since the last import.",
)
@click.option(
    "--parent-tag",
    "parent_tags",
    multiple=True,
    metavar="KEY[=RELATION]",
    help="A further tag or parameter that names a base model, and the relation that it states.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be recorded.")
@registry_options
@json_option
def import_(
    uri: str | None,
    store: str | None,
    via: str,
    rescan: bool,
    parent_tags: tuple[str, ...],
    dry_run: bool,
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Record the history that stands in MLflow; typed again, it records what is new. Python: Registry.mlflow_import()."""
    with open_registry(registry, actor) as opened, _progress() as advance:
        found = opened.mlflow_import(
            uri,
            store=store,
            via=via,
            rescan=rescan,
            dry_run=dry_run,
            parent_tags=dict(map(_parent_tag, parent_tags)),
            progress=advance,
        )
    if as_json:
        print_json(found)
    else:
        _print(found)


def _parent_tag(word: str) -> tuple[str, RelationKind | None]:
    key, separator, kind = word.rpartition("=")
    if not separator:
        return word, None
    if not key or kind not in WEIGHT_KINDS:
        raise UsageError(
            f"--parent-tag takes KEY or KEY=RELATION, got {word!r}",
            hint=f"Relations to a base model: {', '.join(sorted(WEIGHT_KINDS))}.",
        )
    return key, RelationKind(kind)


def _print(found: "HistoryImport") -> None:
    what = ", ".join(f"{count} {sort}" for sort, count in found.read.items())
    since = "" if found.whole else ", as far as they are new or were touched since the last import"
    say(f"{found.mlflow}, read by {found.via}: {what}{since}")
    print_report(found.imported)
    verb = "would be bound" if found.imported.dry_run else "bound"
    say(f"{found.bound} artifacts {verb} to their objects in MLflow, in {found.seconds:.1f} s")
    if found.bound and not found.imported.dry_run:
        note("next: provenance mlflow sync, which writes what is known of them there")


@contextmanager
def _progress() -> "Iterator[HistoryProgress | None]":
    """Tells of runs and facts as they come, in one line, on a terminal only."""
    if not sys.stderr.isatty():
        yield None
        return
    try:
        yield lambda things, done, total: click.echo(f"\r{done} of {total} {things} ", nl=False, err=True)
    except KeyboardInterrupt:
        click.echo(err=True)
        note("What is recorded stays; the same command goes on from there.")
        raise
    click.echo("\r\033[K", nl=False, err=True)
