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

from provenance.sameinit.signs import SIGN_BYTES, WORD, SignPlan
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
_BLOCK = 4096
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
    asked = _Query(query.plan, SignPlan.from_bytes(query.plan), np.frombuffer(query.bits, np.uint8))
    looks = max(1, len(index)) * (len(asked.plan.parts) + 1)
    hits: list[Hit] = []
    for key, text in index.plans.items():
        counted = _counted(asked, text, index.bits[key], floor)
        hits += counted.hits(index.digests[key], looks, alpha) if counted else ()
    return tuple(sorted(hits, key=lambda hit: (hit.log10_p, hit.digest)))


@dataclass(frozen=True, slots=True, eq=False)
class _Query:
    """What is looked for: its plan as bytes and as read, its signs as bytes."""

    text: bytes
    plan: SignPlan
    bits: Bits


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


def _counted(asked: _Query, text: bytes, rows: Bits, floor: int) -> _Counted | None:
    """Counts the signs that agree with those of sketches of one plan; None where too few are in common."""
    counts = np.array([count for _, count in asked.plan.parts])
    is_own = text == asked.text
    if not is_own:
        ours, theirs = _in_common(asked.plan, SignPlan.from_bytes(text))
        counts = np.diff(np.searchsorted(ours, np.cumsum([0, *counts])))
    if counts.sum() < floor:
        return None
    if is_own:
        agree = _by_words(asked.bits, rows, counts)
    else:
        agree = _by_signs(np.unpackbits(asked.bits)[ours], theirs, rows, counts)
    large = np.flatnonzero(counts >= floor)
    return _Counted(
        parts=(*(asked.plan.parts[part][0] for part in large), WHOLE),
        signs=np.array([*counts[large], counts.sum()]),
        agree=np.concatenate([agree[:, large], agree.sum(axis=1, keepdims=True)], axis=1),
    )


def _by_words(bits: Bits, rows: Bits, counts: Counts) -> Counts:
    """Signs that agree, sketches x parts, where all sketches have the query's own plan."""
    words = counts // WORD
    edges = np.cumsum([0, *words])
    agree = np.empty((len(rows), len(counts)), np.int64)
    for start in range(0, len(rows), _BLOCK):
        unlike = _ONES[(rows[start : start + _BLOCK] ^ bits).view(np.uint16)]
        for part, (first, last) in enumerate(pairwise(edges)):
            agree[start : start + _BLOCK, part] = counts[part] - unlike[:, first:last].sum(axis=1)
    return agree


def _by_signs(ours: Bits, theirs: Indices, rows: Bits, counts: Counts) -> Counts:
    """The same for another plan: our signs at what both have, and where theirs of the same keys stand."""
    edges = np.cumsum([0, *counts])
    agree = np.empty((len(rows), len(counts)), np.int64)
    for start in range(0, len(rows), _BLOCK):
        alike = np.unpackbits(rows[start : start + _BLOCK], axis=1)[:, theirs] == ours
        for part, (first, last) in enumerate(pairwise(edges)):
            agree[start : start + _BLOCK, part] = alike[:, first:last].sum(axis=1)
    return agree


def _in_common(one: SignPlan, other: SignPlan) -> tuple[Indices, Indices]:
    """Where the keys that two plans share stand in each, in the order of the first."""
    _, ours, theirs = np.intersect1d(one.keys, other.keys, return_indices=True)
    order = np.argsort(ours)
    return ours[order], theirs[order]
