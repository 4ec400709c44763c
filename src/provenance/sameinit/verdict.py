"""From the tests of all groups to one verdict: pure, and never better for knowing less.

The rule, declared before any weights are seen. Groups of one part of the model (embedding, head, gate, mlp, attention, recurrent) combine by Fisher's
method, those of a part whose layers may be tied (hidden) by Bonferroni's, and so do, within a part, those of a cluster: experts of one
layer, stacks of one width, and what is seen to be related within both models. Parts combine by Bonferroni's, so that kinship of one part
alone, a copied embedding for one, is not drowned by the others. Tiers, in the models' own coordinates and after an alignment, combine
by Bonferroni's too: p = 2 min(p_1, p_2), with the factor of 2 also where the first tier found enough and the second was not run.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from provenance.evidence import Verdict
from provenance.sameinit.comparison import (
    TIERS,
    Effort,
    GroupTest,
    InvariantScore,
    LayerMatch,
    Limits,
    UpdateRank,
)
from provenance.sameinit.identity import Identity
from provenance.sameinit.statistics import Coins, bonferroni, detection_limit, fisher
from provenance.sameinit.symmetries import UNORDERED_PARTS

FAINT = 0.1
"""Share of the strongest group's agreement below which a group that did not respond counts as not shared."""
FEW = 0.25
"""Share of the aligned groups below which those that are alike count as a part that was taken over, and not as a copy that was disguised."""

Clusters = Sequence[Sequence[Coins]]
_OF_UNITS = frozenset({"units", "chains"})
"""Likenesses of units, which a disguise does not hide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that was found out about two checkpoints.

    Args:
        effort: How much was done.
        sampled: Only a sample of the weights was looked at.
        tests: One for each group that both models have, of all tiers.
        coins: The outcome of each test that could be made, in the order of ``tests``.
        identity: What is equal byte for byte.
        coverage: Share of the two models' parameters that were tested.
        untrained: One of the two is still at its initialisation: its vectors are all zeros or ones.
        obstacles: What keeps the tests from speaking for the whole of both models.
        unaligned: What an alignment that was tried was short of.
        depths: Number of layers (and experts) of A and of B.
        layers: Which go together, as an alignment found.
        aligned: Cosine of the weights as aligned, where they were.
        invariants: Likenesses that no re-parameterisation hides.
        suspicion: Why the two look like one model and its disguised copy, if they do.
        update_ranks: Differences of low rank.
    """

    effort: Effort
    sampled: bool
    tests: tuple[GroupTest, ...]
    coins: tuple[tuple[GroupTest, Coins], ...]
    identity: Identity
    coverage: float
    untrained: bool
    obstacles: tuple[str, ...]
    depths: tuple[int, int]
    unaligned: tuple[str, ...] = ()
    layers: tuple[LayerMatch, ...] = ()
    aligned: float | None = None
    invariants: tuple[InvariantScore, ...] = ()
    suspicion: str | None = None
    update_ranks: tuple[UpdateRank, ...] = ()

    def of_tier(self, tier: int) -> tuple[tuple[GroupTest, Coins], ...]:
        """The outcomes of one tier."""
        return tuple((test, coins) for test, coins in self.coins if test.tier == tier)

    def parts(self, tier: int = 1) -> Mapping[str, Clusters]:
        """The outcomes of a tier by part of the model, those of groups that are or may be tied to each other together."""
        found: dict[str, list[tuple[GroupTest, Coins]]] = defaultdict(list)
        for test, coins in self.of_tier(tier):
            found[test.part].append((test, coins))
        return {part: _clusters(outcomes) for part, outcomes in found.items()}

    def strongest_bound(self) -> tuple[float, GroupTest] | None:
        """log10 of the least of Hoeffding's bounds of all groups and tiers, corrected for their number, and the group that has it."""
        if not self.coins:
            return None
        looks = len(self.coins) * TIERS[self.effort]
        test, coins = min(self.coins, key=lambda outcome: outcome[1].log10_bound)
        return min(0.0, coins.log10_bound + math.log10(looks)), test

    @property
    def is_in_place_only(self) -> bool:
        """Whether nothing looked beyond the models' own coordinates: no unit was tested as aligned, and no likeness of units taken."""
        return not self.of_tier(2) and not any(score.name in _OF_UNITS for score in self.invariants)

    def log10_p(self, tiers: Sequence[int] = (1, 2)) -> float | None:
        """The combined p-value of some tiers, corrected for all that the effort allows; None when nothing was testable."""
        known = [
            bonferroni([_combined(part, clusters) for part, clusters in parts.items()])
            for tier in tiers
            if (parts := self.parts(tier))
        ]
        return min(0.0, min(known) + math.log10(TIERS[self.effort])) if known else None

    def rho_min(self, alpha: float) -> float | None:
        """The detection limit of the part that has the worst; None when nothing can be told at all."""
        parts = self.parts()
        level = alpha / TIERS[self.effort] / max(len(parts), 1)
        limits = [_limit(part, clusters, level) for part, clusters in parts.items()]
        known = [limit for limit in limits if limit is not None]
        return max(known) if known and len(known) == len(limits) else None

    def is_kin(self, limits: Limits, tiers: Sequence[int] = (1, 2)) -> bool:
        """Whether the p-value of some tiers is small enough for a verdict."""
        log10_p = self.log10_p(tiers)
        return log10_p is not None and log10_p <= math.log10(limits.alpha)

    def aligned_cosine(self) -> float | None:
        """Cosine of the tested weights as they stand, weighted by size."""
        sizes = [test.elements for test, _ in self.of_tier(1)]
        cosines = [test.cosine or 0.0 for test, _ in self.of_tier(1)]
        if not sizes:
            return None
        return math.fsum(size * cosine for size, cosine in zip(sizes, cosines, strict=True)) / sum(sizes)


