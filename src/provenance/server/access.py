"""Access: who may ask, how, and what every answer says to the browser.

Nothing is ever recorded, so what is guarded is reading: by a token where one is asked for, and otherwise by the address that is listened
on, which no page of a stranger may borrow by a name of its own (DNS rebinding).
"""

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import quote, unquote_to_bytes, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request, cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from provenance.errors import UsageError

SHORTEST_TOKEN = 20
"""Characters of a token that can't be guessed."""
LOGIN = "/login"
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What every answer carries."""

_LONGEST_ADDRESS = 8_192  # bytes of a path and its query; a name has at most some hundreds
_HOST = re.compile(r"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{0,5})?")
"""A name or an address, and perhaps a port: nothing else names a server."""
_READING = frozenset({"GET", "HEAD"})


def make_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(32)


def checked_token(token: str) -> str:
    """A token, without the space around it.

    Raises:
        UsageError: It is too short, or holds what no header can.
    """
    stripped = token.strip()
    if (
        len(stripped) < SHORTEST_TOKEN
        or not stripped.isascii()
        or not stripped.isprintable()
        or " " in stripped
    ):
        raise UsageError(
            f"the viewer's token is no word of {SHORTEST_TOKEN} characters or more, letters, digits and signs",
            hint='Make one: python -c "import secrets; print(secrets.token_urlsafe(32))"',
        )
    return stripped


def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine, and is reached from nowhere else."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Who is let in.

    Args:
        token: What a request has to show; None where anybody who reaches the server may read.
        viewer: Where readers reach the server, if that is through a proxy: its name is one by which they may ask.
    """

    token: str | None = field(repr=False)
    viewer: str | None = None

    @property
    def pass_(self) -> str:
        """What a browser shows instead of the token once it was typed: it opens this door, and tells nothing of the token."""
        return hmac.new((self.token or "").encode(), b"provenance viewer", sha256).hexdigest()

    @property
    def is_secure(self) -> bool:
        """Whether readers reach the server over HTTPS."""
        return (self.viewer or "").startswith("https://")

    @property
    def prefix(self) -> str:
        """The path below which readers reach the server, without a slash at its end."""
        return urlsplit(self.viewer or "").path.rstrip("/")

    def knows(self, host: str) -> bool:
        """Whether a request may name the server so; where a token is asked for, a stranger's page has none to show."""
        if self.token is not None:
            return True
        asked = _HOST.fullmatch(host)
        name = asked["name"].strip("[]").lower() if asked else ""
        return is_loopback(name) or (name != "" and name == urlsplit(self.viewer or "").hostname)

    def opens(self, token: str) -> bool:
        """Whether a token is the right one, found out in a time that tells nothing."""
        return self.token is None or _same(token, self.token)

    def lets_in(self, request: Request) -> bool:
        """Whether a request shows the token, or what a browser was given for it."""
        headers = request.headers
        if self.token is None:
            return True
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(shown.strip(), self.token):
            return True
        return _same(cookie_parser(headers.get("cookie", "")).get(cookie_of(request), ""), self.pass_)


