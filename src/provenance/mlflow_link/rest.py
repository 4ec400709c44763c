"""An MLflow server, spoken to by its REST API: nothing here imports mlflow, whose import alone takes seconds.

Only a run whose files the server does not take itself (it names a bucket) is left to MLflow's own client.
"""
# ruff: noqa: D102 - `Port` says what each of its methods does.

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import quote, unquote, urlsplit

from provenance.mlflow_link.objects import DatasetInput, LoggedModel, Measurement, Run
from provenance.mlflow_link.port import (
    PAGE,
    FoundExperiment,
    FoundModel,
    FoundRun,
    FoundVersion,
    MissingError,
    Page,
    RefusedError,
    with_key,
)
from provenance.mlflow_link.wire import Json, Wire

_FILES = "/api/2.0/mlflow-artifacts/artifacts"
_NO_BUCKETS = frozenset({"", "file", "http", "https", "mlflow-artifacts", "runs", "models"})
"""Where files are never sent because a server says so: folders, other servers, and what leads back to either."""
_READY = "LOGGED_MODEL_READY"


@contextmanager
def rest_port(uri: str, timeout_s: float) -> Iterator["RestPort"]:
    """Opens a server.

    Args:
        uri: ``http(s)://host``.
        timeout_s: How long it may keep silent, in seconds.

    Raises:
        MlflowError: It does not answer, is no MLflow of a supported version, or does not know these credentials.
    """
    with Wire.opened(uri, timeout_s) as wire:
        wire.check_version()
        yield RestPort(wire, uri)


class RestPort:
    """A `Port` to a server.

    Args:
        wire: The connection.
        uri: Where it is, for MLflow's own client where files need it.
    """

    def __init__(self, wire: Wire, uri: str) -> None:
        self._wire = wire
        self._uri = uri

    @property
    def calls(self) -> int:
        return self._wire.calls

    def experiment(self, name: str) -> FoundExperiment | None:
        answer = self._read("experiments/get-by-name", experiment_name=name)
        if answer is None:
            return None
        with self._wire.reading():
            found = answer["experiment"]
            return FoundExperiment(
                experiment_id=str(found["experiment_id"]),
                active=found["lifecycle_stage"] == "active",
                tags=_tags(found),
            )

    def create_experiment(self, name: str) -> str:
        answer = self._wire.ask("POST", "experiments/create", name=name)
        with self._wire.reading():
            return str(answer["experiment_id"])

    def tag_experiment(self, experiment_id: str, key: str, value: str) -> None:
        self._wire.ask(
            "POST", "experiments/set-experiment-tag", experiment_id=experiment_id, key=key, value=value
        )

    def run(self, run_id: str) -> FoundRun | None:
        answer = self._read("runs/get", run_id=run_id)
        if answer is None:
            return None
        with self._wire.reading():
            return _run(answer["run"])

    def runs(self, experiment_id: str, key: str | None, page_token: str | None = None) -> Page[FoundRun]:
        answer = self._wire.ask(
            "POST",
            "runs/search",
            experiment_ids=[experiment_id],
            filter=with_key(key),
            run_view_type="ACTIVE_ONLY",
            max_results=PAGE,
            page_token=page_token,
        )
        with self._wire.reading():
            return Page(tuple(map(_run, answer.get("runs", ()))), answer.get("next_page_token") or None)

    def create_run(self, experiment_id: str, desired: Run) -> FoundRun:
        answer = self._wire.ask(
            "POST",
            "runs/create",
            experiment_id=experiment_id,
            start_time=int(desired.began_at.timestamp() * 1000),
            run_name=desired.name,
            tags=_pairs(desired.tags),
        )
        with self._wire.reading():
            return _run(answer["run"])

    def log(
        self, run_id: str, began_ms: int, metrics: Sequence[Measurement], tags: Mapping[str, str]
    ) -> None:
        values = [
            {"key": item.key, "value": item.value, "timestamp": began_ms, "step": item.step}
            for item in metrics
        ]
        self._wire.ask("POST", "runs/log-batch", run_id=run_id, metrics=values, tags=_pairs(tags))

    def delete_run_tag(self, run_id: str, key: str) -> None:
        self._wire.ask("POST", "runs/delete-tag", run_id=run_id, key=key)

    def finish_run(self, run_id: str, ended_ms: int) -> None:
        self._wire.ask("POST", "runs/update", run_id=run_id, status="FINISHED", end_time=ended_ms)

    def put_file(self, run: FoundRun, path: str, content: bytes) -> None:
        where = urlsplit(run.artifact_uri)
        if where.scheme == "mlflow-artifacts" and where.netloc in {"", self._wire.host()}:
            if ".." in unquote(where.path).split("/"):
                raise RefusedError(f"its files have no place: {run.artifact_uri!a}")
            folder = quote(where.path.strip("/"), safe="/%")  # It may be encoded already.
            self._wire.put(f"{_FILES}/{folder}/{quote(path)}", content)
        elif where.scheme in _NO_BUCKETS:
            raise RefusedError(
                f"its files would go to {run.artifact_uri!a}, which is not for us to write",
                hint="Let the server keep the files (mlflow server --serve-artifacts), or a bucket.",
            )
        else:
            from provenance.mlflow_link.in_process import send_file

            send_file(self._uri, run.run_id, path, content)

    def link(self, run_id: str, datasets: Sequence[DatasetInput], models: Sequence[str]) -> None:
        self._wire.ask(
            "POST",
            "runs/log-inputs",
            run_id=run_id,
            datasets=[_dataset_input(item) for item in datasets],
            models=[{"model_id": model_id} for model_id in models],
        )

    def link_outputs(self, run_id: str, models: Sequence[str]) -> None:
        made = [{"model_id": model_id, "step": 0} for model_id in models]
        self._wire.ask("POST", "runs/outputs", run_id=run_id, models=made)

    def logged_model(self, model_id: str) -> FoundModel | None:
        answer = self._read(f"logged-models/{quote(model_id, safe='')}")
        if answer is None:
            return None
        with self._wire.reading():
            return _model(answer["model"])

    def logged_models(
        self, experiment_id: str, key: str | None, page_token: str | None = None
    ) -> Page[FoundModel]:
        answer = self._wire.ask(
            "POST",
            "logged-models/search",
            experiment_ids=[experiment_id],
            filter=with_key(key),
            max_results=PAGE,
            page_token=page_token,
        )
        with self._wire.reading():
            return Page(tuple(map(_model, answer.get("models", ()))), answer.get("next_page_token") or None)

    def create_logged_model(self, experiment_id: str, desired: LoggedModel, run_id: str) -> FoundModel:
        answer = self._wire.ask(
            "POST",
            "logged-models",
            experiment_id=experiment_id,
            name=desired.name,
            model_type=desired.kind,
            source_run_id=run_id,
            params=_pairs(desired.params),
            tags=_pairs(desired.tags),
        )
        with self._wire.reading():
            return _model(answer["model"])

    def tag_logged_model(self, model_id: str, tags: Mapping[str, str]) -> None:
        self._wire.ask("PATCH", f"logged-models/{quote(model_id, safe='')}/tags", tags=_pairs(tags))

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        if "/" in key:  # The key is part of the path there, so that this one has no address: it is emptied.
            self.tag_logged_model(model_id, {key: ""})
        else:
            self._wire.ask("DELETE", f"logged-models/{quote(model_id, safe='')}/tags/{quote(key, safe='')}")

    def finish_logged_model(self, model_id: str) -> None:
        path = f"logged-models/{quote(model_id, safe='')}"
        self._wire.ask("PATCH", path, model_id=model_id, status=_READY)

    def registered_model(self, name: str) -> Mapping[str, str] | None:
        answer = self._read("registered-models/get", name=name)
        if answer is None:
            return None
        with self._wire.reading():
            return _tags(answer["registered_model"])

    def create_registered_model(self, name: str, tags: Mapping[str, str]) -> None:
        self._wire.ask("POST", "registered-models/create", name=name, tags=_pairs(tags))

    def version(self, name: str, number: str) -> FoundVersion | None:
        answer = self._read("model-versions/get", name=name, version=number)
        if answer is None:
            return None
        with self._wire.reading():
            return _version(answer["model_version"])

    def versions(
        self, name: str | None, key: str | None, page_token: str | None = None
    ) -> Page[FoundVersion]:
        answer = self._wire.ask(
            "GET",
            "model-versions/search",
            filter=with_key(key, name),
            max_results=PAGE,
            page_token=page_token,
        )
        with self._wire.reading():
            found = tuple(map(_version, answer.get("model_versions", ())))
            return Page(found, answer.get("next_page_token") or None)

    def create_version(
        self, name: str, model_id: str, run_id: str, tags: Mapping[str, str], description: str
    ) -> FoundVersion:
        answer = self._wire.ask(
            "POST",
            "model-versions/create",
            name=name,
            source=f"models:/{model_id}",
            run_id=run_id,
            model_id=model_id,
            tags=_pairs(tags),
            description=description,
        )
        with self._wire.reading():
            return _version(answer["model_version"])

    def tag_version(self, name: str, number: str, key: str, value: str) -> None:
        self._wire.ask("POST", "model-versions/set-tag", name=name, version=number, key=key, value=value)

    def delete_version_tag(self, name: str, number: str, key: str) -> None:
        self._wire.ask("DELETE", "model-versions/delete-tag", name=name, version=number, key=key)

    def describe_version(self, name: str, number: str, description: str) -> None:
        self._wire.ask("PATCH", "model-versions/update", name=name, version=number, description=description)

    def _read(self, path: str, **values: object) -> Json | None:
        try:
            return self._wire.ask("GET", path, **values)
        except MissingError:
            return None


