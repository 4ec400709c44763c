"""Checkpoints: one file, shards, folders; what is refused; values as float32."""

import json
import os
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from provenance.errors import ContentError
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.folder import INDEX_SUFFIX

ONE = np.arange(12, dtype=np.float32).reshape(4, 3)
TWO = -ONE


def sharded(folder: Path, **weight_map: str) -> Path:
    folder.mkdir(exist_ok=True)
    save_file({"one": ONE}, folder / "model-1.safetensors")
    save_file({"two": TWO}, folder / "model-2.safetensors")
    names = weight_map or {"one": "model-1.safetensors", "two": "model-2.safetensors"}
    (folder / ("model" + INDEX_SUFFIX)).write_text(json.dumps({"metadata": {}, "weight_map": names}))
    return folder


def test_a_sharded_folder_reads_as_one_checkpoint(tmp_path: Path) -> None:
    checkpoint = Checkpoint.open(sharded(tmp_path))
    assert list(checkpoint.tensors) == ["one", "two"]
    np.testing.assert_array_equal(checkpoint.rows("two"), TWO)
    assert checkpoint.bytes_read == TWO.nbytes


def test_rows_are_read_without_the_rest(tmp_path: Path) -> None:
    checkpoint = Checkpoint.open(sharded(tmp_path))
    np.testing.assert_array_equal(checkpoint.rows("one", 1, 3), ONE[1:3])
    np.testing.assert_array_equal(checkpoint.rows("one", 3, 99), ONE[3:])
    assert checkpoint.bytes_read == ONE[1:].nbytes


@pytest.mark.parametrize(
    "name", ["model.safetensors", "adapter_model.safetensors", "0_Transformer/model.safetensors"]
)
def test_a_folder_of_any_usual_layout_is_found(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    save_file({"one": ONE}, tmp_path / name)
    (tmp_path / "config.json").write_text("{}")
    np.testing.assert_array_equal(Checkpoint.open(tmp_path).rows("one"), ONE)


VALUES = torch.tensor([[0.0, 1.0, -2.5], [0.015625, 448.0, -0.75]])


@pytest.mark.parametrize(
    "dtype",
    [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2],
)
def test_every_floating_type_becomes_the_float32_that_torch_makes_of_it(
    dtype: torch.dtype, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    values = torch.arange(256, dtype=torch.uint8).view(dtype) if dtype.itemsize == 1 else VALUES.to(dtype)
    save_torch({"w": values, "scalar": values.flatten()[1].clone()}, path)
    checkpoint = Checkpoint.open(path)
    np.testing.assert_array_equal(checkpoint.rows("w"), values.float().numpy())
    np.testing.assert_array_equal(checkpoint.rows("scalar"), [values.flatten()[1].float().item()])


def test_integers_and_masks_have_no_part_in_statistics(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"ids": np.arange(4), "mask": np.array([True])}, path)
    checkpoint = Checkpoint.open(path)
    assert not checkpoint.is_numeric("ids")
    assert not checkpoint.is_numeric("mask")
    with pytest.raises(ContentError, match=r"'ids' of .* holds I64"):
        checkpoint.rows("ids")


OUTSIDE = [
    "../evil.safetensors",
    "/etc/evil.safetensors",
    "a/../../evil.safetensors",
    "..\\evil.safetensors",
    "x.bin",
]


@pytest.mark.parametrize("shard", OUTSIDE)
def test_an_index_that_leads_out_of_its_folder_is_refused(shard: str, tmp_path: Path) -> None:
    save_file({"one": ONE}, tmp_path / "evil.safetensors")
    folder = sharded(tmp_path / "model", one=shard)
    with pytest.raises(ContentError, match=r"not a \.safetensors file within its folder"):
        Checkpoint.open(folder)


def test_a_shard_that_links_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    save_file({"one": ONE}, tmp_path / "secret.safetensors")
    folder = sharded(tmp_path / "model")
    (folder / "model-1.safetensors").unlink()
    (folder / "model-1.safetensors").symlink_to(tmp_path / "secret.safetensors")
    with pytest.raises(ContentError, match=r"model-1\.safetensors is a link that leads out of"):
        Checkpoint.open(folder)


def test_weights_that_link_out_of_a_model_folder_are_refused(tmp_path: Path) -> None:
    save_file({"one": ONE}, tmp_path / "secret.safetensors")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").symlink_to(tmp_path / "secret.safetensors")
    with pytest.raises(ContentError, match="leads out of"):
        Checkpoint.open(folder)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    folder = sharded(tmp_path)
    (folder / "model-2.safetensors").unlink()
    with pytest.raises(ContentError, match=r"names the shard 'model-2\.safetensors', which is missing"):
        Checkpoint.open(folder)


def test_an_index_entry_that_its_shard_does_not_hold_is_named(tmp_path: Path) -> None:
    folder = sharded(tmp_path, three="model-1.safetensors")
    with pytest.raises(ContentError, match=r"places 'three' in model-1\.safetensors, which does not hold it"):
        Checkpoint.open(folder)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": 1}}', "[" * 200_000]
)
def test_an_index_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / ("model" + INDEX_SUFFIX)).write_text(text)
    with pytest.raises(ContentError, match="is not an index"):
        Checkpoint.open(tmp_path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.ckpt", "model.pkl"])
def test_pickled_weights_are_never_opened_and_the_error_says_how_to_convert_them(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    for path in (tmp_path / name, tmp_path):
        with pytest.raises(ContentError, match="pickled weights") as caught:
            Checkpoint.open(path)
        assert "safetensors.torch.save_file" in str(caught.value.hint)


def test_a_folder_without_weights_or_with_two_sets_of_them_says_so(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="holds no weights: no safetensors"):
        Checkpoint.open(tmp_path)
    save_file({"one": ONE}, tmp_path / "a.safetensors")
    save_file({"one": ONE}, tmp_path / "b.safetensors")
    with pytest.raises(ContentError, match=r"more than one set of weights: a\.safetensors, b\.safetensors"):
        Checkpoint.open(tmp_path)


def test_what_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ContentError, match=r"notes\.txt is not a safetensors file"):
        Checkpoint.open(tmp_path / "notes.txt")
    with pytest.raises(ContentError, match="there is no file or folder"):
        Checkpoint.open(tmp_path / "gone")


def test_a_file_that_shrinks_while_it_is_open_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"one": ONE}, path)
    checkpoint = Checkpoint.open(path)
    os.truncate(path, 20)
    with pytest.raises(ContentError, match="was changed while it was being read"):
        checkpoint.rows("one")


