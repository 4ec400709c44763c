"""How a registry stands, in one look."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from provenance.artifacts import ArtifactKind
from provenance.facts import TYPE_NAMES, Snapshot
from provenance.store import Head

_PLURAL = {"evidence": "tests", "unresolved": "unresolved names"}


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
        tests_owed: Tests that edges still lack.
        unsketched: Models that were registered with their files, and of which no sketch is kept: nothing finds their kin.
        mlflow: The MLflow that it is projected to.
        mlflow_pending: Objects which that was not told of in their present state.
    """

    registry: str
    entries: int
    transactions: int
    head: str
    recorded_at: datetime | None
    counts: Mapping[str, int] = field(hash=False)
    tests_owed: int
    unsketched: int
    mlflow: str | None
    mlflow_pending: int

    @classmethod
    def of(
        cls,
        snapshot: Snapshot,
        *,
        name: str,
        head: Head,
        tests_owed: int,
        unsketched: int,
        mlflow: str | None,
        mlflow_pending: int,
    ) -> "RegistryStatus":
        """Counts what a snapshot holds."""
        kinds = Counter(artifact.kind for artifact in snapshot.artifacts)
        types = Counter(TYPE_NAMES[type(recorded.fact)] for recorded in snapshot.facts)
        del types["artifact"], types["location"]
        counts = {f"{kind}s": kinds[kind] for kind in ArtifactKind}
        return cls(
            registry=name,
            entries=head.entries,
            transactions=head.number,
            head=head.digest,
            recorded_at=head.recorded_at,
            counts=counts | {_PLURAL.get(name, f"{name}s"): types[name] for name in sorted(types)},
            tests_owed=tests_owed,
            unsketched=unsketched,
            mlflow=mlflow,
            mlflow_pending=mlflow_pending,
        )