def _clusters(outcomes: Sequence[tuple[GroupTest, Coins]]) -> Clusters:
    """The outcomes of one part, those together that are copies of one group, of one cluster, or tied through others."""
    first: dict[tuple[str, str], tuple[str, str]] = {}

    def root(key: tuple[str, str]) -> tuple[str, str]:
        while (parent := first.get(key, key)) != key:
            key = parent
        return key

    for test, _ in outcomes:
        ties = (
            ("group", test.name),
            ("group", test.copy_of or test.name),
            ("cluster", test.cluster or test.name),
        )
        for tie in ties:
            first[root(tie)] = root(ties[0])
    found: dict[tuple[str, str], list[Coins]] = defaultdict(list)
    for test, coins in outcomes:
        found[root(("group", test.name))].append(coins)
    return tuple(found.values())


def _combined(part: str, clusters: Clusters) -> float:
    """log10 p of one part: Bonferroni among groups that are or may be tied to each other, Fisher over what is left.

    Never less than Fisher's over all: finding ties where there are none then costs power only.
    """
    if part in UNORDERED_PARTS:
        return bonferroni([coins.log10_p for cluster in clusters for coins in cluster])
    single = [bonferroni([coins.log10_p for coins in cluster]) for cluster in clusters]
    return max(fisher(single), fisher([coins.log10_p for cluster in clusters for coins in cluster]))


def _limit(part: str, clusters: Clusters, alpha: float) -> float | None:
    """The detection limit of one part: that of one group of each cluster, which pays for the others' multiplicity."""
    if part in UNORDERED_PARTS:
        groups = [coins for cluster in clusters for coins in cluster]
        alone = (_limit_alone(coins.flips, coins.rms, alpha / len(groups)) for coins in groups)
        return min((limit for limit in alone if limit is not None), default=None)
    weakest = [min(cluster, key=lambda coins: coins.flips / coins.rms**2) for cluster in clusters]
    return _limit_of(tuple(weakest), alpha, math.fsum(math.log(len(cluster)) for cluster in clusters))


@lru_cache(maxsize=64)
def _limit_of(groups: tuple[Coins, ...], alpha: float, paid: float) -> float | None:
    return detection_limit(groups, alpha, paid)


@lru_cache(maxsize=4096)
def _limit_alone(flips: int, rms: float, alpha: float) -> float | None:
    group = Coins(flips=flips, heads=0, mean=0.0, rms=rms, log10_p=0.0, log10_bound=0.0)
    return detection_limit([group], alpha)


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
    where = ""
    if findings.is_in_place_only:
        why = f" ({findings.unaligned[0]})" if findings.unaligned else ""
        where = f"in the models' own coordinates, beyond which nothing could be looked at{why}: "
    return Judgement(
        Verdict.INDEPENDENT,
        None,
        f"{where}p = {10**log10_p:.2g}; a shared initialisation with an aligned cosine of "
        f"{findings.rho_min(limits.alpha):.3f} or more, spread evenly over the units of a part, would have been found in any "
        "tested part with power 0.8",
    )


def _gaps(findings: Findings, limits: Limits) -> Sequence[str]:
    """What stands between finding nothing and calling two models independent."""
    gaps = [findings.suspicion] if findings.suspicion else []
    gaps += findings.obstacles
    rho_min = findings.rho_min(limits.alpha)
    if findings.sampled:
        gaps.append("only a sample of the weights was looked at: kinship can show in it, independence can't")
    if rho_min is None or rho_min > limits.rho:
        found = "no correlation at all" if rho_min is None else f"only an aligned cosine above {rho_min:.2f}"
        gaps.append(f"{found} could have been found in some part, and the limit is {limits.rho:g}")
    bound = findings.strongest_bound()
    if bound and bound[0] <= math.log10(limits.doubt):
        gaps.append(f"the sizes of the agreement speak against independence in {bound[1].name}")
    if findings.coverage < limits.coverage:
        gaps.append(
            f"{findings.coverage:.0%} of the parameters were tested, and {limits.coverage:.0%} are needed"
        )
    if findings.identity.equal:
        gaps.append(f"{len(findings.identity.equal)} tensors are equal byte for byte")
    return gaps


