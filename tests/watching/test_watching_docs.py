"""The example of docs/watching.md runs, and its table names what is told."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from provenance.watching import Event

PAGE = (Path(__file__).parents[2] / "docs" / "watching.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("folder")
def test_the_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {}
    exec(example, names)
    names["registry"].close()  # type: ignore[attr-defined]


def test_every_field_of_an_event_is_explained() -> None:
    table = re.findall(r"^\| (`.*?`) \|", PAGE, re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(table)) == [one.name for one in fields(Event)]
