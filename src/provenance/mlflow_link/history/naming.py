"""What an artifact is called that stands for an object in MLflow."""

import re

from provenance.artifacts import (
    MAX_NAME_LENGTH,
    MAX_VERSION_LENGTH,
    ArtifactId,
    ArtifactKind,
    check_name,
)
from provenance.errors import ContentError
from provenance.interop.graph import legible
from provenance.mlflow_link.history.records import Dataset, LoggedModel, Version
from provenance.mlflow_link.text import lookup_key

_MARK_LENGTH = 9  # a tilde and eight digits


def address(version: Version) -> str:
    """A registered version, ``name/number``."""
    return f"{version.name}/{version.number}"


def version_id(version: Version) -> ArtifactId:
    """The artifact that a registered version is by itself."""
    return ArtifactId(ArtifactKind.MODEL, fit(version.name), str(version.number))


def other_id(version: Version) -> ArtifactId:
    """The same where another artifact has that name: told from it by what never changes in MLflow."""
    mark = lookup_key(str(version.created_ms), legible(version.source))[: _MARK_LENGTH - 1]
    return ArtifactId(ArtifactKind.MODEL, fit(version.name), f"{version.number}~{mark}")


def logged_id(model: LoggedModel) -> ArtifactId:
    """The artifact that a logged model is by itself."""
    name, version = fit(model.name), fit(model.id, "version", MAX_VERSION_LENGTH)
    return ArtifactId(ArtifactKind.MODEL, name, version)


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
