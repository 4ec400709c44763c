"""A sketch: what is kept of a model's weights so that it can be found and compared without them.

Under 1 MB for a model of 7 billion parameters, everything for a tiny one: int8 values of the same units and the same others in every
model (`provenance.sameinit.sampling`), and 4,096 signs chosen from them (`provenance.sameinit.signs`). It depends on the weights alone.

Why the exact tests stay exact on it. A unit's agreement in a sketch is a function of the unit's sampled elements in A and in B. The sample is
fixed before any weight is seen, and rounding is odd (round(-x) = -round(x)) with a scale that is a median of absolute values: so
turning the sign of a unit of B turns the sign of all that the sketch holds of it, and of nothing else; and exchanging two units of B that were
both kept exchanges what it holds of them. Under the null hypothesis both are as likely as before, hence the coins are as fair as on the
whole matrices, and only their power is less. All tensors of a group keep the same units, and each tensor is sampled for one group.
A tensor that is left out (constant, not finite, with a diagonal that stands out) is so whatever the signs and, the diagonal apart, the
order of its units.

Not kept: norms, biases, spectra. Invariants of disguised copies would take whole products of matrices, far more than one pass.
"""

import json
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from provenance.errors import ContentError
from provenance.sameinit.agreement import built_positions
from provenance.sameinit.picking import picked
from provenance.sameinit.sampling import KEYED, TABLES, Sampled, chosen, reduced
from provenance.sameinit.signs import sign_plan, signs
from provenance.sameinit.sketch_method import METHOD
from provenance.sameinit.symmetries import Side
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.dtypes import Floats
from provenance.weights.families import FAMILIES, STACK, Family, Role
from provenance.weights.hints import Norm, Rotation
from provenance.weights.network import Network
from provenance.weights.roles import Heads, Layout, Matrix, Slot
from provenance.weights.tensor import StoredTensor

IDENTITY_LIKE_Z = 10.0
"""Standard errors by which the sampled diagonal may stand out before a matrix counts as built and not drawn."""
_FEWEST_DIAGONAL = 4
_RANGE = 8.0  # medians of absolute values at which codes end: 5.4 standard deviations of a normal law
_LARGEST = 127
_FAMILIES = {family.name: family for family in (*FAMILIES, STACK)}


@dataclass(frozen=True)
class Sketch:
    """What is kept of a model's weights.

    Args:
        family: The family of its architecture.
        heads: How attention is divided, where that is known; of the whole model.
        norm: How the residual stream is normalised, where that is known.
        samples: What was sampled, in order of the slots.
        scales: For each, the value of one step of its codes.
        codes: The int8 values, units x others, one sample after the other.
    """

    family: Family
    heads: Heads | None
    norm: Norm | None
    samples: tuple[Sampled, ...]
    scales: tuple[float, ...]
    codes: bytes

    @cached_property
    def bits(self) -> bytes:
        """The signs that a search compares, 512 bytes."""
        return signs(self.samples, np.frombuffer(self.codes, np.int8))

    @cached_property
    def plan(self) -> bytes:
        """What `bits` are of, see `provenance.sameinit.signs.SignPlan`."""
        return sign_plan(self.samples).to_bytes()

    def network(self) -> Network:
        """The sample as a network in memory: the same slots, with fewer units and others."""
        arrays = {one.slot: values for one, values in zip(self.samples, self.values(), strict=True)}
        return _network(self, arrays, self.heads and reduced(self.heads, _kept_keys(self)))

    def values(self) -> Iterator[Floats]:
        """The values of each sample, units x others, float32."""
        codes, start = np.frombuffer(self.codes, np.int8), 0
        for one, scale in zip(self.samples, self.scales, strict=True):
            stop = start + one.units * one.others
            yield codes[start:stop].reshape(one.units, one.others) * np.float32(scale)
            start = stop

    def to_bytes(self) -> bytes:
        """The sketch for a store: length of the header, the header (JSON, compressed), scales (float32), codes."""
        header = {
            "method": METHOD,
            "family": self.family.name,
            "norm": self.norm,
            "heads": self.heads and asdict(self.heads),
            "samples": [
                [*one.slot, one.part, one.side, one.outputs, one.inputs, one.units, one.others, one.channel]
                for one in self.samples
            ],
        }
        packed = zlib.compress(json.dumps(header, separators=(",", ":")).encode())
        scales = np.array(self.scales, "<f4").tobytes()
        return len(packed).to_bytes(4, "little") + packed + scales + self.codes

    @classmethod
    def from_bytes(cls, data: bytes) -> "Sketch":
        """Reads what `to_bytes` wrote.

        Raises:
            ContentError: It is not that, or of another version.
        """
        try:
            length = 4 + int.from_bytes(data[:4], "little")
            header = json.loads(zlib.decompress(data[4:length]))
            if header["method"] != METHOD:
                raise ContentError(f"not a sketch of this version: {header['method']}, and this is {METHOD}")
            samples = tuple(_read_sample(entry) for entry in header["samples"])
            family, heads, norm = _FAMILIES[header["family"]], _read_heads(header["heads"]), header["norm"]
        except (zlib.error, ValueError, KeyError, TypeError) as error:
            raise ContentError(f"not a sketch of this version ({METHOD})") from error
        codes = length + 4 * len(samples)
        if len(data) != codes + sum(one.units * one.others for one in samples):
            raise ContentError("a sketch was cut short")
        return cls(
            family=family,
            heads=heads,
            norm=norm and Norm(norm),
            samples=samples,
            scales=tuple(np.frombuffer(data[length:codes], "<f4").tolist()),
            codes=data[codes:],
        )


