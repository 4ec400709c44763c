"""GGUF files: values as the `gguf` package gives them, read by any range of rows; files that lie about themselves."""

import struct
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import dequantize, quantize

from provenance.errors import ContentError, MissingExtraError
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.hints import Hints, Norm, Rotation

# What the package can write itself; the others it only reads.
TYPES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "TQ1_0", "TQ2_0"]
READ_ONLY = [
    "Q2_K",
    "Q3_K",
    "Q4_K",
    "Q5_K",
    "Q6_K",
    "IQ2_XXS",
    "IQ2_XS",
    "IQ2_S",
    "IQ3_XXS",
    "IQ3_S",
    "IQ1_S",
    "IQ1_M",
    "IQ4_NL",
    "IQ4_XS",
]
VALUES = np.random.default_rng(0).normal(size=(6, 512)).astype(np.float32)


def written(path: Path, tensors: dict[str, tuple[np.ndarray, str]]) -> Path:
    """A file of tensors: their bytes, and the names of their types."""
    writer = GGUFWriter(path, "llama")
    writer.add_embedding_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_token_list([f"token {i}" for i in range(9)])
    writer.add_array("numbers", [1, 2, 3])
    for name, (data, type_) in tensors.items():
        writer.add_tensor(name, data, raw_dtype=GGMLQuantizationType[type_])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def model(folder: Path) -> Path:
    return written(folder / "model.gguf", {"w": (VALUES, "F32"), "v": (VALUES[0], "F32")})


@pytest.mark.parametrize("type_", TYPES)
def test_any_rows_of_any_type_are_those_that_were_quantised(type_: str, tmp_path: Path) -> None:
    qtype = GGMLQuantizationType[type_]
    stored = quantize(VALUES, qtype)
    checkpoint = Checkpoint.open(written(tmp_path / "m.gguf", {"w": (stored, type_)}))
    expected = dequantize(stored, qtype)
    assert checkpoint.info("w").shape == VALUES.shape
    assert checkpoint.info("w").dtype == type_
    assert checkpoint.info("w").stored_bytes == stored.nbytes
    np.testing.assert_array_equal(checkpoint.rows("w"), expected)
    np.testing.assert_array_equal(checkpoint.rows("w", 2, 5), expected[2:5])
    np.testing.assert_array_equal(checkpoint.rows("w", 700, 701, leading=2), expected.ravel()[700:701])
    assert np.corrcoef(expected.ravel(), VALUES.ravel())[0, 1] > 0.7


