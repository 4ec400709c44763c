"""Projection: what a registry tells an MLflow, and takes from there; the part of `provenance.registry.Registry` that knows of MLflow."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from provenance.artifacts import ArtifactId
from provenance.errors import ConflictError, UsageError
from provenance.exchange import Exchange
from provenance.home import Home

if TYPE_CHECKING:
    from provenance.mlflow_import import HistoryImport, HistoryProgress
    from provenance.mlflow_link.lag import MlflowStatus
    from provenance.mlflow_link.showing import Showing
    from provenance.mlflow_link.sync import Progress, SyncReport
    from provenance.relations import RelationKind
    from provenance.store import Binding, StoredProjection

_PATIENCE_S = 60.0


class Projection(Exchange):
    """What a registry and an MLflow tell each other; see `provenance.mlflow_link`."""

    home: Home
    """The registry's place and settings."""

    mlflow_note: str | None = None
    """What became of telling an MLflow server of the last registration, in words; None where it was told all of it, or is told by syncs only."""

    _together: list[ArtifactId] | None = None

    def mlflow_sync(
        self,
        uri: str | None = None,
        *,
        rebuild: bool = False,
        progress: "Progress | None" = None,
        waiting: Callable[[], None] | None = None,
    ) -> "SyncReport":
        """Tells an MLflow everything that it was not told yet, until the ledger has nothing more.

        Where another process does the same, that is waited for, a minute at most.

        Args:
            uri: Which MLflow; default: the registry's.
            rebuild: Whether to forget what it was told, and look at every object again.
            progress: Told (objects done, objects to do).
            waiting: Told once where another process is waited for.

        Raises:
            MlflowError: MLflow can't be opened or does not answer. What was written until then is remembered.
            ConflictError: Another process was telling it all the time.
            UsageError: None is configured, or the URI is of no known kind.
        """
        from provenance.mlflow_link.drain import drain
        from provenance.mlflow_link.marks import start_over

        target, state = self._mlflow_uri(uri), self.mlflow_memory(uri)
        if waiting is not None and state.is_held():
            waiting()
        with state.held(patience_s=_PATIENCE_S) as is_ours:
            if not is_ours:
                raise ConflictError(
                    f"another process has been writing to the MLflow at {state.target} for a minute",
                    hint="It takes along what is pending now; `provenance mlflow status` says how far it is.",
                )
            if rebuild:
                start_over(state)
            return drain(partial(self._showing, state), state, uri=target, progress=progress)

    def mlflow_status(self, uri: str | None = None) -> "MlflowStatus":
        """How far an MLflow (default: the registry's) is behind. Does not load mlflow, and asks nobody.

        Raises:
            UsageError: None is configured.
        """
        from provenance.mlflow_link.lag import lag

        memory = self.mlflow_memory(uri)
        return lag(self._showing(memory), memory)

    @contextmanager
    def mlflow_together(self) -> Iterator[list[ArtifactId]]:
        """Tells an MLflow server of what is registered within when that came to its end, and not before.

        A server is told of a registration at once, as far as a second goes; `mlflow_note` says what became of it. An embedded store
        is told by `mlflow_sync` alone. An interrupt meanwhile is raised as anywhere: what was registered is recorded by then.
        """
        if self._together is not None:
            yield self._together
            return
        uri = self.home.mlflow_uri or ""
        before = self._ledger.head() if uri.startswith(("http://", "https://")) else None
        registered: list[ArtifactId] = []
        self._together, self.mlflow_note = registered, None
        try:
            yield registered
        finally:
            self._together = None
        if before is not None and registered:
            from provenance.mlflow_link.inline import tell_at_once

            memory = self.mlflow_memory()
            self.mlflow_note = tell_at_once(
                partial(self._showing, memory),
                memory,
                tuple(dict.fromkeys(registered)),
                after=before.entries,
                uri=uri,
            )

    def _showing(self, memory: "StoredProjection") -> "Showing":
        from provenance.mlflow_link.showing import Showing
        from provenance.render.evidence_pictures import pictures

        view = self.view()
        return Showing(
            reading=view.reading,
            policy=view.policy,
            unfinished=view.unfinished,
            registry=memory.registry(),
            viewer=self.home.viewer,
            pictures=pictures,
        )

    def mlflow_import(
        self,
        uri: str | None = None,
        *,
        store: str | None = None,
        via: str = "auto",
        rescan: bool = False,
        dry_run: bool = False,
        parent_tags: "Mapping[str, RelationKind | None] | None" = None,
        progress: "HistoryProgress | None" = None,
    ) -> "HistoryImport":
        """Records the history that others left in an MLflow, as far as it is not recorded; see docs/mlflow-import.md.

        An import that was stopped goes on when it is begun again.

        Args:
            uri: Which MLflow; default: the registry's.
            store: The database behind it, to be read in its stead.
            via: ``auto``, ``api`` or ``sql``: how it is read.
            rescan: Whether the API is asked for everything, and not for what is new since the last import.
            dry_run: Whether to say only what would be recorded.
            parent_tags: Further keys of parameters and tags that name a base model, and the relation that each states.
            progress: Told what is counted, how many are done, and of how many.

        Raises:
            ConflictError: Another process imports from there just now.
            MlflowError: It can't be read; nothing is recorded.
            UsageError: None is configured, or it can't be read in the way that is asked for.
        """
        from provenance.mlflow_import import import_history
        from provenance.mlflow_link.history.reading import HistorySource, read_via

        source = HistorySource(
            uri=self._mlflow_uri(uri),
            store=store,
            via=read_via(via),
            rescan=rescan,
            parent_tags=parent_tags or {},
        )
        memory = self.mlflow_memory(uri)
        return import_history(
            self._ledger, memory, source, actor=self.actor, dry_run=dry_run, progress=progress
        )

    # --- what others made there -----------------------------------------------------------------------------------------

    def mlflow_memory(self, uri: str | None = None) -> "StoredProjection":
        """What is remembered of an MLflow (default: the registry's): what it was told, and what others made there.

        Raises:
            UsageError: None is configured.
        """
        from provenance.mlflow_link.address import target_of

        return self._ledger.projection(target_of(self._mlflow_uri(uri)))

    def is_own_mlflow(self, uri: str) -> bool:
        """Whether a URI is another spelling, or the same, of where the registry's own MLflow is."""
        from provenance.mlflow_link.address import target_of

        own = self.home.mlflow_uri
        return own is not None and target_of(uri) == target_of(own)

    def mlflow_bind(self, artifact: ArtifactId, binding: "Binding", uri: str | None = None) -> None:
        """Remembers the objects of an artifact that others made in an MLflow: the projection makes none of its own for them."""
        self.mlflow_memory(uri).bind(artifact, binding)

    def mlflow_bindings(self, uri: str | None = None) -> "Mapping[ArtifactId, Binding]":
        """The objects that others made in an MLflow, by artifact."""
        return self.mlflow_memory(uri).bindings()

    def mlflow_logged_model(self, artifact: ArtifactId, uri: str | None = None) -> str | None:
        """The logged model (``m-...``) that stands for an artifact in an MLflow: others', or the projection's; None where there is none."""
        from provenance.mlflow_link.subjects import is_adopted, logged

        memory = self.mlflow_memory(uri)
        bindings = memory.bindings([artifact])
        if is_adopted(bound := bindings.get(artifact)):
            return None if bound is None else bound.model_id
        subject = logged(artifact, bindings)
        told = memory.told([subject]) if subject is not None else {}
        return next((external_id for _, external_id in told.values()), None)

    def _mlflow_uri(self, uri: str | None) -> str:
        found = uri or self.home.mlflow_uri
        if found is None:
            place = "in the registry's config.toml" if self.home.folder else "in MLFLOW_TRACKING_URI"
            raise UsageError(
                f"the registry {self.home.name} has no MLflow", hint=f"Name one with --uri URI, or {place}."
            )
        return found
