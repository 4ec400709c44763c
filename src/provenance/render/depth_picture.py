"""A same-init test as a picture: its groups of weights along the depth of the models, against what chance would give."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.evidence import Evidence, Verdict
from provenance.meanings import number, rounded
from provenance.render.styles import FAINT, INK
from provenance.render.wording import counted, shortened, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS: Mapping[str, str] = {
    "embedding": "D",
    "attention": "o",
    "mlp": "s",
    "gate": "v",
    "recurrent": "P",
    "hidden": "p",
    "head": "^",
}
_OTHER = "X"
_MOST_TICKS = 20
_LAYER = re.compile(r"(?:(?P<tower>[^.~\d][^.~]*)\.)?(?P<layer>\d+)[.~]")
_BAND, _BAND_Z = "#dedede", 2.0
_LARGEST_COSINE = 1.001
_SPREAD = 0.4
"""Of the distance between two places: how far apart the parts of one place are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One tested group of weights.

    Args:
        place: Where it is: a layer, or a table before or behind them.
        order: What places are sorted by: tables of the input, layers by tower and number, the rest.
        part: What it belongs to.
        aligned: Whether the models were aligned first.
        z: By how many standard deviations its units agree beyond chance.
        cosine: Of its weights.
    """

    place: str
    order: tuple[int, str, int]
    part: str
    aligned: bool
    z: float
    cosine: float | None


def points_of(evidence: Evidence) -> tuple[Point, ...]:
    """The groups that the result tells of, from input to output; those that could not be tested have no figures, and are left out."""
    tests = evidence.result.get("tests")
    found = _points(tests) if isinstance(tests, list | tuple) else ()
    return tuple(sorted(found, key=lambda point: point.order))


def _points(tests: Sequence[object]) -> Iterator[Point]:
    for test in tests:
        flips, heads = number(test, "flips"), number(test, "heads")
        if not isinstance(test, Mapping) or flips is None or heads is None or flips <= 0:
            continue
        name, part = str(test.get("name", "")), str(test.get("part", ""))
        place, order = _place(name, part)
        yield Point(
            place=place,
            order=order,
            part=part,
            aligned=test.get("tier") == 2,  # noqa: PLR2004 - the second tier
            z=(2.0 * heads - flips) / math.sqrt(flips),
            cosine=_cosine(test, "cosine"),
        )


def _cosine(figures: object, name: str) -> float | None:
    """A cosine; what lies beyond rounding outside of -1 to 1 is none."""
    value = number(figures, name)
    return value if value is not None and abs(value) <= _LARGEST_COSINE else None


def _place(name: str, part: str) -> tuple[str, tuple[int, str, int]]:
    if layer := _LAYER.match(name):
        tower, place = layer["tower"] or "", int(layer["layer"])
        return f"{tower} {place}".strip(), (1, tower, place)
    return name, (0 if part == "embedding" else 2, name, 0)


def depth_told(evidence: Evidence) -> str:
    """The points in words: how many agree beyond chance, and how far z and the cosine of the weights reach."""
    points = points_of(evidence)
    beyond = sum(abs(point.z) > _BAND_Z for point in points)
    cosines = [point.cosine for point in points if point.cosine is not None]
    across = f", cosine of the weights from {min(cosines):.2f} to {max(cosines):.2f}" if cosines else ""
    return (
        f"{beyond} of {counted(len(points), 'tested group')} of weights, from input to output, outside the band of 95 % of independent "
        f"groups: z from {rounded(min(point.z for point in points))} to {rounded(max(point.z for point in points))}{across}"
    )


def draw_depth(figure: "Figure", evidence: Evidence) -> None:
    """Draws z above and the cosine of the weights below, one shape for each part of the model."""
    points = points_of(evidence)
    places = tuple(dict.fromkeys(point.place for point in points))
    upper, lower = figure.subplots(2, sharex=True)
    upper.axhspan(-_BAND_Z, _BAND_Z, color=_BAND, zorder=0, label="95 % of independent groups")
    _scatter(upper, places, points, lambda point: point.z)
    _scatter(lower, places, points, lambda point: point.cosine)
    for axes in (upper, lower):
        axes.axhline(0.0, color=FAINT, linewidth=0.8, zorder=1)
        axes.margins(y=0.12)
    upper.set_ylim(min(-5.0, upper.get_ylim()[0]), max(5.0, upper.get_ylim()[1]))
    upper.set_ylabel("z: agreement beyond chance\n(standard deviations)")
    lower.set_ylim(min(-0.1, lower.get_ylim()[0]), 1.1)
    lower.set_ylabel("cosine of the weights\n(1: equal, 0: unrelated)")
    limit = _cosine(evidence.result, "rho_min")
    if evidence.verdict is Verdict.INDEPENDENT and limit is not None:
        lower.axhline(limit, color=INK, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1)
        lower.annotate(
            f"a shared initialisation of {limit:.2g} or more would have been found", (0.0, limit), (4.0, 8.0),
            xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=8, color=FAINT,
        )  # fmt: skip
    step = -(-len(places) // _MOST_TICKS)
    lower.set_xticks(range(0, len(places), step), [shortened(visible(one), 24) for one in places[::step]])
    lower.set_xlim(-0.6, len(places) - 0.4)
    lower.set_xlabel("where in the models: tables by name, layers by number, from input to output")
    figure.legend(
        *upper.get_legend_handles_labels(), loc="outside lower left", ncols=5, frameon=False, fontsize=8
    )


def _scatter(
    axes: "Axes", places: tuple[str, ...], points: tuple[Point, ...], height: Callable[[Point], float | None]
) -> None:
    series = tuple(dict.fromkeys((point.part, point.aligned) for point in points))
    for number_of, (part, aligned) in enumerate(series):
        aside = _SPREAD * ((number_of + 0.5) / len(series) - 0.5)
        chosen = [
            (places.index(point.place) + aside, value)
            for point in points
            if (point.part, point.aligned) == (part, aligned) and (value := height(point)) is not None
        ]
        axes.scatter(
            [across for across, _ in chosen], [value for _, value in chosen], marker=MARKERS.get(part, _OTHER), s=34,
            linewidths=1.0, facecolors="white" if aligned else INK, edgecolors=INK, zorder=3,
            label=f"{part}{' (after an alignment)' if aligned else ''}",
        )  # fmt: skip
