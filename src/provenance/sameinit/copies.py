"""Whether units are related to each other within one model: copied layers, upcycled experts, repeated heads.

Where two units are near-copies in both models, their coins fall alike and would count twice. A sketch of each unit, a few random
projections taken in the pass that reads the tensors anyway, shows that: units of two groups are set side by side in one
model, then in the other, and only what is related in both ties coins together.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from provenance.weights.dtypes import Floats

Doubles = npt.NDArray[np.float64]

PROJECTIONS = 8
"""Numbers in the sketch of a unit."""
SAMPLED_OTHERS = 64
"""About how many elements of each row are projected, evenly spaced: copies agree in any of them."""
KEPT_UNITS = 256
"""Units of a group whose sketches are kept to be set beside those of other groups."""
RELATED_Z = 5.0
"""Standard errors from which two groups count as related within a model. In kin, what chance does in one model it does in
both: the level is strict, and a false alarm costs power, never validity."""
REPEATED_Z = 6.0
"""The same for units of one group at one distance: there are thousands of distances."""
NEIGHBOURS = 1024
"""Groups before and after it that a group is set beside at least."""
_ALL_UNITS = 1 << 20
_FEWEST_UNITS = 16
_SEED = 20261122
_NUMBER = re.compile(r"\d+")


@lru_cache(maxsize=8)
def projection(length: int) -> Floats:
    """The projections of units of a length: length x `PROJECTIONS`, the same in every run and for both models."""
    return np.random.default_rng(_SEED).standard_normal((length, PROJECTIONS), np.float32)


def slot_signs(unit_of: npt.NDArray[np.intp]) -> Floats:
    """Signs that tell the rows of a unit apart: rows x `PROJECTIONS`, +1 or -1, the same for the n-th row of every unit.

    Args:
        unit_of: The unit of each row.
    """
    order = np.argsort(unit_of, kind="stable")
    places = np.arange(len(order)) - np.searchsorted(unit_of[order], unit_of[order])
    slots = np.empty_like(places)
    slots[order] = places
    signs = np.random.default_rng(_SEED).integers(0, 2, (int(slots.max(initial=0)) + 1, PROJECTIONS))
    chosen: Floats = (2 * signs - 1).astype(np.float32)[slots]
    return chosen


@dataclass(frozen=True, slots=True)
class Sketch:
    """The units of one tensor in both models, and the length that others must have to be set beside them.

    Args:
        a: Standardised projections of the units, units x `PROJECTIONS`: columns are orthonormal and have mean zero.
        b: The same of the other model.
        length: Number of elements of a unit.
    """

    a: Floats
    b: Floats
    length: int


def kept_units(members: int) -> int:
    """How many units of each of some tensors are kept: memory stays the same however many tensors there are."""
    return max(_FEWEST_UNITS, min(KEPT_UNITS, _ALL_UNITS // max(members, 1)))


def sketch(projections: Doubles, length: int, kept: int = KEPT_UNITS) -> Sketch:
    """From raw projections, 2 x units x `PROJECTIONS`, to a sketch of ``kept`` units from all over, or of all where there are fewer."""
    count = projections.shape[1]
    chosen = np.arange(min(kept, count)) * count // max(min(kept, count), 1)
    one, other = _standardised(projections[:, chosen]).astype(np.float32)
    return Sketch(one, other, length)


def repeats_at(projections: Doubles) -> int | None:
    """A distance at which units are related in both models, if there is one: heads that were repeated, in either order.

    Args:
        projections: Raw, 2 x units x `PROJECTIONS`.
    """
    scores = np.minimum(*map(_at_distances, _standardised(projections)))
    if scores.size and scores.max() > REPEATED_Z:
        return int(scores.argmax()) + 1
    return None


def copies(sketches: Sequence[tuple[str, Sketch]]) -> Mapping[str, str]:
    """Says which groups are related to an earlier one, directly or through others, in both models.

    Where more than `NEIGHBOURS` groups have units of one kind, each is set beside that many before and after it, in two orders: layer by
    layer and expert by expert. The work is in proportion to the number of groups then, and not to its square.

    Args:
        sketches: Of all tensors of one part of the model, each with the name of its group.

    Returns:
        Name of a group to the name of the first group that it is related to; groups that are related to none are left out.
    """
    first: dict[str, str] = {}

    def root(name: str) -> str:
        while (parent := first.get(name, name)) != name:
            name = parent
        return name

    place = {name: at for at, name in enumerate(dict.fromkeys(name for name, _ in sketches))}
    comparable: dict[tuple[int, int], list[tuple[str, Sketch]]] = defaultdict(list)
    for name, one in sketches:
        comparable[len(one.a), one.length].append((name, one))
    for entries in comparable.values():
        for left, right in _related_pairs(entries):
            original, copy = sorted((root(left), root(right)), key=place.__getitem__)
            first[copy] = first[left] = first[right] = original
    return {name: found for name in place if (found := root(name)) != name}


def _related_pairs(entries: Sequence[tuple[str, Sketch]]) -> Iterator[tuple[str, str]]:
    """Names of groups that are related in both models, each to a later one."""
    orders = [entries]
    if len(entries) > NEIGHBOURS:
        orders.append(sorted(entries, key=lambda entry: [int(n) for n in _NUMBER.findall(entry[0])][::-1]))
    for order in orders:
        for start in range(0, len(order), NEIGHBOURS):
            block = order[start : start + 2 * NEIGHBOURS]
            both = _related([one.a for _, one in block]) & _related([one.b for _, one in block])
            for left, right in zip(*np.nonzero(np.triu(both, 1)), strict=True):
                if left < NEIGHBOURS:
                    yield block[left][0], block[right][0]


def _related(units: Sequence[Floats]) -> npt.NDArray[np.bool_]:
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
    """Directions of units, without what all have in common, whitened so that no direction outweighs the others.

    Args:
        sums: Models x units x `PROJECTIONS`.
    """
    norms = np.linalg.norm(sums, axis=2, keepdims=True)
    directions = np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0)
    directions -= directions.mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(directions.swapaxes(1, 2) @ directions)
    sizes = np.sqrt(np.maximum(values, 0.0))
    largest = sizes.max(axis=1, keepdims=True)
    scales = np.divide(
        1.0, sizes, out=np.zeros_like(sizes), where=sizes > 1e-6 * np.where(largest > 0, largest, 1.0)
    )
    whitened: Doubles = directions @ ((vectors * scales[:, None]) @ vectors.swapaxes(1, 2))
    return whitened
