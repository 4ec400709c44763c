"""Tier 2: do two models share an initialisation, though one was permuted, rotated, scaled, cut or put together anew?

One part of the models says how they lie to each other, another part is tested:

1. Norms' gains are folded into the matrices that read behind them.
2. The tables of tokens show how A's residual stream has to be turned (`alignment`); it stays as it is where more agrees then.
3. Gates say which layers and experts belong together (`layers`), and which hidden units (`matching`); queries and keys say which heads (`attention`).
4. The signs of the matched units' agreement are coins: (up, down) of gated MLPs, (value, output) of attention.

Null hypothesis: B's initialisation was drawn independently of A. Flipping (U_j, D_:j) or (V_r, O_:r) changes nothing that B computes,
commutes with the usual optimisers and leaves the usual initialisations as likely as before; it changes neither tables nor gains, gates, queries, keys,
nor the size of any cosine, so that the alignment and every match are the same whatever the coins show. Each unit and each layer of either model enters
once. Given all that the alignment saw, the coins are independent and fair, and the binomial p-values of the groups are exact, even where
strangers have "universal" units in common. Choices by index (the first units of a layer) or by similarity of gates (which layers) keep that.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from provenance.sameinit.alignment import Alignment, alignments
from provenance.sameinit.attention import match_values
from provenance.sameinit.comparison import GroupTest, LayerMatch
from provenance.sameinit.copies import Sketch, copies
from provenance.sameinit.layers import LayerMap, layer_maps
from provenance.sameinit.matching import Match, match_hidden
from provenance.sameinit.statistics import Coins, Untestable, sign_test
from provenance.sameinit.symmetries import Symmetry, cluster_of
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.families import Role
from provenance.weights.network import Network
from provenance.weights.roles import Slot

MOST_PAIRS = 16
"""Pairs of MLPs, and of layers of attention, that are tested: the likest..."""
FEWEST_PAIRS = 4
TESTED_ELEMENTS = 1 << 28
"""...fewer where that many elements of gates are reached: each has hundreds of units to test by then."""
MIN_UNITS = 8
"""Fewer matched units than this are no group."""
_TIER = 2
_PAIRS_TO_CHOOSE = 2
_FIRST = 64
_MATRIX = 2

Outcome = tuple[GroupTest, Coins | Untestable]
Result = tuple[GroupTest, Coins | Untestable, tuple[Sketch, ...]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Robust:
    """What the robust test found.

    Args:
        tests: One for each pair of MLPs and of layers of attention, with its outcome.
        layers: For each MLP of either model the likest of the other, and how alike they are.
        aligned_cosine: Mean cosine of the tested weights of matched units, weighted by size; None when nothing was tested.
        obstacles: Why there is less than two alike models would give.
        alignment: How A's residual stream lies to B's; None where that is not known.
    """

    tests: tuple[Outcome, ...] = ()
    layers: tuple[LayerMatch, ...] = ()
    aligned_cosine: float | None = None
    obstacles: tuple[str, ...] = ()
    alignment: Alignment | None = None


def robust(a: Network, b: Network, *, min_units: int = MIN_UNITS) -> Robust:
    """Aligns two models on one part of them and tests another: see the module.

    Deterministic; exchanging the models changes nothing but the order in which layers are named.

    Args:
        a: A model.
        b: Another one.
        min_units: Fewest matched units that are tested.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    if _order(b) < _order(a):
        found = _robust(b, a, min_units, swapped=True)
        return replace(
            found,
            layers=tuple(replace(match, a=match.b, b=match.a) for match in found.layers),
            alignment=found.alignment and found.alignment.mirrored(),
        )
    return _robust(a, b, min_units, swapped=False)


def _robust(a: Network, b: Network, min_units: int, *, swapped: bool) -> Robust:
    turns = alignments(a, b)
    if isinstance(turns, Untestable):
        return Robust(obstacles=(f"the residual streams can't be aligned: {turns.reason}",))
    maps = layer_maps(a, b, turns)
    if isinstance(maps, Untestable):
        return Robust(obstacles=(maps.reason,), alignment=turns[0])
    choices = tuple(zip(turns, maps, strict=True))
    # The first on a tie: as they stand.
    turn, layers = max(choices, key=lambda choice: _fit(a, b, *choice)) if len(choices) > 1 else choices[0]
    results = [
        _result(_name(one, other, roles, swapped=swapped), part, _cluster(one, other), found, min_units)
        for one, other, part, roles, found in _matches(a, b, turn, layers, _most_pairs(a, layers))
    ]
    sizes = [(test.elements, test.agreement or 0.0) for test, _, _ in results]
    total = sum(size for size, _ in sizes)
    return Robust(
        tests=_counted_once(results),
        layers=layers.likest(),
        aligned_cosine=sum(size * cosine for size, cosine in sizes) / total if total else None,
        obstacles=() if results else ("there are no gated MLPs and no values that both models have",),
        alignment=turn,
    )


