"""Tables of tokens: rows of them from all over, and how alike those of two models are whatever coordinates they are written in."""

from collections.abc import Sequence

import numpy as np

from provenance.sameinit.likeness import unbiased_cka
from provenance.weights.dtypes import Floats
from provenance.weights.families import Role
from provenance.weights.network import Network
from provenance.weights.roles import Slot

FEWEST_TOKENS = 256
"""Tokens that two tables need in common to be set beside each other."""
MOST_TOKENS = 1024
"""Tokens whose rows are then compared."""
_RUNS = 8


def readable(network: Network) -> Sequence[Slot]:
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
        rows = scaled(rows, network.gain(norms[0]))
    return rows


def tables_alike(a: Network, b: Network) -> tuple[float, ...]:
    """How alike the embeddings of two models are, and their heads, by unbiased CKA: 1 for copies, however turned, about 0 for tables drawn apart.

    Flips of hidden units and of values change neither table.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    found: list[float] = []
    for role in (Role.EMBEDDING, Role.HEAD):
        shared = min(table_length(network, role) for network in (a, b))
        if shared < FEWEST_TOKENS:
            continue
        one, other = (table(network, role, shared, MOST_TOKENS) for network in (a, b))
        if one is not None and other is not None and np.isfinite(one).all() and np.isfinite(other).all():
            value = unbiased_cka(one, other)
            found += [] if value is None else [value]
    return tuple(found)


def scaled(rows: Floats, gain: Floats | None) -> Floats:
    """Rows of readers with the gain of the norm that they read behind."""
    return rows * gain if gain is not None and gain.shape == rows.shape[1:] else rows


def _first(network: Network, role: Role) -> Slot | None:
    return next((slot for slot in readable(network) if slot.role is role), None)
