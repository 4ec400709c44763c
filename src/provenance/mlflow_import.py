"""Importing a whole MLflow history: read, turned into rows, recorded as any graph is, and bound to the objects that others made there.

Everything but the reading is done anew at each import, and what is recorded already is found and stays. So an import that was stopped
goes on when it is begun again.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from provenance.artifacts import ArtifactId
from provenance.digests import digest_bytes
from provenance.errors import BusyError
from provenance.facts import canonical_json
from provenance.importing import ImportReport, Origin, record_graph
from provenance.mlflow_link.history.graph import takeover
from provenance.mlflow_link.history.memory import gather
from provenance.mlflow_link.history.reading import HistorySource, Via, read_history
from provenance.mlflow_link.history.sql import store_name
from provenance.store import Binding, Ledger, StoredProjection

HistoryProgress = Callable[[str, int, int], None]
"""Told what is counted (runs that are read, facts that are recorded), how many are done, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryImport:
    """What an import of an MLflow history read and recorded.

    Args:
        mlflow: Which MLflow.
        via: How it was read.
        whole: Whether all of it was read; otherwise what is new since the last import.
        read: How many objects of each sort were read.
        imported: What became of them.
        bound: Artifacts that were bound to objects in MLflow which they had not been bound to.
        seconds: How long it took.
    """

    mlflow: str
    via: Via
    whole: bool
    read: Mapping[str, int] = field(hash=False)
    imported: ImportReport
    bound: int
    seconds: float


def import_history(
    ledger: Ledger,
    memory: StoredProjection,
    source: HistorySource,
    *,
    actor: str,
    dry_run: bool = False,
    progress: HistoryProgress | None = None,
) -> HistoryImport:
    """Imports a history, as far as it is not recorded.

    Args:
        ledger: Where it is recorded.
        memory: What is remembered of the MLflow.
        source: Which history, and how it is read.
        actor: Who records it.
        dry_run: Whether to say only what would be recorded.
        progress: See `HistoryProgress`.

    Raises:
        BusyError: Another process imports from there just now.
        UsageError: It can't be read in the way that is asked for.
        MlflowError: It can't be read; nothing is recorded.
    """
    began = time.perf_counter()
    tell = progress or (lambda *_: None)
    with memory.held(purpose="import") as is_ours:
        if not is_ours:
            raise BusyError(
                f"another process imports {source.name} just now",
                hint="Leave it to go on; then type the command again, if need be.",
            )
        ours = frozenset(name for _, name in memory.all().values())
        read = read_history(source, memory.scanned(), lambda done, total: tell("runs", done, total), ours)
        known = gather(read.history, ledger, memory)
        taken = takeover(read.history, known, source.parent_tags)
        if read.note:
            taken.graph.notes.append(read.note)
        origin = Origin(
            names=(source.name,),
            format="mlflow",
            key=lambda: digest_bytes(canonical_json({"mlflow": memory.target}).encode()).hex,
        )
        imported = record_graph(
            ledger,
            taken.graph,
            origin,
            actor=actor,
            dry_run=dry_run,
            progress=lambda done, total: tell("facts", done, total),
        )
        new = _new(taken.bindings, known.bound)
        if not dry_run:
            memory.bind_all(new)
            if read.scanned is not None:
                memory.remember_scan(read.scanned)
    return HistoryImport(
        mlflow=store_name(source.uri),
        via=read.via,
        whole=read.history.whole,
        read=taken.read,
        imported=imported.report,
        bound=len(new),
        seconds=time.perf_counter() - began,
    )


def _new(
    found: Mapping[ArtifactId, Binding], before: Mapping[ArtifactId, Binding]
) -> dict[ArtifactId, Binding]:
    """The bindings that say more than what is known."""
    return {
        artifact: binding
        for artifact, binding in found.items()
        if before.get(artifact, Binding()).completed(binding) != before.get(artifact)
    }
