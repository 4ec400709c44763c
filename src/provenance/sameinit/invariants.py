"""Likenesses that no re-parameterisation hides: what is left to look at when a copy was disguised on purpose.

Flipped signs, permuted units and coordinates, a turned residual stream, scaled units, a new basis for values or for queries and keys: none
of it changes the numbers taken here. But a statistic that is invariant to the whole symmetry group has no null
distribution from the null hypothesis alone. The group is all that the null says: what it leaves unchanged may be anything in strangers, and is
large in strangers that learnt from the same data. So these need *controls*:

- **External**: the same statistic on pairs that are known to be independent. The conformal p-value is valid where the pair, were it
  independent, would be exchangeable with them: same architecture and kind of training, and pairs that do not all share one model.
- **In-pair**: layers of A set beside layers of B out of their place. Layers of strangers at one depth are more alike than layers at two, so
  this is no valid p-value for trained models; it shows how much likeness the two models have *anyway*, and the excess above it is an
  effect size, which measured strangers keep small.

Whatever is found may only keep independence from being said. It never says that two models share an initialisation.

Shortcuts that are invalid, and not taken: 1/k! for k units that an assignment has matched, since the assignment looked for them; analytic
p-values of correlations between singular vectors or logits, and z-scores of cosines as if weights were independent draws, since
trained weights are not; a cosine of first layers after matching, or of flattened weights, as if it were a p-value, since strangers with
the same data reach high ones.

Not seen: copies of another depth, and copies within one model. Where layers repeat each other, those out of place agree as well.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from provenance.sameinit.chains import chains
from provenance.sameinit.comparison import InvariantScore
from provenance.sameinit.conformal import MOST_LAYERS, Conformal, against_controls, against_other_orders
from provenance.sameinit.likeness import matched_agreement, spectral_agreement, standardised
from provenance.sameinit.probes import Place, attention_places, hidden_places, lens, spectra, units
from provenance.sameinit.statistics import Untestable
from provenance.sameinit.tables import FEWEST_TOKENS, table_length, tables_alike
from provenance.weights.dtypes import Floats
from provenance.weights.families import Role
from provenance.weights.network import Network

LEVEL = 0.05 / 3
"""Conformal p from which a statistic withholds independence: 0.05, shared by the three that a transformer has; where chains are, they are not."""
EXCESS = 0.2
"""Share of the way from mismatched layers to perfect agreement from which units agree too well, where external controls are too few."""
CHAIN_EXCESS = 0.6
"""The same for chains: strangers reach 0.33 in the zoo and 0.49 after long training, copies keep 0.98 when they are tuned for a while."""
PROBES = 256
"""Tokens through which units are seen."""
NAMES = ("units", "tokens", "spectra", "chains")
"""What there is to take."""
DECIDING = ("units", "chains")
"""What may withhold independence without external controls."""
_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """One statistic of a pair.

    Args:
        name: ``units``, ``tokens``, ``spectra`` or ``chains``.
        value: How alike the two models are, 1 for copies however disguised; None where it can't be taken.
        mismatched: The same between layers (of chains: units) out of place, mean; None where there is none.
        in_pair: The rank among other orders of layers. Valid only where depth leaves no trace, see the module.
        external: The conformal p-value against pairs known to be independent, or why there is none; None where there is no value.
        controls: Number of these pairs.
        untestable: Why it can't be taken.
    """

    name: str
    value: float | None = None
    mismatched: float | None = None
    in_pair: Conformal | None = None
    external: Conformal | Untestable | None = None
    controls: int = 0
    untestable: str | None = None

    @property
    def excess(self) -> float | None:
        """How far the value lies from that of what is out of place, as a share of the way to 1."""
        if self.value is None or self.mismatched is None or self.mismatched >= 1:
            return None
        return (self.value - self.mismatched) / (1 - self.mismatched)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariants:
    """The likenesses of a pair, and whether they look like those of a model and its disguised copy.

    Args:
        likenesses: Those that were asked for, in the order of `NAMES`.
    """

    likenesses: tuple[Likeness, ...]

    @property
    def scores(self) -> tuple[InvariantScore, ...]:
        """Those that could be taken, as a comparison reports them: to as many digits as do not depend on which model is which."""
        return tuple(
            InvariantScore(
                name=one.name,
                value=round(one.value, _DIGITS),
                controls=one.controls,
                log10_p=one.external.log10_p if isinstance(one.external, Conformal) else None,
            )
            for one in self.likenesses
            if one.value is not None
        )

    @property
    def suspicious(self) -> bool:
        """Whether independence should not be said."""
        return bool(self._signs())

    @property
    def reason(self) -> str:
        """Why it should not, or that nothing speaks against it, in words."""
        signs = self._signs()
        if signs:
            return f"the models look like disguised copies: {'; '.join(signs)}"
        return "no likeness beyond re-parameterisation was seen"

    def _signs(self) -> Sequence[str]:
        return [sign for one in self.likenesses if (sign := _sign(one)) is not None]


def _sign(one: Likeness) -> str | None:
    """What speaks against independence: the external controls where there are enough, else the excess of units or of chains."""
    if isinstance(one.external, Conformal):
        if one.external.log10_p > math.log10(LEVEL):
            return None
        return (
            f"{one.name} agree to {one.value:.3f}, p = {10**one.external.log10_p:.2g} ({one.external.kind})"
        )
    if one.name not in _TOO_ALIKE or one.excess is None:
        return None
    least, misplaced = _TOO_ALIKE[one.name]
    if one.excess < least:
        return None
    return f"{one.name} agree to {one.value:.3f}, {misplaced} out of place only to {one.mismatched:.3f}"


def invariants(
    a: Network, b: Network, *, controls: Sequence[Invariants] = (), names: Sequence[str] = NAMES
) -> Invariants:
    """Takes four statistics that the whole symmetry group leaves unchanged, beside their controls.

    1. *Units* (MATCH, Zhu et al., arXiv 2502.12292): hidden units are matched by their gates, and judged by everything else. They are seen through
       tokens: with embedding rows x_t as the norm hands them on, unit j of a gate is the vector (g_j . x_t)_t, and what it
       writes is read by the rows of the head. Both are numbers that a turn of the residual stream cancels from, so that no
       alignment is needed. Plain MLPs: matched by what they take in, judged by what they give out.
    2. *Tokens*: unbiased linear CKA of the tables of tokens.
    3. *Spectra*: singular values of W_o W_v and W_q^T W_k, head by head where heads are known; their logarithms, sorted.
    4. *Chains*: of plain layers, perceptrons and convolutions; units are matched by one half of what they take in and judged by the other.

    Null hypothesis of the conformal p-values: this pair and the controls are exchangeable pairs of strangers. See the module for what
    that takes, and for what in-pair controls do not say.

    Args:
        a: A model.
        b: Another; up to rounding it does not matter which is which.
        controls: What this function said of pairs that are known to be independent.
        names: What to take; without controls no more than `DECIDING` can speak against independence.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    taken = (_TAKEN[name](a, b) for name in names)
    return Invariants(likenesses=tuple(_beside(one, controls) for one in taken))


