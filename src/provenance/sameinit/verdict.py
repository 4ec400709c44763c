"""From the tests of all groups to one verdict: pure, and never better for knowing less.

The rule, declared before any weights are seen: groups of one part of the model (embedding, gate, mlp, attention) combine by Fisher's
method, and parts by Bonferroni's, so that kinship of one part alone, a copied embedding for one, is not drowned by the others.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provenance.evidence import Verdict
from provenance.sameinit.comparison import GroupTest, Limits
from provenance.sameinit.identity import Identity
from provenance.sameinit.statistics import Coins, bonferroni, detection_limit, fisher

FAINT = 0.1
"""Share of the strongest group's agreement below which a group that did not respond counts as not shared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that was found out about two checkpoints.

    Args:
        tests: One for each group that both models have.
        coins: The outcome of each test that could be made, in the order of ``tests``.
        identity: What is equal byte for byte.
        coverage: Share of the two models' parameters that were tested.
        untrained: One of the two is still at its initialisation: its vectors are all zeros or ones.
        obstacles: What keeps the tests from speaking for the whole of both models.
    """

    tests: tuple[GroupTest, ...]
    coins: tuple[tuple[GroupTest, Coins], ...]
    identity: Identity
    coverage: float
    untrained: bool
    obstacles: tuple[str, ...]

    def parts(self) -> Mapping[str, Sequence[Sequence[Coins]]]:
        """The outcomes by part of the model, those of groups that are copies of each other together."""
        found: dict[str, dict[str, list[Coins]]] = defaultdict(lambda: defaultdict(list))
        for test, coins in self.coins:
            found[test.part][test.copy_of or test.name].append(coins)
        return {part: tuple(clusters.values()) for part, clusters in found.items()}

    def log10_p(self) -> float | None:
        """The combined p-value; None when nothing was testable."""
        parts = self.parts()
        return bonferroni([_combined(clusters) for clusters in parts.values()]) if parts else None

    def rho_min(self, alpha: float) -> float | None:
        """The detection limit of the part that has the worst; None when nothing can be told at all."""
        parts = self.parts()
        limits = [_limit(clusters, alpha / len(parts)) for clusters in parts.values()]
        known = [limit for limit in limits if limit is not None]
        return max(known) if known and len(known) == len(limits) else None

    def aligned_cosine(self) -> float | None:
        """Cosine of the tested weights, weighted by size."""
        sizes = [test.elements for test, _ in self.coins]
        cosines = [test.cosine or 0.0 for test, _ in self.coins]
        if not sizes:
            return None
        return math.fsum(size * cosine for size, cosine in zip(sizes, cosines, strict=True)) / sum(sizes)


def _combined(clusters: Sequence[Sequence[Coins]]) -> float:
    """log10 p of one part: Bonferroni among groups that are copies of each other, Fisher over what is left.

    Never less than Fisher's over all: finding copies where there are none then costs power only.
    """
    single = [bonferroni([coins.log10_p for coins in cluster]) for cluster in clusters]
    return max(fisher(single), fisher([coins.log10_p for cluster in clusters for coins in cluster]))


def _limit(clusters: Sequence[Sequence[Coins]], alpha: float) -> float | None:
    """The detection limit of one part: that of one group of each cluster, which pays for the others' multiplicity."""
    weakest = [min(cluster, key=lambda coins: coins.flips / coins.rms**2) for cluster in clusters]
    return detection_limit(weakest, alpha / math.prod(len(cluster) for cluster in clusters))


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, the kind of kinship for kin, and the verdict in words."""

    verdict: Verdict
    kinship: str | None
    reason: str


def judge(findings: Findings, limits: Limits) -> Judgement:
    """Says what the findings amount to."""
    if findings.identity.complete and findings.identity.equal:
        return Judgement(Verdict.SAME_INIT, "identical", "all tensors are equal byte for byte")
    log10_p = findings.log10_p()
    if log10_p is None:
        return Judgement(
            Verdict.INCONCLUSIVE, None, "nothing was testable: " + "; ".join(findings.obstacles[:3])
        )
    if log10_p <= math.log10(limits.alpha):
        kinship, why = _kinship(findings, limits)
        return Judgement(Verdict.SAME_INIT, kinship, f"p = 10^{log10_p:.1f}: {why}")
    if log10_p <= math.log10(limits.doubt):
        return Judgement(
            Verdict.INCONCLUSIVE,
            None,
            f"p = 10^{log10_p:.1f} lies between {limits.alpha:g} (same initialisation) and {limits.doubt:g} (independent)",
        )
    gaps = _gaps(findings, limits)
    if gaps:
        return Judgement(Verdict.INCONCLUSIVE, None, f"no kinship was found, but {'; '.join(gaps[:3])}")
    return Judgement(
        Verdict.INDEPENDENT,
        None,
        f"p = {10**log10_p:.2g}; a shared initialisation with an aligned cosine of "
        f"{findings.rho_min(limits.alpha):.3f} or more would have been found in any tested part with power 0.8",
    )


def _gaps(findings: Findings, limits: Limits) -> Sequence[str]:
    """What stands between finding nothing and calling two models independent."""
    gaps = list(findings.obstacles)
    rho_min = findings.rho_min(limits.alpha)
    if rho_min is None or rho_min > limits.rho:
        found = "no correlation at all" if rho_min is None else f"only an aligned cosine above {rho_min:.2f}"
        gaps.append(f"{found} could have been found in some part, and the limit is {limits.rho:g}")
    if findings.coverage < limits.coverage:
        gaps.append(
            f"{findings.coverage:.0%} of the parameters were tested, and {limits.coverage:.0%} are needed"
        )
    if findings.identity.equal:
        gaps.append(f"{len(findings.identity.equal)} tensors are equal byte for byte")
    return gaps


def _kinship(findings: Findings, limits: Limits) -> tuple[str, str]:
    strongest = max(coins.mean for _, coins in findings.coins)
    doubt = math.log10(limits.doubt)
    shared = [test for test, coins in findings.coins if coins.log10_p <= doubt]
    silent = [
        test
        for test, coins in findings.coins
        if coins.log10_p > doubt
        and coins.mean < FAINT * strongest
        and (detection_limit([coins], limits.alpha) or 1.0) <= limits.rho
    ]
    if silent:
        undecided = len(findings.coins) - len(shared) - len(silent)
        return "partial", "; ".join(
            (
                f"shared are {_counted(shared)}",
                f"not shared, though it would have been seen, are {_counted(silent)}",
                *([f"{undecided} groups are too small to tell"] if undecided else []),
            )
        )
    cosine = findings.aligned_cosine() or 0.0
    if findings.identity.equal:
        return (
            "derived",
            f"{len(findings.identity.equal)} tensors are equal byte for byte, the others related",
        )
    if findings.untrained:
        return (
            "derived",
            f"one model is still at its initialisation, the other went on (aligned cosine {cosine:.3f})",
        )
    if cosine >= limits.derived:
        return (
            "derived",
            f"the weights are too close to have been trained apart (aligned cosine {cosine:.5f})",
        )
    return (
        "same_init_diverged",
        f"nothing shows that one was made from the other (aligned cosine {cosine:.3f})",
    )


def _counted(tests: Sequence[GroupTest]) -> str:
    """How many groups of which parts: ``embedding (1 group), mlp (11 groups)``."""
    counts = Counter(test.part for test in tests)
    return (
        ", ".join(f"{part} ({count} group{'s' * (count > 1)})" for part, count in counts.items())
        or "none alone"
    )
