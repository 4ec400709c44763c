"""Search: kin are found among strangers whatever was done to them, and strangers are not."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from provenance.sameinit.search import WHOLE, SignIndex, search
from provenance.sameinit.signs import SignPlan
from provenance.sameinit.sketch import Sketch, sketch
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.network import Network
from sameinit_fixtures import ARCHITECTURES, LAYERS, TOKENS, WIDTH, Tensors, drawn, moved

STRANGERS = 40
SHAPES = ARCHITECTURES["llama"]
BASE = drawn(SHAPES, 1000)


def of(tensors: Tensors) -> Sketch:
    arrays = {name: values.astype(np.float32) for name, values in tensors.items()}
    found = sketch(Network.of(Checkpoint.of(Path("model"), arrays)))
    assert found is not None
    return found


def indexed(sketches: Mapping[str, Sketch]) -> SignIndex:
    return SignIndex.of(
        digests=list(sketches),
        plans=[str(one.plan) for one in sketches.values()],
        bits=[one.bits for one in sketches.values()],
        texts={str(one.plan): one.plan for one in sketches.values()},
    )


@pytest.fixture(scope="module")
def strangers() -> dict[str, Sketch]:
    return {f"stranger {seed}": of(drawn(SHAPES, seed)) for seed in range(STRANGERS)}


def low_rank(tensors: Tensors) -> Tensors:
    """A merged LoRA of rank 2, as large as the weights themselves."""
    rng = np.random.default_rng(601)
    return {
        name: values
        if values.ndim < 2
        else values
        + 0.02 * rng.normal(size=(len(values), 2)) @ rng.normal(size=(2, values.shape[1])) / np.sqrt(2)
        for name, values in tensors.items()
    }


def rounded(tensors: Tensors) -> Tensors:
    return {
        name: np.rint(values / (step := np.abs(values).max() / 127)) * step
        for name, values in tensors.items()
    }


def pruned(tensors: Tensors) -> Tensors:
    return {
        name: np.where(np.abs(values) < np.median(np.abs(values)), 0, values) if values.ndim > 1 else values
        for name, values in tensors.items()
    }


def extended(tensors: Tensors) -> Tensors:
    rng = np.random.default_rng(602)
    return {
        name: np.concatenate([values, 0.02 * rng.normal(size=(9, values.shape[1]))])
        if len(values) == TOKENS
        else values
        for name, values in tensors.items()
    }


def merged(tensors: Tensors) -> Tensors:
    other = drawn(SHAPES, 2000)
    return {name: 0.2 * values + 0.8 * other[name] for name, values in tensors.items()}


def shallower(tensors: Tensors) -> Tensors:
    return {name: values for name, values in tensors.items() if f"layers.{LAYERS - 1}." not in name}


KIN = {
    "fine-tuned": lambda base: moved(base, 501, 0.6),
    "low-rank update merged": low_rank,
    "int8": rounded,
    "half pruned": pruned,
    "vocabulary extended": extended,
    "a fifth of a merge": merged,
    "layers removed": shallower,
}


@pytest.mark.parametrize("made", sorted(KIN))
def test_kin_are_found_among_strangers_and_nothing_else_is(made: str, strangers: dict[str, Sketch]) -> None:
    index = indexed(strangers | {"base": of(BASE)})
    hits = search(of(KIN[made](BASE)), index)
    assert [hit.digest for hit in hits] == ["base"]
    assert hits[0].log10_p < -6
    assert hits[0].z > 6


def test_a_merge_has_two_parents_and_the_nearer_comes_first(strangers: dict[str, Sketch]) -> None:
    index = indexed(strangers | {"minor": of(BASE), "major": of(drawn(SHAPES, 2000))})
    hits = search(of(merged(BASE)), index)
    assert [hit.digest for hit in hits] == ["major", "minor"]
    assert [hit.part for hit in hits] == [WHOLE, WHOLE]


def test_a_copied_embedding_is_found_in_its_part(strangers: dict[str, Sketch]) -> None:
    other = drawn(SHAPES, 3000) | {"model.embed_tokens.weight": BASE["model.embed_tokens.weight"]}
    (hit,) = search(of(other), indexed(strangers | {"base": of(BASE)}))
    assert (hit.digest, hit.part) == ("base", "embedding")
    assert hit.agree > 0.99 * hit.signs


def test_the_signs_of_strangers_agree_as_coins_do() -> None:
    """780 pairs of each of two architectures, all signs in common; also when both are half pruned or share an offset."""
    for architecture in ("llama", "bert"):
        for change in (
            lambda tensors: tensors,
            pruned,
            lambda tensors: {name: values + 0.02 for name, values in tensors.items()},
        ):
            bits = [
                np.unpackbits(
                    np.frombuffer(of(change(drawn(ARCHITECTURES[architecture], seed))).bits, np.uint8)
                )
                for seed in range(STRANGERS)
            ]
            signs = 2.0 * np.array(bits)[:, :4000] - 1
            z = (signs @ signs.T)[np.triu_indices(STRANGERS, 1)] / np.sqrt(signs.shape[1])
            assert abs(z.mean()) < 0.15
            assert 0.85 < z.std() < 1.15
            assert np.abs(z).max() < 4.5


def test_directions_that_tokens_have_in_common_make_no_hits_of_strangers() -> None:
    """What usual language models have: every token's embedding is the same large vector and a part of its own."""

    def leaning(seed: int) -> Tensors:
        rng = np.random.default_rng(700 + seed)
        return {
            name: values + 0.04 * rng.normal(size=WIDTH) if len(values) == TOKENS else values
            for name, values in drawn(SHAPES, seed).items()
        }

    leaners = {f"stranger {seed}": of(leaning(seed)) for seed in range(STRANGERS)}
    hits = {name: [hit.digest for hit in search(one, indexed(leaners))] for name, one in leaners.items()}
    assert hits == {name: [name] for name in leaners}


