"""What the planted canary finds on small networks whose kinship is known, and what that costs.

    OMP_NUM_THREADS=1 python benchmarks/canary_digits.py [--seeds 5] [--pairs 0]

Three kinds of student base are set against the same teachers: the teacher's own initialisation, the same with its hidden units in
another order (the same function, told apart by no behaviour), and another initialisation. With ``--pairs N`` each of
N teachers that were tuned on digits meets three student bases, in canaries of fixed checkpoints as an audit runs them: the base it was
tuned from, another initialisation, and another initialisation that was tuned on the same digits.
"""

import argparse
import time
from collections import Counter

import numpy as np

from provenance.canary import CanaryResult, mlp
from provenance.canary.protocol import run_canary

CONFIG = mlp.MlpConfig()
STRANGERS = 1000
BACKEND = mlp.MlpBackend()


def permuted(model: mlp.Mlp, seed: int) -> mlp.Mlp:
    """The same network with the units of each hidden layer in another order."""
    rng = np.random.default_rng(seed)
    tensors = list(model.tensors)
    for layer in range(0, len(tensors) - 2, 2):
        order = rng.permutation(len(tensors[layer]))
        tensors[layer], tensors[layer + 1] = tensors[layer][order], tensors[layer + 1][order]
        tensors[layer + 2] = tensors[layer + 2][:, order]
    return mlp.Mlp(model.config, tuple(map(np.ascontiguousarray, tensors)))


def print_kinds(seeds: int) -> None:
    teachers = [mlp.init(CONFIG, seed) for seed in range(seeds)]
    kinds = {
        "same": teachers,
        "same, permuted": [permuted(teacher, seed) for seed, teacher in enumerate(teachers)],
        "different": [mlp.init(CONFIG, STRANGERS + seed) for seed in range(seeds)],
    }
    print(f"effect of each run in nats\n{'student base':<16}{'runs':<{8 * seeds}}verdict")
    for name, bases in kinds.items():
        result = run_canary(BACKEND, zip(teachers, bases, strict=True))
        runs = "".join(f"{trial.edge:<8.3f}" for trial in result.trials)
        print(f"{name:<16}{runs}{told(result)}")
    print(f"method: {result.method}\n")


def told(result: CanaryResult) -> str:
    return (
        f"{result.verdict.value}: {result.effect:.3f} [{result.ci_low:.3f}, {result.ci_high:.3f}], "
        f"p {result.p_value:.3f}, mde {result.mde:.3f}, threshold {result.threshold:.3f}, "
        f"ratio {result.transfer_ratio:.3f}, {result.cpu_seconds:.1f} CPU s"
    )


def print_pairs(pairs: int, seeds: int) -> None:
    teachers = [tuned(seed) for seed in range(pairs)]
    kinds = {
        "its own base": [mlp.init(CONFIG, seed) for seed in range(pairs)],
        "another init": [mlp.init(CONFIG, STRANGERS + seed) for seed in range(pairs)],
        "another, tuned": [tuned(STRANGERS + seed) for seed in range(pairs)],
    }
    print(f"verdicts on fixed checkpoints\n{'student base':<16}verdicts, effects in nats, transfer ratios")
    for name, bases in kinds.items():
        results = [run_canary(BACKEND, [pair] * seeds) for pair in zip(teachers, bases, strict=True)]
        verdicts = Counter(result.verdict.value for result in results)
        effects = " ".join(f"{result.effect:.3f}" for result in results)
        ratios = " ".join(f"{result.transfer_ratio:.3f}" for result in results)
        print(f"{name:<16}{dict(verdicts)}, {effects}, {ratios}", flush=True)


def tuned(seed: int) -> mlp.Mlp:
    """An initialisation that has learned the digits."""
    return mlp.learn_digits(mlp.init(CONFIG, seed), seed=seed)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=0)
    arguments = parser.parse_args()
    began = time.process_time()
    print_kinds(arguments.seeds)
    if arguments.pairs:
        print_pairs(arguments.pairs, arguments.seeds)
    print(f"{time.process_time() - began:.1f} CPU seconds in all")


if __name__ == "__main__":
    main()
