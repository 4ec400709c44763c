"""Asks a server once whether it is an MLflow that knows us, so that a wrong address is said when it is given."""

import time

from provenance.errors import ProvenanceError
from provenance.mlflow_link.address import is_server
from provenance.mlflow_link.port import MissingError
from provenance.mlflow_link.wire import Wire

_BUDGET_S = 3.0


def trouble_with(uri: str) -> ProvenanceError | None:
    """Why a server can't be written to just now; None where it can, or is an embedded store, which is made when it is needed."""
    from provenance.mlflow_link.hangup import deadline

    try:
        if not is_server(uri):
            return None
        with deadline(time.monotonic() + _BUDGET_S), Wire.opened(uri, _BUDGET_S) as wire:
            wire.check_version()
            # Of an experiment that everybody may have: who must say who he is, is told so here.
            wire.ask("GET", "experiments/get-by-name", experiment_name="provenance")
    except MissingError:
        return None
    except ProvenanceError as error:
        return error
    return None
