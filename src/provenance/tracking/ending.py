"""A training that came to its end: its model is registered, and linked with what MLflow has of it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import ConflictError, ProvenanceError
from provenance.mlflow_link import active
from provenance.mlflow_link.address import shown
from provenance.registry import Registry
from provenance.relations import WEIGHT_KINDS, Relation, RelationKind
from provenance.tracking import manifest
from provenance.tracking.plan import Plan, free_version, taken_versions

if TYPE_CHECKING:
    from provenance.registration import Registration
    from provenance.request import Request

UNFORESEEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What registering may raise besides its own errors, where it calls libraries on whatever a training wrote: hours of training are not to end
by it. What is to be registered stands in the manifest then."""

_MOST_RACES = 5
_INPUTS = WEIGHT_KINDS | {RelationKind.DISTILLED_FROM}
"""The relations whose parents are models to MLflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What is to be registered, and where it is kept until that is done.

    Args:
        plan: The training.
        request: The model, its files not read yet.
        logged: What MLflow has of it.
        kept: The manifest that holds it all; None where none could be written.
    """

    plan: Plan
    request: "Request"
    logged: active.Logged | None
    kept: Path | None

    @property
    def name(self) -> str:
        """The model, for people."""
        return f"{self.request.name}@{self.request.version}"

    @property
    def mending(self) -> str:
        """What registers the files of a model that is registered by its name alone, once they are at hand."""
        options = (
            word
            for parent in self.request.parents
            for word in (f"--{parent.kind.replace('_', '-')}", parent.reference)
        )
        return shlex.join(
            ("provenance", "register", "model", "FOLDER", "--name", f"{self.name}-files", *options)
        )

    @property
    def command(self) -> str:
        """What registers the manifest."""
        return shlex.join(
            ("provenance", "register", "-f", str(self.kept), "--registry", self.plan.registry_name)
        )


def ending(plan: Plan, output: Path | None, words: Mapping[str, str], logged: active.Logged | None) -> Ending:
    """Writes everything that is known into a manifest, before anything else is tried.

    Args:
        plan: The training.
        output: Where its weights lie; None where the script did not say.
        words: What came to be known while it ran.
        logged: What MLflow has of it.
    """
    path = output or (logged.files if logged else None)
    run = {"mlflow_run": logged.run_id} if logged and logged.run_id else {}
    metadata = {**plan.request.metadata, **words, **run}
    request = replace(plan.request, metadata=metadata, path=str(path) if path else None)
    name = path.name if path else request.name.replace("/", "--")
    beside = [path.parent] if path and path == output else []
    places = [*beside, *([plan.folder] if plan.folder else []), Path()]
    try:
        kept = manifest.keep([*plan.unregistered, request], places, name)
    except (OSError, ValueError):  # the latter of a path that is no text
        kept = None
    return Ending(plan=plan, request=request, logged=logged, kept=kept)


def register(end: Ending) -> "tuple[Registration, str | None, str | None]":
    """Registers the model and what of its parents was not registered, and links it; the manifest is removed.

    Returns:
        What was registered; what is wrong with the link, if anything is; and what became of telling an MLflow server, as `Registry.mlflow_note` says.

    Raises:
        ProvenanceError: It can't be registered; the manifest stays.
    """
    with Registry.open(end.plan.registry, actor=end.plan.actor) as registry:
        request = end.request.reading(end.request.path)
        with registry.mlflow_together():
            found = _registered(registry, end, request)
            failure = _link(registry, found, end.logged) if end.logged else None
        note = registry.mlflow_note
    if end.kept is not None:
        end.kept.unlink(missing_ok=True)
    return found, failure, note


def _registered(registry: Registry, end: Ending, request: "Request") -> "Registration":
    """Registers it under its version, or, where that was taken meanwhile, under the next one if the script left it open.

    Raises:
        ConflictError: It did not; the manifest then names the next one, for whoever registers it.
    """
    for _ in range(_MOST_RACES):
        try:
            return registry.register([*end.plan.unregistered, request])[-1]
        except ConflictError:
            if request.version not in taken_versions(registry, request):
                raise
            request = replace(request, version=free_version(registry, request, counts_up=True))
            if not end.plan.counts_up:
                if end.kept is not None:
                    kept = replace(end.request, version=request.version)
                    manifest.write(end.kept, [*end.plan.unregistered, kept])
                raise
    raise ConflictError(
        f"the name {request.name} was taken {_MOST_RACES} times while it was to be registered"
    )


def _link(registry: Registry, found: "Registration", logged: active.Logged) -> str | None:
    """Binds the model to its objects in MLflow, and says on its run what went in; tells what is wrong with that."""
    from provenance.store import Binding

    try:
        if logged.model_id or logged.version:
            binding = Binding(
                version=logged.version,
                model_id=logged.model_id,
                run_id=logged.run_id,
                made_at_ms=logged.made_at_ms,
            )
            registry.mlflow_bind(found.artifact, binding, logged.uri)
        if logged.run_id:
            _log_inputs(registry, found.relations, logged.uri, logged.run_id)
    except (ProvenanceError, *UNFORESEEN) as error:
        return f"{found.artifact} could not be linked with all of {logged}: {error}"
    if registry.home.mlflow_uri is not None and not registry.is_own_mlflow(logged.uri):
        return (
            f"{found.artifact} is linked with {logged}, and the registry's own MLflow is at {shown(registry.home.mlflow_uri)}: "
            f"its status is not shown there. If the two are one, give the registry the address that the script uses"
        )
    return None


def _log_inputs(registry: Registry, relations: tuple[Relation, ...], uri: str, run_id: str) -> None:
    reading = registry.view().reading
    data = [one.parent for one in relations if one.kind is RelationKind.TRAINED_ON]
    bases = (registry.mlflow_logged_model(one.parent, uri) for one in relations if one.kind in _INPUTS)
    active.log_inputs(
        uri,
        run_id,
        datasets=[artifact for one in data for artifact in reading.find(str(one))],
        models=[model_id for model_id in bases if model_id is not None],
    )
