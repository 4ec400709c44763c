"""Which layers and experts of two models belong together.

The similarity of two MLPs is told by what their non-linearities see: gates, or the incoming weights of a plain MLP. Neither changes with the
signs of the units that are tested, so whatever is chosen by it leaves the coins fair. A layer's first units are looked for among all
units of each layer of the other model, and the similarity is the mean cosine with the best. A full map (each layer with its likest) tells of layers
that were repeated, left out, or made experts of; coins are tossed on a map that takes each layer of either model once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from provenance.sameinit.alignment import Alignment
from provenance.sameinit.comparison import LayerMatch
from provenance.sameinit.matching import SAMPLED_ELEMENTS
from provenance.sameinit.statistics import Untestable
from provenance.sameinit.units import Units, normalised
from provenance.weights.dtypes import Floats
from provenance.weights.families import Role
from provenance.weights.network import Network
from provenance.weights.roles import Slot

MOST_BLOCKS = 64
"""MLPs of A that are looked for; of more, evenly spaced ones."""
FEWEST_UNITS, MOST_UNITS = 16, 256
"""Units of each that are looked for, as `SAMPLED_ELEMENTS` allows."""
_SEEING = (Role.GATE, Role.HIDDEN_IN)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerMap:
    """How alike the MLPs of two models are.

    Args:
        a: The MLPs of A.
        b: The MLPs of B.
        similarity: Of each with each, float32.
    """

    a: tuple[Slot, ...]
    b: tuple[Slot, ...]
    similarity: Floats

    def pairs(self) -> tuple[tuple[Slot, Slot], ...]:
        """Each MLP at most once, the most alike first."""
        return _pairs(self.a, self.b, self.similarity)

    def layer_pairs(self) -> tuple[tuple[Slot, Slot], ...]:
        """Each layer at most once, as alike as its likest experts, the most alike first."""
        left, right = (
            [slot._replace(numbers=slot.numbers[:1]) for slot in side] for side in (self.a, self.b)
        )
        rows, columns = tuple(dict.fromkeys(left)), tuple(dict.fromkeys(right))
        best = np.full((len(rows), len(columns)), -1, np.float32)
        at = [rows.index(slot) for slot in left], [columns.index(slot) for slot in right]
        np.maximum.at(best, np.ix_(*at), self.similarity)
        return _pairs(rows, columns, best)

    def likest(self) -> tuple[LayerMatch, ...]:
        """For each MLP of either model the likest of the other, in order."""
        found = {(row, int(self.similarity[row].argmax())) for row in range(len(self.a))}
        found |= {(int(self.similarity[:, column].argmax()), column) for column in range(len(self.b))}
        return tuple(
            LayerMatch(
                tower=self.b[column].tower,
                role="expert" if self.a[row].numbers[1:] + self.b[column].numbers[1:] else "layer",
                a=self.a[row].numbers,
                b=self.b[column].numbers,
                agreement=float(self.similarity[row, column]),
            )
            for row, column in sorted(found, key=lambda at: (self.b[at[1]], self.a[at[0]]))
        )


def layer_maps(a: Network, b: Network, turns: Sequence[Alignment]) -> tuple[LayerMap, ...] | Untestable:
    """How alike the MLPs of two models are under each of some alignments, in one pass over B's gates.

    Memory: the sampled units of A, and their cosines with the units of one MLP of B.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    width = turns[0].width
    left, right = seeing(a, width), seeing(b, width)
    if not left or not right:
        return Untestable("a model has no MLPs whose gates or incoming weights can be read")
    left = tuple(left[int(at)] for at in np.unique(np.linspace(0, len(left) - 1, MOST_BLOCKS).round()))
    units = [Units.at(a, slot) for slot in left]
    count = int(np.clip(SAMPLED_ELEMENTS // (width * len(left)), FEWEST_UNITS, MOST_UNITS))
    samples = [one.first(count) for one in units if one]
    bounds = np.cumsum([0, *(len(sample) for sample in samples)])[:-1]
    similarities = np.zeros((len(turns), len(left), len(right)), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        rows = np.concatenate([normalised(turn.turned(np.concatenate(samples)))[0] for turn in turns])
        for column, slot in enumerate(right):
            best = np.full(len(rows), -1, np.float32)
            sides = Units.at(b, slot)
            for _, _, block in sides.blocks() if sides else ():
                np.maximum(best, (rows @ normalised(block)[0].T).max(axis=1), out=best)
            means = [np.add.reduceat(part, bounds) for part in np.split(best, len(turns))]
            similarities[:, :, column] = np.array(means) / [len(sample) for sample in samples]
    known = np.nan_to_num(similarities, nan=-1.0, posinf=-1.0, neginf=-1.0)
    return tuple(LayerMap(a=left, b=right, similarity=known[index]) for index in range(len(turns)))


def seeing(network: Network, width: int) -> tuple[Slot, ...]:
    """The matrices whose outputs the non-linearities of a model's MLPs see, as far as they read a stream of that width."""
    if network.layout is None:
        return ()
    matrices = network.layout.matrices
    return tuple(
        slot
        for slot, matrix in matrices.items()
        if slot.role in _SEEING
        and network.checkpoint.is_numeric(matrix.name)
        and matrix.inputs == width
        and matrix.outputs
    )


def _pairs(a: Sequence[Slot], b: Sequence[Slot], similarity: Floats) -> tuple[tuple[Slot, Slot], ...]:
    from scipy.optimize import linear_sum_assignment

    # Some layers are like everything, and where one model has fewer they must not crowd out the others.
    centred = similarity - np.median(similarity, axis=0, keepdims=True)
    centred -= np.median(centred, axis=1, keepdims=True)
    rows, columns = linear_sum_assignment(centred if min(similarity.shape) > 1 else similarity, maximize=True)
    found = sorted(
        zip(rows.tolist(), columns.tolist(), strict=True), key=lambda at: (-float(similarity[at]), at)
    )
    return tuple((a[row], b[column]) for row, column in found)
