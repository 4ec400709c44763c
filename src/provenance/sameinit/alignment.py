"""How the residual stream of one model has to be turned to become that of another.

Turning the residual stream, E' = E R, reading matrices W' = W R, writing matrices W' = R^T W, changes nothing that a network with
RMSNorm computes once its norms' gains are folded into what reads behind them; permuting it is one such turn. The tables of
tokens (embedding, and head behind the final norm) of two models show the turn, since their rows are the same tokens.

**What may enter.** The tests that follow toss the signs of hidden units (U_j, D_:j) and of value dimensions (V_r, O_:r). Such flips leave
embedding, head, gains, gates, queries and keys as they are. So a turn found from the tables is the same whatever the coins
show, and given it the coins are as fair as before: the p-values stay exact. The signs of residual coordinates are used up by it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from provenance.sameinit.statistics import Untestable
from provenance.sameinit.tables import tables_alike
from provenance.weights.dtypes import Floats
from provenance.weights.families import Role
from provenance.weights.network import Network
from provenance.weights.roles import Slot

ALIKE = 0.5
"""Cosine of the tables from which they are taken to stand in the same coordinates: no turn is looked for."""
UNLIKE = 0.02
"""Unbiased CKA of the tables below which they show no turn: ten times what chance leaves between a thousand tokens, and that of tables which
have a cosine of 0.14 once they are turned."""
TOKENS_PER_COORDINATE = 4
"""Tokens to find a turn from, for each coordinate of the residual stream..."""
ENOUGH_TOKENS = 4096
"""...unless it is so narrow that more are cheap."""
_BLOCK_ELEMENTS = 1 << 22
_QUINTIC = (3.4445, -4.7750, 2.0315)
_QUINTIC_STEPS = 6
_CUBIC_STEPS = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alignment:
    """A turn of A's residual stream into B's coordinates.

    Args:
        rotation: Residual width x residual width, float32, orthogonal as far as the tables determine it; None: as they stand.
        width: Of the residual stream.
        tokens: Number of token rows that it was found from.
        plain: Cosine of the tables as they stand.
    """

    rotation: Floats | None
    width: int
    tokens: int
    plain: float

    def turned(self, rows: Floats) -> Floats:
        """Rows of A in B's coordinates.

        Args:
            rows: Units x residual width: readers as they are, writers transposed.
        """
        return rows if self.rotation is None else rows @ self.rotation

    def mirrored(self) -> "Alignment":
        """The turn of B into A's coordinates."""
        rotation = None if self.rotation is None else self.rotation.T
        return Alignment(rotation=rotation, width=self.width, tokens=self.tokens, plain=self.plain)


