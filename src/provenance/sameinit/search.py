"""Search: which of many sketches share signs with one, by counting.

A screen, and no test. It takes the signs of strangers for fair coins that fall apart from each other; they nearly do, but what
training on like data makes alike is not excluded, as it is in the exact tests. So a hit is a candidate, to be confirmed by the
exact test on the two sketches or on the weights, and no hit is no proof of independence.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from provenance.sameinit.signs import SIGN_BYTES, SIGNS, WORD, SignPlan
from provenance.sameinit.sketch import Sketch
from provenance.sameinit.statistics import log10_binomial_tail

Bits = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]

ALPHA = 1e-3
"""Chance of one false hit in a search, were the null hypothesis exact."""
FLOOR = 128
"""Signs that two sketches must have in common in a part to be set side by side in it."""
WHOLE = "whole"
"""All parts together."""
_BLOCK = 1024
_NEARLY = 0.9
_ONES = np.array([word.bit_count() for word in range(1 << WORD)], np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A sketch whose signs agree with the query's more often than chance allows.

    Args:
        digest: Of the content that it is of.
        z: (2 agree - signs) / sqrt(signs), in ``part``.
        log10_p: log10 of the binomial tail, by Bonferroni for all sketches and parts that were looked at.
        agree: Number of signs that agree.
        signs: Number of signs that both have.
        part: Where it is most striking: a part of the model, or ``whole``.
    """

    digest: str
    z: float
    log10_p: float
    agree: int
    signs: int
    part: str


@dataclass(frozen=True, slots=True, eq=False)
class SignIndex:
    """The signs of many sketches, by plan.

    Args:
        plans: Key to plan.
        digests: For each plan, of what its sketches are.
        bits: For each plan, their signs, sketches x 512, uint8.
    """

    plans: Mapping[str, bytes]
    digests: Mapping[str, Sequence[str]]
    bits: Mapping[str, Bits]

    @classmethod
    def of(
        cls, digests: Sequence[str], plans: Sequence[str], bits: Sequence[bytes], texts: Mapping[str, bytes]
    ) -> "SignIndex":
        """Puts the rows of a store in order.

        Args:
            digests: One a sketch.
            plans: For each, the key of its plan.
            bits: For each, its 512 bytes.
            texts: Key to plan.
        """
        all_bits = np.frombuffer(b"".join(bits), np.uint8).reshape(-1, SIGN_BYTES)
        rows: dict[str, list[int]] = defaultdict(list)
        for row, plan in enumerate(plans):
            rows[plan].append(row)
        return cls(
            plans={plan: texts[plan] for plan in rows},
            digests={plan: [digests[row] for row in at] for plan, at in rows.items()},
            bits={plan: all_bits[at] if len(rows) > 1 else all_bits for plan, at in rows.items()},
        )

    def __len__(self) -> int:
        return sum(map(len, self.digests.values()))


def search(query: Sketch, index: SignIndex, *, alpha: float = ALPHA, floor: int = FLOOR) -> tuple[Hit, ...]:
    """Finds all sketches that share signs with one, the most striking first: a merge has two parents.

    Null hypothesis, for each sketch: the signs that both have are independent and fair. The number that agree is then Binomial(n, 1/2), for each
    part of the model and for all together. It holds nearly (see the module), so what is found is a candidate.

    Args:
        query: The sketch to look for; itself is found too when it is in the index.
        index: Where to look.
        alpha: Chance of one false hit in all, by Bonferroni over the sketches and parts.
        floor: Signs that both must have in common.
    """
    asked = _Query.of(query)
    looks = max(1, len(index)) * (len(asked.plan.parts) + 1)
    hits: list[Hit] = []
    for key, text in index.plans.items():
        counted = _counted(asked, SignPlan.from_bytes(text), index.bits[key], floor)
        hits += counted.hits(index.digests[key], looks, alpha) if counted else ()
    return tuple(sorted(hits, key=lambda hit: (hit.log10_p, hit.digest)))


