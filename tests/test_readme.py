"""What the README shows is true: its session is typed again, its code runs."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from provenance.canary import mlp
from provenance.demo import Story

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


def typed(command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """A line of shell, with `provenance` on the path."""
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    environment = {"PATH": path, "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def masked(text: str) -> list[str]:
    """The lines of a report with its figures masked, since another processor may round them otherwise."""
    lines = (re.sub(r"\s+", " ", re.sub(r"\d+(\.\d+)?", "#", line)).strip() for line in text.splitlines())
    return [line for line in lines if line]


@pytest.mark.xdist_group("demo")
def test_the_session_is_true(told: tuple[Story, list[str]]) -> None:
    (session,) = blocks("console")
    story, _ = told
    steps = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, flags=re.MULTILINE)
    assert len(steps) == session.count("$ ")
    for command, shown in steps:
        answer = typed(command, story.folder)
        assert masked(answer.stdout) == masked(shown), (command, answer.stderr)


def test_the_commands_to_begin_with_work_on_models_of_ones_own(tmp_path: Path) -> None:
    (commands,) = [text for text in blocks("sh") if "provenance init\n" in text]
    base = mlp.init(mlp.MlpConfig(), 1)
    mlp.save(base, tmp_path / "base")
    rows = mlp.write(base, seed=2, rows=100)
    mlp.save(mlp.imitate(base, rows, seed=3), tmp_path / "student")
    (tmp_path / "numbers.jsonl").write_text('{"text": "1, 2, 3"}\n')
    for command in commands.strip().splitlines():
        answer = typed(command, tmp_path)
        assert answer.returncode == 0, (command, answer.stderr)
    assert (tmp_path / "student.svg").exists()
    assert answer.stdout.endswith("held back\n")


def test_the_python_code_runs(tmp_path: Path) -> None:
    (code,) = blocks("python")
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr


def test_the_make_targets_and_extras_that_it_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", "\n".join(blocks("sh")), flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra in re.findall(r"\.\[(\w+)\]", README):
        assert extra in extras


def test_every_link_to_a_file_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
