"""How long a search among 100,000 stored sketches takes, from opening the database to the answer.

    python -m benchmarks.search [--sketches 100000] [--plans 200] [--repeats 7]

The sketches lie in a real SQLite file. Half are of one plan, the query's own; the others are spread over further plans, of models of other
depths, a few of which share signs with the query. Signs are random but for two parents of the query. Bodies are left out: they lie in a table of
their own, which a search does not touch. Each repeat is a process of its own, which imports what it needs before the clock starts; the
file is in the page cache.
"""

import argparse
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measuring import markdown, spread
from provenance.sameinit.signs import SIGN_BYTES
from provenance.sameinit.sketch import METHOD, Sketch, sketch
from provenance.store import Ledger
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.network import Network

WIDTH, HIDDEN, TOKENS, DEPTH = 256, 512, 1024, 8
ASK = """
import json, sys, time
from pathlib import Path
from provenance.sameinit.search import SignIndex, search
from provenance.sameinit.sketch import METHOD, Sketch
from provenance.store import Ledger

query = Sketch.from_bytes(Path(sys.argv[2]).read_bytes())
query.bits, query.plan
started = time.perf_counter()
ledger = Ledger.open(sys.argv[1])
rows = ledger.sketches().index(method=METHOD)
read = time.perf_counter()
index = SignIndex.of(rows.digests, rows.plans, rows.bits, rows.plan_texts)
hits = search(query, index)
answered = time.perf_counter()
search(query, index)
again = time.perf_counter()
print(json.dumps([read - started, answered - started, again - answered, [hit.digest for hit in hits]]))
"""


def model(layers: int, seed: int) -> Sketch:
    """The sketch of a small Llama that was drawn at random."""
    rng = np.random.default_rng(seed)
    shapes = {"model.embed_tokens.weight": (TOKENS, WIDTH), "lm_head.weight": (TOKENS, WIDTH)}
    for i in range(layers):
        layer = f"model.layers.{i}."
        shapes |= {layer + f"self_attn.{name}_proj.weight": (WIDTH, WIDTH) for name in "qkvo"}
        shapes |= {layer + f"mlp.{name}_proj.weight": (HIDDEN, WIDTH) for name in ("gate", "up")}
        shapes[layer + "mlp.down_proj.weight"] = (WIDTH, HIDDEN)
    arrays = {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}
    found = sketch(Network.of(Checkpoint.of(Path("model"), arrays)))
    assert found is not None
    return found


def fill(path: Path, query: Sketch, count: int, plans: int) -> None:
    """A registry with as many sketches: two of which half the signs are the query's, the others of strangers."""
    Ledger.open(f"sqlite:///{path}", create=True).close()
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 256, (count, SIGN_BYTES), np.uint8)
    kept = rng.integers(0, 256, (2, SIGN_BYTES), np.uint8)
    bits[:2] = np.frombuffer(query.bits, np.uint8) & kept | bits[:2] & ~kept
    # Models of other depths; what sets apart those of one depth is the end of their last key.
    texts = [query.plan, *(_unlike(model(1 + n % DEPTH, n).plan, n) for n in range(1, plans))]
    plan_of = np.where(np.arange(count) % 2 == 0, 0, rng.integers(0, plans, count))
    plan_of[:2] = 0
    with sqlite3.connect(path) as database:
        database.executemany(
            "INSERT INTO provenance_sketch_plan (key, body) VALUES (?, ?)",
            ((f"plan {n}", text) for n, text in enumerate(texts)),
        )
        database.executemany(
            "INSERT INTO provenance_sketch (digest, method, plan, bits) VALUES (?, ?, ?, ?)",
            (
                (f"blake3:{row:064x}", METHOD, f"plan {plan}", one.tobytes())
                for row, (one, plan) in enumerate(zip(bits, plan_of.tolist(), strict=True))
            ),
        )
    database.close()


def _unlike(plan: bytes, number: int) -> bytes:
    return plan[:-4] + number.to_bytes(4, "little")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sketches", type=int, default=100_000, help="how many are stored")
    parser.add_argument("--plans", type=int, default=200, help="how many plans they are of")
    parser.add_argument("--repeats", type=int, default=7, help="how often a search is timed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database, asked = Path(folder) / "registry.db", Path(folder) / "query"
        query = model(DEPTH, 0)
        asked.write_bytes(query.to_bytes())
        fill(database, query, options.sketches, options.plans)
        command = [sys.executable, "-c", ASK, f"sqlite:///{database}", str(asked)]
        runs = [
            json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            for _ in range(options.repeats)
        ]
        size = database.stat().st_size
    assert all(run[3] == [f"blake3:{row:064x}" for row in (0, 1)] for run in runs), runs[0][3]
    rows = [
        (name, f"{statistics.median(taken):.3f}", spread(taken))
        for name, taken in (
            ("open and read the index", [run[0] for run in runs]),
            ("**from opening to the answer**", [run[1] for run in runs]),
            ("search again, index in memory", [run[2] for run in runs]),
        )
    ]
    print(
        f"{options.sketches:,} sketches of {options.plans} plans, {size / 1e6:.0f} MB; both parents found.\n"
    )
    print(markdown(("", "seconds", "least to greatest"), rows))


if __name__ == "__main__":
    main()
