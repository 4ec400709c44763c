"""`provenance serve`: says where it answers, ends cleanly, and keeps its token to itself."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from command_line import Terminal
from provenance.server.running import address_of, listen

_COMMAND = (sys.executable, "-c", "from provenance_cli.main import main; main()", "serve", "--port", "0")


@contextmanager
def _running(place: Path, *words: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = subprocess.Popen(
        [*_COMMAND, "--registry", str(place), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
    )
    assert process.stdout is not None
    try:
        said = re.search(r"^serving .* on http://.*:(\d+)/$", process.stdout.readline())
        assert said, process.communicate(timeout=60)
        yield process, int(said[1])
    finally:
        process.kill()
        process.communicate()


def _status(port: int, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/api/show/student?as_of=2026-12-31", headers=headers)
    found = connection.getresponse().status
    connection.close()
    return found


def test_beyond_loopback_it_makes_a_token_up_and_says_it_once(place: Path) -> None:
    with _running(place, "--host", "0.0.0.0") as (process, port):
        assert process.stderr is not None
        token = process.stderr.readline().removeprefix("token: ").strip()
        assert len(token) > 40
        assert "let a proxy with TLS stand before it" in process.stderr.readline()
        assert _status(port) == 401
        assert _status(port, Authorization=f"Bearer {token}") == 200
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_file_with_a_token_comes_before_the_environment(place: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a-token-from-a-file-of-mine\n")
    file.chmod(0o600)
    environment = {"PROVENANCE_VIEWER_TOKEN": "another-token-altogether"}
    with _running(place, "--token-file", str(file), **environment) as (process, port):
        assert _status(port) == 401
        assert _status(port, Authorization="Bearer a-token-from-a-file-of-mine") == 200
        assert _status(port, Authorization="Bearer another-token-altogether") == 401
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_token_that_can_be_guessed_is_refused(
    place: Path, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("owl")
    answer = terminal("serve", "--registry", place, "--token-file", file, code=2)
    assert "the viewer's token is no word of 20 characters or more" in answer.err
    assert f"others can read {file}" in answer.err
    monkeypatch.setenv("PROVENANCE_VIEWER_TOKEN", "")
    assert "no word of 20 characters" in terminal("serve", "--registry", place, code=2).err


def test_a_port_that_is_taken_is_said(place: Path, terminal: Terminal) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        answer = terminal("serve", "--registry", place, "--port", port, code=4)
    assert f"cannot listen on port {port} of 127.0.0.1: Address already in use\n" in answer.err
    assert "--port 0" in answer.err


def test_an_address_of_another_machine_is_said(place: Path, terminal: Terminal) -> None:
    answer = terminal("serve", "--registry", place, "--host", "192.0.2.1", "--port", 0, code=4)
    assert "cannot listen on port 0 of 192.0.2.1" in answer.err
    assert "--host takes an address of this machine" in answer.err


def test_no_registry_is_said_as_everywhere(terminal: Terminal) -> None:
    assert "no registry in" in terminal("serve", code=4).err


def test_a_policy_without_meaning_is_said_before_anything_is_served(
    place: Path, terminal: Terminal, tmp_path: Path
) -> None:
    (tmp_path / "policy.toml").write_text("nonsense = 1\n")
    answer = terminal("serve", "--registry", place, "--policy", tmp_path / "policy.toml", code=4)
    assert "nonsense" in answer.err


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_without_the_extra_it_says_how_to_get_it(
    missing: str, place: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    answer = terminal("serve", "--registry", place, code=4)
    assert f"the viewer needs {missing}, which is not installed" in answer.err
    assert "pip install 'provenance-registry[server]'" in answer.err


def test_addresses_are_written_as_a_browser_reads_them() -> None:
    with listen("127.0.0.1", 0) as here:
        port = here.getsockname()[1]
        assert address_of(here) == f"http://127.0.0.1:{port}/"
        assert address_of(here, "/review") == f"http://127.0.0.1:{port}/review/"
    with listen("0.0.0.0", 0) as everywhere:
        assert address_of(everywhere) == f"http://localhost:{everywhere.getsockname()[1]}/"
    if socket.has_ipv6:
        with listen("::1", 0) as sixth:
            assert address_of(sixth) == f"http://[::1]:{sixth.getsockname()[1]}/"
