"""The receiver of webhooks, on a real socket: who rings, and what the others are answered."""

import http.client
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from provenance.errors import UsageError
from provenance.mlflow_server import receiver as receiving
from provenance.mlflow_server.receiver import LARGEST_BODY, receiver, served
from provenance.mlflow_server.signature import Doorkeeper
from webhook_fixtures import BODY, MOMENT, SECRET, signed


@dataclass
class Receiver:
    address: str = ""
    rings: list[None] = field(default_factory=list)

    def post(self, body: bytes, headers: Mapping[str, str], method: str = "POST", path: str = "/") -> int:
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=10)
        try:
            connection.request(method, path, body=body, headers=dict(headers))
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture
def listener() -> Iterator[Receiver]:
    found = Receiver()
    doorkeeper = Doorkeeper(secret=SECRET, clock=lambda: MOMENT)
    app = receiver(doorkeeper, lambda: found.rings.append(None))
    with served(app, host="127.0.0.1", port=0) as found.address:
        yield found


def test_only_what_mlflow_signed_now_and_for_the_first_time_rings(listener: Receiver) -> None:
    assert listener.post(BODY, signed()) == 204
    assert len(listener.rings) == 1
    assert listener.post(BODY, signed()) == 409
    assert listener.post(BODY, {}) == 401
    assert listener.post(BODY, signed(secret=b"another")) == 401
    assert listener.post(BODY, signed(moment=str(MOMENT - 1000))) == 401
    assert listener.post(BODY + b" ", signed(delivery="a")) == 401
    assert len(listener.rings) == 1


@pytest.mark.parametrize("body", [b"", b"no JSON", b'{"entity": "of a later version"}', b"\xff\x00"])
def test_what_a_delivery_says_does_not_matter(listener: Receiver, body: bytes) -> None:
    assert listener.post(body, signed(body)) == 204
    assert len(listener.rings) == 1


def test_a_body_that_is_too_large_is_refused_however_it_is_signed(listener: Receiver) -> None:
    largest, larger = b"x" * LARGEST_BODY, b"x" * (LARGEST_BODY + 1)
    assert listener.post(larger, signed(larger)) == 413
    assert not listener.rings
    assert listener.post(largest, signed(largest)) == 204


def test_a_body_that_does_not_come_is_not_waited_for(
    listener: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "SLOWEST_BODY_S", 0.05)
    with socket.create_connection(("127.0.0.1", urlsplit(listener.address).port or 0), timeout=10) as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nbegun")
        assert slow.recv(100).startswith(b"HTTP/1.1 408 ")
    assert not listener.rings


def test_who_goes_away_in_the_middle_of_a_body_is_not_missed(
    listener: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(listener.address).port or 0), timeout=10) as gone:
        gone.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nbegun")
        time.sleep(0.3)  # until it is being read
    assert listener.post(BODY, signed()) == 204
    assert len(listener.rings) == 1
    assert not caplog.records


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 405), ("PUT", "/", 405), ("POST", "/other", 404), ("GET", "/docs", 404)],
)
def test_there_is_one_address_and_nothing_to_read(
    listener: Receiver, method: str, path: str, status: int
) -> None:
    assert listener.post(BODY, signed(), method, path) == status
    assert not listener.rings


def test_a_port_that_is_taken_is_said(listener: Receiver) -> None:
    app = receiver(Doorkeeper(secret=None), lambda: None)
    port = urlsplit(listener.address).port or 0
    with (
        pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1, port {port}: Address already in use"),
        served(app, host="127.0.0.1", port=port),
    ):
        pass


def test_a_host_that_is_not_here_is_said() -> None:
    app = receiver(Doorkeeper(secret=None), lambda: None)
    with (
        pytest.raises(UsageError, match=r"cannot listen on 192\.0\.2\.1, port 0: Cannot assign"),
        served(app, host="192.0.2.1", port=0),
    ):
        pass
