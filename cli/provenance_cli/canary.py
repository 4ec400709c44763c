"""canary: run, screen, matrix, self-test."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provenance.errors import OutputError
from provenance.evidence import Verdict
from provenance_cli.options import as_reference, json_option, open_registry, path_at, registry_options
from provenance_cli.output import (
    as_data,
    note,
    print_json,
    print_table,
    report_file,
    say,
    training_progress,
)
from provenance_cli.training_options import seeds_option, settings_options

if TYPE_CHECKING:
    from provenance.canary import CanaryResult
    from provenance.canary.matrix import Cell, Seat
    from provenance.canary.settings import Settings
    from provenance.evidence import Evidence
    from provenance.facts import Recorded


@click.group()
def canary() -> None:
    """Run a transfer canary: does a hidden trait pass from this teacher to this student?"""


@canary.command("self-test")
@seeds_option
@json_option
def self_test(seeds: int, as_json: bool) -> None:
    """Run the canary where the answer is known: same initialisation transfers, another does not.

    Exit 1 when it does not come out so. Python: provenance.canary.self_test().
    """
    from provenance.canary import self_test as test

    with training_progress("self-test") as progress:
        found = test(seeds=seeds, progress=progress)
    if as_json:
        print_json(found)
    else:
        _print_result("same initialisation", found.same_init)
        _print_result("different initialisation", found.different_init)
    raise click.exceptions.Exit(0 if found.passed else 1)


@canary.command("run")
@click.argument("teacher")
@click.argument("student")
@seeds_option
@click.option(
    "--doses", is_flag=True, help="Also a quarter and four times the rows: a strong call needs a rise."
)
@settings_options
@registry_options
@json_option
def run(
    teacher: str,
    student: str,
    seeds: int,
    doses: bool,
    settings: "Settings",
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Run the planted canary of the exposure of STUDENT to TEACHER again, and record it.

    Exit 3 for INCONCLUSIVE. Python: Registry.run_canary().
    """
    from provenance.canary import DOSES

    with open_registry(registry, actor) as opened, training_progress("canary") as progress:
        recorded = opened.run_canary(
            teacher,
            student,
            seeds=seeds,
            doses=DOSES if doses else (1.0,),
            settings=settings,
            progress=progress,
        )
    _print_evidence(recorded, as_json=as_json)


