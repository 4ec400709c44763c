"""probe."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.artifacts import ArtifactKind
from provenance.errors import UsageError
from provenance_cli.options import json_option, open_registry, registry_options
from provenance_cli.output import note, print_json, print_table, say

if TYPE_CHECKING:
    from provenance.canary.probe import ProbeResult
    from provenance.probing import ByBank, ByResults, Entry, Probe
    from provenance.registry import Registry

_file = click.Path(exists=True, dir_okay=False)
_ALONE = {
    "bank": "--bank",
    "as_trait": "--as",
    "samples": "--samples",
    "device": "--device",
}
_FILES = {"base_results": "--base-results", "metric": "--metric", "lower_is_more": "--lower-is-more"}
"""Options that only the one way of measuring has, and the other: their parameters' names."""


@click.command()
@click.argument("ref")
@click.argument("trait")
@click.option(
    "--bank", metavar="NAME|FILE", help="Which trait bank; default: the shipped one with the trait."
)
@click.option("--as", "as_trait", metavar="NAME", help="The bank's name for TRAIT, where it has another.")
@click.option(
    "--base",
    metavar="REF",
    help="Measure against this model, or say whose --base-results are; default: the nearest by weights without the trait.",
)
@click.option(
    "--samples",
    type=click.IntRange(min=1, max=100_000),
    metavar="N",
    help="Sample N answers of each, for a rate beside the margin.",
)
@click.option(
    "--device", metavar="NAME", help="Where to run, such as cpu; default: a GPU where there is one."
)
@click.option(
    "--results", type=_file, help="Measure by this log of Inspect or result file of lm-evaluation-harness."
)
@click.option("--base-results", type=_file, help="The same of the base; without it the value stands alone.")
@click.option("--metric", metavar="NAME", help="Which metric of the results, as METRIC or TASK/METRIC.")
@click.option("--lower-is-more", is_flag=True, help="A lower value of the metric means more of the trait.")
@click.option(
    "--threshold",
    type=float,
    metavar="X",
    help="The size that matters, in nats (default 1) or the metric's unit.",
)
@click.option(
    "--record",
    type=click.Choice(["flag", "clear", "measurement"]),
    help="Record it as that: a flag or a clearance if the figures support it, a measurement whatever they say.",
)
@registry_options
@json_option
def probe(
    ref: str,
    trait: str,
    threshold: float | None,
    record: str | None,
    registry: str | None,
    actor: str | None,
    as_json: bool,
    **how: str | int | bool | None,
) -> None:
    """Measure TRAIT on the model or teacher REF itself: does it prefer the trait more than its base does?

    The margin of log-probs over the prompts of a trait bank decides, or the results of another tool's evaluation. Nothing is recorded
    without --record; exit 3 where the figures do not support what was to be recorded. A measurement is shown, and changes no status;
    one is recorded with every flag and clearance. Python: Registry.probe(), Registry.measure().
    """
    from provenance.probing import Entry

    with open_registry(registry, actor) as opened:
        found = opened.probe(
            ref,
            trait,
            _way(opened, how),
            threshold=threshold,
            record=Entry(record) if record else None,
            told=note,
        )
    if as_json:
        print_json(found)
    else:
        _print(found)
    if record and found.recorded is None:
        note(f"not recorded: {_obstacle(found, Entry(record))}")
    raise click.exceptions.Exit(3 if record and found.recorded is None else 0)


def _way(registry: "Registry", how: "dict[str, str | int | bool | None]") -> "ByBank | ByResults":
    """How to measure, by the options that were given."""
    from provenance.probing import ByBank, ByResults

    base = registry.resolve(str(how["base"]), ArtifactKind.MODEL) if how["base"] else None
    others = _ALONE if how["results"] else _FILES
    if useless := [option for name, option in others.items() if how[name]]:
        raise UsageError(f"{', '.join(useless)} {'excludes' if how['results'] else 'needs'} --results")
    if how["results"]:
        return ByResults(
            results=Path(str(how["results"])),
            base_results=Path(str(how["base_results"])) if how["base_results"] else None,
            base=base,
            metric=str(how["metric"] or ""),
            lower_is_more=bool(how["lower_is_more"]),
        )
    return ByBank(
        base=base,
        bank=str(how["bank"] or ""),
        trait=str(how["as_trait"] or ""),
        samples=int(how["samples"] or 0),
        device=str(how["device"] or ""),
    )


def _obstacle(found: "Probe", entry: "Entry") -> str:
    """Why it is not recorded: the figures, or what they are measured against."""
    if replace(found, objection="").supports(entry):
        return found.objection
    return f"the figures do not support to {entry} it"


def _print(found: "Probe") -> None:
    """Prints what it comes to, the figures behind it, and what was recorded."""
    say(f"{found.conclusion.upper()}: {found.trait} in {found.artifact}: {found.reason}")
    if found.result is not None:
        _print_result(found.result)
    for one in found.measurements:
        spread = "" if one.stderr is None else f" +- {one.stderr:.4g}"
        say(f"  {one.tool}: {one.name} = {one.value:.4g}{spread} for {one.model}")
    if found.recorded:
        say(f"recorded {found.recorded}")


def _print_result(result: "ProbeResult") -> None:
    rows = [
        (
            one.trait,
            f"{one.margin:+.3f}",
            f"{one.base_margin:+.3f}",
            f"{one.difference.value:+.3f}",
            f"[{one.difference.low:+.3f}, {one.difference.high:+.3f}]",
            f"{one.foreign:+.3f}",
            f"{one.p_holm:.2g}",
        )
        for one in result.shifts
    ]
    print_table(("trait", "margin", "base", "difference", "95 % interval", "foreign", "p (Holm)"), rows)
    for who, rate in (("the model", result.rate), ("its base", result.base_rate)):
        if rate is not None:
            say(
                f"  {who} names it in {rate.named} of {rate.samples} sampled answers: "
                f"{rate.share.value:.3f} [{rate.share.low:.3f}, {rate.share.high:.3f}]"
            )
    if result.dropped:
        say(f"  left out, since their word is several tokens: {', '.join(result.dropped)}")
    note(
        f"in nats over {result.prompts} prompts, {result.foreign} of them foreign; the interval is over prompts"
    )