@dataclass(frozen=True, slots=True, eq=False)
class _Query:
    """What is looked for.

    Args:
        plan: What its signs are of.
        signs: Its signs, one a byte.
        order: Puts the keys of the plan in order.
    """

    plan: SignPlan
    signs: Bits
    order: Indices

    @classmethod
    def of(cls, query: Sketch) -> "_Query":
        plan = SignPlan.from_bytes(query.plan)
        signs = np.unpackbits(np.frombuffer(query.bits, np.uint8))[: len(plan.keys)]
        return cls(plan, signs, np.argsort(plan.keys))

    def in_terms_of(self, plan: SignPlan) -> tuple[Bits, Bits]:
        """The query's signs where another plan has the same ones, and where that is, one a byte."""
        places = np.searchsorted(self.plan.keys, plan.keys, sorter=self.order)
        ours = self.order[np.minimum(places, len(self.order) - 1)] if len(self.order) else places[:0]
        is_common = self.plan.keys[ours] == plan.keys
        signs, known = np.zeros(SIGNS, np.uint8), np.zeros(SIGNS, np.uint8)
        known[: len(plan.keys)] = is_common
        signs[: len(plan.keys)] = self.signs[ours] & is_common
        return signs, known


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    """How many signs of the query agree with those of some sketches of one plan.

    Args:
        parts: Names; the last is `WHOLE`.
        signs: Number of signs in common, by part.
        agree: Number that agree, sketches x parts.
    """

    parts: tuple[str, ...]
    signs: Counts
    agree: Counts

    def hits(self, digests: Sequence[str], looks: int, alpha: float) -> Iterator[Hit]:
        """The sketches that stand out, in order."""
        z = (2 * self.agree - self.signs) / np.sqrt(self.signs)
        # The tail of the binomial is lighter than the normal one: a little below the normal quantile, none is missed.
        for row in np.flatnonzero(z.max(axis=1) > -_NEARLY * ndtri(alpha / looks)).tolist():
            tails = [
                log10_binomial_tail(int(agree), int(signs))
                for agree, signs in zip(self.agree[row], self.signs, strict=True)
            ]
            part = min(range(len(tails)), key=tails.__getitem__)
            log10_p = min(0.0, tails[part] + math.log10(looks))
            if log10_p <= math.log10(alpha):
                yield Hit(
                    digest=digests[row],
                    z=float(z[row, part]),
                    log10_p=log10_p,
                    agree=int(self.agree[row, part]),
                    signs=int(self.signs[part]),
                    part=self.parts[part],
                )


def _counted(asked: _Query, plan: SignPlan, rows: Bits, floor: int) -> _Counted | None:
    """Counts the signs that agree with those of sketches of one plan; None where too few are in common.

    Args:
        asked: The query.
        plan: What the signs of the sketches are of.
        rows: Their signs, sketches x 512.
        floor: Signs that have to be in common.
    """
    signs, known = asked.in_terms_of(plan)
    edges = np.cumsum([0, *(count for _, count in plan.parts)])
    counts = np.array([known[first:last].sum() for first, last in pairwise(edges)], np.int64)
    large = np.flatnonzero(counts >= floor)
    if counts.sum() < floor:
        return None
    unlike = _unlike(np.packbits(signs), np.packbits(known), rows, edges // WORD)
    return _Counted(
        parts=(*(plan.parts[part][0] for part in large), WHOLE),
        signs=np.array([*counts[large], counts.sum()]),
        agree=np.concatenate(
            [counts[large] - unlike[:, large], counts.sum() - unlike.sum(axis=1, keepdims=True)], axis=1
        ),
    )


def _unlike(signs: Bits, known: Bits, rows: Bits, edges: Counts) -> Counts:
    """Known signs that differ, sketches x parts; ``edges`` are those of the parts, in words."""
    unlike = np.empty((len(rows), len(edges) - 1), np.int64)
    for start in range(0, len(rows), _BLOCK):
        ones = _ONES[((rows[start : start + _BLOCK] ^ signs) & known).view(np.uint16)]
        for part, (first, last) in enumerate(pairwise(edges)):
            unlike[start : start + _BLOCK, part] = ones[:, first:last].sum(axis=1, dtype=np.uint32)
    return unlike
