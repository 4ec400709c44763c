"""Which artifact a registered version, a logged model or a dataset of an MLflow is.

The same weights may stand there several times: as a logged model, and as versions that were registered from it. They never become
strangers. One artifact stands for the weights, the others are *converted from* it, which is what it is called when a model changes
nothing but its form. Which one stands for them must not change from one import to the next:

1. what the registry remembers by the logged model's id, since an earlier import or a capture bound it;
2. what is recorded under the logged model's id as its version, since it was imported before it was registered;
3. the version that was registered first;
4. the logged model, where nobody registered it.

A name proves nothing. A version is what an import or a capture bound to it, and of its name and the very moment when it was registered;
a name that is given again, and one that is registered here by somebody else, are told apart by a fingerprint.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from provenance.artifacts import ArtifactId
from provenance.mlflow_link.history.memory import Memory, vanished
from provenance.mlflow_link.history.naming import address, dataset_id, logged_id, other_id, version_id
from provenance.mlflow_link.history.records import Dataset, History, LoggedModel, Version
from provenance.mlflow_link.history.words import model_words, plain

_COPY = re.compile(r"models:/([^/]+)/(\d{1,18})")
_RUN = re.compile(r"runs:/([^/]+)/(.+)")
_LASTING = ("mlflow.version", "mlflow.created_at", "mlflow.source")


class Identity(NamedTuple):
    """Which artifact a registered version is by itself.

    Args:
        artifact: It.
        doubt: A registered artifact that it may be, too, and may not.
        note: What people should know of it.
    """

    artifact: ArtifactId
    doubt: ArtifactId | None = None
    note: str = ""


@dataclass(slots=True)
class Weights:
    """One set of weights, and all that it is in MLflow.

    Args:
        model: The id of its logged model, if it has one.
        versions: Its registered versions, the first registered first.
        artifact: The artifact that stands for it.
        lost: The logged model or version that it was registered from and of which nothing is known, as MLflow names it.
    """

    model: str | None
    versions: list[Version]
    artifact: ArtifactId
    lost: str | None = None


class Identities:
    """The artifacts of a history.

    Args:
        history: What was read.
        memory: What the registry knows.

    Attributes:
        weights: Every set of weights.
    """

    def __init__(self, history: History, memory: Memory) -> None:
        self._history, self._memory = history, memory
        self._by_name = {(one.name, one.number): one for one in history.versions}
        self._vanished = vanished(history, memory.bound)
        self._versions = {key: self._identity(one) for key, one in self._by_name.items()}
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

    def version(self, version: Version) -> Identity:
        """The artifact that a registered version is by itself."""
        return self._versions[version.name, version.number]

    def numbered(self, name: str, number: int) -> ArtifactId | None:
        """The artifact that the version of a name and number is by itself, if it is there."""
        found = self._versions.get((name, number))
        return found.artifact if found is not None else None

    def dataset(self, dataset: Dataset) -> ArtifactId:
        """The artifact that a dataset input is."""
        known = self._memory.datasets.get((dataset.name, dataset.digest))
        return known or dataset_id(dataset)

    def _identity(self, version: Version) -> Identity:
        memory, where, simple = self._memory, f"models:/{address(version)}", version_id(version)
        model = self._history.model_of(version.source)
        bound = memory.versions.get(address(version), ())
        for artifact in sorted(bound, key=lambda one: memory.bound[one].made_at_ms is None):
            if self._is_bound(version, model, artifact):
                return Identity(artifact)
        if (renamed := self._renamed(version, model)) is not None:
            before = memory.bound[renamed].version
            return Identity(renamed, note=f"{where} was models:/{before} before, and is {renamed}")
        if bound:
            other = other_id(version)
            return Identity(
                other, note=f"{where} was deleted and made anew: it is {other}, and not {bound[0]}"
            )
        if simple not in memory.names or (model is not None and memory.of_model(model) == simple):
            return Identity(simple)
        words, told = model_words({}, None, version), memory.words.get(simple, {})
        if all(
            words.get(key) == told.get(key) for key in _LASTING
        ):  # imported before, and stopped before it was bound
            return Identity(simple)
        other = other_id(version)
        return Identity(
            other,
            simple,
            f"{where} may be another model than {simple}, which was registered here by its own: it is {other}, of unknown ancestry. "
            f"If they are the same: provenance relate {other} converted_from {simple} --resolves {_named(simple)}",
        )

    def _is_bound(self, version: Version, model: str | None, artifact: ArtifactId) -> bool:
        """Whether a version is the one that an artifact was bound to; one of the same name may have taken its place."""
        bound = self._memory.bound[artifact]
        if bound.made_at_ms and version.created_ms:
            return bound.made_at_ms == version.created_ms
        return bound.model_id is None or model is None or bound.model_id == model

    def _renamed(self, version: Version, model: str | None) -> ArtifactId | None:
        """The artifact that was bound to the same version when its registered model had another name."""
        gone = self._vanished.get(version.created_ms, ())
        found = [artifact for artifact in gone if self._is_same(version, model, artifact)]
        return found[0] if len(found) == 1 else None

    def _is_same(self, version: Version, model: str | None, artifact: ArtifactId) -> bool:
        """Whether a version has the run and the source of the one that an artifact was bound to."""
        bound, told = self._memory.bound[artifact], self._memory.words.get(artifact, {})
        if version.run not in {bound.run_id, told.get("mlflow.run_id")}:
            return False
        if "mlflow.source" in told:
            return told["mlflow.source"] == plain(version.source)
        return model is not None and bound.model_id == model

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
        model = self._history.model_of(version.source)
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
        known = self._memory.of_model(model) if model else None
        lost = model if model not in models else None
        if key[0] == "copy":  # of what a projection wrote, or of what is gone
            lost = f"models:/{key[1]}/{key[2]}"
            known = self._of_gone(f"{key[1]}/{key[2]}")
        if known is not None:
            return Weights(model, versions, known)
        if versions:
            return Weights(model, versions, self.version(versions[0]).artifact, lost)
        return Weights(model, versions, logged_id(models[key[1]]))

    def _of_gone(self, name: str) -> ArtifactId | None:
        """The artifact of a version that is not among those of others: one that we wrote, or the only one that was bound to the name."""
        bound = self._memory.versions.get(name, ())
        return bound[0] if len(bound) == 1 else None if bound else self._memory.own_versions.get(name)


def _named(artifact: ArtifactId) -> str:
    return f"{artifact.name}@{artifact.version}"
