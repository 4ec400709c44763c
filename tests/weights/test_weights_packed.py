"""Quantised safetensors: each test quantises by the definition of the format, and has the quantiser's own values read back."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from provenance.errors import ContentError
from provenance.weights.checkpoint import Checkpoint

RNG = np.random.default_rng(0)
OUTPUTS, INPUTS, GROUP = 24, 64, 16
NF4 = np.concatenate([-np.geomspace(1, 0.05, 7), [0], np.geomspace(0.05, 1, 8)]).astype(np.float32)


def opened(
    folder: Path, tensors: Mapping[str, np.ndarray], config: Mapping[str, object] | None = None
) -> Checkpoint:
    save_file(
        {name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / "model.safetensors"
    )
    if config:
        (folder / "config.json").write_text(json.dumps({"quantization_config": config}))
    return Checkpoint.open(folder)


def assert_reads(checkpoint: Checkpoint, expected: np.ndarray, name: str = "up.weight") -> None:
    assert list(checkpoint.tensors) == [name]
    assert checkpoint.is_numeric(name)
    assert checkpoint.info(name).shape == expected.shape
    np.testing.assert_array_equal(checkpoint.rows(name), expected)
    np.testing.assert_array_equal(checkpoint.rows(name, 5, 11), expected[5:11])
    stored = checkpoint.raw(name)
    assert stored.size == checkpoint.info(name).stored_bytes
    np.testing.assert_array_equal(checkpoint.raw(name, 100, stored.size - 3), stored[100:-3])


def test_bitsandbytes_int8(tmp_path: Path) -> None:
    absmax = RNG.uniform(1, 2, OUTPUTS).astype(np.float32)
    codes = RNG.integers(-127, 128, (OUTPUTS, INPUTS)).astype(np.int8)
    expected = codes.astype(np.float32) * (absmax / np.float32(127))[:, None]
    stored = {"up.weight": codes, "up.SCB": absmax, "up.weight_format": np.array(0, np.uint8)}
    assert_reads(opened(tmp_path, stored), expected)


def test_bitsandbytes_int8_in_another_order_of_elements_stays_as_it_is(tmp_path: Path) -> None:
    codes, absmax = np.ones((4, 8), np.int8), np.ones(4, np.float32)
    stored = {"up.weight": codes, "up.SCB": absmax, "up.weight_format": np.array(2, np.uint8)}
    checkpoint = opened(tmp_path, stored)
    assert not checkpoint.is_numeric("up.weight")
    assert len(checkpoint.tensors) == 3


def four_bits(
    kind: str, shape: tuple[int, int], state: dict[str, object]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Packed codes with their map and state, and the values of the map that they stand for."""
    codes = RNG.integers(0, 16, shape[0] * shape[1]).astype(np.uint8)
    padded = np.append(codes, np.uint8(0))[: len(codes) + len(codes) % 2]
    packed = (padded[0::2] << 4 | padded[1::2])[:, None]
    text = json.dumps({"quant_type": kind, "blocksize": 64, "dtype": "bfloat16", "shape": shape, **state})
    stored = {
        "up.weight": packed,
        "up.weight.quant_map": NF4,
        f"up.weight.quant_state.bitsandbytes__{kind}": np.frombuffer(text.encode(), np.uint8),
    }
    return stored, NF4[codes]


