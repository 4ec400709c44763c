"""trait, flag, withdraw, clear, block."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from provenance.errors import UsageError
from provenance.traits import Severity
from provenance_cli.options import (
    Moment,
    as_of_option,
    json_option,
    open_registry,
    policy_option,
    read_policy,
    read_text,
    registry_options,
)
from provenance_cli.output import as_data, counted, note, print_csv, print_json, print_table, say

if TYPE_CHECKING:
    from provenance.risk import Change

F = TypeVar("F", bound=Callable[..., Any])
_CHANGES = ("artifact", "trait", "before", "after")


def _finding_options(function: F) -> F:
    """Adds the options that all commands share which record a finding, and refuses two formats before anything is recorded."""

    @wraps(function)
    def command(*, as_json: bool, as_csv: bool, **options: object) -> None:
        if as_json and as_csv:
            raise UsageError("--json and --csv exclude each other")
        function(as_json=as_json, as_csv=as_csv, **options)

    decorated: Any = command
    for option in (
        json_option,
        registry_options,
        policy_option,
        click.option("--csv", "as_csv", is_flag=True, help="Print what changed as CSV."),
        click.option("--dry-run", is_flag=True, help="Only show what would change; record nothing."),
    ):
        decorated = option(decorated)
    return cast("F", decorated)


def _evidence_option(*, required: bool = True) -> Callable[[F], F]:
    return click.option(
        "--evidence",
        required=required,
        metavar="TEXT|@FILE",
        help="What was seen, in words or from a file.",
    )


def _expires_option(*, required: bool = False) -> Callable[[F], F]:
    usual = "" if required else "; default: never"
    return click.option(
        "--expires", "expires_at", required=required, type=Moment(), help=f"When this ends{usual}."
    )


@click.group()
def trait() -> None:
    """Name the properties that may be inherited."""


@trait.command("add")
@click.argument("name")
@click.option(
    "--severity",
    required=True,
    type=click.Choice([severity.value for severity in Severity]),
    help="How bad it would be to ship.",
)
@click.option("--description", default="", metavar="TEXT", help="What it is.")
@click.option(
    "--overt", is_flag=True, help="Its content stands in the data itself: any initialisation takes it up."
)
@registry_options
@json_option
def trait_add(
    name: str,
    severity: str,
    description: str,
    overt: bool,
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Record the trait NAME. Python: Registry.add_trait()."""
    with open_registry(registry, actor) as opened:
        found = opened.add_trait(name, severity=severity, description=description, overt=overt)
    if as_json:
        print_json({"id": found.id, **as_data(found.fact)})
    else:
        say(f"trait {name}, severity {found.fact.severity}")


@trait.command("ls")
@registry_options
@as_of_option
@json_option
def trait_ls(registry: str | None, actor: str | None, as_of: datetime | None, as_json: bool) -> None:
    """List the traits. Python: View.reading.traits()."""
    with open_registry(registry, actor) as opened:
        found = [recorded.fact for recorded in opened.view(as_of=as_of).reading.traits()]
    if as_json:
        print_json([as_data(one) for one in found])
        return
    rows = [(one.name, one.severity, "overt" if one.overt else "covert", one.description) for one in found]
    print_table(("trait", "severity", "carried", "description"), rows)


