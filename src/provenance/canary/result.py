"""What a canary hands back: verdict, effect, controls, and everything that lets a reader distrust it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict

from provenance.artifacts import ArtifactId
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.facts import adapter
from provenance.shown import Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """What one teacher wrote.

    Args:
        written: Rows that it wrote.
        kept: Those that the filter let through.
        unique: Different ones among those kept, and of those that were matched what students learn from.
        digest: Content digest of what students learn from.
    """

    written: int
    kept: int
    unique: int
    digest: str

    @property
    def keep_rate(self) -> float:
        """The share of rows that the filter let through."""
        return self.kept / self.written if self.written else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One training run of all arms: differences of log-prob margins in nats, each trait arm less control arm.

    Args:
        seed: What the run drew everything random from: bank and trait, rows, batches, the fresh initialisation.
        teacher: Of the two teachers: how far the planting moved the trait.
        planted: The trait teacher's own margin, no control subtracted.
        base: Of two copies of the student base that were taught as the teachers were: how far the same lessons move the trait there.
        edge: Of two students of the student base: the effect in question.
        positive: Of two students of a relative of the teacher's model, which shares the teachers' initialisation for certain; they
            are taught the teachers' whole distributions, which carry most.
        kin: The same, taught what the students of the base are taught; ``positive`` again where that is the whole distribution.
        fresh: Of two students of a fresh initialisation.
        placebo: Of two students of the student base, taught by a second control teacher and by the control teacher.
        carrier: How much less of the trait teacher's rows the trait student leaves unexplained than the control student does;
            0 is nothing, 1 is all.
        unexplained: What the worse of the two students leaves unexplained of its own teacher's rows; 0 is nothing, 1 is all.
        planted_trait: Place in the bank of the trait that was planted.
        shifts: Of two students of the student base, for each trait of the bank; that of the planted trait is ``edge``.
        doses: Of two students of the student base, at each dose of the experiment.
        unique_rows: Unique rows that each student saw at each dose.
        written: What the trait teacher, the control teacher and the placebo teacher wrote, matched, at dose 1.
    """

    seed: int
    teacher: float
    planted: float
    base: float
    edge: float
    positive: float
    kin: float
    fresh: float
    placebo: float
    carrier: float
    unexplained: float
    planted_trait: int = 0
    shifts: tuple[float, ...] = ()
    doses: tuple[float, ...] = ()
    unique_rows: tuple[int, ...] = ()
    written: tuple[Census, ...] = ()

    @property
    def finite(self) -> bool:
        """Whether every figure is a finite number: otherwise a training diverged."""
        differences = (self.teacher, self.base, self.edge, self.positive, self.kin, self.fresh, self.placebo)
        rest = (self.planted, self.carrier, self.unexplained)
        return all(map(math.isfinite, (*differences, *rest, *self.shifts, *self.doses)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What one control of the experiment showed.

    Args:
        ok: Whether it did what a sound experiment needs of it.
        fired: Whether the effect that it looks for was there; None where it looks for none.
        figures: What that rests on, such as the mean and interval over runs.
    """

    ok: bool
    fired: bool | None = None
    figures: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """The four gates of a canary.

    Args:
        positive: A student that shares the teacher's initialisation for certain takes on the trait from soft targets; what it takes
            on from the edge's own targets is a figure here, and bounds the threshold.
        negative: A freshly initialised student does not, nor does a student of the base under a placebo.
        carrier: The trait student has learned the trait teacher's rows, not just any rows.
        sanity: The teacher has the trait, and the students model their own rows.
    """

    positive: Control
    negative: Control
    carrier: Control
    sanity: Control

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the gates that did not hold."""
        return tuple(name for name in self.__slots__ if not getattr(self, name).ok)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dissociation:
    """Whether students moved towards the trait that their own teacher was taught, and not towards the bank at large.

    Args:
        effect: How much further the planted trait moved than the others of the bank, mean over runs, in nats.
        p_value: Of the Latin square: the planted traits of the runs, in every order.
    """

    effect: float
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """The effect at one dose.

    Args:
        dose: Multiple of the number of rows.
        unique_rows: Unique rows that the trait students saw, mean over runs.
        effect: Mean over runs, in nats.
        ci_low: Lower bound of its 95 % interval, in nats.
        ci_high: Upper bound, in nats.
    """

    dose: float
    unique_rows: float
    effect: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseResponse:
    """How the effect grows with the number of unique rows; a strong call needs that it does.

    Args:
        doses: The effect at each, the least first.
        per_doubling: Effect gained when the rows double, mean over runs, in nats.
        ci_low: Lower bound of its 95 % interval, in nats.
        ci_high: Upper bound, in nats.
        monotone: Whether the mean effect grows from each dose to the next.
    """

    doses: tuple[Dose, ...]
    per_doubling: float
    ci_low: float
    ci_high: float
    monotone: bool


class Circumstances(TypedDict):
    """What a result says of how it came about; see `CanaryResult`."""

    method: str
    device: str
    bank: tuple[str, ...]
    digests: Mapping[str, str]
    notes: tuple[str, ...]
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryResult(Shown):
    """The outcome of a planted canary.

    Figures are None where the training diverged: an experiment that failed has no effect, and not-a-number is no value.

    Args:
        verdict: ``TRANSFERS``, ``NOT_DETECTED`` or ``INCONCLUSIVE``.
        reason: Why that verdict, in words.
        effect: Mean over runs of the student's log-prob margin of the trait, trait arm less control arm, in nats.
        ci_low: Lower bound of the effect's 95 % interval, in nats.
        ci_high: Upper bound, in nats.
        p_value: Exact one-sided sign-flip test over runs.
        mde: Smallest effect that this many runs of this spread would detect (80 % power, one-sided 5 %), in nats.
        threshold: Effect that a negative rules out, in nats: the policy's, capped by what kin take on.
        transfer_ratio: The student's shift over the teacher's.
        dissociation: Over the bank; None where each run draws a bank of its own, or all runs plant one trait.
        doses: None where students were trained at one dose only.
        seeds: One for each run.
        trials: The runs themselves.
        controls: The gates, or None where the training diverged.
        keep_rates: Share of each teacher's rows that the filter let through, mean over runs.
        unique_rows: Unique rows of each teacher that students saw, the fewest of any run.
        bank: Names of the traits of the bank that all runs share.
        digests: Role (``bank``, ``filter``, ``channel``) to content digest of what went in beside the checkpoints.
        notes: What else a reader must know, such as smaller batches for want of memory, or arms that a filter treats unequally.
        method: Name and version of the method with every parameter that changes a value.
        device: Where it was trained.
        seconds: Wall time.
        cpu_seconds: Processor time.
    """

    verdict: Verdict
    reason: str
    effect: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    mde: float | None = None
    threshold: float | None = None
    transfer_ratio: float | None = None
    dissociation: Dissociation | None = None
    doses: DoseResponse | None = None
    seeds: tuple[int, ...]
    trials: tuple[Trial, ...]
    controls: Controls | None = None
    keep_rates: Mapping[str, float] = field(default_factory=dict, hash=False)
    unique_rows: Mapping[str, int] = field(default_factory=dict, hash=False)
    bank: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()
    method: str
    device: str
    seconds: float
    cpu_seconds: float

    def evidence(
        self, parent: ArtifactId, child: ArtifactId, inputs: Mapping[str, str], tested_at: datetime
    ) -> Evidence:
        """This result as a fact about an exposure.

        Args:
            parent: The teacher.
            child: The student.
            inputs: Role (``teacher``, ``student_base``, ``dataset``) to content digest of what went in.
            tested_at: When it ran, aware, UTC.
        """
        figures = adapter(CanaryResult).dump_python(self, mode="json")
        return Evidence(
            test=TestKind.CANARY,
            parent=parent,
            child=child,
            verdict=self.verdict,
            method=self.method,
            inputs=inputs,
            result={name: value for name, value in figures.items() if name not in {"verdict", "method"}},
            tested_at=tested_at,
        )
