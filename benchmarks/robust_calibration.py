"""The robust same-init test: how units are matched, whether strangers' coins are fair, what is found of kin, and what it costs.

python -m benchmarks.robust_calibration matching          # mutual best against best assignment, gates alone against all
python -m benchmarks.robust_calibration null              # strangers that share ever more of what is not tested
python -m benchmarks.robust_calibration zoo               # all pairs of the zoo that are built (python -m benchmarks.zoo build)
python -m benchmarks.robust_calibration cost [--sizes 0.1 1 7]
"""

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from scipy.optimize import linear_sum_assignment

from benchmarks.compare_scale import SHAPES, Shape, write
from benchmarks.measuring import markdown, run
from provenance.sameinit.matching import mutual
from provenance.sameinit.robust import Robust, robust
from provenance.sameinit.statistics import Coins, bonferroni, fisher, sign_test
from provenance.weights.network import Network

Row = Sequence[object]
SIZES = {(172, 64): (0.15, 0.2, 0.25, 0.3, 0.4), (768, 256): (0.08, 0.1, 0.14, 0.2)}
SHARED: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "tables": ("embed_tokens", "lm_head"),
    "tables and gates": ("embed_tokens", "lm_head", "gate_proj"),
    "all that is not tested": ("embed_tokens", "lm_head", "gate_proj", "q_proj", "k_proj"),
}
ONE = """
import resource, sys, time
from pathlib import Path
from provenance.sameinit.robust import robust
from provenance.weights.network import Network
a, b = (Network.open(Path(path)) for path in sys.argv[1:3])
wall, cpu = time.perf_counter(), time.process_time()
found = robust(a, b)
taken = time.perf_counter() - wall, time.process_time() - cpu
Path(sys.argv[3]).write_text(" ".join(map(str, (*taken, len(found.tests)))))
"""


def combined(found: Robust) -> float | None:
    """log10 p as the verdict combines it: Fisher within a part, copies once, Bonferroni over parts."""
    parts: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for test, coins in found.tests:
        if isinstance(coins, Coins):
            parts[test.part][test.copy_of or test.name].append(coins.log10_p)
    of_parts = [
        max(
            fisher([bonferroni(one) for one in clusters.values()]),
            fisher([one for cluster in clusters.values() for one in cluster]),
        )
        for clusters in parts.values()
    ]
    return bonferroni(of_parts) if of_parts else None


def matching(repeats: int = 10) -> Iterator[Row]:
    """Median log10 p of 1 layer of units of correlation rho, permuted."""

    def assigned(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return linear_sum_assignment(scores, maximize=True)

    ways: dict[str, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
        "mutual": mutual,
        "assigned": assigned,
    }
    for (units, width), correlations in SIZES.items():
        for rho in correlations:
            found: dict[tuple[str, str], list[float]] = defaultdict(list)
            for seed in range(repeats):
                gate, up, down = planted(np.random.default_rng(seed), units, width, rho)
                for seen, scores in (("gate", gate), ("all", gate + np.abs(up + down))):
                    for way, pair in ways.items():
                        coins = sign_test(((up + down) / 2)[pair(scores)])
                        found[seen, way].append(coins.log10_p if isinstance(coins, Coins) else 0.0)
            medians = [
                f"{np.median(found[seen, way]):.1f}"
                for seen in ("gate", "all")
                for way in ("mutual", "assigned")
            ]
            yield f"{units} x {width}", rho, *medians


def planted(rng: np.random.Generator, units: int, width: int, rho: float) -> list[np.ndarray]:
    """Cosines of three matrices' units, those of B being A's in another order, with noise."""
    order = rng.permutation(units)
    cosines = []
    for _ in range(3):
        a = rng.standard_normal((units, width))
        b = (rho * a + np.sqrt(1 - rho**2) * rng.standard_normal(a.shape))[order]
        a, b = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (a, b))
        cosines.append(a @ b.T)
    return cosines


