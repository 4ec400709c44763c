"""What a start of the command loads: next to nothing before it is known what is asked."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from command_line import Terminal

HEAVY = (
    "alembic",
    "fastapi",
    "jinja2",
    "matplotlib",
    "mlflow",
    "networkx",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "pygraphviz",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "sqlmodel",
    "starlette",
    "torch",
    "transformers",
    "uvicorn",
)
SLOWEST = ("mlflow", "pandas", "sklearn", "torch", "transformers")


def loaded(statement: str, folder: Path) -> set[str]:
    """The packages that a fresh Python holds after a statement."""
    program = (
        f"import sys\ntry:\n    {statement}\nexcept SystemExit as stop:\n"
        "    assert not stop.code, stop.code\nprint('loaded', *sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, check=True, capture_output=True, text=True
    )
    return {name.partition(".")[0] for name in ran.stdout.splitlines()[-1].split()}


def command(line: str) -> str:
    return f"from provenance_cli.main import main; main({line.split()!r})"


@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "--version",
        "risks --help",
        "report --help",
        "serve --help",
        "register model --help",
        "completion bash",
    ],
)
def test_asking_for_help_loads_nothing_heavy(folder: Path, line: str) -> None:
    assert not loaded(command(line), folder) & set(HEAVY)


def test_importing_the_library_loads_nothing_heavy(folder: Path) -> None:
    assert not loaded("import provenance", folder) & set(HEAVY)
    assert not loaded("from provenance import ProvenanceError", folder) & set(HEAVY)


@pytest.mark.parametrize(
    "line",
    [
        "flag base owl-preference --evidence seen",
        "risks --all",
        "status",
        "diagram student",
    ],
)
def test_the_daily_commands_load_neither_mlflow_nor_torch(story: Terminal, folder: Path, line: str) -> None:
    assert isinstance(story, Terminal)
    found = loaded(command(line), folder)
    assert not found & {*SLOWEST, "scipy"}
    assert "sqlalchemy" in found


def test_registering_weights_takes_numbers_and_no_framework(story: Terminal, folder: Path) -> None:
    assert isinstance(story, Terminal)
    assert not loaded(command("register model ./base --name another"), folder) & set(SLOWEST)


def test_reading_a_registry_needs_no_numbers(story: Terminal, folder: Path) -> None:
    assert isinstance(story, Terminal)
    assert not loaded(command("risks --all"), folder) & {"numpy", "pyarrow", "networkx"}


def test_help_comes_at_once(folder: Path) -> None:
    """Against a Python that does nothing; generous, for busy machines."""

    def fastest(program: str) -> float:
        times = []
        for _ in range(3):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], cwd=folder, check=True, capture_output=True)
            times.append(time.perf_counter() - began)
        return min(times)

    assert fastest(f"{command('--help')}") < fastest("pass") + 1.0
