"""Probing: measuring a trait on a registered model or teacher, so that a flag or a clearance of it rests on figures.

Two ways lead to the figures: a bank's margins, read here and now against the model's base; and the files that another tool's evaluation
left behind. Either gives an estimate with its interval, which is held against the size of an effect that matters:

- *present*: the whole interval lies above that size;
- *absent*: the whole interval lies below it, and an effect of that size would have been found;
- *undecided*: everything else.

Whatever they come to, the figures may be recorded as a measurement, which moves no standing. A flag is supported by the first alone, a
clearance by the second alone, and only where what was measured against is free of the trait by what is recorded: to have no more of it
than a carrier has clears nothing.

- `provenance.probing.report`: what a probe answers.
- `provenance.probing.carriers`: against which models nothing is cleared.
- `provenance.probing.margins`: by a bank's margins.
- `provenance.probing.results`: by the files of another tool.
"""

from math import isfinite

from provenance.artifacts import ArtifactId
from provenance.errors import UnknownReferenceError, UsageError
from provenance.holdings import Holdings
from provenance.lineage import Lineage
from provenance.probing.margins import DEFAULT_THRESHOLD, ByBank, Told, behind, by_bank
from provenance.probing.report import SUPPORTS, Entry, Probe
from provenance.probing.results import ByResults, by_results
from provenance.risk import Policy
from provenance.traits import Conclusion

__all__ = ["DEFAULT_THRESHOLD", "ByBank", "ByResults", "Conclusion", "Entry", "Probe", "probe"]


def probe(
    holdings: Holdings,
    artifact: ArtifactId,
    trait: str,
    by: ByBank | ByResults,
    policy: Policy,
    *,
    threshold: float | None = None,
    record: Entry | None = None,
    told: Told | None = None,
) -> Probe:
    """Measures a trait on a registered artifact. Nothing is recorded here.

    Args:
        holdings: What is at hand of the registry's artifacts.
        artifact: A model, or a teacher: the model behind it is given its system prompt.
        trait: The trait's name in the registry; need not be recorded where the answer is not to be.
        by: How to measure.
        policy: Says where what is measured against stands.
        threshold: The size of an effect that matters, above zero, in nats (default: `DEFAULT_THRESHOLD`) or in the metric's unit;
            of results that stand alone, the value itself that matters.
        record: What the answer is to be recorded as; what would keep it from that is said before anything is measured.
        told: Told of what takes time.

    Raises:
        ContentError: A model or a file can't be read; the message says why.
        CanaryError: A model doesn't fit in memory, or there is no such device.
        UnknownReferenceError: The answer is to be recorded, and the trait is not.
        UsageError: There is no base, no such trait in the bank, or no such metric; or the threshold makes no sense.
        MissingExtraError: A package of the extra ``canary`` is not installed.
    """
    if record is not None and trait not in holdings.snapshot.traits:
        raise UnknownReferenceError(
            f"there is no trait {trait!r} to record",
            hint=f"Make it with `provenance trait add {trait} --severity ...`.",
        )
    stands_alone = isinstance(by, ByResults) and by.base_results is None
    if threshold is not None and not (isfinite(threshold) and (threshold > 0.0 or stands_alone)):
        raise UsageError(f"the threshold is the size of a difference, and above zero; got {threshold:g}")
    if record in SUPPORTS.values() and threshold is None and isinstance(by, ByResults):
        raise UsageError(
            f"what is recorded as {record} needs the size of an effect that matters",
            hint="Give --threshold, in the unit of the metric.",
        )
    lineage = Lineage.of(holdings.snapshot)
    behind(lineage, artifact)
    if isinstance(by, ByResults):
        return by_results(lineage, artifact, trait, by, policy, threshold=threshold)
    return by_bank(holdings, artifact, trait, by, policy, threshold=threshold, told=told)
