"""Black-box comparisons of classifiers that are trained here: who descends from whom is known."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from provenance.evidence import Verdict
from provenance.sameinit.blackbox import Behaviour, compare_responses

CONTROLS = 6


def network(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))


def trained(
    model: nn.Sequential, images: torch.Tensor, targets: torch.Tensor, steps: int, seed: int
) -> nn.Sequential:
    batches = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(steps):
        rows = torch.randint(0, len(images), (64,), generator=batches)
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(images[rows]), targets[rows]).backward()
        optimiser.step()
    return model


def recorded(model: nn.Sequential, prompts: torch.Tensor, path: Path) -> Path:
    with torch.no_grad():
        top = nn.functional.log_softmax(model(prompts), dim=1).topk(4)
    with path.open("w") as file:
        for i, (values, classes) in enumerate(zip(top.values.tolist(), top.indices.tolist(), strict=True)):
            logprobs = {str(digit): value for digit, value in zip(classes, values, strict=True)}
            row = {"prompt": f"image {i}", "response": str(classes[0]), "logprobs": logprobs}
            file.write(json.dumps(row) + "\n")
    return path


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A base, its fine-tune, a student that was distilled into another initialisation, and strangers; same data for all."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("recordings")
    digits = load_digits()
    images, labels = torch.tensor(digits.data / 16).float(), torch.tensor(digits.target)
    noise = torch.Generator().manual_seed(0)
    prompts = images[:500] + 0.5 * torch.randn((500, 64), generator=noise)
    learnt, kept = slice(500, 1300), slice(1300, None)
    strangers = {
        f"stranger {seed}": trained(network(seed), images[learnt], labels[learnt], 250, seed)
        for seed in range(CONTROLS + 2)
    }
    base = strangers.pop("stranger 0")
    tuned, student = network(99), network(98)
    tuned.load_state_dict(base.state_dict())
    trained(tuned, images[kept], labels[kept], 60, 77)
    inputs = torch.rand((4000, 64), generator=noise) * 1.5 - 0.25
    with torch.no_grad():
        taught = base(inputs).softmax(dim=1)
    trained(student, inputs, taught, 500, 76)
    models = {"base": base, "fine-tune": tuned, "student": student, **strangers}
    return {name: recorded(model, prompts, folder / f"{name}.jsonl") for name, model in models.items()}


def controls(recordings: Mapping[str, Path]) -> list[Path]:
    return [recordings[f"stranger {seed}"] for seed in range(2, CONTROLS + 2)]


def test_a_fine_tune_is_matched_with_its_base(recordings: Mapping[str, Path]) -> None:
    found = compare_responses(recordings["base"], recordings["fine-tune"], controls(recordings))
    assert found.behaviour is Behaviour.MATCHED
    assert found.decisive == "top-k"


def test_a_model_of_another_seed_is_not_matched(recordings: Mapping[str, Path]) -> None:
    found = compare_responses(recordings["base"], recordings["stranger 1"], controls(recordings))
    assert found.behaviour is Behaviour.NOT_MATCHED


def test_a_student_of_another_initialisation_answers_alike_and_nothing_more_is_said(
    recordings: Mapping[str, Path],
) -> None:
    found = compare_responses(recordings["base"], recordings["student"], controls(recordings))
    assert found.behaviour is Behaviour.MATCHED
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason.endswith("initialisation unknown")
