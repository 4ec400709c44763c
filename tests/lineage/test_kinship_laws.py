"""Kinship of two models, told from their two ancestries, is what a table of all relatives says."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kinship_oracle import Oracle

from lineage_fixtures import snapshot
from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred

MODELS = tuple(f"m{place}" for place in range(8))
VERBS = ("finetuned_from", "merged_from", "quantized_from", "adapter_of")
SAID = (
    "SAME_INIT",
    "SAME_INIT kinship=identical",
    "SAME_INIT kinship=partial",
    "INDEPENDENT",
    "INDEPENDENT",
    "INCONCLUSIVE",
)


@st.composite
def families(draw: st.DrawFn) -> list[str]:
    """The sentences of a registry of models alone; in every other one relations may go in circles."""
    order = draw(st.permutations(MODELS))
    circles = draw(st.booleans())
    pairs = [(order[one], order[other]) for one in range(8) for other in range(8) if one < other or circles]
    edges = draw(
        st.lists(
            st.tuples(
                st.sampled_from([pair for pair in pairs if pair[0] != pair[1]]), st.sampled_from(VERBS)
            ),
            min_size=4,
            max_size=12,
            unique=True,
        )
    )
    tested = st.sampled_from([(a, b) for a in MODELS for b in MODELS if a != b])
    tests = draw(st.lists(st.tuples(tested, st.sampled_from(SAID)), max_size=6))
    return [
        *MODELS,
        *(f"{child} {verb} {parent}" for (parent, child), verb in edges),
        *(f"{one} same_init {other} {said}" for (one, other), said in tests),
    ]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(families())
def test_two_ancestries_say_what_a_table_of_all_relatives_says(lines: list[str]) -> None:
    state = snapshot(*lines)
    recorded = Kindred.of(Lineage.of(state))
    for kindred, believing in ((recorded, False), (recorded.as_declared, True)):
        oracle = Oracle(state, believing=believing)
        for one in state.artifacts:
            table = oracle.table(one)
            found = {other: kindred.kin(one, other) for other in state.artifacts}
            told = {
                other: (kin.kinship.value, kin.through, kin.measured and kin.measured.id)
                for other, kin in found.items()
                if kin is not None
            }
            assert told == table
            assert [member.artifact for member in kindred.family(one)] == sorted(table, key=str)