def sketch(network: Network) -> Sketch | None:
    """Draws the sketch of a model, reading little more than what it keeps; see `Sketcher.finish`."""
    return Sketcher(network).finish()


class Sketcher:
    """Draws a sketch file by file, for whoever reads the files anyway.

    Args:
        network: The opened model.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._due = (
            {one.slot: (one, network.layout.matrices[one.slot]) for one in chosen(network.layout)}
            if network.layout
            else {}
        )
        self._drawn: dict[Slot, tuple[Sampled, float, bytes]] = {}

    def take(self, file: Path | None = None) -> None:
        """Reads what is still due of a file, or of all files.

        Raises:
            ContentError: A file was changed since it was opened.
        """
        for slot, (one, matrix) in tuple(self._due.items()):
            tensor = self._network.checkpoint.tensors[matrix.name]
            if file is None or (isinstance(tensor, StoredTensor) and tensor.file.path == file):
                del self._due[slot]
                values = _read(self._network, matrix, one) if tensor.is_numeric else None
                if values is not None and not _is_unfit(values, one):
                    self._drawn[slot] = one, *_rounded(values)

    def finish(self) -> Sketch | None:
        """The sketch, after whatever is still due; None where the architecture is not known, or nothing of it can be tested.

        Raises:
            ContentError: A file was changed since it was opened.
        """
        self.take()
        layout = self._network.layout
        if layout is None:
            return None
        # Fixed positions tell the coordinates of the residual stream apart: then they are no units.
        is_built = built_positions(self._network.checkpoint, layout) is not None
        drawn = [one for slot, one in sorted(self._drawn.items()) if not (is_built and slot.role in TABLES)]
        if not any(one.part for one, _, _ in drawn):
            return None
        samples, scales, codes = zip(*drawn, strict=True)
        return Sketch(layout.family, layout.heads, layout.norm, samples, scales, b"".join(codes))


def side_by_side(a: Sketch, b: Sketch) -> tuple[Network, Network]:
    """Two sketches as networks that hold the same units and others of each matrix that both models have in one shape.

    Tables of tokens may be of unlike length. A matrix that has another shape, or units on another side, is left out of the second, so that
    it counts as one without counterpart.
    """
    left = {one.slot: (one, values) for one, values in zip(a.samples, a.values(), strict=True)}
    right = {one.slot: (one, values) for one, values in zip(b.samples, b.values(), strict=True)}
    for slot in left.keys() & right.keys():
        (one, x), (other, y) = left[slot], right[slot]
        if not _is_comparable(one, other):
            del right[slot]
            continue
        units = min(one.units, other.units)
        _, ours, theirs = np.intersect1d(
            one.kept,
            other.kept,
            assume_unique=True,
            return_indices=True,
        )
        left[slot] = one, x[:units, ours]
        right[slot] = other, y[:units, theirs]
    heads = None
    if a.heads == b.heads and a.heads is not None:
        heads = reduced(a.heads, min(_kept_keys(a), _kept_keys(b)))
    return (
        _network(a, {slot: values for slot, (_, values) in left.items()}, heads),
        _network(b, {slot: values for slot, (_, values) in right.items()}, heads),
    )


def _is_comparable(one: Sampled, other: Sampled) -> bool:
    is_alike = (one.side, one.all_units, one.channel) == (other.side, other.all_units, other.channel)
    return is_alike and (one.is_table or one.all_others == other.all_others)


def _kept_keys(drawn: Sketch) -> int:
    """Number of key and value heads that every sample of attention holds whole."""
    if drawn.heads is None:
        return 0
    rows = [one.units for one in drawn.samples if one.slot.role in KEYED]
    return min(rows, default=drawn.heads.size) // drawn.heads.size


def _network(drawn: Sketch, arrays: Mapping[Slot, Floats], heads: Heads | None) -> Network:
    """A network in memory of values that are given as units x others."""
    samples = {one.slot: one for one in drawn.samples}
    names = {slot: ".".join((slot.tower, *map(str, slot.numbers), slot.role)) for slot in arrays}
    stored = {}
    for slot, values in arrays.items():
        matrix = values if samples[slot].side is Side.OUTPUTS else values.T
        channel = samples[slot].channel
        stored[names[slot]] = matrix if channel == 1 else matrix.reshape(len(matrix), -1, channel)
    matrices = {slot: Matrix(name, stored[name].shape) for slot, name in names.items()}
    layout = Layout(drawn.family, matrices, heads=heads, norm=drawn.norm)
    return Network(Checkpoint.of(Path("sketch"), stored), layout)


def _read(network: Network, matrix: Matrix, one: Sampled) -> Floats:
    """The elements of a sample, units x others, float32."""
    units = np.arange(one.units)
    if one.side is Side.OUTPUTS:
        return picked(network, matrix, units, one.kept)
    return picked(network, matrix, one.kept, units).T


def _is_unfit(values: Floats, one: Sampled) -> bool:
    """Whether a matrix was built and not drawn, or can't be rounded: constant, not finite, or like an identity."""
    spread = float(values.std(dtype=np.float64)) if np.isfinite(values).all() else 0.0
    if not 0 < spread < math.inf:
        return True
    diagonal = one.kept[None, :] == np.arange(one.units)[:, None] % one.all_others
    found = values[diagonal]
    if found.size < _FEWEST_DIAGONAL:
        return False
    z = (float(found.mean()) - float(values.mean())) / spread * math.sqrt(found.size)
    return abs(z) > IDENTITY_LIKE_Z


def _rounded(values: Floats) -> tuple[float, bytes]:
    """Values in steps of their typical size; what is far larger, as few outliers are, is cut off."""
    sizes = np.abs(values)
    step = float(np.median(sizes[sizes > 0])) * _RANGE / _LARGEST
    step = max(float(np.float32(step)), float(np.finfo(np.float32).tiny))
    return step, np.clip(np.rint(values / step), -_LARGEST, _LARGEST).astype(np.int8).tobytes()


def _read_heads(entry: Mapping[str, Any] | None) -> Heads | None:
    return (
        None
        if entry is None
        else Heads(**{**entry, "rotation": entry["rotation"] and Rotation(entry["rotation"])})
    )


def _read_sample(entry: Sequence[Any]) -> Sampled:
    tower, numbers, role, part, side, outputs, inputs, units, kept, channel = entry
    return Sampled(
        slot=Slot(tower, tuple(numbers), Role(role)),
        part=part,
        side=Side(side),
        outputs=outputs,
        inputs=inputs,
        units=units,
        others=kept,
        channel=channel,
    )
