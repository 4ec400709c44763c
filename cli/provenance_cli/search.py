"""search."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from provenance.artifacts import ArtifactKind
from provenance_cli.options import (
    as_of_option,
    as_reference,
    json_option,
    open_registry,
    path_at,
    place,
    registry_options,
)
from provenance_cli.output import note, print_json, print_table, tell_of_reading

if TYPE_CHECKING:
    from provenance.discovery import SearchHit


@click.command()
@click.argument("what", metavar="PATH|REF")
@click.option(
    "--base", metavar="PATH|REF", help="The base model where it is a PEFT adapter; default: the recorded one."
)
@registry_options
@as_of_option
@json_option
def search(
    what: str,
    base: str | None,
    registry: str | None,
    actor: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """List the registered models whose weights are like those at a path, or of a registered model.

    It compares sketches, so the registered models' files need not be there. The agreement of signs (z, log10 p) is a screen; the
    verdict is that of the exact test on the two sketches, run for the most striking hits; `identical` is said of the same content,
    byte for byte. Models of which no sketch is kept are sketched first, where their files are at hand. Not being listed proves
    nothing: a copy that was permuted or rotated on purpose is not found, see `provenance compare`. Python: Registry.search().
    """
    with open_registry(registry, actor) as opened:
        path = path_at(what)
        with as_reference(what):
            meant = path or opened.view(as_of=as_of).resolve(what, ArtifactKind.MODEL)
        found = opened.search(
            meant,
            base=place(base, registry, actor) if base else None,
            as_of=as_of,
            told=tell_of_reading,
        )
    if as_json:
        print_json(found)
        return
    if found.hits:
        print_table(
            ("model", "z", "log10 p", "where", "exact test", "log10 p"), [_row(hit) for hit in found.hits]
        )
    note(f"{len(found.hits)} hits among {found.searched} sketches, {found.seconds:.2f} s")
    if found.unsearched:
        note(f"{found.unsearched} registered models have no sketch and were not searched")


def _row(hit: "SearchHit") -> tuple[object, ...]:
    verdict = "not run" if hit.verdict is None else hit.verdict.value
    exact = "" if hit.log10_p_exact is None else f"{hit.log10_p_exact:.1f}"
    kinship = f" ({hit.kinship})" if hit.kinship else ""
    return (hit.artifact, f"{hit.z:.1f}", f"{hit.log10_p:.1f}", hit.part, f"{verdict}{kinship}", exact)
