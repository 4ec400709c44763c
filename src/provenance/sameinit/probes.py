"""What tokens see of a network: readings of its layers that do not depend on the basis in which it is written.

A turn of the residual stream turns the rows of the embedding, what layers read by, what they write, and the rows of the head alike. So
the product of a gate with the embedding's rows, and that of what a unit writes with the head's rows, are the same before and after.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from provenance.sameinit.likeness import Doubles, product_spectrum
from provenance.weights.dtypes import Floats
from provenance.weights.families import Role
from provenance.weights.hints import Norm
from provenance.weights.network import Network
from provenance.weights.roles import Heads, Slot

UNITS = 512
"""Units of a layer that are looked at: those whose weights have the largest products of norms, which disguises leave unchanged."""
WIDEST_WHOLE = 2048
"""Dimensions of attention up to which it is taken as a whole, where its heads are not known."""
_RUNS = 8
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
    slots = _slots(network)
    return sorted(
        {Place(slot.tower, slot.numbers[0]) for slot in slots if slot.role in roles and slot.numbers}
    )


def _slots(network: Network) -> Sequence[Slot]:
    """The places whose matrices can be read as numbers."""
    if network.layout is None:
        return ()
    matrices = network.layout.matrices
    return [slot for slot, matrix in matrices.items() if network.checkpoint.is_numeric(matrix.name)]


def table_length(network: Network, role: Role) -> int:
    """Number of rows of the first table of a role; 0 where there is none."""
    slot = _first(network, role)
    return network.layout.matrices[slot].outputs if slot and network.layout else 0


def table(network: Network, role: Role, length: int, count: int) -> Floats | None:
    """Rows of a table of tokens from all over its first ``length`` ones: at most ``count``, in runs, so that little is read.

    The head's rows come with the gain of the norm before it, where there is one. Where a model ties its head to its embedding, the
    embedding stands in for the head.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    slot = _first(network, role) or (_first(network, Role.EMBEDDING) if role is Role.HEAD else None)
    if slot is None or network.layout is None:
        return None
    matrix = network.layout.matrices[slot]
    run = min(count, length) // _RUNS or 1
    starts = sorted({round(start) for start in np.linspace(0, max(length - run, 0), _RUNS)})
    rows = np.concatenate([network.outputs(matrix, start, min(start + run, length)) for start in starts])
    norms = [place for place in network.layout.gains if place.role is Role.NORM_FINAL]
    if role is Role.HEAD and len(norms) == 1:
        rows = _scaled(rows, network.gain(norms[0]))
    return rows


def _first(network: Network, role: Role) -> Slot | None:
    return next((slot for slot in _slots(network) if slot.role is role), None)


def _scaled(rows: Floats, gain: Floats | None) -> Floats:
    """Rows of readers with the gain of the norm that they read behind."""
    return rows * gain if gain is not None and gain.shape == rows.shape[1:] else rows


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

    Memory: one matrix of the layer.

    Returns:
        Tokens x units each, of at most `UNITS` units, experts together; None where matrices do not fit.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    slots = [
        slot for slot in _slots(network) if slot.role in _HIDDEN and (slot.tower, slot.numbers[0]) == place
    ]
    seen = [_block(network, slot, through) for slot in slots]
    blocks = [block for block in seen if block is not None]
    if not blocks or len(blocks) < len(seen):
        return None
    sizes = np.concatenate([size for size, _ in blocks])
    kept = np.argsort(-sizes, kind="stable")[:UNITS]
    return tuple(
        np.concatenate(views, axis=1)[:, kept] for views in zip(*(views for _, views in blocks), strict=True)
    )


def _block(network: Network, slot: Slot, through: Lens) -> tuple[Floats, tuple[Floats, ...]] | None:
    """Products of the norms of one MLP's units, and what tokens see of them."""
    matrices = network.layout.matrices if network.layout else {}
    readers = (Role.GATE, Role.UP) if slot.role is Role.GATE else (Role.HIDDEN_IN,)
    writer = Role.DOWN if slot.role is Role.GATE else Role.HIDDEN_OUT
    found = [matrices.get(slot._replace(role=role)) for role in (*readers, writer)]
    gain = network.gain(Slot(slot.tower, slot.numbers[:1], Role.NORM_MLP))
    width = through.reading.shape[1]
    sizes: list[Floats] = []
    views: list[Floats] = []
    for role, matrix in zip((*readers, writer), found, strict=True):
        if matrix is None or not network.checkpoint.is_numeric(matrix.name):
            return None
        rows = network.outputs(matrix)
        rows = rows.T if role is writer else _scaled(rows, gain)  # units x residual
        if rows.shape[1] != width or not np.isfinite(rows).all():
            return None
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            sizes.append(np.log(np.linalg.norm(rows, axis=1)))
            views.append((through.writing if role is writer else through.reading) @ rows.T)
    return np.sum(sizes, axis=0), tuple(views)


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
        rows = _scaled(rows, network.gain(Slot(place.tower, (place.layer,), Role.NORM_ATTENTION)))
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
