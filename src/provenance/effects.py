"""Effects: what findings change, worked out by asking where artifacts stand with a trait without them and with them.

A finding is about one trait, and changes nothing but at and below one artifact, its subject. So both questions are asked of that trait
and of that part of the lineage alone.
"""

from collections.abc import Iterable

from provenance.artifacts import ArtifactId
from provenance.facts import Snapshot
from provenance.lineage import Lineage
from provenance.risk import Change, Policy, assess, changes


def changed(
    before: Snapshot, after: Snapshot, policy: Policy, trait: str, subjects: Iterable[ArtifactId]
) -> tuple[Change, ...]:
    """The artifacts that stand elsewhere with a trait than before, worst first.

    Args:
        before: What was known without the findings: an excerpt with the subjects, all below them, and all that answers about those
            rest on.
        after: What is known with them: the same artifacts, relations and evidence.
        policy: The policy that applies.
        trait: The trait that they are about.
        subjects: The artifacts at and below which they can change anything.
    """
    if before is after:
        return ()
    lineage = Lineage.of(after)
    wanted = frozenset(subjects)
    below = {relative.artifact for subject in wanted for relative in lineage.descendants(subject)}
    touched = sorted(wanted | below)
    then = assess(before, Lineage.of(before), policy, touched, trait=trait)
    return changes(then, assess(after, lineage, policy, touched, trait=trait))
