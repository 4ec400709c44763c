"""How a registry stands, in one look.

What it holds is counted by the database. What is owed to it has to be worked out from all that it holds, so that is done for small
registries only, where it takes a moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from provenance.artifacts import ArtifactKind
from provenance.facts import FACT_TYPES
from provenance.store import Head

if TYPE_CHECKING:
    from provenance.mlflow_link.lag import MlflowStatus

WORKED_OUT_UP_TO = 20_000
"""Facts in the largest registry of which it is worked out what is owed: about a second's work."""

_PLURAL = {"alias": "aliases", "evidence": "tests", "unresolved": "unresolved names"}
_UNCOUNTED = frozenset({"artifact", "location"})  # artifacts are counted by kind, and places are no news


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What a registry still owes.

    Args:
        tests: Tests that edges still lack.
        unsketched: Models that were registered with their files, and of which no sketch is kept: nothing finds their kin. None at an
            earlier date, since it is not on record when a sketch was drawn.
    """

    tests: int
    unsketched: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryStatus:
    """How a registry stands.

    Args:
        registry: Where it is.
        entries: Number of facts.
        transactions: Number of transactions.
        head: Digest of the last one.
        recorded_at: When that was, aware, UTC.
        counts: How many of each kind of artifact and each type of fact.
        tests_owed: Tests that edges still lack; None where that was not worked out, see `WORKED_OUT_UP_TO`.
        unsketched: Models that were registered with their files, and of which no sketch is kept; None as above.
        mlflow: The MLflow that it is projected to.
        mlflow_behind: Facts that came after all that it was told of; None at an earlier date, and where there is no MLflow.
        mlflow_pending: Objects that it was not told of in their present state; None as before, and where too many would have to be
            looked at.
        mlflow_refused: Objects that it would not take; None as the facts.
        unfinished_imports: The imports that were begun and not finished, a sentence each; none at an earlier date.
    """

    registry: str
    entries: int
    transactions: int
    head: str
    recorded_at: datetime | None
    counts: Mapping[str, int] = field(hash=False)
    tests_owed: int | None
    unsketched: int | None
    mlflow: str | None
    mlflow_behind: int | None
    mlflow_pending: int | None
    mlflow_refused: int | None
    unfinished_imports: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        counts: Mapping[str, int],
        *,
        name: str,
        head: Head,
        mlflow: str | None,
        owed: Owed | None,
        lag: "MlflowStatus | None",
        unfinished_imports: tuple[str, ...],
    ) -> "RegistryStatus":
        """Says what is held and owed.

        Args:
            counts: How many there are of each kind of artifact and type of fact, as `provenance.store.Reading.counts` tells.
            name: Where the registry is.
            head: The end of its chain.
            mlflow: The MLflow that it is projected to.
            owed: What is owed, where that was worked out.
            lag: How far the MLflow is behind, where there is one.
            unfinished_imports: The imports that were begun and not finished, a sentence each.
        """
        return cls(
            registry=name,
            entries=head.entries,
            transactions=head.number,
            head=head.digest,
            recorded_at=head.recorded_at,
            counts=in_plural(counts),
            tests_owed=None if owed is None else owed.tests,
            unsketched=None if owed is None else owed.unsketched,
            mlflow=mlflow,
            mlflow_behind=None if lag is None else lag.behind,
            mlflow_pending=None if lag is None else lag.pending,
            mlflow_refused=None if lag is None else len(lag.failures),
            unfinished_imports=unfinished_imports,
        )


def in_plural(counts: Mapping[str, int]) -> Mapping[str, int]:
    """How many there are of what, as people say it: the kinds of artifact first, then the types of fact that there are any of."""
    kinds = {f"{kind}s": counts.get(kind, 0) for kind in ArtifactKind}
    types = sorted(FACT_TYPES.keys() - _UNCOUNTED)
    return kinds | {_PLURAL.get(one, f"{one}s"): counts[one] for one in types if counts.get(one)}
