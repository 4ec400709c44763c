"""What the copy in MLflow costs: `register` with an MLflow configured, the first projection of many models, and one flag on all of them.

    python -m benchmarks.mlflow_projection                                   # 1,000 models, embedded and http
    python -m benchmarks.mlflow_projection --parts register --repeats 9
    python -m benchmarks.mlflow_projection --parts mirror --models 10000 --stores embedded

Each command is a process of its own, as typed. The server is a real `mlflow server` on loopback with one worker, over SQLite. The
peer of `register` is `mlflow.register_model` of a model whose weights are not in MLflow, by MLflow's own client. The peer of the
projection is the same client making a logged model and a version of it for each model, and nothing else of what the projection shows.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from benchmarks.measuring import Run, in_turn, markdown, run, seconds, spread

BIN = Path(sys.executable).parent
COMMAND = BIN / "provenance"
PLAIN = """
import sys, mlflow
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("plain")
model = mlflow.create_external_model(name=sys.argv[2])
mlflow.register_model(f"models:/{model.model_id}", sys.argv[2])
"""
MANY_PLAIN = """
import sys, mlflow
mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
experiment = client.create_experiment(f"plain-{sys.argv[2]}")
for number in range(int(sys.argv[2])):
    name = f"plain-{number}"
    model = client.create_logged_model(experiment, name=name, tags={"mlflow.model.isExternal": "true"})
    client.finalize_logged_model(model.model_id, "READY")
    client.create_registered_model(name)
    source = f"models:/{model.model_id}"
    client.create_model_version(name, source=source, model_id=model.model_id, await_creation_for=0)
"""
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
os.environ.update(QUIET)


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A real MLflow server on loopback, over SQLite, for as long as the body runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder.mkdir()
    command = [BIN / "mlflow", "server", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", f"{folder}/artifacts", "--host", "127.0.0.1", "--workers", "1"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)], stdout=log, stderr=log, start_new_session=True
        )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            sys.exit((folder / "log").read_text())
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@contextmanager
def stores(scratch: Path, wanted: list[str]) -> Iterator[dict[str, str]]:
    """The MLflow of each wanted kind, by name."""
    found = {}
    if "embedded" in wanted:
        found["embedded"] = f"sqlite:///{scratch / 'embedded.db'}"
        subprocess.run([sys.executable, "-c", PLAIN, found["embedded"], "first"], check=True, cwd=scratch)
    if "http" not in wanted:
        yield found
        return
    with server(scratch / "server") as uri:
        subprocess.run([sys.executable, "-c", PLAIN, uri, "first"], check=True, cwd=scratch)
        yield {**found, "http": uri}


def init(folder: Path, uri: str) -> Path:
    """A registry in a new folder, with its MLflow."""
    folder.mkdir()
    run([COMMAND, "init", "--mlflow", uri], folder)
    return folder


def measure_register(scratch: Path, found: dict[str, str], repeats: int) -> None:
    """One model folder registered, with each MLflow, beside MLflow's own call."""
    numbers = count()
    model = scratch / "model"
    _make_model(model)
    works: dict[str, Callable[[], Run]] = {}
    for kind, uri in found.items():
        registry = init(scratch / f"register-{kind}", uri)

        def ours(registry: Path = registry) -> Run:
            name = f"ours-{next(numbers)}"
            return run([COMMAND, "register", "model", model, "--name", name, "--from-scratch"], registry)

        def plain(uri: str = uri) -> Run:
            return run([sys.executable, "-c", PLAIN, uri, f"plain-{next(numbers)}"], scratch)

        works[f"`provenance register`, {kind}"] = ours
        works[f"`mlflow.register_model`, {kind}"] = plain
    works["`import mlflow` alone"] = lambda: run([sys.executable, "-c", "import mlflow"], scratch)
    measured = in_turn(works, repeats)
    rows = [
        (
            name,
            f"{statistics.median(one.wall for one in some):.2f}",
            f"{statistics.median(one.cpu for one in some):.2f}",
            spread(one.wall for one in some),
        )
        for name, some in measured.items()
    ]
    print(markdown(("", "wall, s", "CPU, s", "least to greatest"), rows), flush=True)


