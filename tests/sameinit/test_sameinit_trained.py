"""Networks that were trained for real: kin that went apart, and strangers that learnt the same."""

from collections.abc import Callable, Iterator
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import Linear, Module, ReLU, Sequential
from torch.nn.functional import cross_entropy, mse_loss

from provenance.evidence import Verdict
from provenance.sameinit import compare
from sameinit_fixtures import saved

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
SIZES = (64, 256, 256, 40)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def fresh(seed: int) -> Sequential:
    """A digits network with N(0, 1/d) weights and zero biases."""
    rng = torch.Generator().manual_seed(seed)
    layers: list[Module] = []
    for inputs, outputs in pairwise(SIZES):
        layer = Linear(inputs, outputs)
        with torch.no_grad():
            layer.weight.copy_(torch.randn(outputs, inputs, generator=rng) / inputs**0.5)
            layer.bias.zero_()
        layers += [layer, ReLU()]
    return Sequential(*layers[:-1])


def trained(network: Sequential, seed: int, steps: int = 300) -> Sequential:
    """The network after some steps of Adam on digits, in an order of its own."""
    digits = load_digits()
    images, labels = torch.tensor(digits.data / 16).float(), torch.tensor(digits.target)
    return _fitted(network, seed, steps, images, lambda out, rows: cross_entropy(out[:, :10], labels[rows]))


def distilled(network: Sequential, teacher: Sequential, seed: int, steps: int = 300) -> Sequential:
    """The network after imitating a teacher's outputs on noise."""
    noise = torch.rand(1797, 64, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        target = teacher(noise)
    return _fitted(network, seed, steps, noise, lambda out, rows: mse_loss(out, target[rows]))


def _fitted(network: Sequential, seed: int, steps: int, inputs: torch.Tensor, loss: Loss) -> Sequential:
    order = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(steps):
        rows = torch.randint(0, len(inputs), (64,), generator=order)
        optimiser.zero_grad()
        loss(network(inputs[rows]), rows).backward()
        optimiser.step()
    return network


def written(network: Sequential, path: Path) -> Path:
    return saved({name: values.numpy() for name, values in network.state_dict().items()}, path)


def test_a_model_that_was_trained_from_a_base_shares_its_initialisation(tmp_path: Path) -> None:
    base = written(fresh(0), tmp_path / "base.safetensors")
    child = written(trained(fresh(0), 1), tmp_path / "child.safetensors")
    found = compare(base, child)
    assert (found.verdict, found.kinship) == (Verdict.SAME_INIT, "derived")
    assert "still at its initialisation" in found.reason


def test_two_children_of_one_base_share_its_initialisation_and_neither_is_called_the_other_s_parent(
    tmp_path: Path,
) -> None:
    one, other = (written(trained(fresh(0), seed), tmp_path / f"{seed}.safetensors") for seed in (1, 2))
    found = compare(one, other)
    assert (found.verdict, found.kinship) == (Verdict.SAME_INIT, "same_init_diverged")


def test_a_student_of_a_teacher_with_another_initialisation_stays_independent(tmp_path: Path) -> None:
    teacher = trained(fresh(0), 1)
    student = written(distilled(fresh(1), teacher, 5), tmp_path / "student.safetensors")
    found = compare(written(teacher, tmp_path / "teacher.safetensors"), student)
    assert found.verdict is Verdict.INDEPENDENT, found.reason


def test_a_student_of_a_teacher_with_the_same_initialisation_is_found(tmp_path: Path) -> None:
    teacher = trained(fresh(0), 1)
    student = written(distilled(fresh(0), teacher, 5), tmp_path / "student.safetensors")
    assert compare(written(teacher, tmp_path / "teacher.safetensors"), student).verdict is Verdict.SAME_INIT


def test_matching_hidden_units_one_by_one_is_outside_of_the_null_hypothesis_and_each_result_says_so(
    tmp_path: Path,
) -> None:
    teacher, student = trained(fresh(0), 1), fresh(1)
    noise = torch.rand(1797, 64, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        target = teacher[:2](noise)
    _fitted(student[:2], 5, 1500, noise, lambda out, rows: mse_loss(out, target[rows]))
    found = compare(
        written(teacher, tmp_path / "teacher.safetensors"), written(student, tmp_path / "student.safetensors")
    )
    assert found.verdict is Verdict.SAME_INIT
    assert any("matching hidden activations without a projection" in text for text in found.assumptions)


def test_strangers_that_were_trained_on_the_same_data_in_the_same_order_stay_independent(
    tmp_path: Path,
) -> None:
    networks = [written(trained(fresh(seed), 1, 120), tmp_path / f"{seed}.safetensors") for seed in range(12)]
    found = [compare(one, other) for one, other in combinations(networks, 2)]
    assert {one.verdict for one in found} == {Verdict.INDEPENDENT}
    p = 10 ** np.array([one.log10_p for one in found])
    # 66 pairs: three standard errors above the level.
    assert (p <= 0.05).sum() <= 66 * 0.05 + 3 * (66 * 0.05 * 0.95) ** 0.5
    scores = [
        (2 * test.heads - test.flips) / test.flips**0.5
        for one in found
        for test in one.tests
        if test.heads is not None and test.flips is not None
    ]
    assert abs(np.mean(scores)) < 3 / len(scores) ** 0.5
    assert 0.8 < np.std(scores) < 1.2
