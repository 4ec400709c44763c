"""Other methods, on matrices whose kinship was made."""

import numpy as np
import pytest
from benchmarks.peers import PEERS, Parts, Peer, embedding_cka, match, phi_u, plain_cosine, spectra
from scipy.stats import kstest

from provenance.weights.families import Role
from provenance.weights.roles import Slot

WIDTH, HIDDEN, TOKENS = 24, 60, 80


def gated(seed: int) -> Parts:
    rng = np.random.default_rng(seed)
    return {
        Slot("", (), Role.EMBEDDING): rng.standard_normal((TOKENS, WIDTH), np.float32),
        Slot("", (0,), Role.GATE): rng.standard_normal((HIDDEN, WIDTH), np.float32),
        Slot("", (0,), Role.UP): rng.standard_normal((HIDDEN, WIDTH), np.float32),
    }


def disguised(parts: Parts, seed: int) -> Parts:
    """Hidden units in another order, the residual stream in another basis."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((WIDTH, WIDTH)))[0].astype(np.float32)
    order = rng.permutation(HIDDEN)
    return {
        slot: (values if slot.role is Role.EMBEDDING else values[order]) @ turn
        for slot, values in parts.items()
    }


@pytest.mark.parametrize("name", PEERS)
def test_a_model_is_most_like_itself(name: str) -> None:
    itself, stranger = PEERS[name](gated(0), gated(0)), PEERS[name](gated(0), gated(1))
    assert itself is not None
    assert stranger is not None
    assert itself.value > stranger.value


@pytest.mark.parametrize("method", [match, embedding_cka, spectra])
def test_what_is_blind_to_symmetries_sees_through_a_disguise(method: Peer) -> None:
    model = gated(0)
    hidden, open_ = method(model, disguised(model, 5)), method(model, model)
    assert hidden.value == pytest.approx(open_.value, rel=1e-3)


@pytest.mark.parametrize("method", [plain_cosine, phi_u])
def test_what_looks_at_units_in_place_sees_nothing_of_a_disguised_copy(method: Peer) -> None:
    model = gated(0)
    assert method(model, disguised(model, 5)).value < 0.2 * method(model, model).value


@pytest.mark.parametrize("method", [phi_u, match])
def test_p_values_of_strangers_are_uniform(method: Peer) -> None:
    found = [method(gated(2 * seed), gated(2 * seed + 1)) for seed in range(100)]
    assert kstest([10**one.log10_p for one in found], "uniform").pvalue > 0.01


def test_unbiased_alignment_of_strangers_is_zero_on_average_however_wide_they_are() -> None:
    found = [embedding_cka(gated(2 * seed), gated(2 * seed + 1)) for seed in range(40)]
    assert abs(np.mean([one.value for one in found])) < 0.03


def test_what_a_method_cannot_compare_it_says_nothing_about() -> None:
    assert match({}, {}) is None
    assert embedding_cka({}, {}) is None
    plain = {Slot("", (0,), Role.STACKED): np.eye(5, dtype=np.float32)}
    assert match(plain, plain) is None