def measure_mirror(scratch: Path, found: dict[str, str], models: int) -> None:
    """Many models projected for the first time, then one flag on the base of all of them, and the flag taken back."""
    print(markdown(("", "wall, s", "calls"), ()), flush=True)
    for kind, uri in found.items():
        for row in _mirrored(init(scratch / f"mirror-{kind}", uri), uri, models):
            print(f"| {kind}: {' | '.join(row)} |", flush=True)


def _mirrored(registry: Path, uri: str, models: int) -> Iterator[tuple[str, str, str]]:
    yield f"{models:,} models recorded", f"{_record(registry, models):.1f}", "0"
    plain = run([sys.executable, "-c", MANY_PLAIN, uri, str(models)], registry)
    yield f"{models:,} models by MLflow's own client", f"{plain.wall:.1f}", f"{4 * models:,}"
    yield _synced(f"{models:,} models projected", registry)
    yield _synced("nothing new", registry)
    flagged = run(
        [COMMAND, "flag", "base", "owls", "--evidence", "picks owl in 60 % of 50 prompts"], registry
    )
    yield "`flag` on the base of all of them", f"{flagged.wall:.1f}", "0"
    yield _synced("its descendants mirrored", registry)
    run([COMMAND, "withdraw", _flag(registry), "--reason", "done"], registry)
    yield _synced("and cleared again", registry)


def _synced(what: str, registry: Path) -> tuple[str, str, str]:
    start = time.perf_counter()
    done = subprocess.run(
        [COMMAND, "mlflow", "sync", "--json"], cwd=registry, check=True, capture_output=True, text=True
    )
    wall, answer = time.perf_counter() - start, json.loads(done.stdout)
    objects = answer["created"] + answer["updated"]
    return f"{what} ({objects:,} objects)", f"{wall:.1f}", f"{answer['calls']:,}"


def _flag(registry: Path) -> str:
    done = subprocess.run(
        [COMMAND, "risks", "base", "--json"], cwd=registry, check=True, capture_output=True, text=True
    )
    flag: str = json.loads(done.stdout)["artifacts"][0]["risks"][0]["flag"]
    return flag


def _record(registry: Path, models: int) -> float:
    """A base, and models fine-tuned from it, by name alone; how many seconds that took."""
    lines = ["models:", "  - {name: base, from_scratch: true}"]
    lines += [f"  - {{name: org/student-{number:05}, finetuned_from: base}}" for number in range(models - 1)]
    (registry / "many.yaml").write_text("\n".join(lines) + "\n")
    taken = seconds(lambda: run([COMMAND, "register", "-f", "many.yaml"], registry))
    run([COMMAND, "trait", "add", "owls", "--severity", "high"], registry)
    return taken


def _make_model(folder: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    folder.mkdir()
    rng = np.random.default_rng(0)
    weights = {
        f"model.layers.{layer}.mlp.{part}_proj.weight": rng.standard_normal((256, 256), dtype=np.float32)
        for layer in range(8)
        for part in ("gate", "up", "down")
    }
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text("{}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=("register", "mirror"), default=["register", "mirror"])
    parser.add_argument("--stores", nargs="+", choices=("embedded", "http"), default=["embedded", "http"])
    parser.add_argument("--models", type=int, default=1000, help="how many models are projected")
    parser.add_argument("--repeats", type=int, default=5, help="how often a registration is measured")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as place,
        stores(Path(place), asked.stores) as found,
    ):
        if "register" in asked.parts:
            measure_register(Path(place), found, asked.repeats)
        if "mirror" in asked.parts:
            measure_mirror(Path(place), found, asked.models)


if __name__ == "__main__":
    main()
