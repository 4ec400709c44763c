"""Whether what an artifact is measured against may have the trait itself: to have no more of it than a carrier has clears nothing."""

from provenance.artifacts import ArtifactId
from provenance.facts import Snapshot
from provenance.lineage import Lineage
from provenance.risk import Policy, Status, assess

FREE = frozenset({Status.CLEAR, Status.CLEARED, Status.UNLIKELY})
"""Where an artifact has to stand for another to be cleared by comparison with it."""


def objection(lineage: Lineage, base: ArtifactId, trait: str, policy: Policy) -> str:
    """Why to have no more of a trait than a base has is no clearance; empty where it is one.

    Args:
        lineage: What is recorded.
        base: What is measured against.
        trait: Name of a trait; of one that is not recorded nothing is known, and nothing is in the way.
        policy: The policy to apply.

    Raises:
        UnknownReferenceError: The base is not recorded.
    """
    standing = _standing(lineage, base, trait, policy)
    if standing is None or standing in FREE:
        return ""
    return (
        f"for {trait}, {base} is {standing.upper()} itself, and to have no more of it than that is no clearance; "
        "--base names another model to measure against"
    )


def _standing(lineage: Lineage, artifact: ArtifactId, trait: str, policy: Policy) -> Status | None:
    snapshot: Snapshot = lineage.snapshot
    if trait not in snapshot.traits:
        return None
    return assess(snapshot, lineage, policy, [artifact], trait=trait).artifacts[0].status
