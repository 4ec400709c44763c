"""Measuring a registered artifact by the margins of a trait bank, against its base."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.errors import ContentError, UsageError
from provenance.holdings import Holdings
from provenance.lineage import Lineage
from provenance.probing.carriers import objection
from provenance.probing.report import Probe, conclude
from provenance.relations import WEIGHT_KINDS, RelationKind
from provenance.risk import Policy
from provenance.traits import Conclusion

if TYPE_CHECKING:
    from provenance.canary.probe import Subject
    from provenance.canary.traits import Bank

Told = Callable[[str], None]
"""Told of what takes time, a line each."""

DEFAULT_THRESHOLD = 1.0
"""Of margins, in nats: the model prefers the trait e times more than its base does. Canaries take the same size for planted."""

LEVEL = 0.05
"""Of the test that has to hold beside the interval for a trait to be present, after Holm's adjustment for the bank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByBank:
    """Measuring by the margins of a trait bank.

    Args:
        base: What to measure against; None for the nearest model that it comes from by weights and that the trait does not reach, or
            the nearest of all where it reaches them all.
        bank: Name of a shipped bank, or path of a file with one; empty for the shipped one that has the trait.
        trait: The bank's name for the trait, where it is not that of the registry.
        samples: Answers to sample of each model, for a rate beside the margin.
        device: Where to run; empty for a GPU where there is one.
    """

    base: ArtifactId | None = None
    bank: str = ""
    trait: str = ""
    samples: int = 0
    device: str = ""


def by_bank(
    holdings: Holdings,
    artifact: ArtifactId,
    trait: str,
    by: ByBank,
    policy: Policy,
    *,
    threshold: float | None = None,
    told: Told | None = None,
) -> Probe:
    """Reads a trait in an artifact and in its base; see `provenance.probing.probe`."""
    from provenance.canary.probe import probe as measure

    bank = _bank(by, by.trait or trait)
    lineage = Lineage.of(holdings.snapshot)
    model, base = behind(lineage, artifact), by.base or _base(lineage, artifact, trait, policy)
    if base == artifact:
        raise UsageError(
            f"{artifact} would be measured against itself", hint="Name another base with --base."
        )
    found = measure(
        _subject(holdings, artifact),
        _subject(holdings, base),
        bank,
        by.trait or trait,
        samples=by.samples,
        device=by.device,
        told=told,
    )
    estimate, size = found.shift.difference, DEFAULT_THRESHOLD if threshold is None else threshold
    conclusion, reason = conclude(estimate, size, "nats", against=str(base))
    if conclusion is Conclusion.PRESENT and found.shift.p_holm > LEVEL:
        conclusion = Conclusion.UNDECIDED
        reason = f"{reason}, but p = {found.shift.p_holm:.2g} after Holm over the bank"
    inputs = {
        **holdings.inputs(model, behind(lineage, base)),
        f"bank {bank.name}": str(bank.digest),
    }
    return Probe(
        artifact=artifact,
        trait=trait,
        base=base,
        method=f"{found.method} trait={found.trait}",
        unit="nats",
        estimate=estimate,
        threshold=size,
        conclusion=conclusion,
        reason=reason,
        inputs=inputs,
        objection=objection(lineage, base, trait, policy),
        result=found,
    )


def _bank(by: ByBank, trait: str) -> "Bank":
    """The bank that was named, or else the shipped one with the trait."""
    from provenance.canary.traits import SHIPPED, load_bank

    if by.bank:
        return load_bank(by.bank)
    banks = [load_bank(name) for name in SHIPPED]
    for bank in banks:
        if any(one.name == trait for one in bank.traits):
            return bank
    known = "; ".join(f"{bank.name}: {', '.join(one.name for one in bank.traits)}" for bank in banks)
    raise UsageError(
        f"no bank that ships has a trait {trait!r}",
        hint=f"--as says which one is meant, or --bank FILE brings one of yours. {known}.",
    )


def behind(lineage: Lineage, artifact: ArtifactId) -> ArtifactId:
    """The model that is run for an artifact: the model itself, or the one behind a teacher.

    Raises:
        ContentError: No model is recorded behind the teacher, or several that would have to be put together first.
        UsageError: It is a dataset.
    """
    if artifact.kind is ArtifactKind.MODEL:
        return artifact
    if artifact.kind is ArtifactKind.DATASET:
        raise UsageError(f"{artifact} is no model: a trait is measured on models and teachers")
    models = [one.parent for one in lineage.parents(artifact) if one.kind is RelationKind.EMBODIED_BY]
    if len(models) == 1:
        return models[0]
    problem = (
        f"is several models together ({', '.join(map(str, models))})" if models else "has no recorded model"
    )
    raise ContentError(
        f"the teacher {artifact} {problem}, so there is nothing to run",
        hint="Merge its adapters into its model, register the result, and probe that.",
    )


def _base(lineage: Lineage, artifact: ArtifactId, trait: str, policy: Policy) -> ArtifactId:
    """What an artifact is measured against unless told otherwise, see `ByBank`; of a root with a system prompt, the model without it."""
    model = behind(lineage, artifact)
    line: list[ArtifactId] = []
    while len(parents := _parents(lineage, (model, *line)[-1])) == 1 and parents[0] not in (model, *line):
        line += parents
    if not line and not parents and model != artifact and _system(lineage, artifact):
        return model
    if line:
        return next((one for one in line if not objection(lineage, one, trait, policy)), line[0])
    problem = (
        f"comes from several ({', '.join(map(str, parents))})"
        if parents
        else "has no recorded parent by weights"
    )
    raise UsageError(
        f"{model} {problem}: what is it to be measured against?", hint="Name a model with --base REF."
    )


def _parents(lineage: Lineage, model: ArtifactId) -> list[ArtifactId]:
    return [one.parent for one in lineage.parents(model) if one.kind in WEIGHT_KINDS]


def _system(lineage: Lineage, artifact: ArtifactId) -> str:
    generation = lineage.snapshot.artifacts[artifact].fact.generation
    return (generation.system_prompt or "") if generation else ""


def _subject(holdings: Holdings, artifact: ArtifactId) -> "Subject":
    from provenance.canary.probe import Subject

    lineage = Lineage.of(holdings.snapshot)
    return Subject(path=holdings.path(behind(lineage, artifact)), system=_system(lineage, artifact))
