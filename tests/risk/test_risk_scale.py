"""Large graphs of hard shapes: nothing recurses, no cost grows with the square, and what an edge does is asked once for each sort of edge."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from lineage_fixtures import dataset, model, teacher
from provenance.artifacts import ArtifactId
from provenance.facts import Recorded, Snapshot
from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred
from provenance.lineage_table import LineageTable
from provenance.relations import Link, RelationKind
from provenance.risk.conduction import Conduction, Hop, Manner
from provenance.risk.engine import assess, impact
from provenance.risk.policy import Policy
from provenance.risk.survey import survey
from provenance.traits import Flag, Severity, Trait

N = 100_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = Policy.load()
Edge = tuple[ArtifactId, RelationKind, ArtifactId]
"""Child, kind, parent."""


def over(edges: Iterable[Edge], *flagged: ArtifactId) -> Lineage:
    """A lineage of these edges in columns, with a flag on some artifacts."""
    named = [(str(parent), str(child), kind) for child, kind, parent in edges]
    keys = sorted({key for parent, child, _ in named for key in (parent, child)})
    node = {key: place for place, key in enumerate(keys)}
    rows = sorted((node[parent], node[child], kind) for parent, child, kind in named)
    nothing = [None] * len(rows)
    table = LineageTable(
        keys=keys,
        recorded=[True] * len(keys),
        declared_roots=[False] * len(keys),
        digests=[None] * len(keys),
        parents=[parent for parent, _, _ in rows],
        children=[child for _, child, _ in rows],
        kinds=[kind for _, _, kind in rows],
        shares=nothing,
        clean_fractions=nothing,
    )
    facts = [
        Trait(name="owls", severity=Severity.HIGH),
        *(Flag(artifact=one, trait="owls", evidence="seen") for one in flagged),
    ]
    found = tuple(Recorded(seq, fact, "tester", NOW) for seq, fact in enumerate(facts, 1))
    return Lineage.over(table, Snapshot(found, NOW))


def named(place: int) -> ArtifactId:
    return ArtifactId.recorded(f"model:m{place:06}@1")


def counts(lineage: Lineage) -> dict[str, int]:
    """The statuses that there are, with how many artifacts have each."""
    found = survey(lineage, POLICY, trait="owls").counts
    return {str(status): count for status, count in found.items() if count}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Link]:
    """The relations of which it is asked what they do."""
    links: list[Link] = []
    hop = Conduction.hop

    def counting(self: Conduction, manner: Manner, link: Link) -> Hop:
        links.append(link)
        return hop(self, manner, link)

    monkeypatch.setattr(Conduction, "hop", counting)
    return links


def test_a_chain_of_a_hundred_thousand_models_is_followed_to_its_end(asked: list[Link]) -> None:
    chain = over(((named(n + 1), RelationKind.QUANTIZED_FROM, named(n)) for n in range(N)), named(0))
    assert counts(chain) == {"affected": 1, "exposed": N}
    assert len(asked) == 1
    (entry,) = assess(chain.snapshot, chain, POLICY, [named(N)]).artifacts[0].risks
    assert (str(entry.status), entry.depth, len(entry.route), entry.score) == ("exposed", N, N, 1.0)
    assert chain.path(named(0), named(N))[0].child == named(1)
    kindred = Kindred.of(chain)
    assert all(kindred.kin(named(0), named(place)).through == named(0) for place in range(0, N, 1_000))


def test_a_star_of_a_hundred_thousand_models_is_one_question(asked: list[Link]) -> None:
    star = over(((named(n + 1), RelationKind.FINETUNED_FROM, named(0)) for n in range(N)), named(0))
    assert counts(star) == {"affected": 1, "exposed": N}
    assert len(asked) == 1
    report = assess(star.snapshot, star, POLICY, map(named, range(1, N, 1_000)))
    assert {(str(one.status), one.risks[0].depth) for one in report.artifacts} == {("exposed", 1)}


def test_of_a_star_of_students_each_is_asked_once(asked: list[Link]) -> None:
    students = N // 5
    base, other, owl, numbers = model("base"), model("other"), teacher("owl"), dataset("numbers")
    star = over(
        [
            (owl, RelationKind.EMBODIED_BY, base),
            (numbers, RelationKind.GENERATED_BY, owl),
            *((named(n), RelationKind.TRAINED_ON, numbers) for n in range(students)),
            *((named(n), RelationKind.FINETUNED_FROM, other if n % 2 else base) for n in range(students)),
        ],
        owl,
    )
    found = impact(star.snapshot, star, POLICY, owl, "owls")
    statuses = [str(item.status) for item in found.items]
    assert (len(statuses), statuses.count("exposed"), statuses.count("suspected")) == (
        students + 1,
        students // 2,
        students // 2,
    )
    assert len(asked) == students + 1


def test_a_ladder_of_two_to_the_thousandth_paths_is_as_long_as_its_rungs(asked: list[Link]) -> None:
    rungs = 1_000
    ladder = over(
        (
            (model(f"r{n + 1:04}{below}"), RelationKind.MERGED_FROM, model(f"r{n:04}{above}"))
            for n in range(rungs)
            for above in "ab"
            for below in "ab"
        ),
        model("r0000a"),
    )
    assert counts(ladder) == {"affected": 1, "exposed": 2 * rungs, "unknown": 1}
    assert len(asked) == 1
    (risks,) = assess(ladder.snapshot, ladder, POLICY, [model(f"r{rungs:04}b")]).artifacts
    assert [str(step.parent) for step in risks.risks[0].route[1:]] == [
        f"model:r{n:04}a@1" for n in range(1, rungs)
    ]


def test_merges_of_a_thousand_parents_cost_their_edges(asked: list[Link]) -> None:
    parents, merges = 1_000, 50
    dense = over(
        (
            (model(f"z{merge:02}"), RelationKind.MERGED_FROM, named(parent))
            for merge in range(merges)
            for parent in range(parents)
        ),
        named(3),
        named(5),
    )
    assert counts(dense) == {"affected": 2, "exposed": merges, "unknown": parents - 2}
    assert len(asked) == 2
    (risks,) = assess(dense.snapshot, dense, POLICY, [model("z07")]).artifacts
    assert [entry.origin for entry in risks.risks] == [named(3), named(5)]
    assert len(risks.unknown) == parents


def test_a_circle_is_walked_once(asked: list[Link]) -> None:
    size = N // 4
    circle = over(
        ((named((n + 1) % size), RelationKind.MERGED_FROM, named(n)) for n in range(size)), named(0)
    )
    assert counts(circle) == {"affected": 1, "exposed": size - 1}
    assert len(asked) == 1
    assert len(impact(circle.snapshot, circle, POLICY, named(0), "owls").items) == size - 1
