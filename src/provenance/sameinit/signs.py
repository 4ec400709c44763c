"""The signs that a search compares: 4,096 bits of a sample, each known by a key that says what it is the sign of.

Of each part of the model (embedding, gates, attention, ...) the elements with the smallest keys are chosen, so many of each that a part
that is shared alone is found alone. A key is a hash of place, unit and other: two models of one architecture have equal keys in equal
order, and models that differ in depth or vocabulary have the keys of what both sampled in common.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from provenance.sameinit.sampling import Sampled, mixed

Keys = npt.NDArray[np.uint32]

SIGNS = 4096
SIGN_BYTES = SIGNS // 8
WORD = 16
"""A part has a multiple of this many signs, so that counting goes by whole words."""


@dataclass(frozen=True, slots=True, eq=False)
class SignPlan:
    """What the signs of a sketch are of.

    Args:
        parts: Name and number of signs of each part, in order.
        keys: Of each sign, uint32, ascending within a part.
        at: Where each sign's element stands in the values of a sketch; empty in a plan that was read from bytes.
    """

    parts: tuple[tuple[str, int], ...]
    keys: Keys
    at: npt.NDArray[np.intp]

    def to_bytes(self) -> bytes:
        """The parts in one line, then the keys, little-endian."""
        line = ",".join(f"{name}:{count}" for name, count in self.parts)
        return line.encode() + b"\n" + self.keys.astype("<u4").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "SignPlan":
        """Reads what `to_bytes` wrote."""
        line, _, keys = data.partition(b"\n")
        parts = tuple(one.rpartition(":") for one in line.decode().split(",") if one)
        return cls(
            parts=tuple((name, int(count)) for name, _, count in parts),
            keys=np.frombuffer(keys, "<u4").astype(np.uint32),
            at=np.empty(0, np.intp),
        )


@lru_cache(maxsize=32)
def sign_plan(samples: tuple[Sampled, ...]) -> SignPlan:
    """Chooses the signs of a sketch from what it samples; samples of no part have none."""
    starts = np.cumsum([0, *(one.units * one.others for one in samples)])
    names = sorted({one.part for one in samples if one.part})
    parts, keys, at = [], [np.empty(0, np.uint32)], [np.empty(0, np.intp)]
    for name in names:
        members = [(one, start) for one, start in zip(samples, starts, strict=False) if one.part == name]
        hashes = np.concatenate([_hashes(one) for one, _ in members])
        places = np.concatenate([start + np.arange(one.units * one.others) for one, start in members])
        count = min(SIGNS // len(names), len(hashes)) // WORD * WORD
        first = np.argpartition(hashes, count - 1)[:count] if 0 < count < len(hashes) else np.arange(count)
        first = first[np.argsort(hashes[first], kind="stable")]
        parts.append((name, count))
        keys.append((hashes[first] >> np.uint64(32)).astype(np.uint32))
        at.append(places[first])
    return SignPlan(tuple(parts), np.concatenate(keys), np.concatenate(at))


def signs(samples: Sequence[Sampled], values: npt.NDArray[np.int8]) -> bytes:
    """Whether each chosen element lies above the median of its matrix, or of its coordinate in a table, as 512 bytes.

    Medians, and not zero, since what all elements of a matrix have in common would make strangers agree. Tokens have a direction in
    common besides, which gives each coordinate a mean of its own: where that is large, whole coordinates would agree or not at once.
    An element at the median, as most are where weights were pruned, gets a bit that is drawn from the sample's own digest: two
    pruned strangers agree on half of those, and would otherwise agree on all.

    Args:
        samples: What was sampled.
        values: The elements, int8, one sample after the other, each units x others.
    """
    plan = sign_plan(tuple(samples))
    medians = [np.empty(0, np.float32)]
    start = 0
    for one in samples:
        stop = start + one.units * one.others
        if stop > start:
            rows = values[start:stop].reshape(one.units if one.is_table else 1, -1)
            medians.append(np.repeat(np.median(rows, axis=1).astype(np.float32), rows.shape[1]))
        start = stop
    above = values[plan.at] - np.concatenate(medians)[plan.at]
    seed = int.from_bytes(hashlib.blake2b(values.tobytes(), digest_size=16).digest(), "little")
    drawn = np.random.default_rng(seed).integers(0, 2, len(above), np.uint8)
    bits = np.zeros(SIGNS, np.uint8)
    bits[: len(above)] = np.where(above == 0, drawn, above > 0)
    return np.packbits(bits).tobytes()


def _hashes(one: Sampled) -> npt.NDArray[np.uint64]:
    """A hash of each element of a sample, units x others, flat."""
    tower, numbers, role = one.slot
    place = f"{tower}\n{','.join(map(str, numbers))}\n{role}".encode()
    seed = np.uint64(int.from_bytes(hashlib.blake2b(place, digest_size=8).digest(), "little"))
    rows = mixed(np.arange(one.units, dtype=np.uint64) ^ seed)
    columns = mixed(one.kept.astype(np.uint64))
    return mixed(rows[:, None] ^ columns[None, :]).ravel()
