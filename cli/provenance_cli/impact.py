"""impact: what is downstream of an artifact, and telling of it."""

import json
from datetime import datetime
from typing import TYPE_CHECKING

import click

from provenance.errors import UsageError
from provenance_cli.options import (
    as_of_option,
    json_option,
    open_registry,
    policy_option,
    read_policy,
    registry_options,
)
from provenance_cli.output import as_data, counted, note, print_csv, print_json, print_table, say
from provenance_cli.risk import tell_if_partial

if TYPE_CHECKING:
    from provenance.risk import Impact
    from provenance.watching import Event

_EVERY = 5.0  # seconds between two looks
_HEADERS = ("artifact", "status", "score", "depth", "via")


class Position(click.ParamType[int | str]):
    """A position in the ledger, or ``now`` for its end."""

    name = "position"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Reads it."""
        if value == "now":
            return "now"
        try:
            position = int(str(value))
        except ValueError:
            position = -1
        if position < 0:
            self.fail(f"{value!r} is no position; write a number from 0, or now.", param, ctx)
        return position


@click.command()
@click.argument("refs", nargs=-1)
@click.option(
    "--trait",
    metavar="T",
    help="A trait: its flags on REF alone as they stand, or as if REF were flagged with it.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N, the worst.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option(
    "--notify",
    metavar="URL|COMMAND",
    help="Tell this address, or this command, of each flag that is raised, withdrawn or ends, and of what that changed.",
)
@click.option("--follow", is_flag=True, help="With --notify: go on for ever.")
@click.option(
    "--every",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="With --follow: how often to look; default: 5.",
)
@click.option(
    "--from",
    "start",
    type=Position(),
    metavar="POSITION|now",
    help="With --notify: after which position to begin a target that was told nothing yet; default: now.",
)
@policy_option
@registry_options
@as_of_option
@json_option
def impact(
    refs: tuple[str, ...],
    trait: str | None,
    limit: int | None,
    as_csv: bool,
    notify: str | None,
    follow: bool,
    every: float | None,
    start: int | str | None,
    policy: str | None,
    registry: str | None,
    actor: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """List what is downstream of REF, worst first: whom to recall. Python: View.impact().

    A status here is what comes from REF alone; what is flagged itself, or inherits from others too, `risks` tells.

    With --notify: tell of each flag that is raised, withdrawn or ends, each at least once, and go on from there
    the next time; of those flags only that bear on REFS and what is below them, if any are named. Python:
    Registry.notify().
    """
    if as_csv and (as_json or notify):
        raise UsageError("--csv excludes --json and --notify")
    if notify is None:
        if follow or every is not None or start is not None:
            raise UsageError("--follow, --every and --from need --notify")
        if len(refs) != 1:
            raise UsageError("name one artifact")
        with open_registry(registry, actor) as opened:
            view = opened.view(as_of=as_of, policy=read_policy(policy))
            _print_impact(view.impact(refs[0], trait), limit, as_json=as_json, as_csv=as_csv)
        return
    if limit is not None or as_of is not None:
        raise UsageError("--notify excludes --limit and --as-of")
    if every is not None and not follow:
        raise UsageError("--every needs --follow")
    with open_registry(registry, actor) as opened:
        told = opened.notify(
            notify,
            refs,
            trait=trait,
            start=start if isinstance(start, int) else None,
            every=(every or _EVERY) if follow else None,
            policy=read_policy(policy),
        )
        count = 0
        for count, event in enumerate(told, 1):  # noqa: B007 - counted
            _print_event(event, as_json=as_json)
    if not count:
        note("nothing new to tell")


def _print_impact(found: "Impact", limit: int | None, *, as_json: bool, as_csv: bool) -> None:
    from provenance.answers import ImpactAnswer

    answer = ImpactAnswer.of(found, limit)
    if as_json:
        print_json(answer)
        return
    rows = [
        (one.artifact, one.status, one.score if as_csv else f"{one.score:.2f}", one.depth, one.via)
        for one in answer.items
    ]
    (print_csv if as_csv else print_table)(_HEADERS, rows)
    tell_if_partial(found.partial)
    left = answer.total - len(rows)
    more = f", {left} more than are shown" if left else ""
    note(f"{counted(answer.total, 'artifacts')} downstream of {answer.source}{more}; statuses by that alone")


def _print_event(event: "Event", *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(as_data(event), ensure_ascii=False))  # one a line, as they are told
    else:
        say(
            f"told: {event.event} {event.flag}, {event.trait} on {event.artifact}: {len(event.changed)} changed"
        )
