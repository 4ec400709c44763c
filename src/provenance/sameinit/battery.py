"""From two checkpoints to one comparison: what they have in common is found, tested, and judged."""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from provenance.evidence import Verdict
from provenance.sameinit.agreement import agreement, built_positions
from provenance.sameinit.comparison import Comparison, Effort, GroupTest, Limits
from provenance.sameinit.copies import Sketch, copies, kept_units
from provenance.sameinit.direction import direction
from provenance.sameinit.identity import NOTHING_COMPARED, common_bytes
from provenance.sameinit.premises import assumptions, obstacles
from provenance.sameinit.statistics import Coins, Untestable, sign_test
from provenance.sameinit.symmetries import Group, groups
from provenance.sameinit.untested import untested_obstacles
from provenance.sameinit.updates import update_ranks
from provenance.sameinit.verdict import Findings, judge, shares
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.folder import is_adapter
from provenance.weights.network import Network

if TYPE_CHECKING:
    from provenance.sameinit.robust import Robust

Result: TypeAlias = tuple[GroupTest, Coins | Untestable, tuple[Sketch, ...]]

DEFAULT_LIMITS = Limits()
_WORTHWHILE = 1 << 20
"""Elements of A from which work is handed to another thread."""


def compare(
    a: Path,
    b: Path,
    *,
    limits: Limits = DEFAULT_LIMITS,
    effort: Effort = Effort.STANDARD,
    base: Path | None = None,
) -> Comparison:
    """Tests whether two checkpoints share an initialisation.

    Null hypothesis: B's random initialisation was drawn independently of A. What B was trained on may depend on A (its
    outputs, data that it wrote), but no loss may set B's units beside A's one by one: see `provenance.sameinit.premises`.

    Args:
        a: A file of weights, an index of shards, or a model folder.
        b: The other one. ``compare(a, b)`` and ``compare(b, a)`` say the same.
        limits: What a verdict takes.
        effort: How much is done before one is given.
        base: The model that an adapter among the two was made for.

    Raises:
        ContentError: A checkpoint can't be read safely; the message names the file and the reason.
    """
    one, other = (Network.open(path, base=base if is_adapter(path) else None) for path in (a, b))
    return compare_networks(one, other, limits=limits, effort=effort)


def compare_networks(
    one: Network,
    other: Network,
    *,
    limits: Limits = DEFAULT_LIMITS,
    effort: Effort = Effort.STANDARD,
    sampled: bool = False,
) -> Comparison:
    """Tests whether two open models share an initialisation: `compare` for what is open already, or never was a file.

    Args:
        one: The model A.
        other: The model B.
        limits: What a verdict takes.
        effort: How much is done before a verdict is given.
        sampled: The two are no whole models, but samples of their matrices, alike in both. The tests are as exact on them, so that
            kinship can be told; independence can't, since nobody looked at the rest. Equality of two samples is no equality of
            tensors and is left out, coverage is a share of the samples' own elements, and nothing is aligned: the effort is `Effort.FAST`.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    started = time.perf_counter()
    if sampled:
        effort = Effort.FAST
    planned = _planned(one, other, whole=sampled or effort is not Effort.FAST)
    results = _counted_once(_tests(one, other, planned))
    identity = NOTHING_COMPARED if sampled else common_bytes(one.checkpoint, other.checkpoint)
    untested = () if effort is Effort.FAST else untested_obstacles(one, other, planned, identity)
    tests = tuple(test for test, _ in results)
    findings = Findings(
        effort=effort,
        sampled=effort is Effort.FAST,
        tests=tests,
        coins=_tossed(results),
        identity=identity,
        coverage=_coverage(one.checkpoint, other.checkpoint, tests),
        # A list: both are read, whichever is first.
        untrained=True in [_is_untrained(network.checkpoint) for network in (one, other)],
        obstacles=(*obstacles(one.layout, other.layout, tests), *untested),
        depths=(_depth(one), _depth(other)),
    )
    findings = _completed(one, other, findings, limits)
    judgement = judge(findings, limits)
    is_kin = judgement.verdict is Verdict.SAME_INIT
    in_place = findings.is_kin(limits, (1,)) or not is_kin
    return Comparison(
        a=str(one.checkpoint.path),
        b=str(other.checkpoint.path),
        verdict=judgement.verdict,
        kinship=judgement.kinship,
        log10_p=findings.log10_p(),
        p_value_kind="exact",
        aligned_cosine=findings.aligned_cosine() if in_place else findings.aligned,
        coverage=findings.coverage,
        # A limit says what finding nothing would have missed; here something was found.
        rho_min=None if is_kin else findings.rho_min(limits.alpha),
        tests=findings.tests,
        assumptions=assumptions(findings, planned),
        reason=judgement.reason,
        method=limits.method(effort),
        seconds=time.perf_counter() - started,
        bytes_read=one.checkpoint.bytes_read + other.checkpoint.bytes_read,
        effort=effort,
        sampled=findings.sampled,
        layers=findings.layers if findings.is_kin(limits, (2,)) else (),
        invariants=findings.invariants,
        suspicion=findings.suspicion,
        update_ranks=findings.update_ranks,
        direction=direction(one, other, planned)
        if is_kin and judgement.kinship != "identical" and not sampled
        else None,
    )


def _planned(one: Network, other: Network, *, whole: bool) -> tuple[Group, ...]:
    if one.layout is None or other.layout is None:
        return ()
    found = groups(one.layout, other.layout)
    return tuple(found) if whole else tuple(group.sampled() for group in found)


def _completed(one: Network, other: Network, findings: Findings, limits: Limits) -> Findings:
    """The findings with those of the tiers that they and the effort call for."""
    if findings.effort is Effort.FAST:
        return findings
    thorough = findings.effort is Effort.THOROUGH
    if thorough or _wants_alignment(findings, limits):
        from provenance.sameinit.robust import robust

        findings = _with_alignment(findings, robust(one, other))
    if thorough or not findings.is_kin(limits):
        from provenance.sameinit.invariants import DECIDING, NAMES, invariants

        likeness = invariants(one, other, names=NAMES if thorough else DECIDING)
        suspicion = likeness.reason if likeness.suspicious else None
        findings = replace(findings, invariants=likeness.scores, suspicion=suspicion)
    if findings.is_kin(limits, (1,)):
        ranks = update_ranks(one, other, findings.tests, thorough=thorough)
        findings = replace(findings, update_ranks=ranks)
    return findings


def _wants_alignment(findings: Findings, limits: Limits) -> bool:
    """Whether the tests in the models' own coordinates leave something to find: no kinship, or layers that went elsewhere."""
    if not findings.is_kin(limits, (1,)):
        return True
    return findings.depths[0] != findings.depths[1] or bool(shares(findings, limits)[1])


