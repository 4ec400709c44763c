"""Two checkpoints in, one verdict out: on small models with real names, drawn and disturbed so that the answer is known."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance.artifacts import ArtifactId
from provenance.errors import ContentError, UsageError
from provenance.evidence import TestKind, Verdict
from provenance.facts import from_json, to_json
from provenance.sameinit import Comparison, Effort, Limits, compare
from sameinit_fixtures import ARCHITECTURES, Tensors, drawn, moved, saved

CHAIN = ARCHITECTURES["mlp"]
# The small models of these tests have few units; what they can tell is told by a limit that fits them.
SMALL = Limits(rho=0.5, coverage=0.3)


def compared(folder: Path, a: Tensors, b: Tensors, limits: Limits = SMALL) -> Comparison:
    return compare(saved(a, folder / "a.safetensors"), saved(b, folder / "b.safetensors"), limits=limits)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_model_and_its_descendant_share_their_initialisation(architecture: str, tmp_path: Path) -> None:
    base = drawn(ARCHITECTURES[architecture], 1)
    found = compared(tmp_path, moved(base, 8, 0.9), moved(base, 9, 0.9))
    assert found.verdict is Verdict.SAME_INIT
    assert found.kinship == "same_init_diverged"
    assert found.log10_p is not None
    assert found.log10_p < -9
    assert found.aligned_cosine == pytest.approx(0.81, abs=0.03)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_two_seeds_are_independent(architecture: str, tmp_path: Path) -> None:
    shapes = ARCHITECTURES[architecture]
    found = compared(tmp_path, moved(drawn(shapes, 1), 8, 0.9), moved(drawn(shapes, 2), 9, 0.9))
    assert found.verdict is Verdict.INDEPENDENT, found.reason
    assert found.kinship is None
    assert found.rho_min is not None
    assert found.rho_min <= SMALL.rho


@pytest.mark.parametrize("architecture", ["llama", "bert", "mlp"])
def test_the_level_is_kept_over_many_independent_pairs(architecture: str, tmp_path: Path) -> None:
    shapes = ARCHITECTURES[architecture]
    paths = [saved(drawn(shapes, seed), tmp_path / f"{seed}.safetensors") for seed in range(13)]
    p = np.array(
        [
            10 ** (found.log10_p or 0.0)
            for i, one in enumerate(paths)
            for other in paths[:i]
            if (found := compare(one, other)).verdict is not Verdict.SAME_INIT
        ]
    )
    assert len(p) == 78
    # Three standard errors of 78 draws above 0.05 and 0.01.
    assert (p <= 0.05).mean() <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 78)
    assert (p <= 0.01).mean() <= 0.01 + 3 * math.sqrt(0.01 * 0.99 / 78)
    # Small p-values of few coins are multiplied by the number of parts and tiers: most of the large ones become 1.
    assert (p <= 0.5).mean() >= 0.05


def test_what_all_units_have_in_common_is_no_kinship(tmp_path: Path) -> None:
    common = {name: np.full(shape, 0.03, np.float32) for name, shape in CHAIN.items()}
    a, b = ({name: values + common[name] for name, values in drawn(CHAIN, seed).items()} for seed in (1, 2))
    found = compared(tmp_path, a, b)
    assert found.verdict is Verdict.INDEPENDENT, found.reason
    assert found.aligned_cosine is not None
    assert found.aligned_cosine > 0.6


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bert"])
def test_a_copied_embedding_is_partial_kinship(architecture: str, tmp_path: Path) -> None:
    shapes = ARCHITECTURES[architecture]
    a, b = drawn(shapes, 1), drawn(shapes, 2)
    copied = {name: values for name, values in a.items() if "embed" in name or "wte" in name}
    found = compared(tmp_path, moved(a, 8, 0.95), moved({**b, **copied}, 9, 0.95))
    assert found.verdict is Verdict.SAME_INIT
    assert found.kinship == "partial"
    assert "shared are embedding (1 group); not shared, though it would have been seen, are " in found.reason
    assert found.reason.count("embedding") == 1


def test_an_extended_vocabulary_is_compared_by_its_common_tokens(tmp_path: Path) -> None:
    a = drawn(ARCHITECTURES["llama"], 1)
    extended = {
        name: np.concatenate([values, values[:7] * 0.1]) if values.shape == (80, 64) else values
        for name, values in moved(a, 9, 0.95).items()
    }
    found = compared(tmp_path, a, extended)
    assert found.verdict is Verdict.SAME_INIT
    assert all(test.untestable is None for test in found.tests)


def test_another_export_under_a_prefix_is_the_same_model(tmp_path: Path) -> None:
    plain = drawn(ARCHITECTURES["bert"], 1)
    exported = {"bert." + name: values for name, values in plain.items()}
    found = compared(tmp_path, plain, exported)
    assert (found.verdict, found.kinship) == (Verdict.SAME_INIT, "identical")


def test_frozen_layers_make_the_other_model_derived(tmp_path: Path) -> None:
    a = moved(drawn(ARCHITECTURES["llama"], 1), 7, 0.9)
    tuned = {
        name: values if ".0." in name else moved({name: values}, 3, 0.9)[name] for name, values in a.items()
    }
    found = compared(tmp_path, a, tuned)
    assert found.kinship == "derived"
    assert "equal byte for byte" in found.reason


def test_a_cast_to_half_precision_is_derived(tmp_path: Path) -> None:
    a = moved(drawn(ARCHITECTURES["gpt2"], 1), 7, 0.9)
    found = compared(tmp_path, a, {name: values.astype(np.float16) for name, values in a.items()})
    assert (found.verdict, found.kinship) == (Verdict.SAME_INIT, "derived")


def spoiled(value: float) -> Callable[[Tensors], Tensors]:
    def spoil(tensors: Tensors) -> Tensors:
        changed = {name: values.copy() for name, values in tensors.items()}
        for values in changed.values():
            values[(0,) * values.ndim] = value
        return changed

    return spoil


def filled(value: float) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {name: np.full_like(values, value) for name, values in tensors.items()}


NOTHING_TO_GO_BY: dict[str, Callable[[Tensors], Tensors]] = {
    "NaN in every tensor": spoiled(np.nan),
    "infinity in every tensor": spoiled(np.inf),
    "values whose squares overflow": filled(3e38),
    "all zeros": filled(0.0),
    "all ones": filled(1.0),
    "identity matrices": lambda tensors: {
        name: np.eye(*values.shape, dtype=np.float32) if values.ndim > 1 else values
        for name, values in tensors.items()
    },
    "integers": lambda tensors: {name: (values * 1000).astype(np.int8) for name, values in tensors.items()},
    "no tensors at all": lambda _: {},
    "one layer": lambda tensors: {"layers.0.weight": tensors["layers.0.weight"]},
    "no matrices": lambda tensors: {"layers.0.bias": tensors["layers.0.bias"]},
    "unknown names": lambda tensors: {f"x{n}": values for n, values in enumerate(tensors.values())},
    "another width": lambda _: drawn({"layers.0.weight": (48, 16), "layers.1.weight": (10, 48)}, 5),
    "another architecture": lambda _: drawn(ARCHITECTURES["bert"], 5),
}


@pytest.mark.parametrize("case", NOTHING_TO_GO_BY)
def test_missing_signals_are_inconclusive_and_never_a_match(case: str, tmp_path: Path) -> None:
    sizes = {"layers.0.weight": (64, 64), "layers.0.bias": (64,), "layers.1.weight": (64, 64)}
    whole = drawn(sizes, 1)
    other = NOTHING_TO_GO_BY[case](drawn(sizes, 2))
    found = compared(tmp_path, whole, other)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason
    assert json.loads(json.dumps(found.document(), allow_nan=False))["verdict"] == "INCONCLUSIVE"


@pytest.mark.parametrize(
    "case", ["all zeros", "all ones", "identity matrices", "NaN in every tensor", "no tensors at all"]
)
def test_two_models_that_hold_nothing_drawn_are_no_match_though_they_are_equal(
    case: str, tmp_path: Path
) -> None:
    sizes = {"layers.0.weight": (64, 64), "layers.1.weight": (64, 64)}
    same = NOTHING_TO_GO_BY[case](drawn(sizes, 1))
    assert compared(tmp_path, same, same).verdict is Verdict.INCONCLUSIVE


def test_a_sinusoidal_position_table_keeps_the_embedding_out(tmp_path: Path) -> None:
    angles = np.arange(40)[:, None] / 10000 ** (np.arange(32) / 32)
    table = np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
    models = (
        {**drawn(ARCHITECTURES["bert"], seed), "embeddings.position_embeddings.weight": table}
        for seed in (1, 2)
    )
    found = compared(tmp_path, *models)
    (embedding,) = (test for test in found.tests if test.part == "embedding")
    assert embedding.untestable == "embeddings.position_embeddings.weight holds sinusoids"
    assert found.verdict is Verdict.INCONCLUSIVE


def test_one_tensor_with_nan_keeps_independence_from_being_claimed(tmp_path: Path) -> None:
    a, b = (drawn(ARCHITECTURES["bert"], seed) for seed in (1, 2))
    b["encoder.layer.1.output.dense.weight"][0, 0] = np.nan
    found = compared(tmp_path, a, b)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "encoder.layer.1.output.dense.weight holds NaN, infinite or huge values" in found.reason


def test_a_missing_layer_keeps_independence_from_being_claimed(tmp_path: Path) -> None:
    a, b = (drawn(ARCHITECTURES["llama"], seed) for seed in (1, 2))
    shorter = {name: values for name, values in b.items() if ".1." not in name}
    found = compared(tmp_path, a, shorter)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "have no counterpart in the other" in found.reason


def test_a_model_too_small_to_tell_is_inconclusive_with_the_reason(tmp_path: Path) -> None:
    sizes = {"layers.0.weight": (8, 4), "layers.1.weight": (3, 8)}
    found = compared(tmp_path, drawn(sizes, 1), drawn(sizes, 2), Limits())
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "no correlation at all could have been found" in found.reason
    assert found.rho_min is None


def test_a_limit_below_what_can_be_detected_makes_independence_inconclusive(tmp_path: Path) -> None:
    found = compared(tmp_path, drawn(CHAIN, 1), drawn(CHAIN, 2), replace(SMALL, rho=0.001))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "and the limit is 0.001" in found.reason


def outcome(found: Comparison) -> dict[str, object]:
    """All that a comparison says, with places of the two models that were aligned named in one order."""
    turned = [
        replace(test, name=f"{sorted(places.split('~'))}.{roles}") if test.tier == 2 else test
        for test in found.tests
        for places, _, roles in [test.name.rpartition(".")]
    ]
    ordered = replace(found, tests=tuple(sorted(turned, key=lambda test: (test.tier, test.name))), layers=())
    document: dict[str, object] = ordered.document()
    return {name: value for name, value in document.items() if name not in {"a", "b", "seconds"}}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    architecture=st.sampled_from(sorted(ARCHITECTURES)),
    seeds=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    correlation=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    half=st.booleans(),
)
def test_exchanging_the_two_models_changes_nothing(
    tmp_path: Path, architecture: str, seeds: tuple[int, int], correlation: float, half: bool
) -> None:
    shapes = ARCHITECTURES[architecture]
    a, b = moved(drawn(shapes, seeds[0]), 1, correlation), moved(drawn(shapes, seeds[1]), 2, correlation)
    if half:
        b = {name: values.astype(np.float16) for name, values in b.items()}
    one, other = saved(a, tmp_path / "one.safetensors"), saved(b, tmp_path / "other.safetensors")
    assert outcome(compare(one, other)) == outcome(compare(other, one)) == outcome(compare(one, other))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lost=st.sets(st.sampled_from(sorted(ARCHITECTURES["bert"])), min_size=1, max_size=20))
def test_losing_tensors_never_turns_a_verdict_into_independence(tmp_path: Path, lost: set[str]) -> None:
    base = drawn(ARCHITECTURES["bert"], 1)
    kept = {name: values for name, values in moved(base, 2, 0.9).items() if name not in lost}
    assert compared(tmp_path, base, kept).verdict is not Verdict.INDEPENDENT


def test_a_comparison_becomes_evidence_that_the_ledger_can_hold(tmp_path: Path) -> None:
    found = compared(tmp_path, drawn(CHAIN, 1), moved(drawn(CHAIN, 1), 2, 0.9))
    ids = ArtifactId.parse("model:a@1"), ArtifactId.parse("model:b@1")
    evidence = found.evidence(*ids, {"parent": "blake3:" + "0" * 64}, datetime(2026, 1, 2, tzinfo=UTC))
    assert (evidence.test, evidence.verdict) == (TestKind.SAME_INIT, Verdict.SAME_INIT)
    assert evidence.method == found.method
    assert evidence.result["log10_p"] == found.log10_p
    assert "seconds" not in evidence.result
    assert from_json("evidence", to_json(evidence)) == evidence


def test_the_method_names_the_effort_and_every_limit() -> None:
    method = Limits(alpha=1e-9, rho=0.2).method(Effort.FAST)
    assert method == (
        "sameinit/sign-swap-fisher-bonferroni"
        "(effort=fast,alpha=1e-09,doubt=0.001,rho=0.2,coverage=0.5,derived=0.999)@4"
    )


@pytest.mark.parametrize("wrong", [{"alpha": 0.0}, {"alpha": 0.1}, {"doubt": 1.0}])
def test_limits_that_contradict_each_other_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="limits need 0 < alpha <= doubt < 1"):
        Limits(**wrong)


@pytest.mark.parametrize("name", ["rho", "coverage", "derived"])
def test_shares_outside_their_range_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"the limit {name} lies above 0"):
        Limits(**{name: 1.5})


def test_a_broken_file_is_an_error_and_no_verdict(tmp_path: Path) -> None:
    good, broken = saved(drawn(CHAIN, 1), tmp_path / "a.safetensors"), tmp_path / "b.safetensors"
    broken.write_bytes(good.read_bytes()[:-4])
    with pytest.raises(ContentError, match=r"b\.safetensors is not a sound safetensors file"):
        compare(good, broken)


def test_an_equal_table_that_was_computed_is_no_sign_of_kinship(tmp_path: Path) -> None:
    phases = 2 * np.pi * np.outer(np.arange(17), np.arange(32)) / 32
    basis = np.concatenate([np.cos(phases), np.sin(phases)]).astype(np.float32)
    a, b = ({**drawn(CHAIN, seed), "stft.basis": basis} for seed in (1, 2))
    assert compared(tmp_path, a, b).verdict is Verdict.INDEPENDENT


def test_an_equal_table_that_was_learnt_keeps_independence_from_being_claimed(tmp_path: Path) -> None:
    table = drawn({"lookup": (30, 30)}, 3)
    found = compared(tmp_path, {**drawn(CHAIN, 1), **table}, {**drawn(CHAIN, 2), **table})
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "1 tensors are equal byte for byte" in found.reason


def test_a_name_of_a_million_parts_is_compared_like_any_other(tmp_path: Path) -> None:
    odd = {"a." * 500_000 + "b": np.ones((2, 2), np.float32)}
    assert compared(tmp_path, {**drawn(CHAIN, 1), **odd}, drawn(CHAIN, 2)).verdict is Verdict.INDEPENDENT
