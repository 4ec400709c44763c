"""Matrices as outputs x inputs, whatever way they are stored."""

from pathlib import Path

import numpy as np
import pytest

from provenance.weights.checkpoint import Checkpoint
from provenance.weights.families import Role
from provenance.weights.hints import Hints, Norm, Rotation
from provenance.weights.network import Network, paired_blocks
from provenance.weights.roles import Matrix, Slot, Span

HEADS, KEYS, SIZE, WIDTH, HIDDEN = 4, 2, 8, 32, 48
HINTS = Hints(heads=HEADS, kv_heads=KEYS, head_size=SIZE, rotation=Rotation.HALVES)


def network(hints: Hints = HINTS, **tensors: np.ndarray) -> Network:
    return Network.of(
        Checkpoint.of(
            Path("model"), {name: np.ascontiguousarray(values) for name, values in tensors.items()}, hints
        )
    )


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def read(one: Network, role: Role, numbers: tuple[int, ...] = (0,)) -> np.ndarray:
    assert one.layout is not None
    return one.outputs(one.layout.matrices[Slot("", numbers, role)])


def llama(q: np.ndarray, k: np.ndarray) -> dict[str, np.ndarray]:
    layer = "model.layers.0."
    return {
        layer + "self_attn.q_proj.weight": q,
        layer + "self_attn.k_proj.weight": k,
        layer + "self_attn.v_proj.weight": drawn(KEYS * SIZE, WIDTH),
        layer + "self_attn.o_proj.weight": drawn(WIDTH, HEADS * SIZE),
        layer + "mlp.gate_proj.weight": drawn(HIDDEN, WIDTH, seed=1),
        layer + "mlp.up_proj.weight": drawn(HIDDEN, WIDTH, seed=2),
        layer + "mlp.down_proj.weight": drawn(WIDTH, HIDDEN),
        layer + "input_layernorm.weight": drawn(WIDTH),
        layer + "post_attention_layernorm.weight": drawn(WIDTH, seed=1),
    }