@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("shape", [(OUTPUTS, INPUTS), (25, 33)])
def test_bitsandbytes_four_bits(kind: str, shape: tuple[int, int], tmp_path: Path) -> None:
    stored, values = four_bits(kind, shape, {})
    absmax = RNG.uniform(1, 2, -(-values.size // 64)).astype(np.float32)
    expected = (values * absmax.repeat(64)[: values.size]).reshape(shape)
    assert_reads(opened(tmp_path, {**stored, "up.weight.absmax": absmax}), expected)


def test_bitsandbytes_four_bits_with_nested_scales(tmp_path: Path) -> None:
    shape = (300, 65)
    stored, values = four_bits(
        "nf4", shape, {"nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": 0.25}
    )
    blocks = -(-values.size // 64)
    codes = RNG.integers(0, 256, blocks).astype(np.uint8)
    nested_map = np.sort(RNG.uniform(-1, 1, 256)).astype(np.float32)
    nested = RNG.uniform(1, 2, -(-blocks // 256)).astype(np.float32)
    absmax = nested_map[codes] * nested.repeat(256)[:blocks] + np.float32(0.25)
    parts = {
        "up.weight.absmax": codes,
        "up.weight.nested_absmax": nested,
        "up.weight.nested_quant_map": nested_map,
    }
    expected = (values * absmax.repeat(64)[: values.size]).reshape(shape)
    assert_reads(opened(tmp_path, {**stored, **parts}), expected)


@pytest.mark.parametrize(
    "change", [{"blocksize": 32}, {"blocksize": "64"}, {"shape": [24, 63]}, {"shape": None}]
)
def test_four_bits_whose_state_does_not_fit_stay_as_they_are(
    change: dict[str, object], tmp_path: Path
) -> None:
    stored, values = four_bits("nf4", (OUTPUTS, INPUTS), change)
    checkpoint = opened(tmp_path, {**stored, "up.weight.absmax": np.ones(values.size // 64, np.float32)})
    assert not checkpoint.is_numeric("up.weight")
    assert len(checkpoint.tensors) == 4


def words(values: np.ndarray, bits: int, order: tuple[int, ...] | None = None) -> np.ndarray:
    """Codes packed along the last axis into words of 32 bits, the lowest bits first."""
    count = 32 // bits
    groups = values.reshape(*values.shape[:-1], -1, count).astype(np.uint32)
    packed = np.zeros(groups.shape[:-1], np.uint32)
    for place in range(count):
        packed |= groups[..., place if order is None else order[place]] << np.uint32(place * bits)
    return packed.view(np.int32)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize(("version", "less"), [("gptq", 1), ("gptq_v2", 0)])
@pytest.mark.parametrize("in_order", [True, False])
def test_gptq(bits: int, version: str, less: int, in_order: bool, tmp_path: Path) -> None:
    outputs, groups = 32, INPUTS // GROUP
    codes = RNG.integers(0, 1 << bits, (INPUTS, outputs))
    zeros = RNG.integers(0, 1 << bits, (groups, outputs))
    scales = RNG.uniform(0.01, 0.1, (groups, outputs)).astype(np.float16)
    group = np.arange(INPUTS, dtype=np.int32) // GROUP
    if not in_order:
        group = RNG.permutation(group).astype(np.int32)
    expected = (codes - zeros[group]).astype(np.float32) * scales[group].astype(np.float32)
    stored = {
        "up.qweight": words(codes.T, bits).T,
        "up.qzeros": words((zeros - less) % (1 << bits), bits),
        "up.scales": scales,
        "up.g_idx": group,
    }
    config = {"quant_method": "gptq", "bits": bits, "checkpoint_format": version}
    assert_reads(opened(tmp_path, stored, config), expected.T)


def test_awq(tmp_path: Path) -> None:
    groups, order = INPUTS // GROUP, (0, 2, 4, 6, 1, 3, 5, 7)
    codes = RNG.integers(0, 16, (INPUTS, OUTPUTS))
    zeros = RNG.integers(0, 16, (groups, OUTPUTS))
    scales = RNG.uniform(0.01, 0.1, (groups, OUTPUTS)).astype(np.float16)
    expected = (codes - zeros.repeat(GROUP, 0)).astype(np.float32) * scales.astype(np.float32).repeat(
        GROUP, 0
    )
    stored = {"up.qweight": words(codes, 4, order), "up.qzeros": words(zeros, 4, order), "up.scales": scales}
    assert_reads(opened(tmp_path, stored, {"quant_method": "awq", "version": "gemm", "bits": 4}), expected.T)


WORDS = {"up.qweight": np.ones((8, 8), np.int32), "up.qzeros": np.ones((4, 1), np.int32), "up.scales": np.ones((4, 8), np.float16)}  # fmt: skip
UNKNOWN: Mapping[str, Mapping[str, object] | None] = {
    "no configuration": None,
    "a method of no known formula": {"quant_method": "hqq"},
    "another version of AWQ": {"quant_method": "awq", "version": "gemv"},
    "shapes that do not fit": {"quant_method": "awq"},
    "three bits": {"quant_method": "gptq", "bits": 3},
    "another format of GPTQ": {"quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin"},
    "no groups": {"quant_method": "gptq", "bits": 4},
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_packed_words_of_an_unknown_format_stay_as_they_are(name: str, tmp_path: Path) -> None:
    checkpoint = opened(tmp_path, WORDS, UNKNOWN[name])
    assert set(checkpoint.tensors) == set(WORDS)
    assert not checkpoint.is_numeric("up.qweight")


def test_a_group_that_does_not_exist_is_an_error_and_no_value(tmp_path: Path) -> None:
    stored = {**WORDS, "up.g_idx": np.full(64, 9, np.int32)}
    checkpoint = opened(tmp_path, stored, {"quant_method": "gptq", "bits": 4})
    with pytest.raises(ContentError, match=r"up\.g_idx names a group that up\.scales does not have"):
        checkpoint.rows("up.weight")


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("weight_scale", ()),
        ("weight_scale", (300, 1)),
        ("weight_scale_inv", (3, 2)),
        ("weight_scale_inv", (1,)),
    ],
)
def test_eight_bit_floats_are_multiplied_by_their_scale(
    name: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    values = torch.tensor(RNG.normal(size=(300, 200)), dtype=torch.float32).to(torch.float8_e4m3fn)
    scale = torch.tensor(RNG.uniform(1, 2, shape), dtype=torch.float32)
    save_torch({"up.weight": values, f"up.{name}": scale}, tmp_path / "model.safetensors")
    spread = scale.numpy()
    if shape == (3, 2):
        spread = spread.repeat(128, 0).repeat(128, 1)[:300, :200]
    assert_reads(Checkpoint.open(tmp_path), values.float().numpy() * spread)


def test_a_matrix_that_is_there_already_is_not_put_aside(tmp_path: Path) -> None:
    stored = {**WORDS, "up.weight": np.ones((4, 4), np.float32), "up.g_idx": np.zeros(64, np.int32)}
    checkpoint = opened(tmp_path, stored, {"quant_method": "gptq", "bits": 4})
    assert set(checkpoint.tensors) == set(stored)
