"""A canary as a picture: its effect run by run, beside the controls that make it mean something."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.evidence import Evidence
from provenance.meanings import number, rounded
from provenance.render.styles import ALARM, FAINT, INK
from provenance.render.wording import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A comparison that every run of a canary makes: how it is told, and where its figures stand in the result.

    Args:
        name: Who learned.
        expected: What a sound experiment shows there.
        trial: Its figure in a trial.
        control: The control that it belongs to; None for the edge itself.
        prefix: What its figures begin with in that control.
    """

    name: str
    expected: str
    trial: str
    control: str | None = None
    prefix: str = ""


ARMS: tuple[Arm, ...] = (
    Arm(name="copy of the student's base", expected="the question asked", trial="edge"),
    Arm(
        name="relative of the teacher",
        expected="control: must move",
        trial="kin",
        control="positive",
        prefix="kin_",
    ),
    Arm(
        name="relative, taught all it can be",
        expected="positive control: must move",
        trial="positive",
        control="positive",
    ),
    Arm(
        name="fresh initialisation",
        expected="negative control: must stay at 0",
        trial="fresh",
        control="negative",
        prefix="fresh_",
    ),
    Arm(
        name="taught by a placebo teacher",
        expected="negative control: must stay at 0",
        trial="placebo",
        control="negative",
        prefix="placebo_",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One arm, with its figures in nats.

    Args:
        arm: Which.
        runs: Its figure in each run.
        mean: Over runs; None where the result does not tell.
        low: Lower bound of the mean's 95 % interval, likewise.
        high: Upper bound.
        held: Whether the control did what a sound experiment needs of it.
    """

    arm: Arm
    runs: tuple[float, ...]
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    held: bool = True

    @property
    def told(self) -> str:
        """Its mean and interval, for people; a control that failed says so."""
        failed = "" if self.held else "FAILED "
        if self.mean is None or self.low is None or self.high is None:
            return failed.strip()
        return f"{failed}{rounded(self.mean)} [{rounded(self.low)}, {rounded(self.high)}]"


def rows_of(evidence: Evidence) -> tuple[Row, ...]:
    """The arms whose runs the result tells, that of the edge first; none where it does not tell that one's."""
    rows = {row.arm.trial: row for row in _rows(evidence.result)}
    if "edge" not in rows:
        return ()
    # Where kin were taught whole distributions, both controls on kin are one experiment.
    if "kin" in rows and "positive" in rows and rows["kin"].runs == rows["positive"].runs:
        del rows["kin"]
    return tuple(rows.values())


def _rows(result: Mapping[str, object]) -> Iterator[Row]:
    trials, controls = result.get("trials"), result.get("controls")
    for arm in ARMS:
        found = (number(trial, arm.trial) for trial in trials) if isinstance(trials, list | tuple) else ()
        runs = tuple(one for one in found if one is not None)
        control = controls.get(arm.control) if arm.control and isinstance(controls, Mapping) else None
        told = control.get("figures") if isinstance(control, Mapping) else (None if arm.control else result)
        if runs:
            yield Row(
                arm=arm,
                runs=runs,
                mean=number(told, f"{arm.prefix}effect"),
                low=number(told, f"{arm.prefix}ci_low"),
                high=number(told, f"{arm.prefix}ci_high"),
                held=not isinstance(control, Mapping) or control.get("ok") is True,
            )


def canary_told(evidence: Evidence) -> str:
    """The rows in words."""
    rows = "; ".join(
        f"{row.arm.name} ({row.arm.expected}), {counted(len(row.runs), 'run')}: {row.told}"
        for row in rows_of(evidence)
    )
    threshold = number(evidence.result, "threshold")
    limit = "" if threshold is None else f". {_THRESHOLD.format(rounded(threshold))}"
    return f"Means over runs in nats with their 95 % intervals: {rows}{limit}"


_THRESHOLD = "threshold {}: the smallest effect that matters"


def draw_canary(figure: "Figure", evidence: Evidence) -> None:
    """Draws the rows from top to bottom, with the null and the threshold as lines."""
    rows = rows_of(evidence)
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        _draw_row(axes, place, row)
    axes.axvline(0.0, color=INK, linewidth=1.0, zorder=1)
    _label(axes, 0.0, 0.0, "no effect")
    threshold = number(evidence.result, "threshold")
    if threshold is not None:
        axes.axvline(threshold, color=INK, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1)
        _label(axes, threshold, 1.0, _THRESHOLD.format(rounded(threshold)))
    axes.set_yticks(range(len(rows)), [f"{row.arm.name}\n{row.arm.expected}" for row in rows])
    axes.set_ylim(len(rows) - 0.3, -0.7)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(
        "how far the planted trait moved (log-prob margin in nats, trait arm less control arm)\n"
        "disc or ring: one run; bar: their mean with its 95 % interval, in figures on the right"
    )
    axes.margins(x=0.1)


def _label(axes: "Axes", at: float, height: float, text: str) -> None:
    axes.annotate(
        text, (at, height), (3.0, 3.0 - 12.0 * height), xycoords=("data", "axes fraction"), textcoords="offset points", fontsize=8,
        color=FAINT,
    )  # fmt: skip


def _draw_row(axes: "Axes", place: int, row: Row) -> None:
    ink = INK if row.held else ALARM
    step = 0.36 / max(len(row.runs) - 1, 1)
    heights = [place - 0.3 + one * step for one in range(len(row.runs))]
    fill = ink if row.arm.control is None else "white"
    axes.scatter(row.runs, heights, s=24, facecolors=fill, edgecolors=ink, linewidths=1.1, zorder=3)
    if row.mean is not None and row.low is not None and row.high is not None:
        bar = place + 0.26
        axes.plot([row.low, row.high], [bar, bar], color=ink, linewidth=2.4, solid_capstyle="butt", zorder=2)
        axes.plot([row.mean, row.mean], [bar - 0.1, bar + 0.1], color=ink, linewidth=2.4, zorder=2)
    axes.annotate(
        row.told, (1.0, place), (6.0, 0.0), xycoords=("axes fraction", "data"), textcoords="offset points",
        va="center", fontsize=8.5, color=ink,
    )  # fmt: skip