def gguf(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """As converters name and order them: in each head of queries and keys, the halves alternate."""
    names = {
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }
    found = {}
    for name, values in tensors.items():
        end = name.removeprefix("model.layers.0.").removesuffix(".weight")
        alternating = (
            values.reshape(-1, 2, SIZE // 2, WIDTH).swapaxes(1, 2)
            if end.endswith(("q_proj", "k_proj"))
            else values
        )
        found[f"blk.0.{names[end]}.weight"] = alternating.reshape(values.shape)
    return found


def test_a_gguf_file_and_what_it_was_made_of_line_up() -> None:
    source = llama(drawn(HEADS * SIZE, WIDTH), drawn(KEYS * SIZE, WIDTH))
    one = network(**source)
    other = network(
        Hints(heads=HEADS, kv_heads=KEYS, head_size=SIZE, norm=Norm.RMS, rotation=Rotation.NEIGHBOURS),
        **gguf(source),
    )
    assert one.layout is not None
    assert other.layout is not None
    assert one.layout.family.architecture == other.layout.family.architecture
    assert one.layout.heads == other.layout.heads
    assert one.layout.norm is other.layout.norm is Norm.RMS
    assert one.layout.matrices.keys() == other.layout.matrices.keys()
    for slot, a in one.layout.matrices.items():
        b = other.layout.matrices[slot]
        np.testing.assert_array_equal(one.outputs(a), other.outputs(b))
        np.testing.assert_array_equal(one.outputs(a, 3, 13), other.outputs(b, 3, 13))
        np.testing.assert_array_equal(one.inputs(a, 2, 9), other.inputs(b, 2, 9))
        for outputs_at, inputs_at, x, y in paired_blocks(one, a, other, b, elements=200):
            np.testing.assert_array_equal(x, y)
            np.testing.assert_array_equal(x, one.outputs(a)[outputs_at, inputs_at])
    assert one.layout.gains.keys() == other.layout.gains.keys()
    for slot in one.layout.gains:
        np.testing.assert_array_equal(one.gain(slot), other.gain(slot))


def test_a_gain_that_is_stored_less_one_is_read_whole() -> None:
    tensors = llama(drawn(HEADS * SIZE, WIDTH), drawn(KEYS * SIZE, WIDTH))
    slot = Slot("", (0,), Role.NORM_MLP)
    np.testing.assert_array_equal(
        network(Hints(gain_offset=1.0), **tensors).gain(slot), network(**tensors).gain(slot) + np.float32(1)
    )
    assert network(**tensors).gain(Slot("", (7,), Role.NORM_MLP)) is None


def test_fused_queries_keys_and_values_of_unequal_size_come_apart() -> None:
    q, k, v = drawn(HEADS * SIZE, WIDTH), drawn(KEYS * SIZE, WIDTH), drawn(KEYS * SIZE, WIDTH, seed=1)
    fused = network(
        **{
            "layers.0.self_attn.qkv_proj.weight": np.concatenate([q, k, v]),
            "layers.0.self_attn.o_proj.weight": drawn(WIDTH, HEADS * SIZE),
        }
    )
    for role, values in ((Role.QUERY, q), (Role.KEY, k), (Role.VALUE, v)):
        np.testing.assert_array_equal(read(fused, role), values)
    assert fused.layout is not None
    assert fused.layout.heads is not None


def test_queries_keys_and_values_that_are_interleaved_by_key_heads_come_apart() -> None:
    q, k, v = drawn(HEADS * SIZE, WIDTH), drawn(KEYS * SIZE, WIDTH), drawn(KEYS * SIZE, WIDTH, seed=1)
    grouped = [values.reshape(KEYS, -1, WIDTH) for values in (q, k, v)]
    fused = network(
        **{
            "h.0.self_attention.query_key_value.weight": np.concatenate(grouped, axis=1).reshape(-1, WIDTH),
            "h.0.self_attention.dense.weight": drawn(WIDTH, HEADS * SIZE),
        }
    )
    assert fused.layout is not None
    for role, values in ((Role.QUERY, q), (Role.KEY, k), (Role.VALUE, v)):
        np.testing.assert_array_equal(read(fused, role), values)
        matrix = fused.layout.matrices[Slot("", (0,), role)]
        np.testing.assert_array_equal(fused.outputs(matrix, 5, 11), values[5:11])
        np.testing.assert_array_equal(fused.inputs(matrix, 5, 11), values[:, 5:11])


def test_experts_in_one_tensor_come_apart_and_meet_experts_in_many() -> None:
    gate, up, down = drawn(3, HIDDEN, WIDTH), drawn(3, HIDDEN, WIDTH, seed=1), drawn(3, WIDTH, HIDDEN)
    apart = {
        f"layers.0.mlp.experts.{expert}.{name}.weight": values[expert]
        for name, values in (("gate_proj", gate), ("up_proj", up), ("down_proj", down))
        for expert in range(3)
    }
    fused = {
        "layers.0.mlp.experts.gate_up_proj": np.concatenate([gate, up], axis=1),
        "layers.0.mlp.experts.down_proj": down,
    }
    turned = {
        "layers.0.feed_forward.experts.gate_up_proj": np.concatenate([gate, up], axis=1).swapaxes(1, 2),
        "layers.0.feed_forward.experts.down_proj": down.swapaxes(1, 2),
    }
    packed = {
        "blk.0.ffn_gate_exps.weight": gate,
        "blk.0.ffn_up_exps.weight": up,
        "blk.0.ffn_down_exps.weight": down,
    }
    for tensors in (apart, fused, turned, packed):
        one = network(**tensors)
        assert one.layout is not None
        assert one.layout.family.architecture == "llama"
        for expert in range(3):
            for role, values in ((Role.GATE, gate), (Role.UP, up), (Role.DOWN, down)):
                np.testing.assert_array_equal(read(one, role, (0, expert)), values[expert])


def test_a_fused_mlp_in_a_gguf_file_is_told_from_a_plain_one_by_its_size() -> None:
    down = {"blk.0.ffn_down.weight": drawn(WIDTH, HIDDEN)}
    fused = network(**{"blk.0.ffn_up.weight": drawn(2 * HIDDEN, WIDTH)}, **down)
    plain = network(**{"blk.0.ffn_up.weight": drawn(HIDDEN, WIDTH)}, **down)
    assert fused.layout is not None
    assert plain.layout is not None
    assert {slot.role for slot in fused.layout.matrices} == {Role.GATE, Role.UP, Role.DOWN}
    assert {slot.role for slot in plain.layout.matrices} == {Role.HIDDEN_IN, Role.HIDDEN_OUT}


@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("elements", [1, 64, 1000, 1 << 20])
def test_blocks_cover_each_element_once_whatever_the_storage(
    transposed: tuple[bool, bool], elements: int
) -> None:
    values = drawn(10, 7), drawn(12, 7)
    networks = [
        network(weight=side.T if turned else side) for side, turned in zip(values, transposed, strict=True)
    ]
    matrices = [
        Matrix("weight", side.T.shape if turned else side.shape, turned)
        for side, turned in zip(values, transposed, strict=True)
    ]
    seen = np.zeros((2, 10, 7), np.float32)
    for outputs_at, inputs_at, x, y in paired_blocks(
        networks[0], matrices[0], networks[1], matrices[1], elements
    ):
        assert outputs_at.start % 2 == inputs_at.start % 2 == 0
        seen[0][outputs_at, inputs_at] += x
        seen[1][outputs_at, inputs_at] += y
    np.testing.assert_array_equal(seen[0], values[0])
    np.testing.assert_array_equal(seen[1], values[1][:10])


@pytest.mark.parametrize(
    ("span", "rows"),
    [
        (Span(4, 3), [4, 5, 6]),
        (Span(1, 2, 3, 8), [1, 2, 9, 10, 17, 18]),
        (Span(1, 1, 4, 2), [1, 3, 5, 7]),
    ],
)
def test_a_part_is_read_from_where_it_lies(span: Span, rows: list[int]) -> None:
    values = drawn(24, 5)
    for transposed in (False, True):
        one = network(weight=values.T if transposed else values)
        matrix = Matrix("weight", (5, 24) if transposed else (24, 5), transposed, span)
        assert (matrix.outputs, matrix.inputs, matrix.elements) == (len(rows), 5, 5 * len(rows))
        np.testing.assert_array_equal(one.outputs(matrix), values[rows])
        np.testing.assert_array_equal(one.outputs(matrix, 1, 99), values[rows][1:])
        np.testing.assert_array_equal(one.inputs(matrix, 1, 3), values[rows][:, 1:3])
        assert one.outputs(matrix, 2, 2).shape == (0, 5)
        assert one.inputs(matrix, 2, 2).shape == (len(rows), 0)


def test_a_kernel_is_read_with_all_its_places_as_inputs() -> None:
    values = drawn(6, 4, 3, 3)
    one = network(**{"conv.weight": values})
    matrix = Matrix("conv.weight", values.shape)
    assert (matrix.outputs, matrix.inputs) == (6, 36)
    np.testing.assert_array_equal(one.outputs(matrix, 2, 5), values[2:5].reshape(3, 36))
    np.testing.assert_array_equal(one.inputs(matrix, 9, 18), values[:, 1].reshape(6, 9))
