"""Likenesses that no re-parameterisation hides: a disguised copy has them all, and nobody can see more than there is."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from provenance.sameinit.conformal import Conformal
from provenance.sameinit.invariants import EXCESS, Invariants, Likeness, invariants
from provenance.sameinit.likeness import (
    centred_cosines,
    matched_agreement,
    product_spectrum,
    spectral_agreement,
    unbiased_cka,
)
from provenance.sameinit.statistics import Untestable
from provenance.weights.network import Network
from sameinit_fixtures import ARCHITECTURES, Tensors, drawn, gpt2, saved

WIDTH, HIDDEN, TOKENS, LAYERS, HEADS, KV_HEADS = 48, 96, 320, 4, 6, 3
SIZE = WIDTH // HEADS
CONFIG = {
    "model_type": "llama",
    "hidden_size": WIDTH,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
}


def llama(seed: int, layers: int = LAYERS) -> Tensors:
    """Weights with gains that are not ones, as after training."""
    rng = np.random.default_rng(seed)
    shapes = {"model.embed_tokens.weight": (TOKENS, WIDTH), "lm_head.weight": (TOKENS, WIDTH)}
    gains = ["model.norm.weight"]
    for i in range(layers):
        layer = f"model.layers.{i}."
        shapes |= {
            layer + "self_attn.q_proj.weight": (WIDTH, WIDTH),
            layer + "self_attn.k_proj.weight": (KV_HEADS * SIZE, WIDTH),
            layer + "self_attn.v_proj.weight": (KV_HEADS * SIZE, WIDTH),
            layer + "self_attn.o_proj.weight": (WIDTH, WIDTH),
            layer + "mlp.gate_proj.weight": (HIDDEN, WIDTH),
            layer + "mlp.up_proj.weight": (HIDDEN, WIDTH),
            layer + "mlp.down_proj.weight": (WIDTH, HIDDEN),
        }
        gains += [layer + "input_layernorm.weight", layer + "post_attention_layernorm.weight"]
    tensors = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    return tensors | {name: rng.uniform(0.5, 2, WIDTH).astype(np.float32) for name in gains}


def disguised(tensors: Tensors, seed: int) -> Tensors:
    """The same function: gains folded, residual turned, units permuted, scaled and flipped, values in another basis."""
    rng = np.random.default_rng(seed)
    found = dict(tensors)

    def change(name: str, values: np.ndarray) -> None:
        found[name] = values.astype(np.float32)

    def fold(norm: str, *readers: str) -> None:
        for reader in readers:
            change(reader, found[reader] * found[norm])
        change(norm, np.ones(WIDTH))

    fold("model.norm.weight", "lm_head.weight")
    turn = np.linalg.qr(rng.standard_normal((WIDTH, WIDTH)))[0]
    for i in range(sum(name.endswith("gate_proj.weight") for name in tensors)):
        attention, mlp = f"model.layers.{i}.self_attn.", f"model.layers.{i}.mlp."
        q, k, v, o = (f"{attention}{name}_proj.weight" for name in "qkvo")
        gate, up, down = (f"{mlp}{name}_proj.weight" for name in ("gate", "up", "down"))
        fold(f"model.layers.{i}.input_layernorm.weight", q, k, v)
        fold(f"model.layers.{i}.post_attention_layernorm.weight", gate, up)
        order = rng.permutation(HIDDEN)
        factor = rng.uniform(0.5, 2, (HIDDEN, 1)) * rng.choice([-1, 1], (HIDDEN, 1))
        change(gate, found[gate][order])
        change(up, found[up][order] * factor)
        change(down, found[down][:, order] / factor.T)
        for head in range(KV_HEADS):
            basis = rng.standard_normal((SIZE, SIZE)) + 3 * np.eye(SIZE)
            rows = slice(head * SIZE, (head + 1) * SIZE)
            found[v][rows] = basis @ found[v][rows]
            for query in range(head * HEADS // KV_HEADS, (head + 1) * HEADS // KV_HEADS):
                columns = slice(query * SIZE, (query + 1) * SIZE)
                found[o][:, columns] = found[o][:, columns] @ np.linalg.inv(basis)
        for name in (q, k, v, gate, up):
            change(name, found[name] @ turn)
        for name in (o, down):
            change(name, turn.T @ found[name])
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        change(name, found[name] @ turn)
    return found


def opened(tensors: Tensors, folder: Path, config: Mapping[str, object] | None = CONFIG) -> Network:
    folder.mkdir()
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    return Network.open(saved(tensors, folder / "model.safetensors").parent)


def by_name(found: Invariants) -> dict[str, Likeness]:
    return {one.name: one for one in found.likenesses}


def test_a_disguised_copy_is_as_alike_as_the_model_itself(tmp_path: Path) -> None:
    tensors = llama(1)
    one, other = opened(tensors, tmp_path / "a"), opened(disguised(tensors, 2), tmp_path / "b")
    found = by_name(invariants(one, other))
    assert found["units"].value == pytest.approx(1.0, abs=1e-3)
    assert found["tokens"].value == pytest.approx(1.0, abs=1e-3)
    assert found["spectra"].value == pytest.approx(1.0, abs=2e-3)
    in_pair = found["units"].in_pair
    assert in_pair is not None
    assert (10**in_pair.log10_p, in_pair.kind) == (pytest.approx(1 / 24), "orders of layers N=24")


def test_a_disguised_copy_looks_like_one_and_a_stranger_does_not(tmp_path: Path) -> None:
    one, stranger = opened(llama(1), tmp_path / "a"), opened(llama(3), tmp_path / "c")
    copy = invariants(one, opened(disguised(llama(1), 2), tmp_path / "b"))
    assert copy.suspicious
    assert copy.reason.startswith(
        "the models look like disguised copies: units agree to 1.000, layers out of place only to 0."
    )
    found = invariants(one, stranger)
    assert not found.suspicious
    assert found.reason == "no likeness beyond re-parameterisation was seen"
    excess = by_name(found)["units"].excess
    assert excess is not None
    assert abs(excess) < EXCESS / 4


def test_which_model_comes_first_does_not_matter(tmp_path: Path) -> None:
    one, other = opened(llama(4), tmp_path / "a"), opened(llama(5), tmp_path / "b")
    for x, y in zip(invariants(one, other).likenesses, invariants(other, one).likenesses, strict=True):
        assert x.value == pytest.approx(y.value, abs=1e-6)
        assert x.mismatched == pytest.approx(y.mismatched, abs=1e-6)


def test_without_known_heads_grouped_attention_is_left_out(tmp_path: Path) -> None:
    one, other = (opened(llama(seed), tmp_path / str(seed), config=None) for seed in (6, 7))
    found = by_name(invariants(one, other))
    assert (
        found["spectra"].untestable
        == "layers differ in kind, can't be read, or hold zeros, NaN or huge values"
    )
    assert found["units"].value is not None


def test_plain_mlps_and_tied_heads_are_looked_at_too(tmp_path: Path) -> None:
    shapes = gpt2(transposed=True) | {"wte.weight": (TOKENS, 64)}
    tensors = drawn(shapes, 8)
    permuted = dict(tensors)
    order = np.random.default_rng(9).permutation(160)
    for i in range(2):
        permuted[f"h.{i}.mlp.c_fc.weight"] = tensors[f"h.{i}.mlp.c_fc.weight"][:, order]
        permuted[f"h.{i}.mlp.c_proj.weight"] = tensors[f"h.{i}.mlp.c_proj.weight"][order]
    one, other = (opened(values, tmp_path / name, None) for name, values in (("a", tensors), ("b", permuted)))
    found = by_name(invariants(one, other))
    assert found["units"].value == pytest.approx(1.0, abs=1e-4)
    assert found["units"].in_pair is None
    assert by_name(invariants(one, opened(drawn(shapes, 10), tmp_path / "c", None)))["units"].value < 0.5


@pytest.mark.parametrize("architecture", ["mlp", "llama"])
def test_what_has_no_layers_between_many_tokens_can_t_be_looked_at(tmp_path: Path, architecture: str) -> None:
    one, other = (
        opened(drawn(ARCHITECTURES[architecture], seed), tmp_path / str(seed), None) for seed in (1, 2)
    )
    found = invariants(one, other)
    assert found.likenesses[0].untestable
    assert found.likenesses[1].untestable
    assert not found.suspicious


def test_models_of_unlike_depth_are_compared_by_their_tokens_alone(tmp_path: Path) -> None:
    one, other = opened(llama(1), tmp_path / "a"), opened(llama(1, layers=5), tmp_path / "b")
    found = by_name(invariants(one, other))
    assert found["units"].untestable == "the models have 4 and 5 layers of the kind"
    assert found["tokens"].value is not None


def test_values_that_are_no_numbers_are_a_reason(tmp_path: Path) -> None:
    broken = llama(1)
    broken["model.layers.2.mlp.up_proj.weight"][3, 3] = np.nan
    broken["model.layers.1.self_attn.v_proj.weight"][:] = np.inf
    broken["lm_head.weight"][7] = np.inf
    found = by_name(invariants(opened(llama(2), tmp_path / "a"), opened(broken, tmp_path / "b")))
    assert found["units"].untestable == f"there are no {256} tokens to see units through"
    assert found["tokens"].value is not None
    assert invariants(opened(broken, tmp_path / "c"), opened(broken, tmp_path / "d")).suspicious is False


def made(units: float, tokens: float = 0.5) -> Invariants:
    return Invariants(
        likenesses=(
            Likeness(name="units", value=units, mismatched=0.1),
            Likeness(name="tokens", value=tokens),
            Likeness(name="spectra", untestable="none"),
        )
    )


def test_external_controls_decide_where_there_are_enough(tmp_path: Path) -> None:
    one, copy = opened(llama(1), tmp_path / "a"), opened(disguised(llama(1), 2), tmp_path / "b")
    strangers = [made(0.4 + i / 1000) for i in range(59)]
    found = invariants(one, copy, controls=strangers)
    external = by_name(found)["units"].external
    assert isinstance(external, Conformal)
    assert (10**external.log10_p, external.kind) == (pytest.approx(1 / 60), "conformal N=59")
    assert "p = 0.017 (conformal N=59)" in found.reason
    assert [score.controls for score in found.scores] == [59, 59, 0]
    alike = invariants(one, copy, controls=[made(1.01, 1.01)] * 59)
    assert not alike.suspicious


def test_too_few_external_controls_are_a_reason(tmp_path: Path) -> None:
    one, other = opened(llama(1), tmp_path / "a"), opened(llama(2), tmp_path / "b")
    found = invariants(one, other, controls=[made(0.3)] * 7)
    assert by_name(found)["units"].external == Untestable(
        "7 external controls, and 59 are needed to reach p = 0.0166667"
    )
    assert found.scores[0].log10_p is None


def test_an_excess_needs_something_to_exceed() -> None:
    assert made(0.55).likenesses[0].excess == pytest.approx(0.5)
    assert made(0.55).likenesses[1].excess is None
    assert replace(made(0.5).likenesses[0], mismatched=1.0).excess is None


def test_units_that_are_permuted_and_flipped_agree_entirely() -> None:
    rng = np.random.default_rng(11)
    gates, ups = rng.standard_normal((2, 40, 20), np.float32)
    order, signs = rng.permutation(20), rng.choice([-1, 1], 20)
    by_gates = centred_cosines(gates, gates[:, order])
    assert matched_agreement(by_gates, (centred_cosines(ups, (ups * signs)[:, order]),)) == pytest.approx(1.0)
    apart = matched_agreement(by_gates, (centred_cosines(ups, rng.standard_normal((40, 20), np.float32)),))
    assert apart == pytest.approx(np.sqrt(2 / np.pi / 40), abs=0.06)


def test_cka_is_unbiased_where_width_is_large_beside_the_number_of_tokens() -> None:
    rng = np.random.default_rng(12)
    values = [unbiased_cka(*rng.standard_normal((2, 40, 120), np.float32)) for _ in range(200)]
    known = np.array([value for value in values if value is not None])
    assert len(known) > 150
    assert abs(np.mean([np.clip(value, -1, 1) for value in known])) < 0.1


def test_cka_does_not_see_a_turn_a_scale_or_a_shift() -> None:
    rng = np.random.default_rng(13)
    table = rng.standard_normal((60, 10), np.float32)
    turn = np.linalg.qr(rng.standard_normal((10, 10)))[0].astype(np.float32)
    assert unbiased_cka(table, 3 * table @ turn + 1) == pytest.approx(1.0, abs=1e-4)
    assert unbiased_cka(table, np.zeros_like(table)) is None


def test_a_product_s_spectrum_is_that_of_the_whole_product() -> None:
    rng = np.random.default_rng(14)
    one, other = rng.standard_normal((2, 5, 30), np.float32)
    expected = np.linalg.svd(one.T @ other, compute_uv=False)[:5]
    assert product_spectrum(one, other) == pytest.approx(expected, rel=1e-4)
    basis = rng.standard_normal((5, 5)) + 2 * np.eye(5)
    assert product_spectrum(basis @ one, np.linalg.inv(basis).T @ other) == pytest.approx(expected, rel=1e-4)


def test_spectra_agree_up_to_a_factor() -> None:
    assert spectral_agreement(np.array([4.0, 2.0, 1.0]), np.array([8.0, 4.0, 1.0])) == pytest.approx(1.0)
    assert spectral_agreement(np.array([4.0, 2.0, 1.0]), np.array([4.0, 0.5, 0.1])) == pytest.approx(0.5)
    assert spectral_agreement(np.array([1.0, 0.0]), np.array([1.0, 1.0])) is None
