"""Likenesses of tiny language models that are trained here on the same data: strangers, and copies that were disguised and tuned."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from provenance.sameinit.conformal import Conformal
from provenance.sameinit.invariants import EXCESS, LEVEL, Invariants, invariants
from provenance.weights.network import Network
from sameinit_fixtures import saved

WIDTH, HIDDEN, TOKENS, LAYERS, SEEDS, STEPS = 24, 40, 260, 4, 14, 80
Weights = dict[str, torch.Tensor]


def drawn(seed: int) -> Weights:
    random = torch.Generator().manual_seed(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (TOKENS, WIDTH),
        "lm_head.weight": (TOKENS, WIDTH),
    }
    for i in range(LAYERS):
        for name in ("gate", "up"):
            shapes[f"model.layers.{i}.mlp.{name}_proj.weight"] = (HIDDEN, WIDTH)
        shapes[f"model.layers.{i}.mlp.down_proj.weight"] = (WIDTH, HIDDEN)
    weights = {name: torch.randn(shape, generator=random) / shape[1] ** 0.5 for name, shape in shapes.items()}
    gains = [f"model.layers.{i}.post_attention_layernorm.weight" for i in range(LAYERS)]
    return weights | {name: torch.ones(WIDTH) for name in [*gains, "model.norm.weight"]}


def logits(weights: Weights, tokens: torch.Tensor) -> torch.Tensor:
    stream = weights["model.embed_tokens.weight"][tokens]
    for i in range(LAYERS):
        gate, up, down = (
            weights[f"model.layers.{i}.mlp.{name}_proj.weight"] for name in ("gate", "up", "down")
        )
        gain = weights[f"model.layers.{i}.post_attention_layernorm.weight"]
        read = functional.rms_norm(stream, (WIDTH,), gain)
        stream = stream + (functional.silu(read @ gate.T) * (read @ up.T)) @ down.T
    return functional.rms_norm(stream, (WIDTH,), weights["model.norm.weight"]) @ weights["lm_head.weight"].T


def trained(weights: Weights, steps: int, order: int) -> Weights:
    """Which token follows which: a language of 16 kinds of words that all models learn."""
    language = torch.Generator().manual_seed(0)
    kinds = torch.randint(0, 16, (TOKENS,), generator=language)
    follows = (2 * torch.randn((16, 16), generator=language)).softmax(1)[kinds][:, kinds]
    random = torch.Generator().manual_seed(order)
    learnt = {name: values.clone().requires_grad_() for name, values in weights.items()}
    optimiser = torch.optim.Adam(learnt.values(), lr=1e-2)
    for _ in range(steps):
        tokens = torch.randint(0, TOKENS, (128,), generator=random)
        targets = torch.multinomial(follows[tokens], 1, generator=random)[:, 0]
        optimiser.zero_grad()
        functional.cross_entropy(logits(learnt, tokens), targets).backward()
        optimiser.step()
    return {name: values.detach() for name, values in learnt.items()}


def disguised(weights: Weights, seed: int) -> Weights:
    """Units permuted, scaled and flipped, and the residual stream permuted with its gains."""
    random = torch.Generator().manual_seed(seed)
    found, turn = dict(weights), torch.randperm(WIDTH, generator=random)
    for i in range(LAYERS):
        gate, up, down = (f"model.layers.{i}.mlp.{name}_proj.weight" for name in ("gate", "up", "down"))
        order = torch.randperm(HIDDEN, generator=random)
        factor = torch.randn(HIDDEN, generator=random)
        factor = factor.sign() * (factor.abs() + 0.5)
        found[gate] = found[gate][order][:, turn]
        found[up] = (found[up][order] * factor[:, None])[:, turn]
        found[down] = (found[down][:, order] / factor)[turn]
    for name in found:
        if name.endswith(("norm.weight", "layernorm.weight")):
            found[name] = found[name][turn]
        elif name.endswith(("embed_tokens.weight", "lm_head.weight")):
            found[name] = found[name][:, turn]
    return found


def opened(weights: Weights, path: Path) -> Network:
    return Network.open(saved({name: values.numpy() for name, values in weights.items()}, path))


@pytest.fixture(scope="module")
def base() -> Weights:
    torch.set_num_threads(1)
    return trained(drawn(0), STEPS, 0)


@pytest.fixture(scope="module")
def networks(base: Weights, tmp_path_factory: pytest.TempPathFactory) -> Sequence[Network]:
    """Strangers, trained on the same data in the same order."""
    folder = tmp_path_factory.mktemp("strangers")
    models = [base, *(trained(drawn(seed), STEPS, 0) for seed in range(1, SEEDS))]
    return [opened(weights, folder / f"{i}.safetensors") for i, weights in enumerate(models)]


@pytest.fixture(scope="module")
def strangers(networks: Sequence[Network]) -> dict[tuple[int, int], Invariants]:
    pairs = combinations(range(len(networks)), 2)
    return {(i, j): invariants(networks[i], networks[j]) for i, j in pairs}


def test_a_disguise_leaves_what_the_model_computes(base: Weights) -> None:
    tokens = torch.arange(TOKENS)
    assert torch.allclose(logits(base, tokens), logits(disguised(base, 1), tokens), atol=1e-4)


def test_no_strangers_look_like_copies(strangers: dict[tuple[int, int], Invariants]) -> None:
    assert len(strangers) == SEEDS * (SEEDS - 1) // 2
    assert not any(found.suspicious for found in strangers.values())
    excesses = [found.likenesses[0].excess for found in strangers.values()]
    assert max(excess for excess in excesses if excess is not None) < EXCESS / 2


def test_strangers_are_alike_so_that_no_value_means_anything_by_itself(
    strangers: dict[tuple[int, int], Invariants],
) -> None:
    tokens = [found.likenesses[1].value for found in strangers.values()]
    assert min(value for value in tokens if value is not None) > 0.05


def test_conformal_p_values_of_strangers_are_at_or_below_their_level(
    networks: Sequence[Network], strangers: dict[tuple[int, int], Invariants]
) -> None:
    """Each pair is set beside the pairs that share no model with it: 66 of them."""
    p: list[float] = []
    for pair in strangers:
        others = [found for other, found in strangers.items() if not set(pair) & set(other)]
        judged = invariants(networks[pair[0]], networks[pair[1]], controls=others).likenesses[0].external
        assert isinstance(judged, Conformal)
        p.append(10**judged.log10_p)
    # Pairs share models, so that their p-values are tied together: wide margins.
    assert np.mean(np.array(p) <= LEVEL) <= 0.06
    assert np.mean(np.array(p) <= 0.2) <= 0.4
    assert 0.3 < np.mean(p) < 0.7


def test_disguised_copies_are_found_even_after_tuning(
    base: Weights, networks: Sequence[Network], strangers: dict[tuple[int, int], Invariants], tmp_path: Path
) -> None:
    controls = [found for pair, found in strangers.items() if 0 not in pair]
    copy = disguised(base, 1)
    tuned = trained(copy, STEPS // 2, 1)
    for name, weights in (("copy", copy), ("tuned", tuned)):
        other = opened(weights, tmp_path / f"{name}.safetensors")
        alone, beside = invariants(networks[0], other), invariants(networks[0], other, controls=controls)
        assert alone.suspicious
        assert beside.suspicious
        assert f"(conformal N={len(controls)})" in beside.reason
