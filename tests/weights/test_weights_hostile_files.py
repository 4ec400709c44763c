"""Files of strangers that hang, cut short, fill the memory or break the arithmetic of whoever reads them: each is refused, or left as it is."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from provenance.errors import ContentError
from provenance.weights import onnx_wire
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.onnx_wire import has_external_data
from provenance.weights.recognition import recognise
from provenance.weights.tensor import WeightFile

RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(64, 64)).astype(np.float32)


def onnx_model(path: Path, *tensors: TensorProto, nodes: tuple[onnx.NodeProto, ...] = ()) -> Path:
    path.write_bytes(
        helper.make_model(helper.make_graph(list(nodes), "g", [], [], list(tensors))).SerializeToString()
    )
    return path


def external(location: str) -> TensorProto:
    tensor = TensorProto(name="w", data_type=1, dims=[64, 64], data_location=1)
    tensor.external_data.add(key="location", value=location)
    return tensor


@pytest.mark.parametrize(
    "name", ["model.safetensors", "model.gguf", "model.onnx", "model.safetensors.index.json"]
)
def test_a_named_pipe_is_refused_and_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(ContentError, match="not a regular file"):
            Checkpoint.open(path)


def test_pieces_are_those_that_were_asked_for_in_their_order(tmp_path: Path) -> None:
    data = RNG.integers(0, 256, 3_000_000).astype(np.uint8)
    path = tmp_path / "weights"
    path.write_bytes(data.tobytes())
    file, numbers = WeightFile(path), RNG.permutation(900_000)[:5_000].astype(np.int64)
    numbers[:3] = [899_999, 0, 0]
    np.testing.assert_array_equal(file.pieces(7, 3, numbers), data[7:2_700_007].reshape(-1, 3)[numbers])
    assert file.pieces(7, 3, numbers[:0]).shape == (0, 3)
    assert file.bytes_read < 3_100_000


@pytest.mark.parametrize("change", ["cut short", "written over", "gone"])
def test_a_file_that_changes_under_its_reader_is_an_error(change: str, tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(bytes(10_000))
    file = WeightFile(path)
    if change == "cut short":
        os.truncate(path, 100)
    elif change == "written over":
        os.utime(path, ns=(1, 1))
    else:
        path.unlink()
    with pytest.raises(ContentError, match=r"was changed while|cannot read"):
        file.pieces(0, 4, np.array([0, 2_000]))
    with pytest.raises(ContentError, match=r"was changed while|cannot read"):
        file.read(0, 10_000)


def test_what_changes_between_the_beginning_and_the_end_of_a_read_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(bytes(10))
    file = WeightFile(path)
    with pytest.raises(ContentError, match="was changed while"), file.unchanged():
        os.utime(path, ns=(1, 1))


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").symlink_to("model.safetensors")
    with pytest.raises(ContentError, match="loop of links"):
        Checkpoint.open(tmp_path)


@pytest.mark.parametrize("name", ["\ud800.safetensors", "a" * 300 + ".safetensors"])
def test_a_shard_that_no_file_can_be_called_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": name}}))
    with pytest.raises(ContentError, match=r"no name that a file can have|which is missing"):
        Checkpoint.open(tmp_path)


def test_a_path_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="cannot read"):
        Checkpoint.open(tmp_path / ("a" * 300))


@pytest.mark.parametrize("name", ["m-00001-of-00000.gguf", "m-00002-of-00001.gguf"])
def test_a_part_of_fewer_parts_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"GGUF" + bytes(20))
    with pytest.raises(ContentError, match="calls itself part"):
        Checkpoint.open(tmp_path / name)


def test_an_empty_tensor_of_astronomic_width_is_refused(tmp_path: Path) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2**62, 0], "data_offsets": [0, 0]}}).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(ContentError, match="a shape that no array can have"):
        Checkpoint.open(path)


@pytest.mark.parametrize("kind", [1, 8])
def test_a_tensor_of_a_hundred_axes_is_refused(kind: int, tmp_path: Path) -> None:
    path = onnx_model(tmp_path / "m.onnx", TensorProto(name="w", data_type=kind, dims=[1] * 100))
    with pytest.raises(ContentError, match="a shape that no array can have"):
        Checkpoint.open(path)


def test_fields_that_nobody_knows_are_passed_over_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_wire, "MAX_SKELETON_BYTES", 10_000)
    path = onnx_model(tmp_path / "m.onnx", numpy_helper.from_array(VALUES, "w"))
    with path.open("ab") as file:  # field 15 of a model, 1 GB
        file.write(bytes([15 << 3 | 2, 0x80, 0x80, 0x80, 0x80, 0x04]))
        file.truncate(file.tell() + (1 << 30))
    np.testing.assert_array_equal(Checkpoint.open(path).rows("w"), VALUES)


def test_one_limit_holds_for_all_that_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_wire, "MAX_SKELETON_BYTES", 10_000)
    small = [numpy_helper.from_array(VALUES[:8], f"w{number}") for number in range(10)]  # 2 kB each
    with pytest.raises(ContentError, match="more than 10000 bytes besides its large tensors"):
        Checkpoint.open(onnx_model(tmp_path / "m.onnx", *small))


def test_external_data_are_found_wherever_a_tensor_may_be(tmp_path: Path) -> None:
    within = onnx_model(tmp_path / "within.onnx", numpy_helper.from_array(VALUES, "w"))
    assert not has_external_data(within)
    assert has_external_data(onnx_model(tmp_path / "outside.onnx", external("data")))
    constant = helper.make_node("Constant", [], ["w"], value=external("data"))
    branch = helper.make_node("If", ["c"], ["y"], then_branch=helper.make_graph([constant], "b", [], []))
    for node in (constant, branch):
        assert has_external_data(onnx_model(tmp_path / "node.onnx", nodes=(node,)))


NUMBERLESS = {
    "SCB in bytes": ({"a.weight": np.ones((4, 4), np.int8), "a.SCB": np.ones(4, np.uint8)}, {}),
    "GPTQ without axes": (
        {
            "a.qweight": np.array(1, np.int32),
            "a.qzeros": np.array(1, np.int32),
            "a.scales": np.array(1, np.float32),
            "a.g_idx": np.array(0, np.int32),
        },
        {"quant_method": "gptq", "bits": 4},
    ),
    "AWQ with one scale": (
        {
            "a.qweight": np.ones((4, 1), np.int32),
            "a.qzeros": np.array(1, np.int32),
            "a.scales": np.array(1, np.float32),
        },
        {"quant_method": "awq", "bits": 4},
    ),
    "maps of integers": (
        {
            "a.weight": np.ones((32, 1), np.uint8),
            "a.weight.absmax": np.ones(1, np.int32),
            "a.weight.quant_map": np.ones(16, np.int8),
            "a.weight.quant_state.bitsandbytes__nf4": np.frombuffer(
                b'{"shape":[8,8],"blocksize":64}', np.uint8
            ),
        },
        {},
    ),
}


@pytest.mark.parametrize("case", NUMBERLESS)
def test_codes_whose_scales_are_no_numbers_stay_as_they_are(case: str, tmp_path: Path) -> None:
    tensors, config = NUMBERLESS[case]
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"quantization_config": config}))
    assert Checkpoint.open(tmp_path).tensors.keys() == tensors.keys()


@pytest.mark.parametrize(("bits", "is_read"), [(4, True), (3, False)])
def test_the_settings_that_early_autoawq_wrote_are_understood(
    bits: int, is_read: bool, tmp_path: Path
) -> None:
    stored = {
        "a.qweight": np.ones((4, 1), np.int32),
        "a.qzeros": np.zeros((1, 1), np.int32),
        "a.scales": np.ones((1, 8), np.float16),
    }
    save_file(stored, tmp_path / "model.safetensors")
    settings = {"zero_point": True, "q_group_size": 4, "w_bit": bits, "version": "GEMM"}
    (tmp_path / "quant_config.json").write_text(json.dumps(settings))
    assert (Checkpoint.open(tmp_path).tensors.keys() == {"a.weight"}) is is_read
    alone = Checkpoint.open(tmp_path / "model.safetensors", beside=False)
    assert alone.tensors.keys() == stored.keys()


def test_more_layers_than_any_network_has_are_not_put_in_order() -> None:
    shapes = {f"blocks.{i}.sub.{k}.weight": (k + 3, k + 2) for i in range(13_200) for k in range(10)}
    assert recognise(shapes) is None
    assert recognise({name: shapes[name] for name in list(shapes)[:20]}) is not None
