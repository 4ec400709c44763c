"""Reading few elements of a large matrix without reading the others."""

from collections.abc import Iterator

import numpy as np

from provenance.weights.dtypes import Floats
from provenance.weights.network import Network
from provenance.weights.roles import Indices, Matrix
from provenance.weights.tensor import StoredTensor


def picked(network: Network, matrix: Matrix, outputs: Indices, inputs: Indices) -> Floats:
    """The elements of a matrix at some outputs and inputs.

    Where each element is a number of its own in one file, only the pages that hold them are touched; otherwise the rows that do are decoded.

    Args:
        network: What holds the matrix, which has to be numeric.
        matrix: The matrix.
        outputs: Which outputs, ascending.
        inputs: Which inputs, ascending.

    Returns:
        outputs x inputs, float32.

    Raises:
        ContentError: The file was changed since it was opened.
    """
    tensor = network.checkpoint.tensors[matrix.name]
    if isinstance(tensor, StoredTensor) and tensor.encoding.elements == 1 and tensor.encoding.decode:
        data = tensor.file.mapped(tensor.start, tensor.start + tensor.info.stored_bytes)
        # Raw cells, since a file need not be aligned as its type would have it.
        cells = data.view(f"V{tensor.encoding.size}")[_places(matrix, outputs, inputs)]
        values = tensor.encoding.decode(np.ascontiguousarray(cells).reshape(-1).view(np.uint8))
        return values.reshape(len(outputs), len(inputs))
    if matrix.transposed:
        return np.hstack([network.inputs(matrix, *run)[outputs] for run in _runs(inputs)])
    return np.vstack([network.outputs(matrix, *run)[:, inputs] for run in _runs(outputs)])


def _places(matrix: Matrix, outputs: Indices, inputs: Indices) -> Indices:
    """Where elements lie in the tensor, counted in elements, outputs x inputs."""
    rows, columns = matrix.stored(outputs)[:, None], inputs[None, :]
    first = (matrix.expert or 0) * matrix.stored_outputs * matrix.inputs
    if matrix.transposed:
        return first + columns * matrix.stored_outputs + rows
    return first + rows * matrix.inputs + columns


def _runs(indices: Indices) -> Iterator[tuple[int, int]]:
    """Ranges of consecutive numbers."""
    for run in np.split(indices, np.flatnonzero(np.diff(indices) != 1) + 1):
        yield int(run[0]), int(run[-1]) + 1
