"""Whether two kin differ by updates of low rank, as merging a low-rank adapter leaves them: a proof that one was made from the other.

Training moves a matrix in as many directions as it has steps and examples. A merged adapter moves it in a few, r, and all others move by
the rounding of the stored values only. So the difference D = A - B is looked at for a rank r that leaves no more than rounding: with
Q an orthonormal basis of the range of D Omega, Omega drawn at random, and s_i the singular values of Q^T D,

    |D|_F^2 - sum_{i <= r} s_i^2  <=  SLACK * eps^2 (|A|_F^2 + |B|_F^2) / 12,

where eps is the spacing of the stored type around 1: rounding to a spacing u errs by u / sqrt(12), and no spacing in use is above eps |x|.

Source: N. Halko, P. G. Martinsson and J. A. Tropp, "Finding structure with randomness", SIAM Review 53 (2011), algorithm 4.1. No
p-value: it is an algebraic fact about two given matrices, and it is looked at only where the tests have found kin.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from provenance.sameinit.comparison import GroupTest, UpdateRank
from provenance.sameinit.symmetries import Group, Member, groups
from provenance.weights.dtypes import Floats
from provenance.weights.network import Network, paired_blocks

Doubles = npt.NDArray[np.float64]

LARGEST_RANK = 64
"""Ranks up to it are looked for. Adapters of higher rank are rare, and few matrices are so large that it would be low for them."""
SLACK = 2.0
SIGNAL = 16.0
"""How many times the rounding a difference has to be before it counts as one."""
FULL_RATIO = 4
"""A rank is low where it is at most this part of what it could be."""
LOOKED_AT = 4
"""Matrices that are looked at: of the groups that differ most."""
LARGE = 1 << 26
"""Elements of a matrix from which it is looked at only where effort is no concern."""
_OVERSAMPLED = LARGEST_RANK + 8
_CORNER = (4 * LARGEST_RANK, 16 * LARGEST_RANK)
_SEED = 20261122
_SPACINGS = {"F64": 2.0**-23, "F32": 2.0**-23, "F16": 2.0**-10, "BF16": 2.0**-7}
# A float64 is read as a float32; packed types have spacings that depend on scales kept elsewhere.


def update_ranks(
    one: Network, other: Network, tests: Sequence[GroupTest], *, thorough: bool = False
) -> tuple[UpdateRank, ...]:
    """Looks for differences of low rank in the matrices that differ most.

    Args:
        one: The model A.
        other: The model B.
        tests: What the groups came to, with their plain cosines.
        thorough: Look at very large matrices too.

    Returns:
        Those that were found; empty where a matrix that was looked at differs in all directions.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    found: list[UpdateRank] = []
    for member in _differing(one, other, tests, thorough=thorough):
        rank = _rank(one, other, member)
        if rank is None:
            return ()
        if rank:
            found.append(
                UpdateRank(name=member.a.name, rank=rank, full=min(member.a.outputs, member.a.inputs))
            )
    return tuple(found)


def _differing(
    one: Network, other: Network, tests: Sequence[GroupTest], *, thorough: bool
) -> Sequence[Member]:
    if one.layout is None or other.layout is None:
        return ()
    planned: dict[str, Group] = {group.name: group for group in groups(one.layout, other.layout)}
    cosines = [(test.cosine, test.name) for test in tests if test.cosine is not None and test.name in planned]
    chosen = [planned[name].members[0] for _, name in sorted(cosines)[:LOOKED_AT]]
    return [member for member in chosen if _fits(one, other, member, thorough=thorough)]


def _fits(one: Network, other: Network, member: Member, *, thorough: bool) -> bool:
    dtypes = (
        network.checkpoint.info(matrix.name).dtype for network, matrix in ((one, member.a), (other, member.b))
    )
    elements = member.a.outputs * member.a.inputs
    return (
        all(dtype in _SPACINGS for dtype in dtypes)
        and member.a.outputs == member.b.outputs
        and (thorough or elements <= LARGE)
    )


def _rank(one: Network, other: Network, member: Member) -> int | None:
    """The rank of the difference above rounding: 0 where there is no more than rounding, None where it is not low.

    Two passes in blocks; memory for `LARGEST_RANK` vectors of each side, float64. Where a corner of it has a high rank already, no more is
    read: no matrix has a lower rank than a part of it.
    """
    a, b = member.a, member.b
    spacings = [
        _SPACINGS[network.checkpoint.info(matrix.name).dtype] for network, matrix in ((one, a), (other, b))
    ]
    full = min(a.outputs, a.inputs)
    x, y = (network.outputs(each, 0, _CORNER[0])[:, : _CORNER[1]] for network, each in ((one, a), (other, b)))
    apart, energy, rounding = _apart(x, y, spacings)
    if energy > SIGNAL * rounding and _least_rank(energy, apart, SLACK * rounding, full) is None:
        return None
    directions = np.random.default_rng(_SEED).standard_normal((a.inputs, _OVERSAMPLED))
    images = np.zeros((a.outputs, _OVERSAMPLED))
    energy = rounding = 0.0
    for outputs_at, inputs_at, x, y in paired_blocks(one, a, other, b):
        apart, more, rounded = _apart(x, y, spacings)
        energy, rounding = energy + more, rounding + rounded
        images[outputs_at] += apart @ directions[inputs_at]
    if energy <= SIGNAL * rounding:
        return 0
    basis = np.linalg.qr(images)[0]
    coordinates = np.zeros((basis.shape[1], a.inputs))
    for outputs_at, inputs_at, x, y in paired_blocks(one, a, other, b):
        coordinates[:, inputs_at] += basis[outputs_at].T @ np.subtract(x, y, dtype=np.float64)
    return _least_rank(energy, coordinates, SLACK * rounding, full)


def _apart(x: Floats, y: Floats, spacings: Sequence[float]) -> tuple[Doubles, float, float]:
    """The difference of two blocks, its energy, and that of the rounding of both."""
    apart: Doubles = np.subtract(x, y, dtype=np.float64)
    squares = (float(np.einsum("ij,ij", values, values, dtype=np.float64)) for values in (x, y))
    rounding = sum(spacing**2 * square / 12 for spacing, square in zip(spacings, squares, strict=True))
    # Summed in pairs: it is set beside squares that leave less than a float64's rounding, were it summed one after another.
    return apart, float(np.square(apart).sum()), rounding


def _least_rank(energy: float, coordinates: Doubles, allowed: float, full: int) -> int | None:
    left = energy - np.cumsum(np.square(np.linalg.svd(coordinates, compute_uv=False)))
    enough = np.flatnonzero(left <= allowed)
    rank = int(enough[0]) + 1 if enough.size else full
    return rank if rank <= min(LARGEST_RANK, full // FULL_RATIO) else None
