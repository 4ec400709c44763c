"""Which artifact a registered version, a logged model or a dataset of an MLflow is.

The same weights may stand there several times: as a logged model, and as versions that were registered from it. They never become
strangers. One artifact stands for the weights, the others are *converted from* it, which is what it is called when a model changes
nothing but its form. Which one stands for them must not change from one import to the next:

1. what the registry remembers by the logged model's id, since an earlier import or a capture bound it;
2. what is recorded under the logged model's id as its version, since it was imported before it was registered;
3. the version that was registered first;
4. the logged model, where nobody registered it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from provenance.artifacts import (
    MAX_NAME_LENGTH,
    MAX_VERSION_LENGTH,
    Artifact,
    ArtifactId,
    ArtifactKind,
    check_name,
)
from provenance.errors import ContentError
from provenance.interop.graph import legible
from provenance.mlflow_link.history.records import Dataset, History, LoggedModel, Version, model_of
from provenance.mlflow_link.links import dataset_input
from provenance.mlflow_link.text import lookup_key
from provenance.store import Binding

OWN_SOURCE = "provenance"
"""The type of source of the dataset inputs that a projection or a tracked training writes."""

_COPY = re.compile(r"models:/([^/]+)/(\d{1,18})")
_RUN = re.compile(r"runs:/([^/]+)/(.+)")
_MARK_LENGTH = 9  # a tilde and eight digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a registry knows of an MLflow's objects.

    Args:
        versions: The artifact of a registered version, ``name/number``.
        models: The artifact of a logged model, by its id.
        recorded: The identity of each recorded model that has a logged model's id as its version, by that.
        datasets: The recorded dataset of an input that a projection or a tracked training wrote, by its name and digest there.
    """

    versions: Mapping[str, ArtifactId] = field(default_factory=dict)
    models: Mapping[str, ArtifactId] = field(default_factory=dict)
    recorded: Mapping[str, ArtifactId] = field(default_factory=dict)
    datasets: Mapping[tuple[str, str], ArtifactId] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        bindings: Mapping[ArtifactId, Binding],
        told: Mapping[str, tuple[str, str]],
        recorded: Iterable[ArtifactId],
        datasets: Mapping[tuple[str, str], ArtifactId],
    ) -> "Memory":
        """Gathers it.

        Args:
            bindings: The objects that others made, by artifact.
            told: Subject to (digest, external id) of what a projection wrote.
            recorded: The identities of all recorded artifacts.
            datasets: See `own_datasets`.
        """
        versions = {one.version: artifact for artifact, one in bindings.items() if one.version}
        models = {one.model_id: artifact for artifact, one in bindings.items() if one.model_id}
        for subject, (_, external_id) in told.items():
            sort, _, identity = subject.partition(" ")
            known = {"logged": models, "version": versions}.get(sort)
            if known is not None and external_id:
                known.setdefault(external_id, ArtifactId.parse(identity))
        by_id = {
            one.version: one
            for one in recorded
            if one.kind is ArtifactKind.MODEL and one.version.startswith("m-")
        }
        return cls(versions=versions, models=models, recorded=by_id, datasets=datasets)


@dataclass(slots=True)
class Weights:
    """One set of weights, and all that it is in MLflow.

    Args:
        model: The id of its logged model, if it has one.
        versions: Its registered versions, the first registered first.
        artifact: The artifact that stands for it.
    """

    model: str | None
    versions: list[Version]
    artifact: ArtifactId


class Identities:
    """The artifacts of a history.

    Args:
        history: What was read.
        memory: What the registry knows.

    Attributes:
        weights: Every set of weights.
    """

    def __init__(self, history: History, memory: Memory) -> None:
        self._memory = memory
        self._by_name = {(one.name, one.number): one for one in history.versions}
        self._logged: dict[tuple[str, ...], list[str]] = {}
        for model in history.models.values():
            self._logged.setdefault((model.run or "", model.name), []).append(model.id)
        groups: dict[tuple[str, ...], list[Version]] = {("model", one): [] for one in history.models}
        for version in sorted(history.versions, key=lambda one: (one.created_ms, one.name, one.number)):
            groups.setdefault(self._origin(version), []).append(version)
        self.weights = [self._weights(key, some, history.models) for key, some in groups.items()]
        self._of_model = {one.model: one for one in self.weights if one.model is not None}
        self._of_version = {
            (version.name, version.number): one for one in self.weights for version in one.versions
        }

    def of_model(self, model_id: str) -> Weights | None:
        """The weights of a logged model."""
        return self._of_model.get(model_id)

    def of_version(self, name: str, number: int) -> Weights | None:
        """The weights of a registered version."""
        return self._of_version.get((name, number))

    def version(self, version: Version) -> ArtifactId:
        """The artifact that a registered version is by itself."""
        known = self._memory.versions.get(f"{version.name}/{version.number}")
        return known or ArtifactId(ArtifactKind.MODEL, fit(version.name), str(version.number))

    def dataset(self, dataset: Dataset) -> ArtifactId:
        """The artifact that a dataset input is."""
        known = self._memory.datasets.get((dataset.name, dataset.digest))
        return known or dataset_id(dataset)

    def _origin(self, version: Version) -> tuple[str, ...]:
        """What is the same for all versions of the same weights: their logged model, or else the place that their run put them to.

        A run's only logged model of a name is what stands at that name in the run.
        """
        seen = {(version.name, version.number)}
        while copied := _COPY.fullmatch(version.source):
            key = copied[1], int(copied[2])
            before = self._by_name.get(key)
            if before is None or key in seen:
                return ("copy", *copied.groups())
            seen.add(key)
            version = before
        model = model_of(version.source)
        if model is not None:
            return ("model", model)
        if (place := _RUN.fullmatch(version.source)) is not None:
            logged = self._logged.get(place.groups(), ())
            if len(logged) == 1:
                return ("model", logged[0])
        if version.run and version.source:
            return ("place", version.run, version.source)
        return ("version", version.name, str(version.number))

    def _weights(
        self, key: tuple[str, ...], versions: list[Version], models: Mapping[str, LoggedModel]
    ) -> Weights:
        model = key[1] if key[0] == "model" else None
        known = (self._memory.models.get(model) or self._memory.recorded.get(model)) if model else None
        if key[0] == "copy":  # of what a projection wrote, or of what is gone
            known = self._memory.versions.get(f"{key[1]}/{key[2]}")
        if known is None and versions:
            known = self.version(versions[0])
        if known is None:
            logged = models[key[1]]
            name, version = fit(logged.name), fit(logged.id, "version", MAX_VERSION_LENGTH)
            known = ArtifactId(ArtifactKind.MODEL, name, version)
        return Weights(model, versions, known)


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


def dataset_id(dataset: Dataset) -> ArtifactId:
    """The artifact that a dataset input is, by its name and digest there."""
    name, version = fit(dataset.name), fit(dataset.digest, "version", MAX_VERSION_LENGTH)
    return ArtifactId(ArtifactKind.DATASET, name, version)


def fit(text: str, what: str = "name", limit: int = MAX_NAME_LENGTH) -> str:
    """A name that an artifact can bear: the text itself, or one that reads like it and ends in a fingerprint of it."""
    try:
        return check_name(text, what, limit)
    except ContentError:
        plain = re.sub(r"[^\w.+ -]", "-", legible(text).replace("/", "--"))
        return f"{plain[: limit - _MARK_LENGTH].strip()}~{lookup_key(legible(text))[:8]}"
