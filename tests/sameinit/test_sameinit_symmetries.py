"""Every coin is a symmetry: flips leave real networks' outputs as they are, and coins are fair where B is a flipped copy of A."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from provenance.sameinit.agreement import Agreement, agreement
from provenance.sameinit.statistics import Coins, sign_test
from provenance.sameinit.symmetries import Group, Member, Side, Symmetry, groups
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.families import Role
from provenance.weights.hints import Hints, Norm, Rotation
from provenance.weights.network import Network
from sameinit_fixtures import Tensors

WIDTH, HEADS, KEYS, SIZE, HIDDEN, TOKENS = 32, 4, 2, 8, 48, 50
HINTS = Hints(heads=HEADS, kv_heads=KEYS, head_size=SIZE, norm=Norm.RMS, rotation=Rotation.HALVES)
PLAIN = Hints(heads=HEADS, kv_heads=HEADS, head_size=SIZE, norm=Norm.LAYER, rotation=Rotation.NONE)
TOKEN_IDS = torch.arange(12)[None] * 7 % TOKENS


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(3)
    yield
    torch.set_num_threads(threads)


def llama() -> Any:
    config = LlamaConfig(
        hidden_size=WIDTH, intermediate_size=HIDDEN, num_hidden_layers=2, num_attention_heads=HEADS,
        num_key_value_heads=KEYS, vocab_size=TOKENS, tie_word_embeddings=False,
    )  # fmt: skip
    return LlamaForCausalLM(config).double().eval()


def gpt2() -> Any:
    config = GPT2Config(n_embd=WIDTH, n_head=HEADS, n_layer=2, vocab_size=TOKENS, n_positions=40)
    return GPT2LMHeadModel(config).double().eval()


def tensors_of(model: torch.nn.Module) -> Tensors:
    return {name: values.numpy().astype(np.float32) for name, values in model.state_dict().items()}


def network(tensors: Tensors, hints: Hints = HINTS) -> Network:
    return Network.of(Checkpoint.of(Path("memory"), tensors, hints))


def planned(tensors: Tensors, hints: Hints = HINTS) -> Sequence[Group]:
    layout = network(tensors, hints).layout
    assert layout is not None
    return tuple(groups(layout, layout))


def turned(model: Any, member: Member, signs: np.ndarray) -> None:
    """Turns the signs of units of a matrix in place; ``signs`` has one for each unit."""
    rows = torch.from_numpy(signs[member.unit_of()].astype(np.float64))
    values = model.state_dict()[member.a.name]
    if "c_attn" in member.a.name:
        part = [Role.QUERY, Role.KEY, Role.VALUE].index(member.role)
        values = values[:, part * WIDTH : (part + 1) * WIDTH]
    transposed = "c_" in member.a.name
    values *= rows[:, None] if (member.side is Side.OUTPUTS) != transposed else rows


@pytest.mark.parametrize(("build", "hints"), [(llama, HINTS), (gpt2, PLAIN)])
def test_turning_the_signs_of_tested_units_changes_no_output(build: Callable[[], Any], hints: Hints) -> None:
    model = build()
    rng = np.random.default_rng(1)
    before = model(TOKEN_IDS).logits
    tested = set()
    for group in planned(tensors_of(model), hints):
        if group.symmetry is not Symmetry.SIGN or group.residual:
            continue
        signs = rng.choice([-1, 1], group.members[0].units)
        for member in group.members:
            assert member.units == len(signs)
            turned(model, member, signs)
        tested |= {member.role for member in group.members}
        after = model(TOKEN_IDS).logits
        torch.testing.assert_close(after, before, rtol=1e-9, atol=1e-12)
    gated = {Role.UP, Role.DOWN} if build is llama else set()
    assert tested == {Role.QUERY, Role.KEY, Role.VALUE, Role.OUTPUT, *gated}


def test_a_rotary_pair_whose_two_dimensions_turn_apart_changes_the_output() -> None:
    model = llama()
    before = model(TOKEN_IDS).logits
    model.state_dict()["model.layers.0.self_attn.k_proj.weight"][0] *= -1
    assert not torch.allclose(model(TOKEN_IDS).logits, before)


def test_the_signs_of_residual_coordinates_are_free_under_an_rms_norm() -> None:
    model = llama()
    (embedding, head) = (group for group in planned(tensors_of(model)) if group.residual)
    assert embedding.symmetry is head.symmetry is Symmetry.SIGN
    before = model(TOKEN_IDS).logits
    signs = torch.from_numpy(np.random.default_rng(1).choice([-1.0, 1.0], WIDTH))
    for name, values in model.state_dict().items():
        if "o_proj" in name or "down_proj" in name:
            values.mul_(signs[:, None])
        elif values.ndim > 1:
            values.mul_(signs)
    torch.testing.assert_close(model(TOKEN_IDS).logits, before, rtol=1e-9, atol=1e-12)


def test_residual_signs_are_not_tested_under_a_layer_norm_nor_beside_added_positions() -> None:
    assert {g.symmetry for g in planned(tensors_of(llama()), Hints(norm=Norm.LAYER)) if g.residual} == {
        Symmetry.SWAP
    }
    assert {g.symmetry for g in planned(tensors_of(gpt2()), Hints(norm=Norm.RMS)) if g.residual} == {
        Symmetry.SWAP
    }


@pytest.mark.parametrize(("cell", "gates"), [(torch.nn.LSTM, 4), (torch.nn.GRU, 3)])
def test_the_signs_of_a_cell_s_candidates_are_free_and_those_of_its_gates_are_not(
    cell: Callable[..., Any], gates: int
) -> None:
    model = cell(10, 16, num_layers=2).double()
    found = planned(tensors_of(model), Hints())
    signed = [group for group in found if group.symmetry is Symmetry.SIGN]
    assert {member.role for group in signed for member in group.members} <= {Role.CELL_GATE, Role.NEW_GATE}
    assert len(signed) == 2
    inputs = torch.randn(5, 1, 10, dtype=torch.float64)
    before, _ = model(inputs)
    signs = torch.from_numpy(np.random.default_rng(1).choice([-1.0, 1.0], 16))
    state = model.state_dict()
    rows = slice(32, 48)  # the third block of both: the LSTM's cell gate, the GRU's new gate
    for layer in (0, 1):
        for name in ("weight_ih", "weight_hh"):
            state[f"{name}_l{layer}"][rows] *= signs[:, None]
        for name in ("bias_ih", "bias_hh"):
            state[f"{name}_l{layer}"][rows] *= signs
        state[f"weight_hh_l{layer}"][:] *= signs
    state["weight_ih_l1"][:] *= signs
    assert len(state["weight_ih_l0"]) == 16 * gates
    torch.testing.assert_close(model(inputs)[0], before * signs, rtol=1e-9, atol=1e-12)


def coins(a: Tensors, b: Tensors, pick: Callable[[Group], bool], hints: Hints = HINTS) -> list[Coins]:
    one, other = network(a, hints), network(b, hints)
    assert one.layout
    assert other.layout
    found = []
    for group in filter(pick, groups(one.layout, other.layout)):
        agreed = agreement(one, other, group)
        assert isinstance(agreed, Agreement), agreed
        tossed = sign_test(agreed.values)
        assert isinstance(tossed, Coins)
        found.append(tossed)
    return found


def drawn_like(shapes: Tensors, seed: int) -> Tensors:
    rng = np.random.default_rng(seed)
    return {
        name: rng.standard_normal(values.shape).astype(np.float32) if values.ndim > 1 else values
        for name, values in shapes.items()
    }


@pytest.mark.parametrize("roles", ["key+query", "value+output", "up+down", "embedding", "gate", "head"])
def test_coins_of_strangers_are_fair(roles: str) -> None:
    shapes = tensors_of(llama())
    found = [
        one
        for seed in range(0, 160, 2)
        for one in coins(
            drawn_like(shapes, seed), drawn_like(shapes, seed + 1), lambda group: group.name.endswith(roles)
        )
    ]
    z = np.array([(2 * one.heads - one.flips) / one.flips**0.5 for one in found])
    assert abs(z.mean()) < 4 / len(z) ** 0.5
    assert 0.8 < z.std() < 1.2
    p = 10 ** np.array([one.log10_p for one in found])
    for level in (0.05, 0.01):
        assert (p <= level).mean() <= level + 4 * (level / len(p)) ** 0.5


@pytest.mark.parametrize(("roles", "flips"), [("key+query", 8), ("value+output", 16)])
def test_a_copy_whose_units_were_turned_at_random_gives_one_fair_coin_for_each_unit(
    roles: str, flips: int
) -> None:
    """The hardest case of the null hypothesis: B is A but for its signs, so that every row of a unit agrees perfectly."""
    model = llama()
    a = tensors_of(model)
    (group,) = (g for g in planned(a) if g.name == f"0.{roles}")
    for seed in range(20):
        signs = np.random.default_rng(seed).choice([-1, 1], flips)
        copy = llama()
        copy.load_state_dict(model.state_dict())
        for member in group.members:
            turned(copy, member, signs)
        (found,) = coins(a, tensors_of(copy), lambda group: group.name == f"0.{roles}")
        assert (found.flips, found.heads) == (flips, int((signs > 0).sum()))


def test_query_heads_that_share_a_value_head_make_no_coins_of_their_own() -> None:
    a = tensors_of(llama())
    by_name = {group.name: group for group in planned(a)}
    assert [member.units for member in by_name["0.value+output"].members] == [KEYS * SIZE] * 2
    assert [member.units for member in by_name["0.key+query"].members] == [KEYS * SIZE // 2] * 2
    # Without a word on heads only the values are tested, and queries and keys by nothing.
    unknown = {group.name for group in planned(a, Hints())}
    assert "0.value" in unknown
    assert not any("query" in name for name in unknown)


def residual_convolutions() -> Tensors:
    """Convolutions whose outputs are added to their inputs, each close to a copy along its own units, as residual layers may be."""
    rng = np.random.default_rng(0)
    near = np.roll(np.einsum("oi,kl->oikl", np.eye(64), np.ones((3, 3))), 7, axis=1)
    first = {"conv0.weight": rng.standard_normal((64, 3, 3, 3))}
    layers = {f"conv{i}.weight": rng.standard_normal((64, 64, 3, 3)) + 0.5 * near for i in (1, 2, 3)}
    return {name: values.astype(np.float32) for name, values in {**first, **layers}.items()}


def test_units_that_a_skip_connection_ties_to_inputs_give_fair_coins_all_the_same() -> None:
    a = residual_convolutions()
    assert {group.part for group in planned(a, Hints())} == {"hidden"}
    for seed in range(20):
        swaps = np.random.default_rng(seed).integers(0, 2, 32)
        order = np.arange(64) ^ np.repeat(swaps, 2)
        b = {
            name: values[order] if values.shape[1] == 3 else values[order][:, order]
            for name, values in a.items()
        }
        found = coins(a, b, lambda group: group.part == "hidden", Hints())
        assert len(found) >= 3
        assert {(one.flips, one.heads) for one in found} == {(32, int((swaps == 0).sum()))}


@pytest.mark.parametrize("roles", ["key+query", "value+output", "embedding"])
def test_a_faint_kinship_is_found_by_many_units(roles: str) -> None:
    shapes = {
        name: np.zeros([8 * side for side in values.shape] if values.ndim > 1 else values.shape, np.float32)
        for name, values in tensors_of(llama()).items()
    }
    hints = Hints(heads=8 * HEADS, kv_heads=8 * KEYS, head_size=SIZE, norm=Norm.RMS, rotation=Rotation.HALVES)
    a, noise = drawn_like(shapes, 1), drawn_like(shapes, 2)
    b = {name: 0.15 * a[name] + noise[name] for name in a}
    found = coins(a, b, lambda group: group.name.endswith(roles), hints)
    assert min(one.log10_p for one in found) < -4
