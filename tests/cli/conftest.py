"""A terminal in a folder where the first session was told as far as the flag."""

import shutil
from contextlib import chdir, suppress
from pathlib import Path

import pytest
from story import session_words, write_files

from command_line import Terminal
from provenance_cli.main import main


@pytest.fixture(scope="session")
def _files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_files(folder)
    return folder


@pytest.fixture(scope="session")
def _told(tmp_path_factory: pytest.TempPathFactory, _files: Path) -> Path:
    """The story told once; the content stays where it was seen."""
    folder = tmp_path_factory.mktemp("told")
    shutil.copytree(_files, folder, dirs_exist_ok=True)
    with chdir(folder):
        for words in session_words():
            with suppress(SystemExit):
                main(list(words))
    return folder


@pytest.fixture
def files(_files: Path, folder: Path) -> Path:
    """The current folder, with a base, a student, a stranger and a dataset in it; no registry."""
    shutil.copytree(_files, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture
def story(terminal: Terminal, _told: Path, folder: Path) -> Terminal:
    """A terminal in the folder of a registry that knows the owl story as far as the flag, which is flag-14."""
    shutil.copytree(_told, folder, dirs_exist_ok=True)
    return terminal
