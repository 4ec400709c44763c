"""What registering a model says of weights that it could not look at, and what it refuses: content that is only a part."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from gguf import GGUFWriter
from onnx import helper, numpy_helper

from provenance.artifacts import ArtifactKind
from provenance.errors import ContentError
from provenance.request import Request
from provenance.weights import onnx_wire
from sameinit_fixtures import WIDTH, Tensors, drawn, llama, saved


def read(path: Path) -> Request:
    return Request.named(ArtifactKind.MODEL, "m").reading(path)


def onnx_model(folder: Path, tensors: Tensors, location: str) -> Path:
    folder.mkdir()
    initialisers = [numpy_helper.from_array(values, name) for name, values in tensors.items()]
    (folder / location).parent.mkdir(exist_ok=True)
    onnx.save_model(
        helper.make_model(helper.make_graph([], "g", [], [], initialisers)),
        folder / "model.onnx",
        save_as_external_data=True,
        location=location,
        size_threshold=0,
    )
    return folder / "model.onnx"


def part(path: Path, parts: int = 1) -> Path:
    writer = GGUFWriter(path, "llama")
    if parts > 1:
        writer.add_uint16("split.count", parts)
    writer.add_tensor("w", np.ones((4, 4), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_file_whose_weights_lie_in_another_is_registered_as_a_folder_only(tmp_path: Path) -> None:
    one, other = (
        onnx_model(tmp_path / str(seed), drawn(llama(), seed), "model.onnx_data") for seed in (0, 1)
    )
    assert one.read_bytes() == other.read_bytes()
    for path in (one, other):
        with pytest.raises(ContentError, match="does not hold all of its weights"):
            read(path)
    whole = [read(path.parent) for path in (one, other)]
    assert whole[0].content != whole[1].content
    assert all(request.sketch is not None and request.notes == () for request in whole)


def test_weights_in_a_folder_that_the_digest_leaves_out_are_refused(tmp_path: Path) -> None:
    path = onnx_model(tmp_path / "m", drawn(llama(), 0), ".cache/data")
    with pytest.raises(ContentError, match="no part of the artifact"):
        read(path.parent)


def test_weights_that_are_missing_are_refused(tmp_path: Path) -> None:
    path = onnx_model(tmp_path / "m", drawn(llama(), 0), "data")
    (tmp_path / "m" / "data").unlink()
    with pytest.raises(ContentError, match="which is missing"):
        read(path.parent)


@pytest.mark.parametrize(("name", "parts"), [("m-00001-of-00002.gguf", 1), ("m.gguf", 2)])
def test_a_part_alone_is_refused(name: str, parts: int, tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"does not hold all of its weights|is missing"):
        read(part(tmp_path / name, parts))


def test_the_only_part_of_one_is_whole(tmp_path: Path) -> None:
    assert read(part(tmp_path / "m-00001-of-00001.gguf")).content is not None


def test_what_lies_beside_a_single_file_has_no_part_in_its_sketch(tmp_path: Path) -> None:
    path = saved(drawn(llama(), 0), tmp_path / "model.safetensors")
    plain = read(path).sketch
    config = {"num_attention_heads": 4, "num_key_value_heads": 4, "hidden_size": WIDTH, "rope_theta": 1e4}
    (tmp_path / "config.json").write_text(json.dumps(config))
    beside, within = read(path).sketch, read(tmp_path).sketch
    assert plain is not None
    assert beside == plain
    assert within is not None
    assert within.heads != plain.heads


def test_why_weights_were_not_looked_at_is_noted(tmp_path: Path) -> None:
    unknown = saved({"w": np.ones((4, 4), np.float32)}, tmp_path / "unknown.safetensors")
    nowhere = {name: np.full_like(values, np.nan) for name, values in drawn(llama(), 0).items()}
    cases = {
        unknown: "no architecture that is known",
        saved(nowhere, tmp_path / "nan.safetensors"): "nothing in them can be tested",
    }
    junk = tmp_path / "junk.onnx"
    junk.write_bytes(b"\x3a\xff\xff\xff\xff\x0f")
    for path, reason in {**cases, junk: "not a sound ONNX file"}.items():
        (note,) = read(path).notes
        assert note.startswith("its weights were not looked at: ")
        assert reason in note


def test_what_nobody_foresaw_does_not_keep_a_model_from_being_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise IndexError

    path = tmp_path / "m.onnx"
    path.write_bytes(
        helper.make_model(
            helper.make_graph([], "g", [], [], [numpy_helper.from_array(np.ones(3), "w")])
        ).SerializeToString()
    )
    monkeypatch.setattr(onnx_wire._Walk, "copy", broken)
    request = read(path)
    assert request.content is not None
    assert request.notes == ("its weights were not looked at: they could not be read (IndexError)",)
