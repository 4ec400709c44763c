"""Where an exposure puts a student with a covert trait: the table of docs/risk.md."""

from collections.abc import Mapping

from provenance.evidence import Verdict
from provenance.risk.compatibility import CanaryFinding, Compatibility
from provenance.risk.report import Status

_Ruling = tuple[Status, str]
_TRANSFERRED: _Ruling = (Status.EXPOSED, "a canary transferred")
_BY_INIT: Mapping[Compatibility, _Ruling] = {
    Compatibility.SAME: (Status.EXPOSED, "shares the initialisation of the trait's origin"),
    Compatibility.DISPUTED: (
        Status.SUSPECTED,
        "disputed: kin to the trait's origin by record, not by weights",
    ),
    Compatibility.UNKNOWN: (
        Status.SUSPECTED,
        "whether it shares the initialisation of the trait's origin is not known: counts as a hit",
    ),
}
_CROSSES: _Ruling = (
    Status.SUSPECTED,
    "independent of the trait's origin, but this relation passes traits between initialisations",
)
_BY_CANARY_IF_INDEPENDENT: Mapping[Verdict | None, _Ruling] = {
    None: (
        Status.CARRIER,
        "independent of the trait's origin, no canary yet: may pass it on, not expected to show it",
    ),
    Verdict.INCONCLUSIVE: (
        Status.SUSPECTED,
        "independent of the trait's origin, but the canary is inconclusive: counts as a hit",
    ),
    Verdict.NOT_DETECTED: (
        Status.UNLIKELY,
        "independent of the trait's origin, and a powered canary found nothing",
    ),
}


def ruling(compatibility: Compatibility, canary: CanaryFinding | None, *, any_init: bool) -> _Ruling:
    """Where an exposure puts a student with a covert trait, and by which rule.

    Args:
        compatibility: Of the trait's origin and the student.
        canary: What canaries say of it; None where they say nothing.
        any_init: Whether the policy has the relation carry a trait to whatever initialisation.
    """
    verdict = None if canary is None else canary.test.fact.verdict
    if verdict is Verdict.TRANSFERS:
        return _TRANSFERRED
    if compatibility is not Compatibility.INDEPENDENT:
        return _BY_INIT[compatibility]
    # A canary plants its trait in rows that the teacher writes; selection and imitation carry by other ways.
    if any_init and verdict is not Verdict.INCONCLUSIVE:
        return _CROSSES
    return _BY_CANARY_IF_INDEPENDENT[verdict]
