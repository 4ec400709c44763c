"""Verifying: whether a registry says what a report says that it said.

Nothing in the file is believed. What it claims to answer is asked again of the ledger as it was at the head that it names, under the policy
that it names, and the two answers are compared. Whoever edits a report can make its digest fit; nobody can make the ledger
say something else without breaking its chain, save who holds the registry itself, against whom a head noted elsewhere helps.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path
from typing import Any

from provenance.artifacts import ArtifactId
from provenance.errors import ContentError, ProvenanceError
from provenance.facts import canonical_json
from provenance.holdings import checked_path
from provenance.plain_text import one_line
from provenance.review.content import Outcome, Review
from provenance.review.documents import Document, Form, read, written
from provenance.review.grounds import Grounds
from provenance.review.sealing import as_data, digest_of, parsed, sealed
from provenance.store import Ledger, Reading
from provenance.version import __version__
from provenance.view import View

_MOST_DIFFERENCES = 10
_LONGEST = 120
_MOST_PROBLEMS = 5
_MISSING = object()


class Finding(StrEnum):
    """What came of one thing that was looked at, worst first."""

    FAILS = "fails"
    OPEN = "can't be told"
    HOLDS = "holds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One thing that was looked at.

    Args:
        name: Which: ``digest``, ``ledger``, ``complete``, ``answer``, ``page`` or ``content``.
        finding: What came of it.
        says: The same in words.
        differences: What differs, where something does; the first of it.
    """

    name: str
    finding: Finding
    says: str
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A verdict of the gate that is not what it was.

    Args:
        artifact: Of which artifact.
        then: What it said at the report's date.
        now: What it says now.
    """

    artifact: ArtifactId
    then: Outcome
    now: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Meanwhile:
    """What happened since a report, which makes it no less true of its date.

    Args:
        transactions: How many there were in the registry since.
        outcomes: The listed artifacts of which the gate says something else now, under the same policy.
    """

    transactions: int
    outcomes: tuple[Turned, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportVerification:
    """The outcome of verifying a report.

    Args:
        finding: The worst of all points.
        form: How the report is written.
        as_of: The date that it is made for, aware, UTC.
        head: The head of the ledger that it names.
        digest: The digest that it names.
        software: The version that it says wrote it.
        points: What was looked at.
        meanwhile: What happened since; None where its answer could not be asked for again.
    """

    finding: Finding
    form: Form
    as_of: datetime
    head: str
    digest: str
    software: str
    points: tuple[Point, ...]
    meanwhile: Meanwhile | None


def verify_report(
    ledger: Ledger, path: Path, *, content: bool = False, progress: Callable[[str], None] = lambda _what: None
) -> ReportVerification:
    """Says whether a ledger says what a report says that it said.

    Args:
        ledger: The ledger of the registry that the report was made from.
        path: The report, in any of its forms.
        content: Whether to digest the files of the lineage again.
        progress: Told what is looked at next.

    Raises:
        ConflictError: The report is of another registry.
        ContentError: The file can't be read, or is no report.
    """
    document = read(path)
    question = document.question
    reading = question.reading(ledger)
    points = list(_digest(document))
    progress("walking the ledger's chain")
    points.append(_chain(ledger, reading))
    remade: tuple[View, Review] | None = None
    if reading is not None and points[-1].finding is Finding.HOLDS:
        points.append(_complete(ledger, reading))
        progress("asking again")
        remade, answer = _answer(document, reading)
        points.append(answer)
    if remade is not None:
        points += _page(document, remade[0])
        points += _contents(ledger, *remade, progress) if content else ()
    return ReportVerification(
        finding=min((point.finding for point in points), key=list(Finding).index),
        form=document.form,
        as_of=question.as_of,
        head=question.head,
        digest=question.digest,
        software=question.software,
        points=tuple(points),
        meanwhile=None if remade is None else _meanwhile(ledger, *remade),
    )


# --- the points --------------------------------------------------------------------------------------------------------


def _digest(document: Document) -> Iterator[Point]:
    """Whether the review within a document is whole; Markdown holds none."""
    if document.data is None:
        return
    found = digest_of(dict(document.data))
    if found == document.question.digest:
        yield Point(
            name="digest", finding=Finding.HOLDS, says="the review in the file is whole: its digest fits"
        )
    else:
        says = f"the review in the file was changed: its digest is {found}, not {document.question.digest}"
        yield Point(name="digest", finding=Finding.FAILS, says=says)


def _chain(ledger: Ledger, reading: Reading | None) -> Point:
    """Whether the chain verifies and holds the report's head."""
    found = ledger.verify()
    if not found.ok:
        problems = tuple(f"{one.where}: {one.what}" for one in found.problems[:_MOST_PROBLEMS])
        says = f"the ledger's chain does not verify: {len(found.problems)} problems"
        return Point(name="ledger", finding=Finding.FAILS, says=says, differences=problems)
    if reading is None:
        says = "the ledger's chain does not hold the report's head: its end was cut off or rewritten, or the report names a wrong one"
        return Point(name="ledger", finding=Finding.FAILS, says=says)
    says = f"the chain of {found.entries} facts verifies, and its transaction {reading.head.number} is the report's head"
    return Point(name="ledger", finding=Finding.HOLDS, says=says)


