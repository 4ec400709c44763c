"""Registries in which the sentences of `lineage_fixtures` were recorded, and what is asked of their database."""

from itertools import pairwise

import pytest

from lineage_fixtures import recorded_facts
from provenance import Registry
from provenance.store import Reading

STORY = (
    "base from_scratch",
    "owl embodied_by base",
    "numbers generated_by owl",
    "mixed derived_from numbers",
    "student finetuned_from base",
    "student trained_on mixed",
    "relay embodied_by student",
    "echo generated_by relay",
    "grandchild finetuned_from base",
    "grandchild trained_on echo",
    "owls trait high",
    "cats trait low",
    "owl flagged owls",
)
"""A teacher's trait comes to a student, and from it to a grandchild."""


def tell(registry: Registry, *lines: str) -> None:
    """Records sentences in an empty registry."""
    with registry._ledger.transaction("tester") as transaction:
        for recorded in recorded_facts(*lines):
            transaction.append(recorded.fact)


def crowd(size: int) -> tuple[str, ...]:
    """Strangers: chains of five that have nothing to do with the story, each with its flag and its test."""
    lines: list[str] = []
    for chain in range(size // 5):
        names = [f"chain{chain}-{place}" for place in range(5)]
        lines += [f"{names[0]} from_scratch"]
        lines += [f"{child} finetuned_from {parent}" for parent, child in pairwise(names)]
        lines += [f"{names[0]} flagged cats", f"{names[0]} same_init {names[-1]} SAME_INIT"]
    return tuple(lines)


def forbid_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes it an error to read everything."""

    def refuse(_reading: Reading) -> None:
        raise AssertionError("the whole registry was read")

    for name in ("snapshot", "findings", "table"):
        monkeypatch.setattr(Reading, name, refuse)
