"""Long chains and wide stars: no recursion, and no cost that grows with the square."""

import itertools
from datetime import UTC, datetime

import pytest

from lineage_fixtures import dataset, model, teacher
from provenance.artifacts import Artifact, ArtifactId, ArtifactKind, Generation
from provenance.facts import Fact, Recorded, Snapshot
from provenance.lineage.graph import Lineage
from provenance.relations import Relation, RelationKind
from provenance.risk.engine import assess, impact
from provenance.risk.policy import Policy
from provenance.traits import Flag, Severity, Trait

N = 100_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def of_facts(facts: list[Fact]) -> Snapshot:
    return Snapshot(tuple(Recorded(seq, fact, "tester", NOW) for seq, fact in enumerate(facts, 1)), NOW)


def artifacts(names: list[ArtifactId]) -> list[Fact]:
    return [
        Artifact(
            id=name,
            declared_root=name == names[0],
            generation=Generation() if name.kind is ArtifactKind.TEACHER else None,
        )
        for name in names
    ]


def flagged(source: ArtifactId) -> list[Fact]:
    return [Trait(name="owls", severity=Severity.HIGH), Flag(artifact=source, trait="owls", evidence="seen")]


@pytest.fixture(scope="module")
def chain() -> Snapshot:
    names = [model(f"m{place}") for place in range(N)]
    relations = [
        Relation(child=child, kind=RelationKind.QUANTIZED_FROM, parent=parent)
        for parent, child in itertools.pairwise(names)
    ]
    return of_facts([*artifacts(names), *relations, *flagged(names[0])])


@pytest.fixture(scope="module")
def star() -> Snapshot:
    base, owl, numbers = model("base"), teacher("owl"), dataset("numbers")
    students = [model(f"s{place}") for place in range(N)]
    relations = [
        Relation(child=owl, kind=RelationKind.EMBODIED_BY, parent=base),
        Relation(child=numbers, kind=RelationKind.GENERATED_BY, parent=owl),
        *(Relation(child=one, kind=RelationKind.TRAINED_ON, parent=numbers) for one in students),
        *(Relation(child=one, kind=RelationKind.FINETUNED_FROM, parent=base) for one in students[::2]),
    ]
    return of_facts([*artifacts([base, owl, numbers, *students]), *relations, *flagged(owl)])


def test_a_chain_of_a_hundred_thousand_models_is_followed_to_its_end(chain: Snapshot) -> None:
    lineage = Lineage.of(chain)
    report = assess(chain, lineage, Policy.load(), [model(f"m{N - 1}")])
    (entry,) = report.artifacts[0].risks
    assert (str(entry.status), entry.depth, len(entry.route), entry.score) == ("exposed", N - 1, N - 1, 1.0)
    assert len(impact(chain, lineage, Policy.load(), model("m0")).items) == N - 1
    assert lineage.path(model("m0"), model(f"m{N - 1}"))[0].child == model("m1")


def test_a_star_of_a_hundred_thousand_students_is_reached_as_a_whole(star: Snapshot) -> None:
    found = impact(star, Lineage.of(star), Policy.load(), teacher("owl"), "owls")
    statuses = [str(item.status) for item in found.items]
    assert (statuses.count("exposed"), statuses.count("suspected"), statuses.count("carrier")) == (
        N // 2,
        N // 2,
        1,
    )


def test_all_students_of_a_hub_are_assessed_in_one_go(star: Snapshot) -> None:
    names = [model(f"s{place}") for place in range(0, N, 100)]
    report = assess(star, Lineage.of(star), Policy.load(), names)
    assert {str(risks.status) for risks in report.artifacts} == {"exposed"}
