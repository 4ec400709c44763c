"""What `provenance.sameinit` and its peers say of the pairs of the zoo."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path

from benchmarks.peers import PEERS, Parts, Score, parts
from benchmarks.zoo.building import folder_of
from benchmarks.zoo.catalogue import Pair
from provenance.evidence import Verdict
from provenance.sameinit import compare

OURS = "provenance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was said of one pair, beside the truth.

    Args:
        family: As in `Pair`.
        kind: As in `Pair`.
        related: The truth.
        beyond: As in `Pair`.
        correlation: As in `Pair`.
        verdict: A `Verdict`.
        kinship: As in `Comparison`.
        log10_p: As in `Comparison`.
        aligned_cosine: As in `Comparison`.
        rho_min: As in `Comparison`.
        reason: As in `Comparison`.
        flips: Coins of each group, in order.
        heads: How many of them spoke for kinship.
        seconds: What the comparison took.
        peers: Name to score; None where the method says nothing.
    """

    family: str
    kind: str
    related: bool
    beyond: bool
    correlation: float | None
    verdict: Verdict
    kinship: str | None
    log10_p: float | None
    aligned_cosine: float | None
    rho_min: float | None
    reason: str
    flips: tuple[int, ...]
    heads: tuple[int, ...]
    seconds: float
    peers: Mapping[str, Score | None]

    def score(self, method: str) -> float:
        """How alike a method calls the two: larger is more; what it says nothing of comes last."""
        if method == OURS:
            return -self.log10_p if self.log10_p is not None else -1.0
        found = self.peers[method]
        return found.value if found is not None else -float("inf")


def judge(pair: Pair, home: Path) -> Judgement:
    """Compares one pair by all methods."""
    a, b = folder_of(pair.a, home), folder_of(pair.b, home)
    began = time.perf_counter()
    found = compare(a, b)
    seconds = time.perf_counter() - began
    tossed = [
        (test.flips, test.heads) for test in found.tests if test.flips is not None and test.heads is not None
    ]
    return Judgement(
        family=pair.family,
        kind=pair.kind,
        related=pair.related,
        beyond=pair.beyond,
        correlation=pair.correlation,
        verdict=found.verdict,
        kinship=found.kinship,
        log10_p=found.log10_p,
        aligned_cosine=found.aligned_cosine,
        rho_min=found.rho_min,
        reason=found.reason,
        flips=tuple(flips for flips, _ in tossed),
        heads=tuple(heads for _, heads in tossed),
        seconds=seconds,
        peers={name: peer(_parts(a), _parts(b)) for name, peer in PEERS.items()},
    )


def judge_all(pairs: Sequence[Pair], home: Path, workers: int) -> Sequence[Judgement]:
    """Compares many pairs, in their order."""
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return tuple(pool.map(partial(judge, home=home), pairs, chunksize=16))


@lru_cache(maxsize=32)
def _parts(folder: Path) -> Parts:
    return parts(folder)
