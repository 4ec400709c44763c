"""check: the release gate, for people and for CI."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from provenance import __version__
from provenance.errors import UsageError
from provenance_cli.options import (
    as_of_option,
    json_option,
    open_registry,
    policy_option,
    read_policy,
    registry_options,
)
from provenance_cli.output import as_data, note, note_some, print_json, report_file, say

if TYPE_CHECKING:
    from provenance.risk import Check

_STDOUT = "-"


@click.command()
@click.argument("refs", nargs=-1, required=True)
@click.option("--junit", metavar="FILE", help="Write JUnit XML, also when the gate fails; - for stdout.")
@click.option("--sarif", metavar="FILE", help="Write SARIF 2.1.0, also when the gate fails; - for stdout.")
@policy_option
@registry_options
@as_of_option
@json_option
def check(
    refs: tuple[str, ...],
    junit: str | None,
    sarif: str | None,
    policy: str | None,
    registry: str | None,
    actor: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """The release gate: exit 0 when nothing holds REFS back, 1 on a violation, 3 when too little is known.

    What the policy only reports is told, and holds nothing back. Python: Registry.check().
    """
    if [junit, sarif].count(_STDOUT) + as_json > 1:
        raise UsageError("only one report can go to stdout", hint="Give the others a file.")
    with open_registry(registry, actor) as opened:
        found = opened.view(as_of=as_of, policy=read_policy(policy)).check(refs)
    from provenance.risk.gate import is_only_unknown
    from provenance.risk.junit import junit as as_junit
    from provenance.risk.sarif import sarif as as_sarif

    if junit is not None:
        _write(junit, as_junit(found))
    if sarif is not None:
        _write(sarif, as_sarif(found, version=__version__))
    if as_json:
        data = [as_data(one) for one in found]
        print_json(data[0] if len(data) == 1 else data)
    elif _STDOUT not in {junit, sarif}:
        _tell(found)
    if not all(one.passed for one in found):
        raise click.exceptions.Exit(3 if is_only_unknown(found) else 1)


def _write(place: str, text: str) -> None:
    """Writes a report to a file, or to stdout."""
    if place == _STDOUT:
        click.echo(text, nl=False)
        return
    with report_file(place) as file:
        file.write(text)


def _tell(found: "Sequence[Check]") -> None:
    """Tells people what holds back whom, what is only reported, and where trust begins."""
    for one in found:
        say(f"{'passed' if one.passed else 'HELD BACK'}  {one.artifact}")
        for violation in one.violations:
            say(f"  {violation.kind}: {violation.message}")
        for violation in one.reported:
            say(f"  reported, {violation.kind}: {violation.message}")
    note_some("trust begins", (root for one in found for root in one.roots), more="--json lists them")
    note(f"as of {found[0].as_of:%Y-%m-%d %H:%M} UTC, policy {found[0].policy_digest[:19]}")