class Guard:
    """Lets in what may ask, and gives every answer its headers.

    Args:
        app: What answers.
        door: Who is let in.
    """

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                _finish(MutableHeaders(scope=message), message["status"], scope)
            await send(message)

        # Readers may come through a proxy, which takes the prefix away or leaves it: links have it either way.
        scope["root_path"] = scope.get("root_path") or self._door.prefix
        # A HEAD is answered as a GET would be; the server leaves out the body.
        asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        answer = self._refusal(Request(scope))
        await (answer or self._app)(asked, receive, sent)

    def _refusal(self, request: Request) -> ASGIApp | None:
        """Why a request is not answered; None where it is."""
        from provenance.server.failures import failure

        path = path_of(request.scope)
        if request.method not in _READING and (request.method, path) != ("POST", LOGIN):
            answer = failure(request, HTTPStatus.METHOD_NOT_ALLOWED, "this server is only read: GET and HEAD")
            answer.headers["Allow"] = "GET, HEAD"
            return answer
        if wrong := _misshapen(request.scope):
            return failure(request, *wrong)
        if not self._door.knows(request.headers.get("host", "")):
            return failure(
                request,
                HTTPStatus.MISDIRECTED_REQUEST,
                "this server does not answer to that name",
                "Ask by 127.0.0.1 or localhost, or name the address that readers use: `viewer` in the registry's config.toml.",
            )
        if _is_borrowed(request):
            return failure(
                request,
                HTTPStatus.FORBIDDEN,
                "a page of another site asks for this",
                "A link to it may be followed; nothing here stands within other sites' pages.",
            )
        if path == LOGIN or path.startswith("/static/") or self._door.lets_in(request):
            return None
        return self._unknown(request, path)

    def _unknown(self, request: Request, path: str) -> ASGIApp:
        """The answer to who shows no token: a browser is sent to the form, a program is told."""
        from starlette.responses import RedirectResponse

        from provenance.server.failures import failure

        if "text/html" in request.headers.get("accept", "") and not is_for_programs(path):
            query = f"?{request.url.query}" if request.url.query else ""
            back = quote(f"{quote(path)}{query}", safe="")
            return RedirectResponse(f"{self._door.prefix}{LOGIN}?next={back}", HTTPStatus.SEE_OTHER)
        answer = failure(
            request,
            HTTPStatus.UNAUTHORIZED,
            "this server asks for its token",
            "Send it: Authorization: Bearer TOKEN.",
        )
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer


def cookie_of(request: Request) -> str:
    """What the cookie is called that a browser keeps: it goes along to every port of a host, and each may have a viewer of its own."""
    _, port = request.scope.get("server") or ("", None)
    return f"provenance_viewer_{port}"


def path_of(scope: Scope) -> str:
    """The path that is asked for, without the prefix that a proxy left on it."""
    path, prefix = scope["path"], scope.get("root_path", "")
    is_below = prefix and path.startswith(f"{prefix}/")
    return str(path.removeprefix(prefix) if is_below else path)


def is_for_programs(path: str) -> bool:
    """Whether who asks for a path reads JSON, errors included."""
    return path.startswith("/api/") or path in {"/api", "/openapi.json"}


def _is_borrowed(request: Request) -> bool:
    """Whether a page of another site asks, as its picture or frame: it could read nothing, and keep the server busy for all that."""
    told = request.headers
    return told.get("sec-fetch-site") == "cross-site" and told.get("sec-fetch-dest") != "document"


def _misshapen(scope: Scope) -> tuple[HTTPStatus, str] | None:
    """What is wrong with an address, whatever it is about."""
    raw: bytes = scope.get("raw_path") or b""
    query: bytes = scope["query_string"]
    if len(raw) + len(query) > _LONGEST_ADDRESS:
        return HTTPStatus.REQUEST_URI_TOO_LONG, f"the address is longer than {_LONGEST_ADDRESS} bytes"
    decoded = scope["path"].encode() + unquote_to_bytes(query)
    if b"\0" in decoded:
        return HTTPStatus.BAD_REQUEST, "the address holds the character NUL"
    try:
        unquote_to_bytes(query).decode()
        unquote_to_bytes(raw.partition(b"?")[0]).decode()
    except UnicodeDecodeError:
        return HTTPStatus.BAD_REQUEST, "the address is no text: it holds bytes that are not UTF-8"
    return None


def _finish(headers: MutableHeaders, status: int, scope: Scope) -> None:
    """Adds what every answer carries; and the name of the state that a good one is true of, see `provenance.server.serving`."""
    headers.update(HEADERS)
    tag = scope.get("state", {}).get("tag") if status in {HTTPStatus.OK, HTTPStatus.NOT_MODIFIED} else None
    if tag:
        headers["ETag"] = tag
    headers.setdefault("Cache-Control", "private, no-cache" if tag else "no-store")


def _same(shown: str, right: str) -> bool:
    return hmac.compare_digest(shown.encode(errors="replace"), right.encode())
