"""Recording another name of an artifact."""

from provenance.artifacts import Alias
from provenance.errors import ConflictError
from provenance.facts import Recorded
from provenance.store import Transaction


def add_alias(transaction: Transaction, alias: Alias) -> Recorded[Alias]:
    """Records another name of an artifact, or returns the one recorded as the same.

    Raises:
        ConflictError: An artifact of the same kind bears the name itself, or another one has it as an alias.
    """
    kind = alias.artifact.kind
    bearer = next((one for one in transaction.named([alias.name])[alias.name] if one.id.kind is kind), None)
    if bearer is not None:
        raise ConflictError(
            f"{alias.name!r} is the name of {bearer.id} itself, and can't mean {alias.artifact} as well",
            hint="An artifact that bears a name comes before one that has it as an alias.",
        )
    for recorded in transaction.about("alias", [alias.name]):
        if recorded.fact == alias:
            return recorded
        if recorded.fact.artifact.kind is kind:
            raise ConflictError(
                f"{alias.name!r} is an alias of {recorded.fact.artifact} already, and can't mean {alias.artifact} as well",
                hint="What is recorded stays; refer to the other one by its own name.",
            )
    return transaction.append(alias)
