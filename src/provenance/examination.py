"""Examination: what a registry finds out about the content of its artifacts; the half of `provenance.registry.Registry` that tests.

Each method runs a test, or says which are owed, and hands the work on: what is owed and in which order is `provenance.audit`, what is
done with content is `provenance.inspection`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.errors import UnknownReferenceError
from provenance.evidence import Evidence, TestKind
from provenance.facts import Recorded
from provenance.inspection import Inspection

if TYPE_CHECKING:
    from provenance.audit import AuditReport, Job, Means, Outcome, Task
    from provenance.canary import ScreenResult, Settings
    from provenance.canary.matrix import Seat
    from provenance.canary.preflight import Measures
    from provenance.canary.protocol import Progress
    from provenance.discovery import Discovery, SearchReport
    from provenance.holdings import Told
    from provenance.preflight import Method, Preflight
    from provenance.risk import Policy
    from provenance.store import Ledger, Verification
    from provenance.view import View

Ref = str | ArtifactId
"""An artifact, as typed (``name``, ``kind:name@version``, beginning of a digest) or as known."""


class Examination(ABC):
    """The tests that a registry runs.

    Args:
        ledger: Its record.
        actor: Who is recorded with every fact.
    """

    def __init__(self, ledger: "Ledger", *, actor: str) -> None:
        self._ledger = ledger
        self.actor = actor

    @property
    @abstractmethod
    def policy(self) -> "Policy":
        """The policy that answers are given under unless told otherwise."""

    @abstractmethod
    def view(self, *, as_of: datetime | None = None, policy: "Policy | None" = None) -> "View":
        """What is known, as of now or of a date."""

    @abstractmethod
    def resolve(self, ref: Ref, kind: ArtifactKind | None = None) -> ArtifactId:
        """The artifact that a reference means now."""

    @property
    def _inspection(self) -> Inspection:
        """What can be done with the models' weights."""
        return Inspection(self._ledger, self.actor)

    # --- looking -------------------------------------------------------------------------------------------------------

    def search(
        self,
        what: Ref | Path,
        *,
        base: Path | None = None,
        as_of: datetime | None = None,
        told: "Told | None" = None,
    ) -> "SearchReport":
        """The registered models whose weights are like those of a registered model, or of the files at a path.

        Registered models of which no sketch is kept are sketched first, where their files are at hand and are what was registered.

        Args:
            what: What is searched for.
            base: The base model, where that is an adapter; default: the recorded one.
            as_of: Only among the models that were recorded by then; default: now.
            told: Told of each model whose files are about to be digested for its sketch.

        Raises:
            ContentError: There is no sketch of it, or none can be drawn; the message says why.
            UnknownReferenceError: It means no registered model.
            UsageError: A base is given, and it is no adapter.
        """
        if not isinstance(what, Path):
            what = self.view(as_of=as_of).resolve(what, ArtifactKind.MODEL)
        return self._inspection.search(what, base=base, as_of=as_of, told=told)

    def preflight(
        self,
        base: Ref | Path,
        dataset: Ref | Path,
        *,
        method: "Method | str" = "sft",
        compare: bool = False,
        measures: "Measures | None" = None,
        as_of: datetime | None = None,
        policy: "Policy | None" = None,
        told: "Callable[[str], None]" = lambda _line: None,
    ) -> "Preflight":
        """What a student of this base and this dataset would inherit; nothing is recorded. See `provenance.preflight.preflight`."""
        from provenance.holdings import Holdings
        from provenance.preflight import Method, preflight

        view = self.view(as_of=as_of, policy=policy)
        model = base if isinstance(base, Path) else view.resolve(base, ArtifactKind.MODEL)
        rows = dataset if isinstance(dataset, Path) else view.resolve(dataset, ArtifactKind.DATASET)
        holdings = Holdings(view.snapshot, self._ledger.sketches())
        return preflight(
            holdings,
            view.policy,
            model,
            rows,
            method=Method(method),
            compare=compare,
            measures=measures,
            told=told,
        )

    def verify(self, expected_head: str | None = None, *, content: bool = False) -> "Verification":
        """Walks the ledger's chain; with ``content``, digests the artifacts' files again. See `provenance.store.verification`."""
        return self._inspection.verify(expected_head, content=content)

    # --- testing edges -------------------------------------------------------------------------------------------------

    def record(self, evidence: Evidence) -> Recorded[Evidence]:
        """Records the result of a test that was run elsewhere."""
        return self._inspection.record(evidence)

    def audit_plan(
        self,
        refs: Iterable[Ref] | None = None,
        *,
        only: TestKind | None = None,
        retry: bool = False,
        redo: bool = False,
        as_of: datetime | None = None,
    ) -> "tuple[Task, ...]":
        """The tests that the edges above some artifacts (all, by default) still lack, where the most may be inherited first.

        Args:
            refs: Which artifacts.
            only: Only this test.
            retry: Whether to test again what came to no conclusion.
            redo: Whether to test again what was tested by an older version of a method.
            as_of: What was owed at this date; default: now.
        """
        from provenance.audit import State, by_risk, plan

        view = self.view(as_of=as_of)
        wanted = tuple(view.snapshot.artifacts) if refs is None else view.resolve_all(refs)
        kindred = view.kindred if refs is None else view.kindred_above(wanted)
        again = {state for state, asked in ((State.INCONCLUSIVE, retry), (State.OUTDATED, redo)) if asked}
        owed = plan(kindred, wanted, again=again)
        return by_risk(kindred, view.policy, [task for task in owed if only in {None, task.test}])

    def audit(
        self,
        tasks: Iterable["Task"],
        *,
        seeds: int = 5,
        settings: "Settings | None" = None,
        means: "Means | None" = None,
        screens: bool = False,
        done: "Callable[[Outcome], None] | None" = None,
        started: "Callable[[Job], None] | None" = None,
        progress: "Progress | None" = None,
    ) -> "AuditReport":
        """Runs tests and records each result as soon as it is there.

        Where the files of a model are gone or were never here, its sketch stands in for them; the result says ``sampled`` then.

        Args:
            tasks: From `audit_plan`.
            seeds: Training runs of each canary.
            settings: How canaries train.
            means: Where and for how long to run them; default: here, one after the other, to the end.
            screens: Whether a screen goes ahead of each canary of what was never tested; those that find something come first.
            done: Told each outcome as it comes.
            started: Told each job that is started, or handed out to be; screens among them.
            progress: Told of the canary that runs in this process the number of finished trainings, and of all its trainings.
        """
        return self._inspection.audit(
            tasks,
            policy=self.policy,
            seeds=seeds,
            settings=settings,
            means=means,
            screens=screens,
            done=done,
            started=started,
            progress=progress,
        )

    def catch_up(self, *, told: "Told | None" = None) -> "Mapping[ArtifactId, Discovery]":
        """Does what `register` could not: for models with no sketch whose files are at hand, and still what was registered.

        Their sketches are drawn and kept, and their weights are looked into, see `provenance.discovery`.

        Args:
            told: Told of each model whose files are about to be digested.

        Returns:
            The models that have a sketch now, with what was found for each.
        """
        return self._inspection.catch_up(told)

    def run_canary(
        self,
        teacher: Ref,
        student: Ref,
        *,
        seeds: int = 5,
        doses: Sequence[float] = (1.0,),
        settings: "Settings | None" = None,
        progress: "Progress | None" = None,
    ) -> Recorded[Evidence]:
        """Runs the planted canary of one exposure, whether or not it was run before, and records it; see `provenance.canary.run`.

        Raises:
            ContentError: It can't be run; the message says why.
            UnknownReferenceError: The student was not trained on what the teacher wrote.
        """
        origin, pupil = self._exposure(teacher, student)
        return self._inspection.trials.run(
            origin, pupil, seeds=seeds, doses=doses, settings=settings, progress=progress
        )

    def screen(
        self,
        teacher: Ref,
        student: Ref,
        *,
        steps: int = 50,
        settings: "Settings | None" = None,
        progress: "Progress | None" = None,
    ) -> "tuple[ScreenResult, Recorded[Evidence] | None]":
        """Screens one exposure, and records what it finds where that is a transfer; see `provenance.canary.screen.run`.

        Raises:
            ContentError: It can't be run; the message says why.
            UnknownReferenceError: The student was not trained on what the teacher wrote.
        """
        origin, pupil = self._exposure(teacher, student)
        return self._inspection.trials.screen(
            origin, pupil, steps=steps, settings=settings, progress=progress
        )

    def seat(self, ref: Ref) -> "Seat":
        """A model, or the model behind a teacher, as a row or column of `provenance.canary.matrix.run_matrix`."""
        return self._inspection.trials.seat(self.resolve(ref))

    def _exposure(self, teacher: Ref, student: Ref) -> tuple[ArtifactId, ArtifactId]:
        """The teacher and the student that two references mean.

        Raises:
            UnknownReferenceError: They mean no such; where the first means no teacher, the hint names those of the student.
        """
        from provenance.audit import name_teachers

        try:
            return self.resolve(teacher, ArtifactKind.TEACHER), self.resolve(student)
        except UnknownReferenceError as error:
            if error.hint is not None:
                raise
            ends = self.resolve(student), self.resolve(teacher)
            hint = name_teachers(self.view().reading.line(ends), ends)
            raise UnknownReferenceError(error.message, hint=hint) from error
