"""A list of renames: what things were called, and what they are called now."""

from collections.abc import Mapping
from pathlib import Path

from provenance.intake.fields import Problems
from provenance.interop.mapping import GUIDE, TableMapping
from provenance.interop.table import Table


def read_renames(path: Path) -> Mapping[str, str]:
    """Old name to the newest, from a table with the columns ``old`` and ``new``.

    Raises:
        ContentError: The file is no such table, a name was renamed twice, or renames lead in a circle; the message lists the lines.
    """
    table = Table.open(path, TableMapping())
    columns = table.columns(("old", "new"))
    problems = Problems(path, GUIDE)
    found: dict[str, tuple[str, int]] = {}
    for line, cells in table.records():
        old, new = (cells[columns[meaning]].strip() for meaning in ("old", "new"))
        before, first = found.get(old, (new, line))
        if not old or not new:
            problems.add(line, "an empty cell")
        elif before != new:
            problems.add(line, f"{old!a} becomes {new!a} here, and {before!a} in line {first}")
        elif old != new:
            found.setdefault(old, (new, line))
    table.finish()
    newest: dict[str, str] = {}
    for old in found:
        chain: dict[str, None] = {}
        name = old
        while name in found and name not in newest and name not in chain:
            chain[name], name = None, found[name][0]
        if name in chain:
            problems.add(found[name][1], f"renames lead in a circle, back to {name!a}")
        newest.update(dict.fromkeys(chain, newest.get(name, name)))
    problems.raise_all()
    return newest
