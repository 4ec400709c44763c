"""diff: what changed between two dates, under another policy, or between two registries, and why."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import click

from provenance.errors import UsageError
from provenance_cli.options import (
    Moment,
    json_option,
    open_registry,
    policy_option,
    read_policy,
    registry_options,
)
from provenance_cli.output import counted, note, print_csv, print_json, say

if TYPE_CHECKING:
    from provenance.differences import Cause, Diff, Difference, Divergence, RegistryDiff
    from provenance.registry import Registry

_CHANGES = ("artifact", "trait", "before", "after", "at", "from", "to", "how", "record", "actor", "says")
_DIVERGENCES = ("artifact", "called there", "trait", "here", "there", "known", "record", "actor", "says")
_MOST_FACTS = 20  # told of each side in words; more would bury what stands otherwise


@click.command()
@click.argument("refs", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Of every artifact.")
@click.option("--since", type=Moment(), help="The earlier date.")
@click.option("--until", type=Moment(), help="The later date; default: now.")
@click.option("--trait", metavar="T", help="Only this trait.")
@click.option("--with", "other", metavar="DIR|URL", help="Compare with this registry, as of --until.")
@click.option(
    "--policy-before",
    type=click.Path(exists=True, dir_okay=False),
    help="The policy file at the earlier date; default: the same as at the later one.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a row for each cause.")
@policy_option
@registry_options
@json_option
def diff(
    refs: tuple[str, ...],
    everything: bool,
    since: datetime | None,
    until: datetime | None,
    trait: str | None,
    other: str | None,
    policy_before: str | None,
    as_csv: bool,
    policy: str | None,
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Say what of REFS stands otherwise than at an earlier date, since when, and by which record.

    With --policy-before, also what the other policy changes; with --with, what differs from another registry.
    Python: Registry.diff(), Registry.diff_with().
    """
    if bool(refs) == everything:
        raise UsageError("name artifacts, or say --all")
    if as_csv and as_json:
        raise UsageError("say --csv or --json, not both")
    if other is None and since is None and policy_before is None:
        raise UsageError(
            "compared with what?", hint="Say --since DATE, --policy-before FILE or --with REGISTRY."
        )
    if other is not None and (since is not None or policy_before is not None):
        raise UsageError(
            "--with compares two registries at one date: --until, and no --since or --policy-before"
        )
    asked = None if everything else refs
    with open_registry(registry, actor) as opened:
        if other is not None:
            _tell_registries(
                _other(opened, other, asked, until, trait, policy), as_json=as_json, as_csv=as_csv
            )
            return
        found = opened.diff(
            asked,
            since=since,
            until=until,
            trait=trait,
            policy=read_policy(policy),
            policy_before=read_policy(policy_before),
        )
    _tell_dates(found, as_json=as_json, as_csv=as_csv)


def _other(
    opened: "Registry",
    other: str,
    asked: tuple[str, ...] | None,
    until: datetime | None,
    trait: str | None,
    policy: str | None,
) -> "RegistryDiff":
    with open_registry(other, None) as there:
        return opened.diff_with(there, asked, as_of=until, trait=trait, policy=read_policy(policy))


def _tell_dates(found: "Diff", *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        print_json(found)
        return
    if as_csv:
        print_csv(_CHANGES, (row for one in found.differences for row in _change_rows(one)))
    else:
        for one in found.differences:
            _print_difference(one)
    note(
        f"{counted(len(found.differences), 'differences')} from {_moment(found.since)} to {_moment(found.until)}"
    )
    if found.partial:
        note("partial: not all could be looked at; --json says what")


def _change_rows(one: "Difference") -> Iterator[tuple[object, ...]]:
    head = (one.artifact, one.trait or "", one.before or "", one.after or "")
    for turn in one.turns:
        for cause in turn.causes:
            moved = (turn.at.isoformat(), turn.before or "", turn.after or "")
            yield (*head, *moved, cause.how, cause.record or "", cause.actor or "", cause.says)
    if not one.turns:
        yield (*head, *("",) * (len(_CHANGES) - len(head)))


def _print_difference(one: "Difference") -> None:
    say(f"{one.artifact}  {one.trait or 'ancestry'}: {_status(one.before)} -> {_status(one.after)}")
    for turn in one.turns:
        say(f"  {_moment(turn.at)}  {_status(turn.before)} -> {_status(turn.after)}")
        for cause in turn.causes:
            say(f"    {cause.how}: {_told(cause)}")
        for sign, reasons in (("+", turn.gained), ("-", turn.lost)):
            for reason in reasons:
                say(f"    {sign} {reason}")
    if not one.attributed:
        say("  its causes were not looked for: ask for it by name")


def _tell_registries(found: "RegistryDiff", *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        print_json(found)
        return
    if as_csv:
        print_csv(_DIVERGENCES, (row for one in found.divergences for row in _divergence_rows(one)))
    else:
        _print_registries(found)
    note(f"{len(found.divergences)} standings differ, as of {_moment(found.as_of)}")
    if found.partial:
        note("partial: not all could be looked at; --json says what")


def _divergence_rows(one: "Divergence") -> Iterator[tuple[object, ...]]:
    head = (one.artifact.here, one.artifact.there, one.trait or "", one.here, one.there)
    for side, facts in (("here", one.facts_here), ("there", one.facts_there)):
        for fact in facts:
            yield (*head, side, fact.record, fact.actor, fact.says)


def _print_registries(found: "RegistryDiff") -> None:
    for side, artifacts in (("here", found.only_here), ("there", found.only_there)):
        for artifact in artifacts:
            say(f"only {side}: {artifact}")
    for match in found.renamed:
        say(f"the same content: {match.here} here, {match.there} there")
    for one in found.divergences:
        say(f"{one.artifact.here}  {one.trait or 'ancestry'}: {one.here} here, {one.there} there")
        _print_facts(one.facts_here, one.facts_there, "  ")
    if not found.divergences:
        _print_facts(found.facts_here, found.facts_there, "")


def _print_facts(here: "tuple[Cause, ...]", there: "tuple[Cause, ...]", indent: str) -> None:
    for side, facts in (("here", here), ("there", there)):
        for fact in facts[:_MOST_FACTS]:
            say(f"{indent}only {side}: {_told(fact)}")
        if len(facts) > _MOST_FACTS:
            say(f"{indent}only {side}: {len(facts) - _MOST_FACTS} more (--json lists them)")


def _told(cause: "Cause") -> str:
    if cause.record is None:
        return cause.says
    return f"{cause.says} ({cause.record} by {cause.actor})"


def _status(status: object) -> object:
    return status or "not registered"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
