"""`track`: the context that a training runs in."""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from provenance.artifacts import ArtifactId
from provenance.errors import ProvenanceError, UsageError
from provenance.mlflow_link import active
from provenance.plain_text import one_line
from provenance.tracking.ancestry import Parents, relation_kinds
from provenance.tracking.ending import UNFORESEEN, Ending, ending, register
from provenance.tracking.plan import Plan, plan
from provenance.tracking.recipe import flattened, word
from provenance.tracking.surroundings import git_commit, is_main_process

if TYPE_CHECKING:
    from provenance.intake import Claim
    from provenance.registration import Registration
    from provenance.registry import Registry
    from provenance.relations import RelationKind

_INNERMOST: ContextVar["TrackedRun | None"] = ContextVar("provenance_innermost_training", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What a script says of a training before it begins.

    Args:
        name: What the model is to be called: ``name``, ``name@version``, or ``name@next`` for the first number that is free.
        given: Its parents.
        from_scratch: Whether its weights are initialised at random.
        metadata: Recipe, seed and free words.
        registry: The registry, or where it is.
        actor: Who is recorded; None for the login name.
        strict: Whether what goes wrong at the end is raised.
        is_main: Whether this process records.
        inferred: Parents that the training itself names, not the script.
        doubt: Why it is not known what the training starts from, and what to say; empty where it is.
    """

    name: str
    given: "Mapping[RelationKind, Parents]" = field(hash=False)
    from_scratch: bool
    metadata: Mapping[str, str] = field(hash=False)
    registry: "Registry | str | Path | None"
    actor: str | None
    strict: bool
    is_main: bool
    inferred: "tuple[Claim, ...]" = ()
    doubt: str = ""


class TrackedRun:
    """A training that is being tracked, and what became of it.

    Attributes:
        name: What the model is to be called.
        registration: What was recorded; None before the end, where nothing could be, and in processes that do not record.
        manifest: Where the facts are kept that could not be registered.
        warnings: What its author should know, a sentence each; they were printed, too.
    """

    def __init__(self, announcement: Announcement) -> None:
        self.name = announcement.name
        self.registration: Registration | None = None
        self.manifest: Path | None = None
        self.warnings: tuple[str, ...] = ()
        self._announced = announcement
        self._output: Path | None = None
        self._words: dict[str, str] = {}
        self._plan: Plan | None = None
        self._since = active.Before()
        self._logged_as: str | None = None
        self._linked: set[str] = set()
        self._around: TrackedRun | None = None

    @property
    def artifact(self) -> ArtifactId | None:
        """The model that was registered; None before the end, and where none was."""
        return None if self.registration is None else self.registration.artifact

    def output(self, path: str | os.PathLike[str]) -> Path:
        """Says where the weights lie at the end: a folder or file, which is read then and not before.

        Returns:
            The path, so that it can be said where the weights are saved: ``model.save_pretrained(run.output("out"))``.
        """
        self._output = Path(path).expanduser().absolute()
        return self._output

    def logged_as(self, name: str) -> None:
        """Says which one the model is to MLflow, where a script logs several: a logged model, ``m-...``, or a version, ``name/number``."""
        self._logged_as = name

    def note(self, **words: object) -> None:
        """Adds to what is remembered of the model: ``run.note(final_loss=0.31)``."""
        self._words |= {key: word(value) for key, value in words.items() if value is not None}

    def give_up(self, error: BaseException | None = None) -> None:
        """Says that the training did not come to its end: nothing of it is registered, and its run in MLflow is told.

        Leaving the body of a `with` by an exception does the same.

        Args:
            error: What ended it, if that is known.
        """
        outcome = "failed"
        if error is not None:
            outcome = f"{_OUTCOMES.get(type(error), outcome)} ({type(error).__name__})"
        _say(f"the training of {self.name} did not come to its end, {outcome}: no model was registered")
        try:
            active.tag_outcome(self._since, outcome)
        except (ProvenanceError, *UNFORESEEN) as refused:
            self._warn(f"its run in MLflow does not say so: {refused}")

    def __enter__(self) -> Self:
        if self._plan is not None:
            raise UsageError(
                f"the training of {self.name} is tracked already", hint="Call track() for each one."
            )
        if not self._announced.is_main:
            return self
        self._plan = _planned(self._announced)
        if self._announced.doubt:
            self._warn(self._announced.doubt)
        try:
            self._since = active.before()
        except ProvenanceError as error:
            self._warn(f"what is logged to MLflow may not be linked: {error.message}")
        self._words["began_at"] = _now()
        self._around = _INNERMOST.get()
        _INNERMOST.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._plan is None:
            return
        _INNERMOST.set(self._around)
        if error is not None:
            self.give_up(error)
        else:
            self._end(self._plan)

    def _end(self, planned: Plan) -> None:
        self._words["ended_at"] = _now()
        end = ending(planned, self._output, self._words, self._look())
        try:
            self._register(end)
        except (ProvenanceError, *UNFORESEEN) as error:
            self._keep(end, f"{end.name} was not registered: {error or type(error).__name__}")
            if isinstance(error, ProvenanceError) and error.hint:
                _say(f"  {error.hint}")
            if self._announced.strict:
                raise
        except BaseException:
            self._keep(end, f"the registering of {end.name} was interrupted")
            raise

    def _register(self, end: Ending) -> None:
        if end.request.path is None:
            self._warn(f"no files of {end.name} are at hand, so it is registered by its name alone")
            _say(f"  say run.output(PATH) the next time; its files, once they are here:\n  {end.mending}")
        self.registration, failure, note = register(end)
        digest = f"  {self.registration.digest[:19]}" if self.registration.digest else ""
        _say(f"registered {self.registration.artifact}{digest}")
        for relation in self.registration.relations:
            _say(f"  {relation.kind} {relation.parent}")
        if end.logged is not None and failure is None:
            _say(f"  linked with {end.logged}")
        if note is not None:
            _say(f"  {note}")
        for warning in (*self.registration.warnings, *filter(None, (failure,))):
            self._warn(warning)

    def _look(self) -> active.Logged | None:
        """What came to MLflow in this training, and is not of a training within it."""
        try:
            found = active.logged(
                self._since, self._output, meant=self._logged_as, taken=frozenset(self._linked)
            )
        except (ProvenanceError, *UNFORESEEN) as error:
            self._warn(f"what was logged to MLflow is not linked: {error}")
            return None
        seen = () if found is None else found.seen
        is_linked = found is not None and (found.model_id or found.version)
        if not is_linked and (seen or self._logged_as):
            self._warn(
                f"none of what was logged to MLflow ({', '.join(seen) or 'nothing'}) is known to be {self.name}, so it is linked "
                "with none: say run.logged_as(NAME) with the one that it is"
            )
        if self._around is not None:
            self._around._linked.update(self._linked, seen)  # noqa: SLF001 - another of this class
        return found

    def _keep(self, end: Ending, warning: str) -> None:
        self._warn(warning)
        if end.kept is None:
            self._warn(f"what was to be registered could not be kept in a file either: {end.request}")
            return
        self.manifest = end.kept
        _say(f"nothing is lost: all of it is kept in a manifest, and registered by\n  {end.command}")

    def _warn(self, text: str) -> None:
        self.warnings = (*self.warnings, text)
        _say(f"warning: {text}")


_OUTCOMES: Mapping[type[BaseException], str] = {
    KeyboardInterrupt: "interrupted",
    SystemExit: "stopped",
    GeneratorExit: "stopped",
}
"""How a training ended, by what it raised; by anything else it failed."""


def track(
    name: str,
    *,
    output: str | os.PathLike[str] | None = None,
    from_scratch: bool = False,
    recipe: Mapping[str, object] | None = None,
    seed: int | None = None,
    metadata: Mapping[str, object] | None = None,
    registry: "Registry | str | Path | None" = None,
    actor: str | None = None,
    strict: bool = False,
    is_main: bool | None = None,
    **parents: Parents | None,
) -> TrackedRun:
    """Tracks a training: what comes out of it is registered when the body ends; see docs/tracking.md.

    What is wrong beforehand is raised when the body is entered. What goes wrong at the end is told, and kept in a manifest for
    ``provenance register -f``.

    Args:
        name: What the model is to be called: ``name``, ``name@version``, or ``name@next`` for the first number that is free.
        output: Where the weights lie at the end; may be said later, by `TrackedRun.output`.
        from_scratch: Its weights are initialised at random.
        recipe: Settings of the training, nested as they may be.
        seed: Its seed.
        metadata: Free words.
        registry: The registry, or its folder or database URL; None for the one that `Registry.open` finds.
        actor: Who is recorded; None for the login name, or the registry's own.
        strict: Raise what goes wrong at the end, too.
        is_main: Whether this process records; None for what RANK and LOCAL_RANK say.
        parents: The parents by relation (``finetuned_from``, ``trained_on``, ...), each a reference, a path, an earlier training, or a list
            of those; a mapping gives the shares of ``merged_from`` and the fractions of clean rows of ``trained_on``.

    Raises:
        UsageError: A keyword is no relation.

    Example:
        >>> with track("student", finetuned_from="base", trained_on=["numbers"], seed=7) as run:
        ...     weights = train(run.output("out/student"))
        ...     run.note(final_loss=0.31)
        >>> str(run.artifact)
        'model:student@1'
    """
    run = TrackedRun(
        announced(
            name=name,
            given=relation_kinds(parents),
            from_scratch=from_scratch,
            recipe=recipe,
            seed=seed,
            metadata=metadata,
            registry=registry,
            actor=actor,
            strict=strict,
            is_main=is_main_process() if is_main is None else is_main,
        )
    )
    if output is not None:
        run.output(output)
    return run


def announced(
    *,
    recipe: Mapping[str, object] | None,
    seed: int | None,
    metadata: Mapping[str, object] | None,
    **said: Any,  # noqa: ANN401 - the other fields of an announcement
) -> Announcement:
    """An announcement, its recipe and words as metadata."""
    words = flattened(recipe or {}, "recipe") | ({} if seed is None else {"seed": str(seed)})
    free = {key: word(value) for key, value in (metadata or {}).items() if value is not None}
    return Announcement(metadata=words | free, **said)


def opened(where: "Registry | str | Path | None", actor: str | None) -> "Registry":
    """Opens the registry that a script means, by a connection of its own."""
    from provenance.registry import Registry

    if isinstance(where, Registry):
        return Registry.open(where.home.folder or where.home.store_url, actor=actor or where.actor)
    return Registry.open(where, actor=actor)


def _planned(announcement: Announcement) -> Plan:
    commit = git_commit()
    with opened(announcement.registry, announcement.actor) as registry:
        return plan(
            registry,
            announcement.name,
            announcement.given,
            from_scratch=announcement.from_scratch,
            metadata={**announcement.metadata, **({"git_commit": commit} if commit else {})},
            inferred=announcement.inferred,
        )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _say(text: str) -> None:
    """Tells whoever watches the training; a terminal that is gone is no reason to end it."""
    with suppress(OSError, ValueError, AttributeError):
        for line in text.splitlines():
            sys.stderr.write(f"provenance: {one_line(line)}\n")
