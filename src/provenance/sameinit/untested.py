"""What no test covers: matrices whose units have no symmetry, that are packed, or that only one model has.

They never speak for kinship. A plain cosine, coordinate by coordinate, says whether independence may be claimed in spite of
them: that of matrices drawn apart is near zero. Matrices that play a part which both layouts know meet by it, whatever their names
and storage; all other tensors meet by name.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from provenance.sameinit.agreement import BLOCK_ELEMENTS
from provenance.sameinit.identity import Identity, matching_names
from provenance.sameinit.symmetries import Group
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.dtypes import Floats
from provenance.weights.network import Network, paired_blocks
from provenance.weights.roles import Matrix

Pairs = Iterator[tuple[Floats, Floats]]

SHARE = 0.01
"""Share of a model's elements from which an untested kind of matrix matters. A kind is a name without its numbers, so
that the many small matrices of a deep model count together."""
STRAY_COSINE = 0.02
"""Cosine that two large matrices may have without being related."""
STRAY_Z = 5.0
"""Standard errors of the cosine that two small ones may have."""
_MATRIX = 2
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class _Counterpart:
    """What an untested tensor of A meets in B.

    Args:
        name: The tensor in B.
        shapes: Shapes that have to agree but for their first number.
        elements: Number of elements that both have.
        blocks: Streams both side by side.
    """

    name: str
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    elements: int
    blocks: Callable[[], Pairs]


def untested_obstacles(
    one: Network, other: Network, groups: Iterable[Group], identity: Identity
) -> Iterator[str]:
    """Says which matrices are tested by nothing and keep independence from being claimed, and why, in order of names.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    a, b = one.checkpoint, other.checkpoint
    members = [member for group in groups for member in group.members]
    unseen = (
        _large(a, _wholly(a, (member.a for member in members))),
        _large(b, _wholly(b, (member.b for member in members))),
    )
    pairs = _counterparts(one, other)
    met = {counterpart.name: name for name, found in pairs.items() for counterpart in found}
    for name in sorted(unseen[0] | {met[name] for name in unseen[1] if name in met}):
        # What is equal byte for byte is an obstacle of its own where it was learnt, and none where it was computed.
        if name in identity.equal or name in identity.built:
            continue
        whys = [_difference(a, name, b, counterpart) for counterpart in pairs.get(name, ())]
        why = next(filter(None, whys), None) if whys else "has no counterpart in the other model"
        if why:
            yield f"{name} is tested by nothing, and {why}"
    for name in sorted(unseen[1] - met.keys()):
        yield f"{name} is tested by nothing, and has no counterpart in the other model"


def _wholly(checkpoint: Checkpoint, tested: Iterable[Matrix]) -> frozenset[str]:
    """Names of the tensors all of whose elements are among the tested matrices'."""
    elements: Counter[str] = Counter()
    for matrix in tested:
        elements[matrix.name] += matrix.outputs * matrix.inputs
    return frozenset(name for name, seen in elements.items() if seen >= checkpoint.info(name).elements)


def _large(checkpoint: Checkpoint, tested: frozenset[str]) -> frozenset[str]:
    """Matrices that are not tested and of a kind that makes up much of the model."""
    sizes = {name: stored.info.elements for name, stored in checkpoint.tensors.items()}
    untested = [name for name in sizes if name not in tested and len(checkpoint.info(name).shape) >= _MATRIX]
    kinds: Counter[str] = Counter()
    for name in untested:
        kinds[_kind(name)] += sizes[name]
    total = sum(sizes.values())
    return frozenset(name for name in untested if kinds[_kind(name)] > SHARE * total)


def _kind(name: str) -> str:
    return _NUMBER.sub("N", name)


def _counterparts(one: Network, other: Network) -> Mapping[str, tuple[_Counterpart, ...]]:
    """What each tensor of A meets in B: the matrices of the same slots, or for all others the tensor of the same name."""
    a, b = one.checkpoint, other.checkpoint
    found: dict[str, list[_Counterpart]] = defaultdict(list)
    if one.layout and other.layout:
        for slot in one.layout.matrices.keys() & other.layout.matrices.keys():
            left, right = one.layout.matrices[slot], other.layout.matrices[slot]
            found[left.name].append(_by_slot(one, left, other, right))
    placed = {counterpart.name for counterparts in found.values() for counterpart in counterparts}
    names = matching_names(
        (n for n in a.tensors if n not in found), (n for n in b.tensors if n not in placed)
    )
    for name, partner in names.items():
        found[name].append(_by_name(a, name, b, partner))
    return {
        name: tuple(sorted(counterparts, key=lambda each: (each.name, each.elements)))
        for name, counterparts in found.items()
    }


def _by_slot(one: Network, a: Matrix, other: Network, b: Matrix) -> _Counterpart:
    return _Counterpart(
        b.name,
        ((a.outputs, a.inputs), (b.outputs, b.inputs)),
        min(a.outputs, b.outputs) * min(a.inputs, b.inputs),
        lambda: ((x, y) for _, _, x, y in paired_blocks(one, a, other, b, BLOCK_ELEMENTS)),
    )


def _by_name(a: Checkpoint, name: str, b: Checkpoint, partner: str) -> _Counterpart:
    left, right = a.info(name), b.info(partner)
    length = min((left.shape or (1,))[0], (right.shape or (1,))[0])
    # Tables of tokens may be of unlike length: their first rows are the same tokens.
    elements = min(left.elements, right.elements)

    def blocks() -> Pairs:
        step = max(1, BLOCK_ELEMENTS * length // max(elements, 1))
        for start in range(0, length, step):
            stop = min(start + step, length)
            yield a.rows(name, start, stop), b.rows(partner, start, stop)

    return _Counterpart(partner, (left.shape, right.shape), elements, blocks)


def _difference(a: Checkpoint, name: str, b: Checkpoint, met: _Counterpart) -> str | None:
    """Why two tensors can't be said to be unrelated, if they can't."""
    for checkpoint, tensor in ((a, name), (b, met.name)):
        if not checkpoint.is_numeric(tensor):
            return f"holds {checkpoint.info(tensor).dtype}, not floating-point values"
    left, right = met.shapes
    if left[1:] != right[1:]:
        return f"has the shape {left} in one model and {right} in the other"
    cosine = _cosine(met.blocks())
    if not math.isfinite(cosine):
        return "holds NaN, infinite or huge values, or only zeros"
    if abs(cosine) > max(STRAY_COSINE, STRAY_Z / math.sqrt(met.elements)):
        return f"is alike in both models (cosine {cosine:.3f})"
    return None


def _cosine(blocks: Pairs) -> float:
    """Cosine of two tensors; NaN where it is not defined."""
    sums: list[list[float]] = []
    with np.errstate(over="ignore", invalid="ignore"):
        for x, y in blocks:
            # In one order whatever the storage: sums are the same then with the two exchanged.
            one, other = np.ravel(x), np.ravel(y)
            pairs = (one, other), (one, one), (other, other)
            sums.append([float(np.einsum("i,i", *pair)) for pair in pairs])
    if not sums:
        return math.nan
    dot, square, other_square = np.sum(sums, axis=0)
    norm = math.sqrt(square) * math.sqrt(other_square)
    return float(dot / norm) if norm > 0 else math.nan
