"""Running the command line in the test's own process, as a user would type it."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from provenance_cli.main import main


@dataclass(frozen=True)
class Answer:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The report, read as JSON."""
        return json.loads(self.out)


class Terminal:
    """Types commands and keeps what they answer."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: object, code: int | None = 0) -> Answer:
        """Runs ``provenance`` with some words; fails the test unless it ends with ``code`` (None: any)."""
        self._capsys.readouterr()
        try:
            main([str(word) for word in words])
            ended = 0
        except SystemExit as stop:
            ended = int(stop.code or 0)
        captured = self._capsys.readouterr()
        answer = Answer(ended, captured.out, captured.err)
        assert code is None or ended == code, answer
        return answer
