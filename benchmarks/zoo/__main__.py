"""`python -m benchmarks.zoo build|judge`: see `benchmarks.zoo`."""

import argparse
import time
from pathlib import Path

from benchmarks import zoo
from benchmarks.zoo.building import build_all, zoo_home
from benchmarks.zoo.catalogue import FAMILIES, SMALL, pairs


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.zoo",
        description=zoo.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("build", "judge"))
    parser.add_argument("--small", action="store_true", help="the variant of the tests")
    parser.add_argument("--home", type=Path, default=zoo_home(), help="default: %(default)s")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    options = parser.parse_args()
    families = SMALL if options.small else FAMILIES
    known = [pair for family in families for pair in pairs(family)]
    began = time.perf_counter()
    build_all([recipe for pair in known for recipe in (pair.a, pair.b)], options.home, options.workers)
    print(f"built in {time.perf_counter() - began:.0f} s by {options.workers} processes")


if __name__ == "__main__":
    main()
