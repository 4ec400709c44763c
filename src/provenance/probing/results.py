"""Measuring a registered artifact by the files that another tool's evaluation left behind."""

from dataclasses import dataclass
from pathlib import Path

from provenance.artifacts import ArtifactId
from provenance.errors import UsageError
from provenance.evaluations import Measurement, choose, read
from provenance.evaluations.statistics import difference
from provenance.lineage import Lineage
from provenance.probing.carriers import objection
from provenance.probing.report import Probe, conclude, turned
from provenance.risk import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class ByResults:
    """Measuring by the files that another tool's evaluation left behind.

    Args:
        results: The file of the artifact.
        base_results: The file of its base; None where the value stands alone.
        base: The registered model that these are of; a clearance needs to know.
        metric: Which metric; may be left out where there is one.
        lower_is_more: Whether a lower value of the metric means more of the trait.
    """

    results: Path
    base_results: Path | None = None
    base: ArtifactId | None = None
    metric: str = ""
    lower_is_more: bool = False


def by_results(
    lineage: Lineage,
    artifact: ArtifactId,
    trait: str,
    by: ByResults,
    policy: Policy,
    *,
    threshold: float | None = None,
) -> Probe:
    """Reads a trait off result files; see `provenance.probing.probe`.

    A difference is told towards the trait; a value that stands alone is told as the tool tells it.
    """
    if by.base is not None and by.base_results is None:
        raise UsageError("a base needs results of its own", hint="Give --base-results.")
    if by.base == artifact:
        raise UsageError(
            f"{artifact} would be measured against itself", hint="Name another base with --base."
        )
    measured = choose(read(by.results), by.metric)
    measurements: tuple[Measurement, ...] = (measured,)
    estimate = measured.estimate()
    if by.base_results is None:
        conclusion, reason = conclude(estimate, threshold, measured.metric, falling=by.lower_is_more)
    else:
        base = choose(read(by.base_results), measured.name)
        if base.digest == measured.digest:
            raise UsageError(f"{by.results} and {by.base_results} are the same results")
        measurements = (measured, base)
        estimate = difference(estimate, base.estimate())
        estimate = turned(estimate) if by.lower_is_more else estimate
        conclusion, reason = conclude(estimate, threshold, measured.metric, against=base.model)
    return Probe(
        artifact=artifact,
        trait=trait,
        base=by.base,
        method=_method(by, measured),
        unit=measured.metric,
        estimate=estimate,
        threshold=threshold,
        conclusion=conclusion,
        reason=reason,
        inputs={
            role: str(one.digest)
            for role, one in zip(("results", "base results"), measurements, strict=False)
        },
        objection=_objection(lineage, by, trait, policy),
        measurements=measurements,
    )


def _method(by: ByResults, measured: Measurement) -> str:
    """Tool and metric, and what was made of the figure."""
    made = {"difference": by.base_results is not None, "lower-is-more": by.lower_is_more}
    return " ".join(
        [f"evaluation/{measured.tool}", measured.name, *(word for word, applies in made.items() if applies)]
    )


def _objection(lineage: Lineage, by: ByResults, trait: str, policy: Policy) -> str:
    """What speaks against a clearance; nothing does where the value stands alone."""
    if by.base_results is None:
        return ""
    if by.base is None:
        return f"which registered model {by.base_results} is of is not told, and it may have the trait; --base tells"
    return objection(lineage, by.base, trait, policy)
