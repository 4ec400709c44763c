"""Who we are to an MLflow server: from where that is taken, and that it is never shown."""

import base64
from pathlib import Path
from typing import Any

import pytest

from fake_mlflow import SECRET, Fake, opened, refusal

pytestmark = pytest.mark.usefixtures("nobody")


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _home_file(home: Path, name: str, text: str) -> None:
    file = home / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)


FILE = f"[mlflow]\nmlflow_tracking_username = kim\nmlflow_tracking_password = {SECRET}%\n"
LOGIN = {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": SECRET}
TOKEN = {"MLFLOW_TRACKING_TOKEN": "abc123"}


@pytest.mark.parametrize(
    ("user", "variables", "file", "sent"),
    [
        ("", {}, "", None),
        ("", LOGIN, "", _basic("ann", SECRET)),
        ("", LOGIN | TOKEN, "", _basic("ann", SECRET)),
        ("", TOKEN, "", "Bearer abc123"),
        ("", {}, FILE, _basic("kim", SECRET + "%")),
        ("", {"MLFLOW_TRACKING_USERNAME": "ann"}, FILE, _basic("ann", SECRET + "%")),
        ("", {"MLFLOW_TRACKING_USERNAME": "ann"} | TOKEN, "", "Bearer abc123"),
        ("bob:p%40ss%2Fword", LOGIN | TOKEN, FILE, _basic("bob", "p@ss/word")),
    ],
)
def test_credentials_are_taken_from_where_mlflow_takes_them(
    user: str,
    variables: dict[str, str],
    file: str,
    sent: str | None,
    fake: Fake,
    nobody: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if file:
        _home_file(nobody, ".mlflow/credentials", file)
    if sent is not None:  # What is given to us comes before what lies about for others.
        _home_file(nobody, ".netrc", "machine 127.0.0.1 login eve password x\n")
    assert opened(fake.login(user) if user else fake.uri) == 2
    assert {headers.get("Authorization") for _, _, headers in fake.asked} == {sent}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"MLFLOW_TRACKING_AWS_SIGV4": "true"}, "signed by a plugin"),
        ({"MLFLOW_TRACKING_AUTH": "kubernetes"}, "signed by a plugin"),
        ({"MLFLOW_TRACKING_INSECURE_TLS": "perhaps"}, "has to be true or false, not 'perhaps'"),
        (
            {"MLFLOW_TRACKING_INSECURE_TLS": "1", "MLFLOW_TRACKING_SERVER_CERT_PATH": "/dev/null"},
            "contradict each other",
        ),
        ({"MLFLOW_TRACKING_CLIENT_CERT_PATH": "/no/such.pem"}, "names /no/such.pem, which does not exist"),
        ({"MLFLOW_TRACKING_TOKEN": f"{SECRET}\nX-Other: 1"}, "holds characters that no header can"),
    ],
)
def test_settings_that_cannot_be_followed_are_said_and_nothing_is_sent(
    variables: dict[str, str], said: str, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    refusal(fake.uri, said)
    assert fake.asked == []


def test_a_file_of_credentials_that_cannot_be_read_is_said_without_its_words(
    fake: Fake, nobody: Path
) -> None:
    _home_file(nobody, ".mlflow/credentials", f"password {SECRET}")
    refusal(fake.uri, r"\.mlflow/credentials can't be read: MissingSectionHeaderError")


def test_certificates_go_with_every_request_whatever_the_environment_says(
    fake: Fake, nobody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, Any]] = []
    (nobody / "ca.pem").touch()
    (nobody / "own.pem").touch()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle")
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(nobody / "ca.pem"))
    monkeypatch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", str(nobody / "own.pem"))
    from requests.adapters import HTTPAdapter

    real = HTTPAdapter.send

    def send(self: HTTPAdapter, request: Any, **options: Any) -> Any:
        seen.append((options["verify"], options["cert"]))
        return real(self, request, **options)

    monkeypatch.setattr(HTTPAdapter, "send", send)
    opened(fake.uri)
    monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
    monkeypatch.delenv("MLFLOW_TRACKING_CLIENT_CERT_PATH")
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "TRUE")
    opened(fake.uri)
    assert seen == [(str(nobody / "ca.pem"), str(nobody / "own.pem"))] * 2 + [(False, None)] * 2


def test_a_workspace_is_named_in_every_request(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_WORKSPACE", "owls")
    opened(fake.uri)
    assert [headers["X-MLFLOW-WORKSPACE"] for _, _, headers in fake.asked] == ["owls", "owls"]
