"""MLflow's own client in this process: kept quiet and prompt, its errors turned into ours, and everything set back afterwards."""

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from provenance.mlflow_link.address import MlflowError, shown
from provenance.mlflow_link.port import RESUME, MissingError, RefusedError, TakenError, one_line

if TYPE_CHECKING:
    from mlflow.client import MlflowClient

_ENVIRONMENT: Mapping[str, str] = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
}
_REFUSALS: Mapping[str, type[RefusedError]] = {
    "RESOURCE_DOES_NOT_EXIST": MissingError,
    "RESOURCE_ALREADY_EXISTS": TakenError,
}


@contextmanager
def settings() -> Iterator[None]:
    """Sets what keeps MLflow quiet and prompt, and sets it back."""
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)
    try:
        with _quiet():
            yield
    finally:
        for name, value in before.items():
            _set_variable(name, value)


@contextmanager
def answered(uri: str) -> Iterator[None]:
    """Turns MLflow's errors into ours."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except OSError as error:
        raise RefusedError(f"its files can't be stored: {error}") from error
    except MlflowException as error:
        words = one_line(str(error).replace(uri, shown(uri)))
        if error.error_code == "TEMPORARILY_UNAVAILABLE":
            raise MlflowError(f"MLflow at {shown(uri)} does not answer: {words}", hint=RESUME) from error
        raise _REFUSALS.get(error.error_code, RefusedError)(words) from error


@contextmanager
def global_uri(uri: str) -> Iterator[None]:
    """An embedded store resolves a ``models:/`` source by the global tracking URI, for as long as one call."""
    import mlflow

    if mlflow.get_tracking_uri() == uri:
        yield
        return
    set_before: bool = mlflow.is_tracking_uri_set()  # type: ignore[no-untyped-call]  # MLflow has no type there
    before = mlflow.get_tracking_uri() if set_before else None
    variable = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)  # type: ignore[arg-type]  # None unsets it, though it is not declared
        _set_variable("MLFLOW_TRACKING_URI", variable)


def log_file(client: "MlflowClient", run_id: str, path: str, content: bytes) -> None:
    """Writes an artifact file of a run."""
    where = PurePosixPath(path)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / where.name
        file.write_bytes(content)
        client.log_artifact(run_id, str(file), str(where.parent) if where.parent.name else None)


def send_file(uri: str, run_id: str, path: str, content: bytes) -> None:
    """Writes an artifact file of a server's run to wherever that server keeps them: a bucket, a shared folder.

    Raises:
        RefusedError: It can't be written there.
    """
    with settings():
        import mlflow

        client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
        with ThreadPoolExecutor(1) as pool:
            # Each sort of bucket has a client with errors of its own; a thread hands over any of them.
            error = pool.submit(log_file, client, run_id, path, content).exception()
    if error is not None:
        words = one_line(f"{type(error).__name__}: {error}".replace(uri, shown(uri)))
        raise RefusedError(
            f"its files can't be stored: {words}",
            hint="Let the server keep the files (mlflow server --serve-artifacts), or mend the access to the bucket.",
        ) from error


def _set_variable(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps MLflow's talk about its tables off the terminal, and one warning that is MLflow's own to mend."""
    with warnings.catch_warnings():
        # MLflow's tables use a loader strategy that SQLAlchemy 2.1 calls deprecated.
        warnings.filterwarnings("ignore", message="The ``noload`` loader strategy is deprecated")
        import mlflow

        logger = logging.getLogger(mlflow.__name__)
        level = logger.level
        logger.setLevel(logging.WARNING)
        try:
            yield
        finally:
            logger.setLevel(level)
