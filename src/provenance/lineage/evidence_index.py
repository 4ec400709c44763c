"""Which evidence stands: when a pair of artifacts was tested more than once, when a test is older than what it rests on, and how long it counts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import cached_property

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.facts import Fact, Recorded
from provenance.lineage.canary_figures import has_measured, has_power, measured_share, saw_effect
from provenance.lineage.graph import Lineage
from provenance.relations import WEIGHT_KINDS
from provenance.traits import Block, Clearance, Flag


class _Weight(IntEnum):
    """What a test weighs beside another of the same pair; of two that weigh the same the newer stands."""

    NOTHING = 0
    """A silent canary without the figures that say it had power."""
    DOUBT = 1
    """No conclusion, and nothing was measured; any same-init test without a conclusion."""
    MEASURED = 2
    """Independence, a silence with power, and a canary that measured and came to no conclusion."""
    SIGN = 3
    """A canary that saw an effect and could not conclude that it transfers."""
    HIT = 4
    """A shared initialisation, or a transfer."""
    SHARE = 5
    """A transfer of which it was measured how much passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long what exonerates counts; None for ever. What incriminates counts for ever.

    Args:
        same_init: A same-init test that says `INDEPENDENT`, from when it ran.
        canary: A canary that says `NOT_DETECTED`, from when it ran.
        clearances: A clearance, from when it was recorded; one that names its own end may end earlier, never later.
    """

    same_init: timedelta | None = None
    canary: timedelta | None = None
    clearances: timedelta | None = None

    def end(self, recorded: Recorded[Fact]) -> datetime | None:
        """When a record stops counting, of a test: stops exonerating; None for never, and for a test that does not exonerate.

        A test that claims to have run after it was recorded is as old as its record.
        """
        fact = recorded.fact
        if isinstance(fact, Flag | Block):
            return fact.expires_at
        if isinstance(fact, Clearance):
            ends = (_after(recorded.recorded_at, self.clearances), fact.expires_at)
            return min((end for end in ends if end is not None), default=None)
        if not isinstance(fact, Evidence):
            return None
        lifetime = {Verdict.INDEPENDENT: self.same_init, Verdict.NOT_DETECTED: self.canary}.get(fact.verdict)
        return _after(min(fact.tested_at, recorded.recorded_at), lifetime)

    @property
    def ending_types(self) -> tuple[str, ...]:
        """The types of facts of which some end though they name no end."""
        tests = self.same_init is not None or self.canary is not None
        return (*(["clearance"] if self.clearances is not None else []), *(["evidence"] if tests else []))

    def has_ended(self, recorded: Recorded[Evidence] | Recorded[Clearance], as_of: datetime) -> bool:
        """Whether a record exonerates no more at a date."""
        end = self.end(recorded)
        return end is not None and end <= as_of


FOREVER = Lifetimes()
"""Nothing expires that does not say so itself."""


def _after(moment: datetime, lifetime: timedelta | None) -> datetime | None:
    """The end of a lifetime; None where there is none, or no calendar reaches it."""
    if lifetime is None or lifetime > datetime.max.replace(tzinfo=UTC) - moment:
        return None
    return moment + lifetime


@dataclass(frozen=True, eq=False)
class EvidenceIndex:
    """The evidence on a lineage by pair of artifacts, as it stands at the date that the lineage's snapshot is asked for.

    A test that found independence between the two ends of a weights relation denies what the record says. That disqualifies, and so
    it does not expire; but it eases, too, where the record says worse, and there it counts for as long as another. See `forgetting`.

    Args:
        lineage: What is known.
        lifetimes: How long what exonerates counts.
        keeps_denials: Whether what denies a weights relation counts for ever.
    """

    lineage: Lineage
    lifetimes: Lifetimes = FOREVER
    keeps_denials: bool = True

    def same_init(self, one: ArtifactId, other: ArtifactId) -> Recorded[Evidence] | None:
        """The standing same-init test of two models, in whichever order they were tested."""
        return self._same_init.get(frozenset({one, other}))

    def tests_of(self, model: ArtifactId) -> Mapping[ArtifactId, Recorded[Evidence]]:
        """The standing same-init tests of a model, by the other one."""
        return self._tests_of.get(model, {})

    def all_tests(
        self, test: TestKind, parent: ArtifactId, child: ArtifactId
    ) -> tuple[Recorded[Evidence], ...]:
        """Every test of one kind that two artifacts ever had, in the order of the ledger, of their present content or not.

        The two ends of a same-init test may stand in either order.
        """
        return tuple(self._all_tests.get(_pair(test, parent, child), ()))

    def canary(self, teacher: ArtifactId, student: ArtifactId) -> Recorded[Evidence] | None:
        """The standing canary from a teacher (or a bare model) to a student."""
        return self._canary.get((teacher, student))

    def has_expired(self, recorded: Recorded[Evidence]) -> bool:
        """Whether a test exonerated once and does no more."""
        has_ended = self.lifetimes.has_ended(recorded, self.lineage.snapshot.as_of)
        return has_ended and not (self.keeps_denials and self._denies_a_relation(recorded.fact))

    @cached_property
    def forgetting(self) -> "EvidenceIndex | None":
        """The same evidence, less the denials of a weights relation whose time is over; None where there are none."""
        without = replace(self, keeps_denials=False)
        has_fewer = any(
            without.has_expired(one) and not self.has_expired(one)
            for one in (self.lineage.snapshot.all(Evidence) if self.lifetimes.same_init else ())
        )
        return without if has_fewer else None

    @cached_property
    def canary_teachers(self) -> frozenset[ArtifactId]:
        """Everything that a canary was ever run from."""
        return frozenset(teacher for teacher, _ in self._canary)

    @cached_property
    def independent_pairs(self) -> tuple[frozenset[ArtifactId], ...]:
        """The pairs whose standing test found them to be independent."""
        return tuple(
            pair for pair, recorded in self._same_init.items() if recorded.fact.verdict is Verdict.INDEPENDENT
        )

    @cached_property
    def measured_kin(self) -> dict[ArtifactId, tuple[Recorded[Evidence], ...]]:
        """The standing tests of each model that found it to share its initialisation with another, oldest first."""
        kin: dict[ArtifactId, list[Recorded[Evidence]]] = {}
        for recorded in sorted(self._same_init.values(), key=_age):
            if recorded.fact.verdict is Verdict.SAME_INIT:
                for model in recorded.fact.pair:
                    kin.setdefault(model, []).append(recorded)
        return {model: tuple(tests) for model, tests in kin.items()}

    @cached_property
    def _all_tests(self) -> dict[object, list[Recorded[Evidence]]]:
        tests: dict[object, list[Recorded[Evidence]]] = {}
        for recorded in self.lineage.snapshot.all(Evidence):
            fact = recorded.fact
            tests.setdefault(_pair(fact.test, fact.parent, fact.child), []).append(recorded)
        return tests

    @cached_property
    def _same_init(self) -> dict[frozenset[ArtifactId], Recorded[Evidence]]:
        standing: dict[frozenset[ArtifactId], Recorded[Evidence]] = {}
        for recorded in self._sound(TestKind.SAME_INIT):
            pair = recorded.fact.pair
            standing[pair] = _standing(standing.get(pair), recorded)
        return standing

    @cached_property
    def _tests_of(self) -> dict[ArtifactId, dict[ArtifactId, Recorded[Evidence]]]:
        tests: dict[ArtifactId, dict[ArtifactId, Recorded[Evidence]]] = {}
        for pair, recorded in self._same_init.items():
            for model in pair:
                (other,) = pair - {model} or {model}
                tests.setdefault(model, {})[other] = recorded
        return tests

    @cached_property
    def _canary(self) -> dict[tuple[ArtifactId, ArtifactId], Recorded[Evidence]]:
        standing: dict[tuple[ArtifactId, ArtifactId], Recorded[Evidence]] = {}
        for recorded in self._sound(TestKind.CANARY):
            pair = (recorded.fact.parent, recorded.fact.child)
            standing[pair] = _standing(standing.get(pair), recorded)
        return standing

    def _sound(self, test: TestKind) -> list[Recorded[Evidence]]:
        """The evidence of one test, less what has expired and what was measured on other content than the artifacts' own."""
        return [
            recorded
            for recorded in self.lineage.snapshot.all(Evidence)
            if recorded.fact.test is test
            and all(self.is_of(recorded.fact, artifact) for artifact in recorded.fact.pair)
            and not self.has_expired(recorded)
        ]

    def is_of(self, evidence: Evidence, artifact: ArtifactId) -> bool:
        """Whether a test was run on an artifact's own content, as far as either says."""
        digest = self.lineage.digest(artifact)
        return digest in {None, evidence.inputs.get(str(artifact), digest)}

    def _denies_a_relation(self, evidence: Evidence) -> bool:
        return evidence.test is TestKind.SAME_INIT and any(
            relation.kind in WEIGHT_KINDS and relation.parent in evidence.pair - {end}
            for end in evidence.pair
            if end in self.lineage
            for relation in self.lineage.parents(end)
        )


