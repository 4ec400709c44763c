"""What the wire does with servers that are not what they should be."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fake_mlflow import EXPERIMENT, SECRET, VERSION, Fake, fake_mlflow, odd_server, opened, refusal
from provenance.errors import UsageError
from provenance.mlflow_link import wire
from provenance.mlflow_link.adapter import MlflowError, RefusedError, connect
from provenance.mlflow_link.address import is_server, shown, target_of
from provenance.mlflow_link.hangup import deadline
from provenance.mlflow_link.objects import RegisteredModel
from provenance.mlflow_link.port import RESUME, FoundRun
from provenance.mlflow_link.rest import RestPort
from provenance.mlflow_link.wire import Wire

pytestmark = pytest.mark.usefixtures("nobody")

OURS = RegisteredModel(subject="registered name x", about="model:x@1", names=("x",), true_name="x")


@pytest.mark.parametrize("path", [VERSION, EXPERIMENT])
@pytest.mark.parametrize("status", [401, 403])
def test_credentials_that_are_not_accepted_say_which_variables_to_set(
    path: str, status: int, fake: Fake
) -> None:
    fake.answers[path] = (status, {"error_code": "PERMISSION_DENIED", "message": "Permission denied"})
    said = refusal(fake.login(f"me:{SECRET}"), r"at http://\*\*\*@127.* does not accept these credentials")
    assert "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN" in said.hint


def test_a_redirect_is_not_followed(fake: Fake) -> None:
    with fake_mlflow() as other:
        for status in (301, 302, 303, 307, 308):
            target = other.login("you:geheim") + "/login?token=1"
            fake.answers[VERSION] = (status, "", {"Location": target})
            said = refusal(fake.login(f"me:{SECRET}"), f"sends on to {other.uri}/login$")
            assert "geheim" not in said.message
            assert "provenance init --mlflow" in said.hint
        assert other.asked == []


@pytest.mark.parametrize("version", ["3.10.1", "3.18.0.dev0", "3.11.0rc1"])
def test_versions_that_are_supported(version: str, fake: Fake) -> None:
    fake.answers[VERSION] = (200, version + "\n")
    assert opened(fake.uri) == 2


@pytest.mark.parametrize("version", ["3.10.0", "2.22.1", "1.30.0", "4.0.0", "4.0.0rc1", "12.1.0"])
def test_versions_that_are_not_supported(version: str, fake: Fake) -> None:
    fake.answers[VERSION] = (200, version)
    refusal(fake.uri, f"is version {version}; supported are 3.10.1 and later, below 4")
    assert len(fake.asked) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, "<html><title>Sign in to the hotel's network</title></html>"),
        (200, ""),
        (200, "3"),
        (204, ""),
        (304, ""),
        (302, {}),
        (404, "<html>nothing here</html>"),
        (404, {"error_code": "ENDPOINT_NOT_FOUND", "message": "Not Found"}),
        (405, "no"),
        (418, {"detail": "a teapot"}),
    ],
)
def test_a_place_that_is_no_mlflow_is_said_to_be_none(status: int, body: object, fake: Fake) -> None:
    fake.answers[VERSION] = (status, body)
    refusal(fake.uri, f"is no MLflow that can be written to: GET /version answered {status}")


@pytest.mark.parametrize(
    "body",
    [
        "<html>Sign in</html>",
        "[]",
        '"experiment"',
        "{}",
        '{"experiment": null}',
        '{"experiment": []}',
        '{"experiment": {"experiment_id": "7"}}',
        '{"experiment": {',
        "[" * 100_000,
        "\x00",
    ],
)
def test_garbage_is_not_taken_for_an_answer(body: str, fake: Fake) -> None:
    fake.answers[EXPERIMENT] = (200, body)
    refusal(fake.uri, "is no MLflow that can be written to")


def test_words_of_a_server_do_nothing_to_a_terminal() -> None:
    message = "no \x1b[2J\u202e\x00 such " + "thing" * 100
    refusal = (400, {"error_code": "INVALID_PARAMETER_VALUE", "message": message})
    with fake_mlflow(**{"api__2.0__mlflow__registered-models__create": refusal}) as fake:
        with connect(fake.uri) as mlflow, pytest.raises(RefusedError, match=r"no .* such thing") as caught:
            mlflow.write(OURS, None, {})
        assert caught.value.message.isprintable()
        assert len(caught.value.message) == 300


@pytest.mark.parametrize("status", [301, 304, 400, 401, 403, 404, 429, 500, 503])
def test_a_file_that_is_not_taken_concerns_its_object_alone(status: int) -> None:
    files = "api__2.0__mlflow-artifacts__artifacts__1__r%20x__artifacts__whole__a%20b.txt"
    with fake_mlflow(**{files: (status, "no")}) as fake, connect(fake.uri) as mlflow:
        place = "mlflow-artifacts:/1/r%20x/artifacts"
        run = FoundRun(run_id="r", active=True, finished=False, artifact_uri=place, tags={})
        with pytest.raises(RefusedError, match="its files can't be stored: "):
            mlflow._port.put_file(run, "whole/a b.txt", b"text")
        fake.answers[f"/{files.replace('__', '/')}"] = (200, "")
        mlflow._port.put_file(run, "whole/a b.txt", b"text")


@pytest.mark.parametrize("path", [VERSION, EXPERIMENT])
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_server_that_is_away_ends_the_sync_and_it_goes_on_later(path: str, status: int, fake: Fake) -> None:
    fake.answers[path] = (status, "<html>upstream is away</html>")
    said = refusal(fake.uri, f"answered {status}: <html>upstream is away")
    assert "`provenance mlflow sync` goes on from here" in said.hint


@pytest.mark.parametrize("body", ["<h1>Internal Server Error</h1>", {"error_code": "INTERNAL_ERROR"}])
def test_a_plain_error_of_the_server_concerns_one_object(body: object) -> None:
    path = "api__2.0__mlflow__registered-models__create"
    with fake_mlflow(**{path: (500, body)}) as fake, connect(fake.uri) as mlflow:
        with pytest.raises(RefusedError, match=r"Internal|INTERNAL_ERROR"):
            mlflow.write(OURS, None, {})
        fake.answers[f"/{path.replace('__', '/')}"] = (200, {})
        assert mlflow.write(OURS, None, {}).created


def test_who_may_not_touch_a_registered_model_may_still_write_the_rest() -> None:
    denial = (403, {"error_code": "PERMISSION_DENIED", "message": "Permission denied"})
    with fake_mlflow(**{"api__2.0__mlflow__registered-models__create": denial}) as fake:
        with connect(fake.uri) as mlflow, pytest.raises(RefusedError, match="Permission denied") as caught:
            mlflow.write(OURS, None, {})
        assert "MLFLOW_TRACKING_USERNAME" in caught.value.hint


def test_a_server_that_is_down_or_has_no_name_is_said_without_the_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    refusal(f"http://me:{SECRET}@127.0.0.1:{port}", r"at http://\*\*\*@127.* does not answer: .*refused")
    refusal(f"http://me:{SECRET}@no-such-host.invalid", "does not answer: ")


def test_a_server_that_keeps_silent_is_given_up_after_its_time() -> None:
    release = threading.Event()
    began = time.monotonic()
    with odd_server(lambda _: release.wait(30) and None) as uri:
        refusal(uri, "does not answer: .*timed out", timeout_s=0.2)
        release.set()
    assert time.monotonic() - began < 20


def test_a_server_that_answers_byte_by_byte_is_given_up() -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(10_000):
            connection.sendall(b"3" * 100)
            time.sleep(0.02)

    with odd_server(drip) as uri:
        refusal(uri, "answers too slowly", timeout_s=0.05)


@pytest.mark.parametrize("head", ["Content-Length: 9999999999", "Connection: close"])
def test_an_answer_without_end_is_not_read_to_its_end(head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        connection.recv(10_000)
        connection.sendall(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode())
        while True:
            sent += connection.send(b"3" * 65_536)

    monkeypatch.setattr(wire, "MAX_ANSWER", 2**20)
    with odd_server(flood) as uri:
        refusal(uri, "an answer of over 1 MiB")
    assert sent < 50 * 2**20


def test_a_write_is_sent_once_even_if_its_answer_never_comes() -> None:
    written: list[bytes] = []

    def hang_up_on_writes(connection: socket.socket) -> None:
        while request := connection.recv(100_000):
            if not request.startswith(b"GET"):
                written.append(request.partition(b"\r\n")[0])
                return
            body = (
                b"3.17.2"
                if b"/version" in request
                else b'{"experiment": {"experiment_id": "7", "lifecycle_stage": "active"}}'
            )
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with odd_server(hang_up_on_writes) as uri, connect(uri) as mlflow:
        with pytest.raises(MlflowError, match="does not answer"):
            mlflow.write(OURS, None, {})
        assert mlflow.calls == 3
    assert written == [b"POST /api/2.0/mlflow/registered-models/create HTTP/1.1"]


def test_a_static_prefix_stands_before_every_path() -> None:
    with fake_mlflow("/team/mlflow") as fake:
        assert opened(fake.uri + "/") == 2
        assert [path for _, path, _ in fake.asked] == ["/team/mlflow" + VERSION, "/team/mlflow" + EXPERIMENT]


def test_an_experiment_that_was_deleted_is_not_written_to(fake: Fake) -> None:
    fake.answers[EXPERIMENT] = (200, {"experiment": {"experiment_id": "7", "lifecycle_stage": "deleted"}})
    said = refusal(fake.uri, "the experiment 'provenance' .* was deleted")
    assert "mlflow experiments restore --experiment-id 7" in said.hint


def _put(artifact_uri: str) -> None:
    from requests import Session

    run = FoundRun(run_id="r", active=True, finished=False, artifact_uri=artifact_uri, tags={})
    uri = "http://mlflow.invalid"
    RestPort(Wire(uri, Session(), 1.0), uri).put_file(run, "evidence.json", b"{}")


@pytest.mark.parametrize(
    "place",
    [
        "mlflow-artifacts://elsewhere.invalid/1/r/artifacts",
        "http://elsewhere.invalid/api/2.0/mlflow-artifacts/artifacts/1",
        "mlflow-artifacts:/1/../../etc",
        "mlflow-artifacts:/1/%2e%2e/%2E%2E/etc",
        "file:///home/me/.ssh",
        "/home/me/.ssh",
        "",
    ],
)
def test_files_are_not_sent_wherever_a_server_says(place: str) -> None:
    with pytest.raises(RefusedError, match=r"not for us to write|have no place"):
        _put(place)


def test_files_for_a_bucket_go_by_mlflows_own_client_and_those_for_a_folder_nowhere(
    fake: Fake, tmp_path: Path
) -> None:
    def run_at(run_id: str, artifact_uri: str) -> FoundRun:
        info = {
            "run_id": run_id,
            "status": "RUNNING",
            "lifecycle_stage": "active",
            "artifact_uri": artifact_uri,
        }
        fake.answers["/api/2.0/mlflow/runs/get"] = (200, {"run": {"info": info, "data": {}}})
        found = mlflow._port.run(run_id)
        assert found is not None
        return found

    with connect(fake.uri) as mlflow:
        for place in (tmp_path.as_uri(), str(tmp_path), "runs:/b/artifacts", "models:/m-1"):
            with pytest.raises(RefusedError, match="not for us to write"):
                mlflow._port.put_file(run_at("a", place), "whole/a.txt", b"text")
        with pytest.raises(RefusedError, match="its files can't be stored: "):
            mlflow._port.put_file(run_at("b", "nothing://bucket/b"), "whole/a.txt", b"text")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("http://me:secret@host:5000/x", "http://***@host:5000/x"),
        ("http://me:p@ss/secret@host", "http://***@host"),
        ("http://token@host", "http://***@host"),
        ("http://host:5000", "http://host:5000"),
        ("sqlite:////a/b@c.db", "sqlite:////a/b@c.db"),
    ],
)
def test_a_login_is_never_shown(uri: str, said: str) -> None:
    assert shown(uri) == said


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("http://localhost:5000", "http://127.0.0.1:5000"),
        ("http://[::1]:5000/", "http://127.0.0.1:5000"),
        ("HTTP://me:secret@LocalHost:5000", "http://127.0.0.1:5000"),
        ("http://Host.example:80", "http://host.example"),
        ("https://host.example:443/MLflow/", "https://host.example/MLflow"),
        ("https://host.example:80", "https://host.example:80"),
        ("http://[fe80::1]:5000", "http://[fe80::1]:5000"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
        ("http://host:no", "http://host:no"),
    ],
)
def test_one_mlflow_is_one_target_however_it_is_spelt(uri: str, target: str) -> None:
    assert target_of(uri) == target


@pytest.mark.parametrize(
    "uri",
    [
        "http://me:p@ss/secret@host",
        "http://host:notaport",
        "http://host?token=secret",
        "http://host#x",
        "http://[::1",
        "http:///x",
        "sqlite:///a.db?mode=ro",
    ],
)
def test_an_address_that_means_nothing_is_refused(uri: str) -> None:
    with pytest.raises(UsageError, match="not an MLflow that can be written to") as caught:
        is_server(uri)
    assert "p@ss" not in caught.value.message
    assert "ss/secret" not in caught.value.message


# --- time ---------------------------------------------------------------------------------------------------------------


@contextmanager
def dripping(scheme: str = "http") -> Iterator[str]:
    """A server that sends one byte of a header now and then, for a minute; or of a handshake, to who wants that."""
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(10_000)
        if scheme == "http":
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        else:
            connection.sendall(b"\x16\x03\x03\x40\x00")  # A record of 16 KiB follows.
        while not over.wait(0.02):
            connection.sendall(b"z")

    with odd_server(drip) as uri:
        yield uri.replace("http", scheme, 1)
        over.set()


def test_a_server_whose_headers_never_end_is_hung_up_on() -> None:
    with dripping() as uri:
        refusal(uri, "answers too slowly", timeout_s=0.1)


def test_a_server_whose_handshake_never_ends_is_hung_up_on() -> None:
    with dripping("https") as uri:
        refusal(uri, "does not answer: .*timed out|answers too slowly", timeout_s=0.1)


def test_a_deadline_ends_the_request_at_hand_and_sends_no_other() -> None:
    with dripping() as uri, Wire.opened(uri, 15.0) as wire, deadline(time.monotonic() + 0.2):
        for _ in range(2):
            with pytest.raises(MlflowError, match="answers too slowly") as caught:
                wire.check_version()
            assert caught.value.hint == RESUME
        assert wire.calls == 1


def test_an_answer_that_ends_where_it_was_hung_up_on_is_not_taken_for_whole() -> None:
    def begin(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n3.17.2")
        connection.recv(10_000)

    with (
        odd_server(begin) as uri,
        Wire.opened(uri, 15.0) as wire,
        deadline(time.monotonic() + 0.2),
        pytest.raises(MlflowError, match="answers too slowly"),
    ):
        wire.check_version()


def test_after_a_hang_up_the_next_request_has_a_connection_of_its_own(fake: Fake) -> None:
    with Wire.opened(fake.uri, 5.0) as wire:
        wire.check_version()
        wire._line._hang_up()
        wire.check_version()
        assert wire.calls == 2
