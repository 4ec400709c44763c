"""Options that many commands share, and the registry that they choose."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provenance.artifacts import ArtifactKind
from provenance.errors import ContentError, ProvenanceError, UsageError
from provenance.moments import read_moment

if TYPE_CHECKING:
    from provenance.registry import Registry
    from provenance.risk import Policy, Status

F = TypeVar("F", bound=Callable[..., Any])


class Moment(click.ParamType[datetime]):
    """A date or a moment in ISO form; without a zone it is UTC, and a bare date means its last microsecond."""

    name = "DATE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401
        """Reads it."""
        if isinstance(value, datetime):
            return value
        try:
            return read_moment(value)
        except ContentError as error:
            self.fail(f"{error.message}. {error.hint}", param, ctx)


def registry_options(function: F) -> F:
    """Adds the options that choose the registry and the actor."""
    function = click.option(
        "--registry", metavar="DIR|URL", help="Which registry; default: the nearest .provenance upwards."
    )(function)
    function = click.option("--actor", metavar="NAME", help="Who is recorded; default: the login name.")(
        function
    )
    return click.option(
        "--traceback", is_flag=True, expose_value=False, help="Show where an error came from."
    )(function)


def json_option(function: F) -> F:
    """Adds ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON; its schema is in schemas/.")(
        function
    )


def as_of_option(function: F) -> F:
    """Adds ``--as-of``."""
    return click.option(
        "--as-of", type=Moment(), help="Answer as of this date: only what was recorded by then."
    )(function)


def policy_option(function: F) -> F:
    """Adds ``--policy``."""
    return click.option(
        "--policy",
        type=click.Path(exists=True, dir_okay=False),
        help="A policy file; default: $PROVENANCE_POLICY, the registry's own, or the one that ships.",
    )(function)


def kinds_option(function: F) -> F:
    """Adds ``--kind``; see `read_kinds`."""
    kinds = click.Choice([kind.value for kind in ArtifactKind])
    return click.option("--kind", "kinds", multiple=True, type=kinds, help="Only of this kind.")(function)


def open_registry(registry: str | None, actor: str | None, *, read_only: bool = False) -> "Registry":
    """The registry that the options choose: those of the command before those given ahead of it."""
    from provenance.registry import Registry

    ahead = click.get_current_context().find_root().obj or {}
    where = ahead.get("registry") if registry is None else registry
    if where == "":
        raise UsageError("--registry is empty: is a variable of the shell unset?")
    return Registry.open(where, actor=actor or ahead.get("actor"), read_only=read_only)


def path_at(word: str) -> Path | None:
    """The path that a word means, where something is there: paths come before references."""
    return Path(word) if os.path.exists(word) else None  # noqa: PTH110 - pathlib's own raises where a word is too long for a path


@contextmanager
def as_reference(word: str) -> Iterator[None]:
    """Puts before the message of an error that the word, which is taken for a reference, is no path either."""
    try:
        yield
    except ProvenanceError as error:
        error.message = f"nothing is at {word}, and {error.message}"
        raise


def place(word: str, registry: str | None, actor: str | None) -> Path:
    """The checkpoint that a path or a reference means."""
    if found := path_at(word):
        return found
    with as_reference(word), open_registry(registry, actor) as opened:
        return opened.view().location(word)


def read_policy(path: str | None) -> "Policy | None":
    """The policy file that was named, or None for the default."""
    from provenance.risk import Policy

    return Policy.load(Path(path)) if path else None


def read_kinds(words: tuple[str, ...]) -> frozenset[ArtifactKind] | None:
    """The kinds of artifact that some words name; None where there are no words."""
    return frozenset(map(ArtifactKind, words)) or None


def read_statuses(words: tuple[str, ...]) -> "frozenset[Status]":
    """The statuses that some words name.

    Raises:
        UsageError: There is no such status.
    """
    from provenance.risk import Status

    if wrong := [word for word in words if word not in set(Status)]:
        raise UsageError(f"there is no status {wrong[0]!r}", hint=f"Statuses: {', '.join(Status)}.")
    return frozenset(map(Status, words))


def read_text(value: str) -> str:
    """Text as typed, or the content of the file named after ``@``.

    Raises:
        UsageError: The file can't be read.
    """
    if not value.startswith("@"):
        return value
    try:
        with open(value[1:], encoding="utf-8") as file:  # noqa: PTH123 - a name as the user typed it
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the file {value[1:]!r}: {error}") from error


def key_values(pairs: tuple[str, ...], option: str) -> dict[str, str]:
    """Reads ``K=V`` words.

    Raises:
        UsageError: A word has no ``=``, or a key comes twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key or key in found:
            raise UsageError(f"{option} takes KEY=VALUE, each key once; got {pair!r}")
        found[key] = value
    return found
