"""What pair swaps find of a planted correlation, beside other tests of the trace of the same cosine matrix.

    python benchmarks/same_init_power.py

n units of d weights each, drawn at random in both models and correlated by rho. Medians of log10 p over the repeats. All tests but
the last hold for any sample size; the last takes a normal law far beyond where one is known to hold.
"""

import numpy as np
from scipy.special import log_ndtr

from provenance.sameinit.statistics import LN10, Coins, sign_test

SHAPES = ((256, 64, 100), (1536, 384, 15))
CORRELATIONS = (0.02, 0.05, 0.1, 0.3, 0.9)


def cosines(rng: np.random.Generator, units: int, width: int, rho: float) -> np.ndarray:
    a = rng.standard_normal((units, width))
    b = rho * a + np.sqrt(1 - rho**2) * rng.standard_normal((units, width))
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    return a @ b.T


def swaps(S: np.ndarray) -> Coins:
    even, odd = np.arange(0, len(S), 2), np.arange(1, len(S), 2)
    coins = sign_test((S[even, even] + S[odd, odd] - S[even, odd] - S[odd, even]) / 2)
    assert isinstance(coins, Coins)
    return coins


def chatterjee(S: np.ndarray) -> float:
    """exp(-t^2 / (4 E + 2 t)) for the trace of S rescaled to [0, 1] (Chatterjee 2007, proposition 1.1)."""
    scaled = (S - S.min()) / (S.max() - S.min())
    expected = scaled.sum() / len(S)
    excess = max(np.trace(scaled) - expected, 0.0)
    return -(excess**2) / (4 * expected + 2 * excess) / LN10


def normal(S: np.ndarray) -> float:
    """The trace's exact mean and variance under a uniform order of units, and a normal law (combinatorial CLT)."""
    centred = S - S.mean(axis=0) - S.mean(axis=1, keepdims=True) + S.mean()
    z = (np.trace(S) - S.sum() / len(S)) / np.sqrt((centred**2).sum() / (len(S) - 1))
    return float(log_ndtr(-z)) / LN10


def main() -> None:
    rng = np.random.default_rng(0)
    print("units width  rho    swaps, exact   swaps, Hoeffding   trace, Chatterjee   trace, normal law")
    for units, width, repeats in SHAPES:
        for rho in CORRELATIONS:
            drawn = [cosines(rng, units, width, rho) for _ in range(repeats)]
            rows = [(swaps(S).log10_p, swaps(S).log10_bound, chatterjee(S), normal(S)) for S in drawn]
            exact, bound, other, law = np.median(rows, axis=0)
            print(f"{units:5} {width:5} {rho:5} {exact:13.1f} {bound:18.1f} {other:19.1f} {law:18.1f}")


if __name__ == "__main__":
    main()
