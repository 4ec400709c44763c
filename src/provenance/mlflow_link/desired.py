"""What MLflow should hold, as plain values: a function of the facts, the risks and what others made there, and of nothing else.

Which objects an artifact becomes:

==========  ===================================================================================================
model       a record run, a logged model without weights, a registered model (one for each name) and a version of it
teacher     a record run and a logged model: nobody can deploy a teacher, so it has no place among the registered models,
            but a logged model can be a run's input, which makes it visible wherever it had a hand in the data
dataset     a record run, which carries the dataset as an input (MLflow knows datasets in no other way)
evidence    an audit run, with the audited artifacts as its inputs
==========  ===================================================================================================

A record run has the parents as its inputs and, but for a dataset, the logged model as its output. An artifact for which others made a
version or a logged model becomes none of these: theirs are adopted, and only told of. An object of ours that told of it before points
there.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType

from provenance.artifacts import ArtifactId
from provenance.evidence import Evidence
from provenance.facts import Recorded, Snapshot
from provenance.mlflow_link.audits import audit
from provenance.mlflow_link.entries import Entry
from provenance.mlflow_link.objects import ORDER, Desired, Pictures
from provenance.mlflow_link.subjects import Bindings
from provenance.relations import Relation
from provenance.risk.report import RiskReport
from provenance.traits import Flag

NO_BINDINGS: Bindings = MappingProxyType({})


def no_pictures(evidence: Evidence) -> Mapping[str, Callable[[], bytes]]:  # noqa: ARG001 - the shape of `Pictures`
    """Shows no test by a picture."""
    return {}


def desired(
    snapshot: Snapshot,
    report: RiskReport,
    bindings: Bindings = NO_BINDINGS,
    *,
    registry: str = "",
    viewer: str | None = None,
    pictures: Pictures = no_pictures,
    only: Collection[ArtifactId] | None = None,
    tests: Collection[str] | None = None,
) -> tuple[Desired, ...]:
    """What MLflow should hold, each object after those that it refers to.

    Args:
        snapshot: The facts.
        report: The risks of its artifacts. One that is not in the report is projected without a status.
        bindings: The objects that others made for artifacts: all of those that the facts name.
        registry: What tells the registry from others, see `StoredProjection.registry`.
        viewer: The web viewer's address, to link to.
        pictures: What draws a test.
        only: The artifacts whose own objects are wanted; None for all.
        tests: Ids of the evidence whose audit runs are wanted; None for all.
    """
    risks = {entry.artifact: entry for entry in report.artifacts}
    relations = _relations(snapshot.all(Relation))
    flags: dict[ArtifactId, list[Recorded[Flag]]] = {}
    for flag in snapshot.standing_flags:
        flags.setdefault(flag.fact.artifact, []).append(flag)
    evidence = snapshot.all(Evidence)
    tested = _latest_tests(evidence)
    objects: dict[str, Desired] = {}
    for id_ in snapshot.artifacts if only is None else only:
        entry = Entry(
            snapshot=snapshot,
            report=report,
            bindings=bindings,
            registry=registry,
            viewer=viewer,
            recorded=snapshot.artifacts[id_],
            relations=relations.get(id_, ()),
            flags=tuple(flags.get(id_, ())),
            risks=risks.get(id_),
            tests=tested.get(id_, ()),
        )
        objects |= {item.subject: item for item in entry.objects()}
    for recorded in evidence:
        if tests is None or recorded.id in tests:
            objects |= {item.subject: item for item in audit(snapshot, recorded, bindings, pictures)}
    return tuple(sorted(objects.values(), key=lambda item: ORDER.index(type(item))))


def _relations(recorded: Iterable[Recorded[Relation]]) -> dict[ArtifactId, tuple[Relation, ...]]:
    """The relations of each child, one that was stated twice once."""
    found: dict[ArtifactId, dict[object, Relation]] = {}
    for one in recorded:
        found.setdefault(one.fact.child, {})[one.fact.key] = one.fact
    return {child: tuple(parents.values()) for child, parents in found.items()}


def _latest_tests(recorded: Iterable[Recorded[Evidence]]) -> dict[ArtifactId, tuple[Recorded[Evidence], ...]]:
    """The tests of each artifact as the younger of two: the latest against each other end."""
    found: dict[ArtifactId, dict[object, Recorded[Evidence]]] = {}
    for one in recorded:
        pairs = found.setdefault(one.fact.child, {})
        pairs.pop(key := (one.fact.test, one.fact.parent), None)
        pairs[key] = one
    return {child: tuple(pairs.values()) for child, pairs in found.items()}
