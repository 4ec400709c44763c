"""Reading few elements of a large matrix without reading the others."""

from collections.abc import Callable, Iterator

import numpy as np

from provenance.weights.dtypes import Bytes, Floats
from provenance.weights.network import Network
from provenance.weights.roles import Indices, Matrix
from provenance.weights.tensor import StoredTensor


def picked(network: Network, matrix: Matrix, outputs: Indices, inputs: Indices) -> Floats:
    """The elements of a matrix at some outputs and inputs.

    Where the tensor lies in one file, only the blocks that hold them are decoded, and only what lies near them is read; otherwise whole rows are.

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
    if isinstance(tensor, StoredTensor) and tensor.encoding.decode:
        return _decoded(tensor, tensor.encoding.decode, _places(matrix, outputs, inputs))
    if matrix.transposed:
        return np.hstack([network.inputs(matrix, *run)[outputs] for run in _runs(inputs)])
    return np.vstack([network.outputs(matrix, *run)[:, inputs] for run in _runs(outputs)])


def _decoded(tensor: StoredTensor, decode: Callable[[Bytes], Floats], places: Indices) -> Floats:
    """The elements at some places of a tensor, in the form of the places."""
    blocks, within = np.divmod(places, tensor.encoding.elements)
    needed, which = blocks, np.arange(places.size).reshape(places.shape)
    if tensor.encoding.elements > 1:
        needed, which = np.unique(blocks, return_inverse=True)
    cells = tensor.file.pieces(tensor.start, tensor.encoding.size, needed.reshape(-1))
    values = decode(cells.reshape(-1)).reshape(-1, tensor.encoding.elements)
    return values[which.reshape(places.shape), within]


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
