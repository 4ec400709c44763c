"""An MLflow history with everything that makes one hard to read, made by MLflow's own client; and what an import records of it."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provenance import Registry
from provenance.artifacts import Artifact
from provenance.mlflow_link.history.embedded import embedded_archive
from provenance.mlflow_link.history.parents import wanted_keys
from provenance.mlflow_link.history.records import History, model_named
from provenance.mlflow_link.history.scan import scan
from provenance.mlflow_link.history.server import server_archive
from provenance.relations import Relation, Unresolved

if TYPE_CHECKING:
    from mlflow import MlflowClient

KEYS = wanted_keys({"my.base": None})


def quiet(*_: object) -> None:
    """Takes what a reader tells of its progress."""


@dataclass
class Writer:
    """Writes a history by MLflow's own client, in a few words.

    Args:
        client: The client.
        mark: Goes into every name, so that several histories fit into one store.
    """

    client: "MlflowClient"
    mark: str = ""
    _experiments: dict[str, str] = field(default_factory=dict)

    def experiment(self, name: str = "trainings") -> str:
        """The id of an experiment; a new one where it is not there."""
        full = f"{name}{self.mark}"
        if full not in self._experiments:
            self._experiments[full] = self.client.create_experiment(full)
        return self._experiments[full]

    def run(
        self,
        *,
        datasets: tuple[tuple[str, str, str | None], ...] = (),
        inputs: tuple[str, ...] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        ended: bool = True,
        experiment: str = "trainings",
        started: int | None = None,
    ) -> str:
        """A run; each dataset is a name, a digest and a role."""
        from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput

        run_id = self.client.create_run(
            self.experiment(experiment), start_time=started, tags=dict(tags or {})
        ).info.run_id
        for key, value in (params or {}).items():
            self.client.log_param(run_id, key, value)
        went_in = [
            DatasetInput(
                Dataset(f"{name}{self.mark}", digest, "http", '{"url": "https://me:pw@host/rows?sig=1"}'),
                [InputTag("mlflow.data.context", role)] if role is not None else [],
            )
            for name, digest, role in datasets
        ]
        if went_in or inputs:
            self.client.log_inputs(run_id, went_in, [LoggedModelInput(one) for one in inputs])
        if ended:
            self.client.set_terminated(run_id)
        return run_id

    def model(
        self,
        run_id: str | None = None,
        *,
        name: str = "net",
        output: bool = True,
        tags: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        experiment: str = "trainings",
    ) -> str:
        """A logged model, by default an output of its run."""
        from mlflow.entities import LoggedModelOutput

        made = self.client.create_logged_model(
            self.experiment(experiment),
            name=name,
            source_run_id=run_id,
            tags=dict(tags or {}),
            params=dict(params or {}),
        )
        self.client.finalize_logged_model(made.model_id, "READY")
        if run_id is not None and output:
            self.client.log_outputs(run_id, [LoggedModelOutput(made.model_id, step=0)])
        model_id: str = made.model_id
        return model_id

    def version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        *,
        tags: Mapping[str, str] | None = None,
        aliases: tuple[str, ...] = (),
    ) -> str:
        """A registered version: ``name/number``."""
        from mlflow.exceptions import MlflowException

        full = f"{name}{self.mark}"
        with suppress(MlflowException):  # there already
            self.client.create_registered_model(full)
        made = self.client.create_model_version(
            full, source, run_id, await_creation_for=0, model_id=model_named(source)
        )
        for key, value in (tags or {}).items():
            self.client.set_model_version_tag(full, made.version, key, value)
        for alias in aliases:
            self.client.set_registered_model_alias(full, alias, made.version)
        time.sleep(0.002)  # versions of one millisecond have no order
        return f"{full}/{made.version}"


def read_embedded(uri: str) -> History:
    """The history of an embedded store, by MLflow's client."""
    with embedded_archive(uri, KEYS) as archive:
        return scan(archive, own_experiment="provenance", since=None, basis="", progress=quiet)[0]


def read_server(uri: str) -> History:
    """The history of a server, by its API."""
    with server_archive(uri, KEYS, 30.0) as archive:
        return scan(archive, own_experiment="provenance", since=None, basis="", progress=quiet)[0]


def artifacts(registry: Registry) -> set[str]:
    """The identities that are recorded."""
    return {str(one.fact.id) for one in registry.view().snapshot.all(Artifact)}


def relations(registry: Registry) -> set[str]:
    """The relations that are recorded, in full."""
    return {str(one.fact) for one in registry.view().snapshot.all(Relation)}


def gaps(registry: Registry) -> set[str]:
    """What is recorded as missing: ``child relation name: reason``."""
    found = registry.view().snapshot.all(Unresolved)
    return {f"{one.fact.child} {one.fact.kind} {one.fact.name}: {one.fact.reason}" for one in found}


def fill(writer: Writer) -> None:
    """Everything that makes a history hard to read, once."""
    client = writer.client
    first = writer.run(
        datasets=(("pile", "d1", "training"), ("held", "d2", "eval"), ("plain", "d3", None)),
        params={"_name_or_path": "gpt2", "lr": "0.1"},
        tags={"my.base": "param and tag", "other": "x"},
    )
    base = writer.model(first, name="base", tags={"base_model": "org/base"}, params={"lr": "0.1"})
    writer.version("base", f"models:/{base}", first, aliases=("live", "champion"))
    writer.version("base", f"models:/{base}", first, tags={"base_model": "of a version", "other": "y"})
    second = writer.run(inputs=(base,), datasets=(("pile", "d1", None),), ended=False)
    twins = [writer.model(second, name=name) for name in ("left", "right")]
    writer.model(second, name="logged and no output", output=False)
    alone = writer.model(None, name="alone", params={"parent_model": "base"})
    evaluated = writer.run(inputs=(twins[0], alone), datasets=(("held", "d2", "test"),))
    writer.version("old", f"runs:/{evaluated}/elsewhere", evaluated)
    writer.version("old", "s3://bucket/net", "0" * 32)
    writer.version("copy", f"models:/base{writer.mark}/1")
    vanished = writer.model(None, name="vanished")
    writer.version("gone", f"models:/{vanished}")
    client.delete_logged_model(vanished)
    gone = writer.version("old", "s3://bucket/deleted")
    client.delete_model_version(f"old{writer.mark}", gone.rpartition("/")[2])
    writer.version("prompt", "s3://bucket/text", tags={"mlflow.prompt.is_prompt": "true"})
    deleted_run = writer.run(datasets=(("lost", "d9", None),), inputs=(base,))
    writer.model(deleted_run, name="of a deleted run")
    client.delete_run(deleted_run)
    client.delete_run(writer.run())
    deleted = writer.model(second, name="deleted")
    writer.run(inputs=(deleted,))
    client.delete_logged_model(deleted)
    away = writer.run(experiment="given up", inputs=(base,), datasets=(("away", "d4", None),))
    kept = writer.model(away, name="kept", experiment="given up")
    writer.model(away, name="lost", experiment="given up")
    heir = writer.run(inputs=(kept,))
    writer.model(heir, name="heir")
    client.delete_experiment(writer.experiment("given up"))
    writer.run(started=0)
    writer.run(tags={"provenance.key": "ours", "mlflow.note.content": "n"})
    for odd in ("<b>bold<b>", "\N{RIGHT-TO-LEFT OVERRIDE}exe.txt", "n" * 240):
        writer.version(odd, "s3://bucket/odd", tags={"base_model": odd})
