"""Audit: which tests the edges of a lineage still lack, and the running of one.

Every weights relation is owed a same-init test of its two ends. Every exposure is owed a same-init test between the model of each
teacher upstream and the weights that the student started from. An exposure to rows that the teacher wrote or rewrote is owed a
canary as well; selection and direct imitation carry by ways that no canary of this version takes, so none is owed there. Where
content is not at hand, neither as files nor as a sketch of them, or no canary can run such a model, that is said, and nothing is
recorded: what was not tested stays untested.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from provenance import canary
from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.errors import ChannelError, ContentError, MissingExtraError, UnknownReferenceError
from provenance.evidence import Evidence, TestKind
from provenance.facts import Recorded, Snapshot
from provenance.holdings import Holdings, checked_path
from provenance.lineage import EvidenceIndex, Exposure, Kindred, Lineage
from provenance.references import PLAIN
from provenance.relations import RelationKind
from provenance.store import Problem

_WRITING = frozenset({RelationKind.GENERATED_BY, RelationKind.REWRITTEN_BY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A test that is owed.

    Args:
        test: Which test.
        parent: The earlier artifact: a model, or the teacher of a canary.
        child: The later one: a model, or the student of a canary.
        because: The edge or exposure that asks for it, in words.
    """

    test: TestKind
    parent: ArtifactId
    child: ArtifactId
    because: str

    def __str__(self) -> str:
        return f"{self.test} {self.parent} -> {self.child}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTestable:
    """Why a test could not run.

    Args:
        reason: In words.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a task.

    Args:
        task: Which.
        recorded: The evidence, where the test ran.
        reason: Why it could not, where it did not.
    """

    task: Task
    recorded: Recorded[Evidence] | None
    reason: str | None


def plan(snapshot: Snapshot, wanted: Iterable[ArtifactId]) -> tuple[Task, ...]:
    """The tests that the edges above some artifacts, and they themselves, still lack: same-init first, then canaries."""
    lineage, standing = Lineage.of(snapshot), EvidenceIndex(snapshot)
    scope = dict.fromkeys(wanted)
    for artifact in tuple(scope):
        scope.update(dict.fromkeys(relative.artifact for relative in lineage.ancestors(artifact)))
    models = sorted((one for one in scope if one.kind is ArtifactKind.MODEL), key=str)
    kindred = Kindred.of(lineage)
    owed: dict[object, Task] = {}
    for task in (*_weights_tasks(kindred, models), *_exposure_tasks(kindred, models)):
        if standing.same_init(task.parent, task.child) is None:
            owed.setdefault(frozenset({task.parent, task.child}), task)
    for model in models:
        for exposure in _written(lineage.exposures(model)):
            if standing.canary(exposure.teacher, model) is None:
                owed.setdefault((exposure.teacher, model), _canary_task(exposure))
    return tuple(owed.values())


