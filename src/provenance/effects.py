"""Effects: what findings change, worked out by asking where artifacts stand with a trait without them and with them."""

from provenance.facts import Snapshot
from provenance.lineage import Lineage
from provenance.risk import Change, Policy, Status, survey

_STATUSES = tuple(Status)


def changed(before: Snapshot, after: Snapshot, policy: Policy, trait: str) -> tuple[Change, ...]:
    """The artifacts that stand elsewhere with a trait than before, worst first.

    Args:
        before: What was known without the findings: an excerpt that holds what they are about, all below it, and all that answers about
            these rest on.
        after: What is known with them: the same artifacts, relations and evidence.
        policy: The policy that applies.
        trait: The trait that they are about.
    """
    if before is after:
        return ()
    lineage = Lineage.of(after)
    then = survey(Lineage.over(lineage.table, before), policy, trait=trait)
    now = survey(lineage, policy, trait=trait)
    found = [
        Change(artifact=lineage.artifact(node), trait=trait, before=_STATUSES[old], after=_STATUSES[new])
        for node, (old, new) in enumerate(zip(then.ranks, now.ranks, strict=True))
        if old != new and lineage.table.recorded[node]
    ]
    return tuple(
        sorted(found, key=lambda one: one.after.rank)
    )  # of those that stand alike in order of their names
