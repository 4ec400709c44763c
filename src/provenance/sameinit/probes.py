"""What tokens see of a network: readings of its layers that do not depend on the basis in which it is written.

A turn of the residual stream turns the rows of the embedding, what layers read by, what they write, and the rows of the head alike. So
the product of a gate with the embedding's rows, and that of what a unit writes with the head's rows, are the same before and after.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from provenance.sameinit.likeness import Doubles, product_spectrum
from provenance.sameinit.symmetries import Side
from provenance.sameinit.tables import readable, scaled, table
from provenance.sameinit.units import Units
from provenance.weights.dtypes import Floats
from provenance.weights.families import Role
from provenance.weights.hints import Norm
from provenance.weights.network import Network
from provenance.weights.roles import Heads, Slot

UNITS = 512
"""Units of a layer that are looked at: those whose weights have the largest products of norms, which disguises leave unchanged."""
WIDEST_WHOLE = 1024
"""Dimensions of attention up to which it is taken as a whole, where its heads are not known."""
_LEAST_DIRECTION = 1e-3
_HIDDEN = (Role.GATE, Role.HIDDEN_IN)
_ATTENTION = (Role.VALUE, Role.QUERY)


class Place(NamedTuple):
    """A layer of a tower."""

    tower: str
    layer: int


@dataclass(frozen=True, slots=True)
class Lens:
    """Tokens to look through, tokens x residual width, orthonormal as far as there are directions to tell them apart.

    The few directions in which all trained models tell frequent tokens from rare ones would otherwise be most of what is seen, and
    strangers would look alike.

    Args:
        reading: As layers read them, but for a norm's gain.
        writing: As the head reads what layers write.
    """

    reading: Floats
    writing: Floats


def hidden_places(network: Network) -> Sequence[Place]:
    """The layers that have hidden units, in order."""
    return _places(network, _HIDDEN)


def attention_places(network: Network) -> Sequence[Place]:
    """The layers that have attention, in order."""
    return _places(network, _ATTENTION)


def _places(network: Network, roles: Iterable[Role]) -> Sequence[Place]:
    slots = readable(network)
    return sorted(
        {Place(slot.tower, slot.numbers[0]) for slot in slots if slot.role in roles and slot.numbers}
    )


def lens(network: Network, length: int, count: int) -> Lens | None:
    """Tokens to look through, from the first ``length`` rows; None where there are none that are finite.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    reading, writing = (
        table(network, role, length, count) if length else None for role in (Role.EMBEDDING, Role.HEAD)
    )
    if reading is None or writing is None or not (np.isfinite(reading).all() and np.isfinite(writing).all()):
        return None
    if network.layout and network.layout.norm is Norm.LAYER:
        reading = reading - reading.mean(axis=1, keepdims=True)
    sizes = np.linalg.norm(reading, axis=1, keepdims=True)
    directions = np.divide(reading, sizes, out=np.zeros_like(reading), where=sizes > 0)
    return Lens(_orthonormal(directions), _orthonormal(writing))


def _orthonormal(rows: Floats) -> Floats:
    """The polar factor of centred rows: it turns as they turn, and all directions in which they differ count alike."""
    left, values, right = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    kept = values > _LEAST_DIRECTION * values[0]
    factor: Floats = left[:, kept] @ right[kept]
    return factor