def _kinship(findings: Findings, limits: Limits) -> tuple[str, str]:
    """The kind of kinship, and what shows it."""
    if not findings.is_kin(limits, (1,)):
        return _kinship_aligned(findings, limits)
    shared, silent = shares(findings, limits)
    if silent and (rearranged := _rearranged(findings, limits)):
        return "derived", f"the layers of one are the other's in another arrangement: {rearranged}"
    if silent:
        undecided = len(findings.of_tier(1)) - len(shared) - len(silent)
        return "partial", "; ".join(
            (
                f"shared are {_counted(shared)}",
                f"not shared, though it would have been seen, are {_counted(silent)}",
                *([f"{undecided} groups are too small to tell"] if undecided else []),
            )
        )
    return _derived(findings, limits) or (
        "same_init_diverged",
        f"nothing shows that one was made from the other (aligned cosine {findings.aligned_cosine() or 0.0:.3f})",
    )


def shares(findings: Findings, limits: Limits) -> tuple[Sequence[GroupTest], Sequence[GroupTest]]:
    """The groups that kin share, and those that they don't, though it would have been seen."""
    tested = findings.of_tier(1)
    strongest = max(coins.mean for _, coins in tested)
    doubt = math.log10(limits.doubt)
    shared = [test for test, coins in tested if coins.log10_p <= doubt]
    silent = [
        test
        for test, coins in tested
        if coins.log10_p > doubt
        and coins.mean < FAINT * strongest
        and (_limit_alone(coins.flips, coins.rms, limits.alpha) or 1.0) <= limits.rho
    ]
    return shared, silent


def _derived(findings: Findings, limits: Limits) -> tuple[str, str] | None:
    """What shows that one of two kin was made from the other, or both from a third, if anything does."""
    cosine = findings.aligned_cosine() or 0.0
    ranks = ", ".join(f"{one.rank} of {one.full} in {one.name}" for one in findings.update_ranks)
    merged = f"the difference is of low rank, as a merged adapter leaves it ({ranks})"
    if findings.identity.equal:
        equal = f"{len(findings.identity.equal)} tensors are equal byte for byte"
        return "derived", f"{equal}, and {merged}" if ranks else f"{equal}, the others related"
    if findings.untrained:
        return (
            "derived",
            f"one model is still at its initialisation, the other went on (aligned cosine {cosine:.3f})",
        )
    if ranks:
        return "derived", merged
    if cosine >= limits.derived:
        return (
            "derived",
            f"the weights are too close to have been trained apart (aligned cosine {cosine:.5f})",
        )
    return None


def _kinship_aligned(findings: Findings, limits: Limits) -> tuple[str, str]:
    """The kinship of models that are kin only once they are aligned."""
    cosine = "" if findings.aligned is None else f" (cosine as aligned {findings.aligned:.3f})"
    if rearranged := _rearranged(findings, limits):
        return (
            "derived",
            f"the layers of one are the other's in another arrangement: {rearranged}{cosine}",
        )
    tested = findings.of_tier(2)
    alike = sum(coins.log10_p <= math.log10(limits.doubt) for _, coins in tested)
    places = f"{alike} of {len(tested)} groups"
    if alike < FEW * len(tested):
        return "partial", f"aligned units are alike in {places}, and in no others{cosine}"
    return (
        "derived",
        f"only aligned units are alike, in {places}: one was permuted, rotated or rescaled{cosine}",
    )


def _places(findings: Findings, limits: Limits) -> Sequence[tuple[str, str]]:
    """Places of A and of B whose aligned units agree, where alignment found kinship at all."""
    if not findings.is_kin(limits, (2,)):
        return []
    doubt = math.log10(limits.doubt)
    names = [test.name for test, coins in findings.of_tier(2) if coins.log10_p <= doubt]
    places = (name.rpartition(".")[0].partition("~") for name in names)
    return sorted({(one, other) for one, _, other in places})


def _rearranged(findings: Findings, limits: Limits) -> str | None:
    """Which places of A went where in B, if not all went to their own."""
    places = _places(findings, limits)
    if findings.depths[0] == findings.depths[1] and all(one == other for one, other in places):
        return None
    shown = [f"{one} to {other}" for one, other in places]
    return ", ".join(shown[:_SHOWN]) + (", ..." if len(shown) > _SHOWN else "") if shown else None


_SHOWN = 8


def _counted(tests: Sequence[GroupTest]) -> str:
    """How many groups of which parts: ``embedding (1 group), mlp (11 groups)``."""
    counts = Counter(test.part for test in tests)
    return (
        ", ".join(f"{part} ({count} group{'s' * (count > 1)})" for part, count in counts.items())
        or "none alone"
    )
