"""`python -m benchmarks.zoo [build|judge|real]`: see `benchmarks.zoo`."""

import argparse
import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import zoo
from benchmarks.zoo.building import build_all, folder_of, zoo_home
from benchmarks.zoo.catalogue import FAMILIES, SMALL, Pair, pairs

if TYPE_CHECKING:
    from benchmarks.zoo.judging import Judgement
    from benchmarks.zoo.tables import Table

WHAT = ("build", "judge", "real")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.zoo",
        description=zoo.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", choices=(*WHAT, "all"), default="all", help="default: %(default)s")
    parser.add_argument("--small", action="store_true", help="the variant of the tests")
    parser.add_argument("--home", type=Path, default=zoo_home(), help="default: %(default)s")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    options = parser.parse_args()
    known = [pair for family in (SMALL if options.small else FAMILIES) for pair in pairs(family)]
    for what in WHAT if options.what == "all" else [options.what]:
        began = time.perf_counter()
        if what == "build":
            models = [recipe for pair in known for recipe in (pair.a, pair.b)]
            build_all(models, options.home, options.workers)
        elif what == "judge":
            _require(parser, known, options.home)
            _judge(known, options.home, options.workers)
        else:
            _real(options.home)
        print(f"{what}: {time.perf_counter() - began:.0f} s, {options.workers} processes")


def _real(home: Path) -> None:
    from benchmarks.zoo.real import real_checkpoints

    home.mkdir(parents=True, exist_ok=True)
    _report(home / "real.json", [real_checkpoints()], [])


def _judge(known: Sequence[Pair], home: Path, workers: int) -> None:
    from benchmarks.zoo.judging import judge_all
    from benchmarks.zoo.tables import tables

    judged = judge_all(known, home, workers)
    _report(home / "judged.json", tables(judged), judged)


def _report(path: Path, shown: "Sequence[Table]", judged: "Sequence[Judgement]") -> None:
    """Prints tables, and writes them and what they rest on as JSON."""
    for table in shown:
        print(table)
    found = {
        "tables": [dataclasses.asdict(table) for table in shown],
        "pairs": [dataclasses.asdict(one) for one in judged],
    }
    path.write_text(json.dumps(found, indent=1))
    print(f"written to {path}")


def _require(parser: argparse.ArgumentParser, known: Sequence[Pair], home: Path) -> None:
    if not all(folder_of(recipe, home).is_dir() for pair in known for recipe in (pair.a, pair.b)):
        parser.error("some models are missing: run `python -m benchmarks.zoo build` first")


if __name__ == "__main__":
    main()
