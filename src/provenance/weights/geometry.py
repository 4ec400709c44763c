"""What shapes and a model's own metadata say together of its geometry: heads, their rotation, the kind of norm."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from provenance.weights.families import Family, Positions, Role
from provenance.weights.hints import Hints, Norm, Rotation
from provenance.weights.roles import Heads, Matrix, Slot, unrotated


def in_halves(
    matrices: Mapping[Slot, Matrix], family: Family, hints: Hints
) -> tuple[Mapping[Slot, Matrix], Heads | None]:
    """The matrices with queries and keys in the order of halves, and the heads that they make up."""
    heads = _heads(family, matrices, hints)
    if heads is None or heads.rotation is not Rotation.NEIGHBOURS:
        return matrices, heads
    turned = {
        slot: replace(matrix, turned=heads.size) if slot.role in {Role.QUERY, Role.KEY} else matrix
        for slot, matrix in matrices.items()
    }
    return turned, replace(heads, rotation=Rotation.HALVES)


def _heads(family: Family, found: Mapping[Slot, Matrix], hints: Hints) -> Heads | None:
    """The heads that the hints tell of, where every matrix of attention bears them out."""
    queries, keys, size = hints.heads, hints.kv_heads or hints.heads, hints.head_size
    if not (queries and keys and size) or queries % keys:
        return None
    widths: dict[Role, set[int]] = defaultdict(set)
    for slot, matrix in found.items():
        widths[slot.role].add(matrix.inputs if slot.role is Role.OUTPUT else matrix.outputs)
    if widths[Role.QUERY] | widths[Role.OUTPUT] != {queries * size}:
        return None
    if widths[Role.KEY] | widths[Role.VALUE] != {keys * size}:
        return None
    rotation = hints.rotation or unrotated(family, found)
    # What a model calls itself does not make it unrotated, where its tensors have the names of a rotary family.
    if rotation is Rotation.NONE and family.positions is Positions.ROTARY:
        rotation = None
    # Where only a part of a head turns, its dimensions are no pairs of one kind.
    if rotation in {Rotation.HALVES, Rotation.NEIGHBOURS} and (size % 2 or hints.rotated not in {None, size}):
        rotation = None
    return Heads(queries=queries, keys=keys, size=size, rotation=rotation)


def centres_keys(shapes: Iterable[str], norm: Norm | None) -> bool:
    """Whether queries or keys may pass a norm that subtracts a mean: the signs of single dimensions are not free then.

    Args:
        shapes: Names of all tensors.
        norm: How the residual stream is normalised, where that is known: queries and keys without biases are taken to be alike.
    """
    names = [name for name in shapes if _KEY_NORM.search(name)]
    return bool(names) and (norm is not Norm.RMS or any(name.endswith("bias") for name in names))


_KEY_NORM = re.compile(
    r"(?:^|[._])(?:(?:q|k|qk|query|key)_?(?:norm|layer_?norm|ln)|(?:norm|layer_?norm|ln)_?(?:q|k|qk|query|key))[._]"
)


def norm_of(
    family: Family, gains: Mapping[Slot, str], shapes: Mapping[str, tuple[int, ...]], hints: Hints
) -> Norm | None:
    """What kind of norm it is: one with a bias is a layer norm; else what the hints say; else what it is by the family's definition."""
    if any(name.removesuffix("weight") + "bias" in shapes for name in gains.values()):
        return Norm.LAYER
    # Parallel layers that share one norm have the names of Llama, and are normalised in either way.
    told = {slot.role for slot in gains} >= {Role.NORM_ATTENTION, Role.NORM_MLP}
    return hints.norm or (family.norm if told or family.norm is Norm.LAYER else None)