@pytest.mark.parametrize("type_", READ_ONLY)
def test_types_that_are_only_read_become_what_the_package_makes_of_them(type_: str, tmp_path: Path) -> None:
    from gguf import GGML_QUANT_SIZES

    qtype = GGMLQuantizationType[type_]
    block, size = GGML_QUANT_SIZES[qtype]
    stored = np.random.default_rng(1).integers(0, 100, (4, 512 // block * size), np.uint8)
    checkpoint = Checkpoint.open(written(tmp_path / "m.gguf", {"w": (stored, type_)}))
    with np.errstate(all="ignore"):
        expected = dequantize(stored, qtype)
    np.testing.assert_array_equal(checkpoint.rows("w", 1, 3), expected[1:3])


def test_experts_are_read_by_single_outputs(tmp_path: Path) -> None:
    stack = np.random.default_rng(2).normal(size=(3, 4, 64)).astype(np.float32)
    stored = quantize(stack, GGMLQuantizationType.Q8_0)
    checkpoint = Checkpoint.open(written(tmp_path / "m.gguf", {"w": (stored, "Q8_0")}))
    expected = dequantize(stored, GGMLQuantizationType.Q8_0)
    assert checkpoint.info("w").shape == (3, 4, 64)
    np.testing.assert_array_equal(checkpoint.rows("w", 5, 9, leading=2), expected.reshape(12, 64)[5:9])
    assert checkpoint.bytes_read == stored.nbytes // 12 * 4


def test_metadata_become_hints_and_integers_have_no_part_in_statistics(tmp_path: Path) -> None:
    ids = np.arange(8, dtype=np.int32)
    checkpoint = Checkpoint.open(written(tmp_path / "m.gguf", {"w": (VALUES, "F32"), "ids": (ids, "I32")}))
    assert checkpoint.hints == Hints(
        heads=4, kv_heads=2, head_size=16, norm=Norm.RMS, rotation=Rotation.NEIGHBOURS, rotated=16
    )
    assert checkpoint.is_numeric("w")
    assert not checkpoint.is_numeric("ids")


def test_the_parts_of_a_split_model_read_as_one(tmp_path: Path) -> None:
    names = [f"model-0000{number}-of-00002.gguf" for number in (1, 2)]
    for number, name in enumerate(names):
        written(tmp_path / name, {f"w{number}": (VALUES, "F32")})
    assert list(Checkpoint.open(tmp_path).tensors) == ["w0", "w1"]
    (tmp_path / names[1]).unlink()
    with pytest.raises(ContentError, match=r"one of 2 parts, and 'model-00002-of-00002\.gguf' is missing"):
        Checkpoint.open(tmp_path)


def test_a_name_in_two_parts_is_refused(tmp_path: Path) -> None:
    for number in (1, 2):
        written(tmp_path / f"model-0000{number}-of-00002.gguf", {"w": (VALUES, "F32")})
    with pytest.raises(ContentError, match="another part holds 'w' too"):
        Checkpoint.open(tmp_path)


def header(*, version: int = 3, tensors: int = 0, entries: int = 0, rest: bytes = b"") -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, entries) + rest


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def info(shape: tuple[int, ...], kind: int = 0, offset: int = 0, name: bytes = b"w") -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


ENDLESS = struct.pack("<IIQ", 9, 4, 2**60)
HOSTILE = {
    "nothing": (b"", "speaks of 4 bytes more"),
    "another magic": (b"ABCD" * 8, "does not begin with b'GGUF'"),
    "a version from the future": (header(version=99), "is of version 99"),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "or big-endian"),
    "more tensors than bytes": (header(tensors=2**60), "speaks of 8 bytes more"),
    "more metadata than bytes": (header(entries=2**60), "speaks of 8 bytes more"),
    "an array without end": (header(entries=1, rest=text(b"k") + ENDLESS), "bytes more, and the file has 0"),
    "a vocabulary without end": (
        header(entries=1, rest=text(b"k") + struct.pack("<IIQ", 9, 8, 2**60) + bytes(80)), "bytes more"
    ),
    "arrays of arrays of arrays": (
        header(entries=1, rest=text(b"k") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 8), "unknown type 9"
    ),
    "a value of no type": (header(entries=1, rest=text(b"k") + struct.pack("<I", 77)), "unknown type 77"),
    "a key of gigabytes": (header(entries=1, rest=struct.pack("<Q", 2**62)), "claims 4611686018427387904 bytes"),
    "one key twice": (header(entries=2, rest=(text(b"k") + struct.pack("<IB", 0, 1)) * 2), "name 'k' twice"),
    "one tensor twice": (header(tensors=2, rest=info((0,)) * 2), "names 'w' twice"),
    "many axes": (header(tensors=1, rest=text(b"w") + struct.pack("<I", 4_000_000_000)), "4000000000 dimensions"),
    "a tensor beyond the end": (header(tensors=1, rest=info((2**40,))), "and the file has"),
    "a size that overflows": (header(tensors=1, rest=info((2**63, 2**63, 2**63))), "and the file has"),
    "an unknown type": (header(tensors=1, rest=info((32,), kind=999)), "of the type 999, which"),
    "half a block": (header(tensors=1, rest=info((33,), kind=8)), "no whole number of Q8_0 blocks"),
    "an odd alignment": (
        header(entries=1, rest=text(b"general.alignment") + struct.pack("<II", 4, 33)), "alignment is 33"
    ),
    "an alignment of text": (
        header(entries=1, rest=text(b"general.alignment") + struct.pack("<I", 8) + text(b"x")), "alignment is 'x'"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_lies_about_itself_is_refused(name: str, tmp_path: Path) -> None:
    data, message = HOSTILE[name]
    (tmp_path / "m.gguf").write_bytes(data)
    with pytest.raises(ContentError, match=message):
        Checkpoint.open(tmp_path / "m.gguf")


def test_a_file_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = model(tmp_path).read_bytes()
    for length in range(0, len(whole), 197):
        (tmp_path / "cut.gguf").write_bytes(whole[:length])
        with pytest.raises(ContentError, match="is not a sound GGUF file"):
            Checkpoint.open(tmp_path / "cut.gguf")


def test_a_header_with_any_byte_turned_gives_tensors_or_a_clear_error(tmp_path: Path) -> None:
    whole = bytearray(model(tmp_path).read_bytes())
    rng = np.random.default_rng(3)
    for position in range(0, 900, 3):
        spoilt = bytearray(whole)
        spoilt[position] ^= int(rng.integers(1, 256))
        (tmp_path / "spoilt.gguf").write_bytes(spoilt)
        try:
            checkpoint = Checkpoint.open(tmp_path / "spoilt.gguf")
        except ContentError:
            continue
        for name in checkpoint.tensors:
            if checkpoint.is_numeric(name):
                checkpoint.rows(name)


def test_without_the_package_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = model(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "gguf", None)
    with pytest.raises(MissingExtraError, match="package gguf, which is not installed") as caught:
        Checkpoint.open(path)
    assert "provenance-registry[gguf]" in str(caught.value.hint)
