"""How alike two models are, by numbers that no re-parameterisation changes: pure, arrays in and numbers out.

None of these has a null distribution. Strangers that were trained on the same data are alike by each of them, so that a value means
something only beside those of strangers (`provenance.sameinit.conformal`).
"""

import numpy as np
import numpy.typing as npt
from scipy.linalg import svdvals
from scipy.optimize import linear_sum_assignment

from provenance.weights.dtypes import Floats

Doubles = npt.NDArray[np.float64]

TOP_SHARE = 0.5
"""Share of the singular values, the largest ones, that are compared: small ones are noise, and rounding."""


def centred_cosines(a: Floats, b: Floats) -> Floats:
    """Correlation of each column of A with each column of B, m x i and m x j to i x j; 0 where a column is constant."""
    correlations: Floats = standardised(a).T @ standardised(b)
    return correlations


def standardised(columns: Floats) -> Floats:
    """Columns less their means, and of length 1 where they are not constant."""
    centred = columns - columns.mean(axis=0)
    norms = np.linalg.norm(centred, axis=0)
    scaled: Floats = np.divide(centred, norms, out=np.zeros_like(centred), where=norms > 0)
    return scaled


def matched_agreement(matched_by: Floats, judged_by: tuple[Floats, ...]) -> float:
    """How well units agree in one thing when they are matched by another.

    Units i of A are assigned to units m(i) of B so that the sum of ``matched_by[i, m(i)]`` is greatest; the value is the mean of
    ``|judged_by[i, m(i)]|`` over units and matrices. The absolute value makes it blind to the sign of a unit.

    Source: MATCH of S. Zhu et al., "Independence tests for language models", arXiv 2502.12292, section 3.2. Deviations: the matched quantity is a
    cosine and not an activation; all that is not matched by is judged by; the mean is no p-value and not taken for one.

    Args:
        matched_by: Cosines of what units are matched by, units of A x units of B.
        judged_by: Cosines of what they are judged by, of the same shape.

    Returns:
        In [0, 1].
    """
    rows, columns = linear_sum_assignment(matched_by, maximize=True)
    return float(np.mean([np.abs(cosines[rows, columns]).mean() for cosines in judged_by]))


def unbiased_cka(a: Floats, b: Floats) -> float | None:
    """Linear centred kernel alignment of two tables of the same tokens, by the unbiased estimator of HSIC.

    CKA = HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) with K = A A^T and L = B B^T, and, where K' and L' are these with zeros on
    their diagonals,

        HSIC_1 = (tr(K' L') + (1'K'1)(1'L'1) / ((n - 1)(n - 2)) - 2 / (n - 2) 1'K'L'1) / (n (n - 3)).

    Unlike the biased one it does not grow with width over n. It does not change when either table is rotated, permuted or scaled.

    Source: L. Song et al., "Feature selection via dependence maximization", JMLR 13 (2012), equation 5; S. Kornblith et al., arXiv 1905.00414.

    Args:
        a: Tokens x width of A, at least four tokens.
        b: The same tokens, by the width of B.

    Returns:
        About in [0, 1], near 0 for tables drawn apart; None where a table does not vary.
    """
    left, right = (_gram(table) for table in (a, b))
    cross, own, other = _hsic(left, right), _hsic(left, left), _hsic(right, right)
    if own <= 0 or other <= 0:
        return None
    return float(cross / np.sqrt(own * other))


def _gram(table: Floats) -> Doubles:
    values = table.astype(np.float64)
    values /= np.linalg.norm(values) or 1.0
    gram: Doubles = values @ values.T
    np.fill_diagonal(gram, 0.0)
    return gram


def _hsic(left: Doubles, right: Doubles) -> float:
    count = len(left)
    sums = left.sum(axis=0), right.sum(axis=0)
    total = sums[0].sum() * sums[1].sum() / ((count - 1) * (count - 2))
    return float(
        ((left * right).sum() + total - 2 / (count - 2) * (sums[0] @ sums[1])) / (count * (count - 3))
    )


def product_spectrum(readers: Floats, writers: Floats) -> Doubles:
    """Singular values of readers^T writers, largest first, with matrices no larger than their rank.

    Both are k x width: with V and the outputs' transpose it is the map from the residual stream to itself by way of a head's values, with
    queries and keys it is the form by which positions meet. A change of basis of the k dimensions cancels.

    For any F with F^T F = readers readers^T, and G likewise for writers, they are those of F G^T. Values below 10^-8 of the largest are
    rounding.
    """
    left, right = (_factor(rows.astype(np.float64)) for rows in (readers, writers))
    values: Doubles = svdvals(left @ right.T)
    return values


def _factor(rows: Doubles) -> Doubles:
    """F with F^T F = rows rows^T, k x k: several times cheaper than a QR decomposition where rows are long."""
    values, vectors = np.linalg.eigh(rows @ rows.T)
    factor: Doubles = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    return factor


def spectral_agreement(a: Doubles, b: Doubles) -> float | None:
    """exp(-r), r the root mean square difference of the logarithms of two spectra's largest values, each less its mean.

    Args:
        a: Singular values, largest first.
        b: As many.

    Returns:
        1 for spectra that are multiples of each other; None where too many are zero.
    """
    kept = max(2, int(TOP_SHARE * min(len(a), len(b))))
    logs = [np.log(values[:kept]) for values in (a, b) if len(values) >= kept and values[kept - 1] > 0]
    if len(logs) < 2:  # noqa: PLR2004 - both
        return None
    difference = (logs[0] - logs[0].mean()) - (logs[1] - logs[1].mean())
    return float(np.exp(-np.sqrt(np.square(difference).mean())))
