"""Requests to an MLflow server: one connection kept alive, bounded in time and size, and nothing sent twice.

A request that timed out may have taken effect, so that it is for the writer to look before it writes again. Redirects are not
followed: credentials would go where nobody meant them to, and a sign-in page is no MLflow. What comes back is anybody's: it is
read up to a limit, and what is no JSON object ends the sync.
"""

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from provenance.mlflow_link.address import MlflowError, shown, without_logins
from provenance.mlflow_link.credentials import access_to, denied
from provenance.mlflow_link.port import (
    RESUME,
    ForbiddenError,
    MissingError,
    RefusedError,
    TakenError,
    one_line,
)

if TYPE_CHECKING:
    from requests import Response, Session

Json: TypeAlias = dict[str, Any]

FLOOR, CEILING = (3, 10, 1), (4,)
"""Versions of a server that are spoken to: from the one, below the other."""
MAX_ANSWER = 64 * 2**20
"""Bytes of one answer; the largest page of objects that MLflow can hold is far smaller."""

_CONNECT_S = 5.0
_CHUNK = 2**16
_SILENCES = 4
"""A whole request, from the connection to the last byte of its answer, may take as many times what a silence may."""
_REFUSALS: Mapping[str, type[RefusedError]] = {
    "RESOURCE_DOES_NOT_EXIST": MissingError,
    "NOT_FOUND": MissingError,
    "RESOURCE_ALREADY_EXISTS": TakenError,
    "ALREADY_EXISTS": TakenError,
    "PERMISSION_DENIED": ForbiddenError,
}
_OK, _REFUSED, _UNAUTHENTICATED, _FORBIDDEN, _BROKEN = 200, 400, 401, 403, 500
# Of a proxy in front of MLflow, or of an MLflow whose database is away. A plain 500 is about one object or one file.
_AWAY = frozenset({429, 502, 503, 504})


