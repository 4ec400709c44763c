"""What is kept of MLflow's words as an artifact's metadata: short, without secrets, and never followed.

It tells how things stood when they were imported: an artifact is recorded once, and stages and aliases move on.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from provenance.facts import utc_text
from provenance.interop.graph import legible
from provenance.mlflow_link.address import without_logins
from provenance.mlflow_link.history.naming import address
from provenance.mlflow_link.history.records import Dataset, LoggedModel, Version
from provenance.mlflow_link.text import shorten

LONGEST_WORD = 500
"""Characters of one value."""

_READY = "READY"
# What follows a question mark signs the request of whoever has the address.
_QUERY = re.compile(r"(://[^\s\"'?#]*)[?#][^\s\"']*")


def plain(text: str) -> str:
    """A text that came from MLflow, short enough to keep; addresses in it lose logins and signatures."""
    return shorten(legible(_QUERY.sub(r"\1", without_logins(text))), LONGEST_WORD)


def model_words(
    experiments: Mapping[str, str], model: LoggedModel | None, version: Version | None
) -> dict[str, str]:
    """What is kept of a model.

    Args:
        experiments: Names of experiments, by id.
        model: The logged model that it is.
        version: The registered version that it is.
    """
    told: dict[str, str] = {}
    if model is not None:
        told |= {
            "mlflow.logged_model": model.name,
            "mlflow.model_id": model.id,
            "mlflow.experiment": experiments.get(model.experiment, ""),
            "mlflow.run_id": model.run or "",
            "mlflow.status": model.status,
            "mlflow.created_at": _moment(model.created_ms),
        }
    if version is not None:
        told |= {
            "mlflow.version": address(version),
            "mlflow.source": version.source,
            "mlflow.run_id": version.run or told.get("mlflow.run_id", ""),
            "mlflow.stage": "" if version.stage == "None" else version.stage,
            "mlflow.aliases": ", ".join(version.aliases),
            "mlflow.status": version.status,
            "mlflow.created_at": _moment(version.created_ms),
        }
    if told.get("mlflow.status") == _READY:
        del told["mlflow.status"]
    return {key: plain(value) for key, value in told.items() if value}


def dataset_words(dataset: Dataset) -> dict[str, str]:
    """What is kept of a dataset."""
    told = {
        "mlflow.dataset": dataset.name,
        "mlflow.digest": dataset.digest,
        "mlflow.source_type": dataset.source_type,
        "mlflow.source": dataset.source,
    }
    return {key: plain(value) for key, value in told.items() if value}


def _moment(milliseconds: int) -> str:
    """A moment in words; nothing where there is no such moment."""
    try:
        return utc_text(datetime.fromtimestamp(milliseconds / 1000, UTC)) if milliseconds else ""
    except (OverflowError, ValueError, OSError):
        return ""