@click.command()
@click.argument("ref", required=False)
@click.argument("trait", required=False)
@_evidence_option(required=False)
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help="Yours.",
)
@_expires_option()
@click.option(
    "--from",
    "rows",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Raise all flags of a .csv or .jsonl with artifact, trait, evidence, confidence, expires; or none.",
)
@_finding_options
def flag(
    ref: str | None,
    trait: str | None,
    evidence: str | None,
    confidence: float,
    expires_at: datetime | None,
    rows: Path | None,
    dry_run: bool,
    as_csv: bool,
    policy: str | None,
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Record that REF was found to have TRAIT; all its descendants hear of it.

    Python: Registry.flag(), and Registry.flag_many() for --from.
    """
    from provenance_cli.answers import FlagAnswer, FlaggingAnswer

    if rows is not None:
        if ref is not None or evidence is not None or expires_at is not None:
            raise UsageError("--from says all of every flag: leave out REF, TRAIT and the other options")
        from provenance.flag_rows import read

        with open_registry(registry, actor) as opened:
            many = opened.flag_many(read(rows), dry_run=dry_run, policy=read_policy(policy))
        created = "would record" if dry_run else "recorded"
        line = (
            f"{created} {counted(many.created, 'flags')}; {len(many.recorded) - many.created} stood already"
        )
        _print(FlaggingAnswer.of(many, dry_run=dry_run), line, as_json=as_json, as_csv=as_csv)
        return
    if ref is None or trait is None or evidence is None:
        raise UsageError("name REF and TRAIT and say --evidence, or give a file --from")
    with open_registry(registry, actor) as opened:
        found = opened.flag(
            ref,
            trait,
            evidence=read_text(evidence),
            confidence=confidence,
            expires_at=expires_at,
            dry_run=dry_run,
            policy=read_policy(policy),
        )
    answer = FlagAnswer.of(found, dry_run=dry_run)
    line = f"{_verb(found, dry_run)} {answer.flag}: {trait} on {answer.artifact}, reaching {counted(answer.reached, 'artifacts')}"
    _print(answer, line, as_json=as_json, as_csv=as_csv)


@click.command()
@click.argument("flag")
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@_finding_options
def withdraw(
    flag: str,
    reason: str,
    dry_run: bool,
    as_csv: bool,
    policy: str | None,
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Take FLAG (such as flag-12) back; what derived from it is gone everywhere. Python: Registry.withdraw()."""
    with open_registry(registry, actor) as opened:
        found = opened.withdraw(flag, reason=reason, dry_run=dry_run, policy=read_policy(policy))
    _print_finding(found, dry_run=dry_run, as_json=as_json, as_csv=as_csv)


@click.command()
@click.argument("ref")
@click.argument("trait")
@_evidence_option()
@click.option("--stops-here", is_flag=True, help="Its descendants are free of what would come through it.")
@_expires_option()
@_finding_options
def clear(
    ref: str,
    trait: str,
    evidence: str,
    stops_here: bool,
    expires_at: datetime | None,
    dry_run: bool,
    as_csv: bool,
    policy: str | None,
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Record a test that found REF free of TRAIT; its descendants still hear of it. Python: Registry.clear()."""
    with open_registry(registry, actor) as opened:
        found = opened.clear(
            ref,
            trait,
            evidence=read_text(evidence),
            stops_here=stops_here,
            expires_at=expires_at,
            dry_run=dry_run,
            policy=read_policy(policy),
        )
    _print_finding(found, dry_run=dry_run, as_json=as_json, as_csv=as_csv)


@click.command()
@click.argument("parent")
@click.argument("child")
@click.argument("trait")
@_evidence_option()
@click.option("--reason", required=True, metavar="TEXT", help="Why the edge is taken not to carry it.")
@_expires_option(required=True)
@_finding_options
def block(
    parent: str,
    child: str,
    trait: str,
    evidence: str,
    reason: str,
    expires_at: datetime,
    dry_run: bool,
    as_csv: bool,
    policy: str | None,
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Record that the edge from PARENT to CHILD does not carry TRAIT, until a date.

    Flags that come later are blocked as well. Python: Registry.block().
    """
    with open_registry(registry, actor) as opened:
        found = opened.block(
            parent,
            child,
            trait,
            evidence=read_text(evidence),
            reason=reason,
            expires_at=expires_at,
            dry_run=dry_run,
            policy=read_policy(policy),
        )
    _print_finding(found, dry_run=dry_run, as_json=as_json, as_csv=as_csv)


def _print_finding(found: Any, *, dry_run: bool, as_json: bool, as_csv: bool) -> None:  # noqa: ANN401 - a Finding of any fact
    from provenance_cli.answers import FindingAnswer

    answer = FindingAnswer(
        id=found.recorded.id, changed=found.changed, recorded=found.created and not dry_run
    )
    _print(answer, f"{_verb(found, dry_run)} {found.recorded.id}", as_json=as_json, as_csv=as_csv)


def _verb(found: Any, dry_run: bool) -> str:  # noqa: ANN401 - a Finding of any fact
    if not found.created:
        return "already recorded"
    return "would record" if dry_run else "recorded"


def _print(answer: Any, line: str, *, as_json: bool, as_csv: bool) -> None:  # noqa: ANN401 - an answer with ``changed``
    """Prints an answer as JSON; or what changed as CSV; or a line, and what changed as a table."""
    changes: tuple[Change, ...] = answer.changed
    rows = [(one.artifact, one.trait, one.before, one.after) for one in changes]
    if as_json:
        print_json(answer)
    elif as_csv:
        print_csv(_CHANGES, rows)
    else:
        say(line)
        if rows:
            print_table(_CHANGES, rows)
        else:
            note("no artifact's status changed")
