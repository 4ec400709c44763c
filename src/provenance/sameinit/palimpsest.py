"""The palimpsest test: does a model remember the order in which another one's training data came?

Models remember best what they saw last. Where a training order was drawn at random and kept, a model that knows nothing of that training
cannot favour its late examples over its early ones.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from provenance.errors import ContentError
from provenance.evidence import Verdict
from provenance.facts import adapter
from provenance.sameinit.blackbox.records import line_error, records
from provenance.sameinit.statistics import Coins, sign_test

if TYPE_CHECKING:
    from pydantic import JsonValue

METHOD = "palimpsest/spearman-cox-stuart@1"
LEAST_EXAMPLES = 5
"""Examples from which the smallest p-value, 1 / n!, says anything."""
LISTED_EXAMPLES = 8
"""Examples up to which all orders are listed: 8! = 40,320."""
DRAWS = 9_999
"""Orders that are drawn where they can't be listed; fewer for long recordings, see `MOST_NUMBERS`."""
MOST_NUMBERS = 200_000_000
"""Numbers that may be shuffled in all: seconds."""
LEAST_DRAWS = 199
NULL = (
    "the training order was drawn at random, and the tested model (and the reference, if any) was made independently of it; which "
    "examples are in the training data, and how likely they are, may depend on anything"
)
FIELDS = {"order": True, "logprob": True, "reference": False}
_BLOCK_NUMBERS = 1 << 20
_SEED = 20261122

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Palimpsest:
    """Whether a model remembers a training order.

    Args:
        examples: Number of examples.
        spearman: Rank correlation of training order and log-probability; None where it is not defined.
        log10_p: log10 of the p-value, one-sided: late examples are likelier; None where nothing was testable.
        p_value_kind: How it was found: ``exact, all orders``, or ``exact, twice the lesser of ...``.
        log10_p_orders: The rank correlation among those of other orders, listed or drawn.
        log10_p_pairs: The sign test over pairs of an early and a late example; None where all orders were listed.
        verdict: Always `INCONCLUSIVE`: remembering a training order says that a model descends from that training or saw its data in that
            order, and nothing of initialisations.
        reason: The outcome in words.
        null: The null hypothesis.
        method: Name and version.
    """

    examples: int
    spearman: float | None
    log10_p: float | None
    p_value_kind: str
    log10_p_orders: float | None
    log10_p_pairs: float | None
    verdict: Verdict
    reason: str
    null: str
    method: str

    def document(self) -> "dict[str, JsonValue]":
        """The result as JSON values."""
        values: dict[str, JsonValue] = adapter(Palimpsest).dump_python(self, mode="json")
        return values


def palimpsest(
    order: Sequence[float], logprobs: Sequence[float], reference: Sequence[float] | None = None
) -> Palimpsest:
    """Tests whether a model's log-probabilities rise along another model's training order.

    Null hypothesis: `NULL`. Given the log-probabilities, each assignment of the places in the training order to the examples is then
    equally likely, whatever the examples are. The statistic is Spearman's rank correlation rho (mean ranks for ties). For up to
    `LISTED_EXAMPLES` examples p = #{orders with rho at least as large} / n!, exactly. For more, ``p = min(1, 2 min(p_orders, p_pairs))``:

    - p_orders = (1 + #{drawn orders with rho at least as large}) / (1 + number of draws), valid for any number of draws, which
      bounds it from below;
    - p_pairs, of the sign test by A. Stuart and D. R. Cox: the i-th example of the first half is set beside the i-th of the second half. Exchanging the
      two is one of the equally likely assignments, so each pair is a fair coin, and the binomial tail has no floor.

    Examples of one training step have one place in the order; which of them comes first is then drawn (with a fixed seed), which keeps the
    coins fair.

    Source: R. Kuditipudi et al., "Blackbox model provenance via palimpsestic membership inference", arXiv 2510.19796 (query setting; a reference as
    in their equation 2); D. R. Cox and A. Stuart, "Some quick sign tests for trend in location and dispersion", Biometrika 42 (1955).
    Deviation: orders are drawn and pairs counted, where the limit law of rho is only asymptotic.

    Args:
        order: Place in training of each example: a step or an index, larger for later.
        logprobs: Log-probability that the tested model gives to each, in nats.
        reference: Log-probability that a model known to be independent gives to each; it is subtracted, which takes away what makes
            examples likely for anyone. Valid by the same null, and stronger.

    Raises:
        ValueError: The lengths differ, or a value is not finite.
    """
    places, values = np.asarray(order, np.float64), np.asarray(logprobs, np.float64)
    if reference is not None:
        if len(reference) != len(values):
            raise ValueError("the reference has another length")
        values = values - np.asarray(reference, np.float64)
    if places.shape != values.shape or places.ndim != 1:
        raise ValueError("orders and log-probabilities have to be two sequences of one length")
    if not (np.isfinite(places).all() and np.isfinite(values).all()):
        raise ValueError("orders and log-probabilities have to be finite")
    return _tested(places, values)


