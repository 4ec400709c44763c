"""risks, why."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from provenance.errors import UsageError
from provenance_cli.listing import Listing, listing_options, tell_of_survey
from provenance_cli.options import (
    as_of_option,
    json_option,
    open_registry,
    policy_option,
    read_policy,
    read_statuses,
    registry_options,
)
from provenance_cli.output import note, note_some, print_json, say, warn

if TYPE_CHECKING:
    from provenance.risk import ArtifactRisks, ExplainedRisks, RiskEntry, Term
    from provenance.view import RiskPage

_MOST_UNMEASURED = 10  # named of a witness path, which may have hundreds


@click.command()
@click.argument("refs", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Of every artifact, in order of names.")
@click.option("--trait", metavar="T", help="Only this trait.")
@click.option("--status", "statuses", multiple=True, metavar="S", help="Only this status.")
@listing_options
@policy_option
@registry_options
@as_of_option
def risks(
    refs: tuple[str, ...],
    everything: bool,
    trait: str | None,
    statuses: tuple[str, ...],
    listing: Listing,
    policy: str | None,
    registry: str | None,
    actor: str | None,
    as_of: datetime | None,
) -> None:
    """Say what REFS may have inherited, and what is not known; of --all, how many stand where, too.

    Python: View.risks(), View.risk_page().
    """
    from provenance.risk import with_statuses
    from provenance.view import RiskPage

    if bool(refs) == everything:
        raise UsageError("name artifacts, or say --all")
    if refs and (listing.limit is not None or listing.after is not None):
        raise UsageError("--limit and --after are for --all")
    wanted = read_statuses(statuses)
    with open_registry(registry, actor) as opened:
        view = opened.view(as_of=as_of, policy=read_policy(policy))
        if everything:
            tell_of_survey(view)
            found = view.risk_page(trait=trait, statuses=wanted, after=listing.after, limit=listing.limit)
        else:
            found = RiskPage.of(with_statuses(view.risks(refs, trait=trait), wanted))
    if listing.as_json:
        print_json(found)
    else:
        rows = [row for one in found.artifacts for row in _risk_rows(one, listing.as_csv)]
        listing.print_rows(_RISKS, rows)
    if not listing.as_json and not listing.as_csv:
        _tell_of_gaps(found)
    tell_if_partial(found.partial)
    if found.next is not None:
        listing.tell_of_more(found.next)


_RISKS = ("artifact", "trait", "status", "score", "severity", "from", "flag", "steps")


def tell_if_partial(partial: bool) -> None:
    """Warns people where an answer could not look at everything."""
    if partial:
        warn(
            "this is not all: part of the ancestry could not be looked at; `provenance status` says whether an import is not finished"
        )


def _tell_of_gaps(found: "RiskPage") -> None:
    """Tells people what the table leaves out: what is not known, what was stopped, and where all the others stand."""
    gaps = (gap for one in found.artifacts for gap in one.unknown)
    note_some("not known", gaps, more="--json or `provenance show REF` lists them")
    roots = (root for one in found.artifacts for root in one.roots)
    note_some("trust begins", roots, more="--json lists them")
    for one in found.artifacts:
        for stop in one.stopped:
            note(
                f"stopped before {one.artifact}: {stop.trait} on {stop.parent} -> {stop.child} by {stop.by} ({stop.reason})"
            )
    if found.counts is not None:
        counted = ", ".join(f"{count} {status}" for status, count in found.counts.items() if count)
        note(f"all artifacts: {counted or 'none'}")
    if found.partial:
        note("partial: some ancestors are named in relations and not recorded themselves")
    note(f"as of {found.as_of:%Y-%m-%d %H:%M} UTC, policy {found.policy_digest[:19]}")


def _risk_rows(one: "ArtifactRisks", whole: bool) -> list[tuple[object, ...]]:
    """A row for each flag that reaches an artifact, or one that says that none does; in CSV, values stand whole."""
    if not one.risks:
        none = "" if whole else "-"
        return [(one.artifact, none, one.status, none, none, none, none, none)]
    return [
        (
            one.artifact,
            risk.trait,
            risk.status,
            risk.score if whole else f"{risk.score:.2f}",
            risk.severity,
            risk.origin,
            risk.flag,
            risk.depth,
        )
        for risk in one.risks
    ]


@click.command()
@click.argument("ref")
@click.argument("trait")
@policy_option
@registry_options
@as_of_option
@json_option
def why(
    ref: str,
    trait: str,
    policy: str | None,
    registry: str | None,
    actor: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Print, edge by edge, how TRAIT may have come to REF. Python: Registry.why()."""
    with open_registry(registry, actor) as opened:
        found = opened.view(as_of=as_of, policy=read_policy(policy)).why(ref, trait)
    if as_json:
        print_json(found)
        return
    if not found.risks:
        say(f"{found.artifact}: {trait} is {found.status}; no flag reaches it")
    for risk in found.risks:
        _print_route(found, risk)
    for stop in found.stopped:
        say(f"stopped here because of {stop.by}: {stop.parent} -> {stop.child} ({stop.reason})")
    _print_measured(found)
    for missing in found.unknown:
        say(f"not known: {missing}")
    for root in found.roots:
        say(f"trust begins: {root}")


def _print_measured(found: "ExplainedRisks") -> None:
    """Prints what was measured on the models that the trait may have come through, and on which of them nothing was."""
    from provenance.meanings import measured

    for one in found.measured:
        if (recorded := one.measurement) is not None:
            fact = recorded.fact
            say(f"measured on {one.artifact}: {fact.conclusion.upper()}, {measured(fact)}  [{recorded.id}]")
    missing = [str(one.artifact) for one in found.measured if one.measurement is None]
    more = f" and {len(missing) - _MOST_UNMEASURED} more" if len(missing) > _MOST_UNMEASURED else ""
    if missing:
        say(f"not measured: {', '.join(missing[:_MOST_UNMEASURED])}{more}")


def _print_route(found: "ArtifactRisks", risk: "RiskEntry") -> None:
    say(f"{found.artifact} {risk.status.words} {risk.trait} ({risk.severity}), score {risk.score:.2f}")
    say(f"  because: {risk.rule}")
    say(f"  {risk.origin}  {risk.flag}")
    for step in risk.route:
        measured = f"  [{step.verdict.value}, {', '.join(step.evidence)}]" if step.verdict is not None else ""
        say(f"    | {step.relation}, x{step.factor:.2f}: {step.basis}{measured}")
        if step.factor < 1.0 or any(term.evidence for term in step.terms):
            say(f"    |   {step.factor:.2f} = {' x '.join(map(_term, step.terms))}")
        say(f"  {step.child}")


def _term(term: "Term") -> str:
    source = "" if term.evidence is None else f" by {term.evidence}"
    return f"{term.value:.2f} ({term.name}{source})"
