"""What black-box comparisons and the palimpsest test find on networks whose kinship is known, and how often they err.

    python -m benchmarks.black_box [SEEDS]

Responses: classifiers 64-48-10 on scikit-learn's digits, 250 steps of Adam (rate 3e-3, batch 64) on 800 of them; prompts are 500 others under noise;
answers are the likeliest class and the log-probabilities of four. Each seed gives a base, fine-tunes of it on the rest of the digits, a student
of another initialisation, and a stranger; controls are ten more seeds, the same for all.

Palimpsest: a network 32-256-10 that saw 4,000 random inputs with random labels once, in a random order, 20 a step, and was then tuned on
others; strangers saw the same in another order.
"""

import json
import math
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from scipy import stats
from sklearn.datasets import load_digits
from torch import Tensor, nn

from provenance.sameinit.blackbox import Behaviour, BlackBox, compare_responses
from provenance.sameinit.palimpsest import palimpsest

CONTROLS = 10
TUNINGS = (10, 60, 250)
EXAMPLES, INPUTS, BATCH = 4000, 32, 20


def network(seed: int, *sizes: int) -> nn.Sequential:
    torch.manual_seed(seed)
    inputs, hidden, outputs = sizes
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def copy_of(model: nn.Sequential, *sizes: int) -> nn.Sequential:
    found = network(0, *sizes)
    found.load_state_dict(model.state_dict())
    return found


def trained(model: nn.Sequential, inputs: Tensor, targets: Tensor, steps: int, seed: int) -> nn.Sequential:
    batches = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(steps):
        rows = torch.randint(0, len(inputs), (64,), generator=batches)
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(inputs[rows]), targets[rows]).backward()
        optimiser.step()
    return model


def recorded(model: nn.Sequential, prompts: Tensor, path: Path, *, with_logprobs: bool) -> Path:
    with torch.no_grad():
        top = nn.functional.log_softmax(model(prompts), dim=1).topk(4)
    with path.open("w") as file:
        for i, (values, classes) in enumerate(zip(top.values.tolist(), top.indices.tolist(), strict=True)):
            row = {"prompt": f"image {i}", "response": str(classes[0])}
            logprobs = {str(digit): value for digit, value in zip(classes, values, strict=True)}
            file.write(json.dumps(row | ({"logprobs": logprobs} if with_logprobs else {})) + "\n")
    return path


def outcomes(folder: Path, seeds: int, *, with_logprobs: bool) -> dict[str, list[BlackBox]]:
    digits = load_digits()
    images, labels = torch.tensor(digits.data / 16).float(), torch.tensor(digits.target)
    noise = torch.Generator().manual_seed(0)
    prompts = images[:500] + 0.5 * torch.randn((500, 64), generator=noise)
    inputs = torch.rand((4000, 64), generator=noise) * 1.5 - 0.25
    learnt, rest = slice(500, 1300), slice(1300, None)
    sizes = (64, 48, 10)

    def written(model: nn.Sequential, name: str) -> Path:
        return recorded(model, prompts, folder / f"{name}.jsonl", with_logprobs=with_logprobs)

    def stranger(seed: int) -> nn.Sequential:
        return trained(network(seed, *sizes), images[learnt], labels[learnt], 250, seed)

    controls = [written(stranger(1000 + seed), f"control {seed}") for seed in range(CONTROLS)]
    found: dict[str, list[BlackBox]] = defaultdict(list)
    for seed in range(seeds):
        base = stranger(seed)
        others = {
            f"fine-tune, {steps} steps": trained(copy_of(base, *sizes), images[rest], labels[rest], steps, 77)
            for steps in TUNINGS
        }
        with torch.no_grad():
            taught = base(inputs).softmax(dim=1)
        others["student, other initialisation"] = trained(
            network(5000 + seed, *sizes), inputs, taught, 500, 76
        )
        others["stranger"] = stranger(2000 + seed)
        a = written(base, "a")
        for kind, model in others.items():
            found[kind].append(compare_responses(a, written(model, "b"), controls))
    return found


def told(found: list[BlackBox]) -> str:
    counts = [sum(one.behaviour is kind for one in found) for kind in Behaviour]
    decisive = [next(test for test in one.tests if test.name == one.decisive) for one in found]
    agreement = np.median([test.agreement for test in decisive])
    log10_p = np.median([test.log10_p for test in decisive])
    rank = np.median([10**test.rank_log10_p for test in decisive])
    return f"{counts[0]:>3} / {counts[1]} / {counts[2]}   {agreement:.3f}   10^{log10_p:.1f}   {rank:.3f}"


