"""The tables that the judgements amount to, by the figures of docs/same-init.md."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import kstest, rankdata

from benchmarks.measuring import markdown
from benchmarks.peers import PEERS
from benchmarks.zoo.catalogue import CORRELATIONS, DISTILLED, INDEPENDENT, KINDS, LAYERS, NOISE
from benchmarks.zoo.judging import OURS, Judgement
from provenance.evidence import Verdict

LEVELS = (0.05, 0.01, 0.001)
FOUND = 0.8
"""Share of pairs at which a correlation counts as found."""
METHODS = (OURS, *PEERS)
VERDICTS = (Verdict.SAME_INIT, Verdict.INDEPENDENT, Verdict.INCONCLUSIVE)
_HARD = (
    "int8",
    "int4",
    "merged 20/80",
    "embedding only",
    "head only",
    *(kind.name for kind in KINDS if kind.beyond),
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def __str__(self) -> str:
        shown = [[_shown(value) for value in row] for row in self.rows]
        return f"### {self.title}\n\n{markdown(self.columns, shown)}\n"


def tables(judged: Sequence[Judgement]) -> tuple[Table, ...]:
    """All tables, in order."""
    return (
        calibration(judged),
        kinds(judged),
        areas(judged),
        correlations(judged),
        false_matches(judged),
        hard_cases(judged),
        times(judged),
    )


def calibration(judged: Sequence[Judgement]) -> Table:
    """Figure 1: how often strangers seem related, and whether their p-values are uniform."""
    rows = []
    for kind in (INDEPENDENT, DISTILLED, LAYERS):
        for family, some in _by_family(one for one in judged if one.kind == kind):
            known = [one.log10_p for one in some if one.log10_p is not None]
            p = 10.0 ** np.array(known)
            z = [
                (2 * heads - flips) / math.sqrt(flips)
                for one in some
                for flips, heads in zip(one.flips, one.heads, strict=True)
            ]
            two, one_sided = (kstest(p, "uniform", alternative=side) for side in ("two-sided", "greater"))
            rows.append(
                (
                    f"{kind}, {family}",
                    len(some),
                    *(float((p <= level).mean()) for level in LEVELS),
                    float(two.statistic),
                    float(two.pvalue),
                    float(one_sided.pvalue),
                    float(np.mean(z)),
                    float(np.std(z)),
                    *_verdicts(some),
                )
            )
    columns = (
        "strangers",
        "pairs",
        *(f"p <= {level}" for level in LEVELS),
        "KS distance",
        "KS p",
        "KS p, one-sided (p too small)",
        "mean of group z",
        "sd",
        *(verdict.value for verdict in VERDICTS),
    )
    return Table("Figure 1: strangers", columns, tuple(rows))


def kinds(judged: Sequence[Judgement]) -> Table:
    """Figure 2: what is found of each kind of relatives, with no stranger of the same family above the threshold."""
    limits = _thresholds(judged)
    rows = []
    for kind in KINDS:
        for beyond in (False, True):
            some = [one for one in judged if one.kind == kind.name and one.beyond is beyond]
            if some:
                rows.append(
                    (
                        kind.name + (f" (beyond exact tests: {_families(some)})" if beyond else ""),
                        len(some),
                        *_verdicts(some),
                        _median(one.log10_p for one in some),
                        _median(one.aligned_cosine for one in some),
                        *(_share(some, limits, method) for method in METHODS),
                    )
                )
    columns = (
        "kind",
        "pairs",
        *(verdict.value for verdict in VERDICTS),
        "median log10 p",
        "aligned cosine",
        *(f"TPR at 0 FP: {method}" for method in METHODS),
    )
    return Table("Figure 2: relatives", columns, tuple(rows))


def areas(judged: Sequence[Judgement]) -> Table:
    """Figure 2: the area under the ROC curve over the whole zoo."""
    strangers = [one for one in judged if one.kind in {INDEPENDENT, DISTILLED}]
    kin = [one for one in judged if one.related and one.kind != NOISE]
    possible = [one for one in kin if not one.beyond]
    rows = tuple(
        (
            method,
            _area(possible, strangers, method),
            _area(kin, strangers, method),
            _share(possible, _thresholds(judged), method),
        )
        for method in METHODS
    )
    columns = ("method", "AUROC", "with what is beyond exact tests", "TPR at 0 FP")
    return Table(
        f"Figure 2: the whole zoo, {len(kin)} related and {len(strangers)} unrelated pairs", columns, rows
    )


def correlations(judged: Sequence[Judgement]) -> Table:
    """Figure 2: the weakest correlation of all weights that is found, in noise."""
    limits = _thresholds(judged)
    rows = []
    for family, some in _by_family(one for one in judged if one.kind == NOISE):
        weakest: list[object] = []
        for method in METHODS:
            found = None
            for correlation in CORRELATIONS:
                drowned = [one for one in some if one.correlation == correlation]
                if _share(drowned, limits, method) < FOUND:
                    break
                found = correlation
            weakest.append(found)
        rows.append((family, *weakest))
    title = f"Figure 2: weakest correlation found in {FOUND:.0%} of pairs"
    return Table(title, ("family", *METHODS), tuple(rows))


def false_matches(judged: Sequence[Judgement]) -> Table:
    """Figure 3: strangers of equal configuration that are called kin."""
    some = [one for one in judged if one.kind in {INDEPENDENT, DISTILLED}]
    wrong = sum(one.verdict is Verdict.SAME_INIT for one in some)
    return Table("Figure 3: equal configurations", ("pairs", "false SAME_INIT"), ((len(some), wrong),))


def hard_cases(judged: Sequence[Judgement]) -> Table:
    """Figure 4: partly shared, quantised, diluted and deliberately hidden relatives, one by one family."""
    rows = []
    for kind in _HARD:
        for family, some in _by_family(one for one in judged if one.kind == kind):
            kinships = Counter(one.kinship or one.verdict.value for one in some)
            rows.append(
                (
                    f"{kind}, {family}",
                    ", ".join(f"{count} {name}" for name, count in kinships.items()),
                    _median(one.log10_p for one in some),
                    _median(one.aligned_cosine for one in some),
                )
            )
    columns = ("pair", "verdicts (kinship)", "median log10 p", "aligned cosine")
    return Table("Figure 4: hard cases", columns, tuple(rows))


def times(judged: Sequence[Judgement]) -> Table:
    """What a comparison takes."""
    rows = tuple(
        (family, len(some), float(np.median([1e3 * one.seconds for one in some])))
        for family, some in _by_family(judged)
    )
    return Table("Time", ("family", "pairs", "median ms"), rows)


def _by_family(judged: Iterable[Judgement]) -> Iterator[tuple[str, list[Judgement]]]:
    families: dict[str, list[Judgement]] = {}
    for one in judged:
        families.setdefault(one.family, []).append(one)
    return iter(families.items())


def _families(some: Iterable[Judgement]) -> str:
    return ", ".join(dict.fromkeys(one.family for one in some))


def _verdicts(some: Sequence[Judgement]) -> Iterator[int]:
    return (sum(one.verdict is verdict for one in some) for verdict in VERDICTS)


def _thresholds(judged: Sequence[Judgement]) -> Mapping[tuple[str, str], float]:
    """Family and method to the largest score of a stranger."""
    limits: dict[tuple[str, str], float] = {}
    for one in judged:
        if one.kind in {INDEPENDENT, DISTILLED}:
            for method in METHODS:
                place = one.family, method
                limits[place] = max(limits.get(place, -math.inf), one.score(method))
    return limits


def _share(some: Sequence[Judgement], limits: Mapping[tuple[str, str], float], method: str) -> float:
    return sum(one.score(method) > limits[one.family, method] for one in some) / len(some)


def _area(kin: Sequence[Judgement], strangers: Sequence[Judgement], method: str) -> float:
    """The chance that a related pair scores higher than an unrelated one, ties counted half."""
    ranks = rankdata([one.score(method) for one in (*kin, *strangers)])[: len(kin)]
    return float((ranks.sum() - len(kin) * (len(kin) + 1) / 2) / (len(kin) * len(strangers)))


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
