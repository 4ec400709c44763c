"""Other ways to tell whether two models are related, each written anew from its formula, to stand beside `provenance.sameinit`.

All read the same matrices, by the parts that they play, outputs x inputs. A score is larger the more two models are alike; a p-value is
given where the method has one. What a method can't say anything about is None.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from scipy.stats import spearmanr, t

from provenance.sameinit.statistics import fisher
from provenance.weights.families import Role
from provenance.weights.network import Network
from provenance.weights.roles import Slot

Matrix: TypeAlias = Float[np.ndarray, "outputs inputs"]  # noqa: F722 - names of axes
Parts: TypeAlias = Mapping[Slot, Matrix]

_PLAIN = (Role.STACKED, Role.SERIES)
_UNITS = (Role.UP, Role.HIDDEN_IN, *_PLAIN)
"""Whose outputs are hidden units."""
_FEWEST = 4
"""Units, tokens or singular values under which nothing is said."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a method says of two models: larger is more alike, and log10 of its p-value where it has one."""

    value: float
    log10_p: float | None = None


Peer: TypeAlias = Callable[[Parts, Parts], Score | None]


def parts(path: Path) -> Parts:
    """A model's matrices by the part that they play; none where its names and shapes are those of no known architecture."""
    network = Network.open(path)
    if network.layout is None:
        return {}
    return {slot: network.outputs(matrix) for slot, matrix in network.layout.matrices.items()}


def plain_cosine(a: Parts, b: Parts) -> Score | None:
    """The cosine of all weights, flattened: what most comparisons begin with, and blind to every symmetry."""
    pairs = [(x, y) for _, x, y in _shared(a, b) if x.shape == y.shape]
    if not pairs:
        return None
    dot, one, other = (math.fsum(values) for values in zip(*(_products(x, y) for x, y in pairs), strict=True))
    return Score(dot / math.sqrt(one * other)) if one * other else None


def phi_u(a: Parts, b: Parts) -> Score | None:
    """phi_U of Zhu et al., "Independence Tests for Language Models" (arXiv 2502.12292), section 3.2.

    The rows of each layer's up matrix (of a plain network: of each layer's matrix but the last) are matched by the assignment of largest total
    cosine. Under independence the matching is a uniform permutation of 1..h, so that its Spearman correlation r with the
    identity has mean zero; p is that of ``t = r sqrt((h - 2) / (1 - r^2))`` with h - 2 degrees of freedom, and layers combine by Fisher. Deviation: one-sided.
    """
    found = [_rank_agreement(_matching(x, y)) for slot, x, y in _hidden(a, b) if slot.role in _UNITS]
    return _combined(found)


def match(a: Parts, b: Parts) -> Score | None:
    """MATCH, the robust test of Zhu et al. (arXiv 2502.12292), section 3.3: do gate and up rows match in the same way?

    Units are matched twice, by what their gate rows and by what their up rows give on the same inputs; the statistic is the Spearman
    correlation of the two matchings, with p as in `phi_u`, and layers combine by Fisher. Deviation: the inputs are the token embeddings,
    which need no pass through the model and turn with the residual stream as hidden states do. Gated MLPs only.
    """
    found = []
    embeddings = next(((x, y) for slot, x, y in _shared(a, b) if slot.role is Role.EMBEDDING), None)
    if embeddings is None:
        return None
    tokens = min(map(len, embeddings))
    seen = [_centred(table[:tokens]) for table in embeddings]
    ups = {slot._replace(role=Role.GATE): (x, y) for slot, x, y in _hidden(a, b) if slot.role is Role.UP}
    for slot, gate_a, gate_b in _hidden(a, b):
        if slot in ups and gate_a.shape[1] == seen[0].shape[1] and gate_b.shape[1] == seen[1].shape[1]:
            up_a, up_b = ups[slot]
            by_gate = _matching(gate_a @ seen[0].T, gate_b @ seen[1].T)
            by_up = _matching(up_a @ seen[0].T, up_b @ seen[1].T)
            found.append(_rank_agreement(by_up[np.argsort(by_gate)]))
    return _combined(found)