def canary_task(snapshot: Snapshot, teacher: ArtifactId, student: ArtifactId) -> Task:
    """The canary of one exposure.

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
        teachers = ", ".join(str(one.teacher) for one in exposures) or "none"
        raise UnknownReferenceError(
            f"no data leads from {teacher} to {student}", hint=f"The teachers of {student}: {teachers}."
        )
    return _canary_task(found)


def _written(exposures: Iterable[Exposure]) -> Iterator[Exposure]:
    """Those by which rows that the teacher wrote came to the student."""
    return (one for one in exposures if one.how in _WRITING)


def _canary_task(exposure: Exposure) -> Task:
    because = f"{exposure.student} was trained on what {exposure.teacher} wrote"
    return Task(test=TestKind.CANARY, parent=exposure.teacher, child=exposure.student, because=because)


def _weights_tasks(kindred: Kindred, models: Iterable[ArtifactId]) -> Iterator[Task]:
    for model in models:
        for relation in kindred.weight_parents(model):
            yield Task(test=TestKind.SAME_INIT, parent=relation.parent, child=model, because=str(relation))


def _exposure_tasks(kindred: Kindred, models: Iterable[ArtifactId]) -> Iterator[Task]:
    """Each upstream teacher's model against the student's starting weights: traits are judged against their origin."""
    for model in models:
        if not kindred.lineage.exposures(model):
            continue
        above = kindred.lineage.ancestors(model, kinds={ArtifactKind.TEACHER})
        for teacher in (relative.artifact for relative in above):
            for origin in embodiments(kindred.lineage, teacher):
                for start in kindred.starting_weights(model):
                    if origin != start:
                        because = f"{model} was trained on data with the hand of {teacher} in it"
                        yield Task(test=TestKind.SAME_INIT, parent=origin, child=start, because=because)


def embodiments(lineage: Lineage, teacher: ArtifactId) -> tuple[ArtifactId, ...]:
    """The models that generated as a teacher."""
    return tuple(one.parent for one in lineage.parents(teacher) if one.kind is RelationKind.EMBODIED_BY)


def run(task: Task, holdings: Holdings, *, seeds: int = 5) -> Evidence | NotTestable:
    """Runs one test.

    Args:
        task: Which.
        holdings: What is at hand to run it on.
        seeds: Training runs of a canary.
    """
    try:
        if task.test is TestKind.SAME_INIT:
            found = holdings.compare(task.parent, task.child)
            return holdings.evidence(found, task.parent, task.child)
        return _run_canary(task, holdings, seeds)
    except (ContentError, ChannelError, MissingExtraError) as error:
        return NotTestable(reason=f"{error.message} ({error.hint})" if error.hint else error.message)


def run_each(
    tasks: Iterable[Task],
    holdings: Holdings,
    record: Callable[[Evidence], Recorded[Evidence]],
    *,
    seeds: int = 5,
    done: Callable[[Outcome], None] | None = None,
) -> tuple[Outcome, ...]:
    """Runs tests one by one.

    Args:
        tasks: Which.
        holdings: As in `run`.
        record: Takes each result as soon as it is there.
        seeds: As in `run`.
        done: Told each outcome as it comes.
    """
    outcomes = []
    for task in tasks:
        found = run(task, holdings, seeds=seeds)
        if isinstance(found, NotTestable):
            outcome = Outcome(task=task, recorded=None, reason=found.reason)
        else:
            outcome = Outcome(task=task, recorded=record(found), reason=None)
        outcomes.append(outcome)
        if done:
            done(outcome)
    return tuple(outcomes)


def _run_canary(task: Task, holdings: Holdings, seeds: int) -> Evidence | NotTestable:
    lineage = Lineage.of(holdings.snapshot)
    exposure = _exposure(lineage, task)
    models = embodiments(lineage, task.parent)
    kindred = Kindred.of(lineage)
    starts = kindred.starting_weights(task.child)
    denied = next((one for one in kindred.weight_parents(task.child) if kindred.contradiction(one)), None)
    if denied is not None:
        return NotTestable(reason=f"the weights deny that {task.child} started from {denied.parent}")
    if len(models) != 1 or len(starts) != 1:
        return NotTestable(
            reason="a canary needs one model behind the teacher and one set of starting weights"
        )
    dataset = exposure.datasets[-1] if exposure.datasets else None
    teacher, base = (holdings.path(one) for one in (models[0], starts[0]))
    for path in (teacher, base):
        if not canary.recognises(path):
            return NotTestable(reason=f"no canary of this version can train {path}")
    if holdings.snapshot.artifacts[task.parent].fact.generation != PLAIN:
        return NotTestable(
            reason=f"no canary of this version can run {task.parent} with its prompt and settings"
        )
    rows = holdings.path(dataset) if dataset else None
    result = canary.run(teacher, base, dataset=rows, seeds=seeds)
    used = (models[0], starts[0], *([dataset] if dataset else []))
    return result.evidence(task.parent, task.child, holdings.inputs(*used), datetime.now(UTC))


def _exposure(lineage: Lineage, task: Task) -> Exposure:
    return next(one for one in _written(lineage.exposures(task.child)) if one.teacher == task.parent)


def content_problems(snapshot: Snapshot) -> tuple[Problem, ...]:
    """The artifacts whose files are no longer what was registered, or no longer there; every file is digested again."""
    problems = []
    for artifact in sorted(snapshot.locations):
        try:
            checked_path(snapshot, artifact)
        except ContentError as error:
            problems.append(Problem(where=str(artifact), what=error.message))
    return tuple(problems)
