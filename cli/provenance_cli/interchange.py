"""import."""

import csv
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provenance.interop import FORMATS, mapping_words, read_mapping
from provenance.plain_text import one_line
from provenance_cli.options import json_option, open_registry, registry_options
from provenance_cli.output import note, print_json, print_table, report_file, say, warn

if TYPE_CHECKING:
    from provenance.importing import Imported, ImportReport

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("import")
@click.argument("files", nargs=-1, type=_FILE)
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(FORMATS)),
    help="Needed. " + "; ".join(f"{name}: {one.meaning}" for name, one in FORMATS.items()) + ".",
)
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="FILE.toml|KEY=VALUE",
    help="What columns and words mean, where their names don't say it: child=COLUMN, relations.WORD=KIND, default=KIND, ...",
)
@click.option("--nodes", multiple=True, type=_FILE, help="A table that tells more of what is named.")
@click.option("--aliases", type=_FILE, help="A table of renames, with the columns old and new.")
@click.option("--dry-run", is_flag=True, help="Only say what would be recorded.")
@click.option(
    "--report", type=click.Path(dir_okay=False), help="Write what became of each row to this CSV file."
)
@click.option(
    "--give-up",
    is_flag=True,
    help="Instead, give up the imports that were not finished: what they recorded stays, and answers are no longer partial for them.",
)
@registry_options
@json_option
def import_(
    files: tuple[Path, ...],
    format_: str | None,
    maps: tuple[str, ...],
    nodes: tuple[Path, ...],
    aliases: Path | None,
    dry_run: bool,
    report: str | None,
    give_up: bool,
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Record the graph that FILES hold; typed again, it goes on where it was stopped. Python: Registry.import_lineage()."""
    from provenance.importing import Source

    if give_up:
        if files or as_json:
            raise click.UsageError("--give-up takes no files and prints no JSON")
        with open_registry(registry, actor) as opened:
            given_up = opened.give_up_imports()
        for one in given_up:
            say(f"given up: {one}")
        if not given_up:
            note("no import is unfinished")
        return
    if not files:
        raise click.UsageError("name the files to import")
    if format_ is None:
        raise click.UsageError(f"say how the files are to be read, with --format: {', '.join(FORMATS)}")
    source = Source(files=files, format=format_, mapping=_mapping(maps), nodes=nodes, renames=aliases)
    with open_registry(registry, actor) as opened, _progress() as advance:
        found = opened.import_lineage(source, dry_run=dry_run, progress=advance)
    if report:
        _write_report(report, found)
    if as_json:
        print_json(found.report)
    else:
        print_report(found.report)


def _mapping(maps: tuple[str, ...]) -> dict[str, Any]:
    """The keys of all ``--map`` options; a word comes before a file, and a later file before an earlier one."""
    paths = [Path(one) for one in maps if "=" not in one]
    found: dict[str, Any] = {}
    for words in (*map(read_mapping, paths), mapping_words([one for one in maps if "=" in one])):
        for key, value in words.items():
            before = found.get(key)
            found[key] = (
                {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
            )
    return found


def print_report(found: "ImportReport") -> None:
    """Prints what came of an import."""
    for one in found.notes:
        note(one)
    verb = "would record" if found.dry_run else "recorded"
    placeholders = found.recorded.get("placeholders", 0)
    counts = [f"{count} {sort}" for sort, count in found.recorded.items() if sort != "placeholders"]
    among = f" ({placeholders} of the artifacts are placeholders)" if placeholders else ""
    say(f"{found.rows} rows read, {verb} {', '.join(counts) or 'nothing new'}{among}")
    if found.assumed:
        warn(f"{found.assumed} relations are not stated there: what they most likely are is recorded")
    reasoned = {one.outcome for one in found.omissions}
    rows: list[tuple[object, ...]] = [
        (count, outcome, "", "") for outcome, count in found.outcomes.items() if outcome not in reasoned
    ]
    rows += [(one.rows, one.outcome, one.reason, one.first) for one in found.omissions]
    if rows:
        print_table(("rows", "outcome", "reason", "first in"), rows)


def _write_report(path: str, found: "Imported") -> None:
    with report_file(path, hint="What was imported is recorded; type the command again.") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "line", "row", "outcome", "reason", "detail"))
        writer.writerows(tuple(map(one_line, fate)) for fate in found.fates())


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Tells of recorded facts as they come: on a terminal in one line, elsewhere a line for each tenth of many."""
    on_terminal, tenths = sys.stderr.isatty(), 0

    def advance(done: int, total: int) -> None:
        nonlocal tenths
        if on_terminal:
            click.echo(f"\r{done} of {total} facts ", nl=False, err=True)
        elif done < total and 10 * done // total > tenths:
            tenths = 10 * done // total
            note(f"{done} of {total} facts")

    try:
        yield advance
    except KeyboardInterrupt:
        if on_terminal:
            click.echo(err=True)
        note("What is recorded stays; the same command goes on from there.")
        raise
    if on_terminal:
        click.echo("\r\033[K", nl=False, err=True)
