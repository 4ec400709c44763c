"""Few elements of a matrix, read from wherever they are stored."""

from pathlib import Path

import numpy as np
import pytest

from provenance.sameinit.picking import picked
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.network import Network
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
