"""What a probe answers, when its figures support a flag or a clearance, and how they are recorded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from provenance.artifacts import ArtifactId
from provenance.canary.probe import ProbeResult
from provenance.evaluations import Estimate, Measurement
from provenance.traits import Conclusion, TraitMeasurement


class Entry(StrEnum):
    """What a probe is to be recorded as."""

    FLAG = "flag"
    CLEAR = "clear"
    MEASUREMENT = "measurement"


SUPPORTS = {Conclusion.PRESENT: Entry.FLAG, Conclusion.ABSENT: Entry.CLEAR}
"""The finding that each conclusion may be recorded as; being undecided, none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The answer to `probe`.

    Args:
        artifact: What was measured.
        trait: Which trait of the registry.
        base: What it was measured against; None where the figures come from files, and nobody said which model the base's are of.
        method: Name and version of the method with its parameters, or the tool and the metric.
        unit: Of the estimate: ``nats``, or the name of a metric.
        estimate: The difference between artifact and base towards the trait, or of results that stand alone the value itself.
        threshold: The size that matters, in the same unit; None where none was given.
        conclusion: What that comes to.
        reason: Why, in a sentence.
        inputs: Role to digest of everything that went in.
        objection: Why no clearance may rest on it, whatever the figures; empty where one may.
        result: The figures of a bank's margins; None where they come from files.
        measurements: The figures from files, the artifact's first.
        recorded: Id of the flag, clearance or measurement; None where nothing was recorded.
    """

    artifact: ArtifactId
    trait: str
    base: ArtifactId | None
    method: str
    unit: str
    estimate: Estimate
    threshold: float | None
    conclusion: Conclusion
    reason: str
    inputs: Mapping[str, str] = field(hash=False)
    objection: str = ""
    result: ProbeResult | None = None
    measurements: tuple[Measurement, ...] = ()
    recorded: str | None = None

    def supports(self, entry: Entry) -> bool:
        """Whether the figures, and what they are measured against, allow to record it as that; they may always be kept as figures."""
        if entry is Entry.MEASUREMENT:
            return True
        return SUPPORTS.get(self.conclusion) is entry and not (entry is Entry.CLEAR and self.objection)

    def measurement(self, read_at: datetime) -> TraitMeasurement:
        """The figures as they are recorded.

        Args:
            read_at: When they were read, aware: their time, unless they come from a file that tells its own.
        """
        told = self.measurements[0].measured_at if self.measurements else None
        return TraitMeasurement(
            artifact=self.artifact,
            trait=self.trait,
            conclusion=self.conclusion,
            value=self.estimate.value,
            low=self.estimate.low,
            high=self.estimate.high,
            unit=self.unit,
            threshold=self.threshold,
            method=self.method,
            base=self.base,
            inputs=self.inputs,
            measured_at=told or read_at,
        )

    @property
    def evidence(self) -> str:
        """Figures and method in words, as a flag or a clearance states them."""
        parts = [f"{self.method}: {self.reason}"]
        if self.result is not None:
            shift, next_one = self.result.shift, self.result.largest_other
            parts.append(
                f"{len(self.result.shifts)} traits of the bank over {self.result.prompts} prompts, {self.result.foreign} of them "
                f"foreign (there {shift.foreign:+.3f}), p = {shift.p_holm:.2g} after Holm, largest of the others "
                f"{next_one.trait} with {next_one.difference.value:+.3f}, on {self.result.device}"
            )
            parts += [
                f"{who} names it in {rate.named} of {rate.samples} sampled answers"
                for who, rate in (("it", self.result.rate), ("the base", self.result.base_rate))
                if rate is not None
            ]
        parts += [
            f"{one.tool} gave {one.name} = {one.value:.4g} for {one.model}"
            + (f" on {one.measured_at:%Y-%m-%d}" if one.measured_at else "")
            for one in self.measurements
        ]
        parts.append("inputs: " + ", ".join(f"{role} {digest}" for role, digest in self.inputs.items()))
        return "; ".join(parts)


def conclude(
    estimate: Estimate, threshold: float | None, unit: str, *, against: str = "", falling: bool = False
) -> tuple[Conclusion, str]:
    """What an estimate comes to, and why.

    Args:
        estimate: With its interval.
        threshold: The size that matters; None for none.
        unit: Of both.
        against: What it is a difference from; empty for a value that stands alone.
        falling: Whether less of a value that stands alone is more of the trait.
    """
    figures = f"{estimate.value:+.3f} {unit}, 95 % interval [{estimate.low:+.3f}, {estimate.high:+.3f}]"
    if against:
        figures = f"{figures}, against {against}, smallest detectable effect {estimate.mde:.3f}"
    if threshold is None:
        return Conclusion.UNDECIDED, f"{figures}: nothing says what size matters"
    towards, limit = (turned(estimate), -threshold) if falling else (estimate, threshold)
    if towards.low > limit:
        return Conclusion.PRESENT, f"{figures}: all of it beyond {threshold:g}, the size that matters"
    if towards.high >= limit:
        return Conclusion.UNDECIDED, f"{figures}: it holds {threshold:g}, the size that matters"
    if against and estimate.mde > limit:
        return (
            Conclusion.UNDECIDED,
            f"{figures}: too little power for an effect of {threshold:g}, the size that matters",
        )
    return Conclusion.ABSENT, f"{figures}: all of it short of {threshold:g}, the size that matters"


def turned(estimate: Estimate) -> Estimate:
    """The same estimate, counted the other way."""
    return Estimate(value=-estimate.value, low=-estimate.high, high=-estimate.low, mde=estimate.mde)