def _with_alignment(findings: Findings, aligned: "Robust") -> Findings:
    results = aligned.tests
    return replace(
        findings,
        tests=(*findings.tests, *(test for test, _ in results)),
        coins=(*findings.coins, *_tossed(results)),
        layers=aligned.layers,
        aligned=aligned.aligned_cosine,
        unaligned=aligned.obstacles,
    )


def _tossed(
    results: Sequence[tuple[GroupTest, Coins | Untestable]],
) -> tuple[tuple[GroupTest, Coins], ...]:
    return tuple((test, outcome) for test, outcome in results if isinstance(outcome, Coins))


def _tests(one: Network, other: Network, planned: Sequence[Group]) -> Sequence[Result]:
    """The tests of all groups, on all cores, in the order of the groups."""
    built = [
        text
        for network in (one, other)
        if network.layout and (text := built_positions(network.checkpoint, network.layout))
    ]
    kept = kept_units(sum(len(group.members) for group in planned))

    def tested(group: Group) -> Result:
        if group.residual and built:
            return _untested(group, Untestable(min(built)))
        return _test(one, other, group, kept)

    return _in_order(tested, planned)


def _in_order(work: Callable[[Group], Result], planned: Sequence[Group]) -> list[Result]:
    """Does some work on all cores; what comes back, and its order, is the same with any number of them."""

    def portion(some: Sequence[Group]) -> list[Result]:
        return [work(group) for group in some]

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return [found for portions in pool.map(portion, _portions(planned)) for found in portions]


def _portions(planned: Sequence[Group]) -> Iterator[Sequence[Group]]:
    """Runs of groups that are worth a thread's while."""
    some: list[Group] = []
    elements = 0
    for group in planned:
        some.append(group)
        elements += sum(member.a.elements for member in group.members)
        if elements >= _WORTHWHILE:
            yield some
            some, elements = [], 0
    yield some


def _counted_once(results: Iterable[Result]) -> Sequence[tuple[GroupTest, Coins | Untestable]]:
    """The tests and their outcomes, each test with the group that it is a copy of, if it is."""
    results = tuple(results)
    sketches: dict[str, list[tuple[str, Sketch]]] = defaultdict(list)
    for test, _, units in results:
        sketches[test.part] += [(test.name, one) for one in units]
    first = {part: copies(known) for part, known in sketches.items()}
    return tuple(
        (replace(test, copy_of=original) if (original := first[test.part].get(test.name)) else test, outcome)
        for test, outcome, _ in results
    )


def _test(one: Network, other: Network, group: Group, kept: int) -> Result:
    found = agreement(one, other, group, kept)
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
        cluster=group.cluster,
    )
    return test, coins, found.sketches


def _untested(group: Group, why: Untestable) -> Result:
    test = GroupTest(name=group.name, part=group.part, symmetry=group.symmetry, untestable=why.reason)
    return test, why, ()


def _is_untrained(checkpoint: Checkpoint) -> bool:
    """Whether all vectors (biases, gains) are zeros or ones, as they are set before training. No vectors tell nothing."""
    vectors = [
        name
        for name, stored in checkpoint.tensors.items()
        if len(stored.info.shape) == 1 and checkpoint.is_numeric(name)
    ]

    def is_set(name: str) -> bool:
        vector = checkpoint.rows(name)
        return bool((vector == 0).all() or (vector == 1).all())

    return bool(vectors) and all(is_set(name) for name in vectors)


def _coverage(a: Checkpoint, b: Checkpoint, tests: Sequence[GroupTest]) -> float:
    """Share of all elements of both models that were tested; packed ones, of which none was, count as they are stored."""
    total = sum(stored.info.elements for checkpoint in (a, b) for stored in checkpoint.tensors.values())
    return sum(test.elements for test in tests) / total if total else 0.0


def _depth(network: Network) -> int:
    """Number of layers, experts of each counted apart."""
    return len({(slot.tower, slot.numbers) for slot in network.layout.matrices}) if network.layout else 0
