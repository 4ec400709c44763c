"""One `provenance register model` of a sharded model folder, as typed: the whole process, beside its parts.

    python -m benchmarks.register_folder [--megabytes 500] [--shards 5] [--repeats 7]

The page cache is warm. A new registry is made for each repeat, outside the time. The digest alone is a process too; the plain read,
`readinto` of every file into one buffer, is done by a bare interpreter, so that each row can be set against the next.
"""

import argparse
import json
import os
import statistics
import struct
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

from benchmarks.measuring import MEGABYTE, Run, in_turn, markdown, run, spread

TENSORS_A_SHARD = 4
COLUMNS = 1000
COMMAND = Path(sys.executable).parent / "provenance"
PLAIN_READ = """
import sys
from pathlib import Path
buffer = bytearray(1 << 20)
for path in Path(sys.argv[1]).iterdir():
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
"""
DIGEST = """
import sys
from pathlib import Path
from provenance.digests import digest_file
for path in Path(sys.argv[1]).iterdir():
    digest_file(path)
"""


def make_model(folder: Path, megabytes: int, shards: int) -> None:
    """A model folder of random float32 tensors, written in pieces: what this process holds would count as its children's."""
    folder.mkdir()
    rows = megabytes * MEGABYTE // (shards * TENSORS_A_SHARD * COLUMNS * 4)
    size = rows * COLUMNS * 4
    weight_map = {}
    for shard in range(shards):
        name = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        header = {
            f"layers.{shard}.{n}.weight": {
                "dtype": "F32",
                "shape": [rows, COLUMNS],
                "data_offsets": [n * size, (n + 1) * size],
            }
            for n in range(TENSORS_A_SHARD)
        }
        encoded = json.dumps(header).encode()
        with (folder / name).open("wb") as file:
            file.write(struct.pack("<Q", len(encoded)) + encoded)
            for _ in range(rows * TENSORS_A_SHARD):
                file.write(os.urandom(COLUMNS * 4))
        weight_map |= dict.fromkeys(header, name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (folder / "config.json").write_text("{}")


def works(scratch: Path, model: Path) -> dict[str, Callable[[], Run]]:
    """What is measured, the parts before the whole."""
    numbers = count()

    def register(what: list[str | Path]) -> Run:
        registry = scratch / f"registry-{next(numbers)}"
        registry.mkdir()
        run([COMMAND, "init"], registry)
        return run([COMMAND, "register", "model", *what], registry)

    return {
        "an empty program": lambda: run([sys.executable, "-c", ""]),
        "plain read": lambda: run([sys.executable, "-c", PLAIN_READ, model]),
        "digest alone": lambda: run([sys.executable, "-c", DIGEST, model]),
        "register by name, no files": lambda: register(["--name", "big", "--from-scratch"]),
        "**register the folder**": lambda: register([model, "--name", "big", "--from-scratch"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=500, help="size of the folder")
    parser.add_argument("--shards", type=int, default=5, help="number of safetensors files")
    parser.add_argument("--repeats", type=int, default=7, help="how often each is measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        make_model(model, options.megabytes, options.shards)
        run([sys.executable, "-c", PLAIN_READ, model])
        runs = in_turn(works(Path(folder), model), options.repeats)
    rows = [
        (
            name,
            f"{statistics.median(one.wall for one in some):.2f}",
            f"{statistics.median(one.cpu for one in some):.2f}",
            f"{statistics.median(one.peak for one in some) / MEGABYTE:.0f}",
            spread(one.wall for one in some),
        )
        for name, some in runs.items()
    ]
    print(markdown(("", "wall, s", "CPU, s", "peak resident, MB", "least to greatest wall"), rows))
    largest = options.megabytes / options.shards
    print(f"\nThe peak counts mapped pages of the page cache: here up to one shard, {largest:.0f} MB.")


if __name__ == "__main__":
    main()