def null(pairs: int = 276) -> Iterator[Row]:
    """Strangers of 2 layers; those that share tables and gates stand for universal units, in their worst case."""
    shape = Shape(layers=2, width=48, hidden=112, tokens=320)
    shapes = {name: sizes for _, tensors in shape.shards() for name, sizes in tensors.items()}
    for kind, shared in SHARED.items():
        log10_p, heads, flips = [], 0, 0
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(pairs):
                rng = np.random.default_rng(seed)
                a, b = (
                    {name: rng.standard_normal(sizes).astype(np.float32) for name, sizes in shapes.items()}
                    for _ in range(2)
                )
                b |= {name: a[name] for name in a if any(part in name for part in shared)}
                found = robust(*(stored(one, Path(folder) / str(n)) for n, one in enumerate((a, b))))
                log10_p.append(combined(found) or 0.0)
                tossed = [coins for _, coins in found.tests if isinstance(coins, Coins)]
                heads, flips = heads + sum(c.heads for c in tossed), flips + sum(c.flips for c in tossed)
        p = 10 ** np.array(log10_p)
        z = (heads - flips / 2) / np.sqrt(flips / 4)
        yield kind, pairs, *(f"{(p <= level).mean():.3f}" for level in (0.05, 0.01, 0.001)), f"{z:.2f}"


def stored(tensors: dict[str, np.ndarray], path: Path) -> Network:
    """A model that was written and opened again."""
    save_file(tensors, path.with_suffix(".safetensors"))
    return Network.open(path.with_suffix(".safetensors"))


def zoo(most: int = 60) -> Iterator[Row]:
    """Each kind of pair of each family of language models, as far as it is built."""
    from benchmarks.zoo.building import folder_of, zoo_home
    from benchmarks.zoo.catalogue import FAMILIES, pairs

    for family in (one for one in FAMILIES if one.is_language):
        found: dict[str, list[tuple[float | None, float]]] = defaultdict(list)
        started = time.perf_counter()
        for pair in pairs(family):
            folders = folder_of(pair.a, zoo_home()), folder_of(pair.b, zoo_home())
            kind = pair.kind if pair.correlation is None else f"{pair.kind} {pair.correlation:g}"
            if len(found[kind]) < most and all(folder.is_dir() for folder in folders):
                result = robust(*map(Network.open, folders))
                found[kind].append((combined(result), result.aligned_cosine or 0.0))
        for kind, results in found.items():
            log10_p = np.array([value for value, _ in results if value is not None])
            if len(log10_p):
                figures = [f"{figure:.1f}" for figure in (log10_p.min(), np.median(log10_p), log10_p.max())]
                share = f"{(log10_p <= np.log10(0.05)).mean():.3f}"
                cosine = f"{np.median([value for _, value in results]):.2f}"
                yield family.name, kind, len(results), *figures, share, cosine
        print(f"{family.name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)


def cost(sizes: Sequence[str]) -> Iterator[Row]:
    """Strangers of 1 and of 2 layers, so that the second layer's price shows; each in a process of its own."""
    for size in sizes:
        for layers in (1, 2):
            shape = replace(SHAPES[size], layers=layers)
            with tempfile.TemporaryDirectory() as folder:
                paths = [write(Path(folder) / name, shape, seed) for name, seed in (("a", 1), ("b", 2))]
                answer = Path(folder) / "answer"
                process = run([sys.executable, "-c", ONE, *paths, answer])
                wall, cpu, tests = answer.read_text().split()
            place = f"{shape.hidden} x {shape.width}"
            yield place, layers, tests, f"{float(wall):.1f}", f"{float(cpu):.1f}", f"{process.peak / 1e6:.0f}"


COLUMNS: dict[str, tuple[str, ...]] = {
    "matching": ("units x width", "rho", "gate, mutual", "gate, assigned", "all, mutual", "all, assigned"),
    "null": ("strangers that share", "pairs", "p <= 0.05", "p <= 0.01", "p <= 0.001", "z of all coins"),
    "zoo": ("family", "kind", "pairs", "least log10 p", "median", "greatest", "p <= 0.05", "aligned cosine"),
    "cost": ("MLP", "layers", "groups", "seconds", "CPU seconds", "peak MB"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=list(COLUMNS))
    parser.add_argument("--sizes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    options = parser.parse_args()
    rows = {"matching": matching, "null": null, "zoo": zoo, "cost": lambda: cost(options.sizes)}[
        options.what
    ]()
    print(markdown(COLUMNS[options.what], rows))


if __name__ == "__main__":
    main()
