"""Recording a plan: batch by batch, each in one transaction, so that a stop leaves whole artifacts and the same import goes on.

A plan holds as long as nobody else records anything. When a batch finds that somebody did, the import is planned anew under the
writer's lock, against what is recorded by then; what the import itself has recorded is then found there, and skipped. The same
happens when an import that was stopped is begun again: nothing but the ledger says how far it came.
"""

import gc
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provenance.artifacts import Alias, Artifact
from provenance.digests import Digest, digest_bytes, digest_file
from provenance.facts import Fact, canonical_json
from provenance.importing.known import Known
from provenance.importing.plan import PLACEHOLDER, Plan
from provenance.importing.planning import plan_import
from provenance.importing.report import ImportReport, RowFate, outcomes_of, row_fates
from provenance.interop import ForeignGraph, read_graph, read_renames
from provenance.relations import Relation, Unresolved
from provenance.store import Begun, Ledger, Reading, StoredImports

BATCH_FACTS = 100_000
"""As many facts are recorded together: enough for a fast database, few enough for little memory and a quick stop."""

ImportProgress = Callable[[int, int], None]
"""Told how many facts are recorded, of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is imported, and how it is read.

    Args:
        files: The files.
        format: The name of their format, see `provenance.interop.FORMATS`.
        mapping: Keys of a mapping, see `provenance.interop.mapping`.
        nodes: Lists of nodes that tell more of what the files name.
        renames: A list of renames, with the columns ``old`` and ``new``.
    """

    files: tuple[Path, ...]
    format: str = "edges"
    mapping: Mapping[str, object] = field(default_factory=dict, hash=False)
    nodes: tuple[Path, ...] = ()
    renames: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All its files."""
        return (*self.files, *self.nodes, *((self.renames,) if self.renames else ()))

    def digest(self) -> Digest:
        """What the files hold and how they are read, wherever they lie.

        Raises:
            ContentError: A file can't be read.
        """
        told = {"files": [digest_file(path).hex for path in self.paths], "format": self.format}
        return digest_bytes(canonical_json({**told, "mapping": self.mapping}).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a graph comes from.

    Args:
        names: What was read, for people.
        format: How.
        key: What tells it from everything else that is imported; asked for when recording begins.
    """

    names: tuple[str, ...]
    format: str
    key: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Imported:
    """An import that is done.

    Args:
        report: What came of it.
        fates: What became of each row, anew at each call.
    """

    report: ImportReport
    fates: Callable[[], Iterator[RowFate]]


def import_graph(
    ledger: Ledger,
    source: Source,
    *,
    actor: str,
    dry_run: bool = False,
    progress: ImportProgress | None = None,
) -> Imported:
    """Reads a foreign graph, plans it as a whole, and records it.

    Raises:
        ContentError: A file is not what it should be; nothing is recorded.
        UsageError: There is no such format, or it takes no mapping.
    """
    with _without_collecting():
        graph = read_graph(source.files, source.format, words=source.mapping, nodes=source.nodes)
        renames = read_renames(source.renames) if source.renames else {}
        origin = Origin(
            names=tuple(map(str, source.paths)), format=source.format, key=lambda: source.digest().hex
        )
        return record_graph(
            ledger, graph, origin, renames=renames, actor=actor, dry_run=dry_run, progress=progress
        )


