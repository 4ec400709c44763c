"""Few elements of a matrix, read from wherever they are stored."""

from pathlib import Path

import numpy as np
import pytest

from provenance.sameinit.picking import picked
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.network import Network
from provenance.weights.roles import Matrix
from provenance.weights.tensor import Encoding, StoredTensor, TensorInfo, WeightFile
from sameinit_fixtures import ARCHITECTURES, drawn, saved

OUTPUTS, INPUTS = np.array([0, 1, 2, 7, 30]), np.array([4, 5, 11])


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
@pytest.mark.parametrize(
    ("dtype", "in_memory"), [(np.float32, True), (np.float16, False), (np.float64, False)]
)
def test_picked_elements_are_those_of_the_whole_matrix(
    architecture: str, dtype: type, in_memory: bool, tmp_path: Path
) -> None:
    tensors = {name: values.astype(dtype) for name, values in drawn(ARCHITECTURES[architecture], 0).items()}
    network = Network.open(saved(tensors, tmp_path / "model.safetensors"))
    if in_memory:
        network = Network.of(Checkpoint.of(tmp_path, tensors))
    assert network.layout is not None
    for matrix in network.layout.matrices.values():
        outputs = OUTPUTS[matrix.outputs > OUTPUTS]
        inputs = INPUTS[matrix.inputs > INPUTS]
        found = picked(network, matrix, outputs, inputs)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, network.outputs(matrix)[np.ix_(outputs, inputs)])


def four_with_a_scale(data: np.ndarray) -> np.ndarray:
    """Blocks of a scale and four codes, a byte each."""
    blocks = data.reshape(-1, 5).astype(np.float32)
    return (blocks[:, :1] * blocks[:, 1:]).ravel()


def test_of_packed_blocks_only_those_are_decoded_that_hold_what_is_picked(tmp_path: Path) -> None:
    decoded = []

    def decode(data: np.ndarray) -> np.ndarray:
        decoded.append(data.size // 5)
        return four_with_a_scale(data)

    packed = np.random.default_rng(0).integers(1, 256, (64 * 64 // 4, 5), np.uint8)
    path = tmp_path / "packed"
    path.write_bytes(b"head" + packed.tobytes())
    info = TensorInfo(dtype="packed", shape=(64, 64), stored_bytes=packed.size)
    tensor = StoredTensor(WeightFile(path), 4, info, Encoding(4, 5, decode))
    network = Network.of(Checkpoint(path, {"layers.0.weight": tensor}))
    found = picked(network, Matrix("layers.0.weight", (64, 64)), OUTPUTS, INPUTS)
    np.testing.assert_array_equal(found, four_with_a_scale(packed).reshape(64, 64)[np.ix_(OUTPUTS, INPUTS)])
    assert decoded == [2 * len(OUTPUTS)]  # inputs 4 and 5 share a block
