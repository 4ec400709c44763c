"""`provenance mlflow listen`: what it refuses, and how one webhook goes through it."""

import http.client
import json
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from command_line import Terminal
from provenance import Registry
from webhook_fixtures import BODY, signed

SECRET = "a secret of this test"
VARIABLE = "PROVENANCE_WEBHOOK_SECRET"


@pytest.fixture(autouse=True)
def _no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def secret(folder: Path) -> Path:
    """A file with the secret."""
    (folder / "secret").write_text(f"{SECRET}\n")
    (folder / "secret").chmod(0o600)
    return folder / "secret"


def test_without_a_secret_nothing_listens(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal("init")
    refused = terminal("mlflow", "listen", code=2).err
    assert "there is no secret to know MLflow by" in refused
    assert "--secret-file" in refused
    monkeypatch.setenv(VARIABLE, " ")
    assert "the secret of the webhook is empty" in terminal("mlflow", "listen", code=2).err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_only_on_loopback_everybody_may_be_believed(terminal: Terminal, host: str) -> None:
    terminal("init")
    refused = terminal("mlflow", "listen", "--insecure", "--host", host, code=2).err
    assert f"{host} can be reached from other machines" in refused


def test_a_secret_and_no_secret_exclude_each_other(terminal: Terminal, secret: Path) -> None:
    terminal("init")
    refused = terminal("mlflow", "listen", "--insecure", "--secret-file", secret, code=2).err
    assert "--insecure excludes a secret" in refused


def test_a_secret_that_others_can_read_is_warned_of(terminal: Terminal, secret: Path) -> None:
    terminal("init")
    words = ("mlflow", "listen", "--host", "192.0.2.1", "--secret-file", secret)
    assert "others can read" not in terminal(*words, code=2).err
    secret.chmod(0o640)
    assert f"others can read {secret}" in terminal(*words, code=2).err


def test_what_is_wrong_is_said_before_anything_listens(terminal: Terminal, secret: Path) -> None:
    assert "no registry in" in terminal("mlflow", "listen", "--insecure", code=4).err
    terminal("init")
    both = terminal("mlflow", "listen", "--insecure", "--once", "--every", 9, code=2).err
    assert "--once excludes --every" in both
    secret.write_bytes(b"\xff\xfe")
    unreadable = terminal("mlflow", "listen", "--secret-file", secret, code=2).err
    assert f"cannot read the secret in {secret}" in unreadable


def test_one_signed_webhook_is_one_import_and_an_unsigned_one_is_none(folder: Path, secret: Path) -> None:
    Registry.init(folder, mlflow=f"sqlite:///{folder}/gone/mlflow.db").close()
    (folder / "gone").write_text("a file where a folder should be")
    words = ("mlflow", "listen", "--once", "--json", "--port", "0", "--secret-file", str(secret))
    with subprocess.Popen(
        [sys.executable, "-m", "provenance_cli.main", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as listening:
        try:
            assert listening.stderr is not None
            address = listening.stderr.readline().removeprefix("listening on ").strip()
            now = str(int(time.time()))
            headers = signed(secret=SECRET.encode(), moment=now)
            assert [post(address, {}), post(address, headers), post(address, headers)] == [401, 204, 409]
            said, complained = listening.communicate(timeout=60)
        finally:
            listening.kill()
    (look,) = map(json.loads, said.splitlines())
    assert look["imported"] is None
    assert look["problem"] in complained
    assert listening.returncode == 4, "there is no MLflow to import from"
    assert SECRET not in said + complained


def post(address: str, headers: dict[str, str]) -> int:
    """What a receiver answers to a webhook."""
    with closing(http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)) as connection:
        connection.request("POST", "/", body=BODY, headers=headers)
        return connection.getresponse().status
