"""What is done when something happened in an MLflow: what is new is imported, and what the registry knows is mirrored if that was asked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.errors import BusyError, ProvenanceError
from provenance.mlflow_import import HistoryImport
from provenance.mlflow_link.history.sql import UnknownRevisionError
from provenance.mlflow_link.sync import SyncReport
from provenance.mlflow_server.bell import Bell, Rhythm

if TYPE_CHECKING:
    from provenance.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at an MLflow brought.

    Args:
        imported: What was imported; None where that did not come to its end.
        mirrored: What was mirrored; None where it was not asked for, or did not come to its end.
        problem: Why not, and what to do.
    """

    imported: HistoryImport | None = None
    mirrored: SyncReport | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where there is something to import.

    Args:
        uri: The MLflow, as the registry's memory knows it; None for the registry's own.
        store: The database behind it, to be read instead of asking the MLflow, if that can be; or None.
    """

    uri: str | None = None
    store: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Goes to a registry and has it import.

    Args:
        open_registry: Opens the registry; it is done for each look anew, so that one which was away is found again.
        source: Where there is something to import, for a registry.
        mirror: Whether to project afterwards what MLflow was not told.
    """

    open_registry: "Callable[[], Registry]"
    source: "Callable[[Registry], Source]"
    mirror: bool = False

    def looks(self, bell: Bell, rhythm: Rhythm) -> Iterator[Look]:
        """Takes a look each time that a bell was rung, and tells what it brought, until the bell's end."""
        for look in bell.looks(self._look, rhythm):
            if look is not None:
                yield look
            else:
                bell.ring()

    def _look(self) -> Look | None:
        """None where somebody else was importing, and perhaps began too early to see what this look is for."""
        imported = mirrored = problem = None
        try:
            with self.open_registry() as registry:
                source = self.source(registry)
                imported = _imported(registry, source)
                if self.mirror:
                    mirrored = registry.mlflow_sync(source.uri)
                    problem = _refused(mirrored)
        except BusyError:
            return None
        except ProvenanceError as error:
            problem = f"{error.message} ({error.hint})" if error.hint else error.message
        return Look(imported=imported, mirrored=mirrored, problem=problem)


def _imported(registry: "Registry", source: Source) -> HistoryImport:
    try:
        return registry.mlflow_import(source.uri, store=source.store)
    except UnknownRevisionError:
        if source.store is None:
            raise
        return registry.mlflow_import(source.uri)


def _refused(report: SyncReport) -> str | None:
    if not report.failed:
        return None
    first = report.failed[0]
    return f"MLflow refused {len(report.failed)} of our objects, {first.subject} because of: {first.message}"