def embedding_cka(a: Parts, b: Parts) -> Score | None:
    """Unbiased linear CKA of the token embeddings, of plain networks of what the first layer makes of each input.

    ``CKA = HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))`` with K = X X', L = Y Y' and the unbiased estimator of HSIC: Kornblith et al., "Similarity of
    Neural Network Representations Revisited" (2019), section 3; Song et al., "Feature Selection via Dependence
    Maximization" (JMLR 2012), theorem 2. Blind to rotations; no p-value.
    """
    shared = list(_shared(a, b))
    tables = [(x, y) for slot, x, y in shared if slot.role is Role.EMBEDDING]
    tables = tables or [(x.T, y.T) for slot, x, y in shared if slot.role in _UNITS]
    if not tables:
        return None
    x, y = tables[0]
    rows = min(len(x), len(y))
    if rows < _FEWEST:
        return None
    K, L = (_hollow_gram(table[:rows]) for table in (x, y))
    spread = math.sqrt(max(_hsic(K, K) * _hsic(L, L), 0.0))
    return Score(_hsic(K, L) / spread) if spread else None


def spectra(a: Parts, b: Parts) -> Score | None:
    """Mean correlation of the sorted singular values, in logarithms, of matrices that play the same part. No p-value.

    Blind to all rotations. The idea is that of fingerprints by invariants: Zeng et al., "HuRef" (arXiv 2312.04828).
    """
    found = []
    for _, x, y in _shared(a, b):
        one, other = (np.linalg.svd(matrix, compute_uv=False) for matrix in (x, y))
        count = min(len(one), len(other))
        one, other = (np.log(np.maximum(values[:count], 1e-9)) for values in (one, other))
        if count >= _FEWEST and one.std() and other.std():
            found.append(float(np.corrcoef(one, other)[0, 1]))
    return Score(float(np.mean(found))) if found else None


PEERS: Mapping[str, Peer] = {
    "plain cosine": plain_cosine,
    "phi_U": phi_u,
    "MATCH": match,
    "embedding CKA": embedding_cka,
    "spectra": spectra,
}
"""Name to method."""


def _shared(a: Parts, b: Parts) -> Iterator[tuple[Slot, Matrix, Matrix]]:
    return ((slot, a[slot], b[slot]) for slot in sorted(a.keys() & b.keys()))


def _hidden(a: Parts, b: Parts) -> Iterator[tuple[Slot, Matrix, Matrix]]:
    """Matrices of equal shape in the same place; of plain networks all but the last, whose outputs are classes."""
    last = max((slot for slot in a if slot.role in _PLAIN), default=None)
    for slot, x, y in _shared(a, b):
        if x.shape == y.shape and len(x) >= _FEWEST and slot != last:
            yield slot, x, y


def _products(x: Matrix, y: Matrix) -> tuple[float, float, float]:
    one, other = x.ravel().astype(np.float64), y.ravel().astype(np.float64)
    return float(one @ other), float(one @ one), float(other @ other)


def _centred(table: Matrix) -> Matrix:
    centred: Matrix = table - table.mean(axis=0)
    return centred


def _matching(x: Matrix, y: Matrix) -> np.ndarray:
    """For each row of x the row of y that it is matched with, by the assignment of largest total cosine."""
    one, other = (
        rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        for rows in (x, y)
    )
    return linear_sum_assignment(one @ other.T, maximize=True)[1]


def _rank_agreement(order: np.ndarray) -> Score:
    """Spearman's correlation of a permutation with the identity, and its one-sided p."""
    correlation = float(spearmanr(np.arange(len(order)), order).statistic)
    degrees = len(order) - 2
    statistic = correlation * math.sqrt(degrees / max(1 - correlation**2, np.finfo(np.float64).eps))
    # No order is rarer than one of h!; the law of t, which underflows there, knows nothing of that.
    log10_p = max(float(t.logsf(statistic, degrees)), -math.lgamma(len(order) + 1)) / math.log(10)
    return Score(correlation, log10_p)


def _combined(found: list[Score]) -> Score | None:
    if not found:
        return None
    log10_p = fisher([score.log10_p or 0.0 for score in found])
    return Score(-log10_p, log10_p)


def _hollow_gram(rows: Matrix) -> Matrix:
    products: Matrix = rows.astype(np.float64) @ rows.astype(np.float64).T
    np.fill_diagonal(products, 0.0)
    return products


def _hsic(K: Matrix, L: Matrix) -> float:
    n = len(K)
    sums = K.sum() * L.sum() / ((n - 1) * (n - 2)) - 2 * float(K.sum(axis=0) @ L.sum(axis=0)) / (n - 2)
    return float(((K * L).sum() + sums) / (n * (n - 3)))
