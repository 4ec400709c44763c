"""A history read from a server by its REST API: nothing here imports mlflow."""
# ruff: noqa: D102 - `Archive` says what each of its methods does.

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from provenance.mlflow_link.history.records import (
    DELETED,
    LONGEST_SOURCE,
    ROLE_TAG,
    Dataset,
    LoggedModel,
    Run,
    Version,
)
from provenance.mlflow_link.history.scan import Experiment
from provenance.mlflow_link.port import PAGE, MissingError, Page
from provenance.mlflow_link.wire import Json, Wire

_STATUS_PREFIX = "LOGGED_MODEL_"
_STATUSES: Mapping[str, str] = {"UPLOAD_FAILED": "FAILED", "STATUS_UNSPECIFIED": "UNSPECIFIED"}


@contextmanager
def server_archive(uri: str, keys: Collection[str], timeout_s: float) -> "Iterator[ServerArchive]":
    """Opens a server.

    Args:
        uri: ``http(s)://host``.
        keys: The parameters and tags that are wanted.
        timeout_s: How long it may keep silent, in seconds.

    Raises:
        MlflowError: It does not answer, is no MLflow of a supported version, or does not know these credentials.
    """
    with Wire.opened(uri, timeout_s) as wire:
        wire.check_version()
        yield ServerArchive(wire, frozenset(keys))


class ServerArchive:
    """An `Archive` of a server.

    Args:
        wire: The connection.
        keys: The parameters and tags that are wanted.
    """

    def __init__(self, wire: Wire, keys: frozenset[str]) -> None:
        self._wire, self._keys = wire, keys

    def experiments(self, page_token: str | None) -> Page[Experiment]:
        answer = self._wire.ask(
            "POST", "experiments/search", view_type="ALL", max_results=PAGE, page_token=page_token
        )
        with self._wire.reading():
            found = tuple(
                Experiment(str(one["experiment_id"]), str(one["name"]), one["lifecycle_stage"] == DELETED)
                for one in answer.get("experiments", ())
            )
            return _page(found, answer)

    def runs(self, experiment_id: str, which: str, page_token: str | None) -> Page[Run]:
        answer = self._wire.ask(
            "POST",
            "runs/search",
            experiment_ids=[experiment_id],
            filter=which,
            run_view_type="ALL",
            order_by=["attributes.start_time ASC"],
            max_results=PAGE,
            page_token=page_token,
        )
        with self._wire.reading():
            return _page(tuple(map(self._run, answer.get("runs", ()))), answer)

    def models(self, experiment_id: str, which: str, page_token: str | None) -> Page[LoggedModel]:
        answer = self._wire.ask(
            "POST",
            "logged-models/search",
            experiment_ids=[experiment_id],
            filter=which,
            order_by=[{"field_name": "creation_timestamp", "ascending": True}],
            max_results=PAGE,
            page_token=page_token,
        )
        with self._wire.reading():
            return _page(tuple(map(self._model, answer.get("models", ()))), answer)

    def versions(self, page_token: str | None) -> Page[Version]:
        answer = self._wire.ask(
            "GET",
            "model-versions/search",
            order_by=["creation_timestamp ASC"],
            max_results=PAGE,
            page_token=page_token,
        )
        with self._wire.reading():
            return _page(tuple(map(self._version, answer.get("model_versions", ()))), answer)

    def aliases(self, page_token: str | None) -> Page[tuple[str, int, str]]:
        answer = self._wire.ask("GET", "registered-models/search", max_results=PAGE, page_token=page_token)
        with self._wire.reading():
            found = tuple(
                (str(one["name"]), int(alias["version"]), str(alias["alias"]))
                for one in answer.get("registered_models", ())
                for alias in one.get("aliases", ())
            )
            return _page(found, answer)

    def run(self, run_id: str) -> Run | None:
        answer = self._read("runs/get", run_id=run_id)
        if answer is None:
            return None
        with self._wire.reading():
            return self._run(answer["run"])

    def model(self, model_id: str) -> LoggedModel | None:
        answer = self._read(f"logged-models/{quote(model_id, safe='')}")
        if answer is None:
            return None
        with self._wire.reading():
            return self._model(answer["model"])

    def _read(self, path: str, **values: object) -> Json | None:
        try:
            return self._wire.ask("GET", path, **values)
        except MissingError:
            return None

    def _run(self, found: Json) -> Run:
        info, data, inputs = found["info"], found.get("data", {}), found.get("inputs", {})
        return Run(
            id=str(info["run_id"]),
            experiment=str(info["experiment_id"]),
            started_ms=int(info.get("start_time", 0)),
            ended_ms=int(info.get("end_time", 0)),
            deleted=info["lifecycle_stage"] == DELETED,
            words=self._words(data.get("params", ()), data.get("tags", ())),
            datasets=tuple(
                sorted({_dataset(one) for one in inputs.get("dataset_inputs", ())}, key=lambda one: one[:2])
            ),
            inputs=_ids(inputs.get("model_inputs", ())),
            outputs=_ids(found.get("outputs", {}).get("model_outputs", ())),
        )

    def _model(self, found: Json) -> LoggedModel:
        info = found["info"]
        status = str(info.get("status", "")).removeprefix(_STATUS_PREFIX)
        return LoggedModel(
            id=str(info["model_id"]),
            name=str(info["name"]),
            experiment=str(info["experiment_id"]),
            run=str(info.get("source_run_id", "")) or None,
            created_ms=int(info["creation_timestamp_ms"]),
            status=_STATUSES.get(status, status),
            place=str(info.get("artifact_uri", "")),
            words=self._words(found.get("data", {}).get("params", ()), info.get("tags", ())),
        )

    def _version(self, found: Json) -> Version:
        return Version(
            name=str(found["name"]),
            number=int(found["version"]),
            created_ms=int(found.get("creation_timestamp", 0)),
            source=str(found.get("source", "")),
            run=str(found.get("run_id", "")) or None,
            stage=str(found.get("current_stage", "")),
            status=str(found.get("status", "")),
            aliases=(),
            words=self._words(found.get("tags", ())),
        )

    def _words(self, *pairs: Any) -> dict[str, str]:  # noqa: ANN401 - JSON
        # An empty value is left out of MLflow's answers.
        every = ((str(one["key"]), str(one.get("value", ""))) for some in pairs for one in some)
        return {key: value for key, value in every if key in self._keys}


def _dataset(found: Json) -> Dataset:
    told = found["dataset"]
    roles = [str(tag.get("value", "")) for tag in found.get("tags", ()) if tag["key"] == ROLE_TAG]
    return Dataset(
        name=str(told["name"]),
        digest=str(told["digest"]),
        role=roles[0] if roles else None,
        source_type=str(told.get("source_type", "")),
        source=str(told.get("source", ""))[:LONGEST_SOURCE],
    )


def _ids(found: Any) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    return tuple(sorted({str(one["model_id"]) for one in found}))


def _page(found: tuple[Any, ...], answer: Json) -> Page[Any]:
    return Page(found, answer.get("next_page_token") or None)