def _beside(one: Likeness, controls: Sequence[Invariants]) -> Likeness:
    """The likeness with its external p-value."""
    if one.value is None:
        return one
    values = [
        known.value
        for control in controls
        for known in control.likenesses
        if known.name == one.name and known.value is not None
    ]
    return replace(one, external=against_controls(one.value, values, LEVEL), controls=len(values))


def _side_by_side(one: Sequence[Place], other: Sequence[Place]) -> Sequence[tuple[Place, Place]] | str:
    """Layers of two models side by side, from all over their depth, or why they can't be."""
    if len(one) != len(other) or not one:
        return f"the models have {len(one)} and {len(other)} layers of the kind"
    at = np.unique(np.linspace(0, len(one) - 1, min(len(one), MOST_LAYERS)).round().astype(int))
    return [(one[i], other[i]) for i in at]


def _units(a: Network, b: Network) -> Likeness:
    pairs = _side_by_side(hidden_places(a), hidden_places(b))
    shared = min(table_length(network, Role.EMBEDDING) for network in (a, b))
    left, right = (lens(network, shared, PROBES) for network in (a, b))
    if isinstance(pairs, str):
        return Likeness(name="units", untestable=pairs)
    if left is None or right is None or shared < PROBES:
        return Likeness(name="units", untestable=f"there are no {PROBES} tokens to see units through")
    seen = [
        (_standardised(units(a, one, left)), _standardised(units(b, other, right))) for one, other in pairs
    ]

    def score(i: int, j: int) -> float | None:
        one, other = seen[i][0], seen[j][1]
        if one is None or other is None or len(one) != len(other):
            return None
        gates, *rest = [x.T @ y for x, y in zip(one, other, strict=True)]
        return matched_agreement(gates, tuple(rest)) if np.isfinite(gates).all() else None

    return _layered("units", len(pairs), score)


def _standardised(views: tuple[Floats, ...] | None) -> tuple[Floats, ...] | None:
    """Views whose products are correlations, as in `likeness.centred_cosines`."""
    return None if views is None else tuple(standardised(view) for view in views)


def _tokens(a: Network, b: Network) -> Likeness:
    found = tables_alike(a, b)
    if not found:
        return Likeness(
            name="tokens", untestable=f"there is no table of {FEWEST_TOKENS} tokens that both models have"
        )
    return Likeness(name="tokens", value=float(np.mean(found)))


def _spectra(a: Network, b: Network) -> Likeness:
    pairs = _side_by_side(attention_places(a), attention_places(b))
    if isinstance(pairs, str):
        return Likeness(name="spectra", untestable=pairs)
    found = [(spectra(a, one), spectra(b, other)) for one, other in pairs]

    def score(i: int, j: int) -> float | None:
        one, other = found[i][0] or {}, found[j][1] or {}
        values = [spectral_agreement(one[name], other[name]) for name in sorted(one.keys() & other.keys())]
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else None

    return _layered("spectra", len(pairs), score)


def _chains(a: Network, b: Network) -> Likeness:
    found = chains(a, b)
    if isinstance(found, Untestable):
        return Likeness(name="chains", untestable=found.reason)
    return Likeness(name="chains", value=found.matched, mismatched=found.others)


def _layered(name: str, count: int, score: Callable[[int, int], float | None]) -> Likeness:
    """A statistic that is taken of each layer of A with each of B."""
    values = [score(i, j) for i, j in product(range(count), repeat=2)]
    if any(value is None for value in values):
        return Likeness(
            name=name, untestable="layers differ in kind, can't be read, or hold zeros, NaN or huge values"
        )
    scores = np.array(values, np.float64).reshape(count, count)
    out_of_place = scores[~np.eye(count, dtype=bool)]
    orders = against_other_orders(scores)
    return Likeness(
        name=name,
        value=float(scores.diagonal().mean()),
        mismatched=float(out_of_place.mean()) if out_of_place.size else None,
        in_pair=orders if isinstance(orders, Conformal) else None,
    )


_TAKEN: Mapping[str, Callable[[Network, Network], Likeness]] = {
    "units": _units,
    "tokens": _tokens,
    "spectra": _spectra,
    "chains": _chains,
}
_TOO_ALIKE: Mapping[str, tuple[float, str]] = {
    "units": (EXCESS, "layers"),
    "chains": (CHAIN_EXCESS, "units"),
}
"""From which excess on which likeness withholds independence, and what its controls are."""
