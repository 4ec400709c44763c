"""audit."""

import sys
import time
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING

import click

from provenance.errors import UsageError
from provenance.evidence import TestKind
from provenance_cli.listing import COUNT
from provenance_cli.options import as_of_option, json_option, open_registry, registry_options
from provenance_cli.output import (
    as_data,
    counted,
    note,
    print_json,
    print_table,
    say,
    tell_of_reading,
    training_progress,
    warn,
)
from provenance_cli.training_options import seeds_option, settings_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenance.artifacts import ArtifactId
    from provenance.audit import AuditReport, Job, Means, Outcome, Stake, Task
    from provenance.canary.protocol import Progress
    from provenance.canary.settings import Settings
    from provenance.registry import Registry

_BAR = 30  # characters
_MINUTE = 60.0


@click.command()
@click.argument("refs", nargs=-1)
@click.option("--only", type=click.Choice([kind.value for kind in TestKind]), help="Only this test.")
@seeds_option
@settings_options
@click.option(
    "--jobs", metavar="N", type=click.IntRange(min=1), help="Run tests in N processes of this machine."
)
@click.option("--cluster", metavar="ray[=ADDRESS]", help="Run tests on an existing Ray cluster.")
@click.option(
    "--max-minutes",
    metavar="M",
    type=click.FloatRange(min=0, min_open=True),
    help="Start no test after that long; those that run are let end.",
)
@click.option("--max-jobs", metavar="N", type=click.IntRange(min=1), help="Start no more tests than that.")
@click.option(
    "--screen", is_flag=True, help="Screen first what was never tested; what a screen finds goes first."
)
@click.option("--retry", is_flag=True, help="Test again what came to no conclusion.")
@click.option("--redo", is_flag=True, help="Test again what was tested by an older version of a method.")
@click.option("--dry-run", is_flag=True, help="Only list the tests that are owed.")
@click.option("--limit", metavar="N", type=COUNT, help="With --dry-run: list no more than the first N.")
@registry_options
@as_of_option
@json_option
def audit(
    refs: tuple[str, ...],
    only: str | None,
    seeds: int,
    settings: "Settings",
    jobs: int | None,
    cluster: str | None,
    max_minutes: float | None,
    max_jobs: int | None,
    screen: bool,
    retry: bool,
    redo: bool,
    dry_run: bool,
    limit: int | None,
    registry: str | None,
    actor: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Run the tests that the edges above REFS (default: all) still lack, and record each result. Python: Registry.audit().

    Those by which the most may be inherited come first, same-init tests before canaries. An audit that was stopped goes on where it
    stood when it is asked for again.

    Without REFS, models of which no sketch is kept are first sketched and looked into as `register` does, where their files are at
    hand. Python: Registry.catch_up().
    """
    from provenance.audit import Means

    if as_of is not None and not dry_run:
        raise UsageError("tests run now: --as-of goes with --dry-run, which lists what was owed")
    if limit is not None and not dry_run:
        raise UsageError("--limit says how many --dry-run lists; --max-jobs says how many tests to run")
    means = Means(jobs=jobs, cluster=cluster, max_minutes=max_minutes, max_jobs=max_jobs)
    kind = TestKind(only) if only else None
    with open_registry(registry, actor) as opened:
        if not dry_run and not refs and kind is not TestKind.CANARY:
            _catch_up(opened)
        tasks = opened.audit_plan(refs or None, only=kind, retry=retry, redo=redo, as_of=as_of)
        if dry_run:
            _print_tasks(tasks, limit, as_json=as_json)
            return
        report = _run(opened, tasks, seeds=seeds, settings=settings, means=means, screens=screen)
    if as_json:
        print_json(report)
    else:
        print_outcomes(report.outcomes)
    if report.left:
        note(f"tests that the budget left: {len(report.left)}; the same command goes on with them")


def run_audit(registry: "Registry", refs: "Sequence[str | ArtifactId]") -> "tuple[Outcome, ...]":
    """Runs what some artifacts are owed, telling of each outcome as it comes."""
    return _run(registry, registry.audit_plan(refs)).outcomes


def print_outcomes(outcomes: "Sequence[Outcome]") -> None:
    """Prints what an audit came to."""
    rows = [
        (one.task.test, one.task.parent, one.task.child, one.recorded.fact.verdict.value, one.recorded.id)
        for one in outcomes
        if one.recorded is not None
    ]
    if rows:
        print_table(("test", "of", "and", "verdict", "evidence"), rows)
    skipped = len(outcomes) - len(rows)
    say(f"{len(rows)} tests recorded, {skipped} not testable" if outcomes else "no test is owed")


def _catch_up(registry: "Registry") -> None:
    """Looks into the weights that were never looked into, telling of what it finds."""
    for model, found in registry.catch_up(told=tell_of_reading).items():
        if found.evidence:
            note(f"{model}: weights tested: {', '.join(recorded.id for recorded in found.evidence)}")
        for warning in found.warnings:
            warn(warning)


def _run(
    registry: "Registry",
    tasks: "Sequence[Task]",
    *,
    seeds: int = 5,
    settings: "Settings | None" = None,
    means: "Means | None" = None,
    screens: bool = False,
) -> "AuditReport":
    progress = _Progress(len(tasks), means.max_minutes if means else None)
    report = registry.audit(
        tasks,
        seeds=seeds,
        settings=settings,
        means=means,
        screens=screens,
        done=progress.tell,
        started=progress.start,
        progress=progress.train,
    )
    progress.close()
    return report


def _print_tasks(tasks: "Sequence[Task]", limit: int | None, *, as_json: bool) -> None:
    listed = tasks[:limit]
    if len(listed) < len(tasks):
        note(f"{counted(len(tasks), 'tests')} owed, {len(tasks) - len(listed)} more than are shown")
    if as_json:
        print_json([as_data(task) for task in listed])
        return
    print_table(
        ("test", "of", "and", "evidence", "at stake", "because"),
        [(one.test, one.parent, one.child, one.state, _at_stake(one.stake), one.because) for one in listed],
    )


def _at_stake(stake: "Stake | None") -> str:
    return f"{stake.trait} ({stake.severity}), {stake.status}" if stake else "-"


class _Progress:
    """A line for each test that starts and for each outcome, and below them on a terminal a bar, or how far a canary has come.

    Args:
        tasks: How many there are.
        minutes: How long the audit may start tests; None for ever.
    """

    def __init__(self, tasks: int, minutes: float | None) -> None:
        self._tasks = tasks
        self._minutes = minutes
        self._began = time.monotonic()
        self._ended = 0
        self._trainings = ExitStack()
        self._trained: Progress | None = None
        self._draw()

    def start(self, job: "Job") -> None:
        """Tells of a test that starts."""
        self.close()
        what = f"screen: {job.task}" if job.recipe.quick else str(job.task)
        note(f"started: {what}")
        self._trained = self._trainings.enter_context(training_progress(what))
        self._draw()

    def train(self, done: int, total: int) -> None:
        """Tells of the trainings of the test that runs."""
        if self._trained is not None:
            self._wipe()
            self._trained(done, total)

    def tell(self, outcome: "Outcome") -> None:
        """Tells of an outcome."""
        self.close()
        if _is_screen(outcome):
            note(f"screen: {_told(outcome)}")
        else:
            self._ended += 1
            note(f"[{self._ended}/{self._tasks}] {_told(outcome)}")
        self._draw()

    def close(self) -> None:
        """Takes away what is no line of its own."""
        self._trainings.close()
        self._wipe()

    def _wipe(self) -> None:
        if sys.stderr.isatty():
            click.echo("\r\033[K", nl=False, err=True)

    def _draw(self) -> None:
        if sys.stderr.isatty() and self._ended < self._tasks:
            done = _BAR * self._ended // self._tasks
            click.echo(
                f"\r[{'#' * done:<{_BAR}}] {self._ended}/{self._tasks}{self._left()} ", nl=False, err=True
            )

    def _left(self) -> str:
        if self._minutes is None:
            return ""
        left = max(0.0, self._minutes - (time.monotonic() - self._began) / _MINUTE)
        return f", {left:.1f} min left"


def _told(outcome: "Outcome") -> str:
    if outcome.recorded is None:
        return f"not testable: {outcome.task}: {outcome.reason}"
    return f"{outcome.recorded.fact.verdict.value}: {outcome.task}"


def _is_screen(outcome: "Outcome") -> bool:
    """Whether it is that of a screen, which goes ahead of a task."""
    return outcome.recorded is not None and outcome.recorded.fact.method.startswith("screen/")
