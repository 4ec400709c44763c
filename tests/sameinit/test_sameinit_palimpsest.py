"""The palimpsest test: a planted memory of the training order is found, and no other is."""

import json
import math
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from provenance.errors import ContentError
from provenance.evidence import Verdict
from provenance.sameinit.palimpsest import palimpsest, palimpsest_file


def written(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_seven_examples_in_order_are_first_among_all_orders() -> None:
    found = palimpsest(range(7), [-9.0, -8.5, -8.0, -7.0, -6.0, -5.0, -1.0])
    assert found.spearman == pytest.approx(1.0)
    assert found.log10_p == pytest.approx(-math.log10(math.factorial(7)))
    assert found.p_value_kind == "exact, all orders"


def test_listed_orders_give_the_p_value_that_counting_gives() -> None:
    values = [-3.0, -1.0, -2.0, -2.0, -0.5, -4.0]
    observed = stats.spearmanr(range(6), values).statistic
    every = [stats.spearmanr(order, values).statistic for order in permutations(range(6))]
    found = palimpsest(range(6), values)
    assert found.spearman == pytest.approx(observed)
    assert found.log10_p == pytest.approx(math.log10(np.mean(np.array(every) >= observed - 1e-12)))


def test_the_correlation_is_that_of_scipy_with_ties_on_both_sides() -> None:
    rng = np.random.default_rng(4)
    order, values = rng.integers(0, 9, 60), rng.integers(0, 7, 60)
    expected = stats.spearmanr(order, values).statistic
    assert palimpsest(order, values).spearman == pytest.approx(expected)


def test_p_values_of_random_orders_are_at_or_below_their_level() -> None:
    """Calibration, with likelihoods as uneven as they come and ten examples a step."""
    rng = np.random.default_rng(5)
    values = rng.standard_t(2, 40) - 3 * (rng.random(40) < 0.3)
    runs = 200
    p = [10 ** palimpsest(rng.permutation(40) // 10, values).log10_p for _ in range(runs)]
    for level in (0.01, 0.05, 0.2):
        assert np.mean(np.array(p) <= level) <= level + 3 * math.sqrt(level / runs)


def test_pairs_alone_are_fair_coins_under_random_orders() -> None:
    rng = np.random.default_rng(6)
    values = rng.exponential(size=30)
    p = [10 ** palimpsest(rng.permutation(30), values).log10_p_pairs for _ in range(200)]
    heads = stats.binom.sf(11 - 1, 15, 0.5)
    assert np.mean(np.array(p) <= heads + 1e-9) == pytest.approx(heads, abs=0.06)


def test_a_faint_memory_is_found_far_below_what_draws_can_reach() -> None:
    rng = np.random.default_rng(7)
    order = rng.permutation(4000)
    found = palimpsest(order, 0.3 * (order - order.mean()) / order.std() + rng.standard_normal(4000))
    assert found.spearman == pytest.approx(0.28, abs=0.04)
    assert found.log10_p is not None
    assert found.log10_p < -15
    assert found.log10_p_orders == pytest.approx(-4.0)


def test_forgetting_is_no_memory() -> None:
    found = palimpsest(range(100), -np.arange(100.0))
    assert found.log10_p == 0.0


def test_a_reference_takes_away_what_makes_examples_likely_for_anyone() -> None:
    rng = np.random.default_rng(8)
    order, common = rng.permutation(600), 5 * rng.standard_normal(600)
    values = common + 0.5 * order / 600 + 0.2 * rng.standard_normal(600)
    reference = common + 0.2 * rng.standard_normal(600)
    with_it, without = palimpsest(order, values, reference), palimpsest(order, values)
    assert with_it.log10_p is not None
    assert without.log10_p is not None
    assert with_it.log10_p < without.log10_p - 5


def test_nothing_is_tested_where_all_examples_tie_or_few_are_left() -> None:
    ties = palimpsest(range(20), [1.0] * 20)
    assert (ties.log10_p, ties.spearman) == (None, None)
    assert "all examples tie" in ties.reason
    assert "4 examples" in palimpsest(range(4), [0.0, 1.0, 2.0, 3.0]).reason


def test_the_verdict_never_speaks_of_initialisations(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"order": i, "logprob": -10.0 + i / 10} for i in range(50)]
    found = palimpsest_file(written(tmp_path / "order.jsonl", rows))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason.endswith("initialisation unknown")
    assert found.log10_p is not None
    assert found.log10_p < -3
    assert json.loads(json.dumps(found.document()))["spearman"] == pytest.approx(1.0)


def test_the_same_recording_gives_the_same_result() -> None:
    rng = np.random.default_rng(9)
    order, values = rng.integers(0, 10, 50), rng.standard_normal(50)
    assert palimpsest(order, values) == palimpsest(order, values)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"order": 1}', "no field 'logprob'"),
        ('{"order": 1, "logprob": "x"}', "'logprob' has to be a finite number"),
        ('{"order": true, "logprob": -1}', "'order' has to be a finite number"),
        ('{"order": 1e999, "logprob": -1}', "'order' has to be a finite number"),
        ('{"order": 1' + "0" * 400 + ', "logprob": -1}', "'order' has to be a finite number"),
        ('{"order": 1, "logprob": NaN}', "NaN is no number of JSON"),
        ('{"order": 1, "logprob": -1, "reference": -1}', "'reference' stands in some rows"),
    ],
)
def test_a_row_that_is_no_number_is_named_by_its_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "order.jsonl"
    path.write_text('{"order": 0, "logprob": -2}\n\n' + line + "\n")
    with pytest.raises(ContentError, match=f"order.jsonl:3: .*{message}"):
        palimpsest_file(path)


def test_a_recording_without_rows_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(ContentError, match="holds no rows"):
        palimpsest_file(tmp_path / "empty.jsonl")


def test_sequences_of_unlike_length_are_refused() -> None:
    with pytest.raises(ValueError, match="two sequences of one length"):
        palimpsest([1, 2], [1.0])
    with pytest.raises(ValueError, match="the reference has another length"):
        palimpsest([1, 2], [1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="have to be finite"):
        palimpsest([1, 2], [1.0, math.inf])
