"""trait, flag, withdraw, clear, block."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from provenance.traits import Severity
from provenance_cli.options import Moment, json_option, open_registry, read_text, registry_options
from provenance_cli.output import as_data, note, print_json, print_table, say

if TYPE_CHECKING:
    from provenance.risk import Change

_dry_run_option = click.option("--dry-run", is_flag=True, help="Only show what would change; record nothing.")
_evidence_option = click.option(
    "--evidence", required=True, metavar="TEXT|@FILE", help="What was seen, in words or from a file."
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
@json_option
def trait_ls(registry: str | None, actor: str | None, as_json: bool) -> None:
    """List the traits. Python: View.snapshot.traits."""
    with open_registry(registry, actor) as opened:
        found = [recorded.fact for recorded in opened.view().snapshot.traits.values()]
    if as_json:
        print_json([as_data(one) for one in found])
        return
    rows = [(one.name, one.severity, "overt" if one.overt else "covert", one.description) for one in found]
    print_table(("trait", "severity", "carried", "description"), rows)


@click.command()
@click.argument("ref")
@click.argument("trait")
@_evidence_option
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help="Yours.",
)
@_dry_run_option
@registry_options
@json_option
def flag(
    ref: str,
    trait: str,
    evidence: str,
    confidence: float,
    dry_run: bool,
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Record that REF was found to have TRAIT; all its descendants hear of it. Python: Registry.flag()."""
    from provenance_cli.answers import FlagAnswer

    with open_registry(registry, actor) as opened:
        found = opened.flag(ref, trait, evidence=read_text(evidence), confidence=confidence, dry_run=dry_run)
    answer = FlagAnswer.of(found, dry_run=dry_run)
    if as_json:
        print_json(answer)
        return
    say(
        f"{_verb(found, dry_run)} {answer.flag}: {trait} on {answer.artifact}, reaching {answer.reached} artifacts"
    )
    _print_changes(found.changed)


@click.command()
@click.argument("flag")
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@_dry_run_option
@registry_options
@json_option
def withdraw(
    flag: str, reason: str, dry_run: bool, registry: str | None, actor: str | None, as_json: bool
) -> None:
    """Take FLAG (such as flag-12) back; what derived from it is gone everywhere. Python: Registry.withdraw()."""
    with open_registry(registry, actor) as opened:
        _print_finding(
            opened.withdraw(flag, reason=reason, dry_run=dry_run), dry_run=dry_run, as_json=as_json
        )


@click.command()
@click.argument("ref")
@click.argument("trait")
@_evidence_option
@click.option("--stops-here", is_flag=True, help="Its descendants are free of what would come through it.")
@_dry_run_option
@registry_options
@json_option
def clear(
    ref: str,
    trait: str,
    evidence: str,
    stops_here: bool,
    dry_run: bool,
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Record a test that found REF free of TRAIT. Python: Registry.clear()."""
    with open_registry(registry, actor) as opened:
        found = opened.clear(ref, trait, evidence=read_text(evidence), stops_here=stops_here, dry_run=dry_run)
    _print_finding(found, dry_run=dry_run, as_json=as_json)


@click.command()
@click.argument("parent")
@click.argument("child")
@click.argument("trait")
@_evidence_option
@click.option("--reason", required=True, metavar="TEXT", help="Why the edge is taken not to carry it.")
@click.option("--expires", "expires_at", required=True, type=Moment(), help="When this ends.")
@_dry_run_option
@registry_options
@json_option
def block(
    parent: str,
    child: str,
    trait: str,
    evidence: str,
    reason: str,
    expires_at: datetime,
    dry_run: bool,
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Record that the edge from PARENT to CHILD does not carry TRAIT, until a date. Python: Registry.block()."""
    with open_registry(registry, actor) as opened:
        found = opened.block(
            parent,
            child,
            trait,
            evidence=read_text(evidence),
            reason=reason,
            expires_at=expires_at,
            dry_run=dry_run,
        )
    _print_finding(found, dry_run=dry_run, as_json=as_json)


def _print_finding(found: Any, *, dry_run: bool, as_json: bool) -> None:  # noqa: ANN401 - a Finding of any fact
    from provenance_cli.answers import FindingAnswer

    if as_json:
        print_json(
            FindingAnswer(id=found.recorded.id, changed=found.changed, recorded=found.created and not dry_run)
        )
        return
    say(f"{_verb(found, dry_run)} {found.recorded.id}")
    _print_changes(found.changed)


def _verb(found: Any, dry_run: bool) -> str:  # noqa: ANN401 - a Finding of any fact
    if not found.created:
        return "already recorded"
    return "would record" if dry_run else "recorded"


def _print_changes(changes: "tuple[Change, ...]") -> None:
    if changes:
        print_table(
            ("artifact", "trait", "before", "now"),
            [(one.artifact, one.trait, one.before, one.after) for one in changes],
        )
    else:
        note("no artifact's status changed")
