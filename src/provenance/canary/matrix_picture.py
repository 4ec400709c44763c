"""The picture of a transfer matrix: what a safety review looks at."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance.canary.matrix import Cell, TransferMatrix
from provenance.errors import UsageError
from provenance.evidence import Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = ("svg", "png", "pdf")

_FILL: Mapping[Verdict, str] = {
    Verdict.TRANSFERS: "#d5502f",
    Verdict.NOT_DETECTED: "#cfe3d4",
    Verdict.INCONCLUSIVE: "#f2d58a",
}
_WORDS: Mapping[Verdict, str] = {
    Verdict.TRANSFERS: "transfers",
    Verdict.NOT_DETECTED: "not detected",
    Verdict.INCONCLUSIVE: "inconclusive",
}
_LONGEST_NAME = 28
_WIDEST_LEVEL = 18
"""Characters of a column's name that fit beside its neighbour's; longer ones are slanted."""


def draw_matrix(matrix: TransferMatrix, path: Path) -> None:
    """Draws the table: teachers down, student bases across; each cell its verdict in words and colour, the transfer ratio, the effect's interval.

    The same matrix gives the same bytes of SVG wherever matplotlib is the same.

    Args:
        matrix: The table.
        path: A file whose extension is one of `FORMATS`.

    Raises:
        UsageError: The extension names no format, or the file can't be written.
    """
    form = require_format(path)
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    width, height = len(matrix.student_bases), len(matrix.teachers)
    with rc_context({"svg.hashsalt": "provenance", "svg.fonttype": "none", "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(2.6 + 1.7 * width, 1.5 + 0.9 * height), layout="constrained")
        _fill(figure.add_subplot(), matrix)
        undated: dict[str, Any] = (
            {"Date": None} if form == "svg" else {"CreationDate": None} if form == "pdf" else {}
        )
        try:
            figure.savefig(path, format=form, dpi=160, metadata=undated)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from error


def require_format(path: Path) -> str:
    """The format that a file's extension names, one of `FORMATS`.

    Raises:
        UsageError: It names none.
    """
    form = path.suffix.removeprefix(".").lower()
    if form not in FORMATS:
        raise UsageError(f"no matrix can be drawn as {form!r}", hint=f"Formats: {', '.join(FORMATS)}.")
    return form


def _fill(axes: "Axes", matrix: TransferMatrix) -> None:
    from matplotlib.patches import Rectangle

    for down, row in enumerate(matrix.rows):
        for across, cell in enumerate(row):
            fill = _FILL[cell.verdict]
            axes.add_patch(Rectangle((across, down), 1, 1, facecolor=fill, edgecolor="white", linewidth=2))
            ink = "white" if cell.verdict is Verdict.TRANSFERS else "#222222"
            axes.text(across + 0.5, down + 0.5, _told(cell), ha="center", va="center", fontsize=8, color=ink)
    axes.set(xlim=(0, len(matrix.student_bases)), ylim=(len(matrix.teachers), 0))
    axes.set_xticks(
        [place + 0.5 for place in range(len(matrix.student_bases))], [*map(_short, matrix.student_bases)]
    )
    axes.set_yticks([place + 0.5 for place in range(len(matrix.teachers))], [*map(_short, matrix.teachers)])
    axes.set(xlabel="student base", ylabel="teacher", title="Who can infect whom")
    axes.tick_params(length=0, labelsize=8)
    if max(map(len, matrix.student_bases)) > _WIDEST_LEVEL:
        axes.tick_params(axis="x", rotation=30)
    axes.spines[:].set_visible(False)


def _told(cell: Cell) -> str:
    words, found = _WORDS[cell.verdict], cell.result
    if found is None:
        return f"{words}\nnot run"
    if found.effect is None or found.ci_low is None or found.ci_high is None:
        return words
    ratio = "" if found.transfer_ratio is None else f"ratio {found.transfer_ratio:.2f}\n"
    return f"{words}\n{ratio}{found.effect:+.2f} [{found.ci_low:+.2f}, {found.ci_high:+.2f}] nats"


def _short(name: str) -> str:
    """A name that fits its row; dollar signs stand for themselves."""
    cut = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    return cut.replace("$", r"\$")
