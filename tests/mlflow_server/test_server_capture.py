"""Both examples on one real server: a client without a word of provenance, and its lineage in two registries.

The app imports into one of them, and `provenance mlflow listen`, woken by webhooks, into the other.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlflow_servers import Server, running_server
from provenance import Registry
from provenance.relations import Relation, RelationKind

pytestmark = pytest.mark.xdist_group("mlflow")

EXAMPLES = Path(__file__).parents[2] / "examples"
SECRET = "known to MLflow and the listener"
LINEAGE = {
    ("model:tiny-base@1", "trained_on", "dataset:poems"),
    ("model:tiny-student@1", "trained_on", "dataset:numbers"),
    ("model:tiny-student@1", "finetuned_from", "model:tiny-base@1"),
}
WEBHOOKS = {
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http",
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": "YSBrZXkgdGhhdCBvbmx5IHRoaXMgdGVzdCBrbm93cyE=",
}


def lineage(folder: Path) -> set[tuple[str, str, str]]:
    """The relations of a registry; datasets without their digests, and models that were seen before they were registered as their versions."""
    with Registry.open(folder) as registry:
        found = [one.fact for one in registry.view().snapshot.all(Relation)]
    versions = {one.parent: one.child for one in found if one.kind is RelationKind.CONVERTED_FROM}
    told = (
        (str(versions.get(one.child, one.child)), one.kind, str(versions.get(one.parent, one.parent)))
        for one in found
        if one.kind is not RelationKind.CONVERTED_FROM
    )
    return {(child, kind.value, re.sub(r"^(dataset:.*)@.*", r"\1", parent)) for child, kind, parent in told}


def eventually(holds: Callable[[], Any], *, within_s: float = 60.0) -> bool:
    """Whether something comes true."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.1)
    return False


def run(*words: object, **env: str) -> str:
    """What a program prints that ends well."""
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        check=False,
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("capture")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """A server with the app, which mirrors too, over a registry that is not there yet."""
    env = WEBHOOKS | {"PROVENANCE_REGISTRY": str(folder / "captured"), "PROVENANCE_MLFLOW_SYNC": "true"}
    with running_server(folder / "server", app="provenance", env=env) as server:
        yield server


@pytest.fixture(scope="module")
def listener(folder: Path, server: Server) -> Iterator["subprocess.Popen[str]"]:
    """``provenance mlflow listen`` for another registry, of which MLflow is told."""
    Registry.init(folder / "listened", mlflow=server.uri).close()
    (folder / "secret").write_text(SECRET + "\n")
    (folder / "secret").chmod(0o600)
    words = (
        "--registry",
        folder / "listened",
        "mlflow",
        "listen",
        "--port",
        0,
        "--secret-file",
        folder / "secret",
    )
    listening = subprocess.Popen(
        [sys.executable, "-m", "provenance_cli.main", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with listening:
        try:
            assert listening.stderr is not None
            address = listening.stderr.readline().removeprefix("listening on ").strip()
            env = {"MLFLOW_TRACKING_URI": server.uri, "PROVENANCE_WEBHOOK_SECRET": SECRET}
            assert "answered 204" in run(EXAMPLES / "mlflow-webhook" / "subscribe.py", address, **env)
            yield listening
        finally:
            listening.kill()


@pytest.fixture(scope="module")
def trained(folder: Path, server: Server, listener: "subprocess.Popen[str]") -> None:
    """The training script ran, which knows of nothing but MLflow."""
    assert listener.poll() is None
    assert eventually(lambda: "can't do its work, and goes on trying: no registry in" in server.log)
    Registry.init(folder / "captured", mlflow=server.uri).close()
    script = EXAMPLES / "mlflow-app" / "train.py"
    assert "provenance" not in script.read_text().partition('"""\n')[2]
    run(script, MLFLOW_TRACKING_URI=server.uri)


@pytest.mark.usefixtures("trained")
def test_the_app_imports_what_a_client_logged_that_knows_nothing_of_it(folder: Path, server: Server) -> None:
    assert eventually(lambda: lineage(folder / "captured") == LINEAGE), server.log
    assert eventually(lambda: "provenance does its work again" in server.log)
    with Registry.open(folder / "captured") as registry:
        actors = {one.actor for one in registry.view().snapshot.facts}
        bindings = registry.mlflow_bindings()
    assert actors == {"mlflow-server"}
    versions = {str(artifact): binding.version for artifact, binding in bindings.items()}
    assert versions["model:tiny-base@1"] == "tiny-base/1"
    assert versions["model:tiny-student@1"] == "tiny-student/1"


@pytest.mark.usefixtures("trained")
def test_the_app_mirrors_what_the_registry_makes_of_it_and_comes_to_rest(
    folder: Path, server: Server
) -> None:
    client = server.client()
    assert eventually(lambda: client.get_model_version("tiny-student", "1").tags.get("provenance.id"))
    assert client.get_model_version("tiny-student", "1").tags["provenance.id"] == "model:tiny-student@1"

    def pending() -> int | None:
        with Registry.open(folder / "captured") as registry:
            return registry.mlflow_status().pending

    assert eventually(lambda: pending() == 0)
    assert len(client.search_model_versions("name = 'tiny-student'")) == 1


@pytest.mark.usefixtures("trained")
def test_a_webhook_brings_about_the_same_import(folder: Path) -> None:
    assert eventually(lambda: lineage(folder / "listened") == LINEAGE)


@pytest.mark.usefixtures("trained")
def test_a_registry_that_is_away_stops_no_request_and_is_found_again(folder: Path, server: Server) -> None:
    assert eventually(lambda: lineage(folder / "captured") == LINEAGE), server.log
    settings = folder / "captured" / ".provenance" / "config.toml"
    text, said = settings.read_text(), server.log.count("no registry in")
    settings.unlink()
    client = server.client()
    client.create_registered_model("while-it-is-away")
    run_id = client.create_run("0").info.run_id
    assert eventually(lambda: server.log.count("no registry in") > said)
    version = client.create_model_version("while-it-is-away", f"runs:/{run_id}/model", run_id=run_id)
    settings.write_text(text)
    client.set_terminated(run_id)

    def is_there() -> bool:
        with Registry.open(folder / "captured") as registry:
            return f"while-it-is-away@{version.version}" in {
                f"{one.name}@{one.version}" for one in registry.view().snapshot.artifacts
            }

    assert eventually(is_there), server.log
    assert server.log.count("no registry in") == said + 1, "said once, and not at each look"


@pytest.mark.usefixtures("trained")
def test_the_listener_ends_with_a_signal(folder: Path, listener: "subprocess.Popen[str]") -> None:
    assert eventually(lambda: lineage(folder / "listened") == LINEAGE)
    listener.send_signal(signal.SIGTERM)
    said, complained = listener.communicate(timeout=30)
    assert listener.returncode == 0
    assert complained == ""
    assert re.search(r"^imported: .*relation", said, re.MULTILINE), said
