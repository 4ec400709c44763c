"""Which tests a lineage is owed.

Every weights relation is owed a same-init test of its two ends. Every exposure is owed a same-init test between the model of each
teacher upstream and the weights that the student started from. An exposure to rows that the teacher wrote or rewrote is owed a
canary as well; selection and direct imitation carry by ways that no canary of this version takes, so none is owed there.

A test is owed where there is no evidence, or only such as has expired or is older than its inputs: content, starting weights, the model
behind a teacher or the dataset are not what it was measured on. Evidence that came to no conclusion, and evidence by an older version of the
method, stands; it is asked for again by name (`State`).
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.audit.tasks import Progress, State, Task
from provenance.errors import UnknownReferenceError
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.facts import Snapshot
from provenance.lineage import Exposure, Kindred, Lineage, is_stale
from provenance.relations import RelationKind

WRITING = frozenset({RelationKind.GENERATED_BY, RelationKind.REWRITTEN_BY})
"""The relations by which rows that a teacher wrote come to a student: those of which a canary tells."""

_OWED = frozenset({State.MISSING, State.STALE, State.EXPIRED, State.SCREENED})
_QUICK = ("screen/", "preflight/")  # methods whose canary evidence does not stand for a planted canary
_LACKS = {
    State.MISSING: "",
    State.STALE: "; its evidence is older than its inputs",
    State.EXPIRED: "; its evidence has expired",
    State.SCREENED: "; only a screen was run",
    State.INCONCLUSIVE: "; its evidence came to no conclusion",
    State.OUTDATED: "; its evidence is by an older version of the method",
}


def plan(
    kindred: Kindred, wanted: Iterable[ArtifactId], *, again: Collection[State] = ()
) -> tuple[Task, ...]:
    """The tests that the edges above some artifacts, and they themselves, still lack: same-init first, then canaries.

    Args:
        kindred: The lineage, and what tests say of it.
        wanted: Which artifacts.
        again: Which states of evidence that stands are to be tested again: `INCONCLUSIVE`, `OUTDATED`.

    Raises:
        UnknownReferenceError: One of them is not recorded.
    """
    return tuple(
        replace(task, state=state, because=task.because + _LACKS[state])
        for task, state in _judged(kindred, wanted)
        if state is not None and (state in _OWED or state in again)
    )


def progress(kindred: Kindred, wanted: Iterable[ArtifactId]) -> Progress:
    """How many tests the edges above some artifacts, and they themselves, ask for, and how it stands with each.

    Raises:
        UnknownReferenceError: One of them is not recorded.
    """
    states = Counter(state for _, state in _judged(kindred, wanted))
    return Progress(
        asked=states.total(), settled=states[None], lacking={one: states[one] for one in State if states[one]}
    )


def _judged(kindred: Kindred, wanted: Iterable[ArtifactId]) -> list[tuple[Task, State | None]]:
    """Every test that the edges above some artifacts ask for, once, and how it stands with its evidence."""
    models = sorted((one for one in kindred.lineage.line(wanted) if one.kind is ArtifactKind.MODEL), key=str)
    claims: dict[object, Task] = {}
    for task in (*_weights(kindred, models), *_teachers(kindred, models), *_canaries(kindred, models)):
        ends = task.parent, task.child
        key = (task.test, ends if task.test is TestKind.CANARY else frozenset(ends))
        first = claims.setdefault(key, task)
        if task.concerns != first.concerns:
            concerns = dict.fromkeys((*first.concerns, *task.concerns))
            claims[key] = replace(first, concerns=tuple(concerns))
    return [(task, _state(kindred, task)) for task in claims.values()]


def canary_task(snapshot: Snapshot, teacher: ArtifactId, student: ArtifactId) -> Task:
    """The canary of one exposure, whether it is owed or not.

    Raises:
        UnknownReferenceError: The student was not trained on what the teacher wrote.
    """
    exposures = Lineage.of(snapshot).exposures(student)
    theirs = [one for one in exposures if one.teacher == teacher]
    found = next(_written(theirs), None)
    if found is None and theirs:
        ways = ", ".join(sorted({one.how for one in theirs}))
        raise UnknownReferenceError(
            f"no canary tells of {teacher} and {student}, which are joined by {ways}",
            hint="A canary trains on rows that a teacher wrote: it speaks of generated_by and rewritten_by alone.",
        )
    if found is None:
        raise UnknownReferenceError(
            f"no data leads from {teacher} to {student}", hint=_teachers_of(student, exposures)
        )
    return _canary(found)


def name_teachers(snapshot: Snapshot, ends: Iterable[ArtifactId]) -> str | None:
    """The teachers of the first model among some artifacts that has any, in words; None where none has."""
    lineage = Lineage.of(snapshot)
    taught = ((one, lineage.exposures(one)) for one in ends if one.kind is ArtifactKind.MODEL)
    return next((_teachers_of(one, exposures) for one, exposures in taught if exposures), None)


def _teachers_of(student: ArtifactId, exposures: Iterable[Exposure]) -> str:
    teachers = ", ".join(dict.fromkeys(str(one.teacher) for one in exposures)) or "none"
    return f"The teachers of {student}: {teachers}."


def embodiments(lineage: Lineage, teacher: ArtifactId) -> tuple[ArtifactId, ...]:
    """The models that generated as a teacher."""
    return tuple(one.parent for one in lineage.parents(teacher) if one.kind is RelationKind.EMBODIED_BY)


def exposure_of(lineage: Lineage, task: Task) -> Exposure:
    """The exposure that a canary is about."""
    return next(one for one in _written(lineage.exposures(task.child)) if one.teacher == task.parent)


def _written(exposures: Iterable[Exposure]) -> Iterator[Exposure]:
    """Those by which rows that the teacher wrote came to the student."""
    return (one for one in exposures if one.how in WRITING)


def _weights(kindred: Kindred, models: Iterable[ArtifactId]) -> Iterator[Task]:
    for model in models:
        for relation in kindred.weight_parents(model):
            yield Task(
                test=TestKind.SAME_INIT,
                parent=relation.parent,
                child=model,
                because=str(relation),
                concerns=(model,),
            )


def _teachers(kindred: Kindred, models: Iterable[ArtifactId]) -> Iterator[Task]:
    """Each upstream teacher's model against the student's starting weights: traits are judged against their origin."""
    for model in models:
        if not kindred.lineage.exposures(model):
            continue
        above = kindred.lineage.ancestors(model, kinds={ArtifactKind.TEACHER})
        for teacher in (relative.artifact for relative in above):
            for origin in embodiments(kindred.lineage, teacher):
                for start in kindred.starting_weights(model):
                    if origin != start:
                        yield Task(
                            test=TestKind.SAME_INIT,
                            parent=origin,
                            child=start,
                            because=f"{model} was trained on data with the hand of {teacher} in it",
                            concerns=(model,),
                        )


def _canaries(kindred: Kindred, models: Iterable[ArtifactId]) -> Iterator[Task]:
    for model in models:
        yield from map(_canary, _written(kindred.lineage.exposures(model)))


def _canary(exposure: Exposure) -> Task:
    return Task(
        test=TestKind.CANARY,
        parent=exposure.teacher,
        child=exposure.student,
        because=f"{exposure.student} was trained on what {exposure.teacher} wrote",
        concerns=(exposure.student,),
    )


def _state(kindred: Kindred, task: Task) -> State | None:
    """How it stands with the evidence that a task asks for; None where nothing is left to ask."""
    recorded = kindred.evidence.all_tests(task.test, task.parent, task.child)
    if not recorded:
        return State.MISSING
    tests = [one.fact for one in recorded if not kindred.evidence.has_expired(one)]
    has_expired = len(tests) < len(recorded)
    if not tests:
        return State.EXPIRED
    contents = _contents(kindred, task)
    fresh = [one for one in tests if not is_stale(one, contents)]
    if not fresh:
        return State.STALE
    thorough = [one for one in fresh if not one.method.startswith(_QUICK)]
    if not thorough:
        return State.SCREENED
    conclusive = [one for one in thorough if one.verdict is not Verdict.INCONCLUSIVE]
    if not conclusive:
        return State.EXPIRED if has_expired else State.INCONCLUSIVE
    return State.OUTDATED if all(map(_is_outdated, conclusive)) else None


def _contents(kindred: Kindred, task: Task) -> dict[str, str]:
    """Artifact to digest of all content that a test would be run on now."""
    on = [task.parent, task.child]
    if task.test is TestKind.CANARY:
        datasets = exposure_of(kindred.lineage, task).datasets[-1:]
        on = [
            *embodiments(kindred.lineage, task.parent),
            *kindred.starting_weights(task.child),
            *datasets,
        ]
    return {str(one): digest for one in on if (digest := kindred.lineage.digest(one)) is not None}


def _is_outdated(evidence: Evidence) -> bool:
    """Whether a newer version of the method that a test was made by is here."""
    from provenance.canary import protocol
    from provenance.sameinit import comparison

    versions = {
        f"{comparison.METHOD}(": comparison.METHOD_VERSION,
        f"{protocol.METHOD}/": protocol.METHOD_VERSION,
    }
    version = re.search(r"@(\d+)$", evidence.method)
    return version is not None and any(
        evidence.method.startswith(name) and int(version[1]) < present for name, present in versions.items()
    )
