"""What a comparison rests on, and what stands in its way: in words, for people."""

from collections.abc import Sequence

from provenance.sameinit.comparison import GroupTest
from provenance.sameinit.symmetries import Group, Symmetry
from provenance.sameinit.verdict import Findings
from provenance.weights.families import Role
from provenance.weights.roles import Layout

NO_COPIES = (
    "no units of one model are copies of each other, but for experts of one layer, which count once, and for layers in one order of "
    "their units and evenly repeated heads, which are looked for: layers whose units were shuffled alike in both models are not seen"
)
ASSUMPTIONS = (
    "the optimiser treats all units alike (Adam, SGD, Lion, Adafactor, Muon and kin)",
    NO_COPIES,
    "no loss set units of one model beside units of the other one by one, as matching hidden activations without a projection does",
)
UNALIGNED = "neither model was permuted, rotated or rescaled after training: such a copy looks independent to this test"
ALIGNED = "after an alignment on parts that are not tested, units were tested again: what neither test covers may be disguised"
TOKENS = "token i is the same token in both models: by tables of tokens they were aligned, or seen"
GATES = (
    "the gates of recurrent cells stand in PyTorch's order: input, forget, cell, output; reset, update, new"
)
SYMMETRY_ASSUMPTIONS = {
    Symmetry.SIGN: "units tested by sign were drawn from a law that is symmetric about zero",
    Symmetry.SWAP: "units tested by swaps were drawn alike, and nothing but their order tells them apart",
}
SIGNED_RESIDUAL = "the residual stream meets RMS norms and linear maps only, and no positions are added to it"
HEADS = "attention is divided into heads as the models' own metadata say"
COPIES = "{count} groups are related within both models to others of their part: their coins count once"

_BY_TOKENS = frozenset({"units", "tokens"})
_READERS = frozenset({Role.QUERY, Role.VALUE, Role.GATE, Role.UP, Role.HIDDEN_IN})


def assumptions(findings: Findings, planned: Sequence[Group]) -> tuple[str, ...]:
    """What has to hold for the p-value to mean what it says."""
    tested = {test.name for test, _ in findings.coins}
    used = [group for group in planned if group.name in tested]
    symmetries = {group.symmetry for group in used}
    related = sum(test.copy_of is not None for test, _ in findings.coins)
    signed = any(group.residual and group.symmetry is Symmetry.SIGN for group in used)
    by_heads = any(member.heads for group in used for member in group.members)
    return (
        *ASSUMPTIONS,
        ALIGNED if findings.of_tier(2) else UNALIGNED,
        *(text for kind, text in SYMMETRY_ASSUMPTIONS.items() if kind in symmetries),
        *([TOKENS] if _saw_tokens(findings) else []),
        *([GATES] if any(group.part == "recurrent" for group in used) else []),
        *([SIGNED_RESIDUAL] if signed else []),
        *([HEADS] if by_heads else []),
        *([COPIES.format(count=related)] if related else []),
    )


def _saw_tokens(findings: Findings) -> bool:
    """Whether tables of tokens had a part in tier 2 or 3."""
    return bool(findings.of_tier(2)) or any(score.name in _BY_TOKENS for score in findings.invariants)


def obstacles(one: Layout | None, other: Layout | None, tests: Sequence[GroupTest]) -> tuple[str, ...]:
    """What keeps the tests from speaking for the whole of both models."""
    if one is None or other is None:
        return ("the tensors' names and shapes are those of no architecture that is known here",)
    found = [f"{test.name}: {test.untestable}" for test in tests if test.untestable]
    widths = _widths(one), _widths(other)
    if widths[0] and widths[1] and widths[0].isdisjoint(widths[1]):
        sizes = " and ".join(map(str, sorted(min(seen) for seen in widths)))
        found.insert(0, f"the models are of unlike width ({sizes}), and no test here compares such models")
    if one.family.architecture != other.family.architecture:
        words = sorted((one.family.architecture, other.family.architecture))
        found.append(f"the architectures differ: {' and '.join(words)}")
    alone = {slot for slot in one.matrices.keys() ^ other.matrices.keys() if slot.numbers}
    if alone:
        found.append(f"{len(alone)} matrices of one model have no counterpart in the other")
    if not tests:
        found.append("there are no hidden units that both models have")
    return tuple(found)


def _widths(layout: Layout) -> frozenset[int]:
    """Widths of the residual streams that a model has."""
    return frozenset(matrix.inputs for slot, matrix in layout.matrices.items() if slot.role in _READERS)
