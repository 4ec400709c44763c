"""How alike two chains of plain layers are, whatever the order and the scale of their units.

The units of a perceptron or of a convolutional network have no sign of their own: only their order is arbitrary, and aligning two models uses
up all that an exact test could toss. A chain begins at features, pixels or channels, though, which mean the same in both models: units are matched by what they
take from there, the units above them by what they take from matched ones, and so on up.

**What is judged** is what the matching did not look at. The units below are dealt out into two halves. Units are matched by what they take from one half and
judged by the cosine of what they take from the other; then the halves change places. Strangers whose weights are noise come to 0, copies to 1.
The outgoing weights to the classes are not looked at: strangers that learnt the same classes agree in them far too well.

**Calibration.** There is no null distribution: strangers that were trained on the same data do learn some of the same features. Measured as excess over
units that are not matched to each other, in `benchmarks.zoo` (ReLU, scikit-learn's digits, 276 pairs of strangers each): perceptrons of width 256
0.25 to 0.31, convolutions of 48 and 96 channels 0.22 to 0.33; permuted or scaled copies 1, tuned for a while after it 0.98 and more. Strangers
trained long and hard until nothing was left to learn, or after a small teacher: up to 0.49. A perceptron with one hidden layer has no
layer above the first, and is judged by its first, whose features are alike in their own right: strangers reach 0.66 there after
long training, and more where the data leave them one solution only. So a large value can withhold
independence, and never says that two models share an initialisation.

Not seen: layers behind skip connections, whose inputs are not the units below, kernels on groups of channels,
gains of norms between layers (permuting is still seen; scaling a gain is not undone), the heads behind a chain of kernels.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from provenance.sameinit.likeness import Doubles
from provenance.sameinit.statistics import Untestable
from provenance.weights.dtypes import Floats
from provenance.weights.families import Role
from provenance.weights.network import Network
from provenance.weights.roles import Indices, Matrix, Slot

LEAST = 16
"""Units, and units below them, from which a layer can be judged: half as many are matched by, and judged by."""
WIDEST = 2048
"""Units of a layer up to which they are matched."""
LARGEST = 1 << 24
"""Elements of a layer up to which it is read."""
DEEPEST = 8
"""Layers of a chain that are looked at, from the first."""
_CHAINS = (Role.STACKED, Role.SERIES)


class Agreement(NamedTuple):
    """Cosines of units, means.

    Args:
        matched: Of units that are matched.
        others: Of units of the same layers that are not.
    """

    matched: float
    others: float

    @property
    def excess(self) -> float:
        """How far the matched ones lie above the others, as a share of the way to 1."""
        return (self.matched - self.others) / (1 - self.others) if self.others < 1 else 0.0


class _Below(NamedTuple):
    """What a layer reads, matched.

    Args:
        left: Numbers in A, those that agree best first.
        right: Numbers of their partners in B.
        sizes: What each is worth, in A and in B, in the order of the numbers: a unit that is scaled up is read by as much less.
    """

    left: Indices
    right: Indices
    sizes: tuple[Doubles, Doubles]


def chains(a: Network, b: Network) -> Agreement | Untestable:
    """The agreement of that chain of layers in which two models agree most.

    Args:
        a: A model.
        b: Another; up to rounding and ties it does not matter which is which, nor how either's units are ordered.

    Returns:
        As in `agreement_along`, or why there is none.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    left, right = _towers(a), _towers(b)
    found = [
        agreement_along(
            _side_by_side(a, left[place], b, right[place]),
            from_first=place[1] is Role.STACKED and len(left[place]) == len(right[place]) == 1,
        )
        for place in sorted(left.keys() & right.keys())
    ]
    known = [agreement for agreement in found if agreement is not None]
    if not known:
        return Untestable(f"there is no chain of plain layers of {LEAST} to {WIDEST} units in both models")
    return max(known, key=lambda agreement: agreement.excess)


