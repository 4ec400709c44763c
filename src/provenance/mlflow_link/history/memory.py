"""What a registry knows of an MLflow's objects, gathered for one history of it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind
from provenance.errors import ContentError
from provenance.mlflow_link.history.naming import address, version_id
from provenance.mlflow_link.history.records import History, model_named
from provenance.mlflow_link.links import dataset_input
from provenance.store import Binding, Ledger, StoredProjection

OWN_SOURCE = "provenance"
"""The type of source of the dataset inputs that a projection or a tracked training writes."""

_RUNS = frozenset({"record", "audit"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a registry knows of an MLflow's objects.

    Args:
        bound: The artifacts that an import or a capture bound to objects there.
        versions: The same, by the registered version, ``name/number``. There may be several: a name that was deleted is given again.
        models: The artifact of a logged model, by its id: an id is given once.
        own_versions: The artifact of a version that our projection wrote, by ``name/number``.
        own_models: The artifact of a logged model that our projection wrote, by its id.
        own_runs: The runs that it wrote.
        recorded: The identity of each recorded model that has a logged model's id as its version, by that.
        names: The identities of all recorded artifacts.
        words: The metadata of recorded models that a version of this history may be.
        datasets: The recorded dataset of an input that a projection or a tracked training wrote, by its name and digest there.
    """

    bound: Mapping[ArtifactId, Binding] = field(default_factory=dict)
    versions: Mapping[str, tuple[ArtifactId, ...]] = field(default_factory=dict)
    models: Mapping[str, ArtifactId] = field(default_factory=dict)
    own_versions: Mapping[str, ArtifactId] = field(default_factory=dict)
    own_models: Mapping[str, ArtifactId] = field(default_factory=dict)
    own_runs: Collection[str] = ()
    recorded: Mapping[str, ArtifactId] = field(default_factory=dict)
    names: Collection[ArtifactId] = ()
    words: Mapping[ArtifactId, Mapping[str, str]] = field(default_factory=dict)
    datasets: Mapping[tuple[str, str], ArtifactId] = field(default_factory=dict)

    def of_model(self, model_id: str) -> ArtifactId | None:
        """The artifact of a logged model, whoever wrote it."""
        return self.models.get(model_id) or self.own_models.get(model_id) or self.recorded.get(model_id)


def gather(history: History, ledger: Ledger, stored: StoredProjection) -> Memory:
    """Gathers what is known of a history's objects.

    Args:
        history: What was read.
        ledger: What is recorded.
        stored: What is remembered of the MLflow.
    """
    bound = stored.bindings()
    names = frozenset(ledger.names())
    versions: dict[str, tuple[ArtifactId, ...]] = {}
    for artifact, binding in bound.items():
        if binding.version:
            versions[binding.version] = (*versions.get(binding.version, ()), artifact)
    own, own_runs = _own(history, stored)
    anywhere = stored.bound_anywhere({*history.models, *_named(history)})
    asked = {
        artifact
        for one in history.versions
        if address(one) not in versions and (artifact := version_id(one)) in names
    }.union(*vanished(history, bound).values())
    described = ledger.at().page(kinds=(ArtifactKind.MODEL,), among=asked) if asked else ()
    return Memory(
        bound=bound,
        versions=versions,
        models=anywhere | {one.model_id: artifact for artifact, one in bound.items() if one.model_id},
        own_versions=own["version"],
        own_models=own["logged"],
        own_runs=own_runs,
        recorded={
            one.version: one
            for one in names
            if one.kind is ArtifactKind.MODEL and one.version.startswith("m-")
        },
        names=names,
        words={one.fact.id: one.fact.metadata for one in described},
        datasets=own_datasets(history, ledger.find),
    )


def _named(history: History) -> set[str]:
    return {named for one in history.versions if (named := model_named(one.source)) is not None}


def _own(history: History, stored: StoredProjection) -> tuple[dict[str, dict[str, ArtifactId]], set[str]]:
    """What our projection wrote: versions and logged models, name there to artifact; and runs."""
    told = [(name, subject) for subject, (_, name) in stored.all().items()]
    told += stored.known({*history.runs, *history.models, *_named(history)}).items()
    shown: dict[str, dict[str, ArtifactId]] = {"version": {}, "logged": {}}
    runs: set[str] = set()
    for name, subject in told:
        sort, _, rest = subject.partition(" ")
        if name and sort in shown:
            shown[sort][name] = ArtifactId.parse(rest)
        elif name and sort in _RUNS:
            runs.add(name)
    return shown, runs


def vanished(history: History, bound: Mapping[ArtifactId, Binding]) -> dict[int, list[ArtifactId]]:
    """The artifacts bound to a version that is no longer there, by the moment when it was registered: its name may have been changed."""
    there = {(address(one), one.created_ms) for one in history.versions}
    found: dict[int, list[ArtifactId]] = {}
    for artifact, one in bound.items():
        if one.version and one.made_at_ms and (one.version, one.made_at_ms) not in there:
            found.setdefault(one.made_at_ms, []).append(artifact)
    return found


def own_datasets(
    history: History, find: Callable[[str], Iterable[Artifact]]
) -> dict[tuple[str, str], ArtifactId]:
    """The recorded datasets of inputs that were written by us, by name and digest there.

    What stands there is no proof, so that the name and the digest have to be exactly those of what is recorded.

    Args:
        history: What was read.
        find: The recorded artifacts that a reference may mean.
    """
    found: dict[tuple[str, str], ArtifactId] = {}
    inputs = {
        one[:2] for run in history.runs.values() for one in run.datasets if one.source_type == OWN_SOURCE
    }
    for name, digest in sorted(inputs):
        with suppress(ContentError):  # a name that none of ours has
            for artifact in find(f"{ArtifactKind.DATASET}:{name}"):
                shown = dataset_input(artifact, "")
                if (shown.name, shown.digest) == (name, digest):
                    found[name, digest] = artifact.id
    return found