def rank_calibration(folder: Path, worlds: int = 300) -> np.ndarray:
    """Ranks over models, of constructed strangers: 7 controls, 120 prompts."""
    rng = np.random.default_rng(0)
    p = []
    for _ in range(worlds):
        likely = rng.integers(0, 4, 120)
        paths = []
        for model in range(9):
            habit = rng.uniform(0.3, 0.7)
            answers = np.where(rng.random(120) < habit, likely, rng.integers(0, 4, 120))
            path = folder / f"world-{model}.jsonl"
            lines = [
                json.dumps({"prompt": str(i), "response": str(answer)}) for i, answer in enumerate(answers)
            ]
            path.write_text("\n".join(lines))
            paths.append(path)
        p.append(10 ** compare_responses(paths[0], paths[1], paths[2:]).tests[1].rank_log10_p)
    return np.array(p)


def one_pass(model: nn.Sequential, inputs: Tensor, labels: Tensor, order: np.ndarray) -> nn.Sequential:
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for start in range(0, len(order), BATCH):
        rows = torch.tensor(order[start : start + BATCH])
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(inputs[rows]), labels[rows]).backward()
        optimiser.step()
    return model


def memories(seed: int) -> dict[str, tuple[float, float]]:
    """Rank correlation and log10 p of models with and without a part in a training run."""
    rng, random = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    sizes = (INPUTS, 256, 10)
    inputs = torch.randn((EXAMPLES, INPUTS), generator=random)
    labels = torch.randint(0, 10, (EXAMPLES,), generator=random)
    elsewhere = (
        torch.randn((EXAMPLES, INPUTS), generator=random),
        torch.randint(0, 10, (EXAMPLES,), generator=random),
    )
    order = rng.permutation(EXAMPLES)
    steps = np.empty(EXAMPLES)
    steps[order] = np.arange(EXAMPLES) // BATCH
    model = one_pass(network(seed, *sizes), inputs, labels, order)
    stranger = one_pass(network(seed + 500, *sizes), inputs, labels, rng.permutation(EXAMPLES))
    models = {
        "the model itself": model,
        "tuned for 50 steps": one_pass(copy_of(model, *sizes), *elsewhere, np.arange(50 * BATCH)),
        "tuned for 200 steps": one_pass(copy_of(model, *sizes), *elsewhere, np.arange(200 * BATCH)),
        "stranger, same data": stranger,
    }
    reference = likelihoods(
        one_pass(network(seed + 900, *sizes), inputs, labels, rng.permutation(EXAMPLES)), inputs, labels
    )
    found = {}
    for name, tested in models.items():
        values = likelihoods(tested, inputs, labels)
        plain, referred = palimpsest(steps, values), palimpsest(steps, values, reference)
        assert plain.spearman is not None
        assert plain.log10_p is not None
        found[name] = plain.spearman, plain.log10_p
        assert referred.spearman is not None
        assert referred.log10_p is not None
        found[f"{name}, with a reference"] = referred.spearman, referred.log10_p
    return found


def likelihoods(model: nn.Sequential, inputs: Tensor, labels: Tensor) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(
            nn.functional.log_softmax(model(inputs), dim=1)[torch.arange(len(labels)), labels], np.float64
        )


def main(seeds: int = 20) -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for with_logprobs in (True, False):
            print(
                f"{'top-k log-probabilities' if with_logprobs else 'texts alone'}, {seeds} seeds, {CONTROLS} controls"
            )
            print("  matched / not / inconclusive, median agreement, p over prompts, p over models")
            for kind, found in outcomes(Path(folder), seeds, with_logprobs=with_logprobs).items():
                print(f"  {kind:<32}{told(found)}")
        ranks = rank_calibration(Path(folder))
    shares = ", ".join(f"p <= {level:g} in {(ranks <= level).mean():.3f}" for level in (0.05, 0.1, 0.25, 0.5))
    print(f"constructed strangers, {len(ranks)} worlds: {shares}")
    print("palimpsest, 4,000 examples: median correlation, p; share of p <= 0.05")
    runs = [memories(seed) for seed in range(seeds)]
    for name in runs[0]:
        rho, log10_p = np.array([run[name] for run in runs]).T
        print(
            f"  {name:<40}{np.median(rho):+.3f}   10^{np.median(log10_p):.1f}   {(log10_p <= math.log10(0.05)).mean():.2f}"
        )
    rng = np.random.default_rng(1)
    values = rng.standard_t(3, 200)
    p = np.array([10 ** (palimpsest(rng.permutation(200) // 5, values).log10_p or 0.0) for _ in range(400)])
    shares = ", ".join(f"p <= {level:g} in {(p <= level).mean():.4f}" for level in (0.05, 0.01))
    uniform = stats.kstest(p, "uniform", alternative="greater").pvalue
    print(
        f"random orders of 200 examples, 400 runs: {shares}; against uniform, one-sided KS: p = {uniform:.2f}"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
