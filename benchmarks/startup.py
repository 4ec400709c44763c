"""How soon `provenance --help` answers, beside `import click` alone, and what it loads on the way.

python -m benchmarks.startup [--repeats 9]
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import in_turn, markdown, run, spread

HEAVY = ("torch", "mlflow", "transformers", "scipy.stats", "sqlmodel")
LOADED = """
import json, sys
before = set(sys.modules)
from provenance_cli.main import main
sys.argv = ["provenance", "--help"]
try:
    main()
finally:
    print(json.dumps([sorted(set(sys.modules) - before), sorted(sys.stdlib_module_names)]), file=sys.stderr)
"""


def loaded() -> tuple[list[str], list[str]]:
    """The modules that the help loads beyond a bare interpreter's, and their packages that are not the standard library's."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    modules, standard = json.loads(done.stderr)
    return modules, sorted({module.partition(".")[0] for module in modules} - set(standard))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9, help="how often each is measured")
    commands = {
        "an empty program": [sys.executable, "-c", ""],
        "`import click`": [sys.executable, "-c", "import click"],
        "`provenance --help`": [Path(sys.executable).parent / "provenance", "--help"],
    }
    runs = in_turn(
        {name: lambda command=command: run(command) for name, command in commands.items()},
        parser.parse_args().repeats,
    )
    wall = {name: statistics.median(one.wall for one in some) for name, some in runs.items()}
    rows = [
        (
            name,
            f"{wall[name]:.3f}",
            f"{statistics.median(one.cpu for one in some):.3f}",
            f"{wall[name] / wall['`import click`']:.2f}",
            spread(one.wall for one in some),
        )
        for name, some in runs.items()
    ]
    print(markdown(("", "wall, s", "CPU, s", "of `import click`", "least to greatest"), rows))
    modules, packages = loaded()
    heavy = [name for name in HEAVY if name in modules]
    print(f"\nLoads {len(modules)} modules; packages beyond the standard library: {', '.join(packages)}.")
    print(f"Of {', '.join(HEAVY)} it loads {', '.join(heavy) or 'none'}.")


if __name__ == "__main__":
    main()
