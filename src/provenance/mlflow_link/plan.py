"""What is still to be written to MLflow. Nothing here imports MLflow, so that lag can be told at no cost."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from provenance.facts import Snapshot
from provenance.mlflow_link.desired import desired
from provenance.mlflow_link.objects import Desired, Links, LoggedModel, ModelVersion, Superseded, state_digest
from provenance.risk.report import RiskReport


class Keeper(Protocol):
    """Remembers what one MLflow (one URI) was told, subject by subject. It may be lost: objects are then found again."""

    def put(self, subject: str, state_digest: str, external_id: str) -> None:
        """Remembers that a subject's state was written."""
        ...


class ProjectionState(Keeper, Protocol):
    """The same, to be read too."""

    def all(self) -> Mapping[str, tuple[str, str]]:
        """Subject to (digest of the state that was written, MLflow's own name for the object)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """An object that MLflow lacks, or holds in an earlier state.

    Args:
        desired: The object.
        digest: Digest of its state.
        external_id: MLflow's own name for it, if it was written before.
    """

    desired: Desired
    digest: str
    external_id: str | None


def plan(snapshot: Snapshot, report: RiskReport, state: ProjectionState) -> tuple[Pending, ...]:
    """What a sync would write now, in the order in which it would write it.

    Args:
        snapshot: The facts.
        report: The risks of its artifacts.
        state: What was written before.
    """
    return pending(desired(snapshot, report), state.all())


def pending(wanted: Iterable[Desired], told: Mapping[str, tuple[str, str]]) -> tuple[Pending, ...]:
    """Those objects whose state differs from what MLflow was told; of what was superseded, those that it was told of."""
    nothing = ("", None)
    return tuple(
        Pending(desired=item, digest=digest, external_id=external_id)
        for item in wanted
        for told_digest, external_id in [told.get(item.subject, nothing)]
        if external_id is not None or not isinstance(item, Superseded)
        if (digest := state_digest(item)) != told_digest
    )


def references(desired: Desired) -> tuple[str, ...]:
    """The subjects of the objects that have to be there before an object."""
    match desired:
        case LoggedModel():
            return (desired.run,)
        case ModelVersion():
            return (desired.registered, desired.model, desired.run)
        case Links():
            return (desired.run, *desired.models, *desired.outputs)
    return ()
