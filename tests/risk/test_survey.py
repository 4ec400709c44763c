"""A survey says of every artifact what is said of each alone."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from risk_story import INDEPENDENT, OWL, POLICY, RELAY, named
from test_risk_laws import few, registries

from lineage_fixtures import model, snapshot
from provenance.errors import UnknownReferenceError
from provenance.facts import Snapshot
from provenance.lineage.gaps import Gaps, Trust, gaps
from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred
from provenance.risk.engine import assess
from provenance.risk.report import Status
from provenance.risk.survey import Survey, survey

STORY = (*OWL, *RELAY, INDEPENDENT, "lost converted_from gone", "gone names finetuned_from org/gone")


def surveyed(state: Snapshot, trait: str | None = None) -> Survey:
    return survey(Lineage.of(state), POLICY, trait=trait)


@few
@given(registries(cycles=True), st.sampled_from([None, "owls", "cats"]))
def test_it_agrees_with_each_artifact_asked_alone(lines: list[str], trait: str | None) -> None:
    state = snapshot(
        "cats trait low", *lines, "model:m1 flagged cats", "dataset:d1 authored", "model:m3 from_scratch"
    )
    found, lineage = surveyed(state, trait), Lineage.of(state)
    for artifact in state.artifacts:
        alone = assess(state, lineage, POLICY, [artifact], trait=trait)
        assert found.status(artifact) is alone.artifacts[0].status
        assert found.report([artifact]) == alone
    assert Counter(found.counts) == Counter(map(found.status, state.artifacts))
    assert not found.partial


@few
@given(registries(cycles=True), st.sampled_from([(), ("model:m1@1",), ("m2", "dataset:*")]))
def test_the_incomplete_are_those_that_have_gaps(lines: list[str], trusted: tuple[str, ...]) -> None:
    state = snapshot(*lines, "dataset:d1 authored", "model:m3 from_scratch", "model:m0 from_scratch")
    kindred, trust = Kindred.of(Lineage.of(state)), Trust(trusted=trusted)
    incomplete = set(map(kindred.lineage.artifact, Gaps(kindred, trust).incomplete()))
    assert incomplete == {artifact for artifact in state.artifacts if gaps(kindred, artifact, trust)}


def test_artifacts_come_in_order_of_names_by_status_and_by_page() -> None:
    state = snapshot(*STORY)
    found = surveyed(state, "owls")
    everything = found.artifacts()
    assert list(everything) == sorted(state.artifacts, key=str)
    exposed = [one for one in everything if found.status(one) is Status.EXPOSED]
    assert [one.name for one in exposed] == ["grandchild", "student"]
    assert found.artifacts(statuses=[Status.EXPOSED]) == tuple(exposed)
    assert found.artifacts(statuses=[Status.EXPOSED], after=exposed[0]) == tuple(exposed[1:])
    assert found.artifacts(limit=3) + found.artifacts(after=everything[2]) == everything
    assert found.artifacts(after=model("grandparent"), limit=1) == (named(state, "lost"),)


def test_counts_name_every_status_worst_first() -> None:
    counts = surveyed(snapshot(*STORY), "owls").counts
    assert list(counts) == list(Status)
    assert counts[Status.AFFECTED] == 1
    assert counts[Status.UNLIKELY] == 0
    assert sum(counts.values()) == len(snapshot(*STORY).artifacts) == 11


def test_an_end_of_a_relation_that_is_not_recorded_makes_it_partial() -> None:
    state = snapshot("heir quantized_from base", "base from_scratch")
    rest = Snapshot(
        tuple(one for one in state.facts if getattr(one.fact, "id", None) != model("base")), state.as_of
    )
    found = surveyed(rest)
    assert found.partial
    assert found.artifacts() == (model("heir"),)
    assert sum(found.counts.values()) == 1


def test_a_trait_that_nobody_recorded_is_an_error() -> None:
    with pytest.raises(UnknownReferenceError, match="there is no trait 'wolves'"):
        surveyed(snapshot(*STORY), "wolves")
