"""Around basic-auth: everything that it guards stays guarded, and so does what MLflow checks before it."""

import base64
import http.client
import re
import warnings
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from mlflow_servers import ADMIN, PASSWORD, Server, add_user, running_server_with_passwords

pytestmark = pytest.mark.xdist_group("mlflow")

READER, READERS_PASSWORD = "reader", "a long enough password"
NATIVE = (
    ("GET", "/api/2.0/mlflow-artifacts/artifacts/x"),
    ("PUT", "/api/2.0/mlflow-artifacts/artifacts/x"),
    ("POST", "/gateway/x/mlflow/invocations"),
    ("POST", "/v1/traces"),
    ("POST", "/ajax-api/3.0/jobs/"),
    ("POST", "/api/2.0/mlflow/users/create"),
    ("PATCH", "/api/2.0/mlflow/users/update-admin"),
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/version"),
    ("GET", "/provenance"),
)
"""Routes that MLflow does not list among its endpoints, and one that nobody has."""
FEW = (
    ("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0"),
    ("POST", "/api/2.0/mlflow/runs/create"),
    ("POST", "/api/2.0/mlflow/experiments/set-experiment-tag"),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts?path=0"),
)
"""Calls that `BODY` is enough for; the last is answered by another part of the server than the others."""
BODY = b'{"experiment_id": "0", "key": "colour", "value": "grey"}'


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with our app around MLflow's basic-auth."""
    with (
        pytest.MonkeyPatch.context() as patch,
        running_server_with_passwords(
            tmp_path_factory.mktemp("composed"), app="provenance-basic-auth"
        ) as server,
    ):
        patch.setenv("PROVENANCE_REGISTRY", str(server.folder))
        add_user(server, READER, READERS_PASSWORD)
        yield server


def statuses(
    server: Server, *calls: tuple[str, str], login: tuple[str, str] | None = None, **headers: str
) -> dict[tuple[str, str], int]:
    """What a server answers to some calls of somebody, or of nobody."""
    said = {"Content-Type": "application/json"} | headers
    if login:
        said["Authorization"] = f"Basic {base64.b64encode(':'.join(login).encode()).decode()}"
    found = {}
    with closing(http.client.HTTPConnection(urlsplit(server.uri).netloc, timeout=20)) as connection:
        for method, path in calls:
            connection.request(method, path, body=None if method == "GET" else BODY, headers=said)
            answer = connection.getresponse()
            answer.read()
            found[method, path] = answer.status
    return found


def routes() -> list[tuple[str, str]]:
    """Every route that MLflow lists, by method and path."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore")
        from mlflow.server.handlers import get_endpoints

        listed = get_endpoints()
    return [(method, re.sub(r"<[^>]+>", "x", path)) for path, _, methods in listed for method in methods]


def test_nobody_without_a_password_gets_further_than_with_basic_auth_alone(
    composed: Server, mlflow_server_with_passwords: Server
) -> None:
    every = routes()
    assert len(every) > 200
    answered = statuses(composed, *every, *NATIVE)
    assert answered == statuses(mlflow_server_with_passwords, *every, *NATIVE)
    assert {path.rpartition("/")[2] for _, path in every if answered[_, path] != 401} <= {"server-info"}


def test_a_wrong_password_opens_nothing(composed: Server) -> None:
    assert set(statuses(composed, *FEW, login=(ADMIN, "wrong")).values()) == {401}
    assert set(statuses(composed, *FEW, login=(ADMIN, PASSWORD)).values()) == {200}


def test_a_user_without_permission_is_refused(composed: Server) -> None:
    assert set(statuses(composed, *FEW, login=(READER, READERS_PASSWORD)).values()) == {403}


def test_hosts_and_origins_are_checked_before_passwords(composed: Server) -> None:
    call = ("POST", "/api/2.0/mlflow/runs/create")
    assert statuses(composed, call, Host="elsewhere.example") == {call: 403}
    assert statuses(composed, call, Origin="https://elsewhere.example") == {call: 403}