def _most_pairs(a: Network, layers: LayerMap) -> int:
    """Number of pairs that are tested: told by the shapes alone."""
    sizes = [a.layout.matrices[slot].elements for slot in layers.a] if a.layout else []
    return int(np.clip(TESTED_ELEMENTS // max(sizes, default=1), FEWEST_PAIRS, MOST_PAIRS))


def _fit(a: Network, b: Network, turn: Alignment, layers: LayerMap) -> float:
    """How well an alignment fits: size of the agreement of matched units, whatever its sign, summed over the likest pairs.

    Gates alone would not do: what all trained models have in common, a turn that was found from the tables brings together. It
    makes a few units like many, of which only few are each other's best.
    """
    found = [
        match for *_, match in _matches(a, b, turn, layers, _PAIRS_TO_CHOOSE) if isinstance(match, Match)
    ]
    return sum(float(np.abs(match.agreement).sum()) for match in found)


def _matches(
    a: Network, b: Network, turn: Alignment, layers: LayerMap, most: int
) -> Iterator[tuple[Slot, Slot, str, str, Match | Untestable]]:
    """The likest pairs of MLPs and of layers of attention: both places, part and roles, and the matched units."""
    for one, other in sorted(layers.pairs()[:most]):
        if one.role is other.role is Role.GATE:
            yield one, other, "mlp", "up+down", match_hidden(a, one, b, other, turn)
    for one, other in sorted(layers.layer_pairs()[:most]):
        if _has_values(a, one) and _has_values(b, other):
            yield one, other, "attention", "value+output", match_values(a, one, b, other, turn)


def _has_values(network: Network, slot: Slot) -> bool:
    return network.layout is not None and slot._replace(role=Role.VALUE) in network.layout.matrices


def _name(one: Slot, other: Slot, roles: str, *, swapped: bool) -> str:
    places = [".".join((*filter(None, [slot.tower]), *map(str, slot.numbers))) for slot in (one, other)]
    return f"{'~'.join(reversed(places) if swapped else places)}.{roles}"


def _cluster(one: Slot, other: Slot) -> str | None:
    """What pairs of experts have in common whose experts are of one layer in either model, in whatever order the models are taken."""
    layers = cluster_of(one), cluster_of(other)
    return "~".join(sorted(filter(None, layers))) if None not in layers else None


def _result(name: str, part: str, cluster: str | None, found: Match | Untestable, min_units: int) -> Result:
    outcome: Coins | Untestable
    if isinstance(found, Untestable):
        outcome = found
    elif len(found.left) < min_units:
        outcome = Untestable(f"only {len(found.left)} units have a partner in the other model")
    else:
        outcome = sign_test(found.agreement)
    test = GroupTest(name=name, part=part, symmetry=Symmetry.SIGN, cluster=cluster, tier=_TIER)
    if isinstance(outcome, Untestable) or isinstance(found, Untestable):
        reason = outcome.reason if isinstance(outcome, Untestable) else ""
        return replace(test, untestable=reason), outcome, ()
    test = replace(
        test,
        elements=found.elements,
        flips=outcome.flips,
        heads=outcome.heads,
        agreement=outcome.mean,
        cosine=float(found.agreement.mean()),
        log10_p=outcome.log10_p,
        log10_bound=outcome.log10_bound,
    )
    return test, outcome, found.sketches


def _counted_once(results: Sequence[Result]) -> tuple[Outcome, ...]:
    """The tests and their outcomes, each test with the group that it is a copy of within both models, if it is."""
    sketches: dict[str, list[tuple[str, Sketch]]] = defaultdict(list)
    for test, _, units in results:
        sketches[test.part] += [(test.name, one) for one in units]
    first = {part: copies(known) for part, known in sketches.items()}
    return tuple(
        (replace(test, copy_of=first[test.part].get(test.name)), outcome) for test, outcome, _ in results
    )


def _order(network: Network) -> tuple[list[tuple[str, tuple[int, ...], bytes]], list[bytes]]:
    """What tells two models apart whatever they are called, so that each pair is looked at in one order, the same after any flip.

    Of numbers the sizes count first, and their signs, which are what is tested, only between models whose sizes are all equal.
    """
    checkpoint = network.checkpoint
    return (
        [(name, checkpoint.info(name).shape, _sizes(checkpoint, name)) for name in checkpoint.tensors],
        [checkpoint.raw(name, 0, _FIRST).tobytes() for name in checkpoint.tensors],
    )


def _sizes(checkpoint: Checkpoint, name: str) -> bytes:
    """The sizes of the first elements of a tensor; nothing where it holds no numbers."""
    if not checkpoint.is_numeric(name):
        return b""
    axes = len(checkpoint.info(name).shape)
    stop, leading = (_FIRST, 1) if axes < _MATRIX else (1, 1 if axes == _MATRIX else 2)
    return np.abs(checkpoint.rows(name, 0, stop, leading=leading).ravel()[:_FIRST]).tobytes()
