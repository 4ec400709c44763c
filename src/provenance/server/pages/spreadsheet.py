"""Spreadsheets: lists as CSV, in which no name becomes a formula."""

import csv
import io
from collections.abc import Iterable

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet would work out."""


def row(cells: Iterable[object]) -> str:
    """A line of CSV; text that a spreadsheet would take for a formula stands behind an apostrophe."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(map(_cell, cells))
    return line.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value
