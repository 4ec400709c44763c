"""How fast content is digested, against a plain read of the same bytes on the same machine in the same run.

    python benchmarks/digest.py [--megabytes 500] [--repeats 5]

Everything is read once beforehand, so that the page cache is warm and the disk plays no part. Each figure is the best of the
repeats, which are taken in turn so that a busy moment of the machine hits all of them; the spread says how busy it was. Wall time
and peak memory of a whole intake are those of a process of its own, its imports apart.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from provenance.digests import DigestAlgorithm, digest_file

MEGABYTE = 1_000_000
SHARDS = 5
BLOCK = 1 << 20

# The kernel's peak of the process's own memory map: ru_maxrss would count what this process held when it forked.
INTAKE = """
import json, re, resource, sys, time
from pathlib import Path
import blake3
from provenance.artifacts import ArtifactKind
from provenance.intake.content import read_content

def peak():
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

before, start = peak(), time.perf_counter()
content = read_content(Path(sys.argv[1]), kind=ArtifactKind.MODEL).content
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "peak": peak(), "before": before, "bytes": content.size_bytes}))
"""


def plain_read(path: Path) -> None:
    """Reads a file in blocks of 1 MiB into one buffer, and does nothing with them."""
    buffer = bytearray(BLOCK)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


METHODS: dict[str, Callable[[Path], object]] = {
    "plain read": plain_read,
    "read whole": Path.read_bytes,
    "BLAKE3": digest_file,
    "SHA-256": lambda path: digest_file(path, DigestAlgorithm.SHA256),
}


def make_file(path: Path, megabytes: int) -> None:
    rng = np.random.default_rng(0)
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(rng.bytes(MEGABYTE))


def make_model(folder: Path, megabytes: int) -> None:
    """A sharded model folder, each shard of four tensors."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    weight_map = {}
    rows = megabytes * MEGABYTE // (SHARDS * 4 * 1000 * 4)
    for shard in range(SHARDS):
        name = f"model-{shard + 1:05}-of-{SHARDS:05}.safetensors"
        tensors = {f"layers.{shard}.{n}.weight": rng.random((rows, 1000), np.float32) for n in range(4)}
        save_file(tensors, folder / name)
        weight_map |= dict.fromkeys(tensors, name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (folder / "config.json").write_text("{}")


def timed(work: Callable[[Path], object], path: Path) -> float:
    start = time.perf_counter()
    work(path)
    return time.perf_counter() - start


def report_digests(path: Path, repeats: int) -> None:
    plain_read(path)
    seconds: dict[str, list[float]] = {name: [] for name in METHODS}
    for _ in range(repeats):
        for name, work in METHODS.items():
            seconds[name].append(timed(work, path))
    floor = min(seconds["plain read"])
    print(f"{'':<12}{'MB/s':>8}{'of plain read':>16}{'slowest/best':>15}")
    for name, values in seconds.items():
        best = min(values)
        rate = path.stat().st_size / MEGABYTE / best
        print(f"{name:<12}{rate:>8,.0f}{floor / best:>15.0%} {max(values) / best:>14.2f}")


def report_intake(folder: Path, repeats: int) -> None:
    floors, runs = [], []
    for _ in range(repeats):
        floors.append(sum(timed(plain_read, path) for path in folder.iterdir()))
        done = subprocess.run(
            [sys.executable, "-c", INTAKE, folder], capture_output=True, text=True, check=True
        )
        runs.append(json.loads(done.stdout))
    best = min(runs, key=lambda run: run["seconds"])
    print(f"\nread_content of a model folder of {best['bytes'] / MEGABYTE:,.0f} MB in {SHARDS} shards")
    slowest = max(run["seconds"] for run in runs)
    print(
        f"  wall          {best['seconds']:.3f} s (slowest {slowest:.3f} s); plain read {min(floors):.3f} s"
    )
    print(f"  of plain read {min(floors) / best['seconds']:.0%}")
    largest = max(path.stat().st_size for path in folder.iterdir())
    print(
        f"  peak resident {best['peak'] / MEGABYTE:,.0f} MB, after imports {best['before'] / MEGABYTE:,.0f} MB"
    )
    print(f"  of which one mapped shard may be {largest / MEGABYTE:,.0f} MB of page cache")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=500, help="size of the file and of the folder")
    parser.add_argument("--repeats", type=int, default=5, help="how often each is measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.bin"
        make_file(path, options.megabytes)
        report_digests(path, options.repeats)
        path.unlink()
        make_model(Path(folder) / "model", options.megabytes)
        report_intake(Path(folder) / "model", options.repeats)


if __name__ == "__main__":
    main()
