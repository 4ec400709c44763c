"""What no test covers: matrices whose units have no symmetry, that are packed, or that only one model has.

They never speak for kinship. A plain cosine, coordinate by coordinate, says whether independence may be claimed in spite of
them: that of matrices drawn apart is near zero.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

import numpy as np

from provenance.sameinit.agreement import BLOCK_ELEMENTS
from provenance.sameinit.identity import Identity, matching_names
from provenance.sameinit.symmetries import Group
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.roles import Matrix

SHARE = 0.01
"""Share of a model's elements from which an untested kind of matrix matters. A kind is a name without its numbers, so
that the many small matrices of a deep model count together."""
STRAY_COSINE = 0.02
"""Cosine that two large matrices may have without being related."""
STRAY_Z = 5.0
"""Standard errors of the cosine that two small ones may have."""
_MATRIX = 2
_NUMBER = re.compile(r"\d+")


def untested_obstacles(
    a: Checkpoint, b: Checkpoint, groups: Iterable[Group], identity: Identity
) -> Iterator[str]:
    """Says which matrices are tested by nothing and keep independence from being claimed, and why, in order of names.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    members = [member for group in groups for member in group.members]
    unseen = (
        _large(a, _wholly(member.a for member in members)),
        _large(b, _wholly(member.b for member in members)),
    )
    pairs = matching_names(a.tensors, b.tensors)
    partners = {other: one for one, other in pairs.items()}
    for one in sorted(unseen[0] | {partners[name] for name in unseen[1] if name in partners}):
        # What is equal byte for byte is an obstacle of its own where it was learnt, and none where it was computed.
        if one in identity.equal or one in identity.built:
            continue
        why = _difference(a, one, b, pairs[one]) if one in pairs else "has no counterpart in the other model"
        if why:
            yield f"{one} is tested by nothing, and {why}"
    for name in sorted(unseen[1] - partners.keys()):
        yield f"{name} is tested by nothing, and has no counterpart in the other model"


def _wholly(tested: Iterable[Matrix]) -> frozenset[str]:
    """Names of the tensors all of whose parts are among the tested matrices."""
    parts: dict[str, set[int]] = defaultdict(set)
    wanted: dict[str, int] = {}
    for matrix in tested:
        part, wanted[matrix.name] = matrix.chunk
        parts[matrix.name].add(part)
    return frozenset(name for name, seen in parts.items() if len(seen) == wanted[name])


def _large(checkpoint: Checkpoint, tested: frozenset[str]) -> frozenset[str]:
    """Matrices that are not tested and of a kind that makes up much of the model."""
    sizes = {name: stored.info.elements for name, stored in checkpoint.tensors.items()}
    untested = [name for name in sizes if name not in tested and len(checkpoint.info(name).shape) >= _MATRIX]
    kinds: Counter[str] = Counter()
    for name in untested:
        kinds[_kind(name)] += sizes[name]
    return frozenset(name for name in untested if kinds[_kind(name)] > SHARE * sum(sizes.values()))


def _kind(name: str) -> str:
    return _NUMBER.sub("N", name)


def _difference(a: Checkpoint, one: str, b: Checkpoint, other: str) -> str | None:
    """Why two tensors can't be said to be unrelated, if they can't."""
    left, right = a.info(one), b.info(other)
    if not (a.is_numeric(one) and b.is_numeric(other)):
        return f"holds {left.dtype if not a.is_numeric(one) else right.dtype}, not floating-point values"
    if left.shape[1:] != right.shape[1:]:
        return f"has the shape {left.shape} in one model and {right.shape} in the other"
    cosine = _cosine(a, one, b, other)
    # Tables of tokens may be of unlike length: their first rows are the same tokens.
    elements = min(left.elements, right.elements)
    if not math.isfinite(cosine):
        return "holds NaN, infinite or huge values, or only zeros"
    if abs(cosine) > max(STRAY_COSINE, STRAY_Z / math.sqrt(elements)):
        return f"is alike in both models (cosine {cosine:.3f})"
    return None


def _cosine(a: Checkpoint, one: str, b: Checkpoint, other: str) -> float:
    """Cosine of the rows that both tensors have; NaN where it is not defined."""
    length = min(a.info(one).shape[0], b.info(other).shape[0])
    step = max(1, BLOCK_ELEMENTS * length // max(min(a.info(one).elements, b.info(other).elements), 1))
    sums: list[tuple[float, float, float]] = []
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, length, step):
            x, y = (
                side.rows(name, start, min(start + step, length)).ravel()
                for side, name in ((a, one), (b, other))
            )
            sums.append((float(x @ y), float(x @ x), float(y @ y)))
    dot, square, other_square = np.sum(sums, axis=0) if sums else (0.0, 0.0, 0.0)
    norm = math.sqrt(square) * math.sqrt(other_square)
    return float(dot / norm) if norm > 0 else math.nan