def test_unlike_plans_are_set_side_by_side_by_what_their_signs_are_of() -> None:
    """The same signs counted sign by sign, because the plan's text differs, and by whole words."""
    query, other = of(moved(BASE, 502, 0.3)), of(BASE)
    (by_words,) = search(query, indexed({"base": other}))
    plan = SignPlan.from_bytes(other.plan)
    backwards = SignPlan(plan.parts[::-1], plan.keys, plan.at).to_bytes()
    index = SignIndex.of(["base"], ["p"], [other.bits], {"p": backwards})
    (by_signs,) = search(query, index)
    assert by_signs == by_words


def test_too_few_signs_in_common_are_no_hit() -> None:
    rng = np.random.default_rng(0)
    tiny = of({"layers.0.weight": rng.normal(size=(12, 8)), "layers.1.weight": rng.normal(size=(6, 12))})
    index = indexed({"itself": tiny})
    assert [hit.digest for hit in search(tiny, index)] == ["itself"]
    assert search(tiny, index, floor=256) == ()


def test_an_empty_index_has_no_hits() -> None:
    assert search(of(BASE), SignIndex.of([], [], [], {})) == ()


def test_architectures_that_share_nothing_are_told_apart_at_once(strangers: dict[str, Sketch]) -> None:
    assert search(of(drawn(ARCHITECTURES["bert"], 503)), indexed(strangers)) == ()


def test_the_p_value_pays_for_every_sketch_that_was_looked_at(strangers: dict[str, Sketch]) -> None:
    base = of(BASE)
    query = of(merged(BASE))
    (alone,) = search(query, indexed({"base": base}))
    among = {hit.digest: hit for hit in search(query, indexed(strangers | {"base": base}))}["base"]
    assert among.log10_p - alone.log10_p == pytest.approx(np.log10(STRANGERS + 1))
