"""Receivers: who is told of an event, by a request to a web address or by running a command.

A receiver says yes (status 2xx, exit code 0) or it was not told. What it is called in messages names a host or a program and nothing
else, since addresses and arguments often hold the secret that lets one in.
"""

import base64
import http.client
import shlex
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from provenance.errors import DeliveryError, UsageError

WEBHOOK_SECONDS = 10.0
"""How long an address may take to answer."""

COMMAND_SECONDS = 60.0
"""How long a command may run."""


class Receiver(Protocol):
    """Somebody who is told of events."""

    @property
    def name(self) -> str:
        """Who it is, for people; holds no secret."""

    def tell(self, document: bytes, event: str) -> None:
        """Hands over the document of an event, of which the id is told beside it.

        Raises:
            DeliveryError: It did not say yes.
        """


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Webhook:
    """A web address that takes documents by POST.

    Args:
        url: The address, without user and password.
        authorization: The header that these became, or None.
        name: Its scheme and host.
        seconds: How long it may take to answer.
    """

    url: str
    authorization: str | None
    name: str
    seconds: float

    def tell(self, document: bytes, event: str) -> None:
        """Posts the document. Redirects are not followed: they may lead to somebody else."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "provenance",
            "Idempotency-Key": event,
        }
        if self.authorization is not None:
            headers["Authorization"] = self.authorization
        request = urllib.request.Request(self.url, data=document, headers=headers, method="POST")  # noqa: S310 - http or https, see `receiver`
        opener = urllib.request.build_opener(_NoRedirects)
        try:
            with opener.open(request, timeout=self.seconds):
                return
        except urllib.error.HTTPError as error:
            error.close()
            raise DeliveryError(
                f"{self.name} answered {error.code}"
            ) from None  # its text may repeat the address
        except urllib.error.URLError as error:
            raise DeliveryError(f"{self.name} can't be reached: {error.reason}") from None
        except (OSError, http.client.HTTPException) as error:
            raise DeliveryError(f"{self.name} broke off: {type(error).__name__}") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for the answer that it is."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - the signature of urllib
        """Follows none."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Command:
    """A command that reads the document from its standard input. It is run without a shell; what it prints to standard output is dropped.

    Args:
        words: Program and arguments.
        seconds: How long it may run.
    """

    words: tuple[str, ...]
    seconds: float

    @property
    def name(self) -> str:
        """The program alone."""
        return f"the command {Path(self.words[0]).name}"

    def tell(self, document: bytes, event: str) -> None:  # noqa: ARG002 - the id stands in the document
        """Runs it."""
        try:
            ended = subprocess.run(  # noqa: S603 - the user's own command, and no shell
                self.words, input=document, stdout=subprocess.DEVNULL, timeout=self.seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise DeliveryError(f"{self.name} took longer than {self.seconds:g} seconds") from None
        except OSError as error:
            raise DeliveryError(f"{self.name} can't be run: {error.strerror}") from None
        if ended.returncode != 0:
            raise DeliveryError(f"{self.name} ended with exit code {ended.returncode}")


def receiver(target: str, *, seconds: float | None = None) -> Receiver:
    """The receiver that somebody named: an address that begins with ``http://`` or ``https://``, or else a command.

    Args:
        target: The address or command.
        seconds: How long it may take; default: `WEBHOOK_SECONDS` or `COMMAND_SECONDS`.

    Raises:
        UsageError: It is neither.
    """
    scheme, separator, _ = target.partition("://")
    if separator and scheme.isalnum():
        return _webhook(target, seconds or WEBHOOK_SECONDS)
    try:
        words = tuple(shlex.split(target))
    except ValueError as error:
        raise UsageError(f"the command to notify can't be read: {error}") from None
    if not words:
        raise UsageError("--notify is empty", hint="Name a URL, or a command that reads JSON.")
    return Command(words=words, seconds=seconds or COMMAND_SECONDS)


def _webhook(target: str, seconds: float) -> Webhook:
    wrong = UsageError(
        "the URL to notify is none that can be asked", hint="Write http://HOST/PATH or https://HOST/PATH."
    )
    try:
        parts = urlsplit(target)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        raise wrong from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not _is_plain(target):
        raise wrong
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    address = SplitResult(parts.scheme, f"{host}{port}", parts.path or "/", parts.query, "")
    return Webhook(
        url=urlunsplit(address),
        authorization=_authorization(parts),
        name=f"{parts.scheme}://{host}{port}",
        seconds=seconds,
    )


def _is_plain(text: str) -> bool:
    """Whether text can stand in a request: printable ASCII without blanks."""
    return text.isascii() and text.isprintable() and " " not in text


def _authorization(parts: SplitResult) -> str | None:
    if parts.username is None and parts.password is None:
        return None
    credentials = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(credentials.encode()).decode('ascii')}"
