"""demo."""

import sys
from pathlib import Path
from shutil import which

import click

from provenance_cli.output import note, print_table


@click.command()
@click.argument("directory", default="provenance-demo", type=click.Path(file_okay=False))
def demo(directory: str) -> None:
    """Tell the owl story in DIRECTORY: train, register, flag, audit, ask, withdraw, gate, measure, draw, report.

    Exit 1 when a verdict does not come out as it has to. Python: provenance.demo.tell().
    """
    from provenance.demo import tell

    story = tell(Path(directory), click.echo)
    click.echo(
        "\nWhat each model really reads of unseen digits (chance is 0.10), against what the registry says:\n"
    )
    print_table(
        ("model", "accuracy", "status"),
        [(row.model, f"{row.accuracy:.2f}", row.status) for row in story.rows],
    )
    click.echo(f"\nOpen next, in {story.folder}:\n")
    # Without its environment activated, a shell finds the commands by their path only.
    bin_folder = "" if which("provenance") else f"{Path(sys.executable).parent}/"
    for what, meaning in (
        ("review.html", "what a reviewer of student looks at"),
        ("lineage.svg", "the lineage with its evidence and risks"),
        (f"{bin_folder}provenance risks --all", "what everything may have inherited"),
        (f"{bin_folder}provenance why grandchild-distilled reads-digits", "one witness path, edge by edge"),
        (
            f"{bin_folder}provenance verify --report review.html",
            "the ledger's chain, and what the review says",
        ),
        (f"{bin_folder}mlflow ui --backend-store-uri sqlite:///.provenance/mlflow.db", "the same in MLflow"),
    ):
        click.echo(f"  {what}\n      {meaning}")
    for surprise in story.surprises:
        note(f"UNEXPECTED: {surprise}")
    note(f"{story.seconds:.0f} s")
    raise click.exceptions.Exit(1 if story.surprises else 0)
