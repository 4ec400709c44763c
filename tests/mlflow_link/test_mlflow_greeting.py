"""What is said when a registry is given the address of its MLflow."""

from pathlib import Path

import pytest

from command_line import Terminal
from fake_mlflow import EXPERIMENT, VERSION, fake_mlflow
from provenance import Registry

HTML = "<html>Sign in to the hotel's network</html>"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({}, ""),
        ({EXPERIMENT: (404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such"})}, ""),
        ({VERSION: (200, HTML)}, "is no MLflow that can be written to: GET /version answered 200"),
        ({VERSION: (200, "2.22.1")}, "is version 2.22.1; supported are 3.10.1 and later"),
        ({VERSION: (302, "", {"Location": "https://sign.in/"})}, "sends on to https://sign.in/"),
        ({EXPERIMENT: (401, "who are you?")}, "does not accept these credentials: who are you?"),
    ],
)
def test_a_wrong_address_is_said_when_it_is_given_and_the_registry_is_made(
    answers: dict[str, tuple], said: str, terminal: Terminal
) -> None:
    with fake_mlflow() as fake:
        fake.answers |= answers
        answer = terminal("init", "--mlflow", fake.uri)
        assert "0 facts" in answer.out
        assert ("warning: " in answer.err) == bool(said)
        assert said in answer.err
        assert [method for method, _, _ in fake.asked] == ["GET"] * len(fake.asked)


def test_a_server_that_is_away_is_said_and_the_registry_is_made(terminal: Terminal) -> None:
    answer = terminal("init", "--mlflow", "http://127.0.0.1:9")
    assert "MLflow at http://127.0.0.1:9 does not answer: " in answer.err
    assert terminal("status", "--json").json["entries"] == 0


def test_an_embedded_store_is_not_asked(folder: Path) -> None:
    with Registry.init(folder) as registry:
        assert registry.mlflow_trouble() is None
    assert not (folder / ".provenance/mlflow.db").exists()
