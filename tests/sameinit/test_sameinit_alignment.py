"""How the residual streams of two models lie to each other is found from their tables of tokens."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sameinit_disguises as disguise
from provenance.sameinit.alignment import Alignment, alignments, polar
from provenance.sameinit.statistics import Untestable
from provenance.weights.network import Network
from sameinit_disguises import WIDTH, in_folder, model, orthogonal, tuned
from sameinit_fixtures import Tensors


def found(a: Tensors, b: Tensors, folder: Path) -> tuple[Alignment, ...]:
    turns = alignments(*(Network.open(in_folder(x, folder / n)) for n, x in (("a", a), ("b", b))))
    assert not isinstance(turns, Untestable)
    return turns


@settings(max_examples=25, deadline=None)
@given(size=st.integers(1, 40), seed=st.integers(0, 1000), condition=st.floats(1, 300))
def test_the_polar_factor_is_that_of_the_singular_value_decomposition(
    size: int, seed: int, condition: float
) -> None:
    left, right = orthogonal(size, seed), orthogonal(size, seed + 1)
    matrix = 1e-3 * (left * np.geomspace(1, 1 / condition, size)) @ right
    np.testing.assert_allclose(polar(matrix.astype(np.float32)), left @ right, atol=2e-3)


def test_directions_that_a_matrix_takes_to_zero_stay_there() -> None:
    left, right = orthogonal(12, 1), orthogonal(12, 2)
    matrix = (left[:, :5] @ right[:5]).astype(np.float32)
    np.testing.assert_allclose(polar(matrix), matrix, atol=1e-3)


@pytest.mark.parametrize("value", [1e-30, 1.0, 1e15])
def test_the_polar_factor_takes_no_note_of_scale(value: float) -> None:
    turn = orthogonal(9, 4)
    np.testing.assert_allclose(polar(np.float32(value) * turn), turn, atol=1e-3)


def test_the_turn_of_a_copy_is_found(tmp_path: Path) -> None:
    base = model(1)
    _, turn = found(tuned(base, 2), tuned(disguise.rotated(base, 3), 4), tmp_path)
    assert turn.rotation is not None
    rows = np.random.default_rng(0).standard_normal((50, WIDTH)).astype(np.float32)
    expected = rows @ orthogonal(WIDTH, 3)
    assert (turn.turned(rows) * expected).sum() / (expected**2).sum() > 0.97
    np.testing.assert_allclose(turn.mirrored().turned(turn.turned(rows)), rows, atol=1e-3)


def test_gains_before_the_head_are_no_turn(tmp_path: Path) -> None:
    base = {name: values for name, values in model(1).items() if "embed" not in name}
    (in_place,) = found(base, disguise.folded(base), tmp_path)
    assert in_place.rotation is None
    assert in_place.plain == pytest.approx(1, abs=1e-4)


def test_scale_is_no_turn(tmp_path: Path) -> None:
    larger = {name: 50 * values for name, values in tuned(model(1), 2).items()}
    (in_place,) = found(model(1), larger, tmp_path)
    assert in_place.plain > 0.9


def test_strangers_whose_tables_have_something_in_common_get_both_alignments_to_choose_from(
    tmp_path: Path,
) -> None:
    other, learnt = model(2), disguise.rotated(model(1), 3)
    other |= {name: other[name] + 0.4 * values for name, values in learnt.items() if "embed" in name}
    in_place, turn = found(model(1), other, tmp_path)
    assert in_place.rotation is None
    assert abs(in_place.plain) < 0.05
    assert turn.tokens == 2 * disguise.VOCABULARY


def test_tables_that_have_nothing_in_common_show_no_turn(tmp_path: Path) -> None:
    (in_place,) = found(model(1), model(2), tmp_path)
    assert in_place.rotation is None
    assert abs(in_place.plain) < 0.05


def test_tables_of_zeros_show_no_turn(tmp_path: Path) -> None:
    empty = {
        name: np.zeros_like(values) if "embed" in name or "lm_head" in name else values
        for name, values in model(1).items()
    }
    (in_place,) = found(empty, model(2), tmp_path)
    assert (in_place.rotation, in_place.plain) == (None, 0.0)