def is_stale(evidence: Evidence, contents: Mapping[str, str]) -> bool:
    """Whether evidence is older than its inputs: the same test would be run on something else now.

    Inputs may be named by artifacts or by roles, so that a digest counts under any name; a model that is named and would not be looked
    at any more counts as well. Evidence that names no inputs, such as a result told by hand, is never stale: nothing says what it was
    measured on.

    Args:
        evidence: In question.
        contents: Artifact to digest of all content that the test would be run on.
    """
    unseen = set(contents.values()).difference(evidence.inputs.values())
    gone = any(name.startswith(f"{ArtifactKind.MODEL}:") and name not in contents for name in evidence.inputs)
    return bool(evidence.inputs) and (bool(unseen) or gone)


def _pair(test: TestKind, parent: ArtifactId, child: ArtifactId) -> object:
    """What a test is known by: a canary has a direction, a same-init test has none."""
    return (test, (parent, child) if test is TestKind.CANARY else frozenset({parent, child}))


def _standing(one: Recorded[Evidence] | None, other: Recorded[Evidence]) -> Recorded[Evidence]:
    if one is None:
        return other
    return max(one, other, key=lambda recorded: (_weight(recorded.fact), _age(recorded)))


def _weight(evidence: Evidence) -> _Weight:
    """Fails closed: no silence outlives a newer doubt that measured, and none ever outranks an effect that was seen."""
    return _WEIGHT[evidence.test](evidence)


def _same_init_weight(test: Evidence) -> _Weight:
    weights = {Verdict.SAME_INIT: _Weight.HIT, Verdict.INDEPENDENT: _Weight.MEASURED}
    return weights.get(test.verdict, _Weight.DOUBT)


def _canary_weight(canary: Evidence) -> _Weight:
    if canary.verdict is Verdict.TRANSFERS:
        return _Weight.HIT if measured_share(canary) is None else _Weight.SHARE
    if canary.verdict is Verdict.NOT_DETECTED:
        return _Weight.MEASURED if has_power(canary) else _Weight.NOTHING
    if saw_effect(canary):
        return _Weight.SIGN
    return _Weight.MEASURED if has_measured(canary) else _Weight.DOUBT


_WEIGHT = {TestKind.SAME_INIT: _same_init_weight, TestKind.CANARY: _canary_weight}


def _age(recorded: Recorded[Evidence]) -> tuple[object, ...]:
    """Places tests by when they ran; one that claims to have run after it was recorded is as old as its record."""
    return (min(recorded.fact.tested_at, recorded.recorded_at), recorded.seq)
