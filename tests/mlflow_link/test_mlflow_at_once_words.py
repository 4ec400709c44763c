"""What people are told when a server was not told of a registration at once."""

import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from command_line import Terminal
from fake_mlflow import EXPERIMENT, VERSION, fake_mlflow, odd_server
from provenance import Registry

HTML = "<html>Sign in to the hotel's network</html>"
SYNC = "`provenance mlflow sync` writes"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (
            {VERSION: (200, HTML)},
            "Check the address (with its prefix, if it has one), proxies and sign-in pages",
        ),
        ({VERSION: (200, "2.22.1")}, "Upgrade the server"),
        (
            {VERSION: (302, "", {"Location": "https://sign.in/"})},
            "give its address: provenance init --mlflow",
        ),
        ({EXPERIMENT: (401, "who are you?")}, "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
    ],
)
def test_what_no_sync_mends_by_itself_is_said_with_what_to_do(
    answers: dict[str, tuple], said: str, folder: Path
) -> None:
    with fake_mlflow() as fake, Registry.init(folder, mlflow=fake.uri) as registry:
        fake.answers |= answers
        registry.register_model(name="base")
        assert registry.mlflow_note.startswith("not in MLflow: ")
        assert said in registry.mlflow_note
        assert SYNC not in registry.mlflow_note


def test_a_server_that_drips_is_left_to_a_sync_after_a_second(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not over.wait(0.02):
            connection.sendall(b"z")

    monkeypatch.setattr("provenance.mlflow_link.inline._BUDGET_S", 0.3)
    with odd_server(drip) as uri, Registry.init(folder, mlflow=uri) as registry:
        registry.register_model(name="base")
        assert registry.mlflow_note == f"MLflow was not told all of it in a second; {SYNC} the rest"
        assert not registry.mlflow_status().is_running
        over.set()


def test_nothing_new_is_not_said_to_be_recorded(terminal: Terminal) -> None:
    terminal("init", "--mlflow", "http://127.0.0.1:9")
    terminal("register", "model", "--name", "base")
    again = terminal("register", "model", "--name", "base").err
    assert "recorded" not in again.replace("nothing new was recorded", "")


def test_another_process_that_is_soon_done_is_waited_for_in_silence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Event()
    monkeypatch.setattr("provenance.store.locks.time.sleep", lambda _: asked.set())

    def hold() -> None:
        with Registry.open(folder) as other, other.mlflow_memory().held():
            held.set()
            asked.wait(30)

    held = threading.Event()
    holder = threading.Thread(target=hold)
    with Registry.init(folder, mlflow="http://127.0.0.1:9") as registry:
        holder.start()
        held.wait(30)
        registry.register_model(name="base")
        holder.join()
        assert "does not answer" in registry.mlflow_note


@pytest.mark.parametrize("words", [("--json",), ()])
def test_an_interrupt_while_a_server_is_told_is_no_failure(folder: Path, words: tuple[str, ...]) -> None:
    asked = threading.Event()

    def hang(connection: socket.socket) -> None:
        connection.recv(10_000)
        asked.set()
        connection.recv(10_000)

    with odd_server(hang) as uri, Registry.init(folder, mlflow=uri):
        command = [sys.executable, "-m", "provenance_cli.main", "register", "model", "--name", "base", *words]
        with subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert asked.wait(60)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "model:base@1" in out
    assert f"interrupted while MLflow was told; {SYNC} the rest" in err
