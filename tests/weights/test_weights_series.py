"""Networks of no known family: whose outputs are hidden units, and whose never."""

import time

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from provenance.weights.families import STACK, Role
from provenance.weights.hints import Hints, Rotation
from provenance.weights.recognition import recognise

GATES = {
    "lstm": (Role.INPUT_GATE, Role.FORGET_GATE, Role.CELL_GATE, Role.OUTPUT_GATE),
    "gru": (Role.RESET_GATE, Role.UPDATE_GATE, Role.NEW_GATE),
    "rnn": (Role.SERIES,),
}


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(values.shape) for name, values in module.state_dict().items()}


def series_of(found: dict[str, tuple[int, ...]]) -> set[str]:
    layout = recognise(found)
    if layout is None:
        return set()
    assert layout.family is STACK
    return {matrix.name for slot, matrix in layout.matrices.items() if slot.role is Role.SERIES}


class Block(nn.Module):
    """A residual block, with the names of torchvision's."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, bias=False)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 7)
        self.layer1 = nn.Sequential(Block(16, 16), Block(16, 16))
        self.layer2 = nn.Sequential(Block(16, 32), Block(32, 32))
        self.fc = nn.Linear(32, 10)


@pytest.mark.parametrize("kind", GATES)
def test_the_gates_of_a_recurrent_cell_hold_the_same_units_in_the_same_order(kind: str) -> None:
    torch.manual_seed(0)
    cell = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[kind](
        5, 6, num_layers=2, bidirectional=True, batch_first=True
    )
    layout = recognise(shapes(cell))
    assert layout is not None
    assert {slot.role for slot in layout.matrices} == set(GATES[kind])
    assert {(slot.tower, slot.numbers) for slot in layout.matrices} == {
        (tower, (layer,)) for tower in ("", "reverse") for layer in (0, 1)
    }
    x, state = torch.randn(1, 4, 5), cell.state_dict()
    before = cell(x)[0].detach()
    order = torch.tensor([1, 0, 2, 3, 5, 4])
    # The same exchange of units in each gate of the second layer, forwards: nothing but the order of what it gives is another.
    for gate in range(len(GATES[kind])):
        rows = slice(6 * gate, 6 * gate + 6)
        for name in ("weight_ih_l1", "weight_hh_l1", "bias_ih_l1", "bias_hh_l1"):
            state[name][rows] = state[name][rows][order]
    state["weight_hh_l1"][:] = state["weight_hh_l1"][:, order]
    np.testing.assert_allclose(cell(x)[0][..., :6].detach(), before[..., order], atol=1e-6)
    spans = {
        matrix.span[:2] for slot, matrix in layout.matrices.items() if slot.numbers == (1,) and not slot.tower
    }
    assert spans == {(6 * gate, 6) for gate in range(len(GATES[kind]))}


def test_a_matrix_beside_a_cell_that_is_no_gates_is_left_alone() -> None:
    assert recognise({"weight_ih_l0": (24, 5), "weight_hh_l0": (24, 7)}) is None
    assert recognise({"weight_ih_l0": (24, 5)}) is None


def test_kernels_up_to_the_linear_layer_after_them_have_hidden_units() -> None:
    net = nn.ModuleDict(
        {"conv1": nn.Conv2d(1, 8, 3), "conv2": nn.Conv2d(8, 16, 3), "fc": nn.Linear(16 * 9, 10)}
    )
    assert series_of(shapes(net)) == {"conv1.weight", "conv2.weight"}


def test_kernels_and_linear_layers_of_one_sequence_are_one_series() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3),
        nn.Flatten(),
        nn.Linear(8 * 4, 20),
        nn.Linear(20, 5),
    )
    assert series_of(shapes(net)) == {"0.weight", "2.weight", "4.weight"}


def test_a_residual_network_has_units_within_its_blocks_and_between_them() -> None:
    found = series_of(shapes(Residual()))
    assert {f"layer{i}.{j}.conv1.weight" for i in (1, 2) for j in (0, 1)} <= found
    assert {"layer1.0.conv2.weight", "layer2.0.conv2.weight"} <= found
    assert not {"conv1.weight", "fc.weight", "layer2.1.conv2.weight"} & found


@pytest.mark.parametrize("name", ["lin", "lin_l", "nn.0"])
def test_layers_of_a_graph_network_are_a_series(name: str) -> None:
    found = {f"convs.{i}.{name}.weight": size for i, size in enumerate([(16, 100), (16, 16), (7, 16)])}
    assert series_of(found) == {f"convs.0.{name}.weight", f"convs.1.{name}.weight"}


@pytest.mark.parametrize("transposed", [False, True])
def test_an_autoencoder_s_pixels_are_no_units(transposed: bool) -> None:
    widths = [64, 32, 8, 32, 64]
    whole = {f"{i}.weight": (widths[i + 1], widths[i]) for i in range(4)}
    twice = {f"{i}.weight": (whole[f"{i % 4}.weight"]) for i in range(8)}
    kernel = {f"c{i}.k.weight": (widths[i + 1], widths[i], 3, 3) for i in range(4)}
    back = {f"d{i}.k.weight": (widths[i], widths[i + 1], 3, 3) for i in range(4)}
    for found in (whole, twice, kernel, back if transposed else kernel):
        layout = recognise(found)
        if layout is None:
            continue
        last = max(slot.numbers for slot in layout.matrices)
        for slot, matrix in layout.matrices.items():
            if slot.role is Role.SERIES or slot.numbers < last:
                assert matrix.outputs < 64


@pytest.mark.parametrize(
    "found",
    [
        {f"blocks.{i}.step.weight": (64, 64) for i in range(4)},  # steps of a flow on the data
        {f"layers.{i}.weight": (64, 64) for i in range(4)},
        {f"blocks.{i}.depthwise.weight": (32, 1, 3, 3) for i in range(4)},
        {f"heads.{i}.out.weight": (10, 64) for i in range(4)},
        {"conv1.weight": (8, 3, 3, 3), "conv2.weight": (8, 9, 3, 3)},
        {"embedding.weight": (100, 16), "fc.weight": (10, 16)},
    ],
)
def test_where_it_is_open_whether_there_are_hidden_units_there_are_none(
    found: dict[str, tuple[int, ...]],
) -> None:
    assert recognise(found) is None


def test_a_gated_mlp_of_an_unknown_family_keeps_the_stream_out_of_its_units() -> None:
    layout = recognise(
        {f"block.w{i + 1}.weight": size for i, size in enumerate([(48, 32), (32, 48), (48, 32)])}
    )
    assert layout is not None
    assert [matrix.outputs for matrix in layout.matrices.values()] == [48, 32]
    assert {slot.role for slot in layout.matrices} == {Role.STACKED}


def test_an_encoder_and_a_decoder_are_apart() -> None:
    found = {f"{side}.{i}.weight": (8, 8 + i) for side in ("encoder", "decoder") for i in range(1)}
    found |= {
        "encoder.0.weight": (32, 64),
        "encoder.2.weight": (8, 32),
        "decoder.0.weight": (32, 8),
        "decoder.2.weight": (64, 32),
    }
    layout = recognise(found)
    assert layout is not None
    assert {slot.tower for slot in layout.matrices} == {"encoder", "decoder"}


PARTS = st.sampled_from(
    [
        "model",
        "layers",
        "layer",
        "h",
        "blk",
        "block",
        "self_attn",
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "qkv_proj",
        "attn",
        "c_attn",
        "c_proj",
        "mlp",
        "experts",
        "gate_proj",
        "gate_up_proj",
        "up_proj",
        "down_proj",
        "fc1",
        "fc2",
        "conv1",
        "conv2",
        "attn_qkv",
        "attn_output",
        "ffn_up",
        "ffn_down",
        "ffn_gate_exps",
        "query_key_value",
        "dense",
        "self_attention",
        "weight_ih_l0",
        "weight_hh_l0",
        "weight_ih",
        "weight_hh",
        "norm",
        "embed_tokens",
        "lm_head",
        "input_layernorm",
        "0",
        "1",
        "2",
        "10",
        "é",
        "#",
        "{i}",
        "",
    ]
)
NAMES = st.builds(
    lambda parts, end: ".".join(parts) + end,
    st.lists(PARTS, max_size=6),
    st.sampled_from([".weight", ".weight", "", ".bias"]),
)
SIZES = st.lists(st.sampled_from([0, 1, 2, 3, 4, 6, 8, 16, 24, 1 << 40]), max_size=4).map(tuple)
COUNTS = st.none() | st.sampled_from([1, 2, 3, 4, 8, 1 << 40])
HINTS = st.builds(
    Hints,
    heads=COUNTS,
    kv_heads=COUNTS,
    head_size=COUNTS,
    rotation=st.none() | st.sampled_from(Rotation),
    rotated=COUNTS,
)


@settings(deadline=None, max_examples=300)
@example(
    found={"layers.{i}.input_layernorm.weight": (), "layers.{i}.self_attn.q_proj.weight": (8, 8)},
    hints=Hints(),
)
@given(found=st.dictionaries(NAMES, SIZES, max_size=30), hints=HINTS)
def test_whatever_the_names_and_shapes_a_layout_lies_within_its_tensors(
    found: dict[str, tuple[int, ...]], hints: Hints
) -> None:
    layout = recognise(found, hints)
    if layout is None:
        return
    assert layout.matrices
    assert all(name in found for name in layout.gains.values())
    for matrix in layout.matrices.values():
        assert found[matrix.name] == matrix.shape
        assert matrix.outputs > 0
        assert matrix.inputs > 0
        places = matrix.stored(np.array([0, matrix.outputs - 1]))
        assert places.min() >= 0
        assert places.max() < matrix.stored_outputs
    assert layout == recognise(dict(reversed(found.items())), hints)


@pytest.mark.parametrize(
    "names",
    [
        [f"model.layers.{i}.mlp.experts.{j}.gate_proj.weight" for i in range(30) for j in range(1000)],
        [f"a.{i}.b.{j}.c.{i + j}.weight" for i in range(30) for j in range(1000)],
        [f"tower{i}.layers.0.fc1.weight" for i in range(20_000)],
        ["x." * 100_000 + f"{i}.weight" for i in range(10)],
    ],
)
def test_very_many_and_very_long_names_take_seconds(names: list[str]) -> None:
    started = time.process_time()
    recognise(dict.fromkeys(names, (8, 8)))
    assert time.process_time() - started < 10
