"""Excerpts: what is asked of an artifact has the same answer on its excerpt as on everything, on registries that Hypothesis makes up."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from sqlalchemy import Engine

from made_up_registries import POLICIES, few, many, recorded, registries
from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.facts import Fact, Snapshot
from provenance.lineage import Kindred, Lineage
from provenance.lineage.gaps import gaps
from provenance.risk import Policy, assess, explain
from provenance.store import Ledger, Reading
from provenance.store.database import connect


def answers(state: Snapshot, artifact: ArtifactId, line: Iterable[ArtifactId], policy: Policy) -> object:
    """All that a snapshot says of an artifact and its ancestors, as far as it is about these."""
    lineage = Lineage.of(state)
    kindred = Kindred.of(lineage, policy.lifetimes)
    models = [one for one in line if one.kind is ArtifactKind.MODEL]
    return (
        assess(state, lineage, policy, [artifact]),
        [explain(state, lineage, policy, artifact, trait) for trait in state.traits],
        gaps(kindred, artifact, policy.trust),
        lineage.exposures(artifact) if artifact.kind is ArtifactKind.MODEL else None,
        [
            (one, other, kinship.kin(one, other), kinship.independence(one, other))
            for one in models
            for other in models
            for kinship in (kindred, kindred.as_declared)
        ],
    )


def assert_excerpts_answer(readings: list[Reading]) -> None:
    for reading in readings:
        state = reading.snapshot()
        whole = Lineage.of(state)
        for artifact in state.artifacts:
            line = sorted(whole.line([artifact]), key=str)
            for policy in POLICIES:
                expected = answers(state, artifact, line, policy)
                assert answers(reading.line([artifact]), artifact, line, policy) == expected
            above = reading.below([artifact])
            for one in (artifact, *(relative.artifact for relative in whole.descendants(artifact))):
                found = assess(above, Lineage.of(above), POLICIES[0], [one])
                assert found == assess(state, whole, POLICIES[0], [one])


@many
@given(registries())
def test_an_excerpt_answers_as_everything_does(sqlite_engine: Engine, parts: list[list[Fact]]) -> None:
    with recorded(sqlite_engine, parts) as readings:
        assert_excerpts_answer(readings)


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_an_excerpt_answers_as_everything_does_in_postgresql(postgres_url: str) -> None:
    Ledger.open(postgres_url, create=True).close()
    engine = connect(postgres_url)

    @few
    @given(registries())
    def law(parts: list[list[Fact]]) -> None:
        with recorded(engine, parts) as readings:
            assert_excerpts_answer(readings)

    law()
    engine.dispose()
