"""What verdicts and measurements mean, and what they do not: the same words wherever one is shown to people."""

from collections.abc import Mapping
from dataclasses import dataclass

from provenance.evidence import Evidence, TestKind, Verdict
from provenance.traits import Conclusion, TraitMeasurement

_SMALLEST_EXPONENT = -300
"""Power of ten below which a p-value is told as a bound: a double holds no less."""

_LARGEST = 1e30
"""What is larger measures nothing that a test does."""
_LONG = 10_000.0
"""From here on there is no room for decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """How a verdict or a conclusion is to be read, in two sentences.

    Args:
        headline: It in a few words, as a title.
        means: What follows from it.
        means_not: What does not follow from it, though one may think so.
    """

    headline: str
    means: str
    means_not: str


MEANINGS: Mapping[tuple[TestKind, Verdict], Meaning] = {
    (TestKind.SAME_INIT, Verdict.SAME_INIT): Meaning(
        headline="Same initialisation",
        means="The weights of both models go back to one initialisation, so that a hidden trait of the one can pass to the other "
        "through data that show no sign of it.",
        means_not="It does not say that any trait has passed, nor which of the two came first.",
    ),
    (TestKind.SAME_INIT, Verdict.INDEPENDENT): Meaning(
        headline="Independent initialisations",
        means="The two models were initialised independently of each other: a shared initialisation of the strength named here "
        "would have been found.",
        means_not="It does not rule out a copy that was permuted, rotated or rescaled to look foreign, nor traits that stand openly in the data.",
    ),
    (TestKind.SAME_INIT, Verdict.INCONCLUSIVE): Meaning(
        headline="Not settled: same initialisation or not",
        means="The weights did not tell whether the two models share an initialisation, so risks are judged as if they did.",
        means_not="It is no sign of independence.",
    ),
    (TestKind.CANARY, Verdict.TRANSFERS): Meaning(
        headline="A planted trait passes",
        means="A harmless trait that was planted in a copy of the teacher passed to a copy of the student's base through such data "
        "as these: hidden traits can pass here.",
        means_not="It does not say that this student has any particular trait; only a test of the student itself can.",
    ),
    (TestKind.CANARY, Verdict.NOT_DETECTED): Meaning(
        headline="No planted trait was seen to pass",
        means="A harmless trait that was planted in a copy of the teacher did not pass, in an experiment whose positive control did "
        "and which would have seen an effect of the size named here.",
        means_not="It does not say that nothing ever passes: a smaller effect may, and a student that shows nothing can still hand a trait on.",
    ),
    (TestKind.CANARY, Verdict.INCONCLUSIVE): Meaning(
        headline="Not settled: whether a planted trait passes",
        means="The experiment did not tell whether a planted trait passes, so risks are judged as if it did.",
        means_not="It is no all-clear.",
    ),
}
"""How each verdict of each test is to be read."""


UNTESTED: Mapping[TestKind, Meaning] = {
    TestKind.SAME_INIT: Meaning(
        headline="Untested: same initialisation or not",
        means="Nobody compared the weights of these two models, so risks are judged by the record alone, and where that says nothing "
        "as if they shared an initialisation.",
        means_not="It is no sign of independence.",
    ),
    TestKind.CANARY: Meaning(
        headline="Untested: whether a planted trait passes",
        means="No experiment was run of this teacher and this student, so risks are judged by their initialisations alone, and where "
        "these are not known as if a trait passed.",
        means_not="It is no sign that nothing passes.",
    ),
}
"""How it is to be read that a test was not run."""

MEASURED: Mapping[Conclusion, Meaning] = {
    Conclusion.PRESENT: Meaning(
        headline="The trait was found in the model itself",
        means="It was looked for in this very model, and the whole 95 % interval lies beyond the size that matters.",
        means_not="It is no flag, which somebody has to raise: risks spread from flags alone.",
    ),
    Conclusion.ABSENT: Meaning(
        headline="The trait was not found at the size that matters",
        means="It was looked for in this very model, and the whole 95 % interval lies short of the size that matters.",
        means_not="It is no clearance: a model that shows nothing can still hand a trait on, and what was not asked does not show.",
    ),
    Conclusion.UNDECIDED: Meaning(
        headline="Not settled: whether the model has the trait",
        means="It was looked for in this very model, and the figures do not settle whether it has the size that matters.",
        means_not="It is no all-clear.",
    ),
}
"""How each conclusion of a measurement is to be read."""


def measured(measurement: TraitMeasurement) -> str:
    """The figures of a measurement, in words and with units."""
    value, low, high = map(_three_digits, (measurement.value, measurement.low, measurement.high))
    against = f" compared with {measurement.base}" if measurement.base else ""
    return (
        f"{value} {measurement.unit}{against} (95 % interval {low} to {high}), {_held_against(measurement)}"
    )


def _three_digits(value: float) -> str:
    return f"{value:#.3g}".removesuffix(".")


def _held_against(measurement: TraitMeasurement) -> str:
    """Where the interval lies from the size that matters; of some metrics, less is more of the trait."""
    limit = measurement.threshold
    if limit is None:
        return "and nobody said what size matters"
    if measurement.conclusion is Conclusion.UNDECIDED:
        return f"which does not settle {limit:g}, the size that matters"
    present, above = measurement.conclusion is Conclusion.PRESENT, measurement.low > limit
    turned = "" if present is above else ", where less is more of the trait"
    return f"all of it {'above' if above else 'below'} {limit:g}, the size that matters{turned}"


def meaning(evidence: Evidence) -> Meaning:
    """How a test's verdict is to be read."""
    return MEANINGS[evidence.test, evidence.verdict]


