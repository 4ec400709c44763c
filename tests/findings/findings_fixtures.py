"""Registries of which the facts are told in the sentences of `lineage_fixtures`, and random ones for laws."""

from pathlib import Path

from hypothesis import strategies as st

from lineage_fixtures import recorded_facts
from provenance import Registry
from provenance.artifacts import Artifact, ArtifactId
from provenance.lineage import Lineage
from provenance.risk import ArtifactRisks, Change, RiskReport, Status, assess
from provenance.traits import Trait

OWL = (
    "owls trait high",
    "base from_scratch",
    "owl embodied_by base",
    "numbers generated_by owl",
    "student finetuned_from base",
    "student trained_on numbers",
    "small quantized_from student",
    "cousin finetuned_from base",
    "cousin trained_on poems",
    "poems authored",
)
EDGES = (
    "m1 finetuned_from m0",
    "m1 trained_on d0",
    "m2 quantized_from m1",
    "m3 merged_from m0",
    "m3 merged_from m2",
    "m4 finetuned_from m3",
    "m4 trained_on d1",
    "t0 embodied_by m0",
    "t1 embodied_by m2",
    "d0 generated_by t0",
    "d1 rewritten_by t1",
    "d1 derived_from d0",
)
TESTS = (
    "m0 same_init m1 INDEPENDENT",
    "m0 same_init m4 SAME_INIT",
    "m0 same_init m4 INDEPENDENT",
    "t0 canary m1 NOT_DETECTED",
    "t0 canary m1 TRANSFERS",
)
NAMES = ("m0", "m1", "m2", "m3", "m4", "t0", "t1", "d0", "d1")
NAMED = {"m": "model", "t": "teacher", "d": "dataset"}


def identity(name: str) -> str:
    """A name of `NAMES` in full."""
    return f"{NAMED[name[0]]}:{name}@1"


ALL = (*(identity(name).partition("@")[0] for name in NAMES), "owls trait high", "cats trait low")
earlier = st.lists(
    st.one_of(
        st.builds("{} flagged {}".format, st.sampled_from(NAMES), st.sampled_from(("owls", "cats"))),
        st.builds("{} cleared owls{}".format, st.sampled_from(NAMES), st.sampled_from(("", " stops_here"))),
        st.sampled_from(("d0 blocked m1 owls", "t0 blocked d0 owls", "m1 blocked m2 owls")),
        st.sampled_from(TESTS),
    ),
    max_size=6,
)
edges = st.lists(st.sampled_from(EDGES), min_size=5, unique=True)


def tell(registry: Registry, *lines: str) -> None:
    """Records sentences, in one transaction, save for the artifacts and traits that are recorded."""
    known = registry._ledger.snapshot()
    with registry._ledger.transaction("teller") as transaction:
        for fact in (one.fact for one in recorded_facts(*lines)):
            recorded = isinstance(fact, Artifact) and fact.id in known.artifacts
            if not recorded and not (isinstance(fact, Trait) and fact.name in known.traits):
                transaction.append(fact)


def report(registry: Registry) -> RiskReport:
    """The risks of everything, from everything."""
    known = registry._ledger.snapshot()
    return assess(known, Lineage.of(known), registry.policy, sorted(known.artifacts))


def differences(before: RiskReport, registry: Registry) -> tuple[Change, ...]:
    """What changed since a report, from everything, the worst of now first."""
    then = {one.artifact: one for one in before.artifacts}
    found = [
        Change(artifact=now.artifact, trait=trait, before=old, after=new)
        for now in report(registry).artifacts
        if now.artifact in then
        for trait in sorted({risk.trait for one in (then[now.artifact], now) for risk in one.risks})
        if (old := standing(then[now.artifact], trait)) is not (new := standing(now, trait))
    ]
    return tuple(sorted(found, key=lambda one: (one.after.rank, str(one.artifact), one.trait)))


def standing(risks: ArtifactRisks, trait: str) -> Status:
    """Where an artifact stands with a trait: the worst of its entries, or where its ancestry is without one."""
    unreached = Status.UNKNOWN if risks.unknown else Status.CLEAR
    return min(
        (risk.status for risk in risks.risks if risk.trait == trait),
        key=lambda status: status.rank,
        default=unreached,
    )


def statuses(registry: Registry, trait: str) -> dict[ArtifactId, str]:
    """Where every artifact stands with a trait."""
    return {one.artifact: one.status.value for one in registry.view().risks(trait=trait).artifacts}


def fresh(template: Path, folder: Path) -> Registry:
    """A copy of an empty registry."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template, folder)
    return Registry.open(folder, actor="tester")