def units(network: Network, place: Place, through: Lens) -> tuple[Floats, ...] | None:
    """What tokens see of a layer's hidden units: first what they are matched by, then what they are judged by.

    Two passes, one for the sizes of units and one for those that are looked at. Memory: a block, and what is returned.

    Returns:
        Tokens x units each, of at most `UNITS` units, experts together; None where matrices do not fit, or hold what is not finite.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    slots = [
        slot for slot in readable(network) if slot.role in _HIDDEN and (slot.tower, slot.numbers[0]) == place
    ]
    mlps = [_sides(network, slot, through.reading.shape[1]) for slot in slots]
    known = [mlp for mlp in mlps if mlp is not None]
    if not known or len(known) < len(mlps):
        return None
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        sizes = np.concatenate([np.sum([_log_sizes(side) for side in mlp], axis=0) for mlp in known])
    if np.isnan(sizes).any() or np.isposinf(sizes).any():
        return None
    kept = np.argsort(-sizes, kind="stable")[:UNITS]
    firsts = np.cumsum([0, *(mlp[0].count for mlp in known)])
    views = tuple(np.zeros((len(through.reading), len(kept)), np.float32) for _ in known[0])
    for mlp, first in zip(known, firsts[:-1], strict=True):
        for side, view in zip(mlp, views, strict=True):
            _look(side, kept - first, through, view)
    return views


def _sides(network: Network, slot: Slot, width: int) -> tuple[Units, ...] | None:
    """The units of one MLP in each of its matrices, writer last."""
    gated = slot.role is Role.GATE
    roles = (Role.GATE, Role.UP, Role.DOWN) if gated else (Role.HIDDEN_IN, Role.HIDDEN_OUT)
    found = [Units.at(network, slot._replace(role=role)) for role in roles]
    fitting = [side for side in found if side and side.is_numeric and side.width == width]
    return (
        tuple(fitting) if len(fitting) == len(roles) and len({side.count for side in fitting}) == 1 else None
    )


def _log_sizes(side: Units) -> Doubles:
    """Log of the norm of each unit."""
    squares = np.zeros(side.count)
    for units_at, _, block in side.blocks():
        squares[units_at] += np.einsum("ij,ij->i", block, block)
    sizes: Doubles = np.log(squares) / 2
    return sizes


def _look(side: Units, kept: npt.NDArray[np.intp], through: Lens, view: Floats) -> None:
    """Adds to a view, tokens x kept units, what tokens see of those that are on this side."""
    tokens = through.writing if side.side is Side.INPUTS else through.reading
    if not ((kept >= 0) & (kept < side.count)).any():
        return
    for units_at, others_at, block in side.blocks():
        here = np.flatnonzero((kept >= units_at.start) & (kept < units_at.stop))
        view[:, here] += tokens[:, others_at] @ block[kept[here] - units_at.start].T


def spectra(network: Network, place: Place) -> Mapping[str, Doubles] | None:
    """Singular values of a layer's maps by way of values, and of its forms of queries and keys, of all heads, largest first.

    Memory: the layer's attention.

    Returns:
        ``values`` and ``queries``, as far as heads are known or do not matter; None where there are neither.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    read = {role: _rows(network, place, role) for role in (Role.VALUE, Role.OUTPUT, Role.QUERY, Role.KEY)}
    heads = network.layout.heads if network.layout else None
    found = {
        "values": _head_by_head(read[Role.VALUE], read[Role.OUTPUT], heads),
        "queries": _head_by_head(read[Role.KEY], read[Role.QUERY], heads),
    }
    return {name: values for name, values in found.items() if values is not None} or None


def _rows(network: Network, place: Place, role: Role) -> Floats | None:
    """A matrix of attention, dimensions x residual, with the gain of the norm that it reads behind."""
    matrix = network.layout.matrices.get(Slot(place.tower, (place.layer,), role)) if network.layout else None
    if matrix is None or not network.checkpoint.is_numeric(matrix.name):
        return None
    rows = network.outputs(matrix)
    if role is Role.OUTPUT:
        rows = rows.T
    else:
        rows = scaled(rows, network.gain(Slot(place.tower, (place.layer,), Role.NORM_ATTENTION)))
    return rows if np.isfinite(rows).all() else None


def _head_by_head(keyed: Floats | None, queried: Floats | None, heads: Heads | None) -> Doubles | None:
    """Spectra of the products of two matrices, the first with as many heads as there are keys, the second as there are queries."""
    if keyed is None or queried is None or keyed.shape[1] != queried.shape[1]:
        return None
    if heads and (len(keyed), len(queried)) == (heads.keys * heads.size, heads.queries * heads.size):
        shared = heads.queries // heads.keys
        one, other = (rows.reshape(-1, heads.size, rows.shape[1]) for rows in (keyed, queried))
        values = [product_spectrum(one[head // shared], other[head]) for head in range(heads.queries)]
        return np.sort(np.concatenate(values))[::-1]
    if len(keyed) == len(queried) <= WIDEST_WHOLE:
        return product_spectrum(keyed, queried)
    return None
