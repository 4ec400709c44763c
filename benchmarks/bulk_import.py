"""Importing an edge list of 100,000 models and 140,000 relations, beside raw inserts of the same rows.

    python -m benchmarks.bulk_import [--repeats 3] [--store sqlite|postgresql]

The import is all that `provenance import FILE --format edges` does: reading and checking the file, planning the whole, and recording it
in batches. The floor inserts exactly the rows that were recorded, in one transaction, by the bare driver's `executemany`, with the same
indexes, foreign keys and triggers. The row in italics appends the same facts in one transaction of the ledger, without a file.
"""

import argparse
import csv
import random
import statistics
import tempfile
import time
from itertools import count
from pathlib import Path

from benchmarks.hub import Graph, facts
from benchmarks.measuring import markdown, spread
from benchmarks.scale import Databases, append
from benchmarks.scale_floors import insert_raw
from provenance.importing import Source
from provenance.registry import Registry
from provenance.relations import RelationKind

MODELS, RELATIONS = 100_000, 140_000
WORDS = {RelationKind.FINETUNED_FROM: "finetuned", RelationKind.MERGED_FROM: "merged"}


def graph(seed: int = 0) -> Graph:
    """10,000 roots, 70,000 models of one parent, 20,000 merges of two to five."""
    rng = random.Random(seed)
    edges = []
    for n in range(10_000, MODELS):
        parents = [rng.randrange(n)] if n % 9 < 7 else rng.sample(range(n), rng.randrange(2, 6))
        kind = RelationKind.FINETUNED_FROM if len(parents) == 1 else RelationKind.MERGED_FROM
        edges += [(f"org/model-{parent}", f"org/model-{n}", kind) for parent in parents]
    return Graph(edges[:RELATIONS])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3, help="how often each is measured")
    parser.add_argument("--store", default="sqlite", choices=["sqlite", "postgresql"])
    options = parser.parse_args()
    drawn = graph()
    taken: dict[str, list[float]] = {
        "**`import_lineage`**": [],
        "*append to the ledger*": [],
        "raw inserts": [],
    }
    with (
        tempfile.TemporaryDirectory(prefix="import-") as folder,
        Databases(Path(folder), [options.store]) as databases,
    ):
        file = Path(folder) / "edges.csv"
        with file.open("w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows(
                [
                    ("source", "target", "edge"),
                    *((parent, child, WORDS[kind]) for parent, child, kind in drawn.edges),
                ]
            )
        numbers = count()

        def fresh() -> Registry:
            name = f"import_{next(numbers)}"
            return Registry.init(
                Path(folder) / name, store=databases.url(options.store, name), actor="benchmark"
            )

        for _ in range(options.repeats):
            with fresh() as imported, fresh() as appended, fresh() as raw:
                works = (
                    lambda: imported.import_lineage(Source(files=(file,))),
                    lambda: append(appended.home.store_url, list(facts(drawn))),
                )
                for work, seconds in zip(works, taken.values(), strict=False):
                    start = time.perf_counter()
                    work()
                    seconds.append(time.perf_counter() - start)
                taken["raw inserts"].append(insert_raw(imported.home.store_url, raw.home.store_url))
                counts = imported.view().reading.counts()
    floor = statistics.median(taken["raw inserts"])
    rows = [
        (name, f"{statistics.median(some):.2f}", f"{statistics.median(some) / floor:.1f}", spread(some))
        for name, some in taken.items()
    ]
    print(markdown(("", "wall, s", "of raw inserts", "least to greatest"), rows))
    print(
        f"\nRecorded: {', '.join(f'{number:,} {what}' for what, number in counts.items() if number)}; {options.store}."
    )


if __name__ == "__main__":
    main()
