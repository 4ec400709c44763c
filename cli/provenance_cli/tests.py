"""audit, canary."""

from typing import TYPE_CHECKING, Any

import click

from provenance.evidence import TestKind, Verdict
from provenance_cli.options import json_option, open_registry, registry_options
from provenance_cli.output import as_data, note, print_json, print_table, say, tell_of_reading, warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenance.artifacts import ArtifactId
    from provenance.audit import Outcome
    from provenance.canary import CanaryResult
    from provenance.registry import Registry


@click.command()
@click.argument("refs", nargs=-1)
@click.option("--only", type=click.Choice([kind.value for kind in TestKind]), help="Only this test.")
@click.option(
    "--seeds",
    type=click.IntRange(min=5, max=20),
    default=5,
    show_default=True,
    help="Training runs of each canary.",
)
@click.option("--dry-run", is_flag=True, help="Only list the tests that are owed.")
@registry_options
@json_option
def audit(
    refs: tuple[str, ...],
    only: str | None,
    seeds: int,
    dry_run: bool,
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Run the tests that the edges above REFS (default: all) still lack, and record each result. Python: Registry.audit().

    Without REFS, models of which no sketch is kept are first sketched and looked into as `register` does, where their files are at
    hand. Python: Registry.catch_up().
    """
    kind = TestKind(only) if only else None
    with open_registry(registry, actor) as opened:
        if dry_run:
            tasks = opened.audit_plan(refs or None, only=kind)
            if as_json:
                print_json([as_data(task) for task in tasks])
            else:
                print_table(
                    ("test", "of", "and", "because"),
                    [(one.test, one.parent, one.child, one.because) for one in tasks],
                )
            return
        if not refs and kind is not TestKind.CANARY:
            _catch_up(opened)
        outcomes = run_audit(opened, refs or None, only=kind, seeds=seeds)
    if as_json:
        print_json([as_data(outcome) for outcome in outcomes])
    else:
        print_outcomes(outcomes)


def _catch_up(registry: "Registry") -> None:
    """Looks into the weights that were never looked into, telling of what it finds."""
    for model, found in registry.catch_up(told=tell_of_reading).items():
        if found.evidence:
            note(f"{model}: weights tested: {', '.join(recorded.id for recorded in found.evidence)}")
        for warning in found.warnings:
            warn(warning)


def run_audit(
    registry: "Registry",
    refs: "Sequence[str | ArtifactId] | None",
    *,
    only: TestKind | None = None,
    seeds: int = 5,
) -> "tuple[Outcome, ...]":
    """Runs what is owed, telling of each outcome as it comes."""
    tasks = registry.audit_plan(refs, only=only)
    return registry.audit(tasks, seeds=seeds, done=lambda outcome: note(_told(outcome)))


def print_outcomes(outcomes: "Sequence[Outcome]") -> None:
    """Prints what an audit came to."""
    rows = [
        (one.task.test, one.task.parent, one.task.child, one.recorded.fact.verdict.value, one.recorded.id)
        for one in outcomes
        if one.recorded is not None
    ]
    if rows:
        print_table(("test", "of", "and", "verdict", "evidence"), rows)
    skipped = len(outcomes) - len(rows)
    say(f"{len(rows)} tests recorded, {skipped} not testable" if outcomes else "no test is owed")


def _told(outcome: "Outcome") -> str:
    if outcome.recorded is None:
        return f"not testable: {outcome.task}: {outcome.reason}"
    return f"{outcome.recorded.fact.verdict.value}: {outcome.task}"


@click.group()
def canary() -> None:
    """Run a transfer canary: does a hidden trait pass from this teacher to this student?"""


@canary.command("self-test")
@click.option(
    "--seeds", type=click.IntRange(min=5, max=20), default=5, show_default=True, help="Training runs."
)
@json_option
def self_test(seeds: int, as_json: bool) -> None:
    """Run the canary where the answer is known: same initialisation transfers, another does not.

    Exit 1 when it does not come out so. Python: provenance.canary.self_test().
    """
    from provenance.canary import self_test as test

    found = test(seeds=seeds)
    if as_json:
        print_json(found)
    else:
        _print_result("same initialisation", found.same_init)
        _print_result("different initialisation", found.different_init)
    raise click.exceptions.Exit(0 if found.passed else 1)


@canary.command("run")
@click.argument("teacher")
@click.argument("student")
@click.option(
    "--seeds", type=click.IntRange(min=5, max=20), default=5, show_default=True, help="Training runs."
)
@registry_options
@json_option
def run(
    teacher: str, student: str, seeds: int, registry: str | None, actor: str | None, as_json: bool
) -> None:
    """Run the planted canary of the exposure of STUDENT to TEACHER again, and record it.

    Exit 3 for INCONCLUSIVE. Python: Registry.audit() of one task.
    """
    with open_registry(registry, actor) as opened:
        recorded = opened.run_canary(teacher, student, seeds=seeds)
    evidence = recorded.fact
    if as_json:
        print_json(
            {
                "evidence": recorded.id,
                "verdict": evidence.verdict.value,
                "method": evidence.method,
                **evidence.result,
            }
        )
    else:
        figures: Any = evidence.result
        say(f"{recorded.id}: {evidence.verdict.value}: {figures['reason']}")
    raise click.exceptions.Exit(3 if evidence.verdict is Verdict.INCONCLUSIVE else 0)


def _print_result(label: str, result: "CanaryResult") -> None:
    say(f"{label}: {result.verdict.value}: {result.reason}")
    if result.effect is not None:
        say(
            f"  effect {result.effect:+.3f} nats, 95 % interval [{result.ci_low:+.3f}, {result.ci_high:+.3f}]"
        )
        say(
            f"  p = {result.p_value:.4f} over {len(result.seeds)} runs, smallest detectable effect {result.mde:.3f}"
        )
    if result.controls is not None:
        for name in ("positive", "negative", "carrier", "sanity"):
            say(f"  {name:<9} {'ok' if getattr(result.controls, name).ok else 'FAILED'}")
    say(f"  {result.seconds:.1f} s")