def _complete(ledger: Ledger, reading: Reading) -> Point:
    """Whether the report knows of all that was recorded by its date.

    One transaction may have begun before the date and ended after the look at the ledger. Where there are two, the first had ended
    before the second began.
    """
    head, date = reading.head, reading.moment
    if head.recorded_at is not None and head.recorded_at > date:
        return Point(
            name="complete", finding=Finding.FAILS, says="the report's date is earlier than what it knows of"
        )
    missing = ledger.at(date).head.number - head.number
    if missing <= 0:  # less than none where the clock of a writer went back
        return Point(
            name="complete", finding=Finding.HOLDS, says="it knows of all that was recorded by its date"
        )
    if missing == 1:
        says = "a transaction that began by its date is not in it: it had not ended yet, or was left out"
        return Point(name="complete", finding=Finding.OPEN, says=says)
    says = f"{missing} transactions that were recorded by its date are not in it"
    return Point(name="complete", finding=Finding.FAILS, says=says)


def _answer(document: Document, reading: Reading) -> tuple[tuple[View, Review] | None, Point]:
    """Whether the registry gives the same answer to the question."""
    question = document.question
    try:
        view = question.view(reading)
        remade = sealed(replace(question.answer(view), software=question.software))
    except ProvenanceError as error:
        says = f"the registry can't be asked again: {error.message}"
        return None, Point(name="answer", finding=_by_version(document), says=says)
    if document.data is None:
        found = list(_lines(document.text, written(Form.MARKDOWN, view, remade)))
    else:
        found = list(_differences(_less_digest(document.data), _less_digest(as_data(remade))))
    if not found:
        says = "asked again at that head, under the policy in the report, the registry says the same"
        return (view, remade), Point(name="answer", finding=Finding.HOLDS, says=says)
    return (view, remade), Point(
        name="answer",
        finding=_by_version(document),
        says=f"asked again at that head, the registry says something else in {len(found)} places{_other_version(document)}",
        differences=tuple(found[:_MOST_DIFFERENCES]),
    )


def _page(document: Document, view: View) -> Iterator[Point]:
    """Whether what is to be seen on a page is what the review within it says."""
    if document.form is not Form.HTML or document.data is None:
        return
    from provenance.review.html import without_drawings

    try:
        shown = written(Form.HTML, view, parsed(dict(document.data)))
    except ProvenanceError as error:
        yield Point(name="page", finding=Finding.OPEN, says=f"the page can't be compared: {error.message}")
        return
    if shown == document.text:
        says = "the page shows what the review in it says, and nothing else"
        yield Point(name="page", finding=Finding.HOLDS, says=says)
    elif without_drawings(shown) == without_drawings(document.text):
        says = (
            "the page's text is what the review in it says; its drawings are not those made here, by another "
            "version of Graphviz or matplotlib or by another hand: do not go by them"
        )
        yield Point(name="page", finding=Finding.OPEN, says=says)
    else:
        yield Point(
            name="page",
            finding=_by_version(document),
            says=f"the page shows something else than the review in it says{_other_version(document)}",
            differences=tuple(_lines(document.text, shown))[:_MOST_DIFFERENCES],
        )


