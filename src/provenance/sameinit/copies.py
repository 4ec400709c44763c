"""Whether units are related to each other within one model: copied layers, upcycled experts, repeated heads.

Where two units are near-copies in both models, their coins fall alike and would count twice. A sketch of each unit, a few random
projections taken in the pass that reads the tensors anyway, shows that: units of two groups are set side by side in one
model, then in the other, and only what is related in both ties coins together.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from provenance.weights.dtypes import Floats

Doubles = npt.NDArray[np.float64]

PROJECTIONS = 8
"""Numbers in the sketch of a unit."""
KEPT_UNITS = 256
"""Units of a group whose sketches are kept to be set beside those of other groups."""
RELATED_Z = 5.0
"""Standard errors from which two groups count as related within a model. In kin, what chance does in one model it does in
both: the level is strict, and a false alarm costs power, never validity."""
REPEATED_Z = 6.0
"""The same for units of one group at one distance: there are thousands of distances."""
_SEED = 20261122


@lru_cache(maxsize=8)
def projection(length: int) -> Floats:
    """The projections of units of a length: length x `PROJECTIONS`, the same in every run and for both models."""
    return np.random.default_rng(_SEED).standard_normal((length, PROJECTIONS), np.float32)


@dataclass(frozen=True, slots=True)
class Sketch:
    """The units of one tensor in both models, and the length that others must have to be set beside them.

    Args:
        a: Standardised projections of the units, units x `PROJECTIONS`: columns are orthonormal and have mean zero.
        b: The same of the other model.
        length: Number of elements of a unit.
    """

    a: Doubles
    b: Doubles
    length: int


def sketch(projections: Doubles, length: int) -> Sketch:
    """From raw projections, 2 x units x `PROJECTIONS`, to a sketch of the first units."""
    one, other = (_standardised(raw[:KEPT_UNITS]) for raw in projections)
    return Sketch(one, other, length)


def repeats_at(projections: Doubles) -> int | None:
    """A distance at which units are related in both models, if there is one: heads that were repeated, in either order.

    Args:
        projections: Raw, 2 x units x `PROJECTIONS`.
    """
    scores = np.minimum(*(_at_distances(_standardised(raw)) for raw in projections))
    if scores.size and scores.max() > REPEATED_Z:
        return int(scores.argmax()) + 1
    return None


def copies(sketches: Sequence[tuple[str, Sketch]]) -> Mapping[str, str]:
    """Says which groups are related to an earlier one, directly or through others, in both models.

    Args:
        sketches: Of all tensors of one part of the model, each with the name of its group.

    Returns:
        Name of a group to the name of the first group that it is related to; groups that are related to none are left out.
    """
    if not sketches:
        return {}
    names = list(dict.fromkeys(name for name, _ in sketches))
    related = np.eye(len(names), dtype=bool)
    comparable: dict[tuple[int, int], list[tuple[int, Sketch]]] = defaultdict(list)
    for name, one in sketches:
        comparable[len(one.a), one.length].append((names.index(name), one))
    for entries in comparable.values():
        at = np.array([index for index, _ in entries])
        both = _related([one.a for _, one in entries]) & _related([one.b for _, one in entries])
        left, right = np.nonzero(both)
        related[at[left], at[right]] = True
    first = np.arange(len(names))
    while not np.array_equal(first, spread := np.where(related, first, len(names)).min(axis=1)):
        first = spread
    return {name: names[root] for name, root in zip(names, first, strict=True) if name != names[root]}


def _related(units: Sequence[Doubles]) -> npt.NDArray[np.bool_]:
    """Which of some sketches agree, each with each."""
    flat = np.array(units).reshape(len(units), -1)
    products = flat @ flat.T
    sizes = np.sqrt(products.diagonal())
    # A sketch's square is the number of its directions d, and the agreement of strangers has the variance d / units.
    agree: npt.NDArray[np.bool_] = np.abs(products) * math.sqrt(len(units[0])) > RELATED_Z * np.sqrt(
        np.outer(sizes, sizes)
    )
    return agree


def _at_distances(units: Doubles) -> Doubles:
    """Standard errors of the agreement of units at distance 1, 2, ... below half their number and at half, around a circle."""
    spectrum = np.square(np.abs(np.fft.rfft(units, axis=0))).sum(axis=1)
    agreement = np.fft.irfft(spectrum, len(units))
    half = len(units) // 2
    if agreement[0] <= 0:
        return np.zeros(half)
    scores: Doubles = np.abs(agreement[1 : half + 1]) * math.sqrt(len(units) / agreement[0])
    if len(units) == 2 * half:
        scores[-1:] /= math.sqrt(2)  # half way around, each pair is met twice
    return scores


def _standardised(sums: Doubles) -> Doubles:
    """Directions of units, without what all have in common, whitened so that no direction outweighs the others."""
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    directions = np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0)
    directions -= directions.mean(axis=0)
    values, vectors = np.linalg.eigh(directions.T @ directions)
    sizes = np.sqrt(np.maximum(values, 0.0))
    scales = np.divide(1.0, sizes, out=np.zeros_like(sizes), where=sizes > 1e-6 * (sizes.max() or 1.0))
    whitened: Doubles = directions @ ((vectors * scales) @ vectors.T)
    return whitened
