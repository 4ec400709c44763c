"""What the objects of the projection are called: by us (subjects), and in MLflow (keys)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind
from provenance.mlflow_link.text import lookup_key, shorten

if TYPE_CHECKING:
    from provenance.store import Binding

Bindings: TypeAlias = "Mapping[ArtifactId, Binding]"
"""The objects of artifacts that others made."""

_USER_LIMIT = 250
"""Characters of the name of a run's user."""


def record_of(artifact: ArtifactId) -> str:
    """Our record run."""
    return f"record of {artifact}"


def our_logged(artifact: ArtifactId) -> str:
    """Our logged model."""
    return f"logged {artifact}"


def logged(artifact: ArtifactId, bindings: Bindings) -> str | None:
    """The logged model that stands for an artifact, others' or ours; None where theirs is a version without one."""
    bound = bindings.get(artifact)
    if not is_adopted(bound):
        return our_logged(artifact)
    return None if bound is None or bound.model_id is None else adopted_logged(artifact)


def adopted_version(artifact: ArtifactId) -> str:
    """The version that others made of an artifact."""
    return f"adopted version {artifact}"


def adopted_logged(artifact: ArtifactId) -> str:
    """The logged model that others made of an artifact."""
    return f"adopted logged {artifact}"


def is_adopted(binding: "Binding | None") -> bool:
    """Whether others made an object for the artifact. A run alone is none: it may have made several artifacts."""
    return binding is not None and (binding.version is not None or binding.model_id is not None)


def our_version(artifact: ArtifactId) -> str:
    """Our version of its registered model."""
    return f"version {artifact}"


def telling(artifact: ArtifactId) -> str:
    """Which object of ours tells where a model or teacher stands, where others made none."""
    return our_version(artifact) if artifact.kind is ArtifactKind.MODEL else our_logged(artifact)


def registered_name(artifact: ArtifactId) -> str:
    """Our registered model, which the versions of one name share."""
    return f"registered name {artifact.name}"


def key_of(artifact: Artifact, registry: str) -> str:
    """What the objects of an artifact are found by: its name with its content, and without content with the registry that recorded it.

    So two registries share an object where name and content are the same, and never otherwise.
    """
    return lookup_key(
        str(artifact.id), str(artifact.content.digest) if artifact.content is not None else registry
    )


def source_tags(actor: str) -> dict[str, str]:
    """Tags that say who made a run."""
    return {"mlflow.user": shorten(actor, _USER_LIMIT), "mlflow.source.name": "provenance"}