def palimpsest_file(path: Path) -> Palimpsest:
    """The palimpsest test of a recording: JSONL with ``order``, ``logprob`` and, in all rows or none, ``reference``.

    Raises:
        ContentError: The file can't be read, holds nothing, or has a line that is not as described.
    """
    rows: list[tuple[float, ...]] = []
    for number, row in records(path, FIELDS):
        for name, value in row.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
                raise line_error(path, number, f"{name!r} has to be a finite number, got {value!a}")
        rows.append(tuple(float(row[name]) for name in FIELDS if name in row))
        if len(rows[-1]) != len(rows[0]):
            raise line_error(path, number, "'reference' stands in some rows, and not in all")
    if not rows:
        raise ContentError(f"{path} holds no rows", hint="docs/black-box.md describes the format.")
    columns = np.array(rows).T
    return palimpsest(columns[0], columns[1], columns[2] if len(columns) > 2 else None)  # noqa: PLR2004 - the third


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond what a float holds
        return False


def _tested(places: Numbers, values: Numbers) -> Palimpsest:
    by_place, by_value = _centred_ranks(places), _centred_ranks(values)
    scale = float(np.linalg.norm(by_place) * np.linalg.norm(by_value))
    if len(places) < LEAST_EXAMPLES or scale == 0:
        what = f"{len(places)} examples" if len(places) < LEAST_EXAMPLES else "all examples tie"
        return _result(places, None, (None, None), f"nothing was testable: {what}")
    spearman = float(by_place @ by_value) / scale
    if len(places) <= LISTED_EXAMPLES:
        return _result(places, spearman, (_listed(by_place, by_value), None), f"rho = {spearman:.3f}")
    pairs = sign_test(_late_over_early(places, by_value))
    log10_p_pairs = pairs.log10_p if isinstance(pairs, Coins) else 0.0
    return _result(places, spearman, (_drawn(by_place, by_value), log10_p_pairs), f"rho = {spearman:.3f}")


def _result(
    places: Numbers, spearman: float | None, found: tuple[float | None, float | None], reason: str
) -> Palimpsest:
    orders, pairs = found
    kind, log10_p = "exact, all orders", orders
    if orders is not None and pairs is not None:
        log10_p = min(0.0, min(orders, pairs) + math.log10(2))
        kind = f"exact, twice the lesser of {_draws(len(places))} drawn orders and {len(places) // 2} pairs"
    shown = (
        ""
        if log10_p is None
        else f", p = 10^{log10_p:.1f} that the model knows nothing of the training order"
    )
    return Palimpsest(
        examples=len(places),
        spearman=spearman,
        log10_p=log10_p,
        p_value_kind=kind,
        log10_p_orders=orders,
        log10_p_pairs=pairs,
        verdict=Verdict.INCONCLUSIVE,
        reason=f"{reason}{shown}; initialisation unknown",
        null=NULL,
        method=METHOD,
    )


def _centred_ranks(values: Numbers) -> Numbers:
    """Ranks from which their mean is taken; equal values share the mean of theirs. Twice them are whole numbers: sums are exact."""
    _, at, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Numbers = (np.cumsum(counts) - (counts - 1) / 2)[at] - (len(values) + 1) / 2
    return ranks


def _listed(by_place: Numbers, by_value: Numbers) -> float:
    sums = by_place[np.array(list(permutations(range(len(by_place)))))] @ by_value
    return math.log10(float((sums >= by_place @ by_value).mean()))


def _draws(examples: int) -> int:
    return max(LEAST_DRAWS, min(DRAWS, MOST_NUMBERS // examples))


def _drawn(by_place: Numbers, by_value: Numbers) -> float:
    rng = np.random.default_rng(_SEED)
    observed, draws = float(by_place @ by_value), _draws(len(by_place))
    at_once = max(1, _BLOCK_NUMBERS // len(by_place))
    larger = 0
    for start in range(0, draws, at_once):
        rows = np.broadcast_to(by_place, (min(at_once, draws - start), len(by_place)))
        larger += int((rng.permuted(rows, axis=1) @ by_value >= observed).sum())
    return math.log10((1 + larger) / (1 + draws))


def _late_over_early(places: Numbers, by_value: Numbers) -> Numbers:
    """How much likelier the i-th example of the second half is than the i-th of the first, in ranks as a share of all."""
    ties = np.random.default_rng(_SEED).permutation(len(places))
    along = by_value[np.lexsort((ties, places))]
    half = len(along) // 2
    gains: Numbers = (along[-half:] - along[:half]) / len(along)
    return gains
