"""What is generated is current, and what was written before still reads."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from provenance.facts import FACT_TYPES, from_json, to_json
from provenance_cli.generated import schemas

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden"


def test_the_schemas_that_are_committed_are_those_of_the_types() -> None:
    written = {
        path.relative_to(ROOT / "schemas").as_posix(): path.read_text()
        for path in (ROOT / "schemas").rglob("*.json")
    }
    assert written == dict(schemas()), "run `make docs`"


def test_the_reference_of_commands_that_is_committed_is_that_of_the_commands() -> None:
    # In a process of its own: click keeps the help options that earlier tests made.
    code = "from provenance_cli.generated import reference; print(reference(), end='')"
    generated = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert (ROOT / "docs" / "commands.md").read_text() == generated, "run `make docs`"


@pytest.mark.parametrize("path", sorted(GOLDEN.rglob("*.jsonl")), ids=lambda path: path.stem)
def test_facts_written_by_every_release_still_read_and_are_written_the_same(path: Path) -> None:
    """Each line is a type and a fact as a ledger of that release holds it; its digest depends on every character."""
    for line in path.read_text().splitlines():
        type_name, body = line.split("\t")
        assert to_json(from_json(type_name, body)) == body


def test_a_fact_of_every_type_is_among_those_that_must_read_for_ever() -> None:
    lines = (line for path in GOLDEN.rglob("*.jsonl") for line in path.read_text().splitlines())
    assert {line.split("\t")[0] for line in lines} == FACT_TYPES.keys()


def test_every_fact_type_has_a_schema_that_says_what_is_required() -> None:
    for name in FACT_TYPES:
        schema = json.loads((ROOT / "schemas" / "facts" / f"{name}.json").read_text())
        assert schema["required"], name
