"""Calls of MLflow's REST API after which there may be something to import."""

import re

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_CALL = re.compile(r"/(?:ajax-)?api/\d+\.\d+/mlflow/([^/]+)(?:.*/)?([^/]*)$")
"""The resource and the last word of a path, whatever prefix the server has."""

_RESOURCES = frozenset({"runs", "logged-models", "registered-models", "model-versions"})
_SILENT = frozenset({"search", "get-latest-versions", "log-metric"})
"""What reads, though it is posted, and what holds no lineage. All other words wake, those of later versions of MLflow among them."""


def may_tell(method: str, path: str) -> bool:
    """Whether a call, if it succeeds, may have changed something that an import looks at."""
    if method not in _WRITES:
        return False
    found = _CALL.search(path)
    return found is not None and found[1] in _RESOURCES and found[2] not in _SILENT
