"""The running of an audit: a queue, workers, a budget, and one writer that records each result as soon as it is there.

What was recorded is not owed any more, so an audit that was stopped, killed or out of budget goes on where it stood when it is asked
for again. Same-init tests all come before canaries, whose order is worked out afresh by what those found.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from provenance.audit.jobs import Job, Recipe, prepare
from provenance.audit.order import by_risk
from provenance.audit.tasks import AuditReport, NotTestable, Outcome, State, Task
from provenance.audit.workers import Here, Workers
from provenance.canary.protocol import Progress
from provenance.errors import UsageError
from provenance.evidence import Evidence, TestKind
from provenance.facts import Recorded
from provenance.holdings import Holdings
from provenance.lineage import Kindred, Lineage
from provenance.risk import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Where and for how long an audit runs.

    Args:
        jobs: Number of processes on this machine; None to run one test after the other in this one.
        cluster: ``ray`` for the Ray cluster that is found on this machine, ``ray=ADDRESS`` for another; None for no cluster.
        max_minutes: No test is started after that long. One that is running is let end: half a canary is no result.
        max_jobs: No more tests than this are started. What turns out not to be testable before it starts does not count.

    Raises:
        UsageError: A number is not positive, the cluster is of no known kind, or both processes and a cluster are asked for.
    """

    jobs: int | None = None
    cluster: str | None = None
    max_minutes: float | None = None
    max_jobs: int | None = None

    def __post_init__(self) -> None:
        for name in ("jobs", "max_minutes", "max_jobs"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"{name} has to be positive, got {value}")
        if self.jobs is not None and self.cluster is not None:
            raise UsageError("an audit runs in processes of this machine or on a cluster, not on both")
        if self.cluster is not None and self.cluster.partition("=")[0] != "ray":
            raise UsageError(
                f"there is no cluster of the kind {self.cluster!r}", hint="Write ray or ray=ADDRESS."
            )

    def workers(self, progress: Progress | None = None) -> Workers:
        """Who runs the tests.

        Args:
            progress: Told of trainings where they are in this process; others have no line to tell by.

        Raises:
            MissingExtraError: The cluster's package is not installed.
            ClusterError: There is no cluster.
        """
        if self.cluster is not None:
            from provenance.audit.cluster import RayCluster

            return RayCluster(self.cluster.partition("=")[2] or None)
        if self.jobs is not None:
            from provenance.audit.processes import Processes

            return Processes(self.jobs)
        return Here(progress)


@dataclass(eq=False)
class _Budget:
    """What is left of the time and the number of tests."""

    means: Means
    _began: float = field(default_factory=time.monotonic)
    _started: int = 0

    @property
    def is_spent(self) -> bool:
        minutes, jobs = self.means.max_minutes, self.means.max_jobs
        late = minutes is not None and time.monotonic() - self._began >= minutes * 60
        return late or (jobs is not None and self._started >= jobs)

    def take(self) -> None:
        self._started += 1


