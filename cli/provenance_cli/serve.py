"""serve."""

import os
import stat
from pathlib import Path

import click

from provenance.errors import MissingExtraError, UsageError
from provenance_cli.options import open_registry, policy_option, registry_options
from provenance_cli.output import note, say, warn

TOKEN_ENVIRONMENT = "PROVENANCE_VIEWER_TOKEN"  # noqa: S105 - the name of the variable
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Where to listen; beyond loopback, a token is asked for.",
)
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 for any that is free."
)
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"Holds the token that readers show; default: ${TOKEN_ENVIRONMENT}, or beyond loopback one that is made up and printed.",
)
@click.option("--open", "browse", is_flag=True, help="Open the first page in a browser.")
@policy_option
@registry_options
def serve(
    host: str,
    port: int,
    token_file: Path | None,
    browse: bool,
    policy: str | None,
    registry: str | None,
    actor: str | None,
) -> None:
    """Show the registry to browsers, and answer programs; nothing can be recorded that way. Python: provenance.server.app.create_app().

    Ends with an interrupt or SIGTERM. What it shows is what is recorded just then. See docs/viewer.md.
    """
    _require_server()
    from provenance.server.access import is_loopback, make_token
    from provenance.server.app import create_app
    from provenance.server.running import address_of, listen, run

    token = _token(token_file)
    is_made_up = token is None and not is_loopback(host)
    with open_registry(registry, actor, read_only=True) as opened:
        app = create_app(
            opened, token=make_token() if is_made_up else token, policy=Path(policy) if policy else None
        )
        listening = listen(host, port)
        address = address_of(listening, app.state.door.prefix)

        def ready() -> None:
            say(f"serving {opened.home.name} on {address}")
            if is_made_up:
                note(f"token: {app.state.door.token}")
            if not is_loopback(host):
                note("what is read is not encrypted on its way: let a proxy with TLS stand before it")
            if browse:
                click.launch(address)

        run(app, listening, ready=ready)


def _require_server() -> None:
    """Says what is missing where the extra is.

    Raises:
        MissingExtraError: FastAPI or uvicorn is not installed.
    """
    try:
        import fastapi  # noqa: F401 - looked for
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"the viewer needs {error.name}, which is not installed",
            hint="pip install 'provenance-registry[server]'",
        ) from error


def _token(file: Path | None) -> str | None:
    """The token that readers show; None where there is none.

    Raises:
        UsageError: The file can't be read, or the token is too short.
    """
    from provenance.server.access import checked_token

    try:
        found = file.read_text(encoding="utf-8") if file else os.environ.get(TOKEN_ENVIRONMENT)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the token in {file}: {error}") from error
    if file and file.stat().st_mode & _OTHERS:
        warn(f"others can read {file}: chmod 600 {file}")
    return None if found is None else checked_token(found)
