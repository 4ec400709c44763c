"""mlflow listen."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import click

from provenance.errors import UsageError
from provenance_cli.options import json_option, open_registry, registry_options
from provenance_cli.output import as_data, counted, note, say, warn

if TYPE_CHECKING:
    from provenance.mlflow_server.bell import Bell
    from provenance.mlflow_server.errand import Look

_EVERY = 300.0  # seconds between two looks that nobody asked for
_OTHERS = 0o077  # what a file allows to all but its owner


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="0 for any.")
@click.option(
    "--secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Holds the secret of the webhook; default: $PROVENANCE_WEBHOOK_SECRET.",
)
@click.option("--insecure", is_flag=True, help="Believe everybody; on a loopback address alone.")
@click.option("--uri", metavar="URI", help="Which MLflow; default: the registry's.")
@click.option("--store", metavar="URL", help="Its database, to read that instead of asking it.")
@click.option(
    "--every",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="Look this often without a webhook, too; default: 300.",
)
@click.option("--once", is_flag=True, help="Wait for one webhook, import, and end.")
@click.option("--sync", "mirror", is_flag=True, help="After an import, write to MLflow what it was not told.")
@registry_options
@json_option
def listen(
    host: str,
    port: int,
    secret_file: Path | None,
    insecure: bool,
    uri: str | None,
    store: str | None,
    every: float | None,
    once: bool,
    mirror: bool,
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Import what is new whenever MLflow sends a webhook, and every few minutes. Python: provenance.mlflow_server.listening.

    A webhook is believed when MLflow signed it, and nothing of what it says is: it is a reason to look. Ends with
    an interrupt or SIGTERM, when the import at hand is done. See docs/mlflow-server.md for how MLflow is told.
    """
    from provenance.mlflow_server.bell import Bell, Rhythm
    from provenance.mlflow_server.errand import Errand, Source
    from provenance.mlflow_server.listening import Door, listening

    if once and every is not None:
        raise UsageError("--once excludes --every")
    door = Door(host=host, port=port, secret=_secret(secret_file, insecure=insecure))
    errand = Errand(
        open_registry=lambda: open_registry(registry, actor),
        source=lambda _: Source(uri=uri, store=store),
        mirror=mirror,
    )
    open_registry(registry, actor).close()  # one that isn't there is said now, and not at the first look
    bell, rhythm = Bell(), Rhythm(every=None if once else every or _EVERY)
    with listening(door, bell) as address, _ended_by_signals(bell):
        note(f"listening on {address}")
        if not door.is_private:
            note(
                "others can reach it: what they send is not encrypted, so let a proxy with TLS stand before it"
            )
        if not once:
            bell.ring()
        for look in errand.looks(bell, rhythm):
            _print(look, as_json=as_json)
            if once:
                raise click.exceptions.Exit(4 if look.problem else 0)


def _secret(file: Path | None, *, insecure: bool) -> str | None:
    """The secret of the webhook, or None where the caller does without."""
    from provenance.mlflow_server.listening import SECRET_ENVIRONMENT

    try:
        found = file.read_text(encoding="utf-8").strip() if file else os.environ.get(SECRET_ENVIRONMENT)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the secret in {file}: {error}") from error
    if (found is None) != insecure:
        raise UsageError(
            "--insecure excludes a secret" if insecure else "there is no secret to know MLflow by",
            hint=f"Name a file with --secret-file or set {SECRET_ENVIRONMENT}; on loopback, --insecure does without.",
        )
    if file and file.stat().st_mode & _OTHERS:
        warn(f"others can read {file}: chmod 600 {file}")
    return found


@contextmanager
def _ended_by_signals(bell: "Bell") -> Iterator[None]:
    """Ends a bell with the first interrupt or SIGTERM; a second one ends the process."""

    def end(number: int, _frame: object) -> None:
        signal.signal(number, before[signal.Signals(number)])
        Thread(target=bell.end).start()  # elsewhere: what was interrupted here may be the bell itself

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print(look: "Look", *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(as_data(look), ensure_ascii=False))  # one a line, as they are taken
    elif look.imported is not None:
        recorded = look.imported.imported.recorded
        news = ", ".join(counted(count, what) for what, count in recorded.items())
        say(f"imported: {news or 'nothing new'}")
        if look.mirrored is not None:
            told = look.mirrored
            say(f"mirrored: {told.created} created, {told.updated} updated, {len(told.failed)} refused")
    if look.problem is not None:
        warn(look.problem)
