"""The command `provenance`: a table of commands, each loaded when it is asked for, and the one place that catches errors.

Exit codes: 0 done; 1 a gate or a verification found a violation; 2 usage; 3 inconclusive, unknown or partial where a yes was
needed; 4 an operational error.
"""

import errno
import io
import os
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from keyword import iskeyword
from types import TracebackType

import click

from provenance import __version__
from provenance.errors import OutputError, ProvenanceError, UsageError

COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("setup", "Make a registry in a folder."),
    "register": ("register", "Record models, datasets and teachers."),
    "relate": ("register", "Add a relation between registered artifacts."),
    "import": ("interchange", "Record a graph that others gathered."),
    "alias": ("alias", "Tell of other names of an artifact."),
    "ls": ("catalogue", "List what is recorded."),
    "show": ("catalogue", "Show one artifact with all that is recorded of it."),
    "ancestors": ("lineage", "List what an artifact comes from."),
    "descendants": ("lineage", "List what comes from an artifact."),
    "roots": ("lineage", "List where an artifact's ancestry begins."),
    "path": ("lineage", "Show the shortest path from one artifact down to another, or all."),
    "common": ("lineage", "List what several artifacts all come from."),
    "exposures": ("lineage", "List whose hand was in a model's data, or whom a teacher reached."),
    "family": ("lineage", "List the models that share an initialisation with one."),
    "trait": ("findings", "Name the properties that may be inherited."),
    "flag": ("findings", "Record that an artifact has a trait."),
    "withdraw": ("findings", "Take a flag back."),
    "clear": ("findings", "Record a test that found an artifact free of a trait."),
    "block": ("findings", "Record that an edge does not carry a trait, until a date."),
    "risks": ("risk", "Say what artifacts may have inherited."),
    "why": ("risk", "Print the witness path of a risk, edge by edge."),
    "impact": ("impact", "List what is downstream of an artifact, or tell of what changes there."),
    "diff": ("diff", "Say what stands otherwise than at a date, or elsewhere, and why."),
    "check": ("check", "The release gate: fail when anything holds an artifact back."),
    "policy": ("policy", "Show, check and explain what edges pass on and what the gate refuses."),
    "preflight": ("preflight", "Tell before a training what the student would inherit."),
    "probe": ("probe", "Measure a trait on a model itself, and record what that supports."),
    "compare": ("compare", "Test whether two checkpoints share an initialisation."),
    "palimpsest": ("compare", "Test whether a model remembers another's training order."),
    "search": ("search", "List the registered models whose weights are like some model's."),
    "audit": ("audit", "Run the tests that edges still lack, and record them."),
    "canary": (
        "canary",
        "Run transfer canaries: of an exposure, of many pairs, or where the answer is known.",
    ),
    "diagram": ("diagram", "Draw the lineage around artifacts."),
    "report": ("report", "Write all that there is to say before artifacts ship."),
    "serve": ("serve", "Show the registry to browsers, and answer programs."),
    "mlflow": ("mlflow", "Project the registry to MLflow."),
    "status": ("setup", "Say how the registry stands."),
    "verify": ("setup", "Walk the ledger's chain and say what does not hold."),
    "demo": ("demo", "Tell the owl story on real data and real training."),
    "completion": ("setup", "Print the line that turns on completion in your shell."),
}
"""Command to (module, one line of help), in the order of a first session."""


class CommandTable(click.Group):
    """A group that knows its commands by name and loads the module of one only when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Loads one command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"provenance_cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{cmd_name} is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command, or says which ones come near."""
        import difflib

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=3, cutoff=0.5)
            hint = f"Nearest: {', '.join(near)}." if near else "`provenance --help` lists the commands."
            raise UsageError(f"there is no command {args[0]!r}", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Prints the table without loading a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=CommandTable, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="provenance")
@click.option(
    "--registry", metavar="DIR|URL", help="Which registry; default: the nearest .provenance upwards."
)
@click.option("--actor", metavar="NAME", help="Who is recorded with every fact; default: the login name.")
@click.option("--traceback", is_flag=True, help="Show where in the program an error came from.")
@click.pass_context
def provenance(ctx: click.Context, registry: str | None, actor: str | None, traceback: bool) -> None:
    """The registry that knows where models come from and what they may have inherited.

    A first session: provenance init, then register models, datasets and teachers; flag what you find; audit the edges; ask for
    risks. `provenance demo` tells the whole story on real training in two minutes.
    """
    ctx.obj = {"registry": registry, "actor": actor, "traceback": traceback}


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits with its code."""
    words = sys.argv[1:] if arguments is None else arguments
    if arguments is None:
        _prepare_process()
    try:
        # Outside its standalone mode, click hands back the code that a command ended with.
        code = provenance.main(args=words, prog_name="provenance", standalone_mode=False) or 0
        sys.stdout.flush()  # here, where it can be said that it fails
        sys.exit(code)
    except BrokenPipeError:  # who read the report has read enough
        _let_go_of_stdout()
        sys.exit(1)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _let_go_of_stdout()
        _tell(
            f"cannot write: {error.strerror}",
            "Nothing that was printed is complete; make room and ask again.",
        )
        sys.exit(OutputError.exit_code)
    except click.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            error.show()
        else:
            command = (
                error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "provenance"
            )
            _tell(error.format_message(), f"`{command} --help` says what it takes.")
        sys.exit(error.exit_code)
    except ProvenanceError as error:
        if "--traceback" in words:
            traceback.print_exception(error)
        _tell(error.message, error.hint)
        sys.exit(error.exit_code)


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a disk says that takes no more; where it is a registry's, its own words came before."""


def _let_go_of_stdout() -> None:
    """Keeps the interpreter from writing once more what could not be written."""
    with suppress(OSError):
        sys.stdout.close()


def _prepare_process() -> None:
    """Lets no character stop a report, and no crash pass for a violation: an uncaught exception would end with 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    def crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        if not issubclass(kind, KeyboardInterrupt):
            click.echo(
                "error: this is a fault of provenance itself; please report it with the lines above", err=True
            )
        sys.stdout.flush()
        os._exit(130 if issubclass(kind, KeyboardInterrupt) else ProvenanceError.exit_code)

    sys.excepthook = crashed


def _tell(message: str, hint: str | None) -> None:
    """Says what is wrong; only the message of a manifest has several lines."""
    from provenance_cli.output import note

    first, *more = message.splitlines() or [""]
    note(f"error: {first}")
    for line in more:
        note(line)
    if hint:
        note(f"hint: {hint}")


if __name__ == "__main__":
    main()
