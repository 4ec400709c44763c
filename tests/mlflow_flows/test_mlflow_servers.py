"""The servers of the tests themselves: they answer over both databases, stop, come back, and outlive nobody."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlflow_servers import Server

pytestmark = pytest.mark.xdist_group("mlflow")

PROGRAM = """
import sys
from pathlib import Path
from mlflow_servers import running_server
with running_server(Path(sys.argv[1])) as server:
    print(server.port, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("kind", ["mlflow_server", "mlflow_server_on_postgres"])
def test_a_server_answers_mlflows_own_client(kind: str, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(kind)
    assert server.answers()
    server.client().create_registered_model("of the server's own test")
    assert server.client().get_registered_model("of the server's own test").tags == {}


def test_a_server_dies_with_whoever_started_it_and_all_of_its_group(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    assert starter.stdout is not None
    server = Server(folder=tmp_path, backend="", port=int(starter.stdout.readline()))
    assert server.answers()
    os.killpg(starter.pid, signal.SIGKILL)
    starter.communicate()
    while server.answers():
        time.sleep(0.05)