def alignments(a: Network, b: Network) -> tuple[Alignment, ...] | Untestable:
    """The turns worth trying: none at all, and the one that the tables show where they are alike, but not as they stand.

    Orthogonal Procrustes: the R that brings ``sum_t |T_A R - T_B|_F^2 / (|T_A| |T_B|)`` to its least over the tables t that both models
    have and the tokens that both tables have is the polar factor of ``M = sum_t T_A^T T_B / (|T_A| |T_B|)``. It takes no note of scale.

    Source: P. H. Schoenemann, "A generalized solution of the orthogonal Procrustes problem", Psychometrika 31 (1966). Deviation: at
    most 4 tokens a coordinate, or 4,096. Memory: five squares of the residual width, float32.

    Returns:
        One or two turns, or why there are none.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    tables = [(one, other) for role in (Role.EMBEDDING, Role.HEAD) for one, other in _tables(a, b, role)]
    if not tables:
        return Untestable("there is no table of tokens that both models have")
    widths = {_width(a, one) for one, _ in tables} | {_width(b, other) for _, other in tables}
    if len(widths) != 1:
        return Untestable(
            f"the residual streams are of unlike width ({' and '.join(map(str, sorted(widths)))})"
        )
    width = widths.pop()
    tokens = sum(_length(a, one, b, other) for one, other in tables)
    with np.errstate(over="ignore", invalid="ignore"):
        plain = float(np.mean([_cosine(a, one, b, other) for one, other in tables]))
        if not np.isfinite(plain):
            return Untestable("a table of tokens holds NaN, infinite or huge values")
        in_place = Alignment(rotation=None, width=width, tokens=tokens, plain=plain)
        if plain >= ALIKE or max(tables_alike(a, b), default=1.0) < UNLIKE:
            return (in_place,)
        products = np.zeros((width, width), np.float32)
        for one, other in tables:
            products += _product(a, one, b, other)
    if not (np.isfinite(products).all() and products.any()):
        return (in_place,)
    return in_place, Alignment(rotation=polar(products), width=width, tokens=tokens, plain=plain)


def polar(matrix: Floats) -> Floats:
    """The orthogonal factor of a square matrix, as far as it is determined: directions that it takes to zero stay there.

    Matrix products only, several times faster than a singular value decomposition for the widths of large models: with the largest
    singular value s scaled to 1, odd polynomials p(X) = X (a + b X^T X + c (X^T X)^2) lift the singular values above 10^-3 s to between 0.6
    and 1.2, then Newton and Schulz's X (3 - X^T X) / 2 brings them to 1. Smaller ones, which the tables hardly determine, are left smaller.

    Source: N. J. Higham, "Functions of Matrices" (2008), chapter 8; the polynomial's coefficients are those of the optimiser Muon
    (K. Jordan, 2024).

    Args:
        matrix: Finite and not zero, n x n, float32.

    Returns:
        n x n, float32.
    """
    matrix = matrix / np.abs(matrix).max()
    turned = matrix / np.float32(1.01 * _largest_singular_value(matrix))
    a, b, c = (np.float32(factor) for factor in _QUINTIC)
    for _ in range(_QUINTIC_STEPS):
        squares = turned.T @ turned
        squares = b * squares + c * (squares @ squares)
        turned = a * turned + turned @ squares
    for _ in range(_CUBIC_STEPS):
        turned = np.float32(1.5) * turned - np.float32(0.5) * (turned @ (turned.T @ turned))
    return turned


def _largest_singular_value(matrix: Floats) -> float:
    """By power iteration from a fixed start; an underestimate of a few hundredths does no harm."""
    direction = np.random.default_rng(0).standard_normal(len(matrix), np.float32)
    value = 1.0
    for _ in range(30):
        direction = matrix.T @ (matrix @ (direction / np.linalg.norm(direction)))
        value = float(np.linalg.norm(direction))
    return float(np.sqrt(value))


def _tables(a: Network, b: Network, role: Role) -> list[tuple[Slot, Slot]]:
    """The tables of a role that both models have: by tower, or the only ones."""
    left, right = (
        [
            slot
            for slot in network.layout.matrices
            if slot.role is role and network.checkpoint.is_numeric(network.layout.matrices[slot].name)
        ]
        if network.layout
        else []
        for network in (a, b)
    )
    if len(left) == len(right) == 1:
        return [(left[0], right[0])]
    return [(slot, slot) for slot in left if slot in right]


def _width(network: Network, slot: Slot) -> int:
    return network.layout.matrices[slot].inputs if network.layout else 0


def _length(a: Network, one: Slot, b: Network, other: Slot) -> int:
    """Number of rows that are used of a table."""
    if a.layout is None or b.layout is None:
        raise ValueError("a table belongs to a layout")
    left, right = a.layout.matrices[one], b.layout.matrices[other]
    return min(left.outputs, right.outputs, max(ENOUGH_TOKENS, TOKENS_PER_COORDINATE * left.inputs))


def _rows(a: Network, one: Slot, b: Network, other: Slot) -> Iterator[tuple[Floats, Floats]]:
    """Those rows of both models, the head's with the gain of the norm before it, a block at a time."""
    if a.layout is None or b.layout is None:
        raise ValueError("a table belongs to a layout")
    left, right = a.layout.matrices[one], b.layout.matrices[other]
    gains = _final_gain(a, one), _final_gain(b, other)
    length = _length(a, one, b, other)
    step = max(1, _BLOCK_ELEMENTS // max(left.inputs, 1))
    for start in range(0, length, step):
        stop = min(start + step, length)
        rows = a.outputs(left, start, stop), b.outputs(right, start, stop)
        x, y = (each if gain is None else each * gain for each, gain in zip(rows, gains, strict=True))
        yield x, y


def _cosine(a: Network, one: Slot, b: Network, other: Slot) -> float:
    """Cosine of two tables as they stand; 0 where one is all zeros."""
    sums = np.zeros(3)
    for x, y in _rows(a, one, b, other):
        sums += [float(np.einsum("ij,ij", *pair)) for pair in ((x, y), (x, x), (y, y))]
    scale = float(np.sqrt(sums[1]) * np.sqrt(sums[2]))
    return float(sums[0]) / scale if scale != 0 else 0.0


def _product(a: Network, one: Slot, b: Network, other: Slot) -> Floats:
    """``T_A^T T_B / (|T_A| |T_B|)`` of one table."""
    width = _width(a, one)
    products, squares = np.zeros((width, width), np.float32), np.zeros(2)
    for x, y in _rows(a, one, b, other):
        products += x.T @ y
        squares += np.square(x).sum(dtype=np.float64), np.square(y).sum(dtype=np.float64)
    scale = float(np.sqrt(squares).prod())
    return products / np.float32(scale) if scale > 0 else products


def _final_gain(network: Network, slot: Slot) -> Floats | None:
    """The gain of the norm before the head, where there is one norm and it fits."""
    norms = [
        place for place in (network.layout.gains if network.layout else ()) if place.role is Role.NORM_FINAL
    ]
    if slot.role is not Role.HEAD or len(norms) != 1:
        return None
    gain = network.gain(norms[0])
    return gain if gain is not None and gain.shape == (_width(network, slot),) else None