def _run(found: Json) -> FoundRun:
    info, inputs = found["info"], found.get("inputs", {})
    return FoundRun(
        run_id=str(info["run_id"]),
        active=info["lifecycle_stage"] == "active",
        finished=info["status"] == "FINISHED",
        artifact_uri=str(info.get("artifact_uri", "")),
        tags=_tags(found.get("data", {})),
        datasets=frozenset(
            (str(item["dataset"]["name"]), str(item["dataset"]["digest"]))
            for item in inputs.get("dataset_inputs", ())
        ),
        inputs=frozenset(str(item["model_id"]) for item in inputs.get("model_inputs", ())),
        outputs=frozenset(
            str(item["model_id"]) for item in found.get("outputs", {}).get("model_outputs", ())
        ),
    )


def _model(found: Json) -> FoundModel:
    info = found["info"]
    return FoundModel(model_id=str(info["model_id"]), ready=info["status"] == _READY, tags=_tags(info))


def _version(found: Json) -> FoundVersion:
    return FoundVersion(
        name=str(found["name"]),
        number=str(found["version"]),
        made_at_ms=int(found["creation_timestamp"]),
        tags=_tags(found),
        description=str(found.get("description", "")),
    )


def _tags(holder: Json) -> dict[str, str]:
    # An empty value is left out of MLflow's answers.
    return {str(item["key"]): str(item.get("value", "")) for item in holder.get("tags", ())}


def _pairs(tags: Mapping[str, str]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _dataset_input(item: DatasetInput) -> Json:
    dataset = {"name": item.name, "digest": item.digest, "source_type": "provenance", "source": "{}"}
    if item.profile is not None:
        dataset["profile"] = item.profile
    return {"dataset": dataset, "tags": _pairs(item.tags)}
