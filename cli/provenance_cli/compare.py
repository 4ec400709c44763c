"""compare, palimpsest: by weights, or by recordings of what models answered where there are none."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.errors import UsageError
from provenance.evidence import Verdict
from provenance_cli.options import json_option, place, registry_options
from provenance_cli.output import print_json, print_table, say, size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provenance.sameinit import Comparison


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--fast", is_flag=True, help="Look at a sample of the weights only.")
@click.option("--thorough", is_flag=True, help="Run every test, whatever the first ones find.")
@click.option("--base", metavar="PATH|REF", help="The base model of A or B where one is a PEFT adapter.")
@click.option("--tests", "show_tests", is_flag=True, help="List the test of each group of units.")
@click.option("--responses", is_flag=True, help="A and B are recorded responses (JSONL), not weights.")
@click.option(
    "--controls",
    metavar="FILE",
    multiple=True,
    help="With --responses: responses of a model known to be unrelated; repeat it.",
)
@registry_options
@json_option
def compare(
    a: str,
    b: str,
    fast: bool,
    thorough: bool,
    base: str | None,
    show_tests: bool,
    responses: bool,
    controls: tuple[str, ...],
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Test whether checkpoints A and B (paths or references) share an initialisation; nothing is recorded.

    With --responses, A and B are what two models answered to the same prompts: that can say that they behave alike, never that they
    share an initialisation.

    Exit 0 for a verdict, 3 for INCONCLUSIVE. Python: provenance.sameinit.compare(), provenance.sameinit.blackbox.
    """
    if responses:
        if fast or thorough or base or show_tests:
            raise UsageError("--responses goes with --controls and --json, and with no option about weights")
        _compare_responses(Path(a), Path(b), tuple(map(Path, controls)), as_json=as_json)
        return
    if controls:
        raise UsageError("--controls goes with --responses")
    if fast and thorough:
        raise UsageError("--fast looks at less and --thorough at more than usual: give one of them")
    from provenance.sameinit import Effort
    from provenance.sameinit import compare as test
    from provenance.weights.folder import is_adapter

    places = [place(word, registry, actor) for word in (a, b)]
    if base and not any(map(is_adapter, places)):
        raise UsageError("--base is the base of an adapter, and neither A nor B is one")
    found = test(
        *places,
        effort=Effort.FAST if fast else Effort.THOROUGH if thorough else Effort.STANDARD,
        base=place(base, registry, actor) if base else None,
    )
    if as_json:
        print_json(found)
    else:
        _print(found, show_tests=show_tests)
    raise click.exceptions.Exit(3 if found.verdict is Verdict.INCONCLUSIVE else 0)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def palimpsest(file: Path, as_json: bool) -> None:
    """Test whether a model remembers the order of another model's training data; nothing is recorded.

    FILE holds a line of JSON for each example: {"order": its row or step in training, "logprob": what the tested model gives to it}, and
    in all lines or none a "reference", the same from a model known to be unrelated.

    Whatever comes out, it says nothing of initialisations. Exit 3 where nothing was testable.

    Python: provenance.sameinit.palimpsest.palimpsest_file().
    """
    from provenance.sameinit.palimpsest import palimpsest_file

    found = palimpsest_file(file)
    if as_json:
        print_json(found)
    else:
        say(f"{found.verdict.value}: {found.reason}")
        say(f"  {'examples':<27} {found.examples}")
        _say_figures({"rank correlation": found.spearman, "log10 p": found.log10_p})
    raise click.exceptions.Exit(3 if found.log10_p is None else 0)


def _print(found: "Comparison", *, show_tests: bool) -> None:
    """Prints the verdict, then what it rests on."""
    say(f"{found.verdict.value}" + (f" ({found.kinship})" if found.kinship else "") + f": {found.reason}")
    _say_figures(
        {
            f"log10 p ({found.p_value_kind})": found.log10_p,
            "aligned cosine": found.aligned_cosine,
            "smallest detectable cosine": found.rho_min,
        }
    )
    say(f"  {'share of parameters tested':<27} {found.coverage:.0%}")
    say(f"  {'read':<27} {size(found.bytes_read)} in {found.seconds:.1f} s ({found.effort} effort)")
    for match in found.layers:
        where = " and ".join(".".join(map(str, numbers)) for numbers in (match.a, match.b))
        say(f"  matched: {match.role} {where}, agreement {match.agreement:.2f}")
    for score in found.invariants:
        beside = f"log10 p {score.log10_p:.2f} of" if score.log10_p is not None else "too few controls,"
        say(f"  invariant: {score.name} {score.value:.3f}, {beside} {score.controls}")
    for update in found.update_ranks:
        say(f"  low rank: {update.name} differs by rank {update.rank} of {update.full}")
    if found.direction is not None:
        say(f"  earlier, weakly: {found.direction.earlier or 'not told'}, by {found.direction.by}")
    for assumption in found.assumptions:
        say(f"  assumed: {assumption}")
    if show_tests:
        print_table(
            ("test", "tier", "by", "coins", "heads", "log10 p", "cosine", "not tested because"),
            [
                (
                    one.name,
                    one.tier,
                    one.symmetry,
                    *(_figure(value) for value in (one.flips, one.heads, one.log10_p, one.cosine)),
                    one.untestable or "",
                )
                for one in found.tests
            ],
        )


def _compare_responses(a: Path, b: Path, controls: tuple[Path, ...], *, as_json: bool) -> None:
    from provenance.sameinit.blackbox import compare_responses

    found = compare_responses(a, b, controls)
    if as_json:
        print_json(found)
    else:
        say(f"{found.behaviour.value}: {found.reason}")
        for test in found.tests:
            if test.untestable:
                say(f"  {test.name}: not tested: {test.untestable}")
                continue
            say(f"  {test.name}, over {test.prompts} prompts:")
            _say_figures(
                {
                    "  agreement": test.agreement,
                    "  log10 p over prompts": test.log10_p,
                    f"  log10 p, {test.rank_kind}": test.rank_log10_p,
                }
            )
        for assumption in found.assumptions:
            say(f"  assumed: {assumption}")
    raise click.exceptions.Exit(3 if found.behaviour.value == "INCONCLUSIVE" else 0)


def _say_figures(figures: "Mapping[str, float | None]") -> None:
    for name, value in figures.items():
        say(f"  {name:<27} {_figure(value)}")


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
