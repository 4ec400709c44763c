"""What became of every row of an import."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from provenance.importing.plan import Fate, Plan
    from provenance.interop import Edge, ForeignGraph, Missing, Node


class Outcome(StrEnum):
    """What became of a row."""

    RECORDED = "recorded"
    KNOWN = "already recorded"
    REPEATED = "repeated"
    UNRESOLVED = "left out, ancestry unknown"
    SKIPPED = "skipped"


class RowFate(NamedTuple):
    """What became of one row, and why.

    Args:
        file: Which file.
        line: Line in it; of a JSON array, the number of the record; 0 where there are no lines.
        what: What the row says, in a few words.
        outcome: What became of it.
        reason: Why, where it was not recorded; one of few.
        detail: What is particular about this one.
    """

    file: str
    line: int
    what: str
    outcome: Outcome
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Omission:
    """Rows that were not recorded for one reason.

    Args:
        outcome: What became of them.
        reason: Why.
        rows: How many there are.
        first: File and line of the first, or where else it stands.
    """

    outcome: Outcome
    reason: str
    rows: int
    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import read and recorded.

    Args:
        files: What was read.
        format: How.
        rows: Number of rows: one for each artifact that is described, and one for each parent that is named.
        recorded: How many facts of each sort were recorded now, or of a dry run would be; placeholders are among the artifacts.
        outcomes: How many rows came to what.
        omissions: Why rows were not recorded, the most frequent reasons first.
        assumed: Relations of which the files do not say what they are: what they most likely are is recorded.
        notes: What people should know, a sentence each.
        dry_run: Whether nothing was recorded.
    """

    files: tuple[str, ...]
    format: str
    rows: int
    recorded: Mapping[str, int] = field(hash=False)
    outcomes: Mapping[Outcome, int] = field(hash=False)
    omissions: tuple[Omission, ...]
    assumed: int
    notes: tuple[str, ...]
    dry_run: bool


def row_fates(graph: "ForeignGraph", plan: "Plan") -> Iterator[RowFate]:
    """What became of each row: those that describe artifacts, those that name parents, those that were skipped."""
    from provenance.importing.plan import RECORDED

    for row, node in enumerate(graph.nodes):
        fate = plan.node_fates.get(row, RECORDED)
        yield _fate(node.file, node.line, f"{node.kind}:{node.name}", fate)
    for row, edge in enumerate(graph.edges):
        yield _of_parent(edge, plan.edge_fates.get(row, RECORDED))
    for row, missing in enumerate(graph.missing):
        yield _of_parent(missing, plan.missing_fates.get(row, RECORDED))
    for skipped in graph.skipped:
        yield RowFate(skipped.file, skipped.line, skipped.what, Outcome.SKIPPED, skipped.reason, "")


def _of_parent(row: "Edge | Missing", fate: "Fate") -> RowFate:
    return _fate(row.file, row.line, f"{row.child} {row.kind} {row.parent}", fate)


def _fate(file: str, line: int, what: str, fate: "Fate") -> RowFate:
    return RowFate(file, line, what, fate.outcome, fate.reason, fate.detail)


def outcomes_of(graph: "ForeignGraph", plan: "Plan") -> tuple[dict[Outcome, int], tuple[Omission, ...]]:
    """How many rows came to what; and why rows were not recorded."""
    told: list[tuple[Outcome, str, str, int]] = []
    for rows, fates in _fated(graph, plan):
        for row, fate in sorted(fates.items()):
            told.append((fate.outcome, fate.reason, rows[row].file, rows[row].line))
    told += [(Outcome.SKIPPED, skipped.reason, skipped.file, skipped.line) for skipped in graph.skipped]
    outcomes = Counter(outcome for outcome, *_ in told)
    outcomes[Outcome.RECORDED] = graph.rows - len(told)  # of most rows, nothing is told
    reasons = Counter((outcome, reason) for outcome, reason, *_ in told if reason)
    first = {
        (outcome, reason): f"{file}:{line}" if line else file
        for outcome, reason, file, line in reversed(told)
    }
    found = tuple(
        Omission(outcome=key[0], reason=key[1], rows=rows, first=first[key])
        for key, rows in reasons.most_common()
    )
    return {outcome: outcomes[outcome] for outcome in Outcome if outcomes[outcome]}, found


def _fated(
    graph: "ForeignGraph", plan: "Plan"
) -> "Iterator[tuple[Sequence[Node | Edge | Missing], Mapping[int, Fate]]]":
    yield graph.nodes, plan.node_fates
    yield graph.edges, plan.edge_fates
    yield graph.missing, plan.missing_fates