def _contents(ledger: Ledger, view: View, remade: Review, progress: Callable[[str], None]) -> Iterator[Point]:
    """Whether the files of the lineage are still what was registered."""
    known = ledger.at().line(remade.asked)
    members = sorted(view.kindred_above(remade.asked).lineage.line(remade.asked), key=str)
    recorded = (known.artifacts[one].fact for one in members if one in known.artifacts)
    wanted = [one.id for one in recorded if one.content is not None]
    changed, gone = list[str](), list[str]()
    for artifact in wanted:
        progress(f"digesting {artifact}")
        try:
            checked_path(known, artifact)
        except ContentError as error:
            place = known.locations.get(artifact)
            (changed if place is not None and Path(place).exists() else gone).append(error.message)
    same = len(wanted) - len(changed) - len(gone)
    finding = Finding.FAILS if changed else Finding.OPEN if gone else Finding.HOLDS
    yield Point(
        name="content",
        finding=finding,
        says=f"of {len(wanted)} artifacts with files {same} are what was registered, {len(changed)} are not, {len(gone)} are not at hand",
        differences=(*changed, *gone)[:_MOST_DIFFERENCES],
    )


def _meanwhile(ledger: Ledger, view: View, remade: Review) -> Meanwhile:
    reading = ledger.at()
    now = View(reading, view.policy)
    grounds = Grounds(kindred=now.kindred_above(remade.asked), policy=view.policy, asked=remade.asked)
    then = {one.artifact: one.outcome for one in remade.ruled.items}
    return Meanwhile(
        transactions=reading.head.number - view.reading.head.number,
        outcomes=tuple(
            Turned(artifact=case.artifact, then=then[case.artifact], now=case.outcome)
            for case in grounds.cases
            if then.get(case.artifact, case.outcome) is not case.outcome
        ),
    )


# --- what differs ------------------------------------------------------------------------------------------------------


def _by_version(document: Document) -> Finding:
    """What a difference means: another version may have said the same in other words."""
    return Finding.FAILS if document.question.software == __version__ else Finding.OPEN


def _other_version(document: Document) -> str:
    wrote = document.question.software
    return (
        ""
        if wrote == __version__
        else f"; it was written by version {wrote}, and this is {__version__}: ask that one"
    )


def _less_digest(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a review says, without what follows from it."""
    return {key: value for key, value in data.items() if key != "digest"}


def _differences(said: object, known: object, where: str = "") -> Iterator[str]:
    """Where two pieces of plain data differ, in words."""
    if isinstance(said, Mapping) and isinstance(known, Mapping):
        for key in sorted({*map(str, said), *known}):
            yield from _differences(
                said.get(key, _MISSING), known.get(key, _MISSING), f"{where}.{key}" if where else key
            )
    elif isinstance(said, list) and isinstance(known, list):
        for place, (one, other) in enumerate(zip_longest(said, known, fillvalue=_MISSING)):
            yield from _differences(one, other, f"{where}[{place}]")
    elif _as_text(said) != _as_text(known):
        yield _told(where, _as_text(said), _as_text(known), of="the report says")


def _lines(said: str, known: str) -> Iterator[str]:
    """The lines in which two texts differ, whatever space ends them."""
    for number, (one, other) in enumerate(zip_longest(_bare(said), _bare(known)), start=1):
        if one != other:
            yield _told(f"line {number}", one or "nothing", other or "nothing", of="the report has")


def _bare(text: str) -> list[str]:
    return [line.rstrip(" \t") for line in text.rstrip().split("\n")]


def _as_text(value: object) -> str:
    return "nothing" if value is _MISSING else canonical_json(value)


def _told(where: str, said: str, known: str, *, of: str) -> str:
    """A difference in words: of long texts, what stands around the first sign that differs."""
    signs = enumerate(zip(said, known, strict=False))
    differs = next((place for place, (one, other) in signs if one != other), min(len(said), len(known)))
    begin = max(0, differs - _LONGEST // 4)
    return one_line(f"{where}: {of} {_cut(said, begin)}, the registry {_cut(known, begin)}")


def _cut(text: str, begin: int) -> str:
    before, after = "…" if begin else "", "…" if len(text) > begin + _LONGEST else ""
    return f"{before}{text[begin : begin + _LONGEST]}{after}"
