"""From two checkpoints to one comparison: what they have in common is found, tested, and judged."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from provenance.evidence import Verdict
from provenance.sameinit.agreement import agreement, built_positions
from provenance.sameinit.comparison import Comparison, GroupTest, Limits
from provenance.sameinit.copies import Sketch, copies
from provenance.sameinit.identity import common_bytes
from provenance.sameinit.statistics import Coins, Untestable, sign_test
from provenance.sameinit.symmetries import Group, Symmetry, groups
from provenance.sameinit.untested import untested_obstacles
from provenance.sameinit.verdict import Findings, judge
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.families import Role
from provenance.weights.roles import Layout, recognise

Result: TypeAlias = tuple[GroupTest, Coins | Untestable, tuple[Sketch, ...]]

DEFAULT_LIMITS = Limits()
ASSUMPTIONS = (
    "the optimiser treats all units alike (Adam, SGD, Lion, Adafactor, Muon and kin)",
    "neither model was permuted, rotated or rescaled after training: such a copy looks independent to this test",
    "no units of one model are copies of each other, but for layers, experts and evenly repeated heads, which are looked for",
    "no loss set units of one model beside units of the other one by one, as matching hidden activations without a projection does",
)
SYMMETRY_ASSUMPTIONS = {
    Symmetry.SIGN: "units tested by sign were drawn from a law that is symmetric about zero",
    Symmetry.SWAP: "units tested by swaps were drawn alike, and nothing but their order tells them apart",
}
COPIES_ASSUMPTION = (
    "{count} groups are related within both models to others of their part: their coins count once"
)


def compare(a: Path, b: Path, *, limits: Limits = DEFAULT_LIMITS) -> Comparison:
    """Tests whether two checkpoints share an initialisation.

    Null hypothesis: B's random initialisation was drawn independently of A. What B was trained on may depend on A (its
    outputs, data that it wrote), but no loss may set B's units beside A's one by one: see `ASSUMPTIONS`.

    Args:
        a: A safetensors file, an index, or a model folder.
        b: The other one. ``compare(a, b)`` and ``compare(b, a)`` say the same.
        limits: What a verdict takes.

    Raises:
        ContentError: A checkpoint can't be read safely; the message names the file and the reason.
    """
    started = time.perf_counter()
    left, right = Checkpoint.open(a), Checkpoint.open(b)
    one, other = _layout(left), _layout(right)
    planned = tuple(groups(one, other)) if one and other else ()
    results = _counted_once(_tests(left, right, one, other, planned)) if one and other else ()
    identity = common_bytes(left, right)
    findings = Findings(
        tests=tuple(test for test, _ in results),
        coins=tuple((test, coins) for test, coins in results if isinstance(coins, Coins)),
        identity=identity,
        coverage=_coverage(left, right, [test for test, _ in results]),
        untrained=any(
            [_is_untrained(left), _is_untrained(right)]
        ),  # a list: both are read, whichever is first
        obstacles=(
            *_obstacles(one, other, [test for test, _ in results]),
            *untested_obstacles(left, right, planned, identity),
        ),
    )
    judgement = judge(findings, limits)
    return Comparison(
        a=str(a),
        b=str(b),
        verdict=judgement.verdict,
        kinship=judgement.kinship,
        log10_p=findings.log10_p(),
        p_value_kind="exact",
        aligned_cosine=findings.aligned_cosine(),
        coverage=findings.coverage,
        # A limit says what finding nothing would have missed; here something was found.
        rho_min=None if judgement.verdict is Verdict.SAME_INIT else findings.rho_min(limits.alpha),
        tests=findings.tests,
        assumptions=_assumptions(findings),
        reason=judgement.reason,
        method=limits.method,
        seconds=time.perf_counter() - started,
        bytes_read=left.bytes_read + right.bytes_read,
    )


def _assumptions(findings: Findings) -> tuple[str, ...]:
    used = {test.symmetry for test, _ in findings.coins}
    related = sum(test.copy_of is not None for test, _ in findings.coins)
    return (
        *ASSUMPTIONS,
        *(text for kind, text in SYMMETRY_ASSUMPTIONS.items() if kind in used),
        *([COPIES_ASSUMPTION.format(count=related)] if related else []),
    )


def _layout(checkpoint: Checkpoint) -> Layout | None:
    return recognise({name: stored.info.shape for name, stored in checkpoint.tensors.items()})


def _tests(
    a: Checkpoint, b: Checkpoint, one: Layout, other: Layout, planned: Sequence[Group]
) -> Iterator[Result]:
    for group in planned:
        if group.members[0].role is Role.EMBEDDING:
            obstacles = built_positions(a, one), built_positions(b, other)
            outcome = next((Untestable(text) for text in sorted(filter(None, obstacles))), None)
        else:
            outcome = None
        yield _test(a, b, group) if outcome is None else _untested(group, outcome)


def _counted_once(results: Iterable[Result]) -> Sequence[tuple[GroupTest, Coins | Untestable]]:
    """The tests and their outcomes, each test with the group that it is a copy of, if it is."""
    results = tuple(results)
    sketches: dict[str, list[tuple[str, Sketch]]] = defaultdict(list)
    for test, _, units in results:
        sketches[test.part] += [(test.name, one) for one in units]
    first = {part: copies(known) for part, known in sketches.items()}
    return tuple(
        (replace(test, copy_of=first[test.part].get(test.name)), outcome) for test, outcome, _ in results
    )


def _test(a: Checkpoint, b: Checkpoint, group: Group) -> Result:
    found = agreement(a, b, group)
    if isinstance(found, Untestable):
        return _untested(group, found)
    coins = sign_test(found.values)
    if isinstance(coins, Untestable):
        return _untested(group, coins)
    test = GroupTest(
        name=group.name,
        part=group.part,
        symmetry=group.symmetry,
        elements=found.elements,
        flips=coins.flips,
        heads=coins.heads,
        agreement=coins.mean,
        cosine=found.cosine,
        log10_p=coins.log10_p,
        log10_bound=coins.log10_bound,
    )
    return test, coins, found.sketches


def _untested(group: Group, why: Untestable) -> Result:
    test = GroupTest(name=group.name, part=group.part, symmetry=group.symmetry, untestable=why.reason)
    return test, why, ()


def _is_untrained(checkpoint: Checkpoint) -> bool:
    """Whether all vectors (biases, gains) are zeros or ones, as they are set before training. No vectors tell nothing."""
    vectors = [
        checkpoint.rows(name)
        for name, stored in checkpoint.tensors.items()
        if len(stored.info.shape) == 1 and checkpoint.is_numeric(name)
    ]
    return bool(vectors) and all(((vector == 0).all() or (vector == 1).all()) for vector in vectors)


def _coverage(a: Checkpoint, b: Checkpoint, tests: list[GroupTest]) -> float:
    """Share of all elements of both models that were tested; packed ones, of which none was, count as they are stored."""
    total = sum(stored.info.elements for checkpoint in (a, b) for stored in checkpoint.tensors.values())
    return sum(test.elements for test in tests) / total if total else 0.0


def _obstacles(one: Layout | None, other: Layout | None, tests: list[GroupTest]) -> tuple[str, ...]:
    if one is None or other is None:
        return ("the tensors' names and shapes are those of no architecture that is known here",)
    found = [f"{test.name}: {test.untestable}" for test in tests if test.untestable]
    if one.family.name != other.family.name:
        found.append(
            f"the architectures differ: {' and '.join(sorted((one.family.name, other.family.name)))}"
        )
    alone = {slot for slot in one.matrices.keys() ^ other.matrices.keys() if slot.numbers}
    if alone:
        found.append(f"{len(alone)} matrices of one model have no counterpart in the other")
    if not tests:
        found.append("there are no hidden units that both models have")
    return tuple(found)
