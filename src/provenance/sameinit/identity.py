"""What two checkpoints have in common byte for byte."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from provenance.weights.checkpoint import Checkpoint
from provenance.weights.dtypes import Floats

_FIRST_BYTES = 1 << 12
_BLOCK_BYTES = 1 << 22
# Prefixes of exports have one or two parts; a name from a stranger may have a million.
_PREFIX_PARTS = 6
# A tensor with no more than this many different values is a mask, a table of indices, or a constant.
_FEW_VALUES = 16
# Mean size of the correlation of neighbours in a row from which a tensor counts as computed; random rows of 64 have 0.1.
_SMOOTH = 0.4
_SHORT = 8
_MATRIX = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which tensors are equal.

    Args:
        equal: Names, in A, of the equal tensors that hold something that looks drawn or learnt.
        built: Names, in A, of the equal tensors that look set or computed: masks, constants, tables of sinusoids.
        complete: Both hold the same tensors, and all are equal.
    """

    equal: frozenset[str]
    built: frozenset[str]
    complete: bool


NOTHING_COMPARED = Identity(equal=frozenset(), built=frozenset(), complete=False)


def common_bytes(a: Checkpoint, b: Checkpoint) -> Identity:
    """Compares tensors of the same name, or of names that differ by a prefix, in dtype, shape and bytes.

    Reading stops at the first difference of each pair, so that unlike models cost little.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    pairs = matching_names(a.tensors, b.tensors)
    equal = {one for one, other in pairs.items() if _is_equal(a, one, b, other)}
    complete = len(equal) == len(a.tensors) == len(b.tensors)
    return Identity(
        equal=frozenset(name for name in equal if _looks_drawn(a, name)),
        built=frozenset(name for name in equal if _looks_built(a, name)),
        complete=complete,
    )


def matching_names(a: Iterable[str], b: Iterable[str]) -> Mapping[str, str]:
    """Pairs the names that are equal, and of the others those that are once the end of each other."""
    left, right = set(a), set(b)
    pairs = {name: name for name in left & right}
    longer = _unique_by_suffix(right - left), _unique_by_suffix(left - right)
    for name in sorted(left - right):
        if name in longer[0]:
            pairs[name] = longer[0][name]
    for name in sorted(right - left):
        if name in longer[1]:
            pairs[longer[1][name]] = name
    return pairs


def _unique_by_suffix(names: Iterable[str]) -> Mapping[str, str]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        parts = name.split(".")
        for start in range(1, min(len(parts), _PREFIX_PARTS + 1)):
            found[".".join(parts[start:])].append(name)
    return {suffix: whole[0] for suffix, whole in found.items() if len(whole) == 1}


def _is_equal(a: Checkpoint, one: str, b: Checkpoint, other: str) -> bool:
    left, right = a.info(one), b.info(other)
    if (left.dtype, left.shape) != (right.dtype, right.shape):
        return False
    # Most tensors that differ do so at once: a first look that is short spares reading them twice.
    starts = [0, *range(_FIRST_BYTES, left.stored_bytes, _BLOCK_BYTES)]
    return all(
        np.array_equal(a.raw(one, start, stop), b.raw(other, start, stop))
        for start, stop in pairwise([*starts, left.stored_bytes])
    )


def _looks_drawn(checkpoint: Checkpoint, name: str) -> bool:
    is_matrix = len(checkpoint.info(name).shape) >= _MATRIX and checkpoint.info(name).elements > 0
    return checkpoint.is_numeric(name) and is_matrix and not _looks_built(checkpoint, name)


def _looks_built(checkpoint: Checkpoint, name: str) -> bool:
    """Whether a tensor's beginning is what nothing learns. Codes of packed weights are not: they have many values."""
    info = checkpoint.info(name)
    if not checkpoint.is_numeric(name):
        return np.unique(checkpoint.raw(name, 0, _FIRST_BYTES)).size <= _FEW_VALUES
    sample = checkpoint.rows(name, 0, max(1, 4096 * (info.shape or (1,))[0] // max(info.elements, 1)))
    if not np.isfinite(sample).all() or np.unique(sample).size <= _FEW_VALUES:
        return True
    return _is_smooth(sample) or _is_smooth(sample.reshape(len(sample), -1).T)


def _is_smooth(rows: Floats) -> bool:
    """Whether each value foretells the next: sinusoids, window functions, filter banks."""
    flat = rows.reshape(len(rows), -1)
    if flat.shape[1] < _SHORT:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        energy = np.square(flat).sum(axis=1)
        following = np.abs((flat[:, 1:] * flat[:, :-1]).sum(axis=1))
    return bool(following.sum() > _SMOOTH * energy.sum())
