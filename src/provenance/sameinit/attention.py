"""Which heads and value dimensions of two layers of attention belong together.

What a head looks at, ``W_h = Q_h^T K_h``, stays as it is when queries and keys are rotated within the head, and knows nothing of the signs of
values. So heads are matched by ``<W_h, W'_h'> = sum (Q_h Q'_h'^T) * (K_h K'_h'^T)``, products of head size x head size, in aligned coordinates; key heads
together with their query heads. Value dimensions are then matched within heads, by the size of their agreement (see `matching`). Where values
were rotated within a head, no dimension has a partner, and this test says nothing.
"""

from dataclasses import dataclass, replace

import numpy as np

from provenance.sameinit.alignment import Alignment
from provenance.sameinit.copies import Doubles
from provenance.sameinit.matching import Indices, Match, match, sampled
from provenance.sameinit.statistics import Untestable
from provenance.sameinit.units import Cosines, cosines, sides
from provenance.weights.dtypes import Floats
from provenance.weights.families import Role
from provenance.weights.network import Network
from provenance.weights.roles import Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadMap:
    """Which heads of B the first heads of A are matched with.

    Args:
        size: Dimensions of a head.
        keys: For each key head of A, the one of B.
        queries: For each key head of A and each query head that reads it, the query head of B.
    """

    size: int
    keys: Indices
    queries: Indices

    def dimensions(self, head: int) -> Indices:
        """Numbers of the dimensions of a head."""
        return np.arange(head * self.size, (head + 1) * self.size)

    def candidates(self, shape: tuple[int, ...]) -> Indices:
        """Which value dimensions of A and B may be matched: 1 in matched heads, else 0."""
        allowed = np.zeros(shape, np.intp)
        for head, partner in enumerate(self.keys):
            allowed[np.ix_(self.dimensions(head), self.dimensions(partner))] = 1
        return allowed

    def by_value(self, outputs: Cosines) -> Cosines:
        """What query heads give out, gathered by the value dimension that they read: a mean of cosines, 0 elsewhere."""
        group = self.queries.shape[1]
        folded = (len(self.queries) * self.size, outputs.values.shape[1] // group)
        values = np.zeros(folded, np.float32)
        for head, (partner, queries) in enumerate(zip(self.keys, self.queries, strict=True)):
            pairs = zip(range(head * group, (head + 1) * group), queries, strict=True)
            values[np.ix_(self.dimensions(head), self.dimensions(partner))] = np.mean(
                [outputs.values[np.ix_(self.dimensions(q), self.dimensions(p))] for q, p in pairs], axis=0
            )
        return replace(
            outputs,
            values=values,
            projections_a=_summed(outputs.projections_a, group, self.size),
            projections_b=_summed(outputs.projections_b, group, self.size),
            elements=outputs.elements * group,
        )


def match_values(a: Network, one: Slot, b: Network, other: Slot, alignment: Alignment) -> Match | Untestable:
    """Matches the value dimensions of two layers of attention.

    Where heads are not known, a layer counts as one head; with grouped queries its outputs are then left out.

    Args:
        a: The model whose first heads are looked for.
        one: The place of its attention; the role is of no account.
        b: The model in which they are looked for, among all of its heads.
        other: The place of its attention.
        alignment: From A's residual stream to B's.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    value = sides(a, one, b, other, Role.VALUE)
    if value is None:
        return Untestable("there are no values in both models")
    heads = match_heads(a, one, b, other, alignment)
    count = heads.size * len(heads.keys) if heads else sampled(value[0].width)
    found = cosines(*value, count, alignment)
    if isinstance(found, Untestable):
        return found
    members = [found]
    output = sides(a, one, b, other, Role.OUTPUT)
    if output and (heads or all(out.count == val.count for out, val in zip(output, value, strict=True))):
        found = cosines(*output, count * heads.queries.shape[1] if heads else count, alignment)
        if isinstance(found, Untestable):
            return found
        members.append(heads.by_value(found) if heads else found)
    signed: Floats = np.mean([member.values for member in members], axis=0)
    scores = np.abs(signed)
    if heads:
        scores[heads.candidates(scores.shape) == 0] = -np.inf
    return match(signed, scores, members)


def match_heads(a: Network, one: Slot, b: Network, other: Slot, alignment: Alignment) -> HeadMap | None:
    """Matches the first heads of A with heads of B by what they look at; None where heads are not known or not alike.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    heads = a.layout.heads if a.layout else None
    others = b.layout.heads if b.layout else None
    query, key = (sides(a, one, b, other, role) for role in (Role.QUERY, Role.KEY))
    if not (heads and others and query and key) or heads.size != others.size:
        return None
    group = heads.queries // heads.keys
    if group != others.queries // others.keys:
        return None
    kept = min(heads.keys, others.keys, max(1, sampled(key[0].width) // heads.size))
    asked = cosines(*query, kept * group * heads.size, alignment)
    told = cosines(*key, kept * heads.size, alignment)
    if isinstance(asked, Untestable) or isinstance(told, Untestable):
        return None
    products = _products(asked, told, heads.size, group)
    scores, inner = np.empty((kept, others.keys)), np.empty((kept, others.keys, group), np.intp)
    for head, partner in np.ndindex(kept, others.keys):
        block = products[head * group : (head + 1) * group, partner * group : (partner + 1) * group]
        inner[head, partner] = _best(block)
        scores[head, partner] = block[np.arange(group), inner[head, partner]].sum()
    keys = _best(scores)
    queries = inner[np.arange(kept), keys] + keys[:, None] * group
    return HeadMap(size=heads.size, keys=keys, queries=queries)


def _products(asked: Cosines, told: Cosines, size: int, group: int) -> Floats:
    """<W_h, W'_h'> / (|Q_h| |K_h| |Q'_h'| |K'_h'|) of each query head of A with each of B."""
    q, k = (_blocks(one, size) for one in (asked, told))
    k = k.repeat(group, axis=0).repeat(group, axis=2)
    products: Floats = np.einsum("hrps,hrps->hp", q, k)
    return products


def _blocks(found: Cosines, size: int) -> Floats:
    """Inner products of dimensions of heads, heads of A x size x heads of B x size, heads scaled to length 1."""
    scaled = [
        (
            lengths.reshape(-1, size)
            / np.maximum(np.linalg.norm(lengths.reshape(-1, size), axis=1, keepdims=True), 1e-30)
        )
        for lengths in (found.lengths_a, found.lengths_b)
    ]
    products = found.values * np.outer(scaled[0].ravel(), scaled[1].ravel())
    return products.reshape(-1, size, found.values.shape[1] // size, size).astype(np.float32)


def _best(scores: Floats | Doubles) -> Indices:
    """For each row its own column, so that the sum is largest. There are no fewer columns than rows."""
    from scipy.optimize import linear_sum_assignment

    columns: Indices = linear_sum_assignment(scores, maximize=True)[1]
    return columns


def _summed(projections: Doubles, group: int, size: int) -> Doubles:
    sums: Doubles = (
        projections.reshape(-1, group, size, projections.shape[1])
        .sum(axis=1)
        .reshape(-1, projections.shape[1])
    )
    return sums