def test_a_file_that_is_written_anew_while_it_is_open_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"one": ONE}, path)
    checkpoint = Checkpoint.open(path)
    save_file({"one": TWO}, tmp_path / "other.safetensors")
    (tmp_path / "other.safetensors").rename(path)
    for read in (checkpoint.rows, checkpoint.raw):
        with pytest.raises(ContentError, match="was changed while it was being read"):
            read("one")


def test_a_file_is_cut_short_by_another_thread_and_no_read_crashes(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"one": np.zeros((4096, 64), np.float32)}, path)
    checkpoint = Checkpoint.open(path)
    with ThreadPoolExecutor() as pool:
        reads = [pool.submit(checkpoint.rows, "one", start, start + 8) for start in range(0, 4096, 8)]
        os.truncate(path, 100_000)
        late = [pool.submit(checkpoint.rows, "one", start, start + 8) for start in range(0, 4096, 8)]
    assert all(read.exception() is None or isinstance(read.exception(), ContentError) for read in reads)
    assert all(isinstance(read.exception(), ContentError) for read in late)


def test_bytes_are_counted_exactly_when_many_threads_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    values = np.arange(4096 * 16, dtype=np.float32).reshape(4096, 16)
    save_file({"one": values}, path)
    checkpoint = Checkpoint.open(path)
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda start: checkpoint.rows("one", start, start + 4), range(0, 4096, 4)))
    np.testing.assert_array_equal(np.concatenate(parts), values)
    assert checkpoint.bytes_read == values.nbytes


def test_several_leading_axes_count_as_one(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    experts = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
    save_file({"up": experts}, path)
    checkpoint = Checkpoint.open(path)
    np.testing.assert_array_equal(checkpoint.rows("up", 3, 9, leading=2), experts.reshape(12, 5)[3:9])
    assert checkpoint.bytes_read == 6 * 5 * 4


def test_empty_tensors_have_no_rows_and_values_that_are_not_finite_are_read_as_they_are(
    tmp_path: Path,
) -> None:
    path = tmp_path / "model.safetensors"
    odd = np.array([[np.nan, np.inf], [-np.inf, 0]], np.float32)
    save_file({"none": np.zeros((0, 7), np.float32), "thin": np.zeros((7, 0), np.float32), "odd": odd}, path)
    checkpoint = Checkpoint.open(path)
    assert checkpoint.rows("none").shape == (0, 7)
    assert checkpoint.rows("thin", 2, 5).shape == (3, 0)
    assert checkpoint.raw("none").size == 0
    np.testing.assert_array_equal(checkpoint.rows("odd"), odd)


def test_arrays_in_memory_are_a_checkpoint_too() -> None:
    checkpoint = Checkpoint.of(Path("memory"), {"one": ONE})
    np.testing.assert_array_equal(checkpoint.rows("one", 1, 3), ONE[1:3])
    np.testing.assert_array_equal(checkpoint.raw("one"), ONE.reshape(-1).view(np.uint8))
    assert checkpoint.file_of("one") is None
    assert checkpoint.bytes_read == 0


def test_a_hundred_thousand_tensors_are_opened_in_seconds(tmp_path: Path) -> None:
    count = 100_000
    entries = ",".join(
        f'"layers.{i}.w":{{"dtype":"F32","shape":[1],"data_offsets":[{4 * i},{4 * i + 4}]}}'
        for i in range(count)
    )
    header = f"{{{entries}}}".encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + np.arange(count, dtype="<f4").tobytes())
    checkpoint = Checkpoint.open(path)
    assert len(checkpoint.tensors) == count
    assert checkpoint.rows("layers.77777.w") == [77777]