class Wire:
    """One MLflow server.

    Args:
        uri: Where it is; with a path where it serves under a static prefix.
        session: Sends the requests.
        timeout_s: How long it may keep silent, in seconds; nor may a whole request take longer than four times that, or go on after
            the `deadline` that it is sent within.
    """

    def __init__(self, uri: str, session: "Session", timeout_s: float) -> None:
        from provenance.mlflow_link.hangup import Line

        self._shown = shown(uri)
        self._access = access_to(uri)
        self._session = session
        self._timeout_s = timeout_s
        self._line = Line()
        for scheme in ("http://", "https://"):
            session.mount(scheme, self._line)
        self.calls = 0

    def check_version(self) -> None:
        """Asks the server which version it is.

        Raises:
            MlflowError: One that is not supported, or no MLflow.
        """
        found, body = self._send("GET", "/version")
        text = body.decode("ascii", "replace").strip()
        version = re.match(r"(\d+)\.(\d+)\.(\d+)[\w.+-]*\Z", text, re.ASCII)
        if version is None or found.status_code != _OK:
            if found.status_code != _OK:
                try:
                    self._answer(found, body)  # It may want to know who asks, or be away.
                except ForbiddenError as error:
                    raise denied(self._shown, error.message) from error
                except RefusedError:
                    pass
            raise self._other(f"GET /version answered {found.status_code} {one_line(text)[:80]!a}")
        if not FLOOR <= tuple(map(int, version.groups())) < CEILING:
            raise MlflowError(
                f"MLflow at {self._shown} is version {text[:40]}; supported are 3.10.1 and later, below 4",
                hint="Upgrade the server (or provenance, if the server is newer). Until then facts wait in the ledger.",
            )

    def ask(self, method: str, path: str, **values: object) -> Json:
        """Asks for something by MLflow's REST API.

        Args:
            method: Of HTTP.
            path: What follows ``/api/2.0/mlflow/``.
            values: The request; what is None is left out.

        Raises:
            RefusedError: It was answered, and refused.
            MlflowError: It was not answered.
        """
        body = {key: value for key, value in values.items() if value is not None}
        sent = {"params": body} if method == "GET" else {"json": body}
        return self._answer(*self._send(method, f"/api/2.0/mlflow/{path}", **sent))

    def put(self, path: str, content: bytes) -> None:
        """Sends a file.

        Args:
            path: Percent-encoded, from the server's base.
            content: The whole file.

        Raises:
            RefusedError: It was not taken, or not answered.
        """
        headers = {"Content-Type": "application/octet-stream"}
        try:
            self._answer(*self._send("PUT", path, data=content, headers=headers))
        except (RefusedError, MlflowError) as error:
            # A server that can't store a file may hang up before it has read it, and what it did not read would be in the way of
            # the next request. One that is gone will not answer that either.
            self._session.close()
            raise RefusedError(f"its files can't be stored: {error.message}", hint=error.hint) from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Around what takes an answer apart: one of another shape is not MLflow's."""
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._other(
                f"an answer of another shape ({type(error).__name__}: {error!s:.80})"
            ) from error

    def host(self) -> str:
        """Host and port."""
        return urlsplit(self._access.base).netloc

    def _send(self, method: str, path: str, **sent: Any) -> "tuple[Response, bytes]":  # noqa: ANN401 - as requests takes it
        from requests import RequestException

        from provenance.mlflow_link.hangup import time_left

        left = time_left(_SILENCES * self._timeout_s)
        if not left:
            raise self._slow()
        self.calls += 1
        silence = min(self._timeout_s, left)
        try:
            with (
                self._line.within(left),
                self._session.request(
                    method,
                    self._access.base + path,
                    # In each request: as properties of the session, variables of the environment would override them.
                    verify=self._access.verify,
                    timeout=(min(_CONNECT_S, silence), silence),
                    allow_redirects=False,
                    stream=True,
                    **sent,
                ) as response,
            ):
                body = self._body(response)
        except (RequestException, OSError) as error:
            if self._line.is_over:
                raise self._slow() from None
            # Without a cause: the words of that one may hold the whole URI.
            raise MlflowError(
                f"MLflow at {self._shown} does not answer: {_reason(error)}", hint=RESUME
            ) from None
        if self._line.is_over:  # An answer that ends with its connection looks whole then.
            raise self._slow()
        return response, body

    def _body(self, response: "Response") -> bytes:
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > MAX_ANSWER:
                raise self._other(f"an answer of over {MAX_ANSWER // 2**20} MiB")
        return bytes(body)

    def _slow(self) -> MlflowError:
        return MlflowError(f"MLflow at {self._shown} answers too slowly", hint=RESUME)

    def _answer(self, response: "Response", body: bytes) -> Json:
        """The answer as a JSON object, or the error that it is."""
        if response.is_redirect or response.is_permanent_redirect:
            target = urlsplit(response.headers["location"])
            place = one_line(f"{target.scheme}://{target.netloc.rpartition('@')[2]}{target.path}")
            raise MlflowError(
                f"MLflow at {self._shown} sends on to {place}",
                hint="Redirects are not followed. If that is the MLflow, give its address: provenance init --mlflow URI.",
            )
        try:
            value = json.loads(body or b"{}")
        except (ValueError, RecursionError):
            value = None
        answer = value if isinstance(value, dict) else None
        status, code = response.status_code, str((answer or {}).get("error_code", ""))
        if status == _OK and answer is not None:
            return answer
        said = one_line(str((answer or {}).get("message") or body[:300].decode("utf-8", "replace")))
        if status == _UNAUTHENTICATED:
            raise denied(self._shown, said)
        if status in _AWAY:
            raise MlflowError(f"MLflow at {self._shown} answered {status}: {said}", hint=RESUME)
        if status == _FORBIDDEN:
            raise ForbiddenError(said or "not permitted", hint=denied(self._shown, said).hint)
        if status < _REFUSED or not (code or status == _BROKEN):
            raise self._other(
                f"{response.request.method} {response.request.path_url[:120]} answered {status} {said!a}"
            )
        raise _REFUSALS.get(code, RefusedError)(said or code or f"MLflow answered {status}")

    def _other(self, what: str) -> MlflowError:
        return MlflowError(
            f"what answers at {self._shown} is no MLflow that can be written to: {what}",
            hint="Check the address (with its prefix, if it has one), proxies and sign-in pages: provenance init --mlflow URI.",
        )

    @staticmethod
    @contextmanager
    def opened(uri: str, timeout_s: float) -> "Iterator[Wire]":
        """Opens the connection to a server, and closes it."""
        from requests import Session
        from requests.auth import HTTPBasicAuth
        from urllib3.exceptions import InsecureRequestWarning

        with Session() as session, warnings.catch_warnings():
            # Who sets that a certificate is not looked at need not be told at every request.
            warnings.simplefilter("ignore", InsecureRequestWarning)
            wire = Wire(uri, session, timeout_s)
            access = wire._access
            session.cert = access.certificate
            session.headers.update(access.headers)
            session.headers["Accept-Encoding"] = "identity"  # What is bounded is then what is sent.
            if access.login is not None:
                session.auth = HTTPBasicAuth(*(word.encode() for word in access.login))
            elif access.token is not None:
                session.auth = _Bearer(access.token)
            yield wire


class _Bearer:
    """Bearer token; as the session's authentication, so that no ``~/.netrc`` takes its place."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:  # noqa: ANN401 - a prepared request in and out
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _reason(error: BaseException) -> str:
    """The innermost reason: what the layers above add is addresses, and perhaps a password."""
    seen = error
    while (inner := getattr(seen, "reason", None) or seen.__cause__ or seen.__context__) and isinstance(
        inner, BaseException
    ):
        seen = inner
    text = one_line(str(seen)) or type(seen).__name__
    return without_logins(text)
