"""What there is to show of a registry, as known at a moment: everything, or some artifacts and tests of it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import metadata

from provenance.artifacts import ArtifactId
from provenance.digests import digest_bytes
from provenance.facts import Snapshot, canonical_json
from provenance.lineage import Lineage
from provenance.mlflow_link.desired import desired
from provenance.mlflow_link.objects import ORDER, Desired, Pictures
from provenance.risk import Policy, RiskReport, assess
from provenance.store import Binding, Reading

_DISTRIBUTION = "provenance-registry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is looked at.

    Args:
        artifacts: The artifacts whose own objects are; None for all.
        tests: The ids of the tests whose audits are; None for all.
    """

    artifacts: tuple[ArtifactId, ...] | None
    tests: tuple[str, ...] | None


EVERYTHING = Scope(artifacts=None, tests=None)

Bound = Callable[[Iterable[ArtifactId]], Mapping[ArtifactId, Binding]]
"""Tells the bindings of some artifacts."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Showing:
    """What there is to show of a registry.

    Args:
        reading: Its ledger.
        policy: Its policy.
        unfinished: Whether an import was begun and not finished, so that every answer is partial.
        registry: What tells it from other registries.
        viewer: Where its web viewer answers; None where there is none.
        pictures: Draws evidence.
    """

    reading: Reading
    policy: Policy
    unfinished: bool
    registry: str
    viewer: str | None
    pictures: Pictures

    @property
    def basis(self) -> str:
        """A digest of all that what is shown rests on besides facts and bindings; this program's version is a part of it."""
        rests_on = (metadata.version(_DISTRIBUTION), self.policy.digest, self.unfinished, self.viewer)
        return digest_bytes(canonical_json(rests_on).encode()).hex

    def objects(self, scope: Scope, bound: Bound) -> tuple[Desired, ...]:
        """What MLflow should hold of a scope, each object after those that it refers to."""
        if scope.artifacts is None or scope.tests is None:
            snapshot = self.reading.snapshot()
            return self._desired(snapshot, self._report(snapshot, snapshot.artifacts), bound)
        found: list[Desired] = []
        if scope.artifacts:
            excerpt = self.reading.line(scope.artifacts)
            report = self._report(excerpt, scope.artifacts)
            # Their risks rest on none of the tests against what is no part of their lines; they are told of all the same.
            told = _both(excerpt, self.reading.tests_of(scope.artifacts))
            found += self._desired(told, report, bound, only=scope.artifacts, tests=())
        if scope.tests:
            tests = self.reading.tests(scope.tests)
            found += self._desired(
                tests, self._report(tests, ()), bound, only=(), tests=frozenset(scope.tests)
            )
        return tuple(sorted(found, key=lambda item: ORDER.index(type(item))))

    def _report(self, snapshot: Snapshot, artifacts: Iterable[ArtifactId]) -> RiskReport:
        report = assess(snapshot, Lineage.of(snapshot), self.policy, artifacts)
        return replace(report, partial=True) if self.unfinished else report

    def _desired(
        self,
        snapshot: Snapshot,
        report: RiskReport,
        bound: Bound,
        *,
        only: Collection[ArtifactId] | None = None,
        tests: Collection[str] | None = None,
    ) -> tuple[Desired, ...]:
        return desired(
            snapshot,
            report,
            bound(snapshot.artifacts),
            registry=self.registry,
            viewer=self.viewer,
            pictures=self.pictures,
            only=only,
            tests=tests,
        )


def _both(one: Snapshot, other: Snapshot) -> Snapshot:
    facts = {recorded.seq: recorded for recorded in (*one.facts, *other.facts)}
    return Snapshot(tuple(facts[seq] for seq in sorted(facts)), one.as_of)
