"""False and true positives of the same-init test on a zoo of digits networks that are trained on the spot.

    python benchmarks/same_init_zoo.py [SEEDS [STEPS [LEARNING_RATE]]]

Networks 64-256-256-40 with N(0, 1/d) weights, 300 steps of Adam (rate 1e-3, batch 64) unless told otherwise, on scikit-learn's
digits. Each seed gives two networks that see the data in different orders. Independent pairs: all pairs of seeds, both trained on the same data in
the same order. Kin: the two networks of one seed.
"""

import sys
import tempfile
import time
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from scipy import stats
from sklearn.datasets import load_digits

from provenance.evidence import Verdict
from provenance.sameinit import Comparison, compare

SIZES = (64, 256, 256, 40)
VERDICTS = (Verdict.SAME_INIT, Verdict.INDEPENDENT, Verdict.INCONCLUSIVE)


def train(seed: int, order: int, steps: int, rate: float, path: Path) -> Path:
    rng = torch.Generator().manual_seed(seed)
    layers: list[torch.nn.Module] = []
    for inputs, outputs in pairwise(SIZES):
        layer = torch.nn.Linear(inputs, outputs)
        with torch.no_grad():
            layer.weight.copy_(torch.randn(outputs, inputs, generator=rng) / inputs**0.5)
            layer.bias.zero_()
        layers += [layer, torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1])
    digits = load_digits()
    images, labels = torch.tensor(digits.data / 16).float(), torch.tensor(digits.target)
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    batches = torch.Generator().manual_seed(order)
    for _ in range(steps):
        rows = torch.randint(0, len(images), (64,), generator=batches)
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(network(images[rows])[:, :10], labels[rows]).backward()
        optimiser.step()
    save_file(network.state_dict(), path)
    return path


def told(found: list[Comparison]) -> str:
    return ", ".join(
        f"{sum(one.verdict is verdict for one in found)} {verdict.value}" for verdict in VERDICTS
    )


def main(seeds: int = 24, steps: int = 300, rate: float = 1e-3) -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        one = [train(seed, 1, steps, rate, Path(folder) / f"{seed}-1.safetensors") for seed in range(seeds)]
        other = [train(seed, 2, steps, rate, Path(folder) / f"{seed}-2.safetensors") for seed in range(seeds)]
        strangers, kin = list(combinations(one, 2)), list(zip(one, other, strict=True))
        started = time.perf_counter()
        null, related = [compare(*pair) for pair in strangers], [compare(*pair) for pair in kin]
        seconds = (time.perf_counter() - started) / (len(null) + len(related))
    p = 10.0 ** np.array([found.log10_p for found in null])
    scores = [(2 * one.heads - one.flips) / one.flips**0.5 for found in null for one in found.tests]
    print(f"independent pairs   {len(null)}: {told(null)}")
    for level in (0.05, 0.01, 0.001):
        print(f"  p <= {level:<6}        {(p <= level).mean():.4f}")
    print(
        f"  p against uniform, one-sided KS: p = {stats.kstest(p, 'uniform', alternative='greater').pvalue:.2f}"
    )
    print(
        f"  group scores: mean {np.mean(scores):+.3f}, sd {np.std(scores):.3f}, largest {np.max(scores):.2f}"
    )
    print(f"  worst detection limit: aligned cosine {max(found.rho_min for found in null):.3f}")
    print(f"kin                 {len(related)}: {told(related)}")
    print(f"  largest p           10^{max(found.log10_p for found in related):.1f}")
    cosines = [found.aligned_cosine for found in related]
    print(f"  aligned cosine      {min(cosines):.3f} to {max(cosines):.3f}")
    print(f"seconds a pair      {seconds:.4f}")


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((int, int, float), sys.argv[1:], strict=False)))