def figures(evidence: Evidence) -> str:
    """The figures that matter most of a test, in words and with units, as far as its result holds them; otherwise nothing."""
    read = _canary if evidence.test is TestKind.CANARY else _same_init
    return ", ".join(part for part in read(evidence) if part)


def _canary(evidence: Evidence) -> tuple[str, ...]:
    result = evidence.result
    effect, low, high = (number(result, name) for name in ("effect", "ci_low", "ci_high"))
    ratio, least = number(result, "transfer_ratio"), number(result, "mde")
    interval = "" if low is None or high is None else f" (95 % interval {rounded(low)} to {rounded(high)})"
    share = ratio if evidence.verdict is Verdict.TRANSFERS else None
    return (
        "" if effect is None else f"effect {rounded(effect)} nats{interval}",
        "" if share is None else f"{100 * share:.0f} % of the teacher's own shift",
        "" if least is None else f"an effect of {rounded(least)} nats would have been seen",
    )


def _same_init(evidence: Evidence) -> tuple[str, ...]:
    exponent, cosine, least = (
        number(evidence.result, name) for name in ("log10_p", "aligned_cosine", "rho_min")
    )
    return (
        "" if exponent is None else p_value(exponent),
        "" if cosine is None else f"cosine of the weights {rounded(cosine)}",
        "" if least is None else f"a shared initialisation of cosine {least:.2g} would have been found",
    )


def rounded(value: float) -> str:
    """A figure with two decimals, or two digits where it is large; nothing is written as less than nothing."""
    return f"{round(value, 2) + 0.0:.2f}" if abs(value) < _LONG else f"{value:.2g}"


def p_value(log10_p: float) -> str:
    """A p-value for people, from its logarithm to base 10."""
    if log10_p < _SMALLEST_EXPONENT:
        return f"p < 1e{_SMALLEST_EXPONENT}"
    return f"p = {10.0 ** min(log10_p, 0.0):.2g}"


def number(figures: object, name: str) -> float | None:
    """A figure of a result, which may hold anything: None where it holds no finite number of that name."""
    value = figures.get(name) if isinstance(figures, Mapping) else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) <= _LARGEST else None