@canary.command("screen")
@click.argument("teacher")
@click.argument("student")
@click.option("--steps", type=click.IntRange(min=1), default=50, show_default=True, help="Of imitation.")
@settings_options
@registry_options
@json_option
def screen(
    teacher: str,
    student: str,
    steps: int,
    settings: "Settings",
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Screen the exposure of STUDENT to TEACHER: a few steps of imitation, which may show a transfer and never rules one out.

    What it finds is recorded only where it says TRANSFERS; exit 3 for INCONCLUSIVE. Python: Registry.screen().
    """
    with open_registry(registry, actor) as opened, training_progress("screen") as progress:
        found, recorded = opened.screen(teacher, student, steps=steps, settings=settings, progress=progress)
    if as_json:
        print_json({"evidence": recorded.id if recorded else None, **as_data(found)})
    else:
        say(f"{f'{recorded.id}: ' if recorded else ''}{found.verdict.value}: {found.reason}")
    raise click.exceptions.Exit(3 if found.verdict is Verdict.INCONCLUSIVE else 0)


@canary.command("matrix")
@click.argument("models", nargs=-1, required=True, metavar="PATH|REF...")
@click.option(
    "--student-base",
    "bases",
    multiple=True,
    metavar="PATH|REF",
    help="A column; repeat it. Default: the same models as the rows.",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), metavar="FILE.svg|png|pdf", help="Draw the table."
)
@click.option(
    "--csv", "csv_file", type=click.Path(dir_okay=False), metavar="FILE", help="Write the table as CSV."
)
@seeds_option
@settings_options
@registry_options
@json_option
def matrix(
    models: tuple[str, ...],
    bases: tuple[str, ...],
    output: str | None,
    csv_file: str | None,
    seeds: int,
    settings: "Settings",
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Run a canary of each model as teacher against each as student base: who can infect whom. Nothing is recorded.

    The CSV grows with each cell, so that what is done is kept when the command is stopped; it can't go on where it was.

    Exit 3 where a cell is INCONCLUSIVE. Python: provenance.canary.matrix.run_matrix().
    """
    from provenance.canary.matrix import run_matrix, to_csv
    from provenance.canary.matrix_picture import draw_matrix, require_format

    # Before the hours of training.
    if output:
        require_format(Path(output))
    for name in filter(None, (output, csv_file)):
        _require_room_for(Path(name))
    cells: list[Cell] = []

    def tell(cell: "Cell") -> None:
        note(f"{cell.teacher} -> {cell.student_base}: {cell.verdict.value}: {cell.reason}")
        cells.append(cell)
        if csv_file:
            with report_file(csv_file) as file:
                file.write(to_csv(cells))

    seats = {word: _seat(word, registry, actor) for word in dict.fromkeys((*models, *bases))}
    found = run_matrix(
        [seats[word] for word in models],
        [seats[word] for word in bases or models],
        seeds=seeds,
        settings=settings,
        done=tell,
    )
    # The answer before the files: a disk that is full by now loses nothing.
    if as_json:
        print_json(found)
    else:
        print_table(
            ("teacher", *found.student_bases), [(row[0].teacher, *map(_in_short, row)) for row in found.rows]
        )
    if csv_file:
        with report_file(csv_file) as file:
            file.write(to_csv(found.cells))
        note(f"wrote {csv_file}")
    if output:
        draw_matrix(found, Path(output))
        note(f"wrote {output}")
    undecided = any(cell.verdict is Verdict.INCONCLUSIVE for cell in found.cells)
    raise click.exceptions.Exit(3 if undecided else 0)


def _seat(word: str, registry: str | None, actor: str | None) -> "Seat":
    """The row or column that a path or a reference means."""
    from provenance.canary.matrix import Seat

    if found := path_at(word):
        return Seat(name=word, path=found)
    with as_reference(word), open_registry(registry, actor) as opened:
        return opened.seat(word)


def _in_short(cell: "Cell") -> str:
    found = cell.result
    if found is None:
        return "not run"
    ratio = "" if found.transfer_ratio is None else f" ({found.transfer_ratio:.2f})"
    return f"{cell.verdict.value}{ratio}"


def _require_room_for(path: Path) -> None:
    """Refuses a file that can't be written."""
    if not path.parent.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise OutputError(f"cannot write {path}: its folder is not there, or not yours to write to")


def _print_evidence(recorded: "Recorded[Evidence]", *, as_json: bool) -> None:
    evidence = recorded.fact
    figures: Any = evidence.result
    if as_json:
        told = {"evidence": recorded.id, "verdict": evidence.verdict.value, "method": evidence.method}
        print_json({**told, **figures})
    else:
        say(f"{recorded.id}: {evidence.verdict.value}: {figures['reason']}")
        for remark in figures.get("notes", ()):
            note(remark)
    raise click.exceptions.Exit(3 if evidence.verdict is Verdict.INCONCLUSIVE else 0)


def _print_result(label: str, result: "CanaryResult") -> None:
    say(f"{label}: {result.verdict.value}: {result.reason}")
    if result.effect is not None:
        say(
            f"  effect {result.effect:+.3f} nats, 95 % interval [{result.ci_low:+.3f}, {result.ci_high:+.3f}]"
        )
        say(
            f"  p = {result.p_value:.4f} over {len(result.seeds)} runs, smallest detectable effect {result.mde:.3f}"
        )
    if result.controls is not None:
        for name in ("positive", "negative", "carrier", "sanity"):
            say(f"  {name:<9} {'ok' if getattr(result.controls, name).ok else 'FAILED'}")
    say(f"  {result.seconds:.1f} s")
