"""What a comparison of two checkpoints says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from provenance.artifacts import ArtifactId
from provenance.errors import UsageError
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.facts import adapter
from provenance.shown import Shown

if TYPE_CHECKING:
    from pydantic import JsonValue

METHOD = "sameinit/sign-swap-fisher-bonferroni"
METHOD_VERSION = 4


class Effort(StrEnum):
    """How much is done before a verdict is given.

    FAST reads a sample of each kind of matrix and runs the tests in the models' own coordinates: it finds kin, and never calls two
    models independent. STANDARD reads everything, and where that finds nothing, or the two are not built alike, aligns the models
    and tests again. THOROUGH does all of it always, and takes the rank of large differences too.
    """

    FAST = "fast"
    STANDARD = "standard"
    THOROUGH = "thorough"


TIERS: Mapping[Effort, int] = {Effort.FAST: 1, Effort.STANDARD: 2, Effort.THOROUGH: 2}
"""How many p-values each effort may report the smallest of: its correction, declared before any weights are seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a verdict takes, declared before the weights are seen.

    Args:
        alpha: p at or below it is `SAME_INIT`. One in a million: a registry of a thousand comparisons then calls none of its
            independent pairs kin with probability 0.999.
        doubt: p at or below it is no longer `INDEPENDENT`.
        rho: `INDEPENDENT` needs a detection limit at or below this aligned cosine, in every part of the model.
        coverage: `INDEPENDENT` needs this share of the parameters to have been tested.
        derived: Aligned cosine from which kin count as too close to have been trained apart.
    """

    alpha: float = 1e-6
    doubt: float = 1e-3
    rho: float = 0.1
    coverage: float = 0.5
    derived: float = 0.999

    def __post_init__(self) -> None:
        if not 0 < self.alpha <= self.doubt < 1:
            raise UsageError(f"limits need 0 < alpha <= doubt < 1, got {self.alpha:g} and {self.doubt:g}")
        for name in ("rho", "coverage", "derived"):
            if not 0 < getattr(self, name) <= 1:
                raise UsageError(
                    f"the limit {name} lies above 0 and at most at 1, got {getattr(self, name):g}"
                )

    def method(self, effort: Effort) -> str:
        """The method with every parameter that changes its value."""
        values = ",".join(f"{name}={getattr(self, name):g}" for name in self.__slots__)
        return f"{METHOD}(effort={effort},{values})@{METHOD_VERSION}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTest:
    """The test of one group of units.

    Args:
        name: Where the units are: tower, layer, roles.
        part: What they belong to: ``embedding``, ``head``, ``gate``, ``mlp``, ``attention``, ``recurrent``, ``hidden``.
        symmetry: ``sign`` or ``swap``.
        elements: Number of elements of both models that were looked at.
        flips: Number of coins.
        heads: How many of them spoke for kinship.
        agreement: Mean agreement; for ``swap``, above what any two units of the models have in common.
        cosine: Plain cosine of the tensors.
        log10_p: Exact.
        log10_bound: By Hoeffding, beside it.
        copy_of: The first group of this part to which it is related within both models, where there is one: their coins fall
            alike, and count once.
        cluster: What it has in common with groups of its part that may be tied to it, seen or not (experts of one layer, stacks of one
            width): their coins count once.
        untestable: Why there is no test; all figures are then None.
        tier: 1 for a test in the models' own coordinates, 2 for one after an alignment.
    """

    name: str
    part: str
    symmetry: str
    elements: int = 0
    flips: int | None = None
    heads: int | None = None
    agreement: float | None = None
    cosine: float | None = None
    log10_p: float | None = None
    log10_bound: float | None = None
    copy_of: str | None = None
    cluster: str | None = None
    untestable: str | None = None
    tier: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerMatch:
    """Two places that an alignment found to go together.

    Args:
        tower: Where they are, as in the names of tests.
        role: What was matched: ``layer``, ``expert``, ``head``.
        a: Numbers in A (layer, then expert or head).
        b: Numbers in B.
        agreement: Mean cosine of what the match was found from; never of what is tested.
    """

    tower: str
    role: str
    a: tuple[int, ...]
    b: tuple[int, ...]
    agreement: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InvariantScore:
    """A likeness that no re-parameterisation hides, judged against controls.

    Args:
        name: What is compared.
        value: How alike the two are; more is more.
        controls: Number of pairs, known to be unrelated, that it was set beside.
        log10_p: Conformal, where there are enough controls to tell.
    """

    name: str
    value: float
    controls: int
    log10_p: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRank:
    """The difference of one matrix between kin, where it is of low rank: what merging a low-rank adapter leaves.

    Args:
        name: The matrix, in A.
        rank: Number of directions that the difference has above the rounding of the stored values.
        full: The rank that it could have had.
    """

    name: str
    rank: int
    full: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """Which of two kin may have come first: weak, and no part of the verdict.

    Args:
        earlier: Path of the model that looks less trained by every sign below, or None where they disagree.
        by: The signs that were used.
        smaller_norms: Path of the model whose matrices have the smaller norms, or None where they hardly differ.
        smaller_tails: Path of the model whose matrices have the smaller kurtosis, likewise.
        norms: Size of the mean log ratio of the norms.
        kurtosis: Size of the mean difference of the excess kurtosis.
    """

    earlier: str | None
    by: str
    smaller_norms: str | None
    smaller_tails: str | None
    norms: float
    kurtosis: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Shown):
    """Whether two checkpoints share an initialisation, and what that rests on.

    Args:
        a: Path of the one.
        b: Path of the other. Exchanging the two exchanges what is said of A and of B, and changes nothing else.
        verdict: `SAME_INIT`, `INDEPENDENT` or `INCONCLUSIVE`.
        kinship: ``identical``, ``derived``, ``same_init_diverged`` or ``partial`` for kin, otherwise None.
        log10_p: log10 of the p-value that B's initialisation was drawn independently of A's; None when nothing was testable.
        p_value_kind: ``exact``: valid for any sample size, under the assumptions.
        aligned_cosine: Cosine of the tested weights, weighted by size: coordinate by coordinate, or as aligned where only that found
            kinship.
        coverage: Share of the two models' parameters that were tested.
        rho_min: Smallest aligned cosine that would have been found with power 0.8, in the worst part of the model;
            None for kin, and where nothing could have been found.
        tests: Group by group.
        assumptions: What has to hold for the p-value to mean what it says.
        reason: The verdict in words.
        method: Name and version with every parameter.
        seconds: Wall-clock time.
        bytes_read: Of tensors, from both.
        effort: How much was done.
        sampled: Only a sample of the weights was looked at; coverage then says how much of what was at hand.
        layers: Which layers, experts and heads go together, where the models were aligned and a test found them related.
        invariants: Likenesses that no re-parameterisation hides, where they were looked at.
        suspicion: Why the two look like a model and its disguised copy, if they do: no proof, but no independence either.
        update_ranks: Differences of low rank, for kin.
        direction: Which may have come first, for kin.
    """

    a: str
    b: str
    verdict: Verdict
    kinship: str | None
    log10_p: float | None
    p_value_kind: str
    aligned_cosine: float | None
    coverage: float
    rho_min: float | None
    tests: tuple[GroupTest, ...]
    assumptions: tuple[str, ...]
    reason: str
    method: str
    seconds: float
    bytes_read: int
    effort: Effort = Effort.STANDARD
    sampled: bool = False
    layers: tuple[LayerMatch, ...] = ()
    invariants: tuple[InvariantScore, ...] = ()
    suspicion: str | None = None
    update_ranks: tuple[UpdateRank, ...] = ()
    direction: Direction | None = None

    def document(self) -> "dict[str, JsonValue]":
        """The comparison as JSON values."""
        values: dict[str, JsonValue] = adapter(Comparison).dump_python(self, mode="json")
        return values

    def evidence(
        self, parent: ArtifactId, child: ArtifactId, inputs: Mapping[str, str], tested_at: datetime
    ) -> Evidence:
        """The comparison as evidence on an edge.

        Args:
            parent: The earlier of the two models.
            child: The later one.
            inputs: Role (``parent``, ``child``) to content digest.
            tested_at: When it ran, aware, UTC.
        """
        # What depends on the machine, and what the evidence says elsewhere, would make equal evidence unlike.
        elsewhere = {"a", "b", "verdict", "method", "seconds", "bytes_read"}
        result = {name: value for name, value in self.document().items() if name not in elsewhere}
        return Evidence(
            test=TestKind.SAME_INIT,
            parent=parent,
            child=child,
            verdict=self.verdict,
            method=self.method,
            inputs=inputs,
            result=result,
            tested_at=tested_at,
        )
