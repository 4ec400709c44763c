"""Who we are to an MLflow server, from where MLflow's own client takes it.

A user and password in the URI come before all else; then ``MLFLOW_TRACKING_USERNAME`` with ``MLFLOW_TRACKING_PASSWORD``, each also
from ``~/.mlflow/credentials``; then ``MLFLOW_TRACKING_TOKEN``; then what requests finds in ``~/.netrc``.
"""

import configparser
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from provenance.mlflow_link.address import MlflowError, shown

USERNAME, PASSWORD, TOKEN = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"
INSECURE, SERVER_CERTIFICATE, CLIENT_CERTIFICATE = (
    "MLFLOW_TRACKING_INSECURE_TLS",
    "MLFLOW_TRACKING_SERVER_CERT_PATH",
    "MLFLOW_TRACKING_CLIENT_CERT_PATH",
)
HINT = f"Set {USERNAME} and {PASSWORD}, or {TOKEN}; then `provenance mlflow sync` goes on. Nothing is lost."
_WORKSPACE = "MLFLOW_WORKSPACE"
_SIGNERS = ("MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_TRACKING_AUTH")
_WORDS = {"": False, "false": False, "0": False, "true": True, "1": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a server is spoken to.

    Args:
        base: Its URI without user and password, and without a slash at its end.
        login: User and password.
        token: Bearer token, where there is no login.
        verify: Whether its certificate is checked, or the file of certificates to check it against.
        certificate: File of our own certificate.
        headers: Headers that go with every request.
    """

    base: str
    login: tuple[str, str] | None = field(repr=False)
    token: str | None = field(repr=False)
    verify: bool | str
    certificate: str | None
    headers: Mapping[str, str] = field(hash=False)


def access_to(uri: str) -> Access:
    """Gathers what a server's URI, the environment and ``~/.mlflow/credentials`` tell.

    Raises:
        MlflowError: They contradict each other, ask for what can't be done here, or can't be read.
    """
    if signer := next((name for name in _SIGNERS if _asked(name)), None):
        raise MlflowError(
            f"{signer} asks for requests that are signed by a plugin of MLflow, which provenance can't do",
            hint=f"Unset it, and give a login or a token: {HINT}",
        )
    insecure, authority = _flag(INSECURE), _variable(SERVER_CERTIFICATE)
    if insecure and authority:
        raise MlflowError(
            f"{INSECURE} and {SERVER_CERTIFICATE} contradict each other", hint="Unset one of them."
        )
    own = _variable(CLIENT_CERTIFICATE)
    for name, file in ((SERVER_CERTIFICATE, authority), (CLIENT_CERTIFICATE, own)):
        if file and not Path(file).exists():
            raise MlflowError(f"{name} names {file}, which does not exist", hint="Correct the variable.")
    for name in (TOKEN, _WORKSPACE):
        if not re.fullmatch(r"[!-~]*", _variable(name) or ""):
            raise MlflowError(f"{name} holds characters that no header can", hint="Correct the variable.")
    parts = urlsplit(uri)
    login = _login(parts.username, parts.password)
    workspace = _variable(_WORKSPACE)
    return Access(
        base=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/"),
        login=login,
        token=_variable(TOKEN) if login is None else None,
        verify=authority or not insecure,
        certificate=own,
        headers={"X-MLFLOW-WORKSPACE": workspace} if workspace else {},
    )


def denied(uri: str, said: str) -> MlflowError:
    """The error of a server that does not know these credentials, or permits them nothing."""
    return MlflowError(f"MLflow at {shown(uri)} does not accept these credentials: {said}", hint=HINT)


def _login(user: str | None, password: str | None) -> tuple[str, str] | None:
    if user and password:
        return unquote(user), unquote(password)
    kept = _kept()
    user = _variable(USERNAME) or kept.get(USERNAME.lower())
    password = _variable(PASSWORD) or kept.get(PASSWORD.lower())
    return (user, password) if user and password else None


def _kept() -> Mapping[str, str]:
    """What ``~/.mlflow/credentials`` holds."""
    file = Path("~/.mlflow/credentials").expanduser()
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        # The error's own words may quote a line, and with it a password.
        raise MlflowError(
            f"{file} can't be read: {type(error).__name__}",
            hint=f"It has a section [mlflow] with {USERNAME.lower()} and {PASSWORD.lower()}.",
        ) from None
    return dict(parser["mlflow"]) if parser.has_section("mlflow") else {}


def _variable(name: str) -> str | None:
    return os.environ.get(name) or None


def _asked(name: str) -> bool:
    return os.environ.get(name, "").lower() not in {"", "false", "0"}


def _flag(name: str) -> bool:
    word = os.environ.get(name, "").lower()
    if word not in _WORDS:
        raise MlflowError(f"{name} has to be true or false, not {word!r}", hint="Correct the variable.")
    return _WORDS[word]
