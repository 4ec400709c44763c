"""Projection: what a registry tells an MLflow, and takes from there; the part of `provenance.registry.Registry` that knows of MLflow."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.artifacts import ArtifactId
from provenance.errors import UsageError
from provenance.exchange import Exchange
from provenance.home import Home

if TYPE_CHECKING:
    from provenance.mlflow_link.sync import SyncReport
    from provenance.store import Binding, StoredProjection


class Projection(Exchange):
    """What a registry and an MLflow tell each other; see `provenance.mlflow_link`."""

    home: Home
    """The registry's place and settings."""

    def mlflow_sync(
        self,
        uri: str | None = None,
        *,
        rebuild: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> "SyncReport":
        """Projects everything that MLflow was not told yet.

        Args:
            uri: Which MLflow; default: the registry's.
            rebuild: Whether to forget what it was told, and look at every object again.
            progress: Told (objects done, objects to do).

        Raises:
            MlflowError: MLflow can't be opened or does not answer.
            UsageError: None is configured, or the URI is of no known kind.
        """
        from provenance.mlflow_link.sync import sync

        view, state = self.view(), self.mlflow_memory(uri)
        if rebuild:
            state.forget()
        return sync(view.snapshot, view.risks(), uri=self._mlflow_uri(uri), state=state, progress=progress)

    def mlflow_pending(self, uri: str | None = None) -> int:
        """How many objects MLflow was not told of in their present state. Does not load mlflow."""
        from provenance.mlflow_link.plan import plan

        view = self.view()
        return len(plan(view.snapshot, view.risks(), self.mlflow_memory(uri)))

    # --- what others made there -----------------------------------------------------------------------------------------

    def mlflow_memory(self, uri: str | None = None) -> "StoredProjection":
        """What is remembered of an MLflow (default: the registry's): what it was told, and what others made there.

        Raises:
            UsageError: None is configured.
        """
        return self._ledger.projection(_target(self._mlflow_uri(uri)))

    def mlflow_bind(self, artifact: ArtifactId, binding: "Binding", uri: str | None = None) -> None:
        """Remembers the objects of an artifact that others made in an MLflow: the projection makes none of its own for them."""
        self.mlflow_memory(uri).bind(artifact, binding)

    def mlflow_bindings(self, uri: str | None = None) -> "Mapping[ArtifactId, Binding]":
        """The objects that others made in an MLflow, by artifact."""
        return self.mlflow_memory(uri).bindings()

    def mlflow_logged_model(self, artifact: ArtifactId, uri: str | None = None) -> str | None:
        """The logged model (``m-...``) that stands for an artifact in an MLflow: others', or the projection's; None where there is none."""
        memory, subject = self.mlflow_memory(uri), f"logged {artifact}"
        bound = memory.bindings([artifact]).get(artifact)
        if bound is not None and bound.model_id is not None:
            return bound.model_id
        told = memory.told([subject])
        return told[subject][1] if subject in told else None

    def _mlflow_uri(self, uri: str | None) -> str:
        found = uri or self.home.mlflow_uri
        if found is None:
            place = "in the registry's config.toml" if self.home.folder else "in MLFLOW_TRACKING_URI"
            raise UsageError(
                f"the registry {self.home.name} has no MLflow", hint=f"Name one with --uri URI, or {place}."
            )
        return found


def _target(uri: str) -> str:
    """What the memory of an MLflow goes by: where it is, whoever writes there and from whatever folder."""
    if uri.startswith("sqlite:///"):
        return f"sqlite:///{Path(uri.removeprefix('sqlite:///')).absolute()}"
    return re.sub(r"(?<=://).*@", "", uri, flags=re.DOTALL).rstrip("/")