def agreement_along(layers: Iterable[tuple[Floats, Floats]], *, from_first: bool) -> Agreement | None:
    """How well the units of a chain agree in what they were not matched by.

    With w_i the weights of unit i of A and v_j those of unit j of B, in matched coordinates and less the scale of the units that they read, S and
    T the two halves of these coordinates, and m_S the assignment for which ``sum_i cos(w_i[S], v_m(i)[S])`` is greatest, the value is the mean
    of ``cos(w_i[T], v_m_S(i)[T])`` over units i, the two ways to name the halves, and layers. It is carried on by the assignment of
    all coordinates. The halves are every other coordinate in order of how well these agree, which no order of units changes.

    No null distribution: see the module.

    Source: the idea of judging matched units by what the match did not see is that of S. Zhu et al., arXiv 2502.12292, section 3.2.
    Deviations: halves of one matrix instead of two matrices; carried from layer to layer; a mean of cosines, and no p-value.

    Args:
        layers: Weights of A and of B, outputs x inputs, of equal shape, finite, from the first; the inputs of the first mean the same in
            both, those of each other one are the outputs before it, each as often as it has places.
        from_first: Whether the first layer is judged too, by halves of the features; otherwise it is matched only.

    Returns:
        The agreement; None where no layer can be judged.
    """
    below: _Below | None = None
    found: list[Agreement | None] = []
    for one, other in layers:
        if below is None:
            features = np.arange(one.shape[1])
            below = _Below(features, features, (np.ones(len(features)), np.ones(len(features))))
        x, y = (
            _read(rows, size, places)
            for rows, size, places in zip((one, other), below.sizes, (below.left, below.right), strict=True)
        )
        found.append(_crosswise(x, y) if min(len(x), x.shape[1]) >= LEAST else None)
        below = _matched(x, y)
    known = [agreement for agreement in (found if from_first else found[1:]) if agreement is not None]
    if not known:
        return None
    return Agreement(*(float(np.mean(values)) for values in zip(*known, strict=True)))


def _read(rows: Floats, sizes: Doubles, order: Indices) -> Doubles:
    """What units take from each of those below, without their scale and in matched order: units x units below x places."""
    taken = rows.reshape(len(rows), len(sizes), -1) * sizes[:, None]
    found: Doubles = taken[:, order]
    return found


def _cosines(x: Doubles, y: Doubles) -> Doubles:
    """Cosine of each unit of A with each of B; 0 where one of them takes nothing."""
    left, right = (rows.reshape(len(rows), -1) for rows in (x, y))
    sizes = np.outer(np.linalg.norm(left, axis=1), np.linalg.norm(right, axis=1))
    found: Doubles = np.divide(left @ right.T, sizes, out=np.zeros_like(sizes), where=sizes > 0)
    return found


def _matched(x: Doubles, y: Doubles) -> _Below:
    cosines = _cosines(x, y)
    left, right = linear_sum_assignment(cosines, maximize=True)
    best_first = np.argsort(-cosines[left, right], kind="stable")
    sizes = (np.linalg.norm(x, axis=(1, 2)), np.linalg.norm(y, axis=(1, 2)))
    return _Below(left[best_first], right[best_first], sizes)


def _crosswise(x: Doubles, y: Doubles) -> Agreement:
    """Matched by one half and judged by the other, both ways."""
    halves = tuple(_cosines(x[:, half::2], y[:, half::2]) for half in (0, 1))
    matched, others = [], []
    for by, judged in (halves, halves[::-1]):
        cosines = judged[linear_sum_assignment(by, maximize=True)]
        matched.append(cosines.mean())
        others.append((judged.sum() - cosines.sum()) / (judged.size - cosines.size))
    return Agreement(float(np.mean(matched)), float(np.mean(others)))


def _towers(network: Network) -> Mapping[tuple[str, Role], Sequence[Matrix]]:
    """Chains of layers whose outputs are hidden units, from their first layer as far as they are read without a gap."""
    found: dict[tuple[str, Role], list[Matrix]] = defaultdict(list)
    matrices = network.layout.matrices if network.layout else {}
    for slot in sorted(slot for slot in matrices if slot.role in _CHAINS):
        chain, known = found[slot.tower, slot.role], matrices[slot]
        ends = slot.role is Role.STACKED and _after(slot) not in matrices
        follows = slot.numbers == (len(chain),) and network.checkpoint.is_numeric(known.name)
        if follows and not ends and (not chain or known.inputs % chain[-1].outputs == 0):
            chain.append(known)
    return found


def _after(slot: Slot) -> Slot:
    return slot._replace(numbers=(slot.numbers[0] + 1,))


def _side_by_side(
    a: Network, one: Sequence[Matrix], b: Network, other: Sequence[Matrix]
) -> Iterator[tuple[Floats, Floats]]:
    """The layers that two chains both have, up to the first that is too large, unlike or not finite."""
    for left, right in list(zip(one, other, strict=False))[:DEEPEST]:
        if (left.outputs, left.inputs) != (right.outputs, right.inputs):
            return
        if left.outputs > WIDEST or left.elements > LARGEST:
            return
        x, y = a.outputs(left), b.outputs(right)
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            return
        yield x, y
