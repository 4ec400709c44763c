"""What a training script does with MLflow itself: the run it logs to, the model that it logs, the version that it registers.

Nothing of MLflow is replaced or wrapped. What was there before a training is noted, and afterwards what came to it is looked up. A script
that never imports MLflow does not load it here either: then nothing was logged.
"""

import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit

from provenance.artifacts import Artifact
from provenance.mlflow_link.address import MlflowError, shown, without_logins
from provenance.mlflow_link.objects import Links

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel, Run
    from mlflow.entities.model_registry import ModelVersion

OUTCOME_TAG = "provenance.outcome"
"""On a run whose training did not come to its end: how it ended."""

_ENVIRONMENT: Mapping[str, str] = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    # A training that is over waits for no server.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
}
_MOST = 1000
"""Logged models or versions of one run that are looked at; MLflow takes no more at a time."""
_LONGEST_WORDS = 300
_OF_WEIGHTS = frozenset({".safetensors", ".gguf", ".onnx"})
"""Suffixes of files that hold nothing but weights, and are logged as they are."""
_MISSING = frozenset({"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"})

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What a script had done with MLflow before a training began.

    Args:
        began_ms: When it began, in milliseconds, by this machine's clock, which gives runs their start too.
        run_id: The run that was active.
        models: The logged models of that run.
        versions: The registered versions of that run, ``name/number``.
    """

    began_ms: int = field(default_factory=lambda: int(time.time() * 1000))
    run_id: str | None = None
    models: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """What came to MLflow in a training.

    Args:
        uri: Which MLflow.
        run_id: The run that was logged to.
        model_id: The model that was logged.
        version: The last version that was registered of it, ``name/number``.
        made_at_ms: When that version was, in milliseconds since 1970.
        files: Where the logged model's files lie, where MLflow keeps them on this machine.
        seen: All logged models and versions that came to it meanwhile, this model's or not.
    """

    uri: str
    run_id: str | None
    model_id: str | None = None
    version: str | None = None
    made_at_ms: int | None = None
    files: Path | None = None
    seen: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = (("run", self.run_id), ("logged model", self.model_id), ("version", self.version))
        return f"{', '.join(f'{what} {name}' for what, name in parts if name)} in MLflow at {shown(self.uri)}"


def before() -> Before:
    """Notes what is there now; asks MLflow only where a run is active.

    Raises:
        MlflowError: It does not answer.
    """
    if "mlflow" not in sys.modules:
        return Before()
    with _asking():
        import mlflow

        run = mlflow.active_run()
        run_id = None if run is None else run.info.run_id
        return Before(
            run_id=run_id,
            models=frozenset(one.model_id for one in _models(run)),
            versions=frozenset(map(_named, _versions("run_id", run_id))),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """What may be the model in MLflow: a logged model with the versions that were registered of it, or versions of one place."""

    model: "LoggedModel | None" = None
    versions: "tuple[ModelVersion, ...]" = ()

    @property
    def model_id(self) -> str | None:
        return None if self.model is None else str(self.model.model_id)

    @property
    def version(self) -> "ModelVersion | None":
        return max(self.versions, key=lambda one: one.creation_timestamp, default=None)

    @property
    def names(self) -> tuple[str, ...]:
        """All of its names."""
        return (*filter(None, [self.model_id]), *map(_named, self.versions))


def logged(
    since: Before, output: Path | None, *, meant: str | None = None, taken: frozenset[str] = frozenset()
) -> Logged | None:
    """What came to MLflow since, by this thread; None where nothing did.

    Args:
        since: What was there before.
        output: The folder of the weights, which may have been registered as it is.
        meant: Which logged model or version is the model, where the script says so.
        taken: Names of logged models and versions that belong to other artifacts: those of trainings within this one.

    Raises:
        MlflowError: It does not answer.
        ContentError: Files that are to be compared can't be read.
    """
    if "mlflow" not in sys.modules:
        return None
    with _asking():
        import mlflow

        uri, run = mlflow.get_tracking_uri(), _run(since)
        run_id = None if run is None else run.info.run_id
        models = [one for one in _models(run) if one.model_id not in since.models | taken]
        versions = _versions("run_id", run_id)
        for one in models:
            if not one.source_run_id:
                versions += _versions("source_path", f"models:/{one.model_id}")
        # A folder may be registered without a run; in a store that nobody has named, nothing is looked for, since that would make it.
        if output is not None and (run or models or mlflow.is_tracking_uri_set()):  # type: ignore[no-untyped-call]
            found = _versions("source_path", str(output))
            versions += (one for one in found if one.creation_timestamp >= since.began_ms)
        fresh = [one for one in versions if _named(one) not in since.versions | taken]
        candidates = _candidates(models, fresh)
        if run is None and not candidates:
            return None
        chosen = _chosen(uri, candidates, output, meant)
        seen = tuple(name for one in candidates for name in one.names)
        if chosen is None:
            return Logged(uri=uri, run_id=run_id, seen=seen)
        version = chosen.version
        return Logged(
            uri=uri,
            run_id=run_id,
            model_id=chosen.model_id,
            version=None if version is None else _named(version),
            made_at_ms=None if version is None else version.creation_timestamp,
            files=None if chosen.model is None else _files(uri, chosen.model),
            seen=seen,
        )


def tag_outcome(since: Before, outcome: str) -> None:
    """Says on the run that was logged to how the training ended, where there is one.

    Raises:
        MlflowError: It does not answer.
    """
    if "mlflow" not in sys.modules:
        return
    with _asking():
        from mlflow import MlflowClient

        if (run := _run(since)) is not None:
            MlflowClient().set_tag(run.info.run_id, OUTCOME_TAG, outcome)


def log_inputs(uri: str, run_id: str, datasets: Iterable[Artifact], models: Iterable[str]) -> None:
    """Says on a script's own run which datasets and which base models went into it; what stands there already stays as it is.

    Args:
        uri: Which MLflow.
        run_id: The run.
        datasets: What the model was trained on.
        models: Logged models, ``m-...``, that its weights or its data come from.

    Raises:
        MlflowError: It does not answer.
        RefusedError: It does not take them.
        UsageError: It is of a kind that nothing is written to, such as a folder of files.
    """
    from provenance.mlflow_link.adapter import connect
    from provenance.mlflow_link.links import dataset_input

    wanted = tuple(models)
    links = Links(
        subject=f"inputs of run {run_id}",
        about=run_id,
        run=run_id,
        datasets=tuple(dataset_input(one, "training") for one in datasets),
        models=wanted,
    )
    if links.datasets or links.models:
        with connect(uri) as mlflow:
            mlflow.write(links, None, {name: name for name in (run_id, *wanted)})


def _run(since: Before) -> "Run | None":
    """The run that is active, or the last one that was since."""
    import mlflow

    run = mlflow.active_run() or _there(mlflow.last_active_run)
    if run is None or (run.info.run_id != since.run_id and run.info.start_time < since.began_ms):
        return None
    return run


def _models(run: "Run | None") -> "list[LoggedModel]":
    """The logged models of a run, and the last one that was logged outside of any."""
    import mlflow

    found: list[LoggedModel] = []
    if run is not None:
        of_run = f"source_run_id = '{run.info.run_id}'"
        found += mlflow.MlflowClient().search_logged_models(
            [run.info.experiment_id], of_run, max_results=_MOST
        )
    last = _there(mlflow.last_logged_model)
    return [*found, last] if last is not None and not last.source_run_id else found


def _there(get: "Callable[[], T | None]") -> "T | None":
    """What MLflow remembers of this process; None where that was in another MLflow, which was in use before."""
    from mlflow.exceptions import MlflowException

    try:
        return get()
    except MlflowException as error:
        if error.error_code not in _MISSING:
            raise
        return None


def _versions(key: str, value: str | None) -> "list[ModelVersion]":
    from mlflow import MlflowClient

    if value is None or "'" in value:  # MLflow's filters know no way to write a quote
        return []
    return list(MlflowClient().search_model_versions(f"{key} = '{value}'", max_results=_MOST))


def _named(version: "ModelVersion") -> str:
    return f"{version.name}/{version.version}"


def _candidates(models: "list[LoggedModel]", versions: "list[ModelVersion]") -> list[_Candidate]:
    """What came to MLflow, each with all that was registered of it."""
    logged = {f"models:/{one.model_id}": one for one in models}
    of: dict[str, list[ModelVersion]] = {source: [] for source in logged}
    for version in {_named(one): one for one in versions}.values():
        of.setdefault(_source(version), []).append(version)
    return [_Candidate(model=logged.get(source), versions=tuple(some)) for source, some in of.items()]


def _source(version: "ModelVersion") -> str:
    return f"models:/{version.model_id}" if version.model_id else str(version.source)


def _chosen(uri: str, found: list[_Candidate], output: Path | None, meant: str | None) -> _Candidate | None:
    """The one that is the model: the one that was said, the only one, or the only one whose files are those of the output."""
    if meant is not None:
        return next((one for one in found if meant in one.names), None)
    if len(found) > 1:
        found = [one for one in found if output is not None and _is_of(uri, one, output)]
    return found[0] if len(found) == 1 else None


def _is_of(uri: str, candidate: _Candidate, output: Path) -> bool:
    """Whether a candidate is an output as it is, or holds every file of weights of it."""
    if any(str(one.source) == str(output) for one in candidate.versions):
        return True
    files = _files(uri, candidate.model) if candidate.model else None
    wanted = _weights_in(output)
    return files is not None and bool(wanted) and wanted <= _weights_in(files)


def _weights_in(place: Path) -> set[tuple[int, str]]:
    """Size and digest of the files of weights in a folder, or of one file, whatever they are called."""
    from provenance.digests import digest_file

    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    found = (one for one in files if one.suffix in _OF_WEIGHTS and one.is_file())
    return {(one.stat().st_size, str(digest_file(one))) for one in found}


def _files(uri: str, model: "LoggedModel") -> Path | None:
    """The folder of a logged model's files, where an embedded store keeps them; a place that a server names is not followed.

    Only what lies where MLflow puts the files of this very model is taken: below the folder of its experiment.
    """
    if not uri.startswith("sqlite:///"):
        return None
    from mlflow import MlflowClient

    home = _local(MlflowClient().get_experiment(model.experiment_id).artifact_location)
    found = _local(model.artifact_location)
    if home is None or found is None:
        return None
    folder = found.resolve()
    is_own = folder == home.resolve() / "models" / str(model.model_id) / "artifacts"
    return folder if is_own and folder.is_dir() and any(folder.iterdir()) else None


def _local(location: str | None) -> Path | None:
    """The path that an artifact location means on this machine; None for any other place."""
    parts = urlsplit(location or "")
    if parts.scheme == "file" and parts.netloc in {"", "localhost"}:
        return Path(unquote(parts.path))
    return Path(location) if location and not parts.scheme else None


@contextmanager
def _asking() -> Iterator[None]:
    """The script's own MLflow, asked with little patience; the script's settings are set back afterwards.

    Raises:
        MlflowError: It does not answer.
    """
    from mlflow.exceptions import MlflowException

    kept = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)
    try:
        with warnings.catch_warnings():
            # MLflow's tables use a loader strategy that SQLAlchemy 2.1 calls deprecated.
            warnings.filterwarnings("ignore", message="The ``noload`` loader strategy is deprecated")
            yield
    except MlflowException as error:
        words = without_logins(" ".join(str(error).split()))
        raise MlflowError(f"the MLflow of this training can't be asked: {words[:_LONGEST_WORDS]}") from error
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