def record_graph(
    ledger: Ledger,
    graph: ForeignGraph,
    origin: Origin,
    *,
    actor: str,
    renames: Mapping[str, str] | None = None,
    dry_run: bool = False,
    progress: ImportProgress | None = None,
) -> Imported:
    """Plans a graph as a whole, and records it.

    Args:
        ledger: Where.
        graph: What there is to record.
        origin: Where it comes from.
        actor: Who records it.
        renames: Old name to new.
        dry_run: Whether to plan only.
        progress: Told how many facts are recorded, of how many.
    """
    run = _Run(graph, renames or {})
    plan = run.plan(ledger.at())
    if dry_run:
        recorded = sum((_sorts(unit) for unit in plan.units()), Counter[str]())
    else:
        recorded = run.record(ledger, origin, actor, progress or (lambda *_: None))
    outcomes, omissions = outcomes_of(graph, plan)
    report = ImportReport(
        files=origin.names,
        format=origin.format,
        rows=graph.rows,
        recorded={sort: recorded[sort] for sort in sorted(recorded)},
        outcomes=outcomes,
        omissions=omissions,
        assumed=plan.assumed,
        notes=tuple(plan.notes),
        dry_run=dry_run,
    )
    return Imported(report, lambda: row_fates(graph, plan))


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Keeps the garbage collector from looking through a million rows again and again: none of them is in a circle."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class _Run:
    """One import, planned as often as others record something between its batches.

    Args:
        graph: What the files say.
        renames: Old name to new.
    """

    def __init__(self, graph: ForeignGraph, renames: Mapping[str, str]) -> None:
        self._graph, self._renames = graph, renames
        self._transactions = 0
        self._units: Iterator[list[Fact]] = iter(())
        self._size = 0

    def plan(self, reading: Reading) -> Plan:
        """Plans what is still to be recorded, against what is."""
        plan = plan_import(self._graph, Known(reading), self._renames)
        self._transactions, self._units, self._size = reading.head.number, plan.units(), plan.size
        return plan

    def record(self, ledger: Ledger, origin: Origin, actor: str, progress: ImportProgress) -> Counter[str]:
        """Records all of it, and returns how many facts of each sort that were."""
        recorded: Counter[str] = Counter()
        done = 0
        memory = _Memory(ledger.imports(), origin, self._size)
        while True:
            with ledger.transaction(actor) as transaction:
                reading = transaction.reading()
                if reading.head.number != self._transactions:
                    self.plan(reading)
                batch = list(_batch(self._units))
                for fact in batch:
                    transaction.append(fact)
            if not batch:
                break
            self._transactions += 1
            self._size -= len(batch)
            recorded += _sorts(batch)
            done += len(batch)
            memory.note(self._size)
            progress(done, done + self._size)
        memory.finish()
        return recorded


class _Memory:
    """How far an import of several batches came, for `provenance status`.

    Args:
        stored: Where it is kept.
        origin: What is imported.
        left: How many facts are to be recorded.
    """

    def __init__(self, stored: StoredImports, origin: Origin, left: int) -> None:
        self._stored, self._key = stored, origin.key()
        self._files = ", ".join(origin.names)
        begun = {one.key: _facts_of(one) for one in stored.all() if _files_of(one) == self._files}
        self._facts = begun.get(self._key, left)
        # What was begun of these files before they were changed ends with this import, too.
        self._keys = {*begun, *((self._key,) if left > BATCH_FACTS else ())}
        self.note(left)

    def note(self, left: int) -> None:
        """Remembers how many facts are left."""
        if self._key in self._keys:
            body = canonical_json({"facts": self._facts, "files": self._files})
            self._stored.put(Begun(key=self._key, position=max(self._facts - left, 0), body=body))

    def finish(self) -> None:
        """Forgets it."""
        for key in self._keys:
            self._stored.forget(key)


def _files_of(begun: Begun) -> str:
    return str(json.loads(begun.body)["files"])


def _facts_of(begun: Begun) -> int:
    return int(json.loads(begun.body)["facts"])


def unfinished(stored: StoredImports) -> tuple[str, ...]:
    """The imports that were begun and not finished, a sentence each."""
    return tuple(
        f"the import of {_files_of(one)} was not finished: {one.position} of {_facts_of(one)} facts are recorded; "
        "the same command goes on, `provenance import --give-up` ends it here"
        for one in stored.all()
    )


def _batch(units: Iterator[list[Fact]]) -> Iterator[Fact]:
    """The facts of the next units, whole ones, `BATCH_FACTS` and what the last of them has beyond that."""
    count = 0
    for unit in units:
        yield from unit
        count += len(unit)
        if count >= BATCH_FACTS:
            return


def _sorts(facts: Sequence[Fact]) -> Counter[str]:
    """How many facts there are of each sort; the placeholders are among the artifacts."""
    sorts: Counter[str] = Counter()
    for fact in facts:
        if isinstance(fact, Artifact):
            sorts[f"{fact.id.kind}s"] += 1
            sorts["placeholders"] += fact.metadata is PLACEHOLDER
        else:
            sorts[_SORTS[type(fact)]] += 1
    return +sorts


_SORTS: Mapping[type[Any], str] = {Relation: "relations", Unresolved: "unresolved names", Alias: "aliases"}
