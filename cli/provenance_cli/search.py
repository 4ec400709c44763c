"""search."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance_cli.options import json_option, open_registry, registry_options
from provenance_cli.output import note, print_json, print_table

if TYPE_CHECKING:
    from provenance.discovery import SearchHit


@click.command()
@click.argument("what", metavar="PATH|REF")
@registry_options
@json_option
def search(what: str, registry: str | None, actor: str | None, as_json: bool) -> None:
    """List the registered models whose weights are like those at a path, or of a registered model.

    It compares sketches, so the registered models' files need not be there. The agreement of signs (z, log10 p) is a screen; the
    verdict is that of the exact test on the two sketches, run for the most striking hits. Not being listed proves nothing: a copy
    that was permuted or rotated on purpose is not found, see `provenance compare`. Python: Registry.search().
    """
    with open_registry(registry, actor) as opened:
        # A path that is there comes first, as in `compare`; pathlib's own raises where a word is too long for a path.
        found = opened.search(Path(what) if os.path.exists(what) else what)  # noqa: PTH110
    if as_json:
        print_json(found)
        return
    if found.hits:
        print_table(
            ("model", "z", "log10 p", "where", "exact test", "log10 p"), [_row(hit) for hit in found.hits]
        )
    note(f"{len(found.hits)} hits among {found.searched} sketches, {found.seconds:.2f} s")


def _row(hit: "SearchHit") -> tuple[object, ...]:
    verdict = "not run" if hit.verdict is None else hit.verdict.value
    exact = "" if hit.log10_p_exact is None else f"{hit.log10_p_exact:.1f}"
    kinship = f" ({hit.kinship})" if hit.kinship else ""
    return (hit.artifact, f"{hit.z:.1f}", f"{hit.log10_p:.1f}", hit.part, f"{verdict}{kinship}", exact)