@dataclass(eq=False, kw_only=True)
class Audit:
    """The running of some tasks.

    Args:
        look: Says what is recorded now, and at hand of it.
        record: Takes each result as soon as it is there; called by this process alone.
        policy: By which canaries are ordered.
        recipe: How they are run.
        means: Where and for how long.
        screens: Whether a screen goes ahead of each canary of what was never tested; those that find something come first.
        done: Told each outcome as it comes.
        started: Told each job that is started, or handed out to be; screens among them.
        progress: Told of the canary that runs in this process the number of finished trainings, and of all its trainings.
    """

    look: Callable[[], Holdings]
    record: Callable[[Evidence], Recorded[Evidence]]
    policy: Policy
    recipe: Recipe = field(default_factory=Recipe)
    means: Means = field(default_factory=Means)
    screens: bool = False
    done: Callable[[Outcome], None] | None = None
    started: Callable[[Job], None] | None = None
    progress: Progress | None = None
    _outcomes: list[Outcome] = field(default_factory=list, init=False)

    def run(self, tasks: Iterable[Task]) -> AuditReport:
        """Runs tasks, of each test in the order given; canaries that follow same-init tests in the order of risk by then.

        Raises:
            MissingExtraError: The package of a cluster is not installed.
            ClusterError: There is no cluster.
        """
        waiting = tuple(tasks)
        left: list[Task] = []
        if waiting:
            budget = _Budget(self.means)
            with self.means.workers(self.progress) as workers:
                for test in TestKind:
                    due: Sequence[Task] = [task for task in waiting if task.test is test]
                    if self.screens and test is TestKind.CANARY:
                        due = self._screened(due, workers, budget)
                    queue = self._queue(due, self.recipe)
                    for task, found in _each(queue, workers, budget, self.started):
                        self._conclude(task, found)
                    left += queue.tasks
        return AuditReport(outcomes=tuple(self._outcomes), left=tuple(left))

    def _screened(self, tasks: Sequence[Task], workers: Workers, budget: _Budget) -> Sequence[Task]:
        """Screens what was never tested; returns all tasks, those marked of which a screen said that something passes."""
        untested = [task for task in tasks if task.state in {State.MISSING, State.STALE}]
        queue = self._queue(untested, replace(self.recipe, quick=True))
        marked = set()
        for task, found in _each(queue, workers, budget, self.started):
            # A screen that comes to nothing says nothing, and what stands in its way stands in the canary's too.
            if isinstance(found, Evidence):
                self._conclude(task, found)
                marked.add((task.parent, task.child))
        return [
            replace(task, state=State.SCREENED) if (task.parent, task.child) in marked else task
            for task in tasks
        ]

    def _queue(self, tasks: Sequence[Task], recipe: Recipe) -> "_Queue":
        """Tasks that wait, in the order given, or by risk where that may have changed."""
        holdings = self.look()
        kindred = Kindred.of(Lineage.of(holdings.snapshot), self.policy.lifetimes)
        is_news = any(outcome.recorded for outcome in self._outcomes)
        ordered = by_risk(kindred, self.policy, tasks) if is_news else tasks
        return _Queue(list(ordered), kindred, holdings, recipe)

    def _conclude(self, task: Task, found: Evidence | NotTestable) -> None:
        if isinstance(found, NotTestable):
            outcome = Outcome(task=task, recorded=None, reason=found.reason)
        else:
            outcome = Outcome(task=task, recorded=self.record(found), reason=None)
        self._outcomes.append(outcome)
        if self.done:
            self.done(outcome)


@dataclass(eq=False)
class _Queue:
    """The tasks that wait, most urgent first, each looked at once to see what it takes."""

    tasks: list[Task]
    kindred: Kindred
    holdings: Holdings
    recipe: Recipe
    _prepared: dict[Task, Job] = field(default_factory=dict, init=False)

    def next(self, workers: Workers) -> Job | tuple[Task, NotTestable] | None:
        """Takes out the first job that can start now, or the first task before it that can't be tested; None where neither is."""
        for place, task in enumerate(self.tasks):
            job = self._prepared.get(task) or prepare(
                task, self.kindred, self.holdings, self.recipe, gpus=workers.gpus
            )
            if isinstance(job, NotTestable):
                del self.tasks[place]
                return task, job
            if workers.admit(job.resources):
                del self.tasks[place]
                self._prepared.pop(task, None)
                return job
            self._prepared[task] = job
        return None


def _each(
    queue: _Queue, workers: Workers, budget: _Budget, started: Callable[[Job], None] | None
) -> Iterator[tuple[Task, Evidence | NotTestable]]:
    """Runs what waits, as far as the budget goes, and hands out each result as it comes; the rest stays in the queue."""
    while True:
        step = queue.next(workers) if workers.has_room and not budget.is_spent else None
        if isinstance(step, Job):
            budget.take()
            workers.start(step)
            if started:
                started(step)
        elif step is not None:
            yield step
        elif workers.busy:
            ended = workers.ended()
            yield ended.job.task, ended.found
        else:
            return
