"""What a sync looks at again: everything, or what the facts since the last one bear on.

Where it is not certain that the cursor still says what it said, everything is looked at: the digests of the objects' states tell what is
to be written, so that looking at too much costs time and nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from provenance.artifacts import ArtifactId
from provenance.evidence import Evidence
from provenance.facts import Fact
from provenance.mlflow_link.showing import EVERYTHING, Scope, Showing
from provenance.store import Cursor, StoredProjection
from provenance.traits import Block, Clearance, Flag

_SHARE = 4
"""Where more than one in so many facts is new, or affected artifacts are that many, everything is read as fast as a part."""
_EVIDENCE = "evidence-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What is to be looked at, and where the cursor stands after it."""

    scope: Scope
    until: Cursor


def since(
    cursor: Cursor | None, showing: Showing, state: StoredProjection, *, retried: Iterable[str] = ()
) -> Stretch:
    """What is to be looked at since a cursor.

    Args:
        cursor: Up to where MLflow was told everything; None where it never was.
        showing: What there is to show now.
        state: The memory of that MLflow.
        retried: Artifacts and evidence to look at besides.
    """
    reading = showing.reading
    bound, last = state.bound_after(cursor.bindings if cursor is not None else 0)
    until = Cursor(
        position=reading.head.entries,
        head=reading.head.digest,
        moment=reading.moment,
        basis=showing.basis,
        bindings=last,
    )
    entries = reading.head.entries
    if cursor is None or cursor.basis != showing.basis or cursor.moment > reading.moment:
        return Stretch(scope=EVERYTHING, until=until)
    if (entries - cursor.position) * _SHARE > entries:
        return Stretch(scope=EVERYTHING, until=until)
    found = reading.affected_after(cursor.position, {*bound, *_ended(cursor, showing)})
    artifacts, tests = set(found.artifacts), set(found.tests)
    for about in retried:
        if about.startswith(_EVIDENCE):
            tests.add(about)
        else:
            artifacts.add(ArtifactId.parse(about))
    if len(artifacts) * _SHARE > entries:
        return Stretch(scope=EVERYTHING, until=until)
    scope = Scope(artifacts=tuple(sorted(artifacts, key=str)), tests=tuple(sorted(tests)))
    return Stretch(scope=scope, until=until)


def _ended(cursor: Cursor, showing: Showing) -> Iterable[ArtifactId]:
    """What is concerned by findings that ended by themselves since a cursor."""
    reading, lifetimes = showing.reading, showing.policy.lifetimes
    ended = (
        one.fact
        for one in reading.perishable(lifetimes.ending_types)
        if (end := lifetimes.end(one)) is not None and cursor.moment < end <= reading.moment
    )
    return chain.from_iterable(map(_concerned, ended))


def _concerned(fact: Fact) -> tuple[ArtifactId, ...]:
    match fact:
        case Flag() | Clearance():
            return (fact.artifact,)
        case Block():
            return (fact.child,)
        case Evidence():
            return (fact.parent, fact.child)
    return ()
