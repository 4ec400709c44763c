"""Hostile and sound headers of safetensors files."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from provenance.errors import ContentError
from provenance.weights.header import MAX_HEADER_BYTES, Place, read_header
from provenance.weights.tensor import TensorInfo

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def written(folder: Path, header: object, data: bytes = b"\0" * 8, *, length: int | None = None) -> Path:
    """A file with any header at all; ``header`` may be bytes that are no JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def test_a_file_that_the_library_wrote_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"b": np.zeros((2, 3), np.float16), "a": np.array(1, np.float32)}, path, metadata={"who": "me"})
    header = read_header(path)
    assert header.metadata == {"who": "me"}
    assert header.tensors["b"].info == TensorInfo(dtype="F16", shape=(2, 3), stored_bytes=12)
    assert header.tensors["a"] == Place(
        TensorInfo(dtype="F32", shape=(), stored_bytes=4), header.tensors["a"].start
    )


HOSTILE = {
    "a header of gigabytes": (b"{}", {"length": 2**62}, "claims 4611686018427387904 bytes, more than"),
    "a header over the limit": (b"{}", {"length": MAX_HEADER_BYTES + 1}, "more than the 100000000"),
    "a header longer than the file": (b"{}", {"length": 4096}, "claims 4096 bytes, but the file has"),
    "a header that is no JSON": (b"{nonsense", {}, "is not JSON"),
    "a header of deeply nested lists": (b"[" * 200_000, {}, "is not JSON"),
    "a header that is no text": (b"\xff\xfe\x00", {}, "is not JSON"),
    "a header that is a list": ([], {}, "is not a JSON object"),
    "a name given twice": (b'{"w": 1, "w": 2}', {}, "names 'w' twice"),
    "metadata that is no text": ({"__metadata__": {"a": 1}}, {}, "does not map text to text"),
    "an entry that is no object": ({"w": 5}, {}, "has to have exactly"),
    "an entry with more fields": ({"w": {**ENTRY, "code": "x"}}, {}, "has to have exactly"),
    "an unknown dtype": ({"w": {**ENTRY, "dtype": "F31"}}, {}, "unknown dtype 'F31'"),
    "a dtype that is no text": ({"w": {**ENTRY, "dtype": ["F32"]}}, {}, "unknown dtype"),
    "a negative shape": ({"w": {**ENTRY, "shape": [-2]}}, {}, "shape that is not"),
    "a shape of truth values": ({"w": {**ENTRY, "shape": [True]}}, {}, "shape that is not"),
    "a shape of astronomic size": ({"w": {**ENTRY, "shape": [10**300]}}, {}, "shape that is not"),
    "a shape whose product is astronomic": ({"w": {**ENTRY, "shape": [2**62] * 32}}, {}, "spans 8 bytes"),
    "a shape of too many axes": ({"w": {**ENTRY, "shape": [1] * 64}}, {}, "shape that is not"),
    "negative offsets": ({"w": {**ENTRY, "data_offsets": [-8, 0]}}, {}, "not two positions"),
    "offsets in reverse": ({"w": {**ENTRY, "data_offsets": [8, 0]}}, {}, "spans -8 bytes"),
    "one offset": ({"w": {**ENTRY, "data_offsets": [8]}}, {}, "not two positions"),
    "offsets that don't match the shape": ({"w": {**ENTRY, "shape": [3]}}, {}, "spans 8 bytes, but F32"),
    "offsets beyond the file": ({"w": {**ENTRY, "data_offsets": [8, 16]}}, {}, "ends at byte"),
    "overlapping tensors": (
        {"v": ENTRY, "w": {**ENTRY, "shape": [1], "data_offsets": [4, 8]}},
        {},
        "overlaps",
    ),
    "two tensors in one place": ({"v": ENTRY, "w": ENTRY}, {}, "overlaps the one before it"),
    "a gap before a tensor": ({"w": {**ENTRY, "shape": [1], "data_offsets": [4, 8]}}, {}, "leaves a gap"),
    "bytes that no tensor owns": ({"w": ENTRY}, {"data": b"\0" * 12}, "tensors end at byte"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_header_that_lies_is_refused_with_the_file_and_the_reason(case: str, tmp_path: Path) -> None:
    header, options, reason = HOSTILE[case]
    path = written(tmp_path, header, **options)
    with pytest.raises(ContentError, match="not a sound safetensors file") as caught:
        read_header(path)
    assert reason in caught.value.message
    assert str(path) in caught.value.message


@pytest.mark.parametrize("size", [0, 7])
def test_a_file_too_short_for_a_length_is_refused(size: int, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\0" * size)
    with pytest.raises(ContentError, match=f"has {size} bytes, too few"):
        read_header(path)


def test_every_truncation_of_a_sound_file_is_refused(tmp_path: Path) -> None:
    whole = written(tmp_path, {"w": ENTRY}).read_bytes()
    cut = tmp_path / "cut.safetensors"
    for size in range(len(whole)):
        cut.write_bytes(whole[:size])
        with pytest.raises(ContentError, match="not a sound safetensors file"):
            read_header(cut)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    os.mkfifo(path)
    with pytest.raises(ContentError, match="not a regular file"):
        read_header(path)


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"cannot read .*gone\.safetensors: No such file"):
        read_header(tmp_path / "gone.safetensors")


def test_an_empty_tensor_takes_no_bytes(tmp_path: Path) -> None:
    header = {"e": {"dtype": "F32", "shape": [0, 7], "data_offsets": [0, 0]}, "w": ENTRY}
    assert read_header(written(tmp_path, header)).tensors["e"].info.elements == 0
