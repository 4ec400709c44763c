"""Paging: a list that is long is shown some at a time, and says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

PAGE = 50
"""Rows on a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paged(Generic[T_co]):
    """Some members of a list.

    Args:
        items: Those on this page.
        start: How many come before them.
        total: How many there are in all.
    """

    items: tuple[T_co, ...]
    start: int
    total: int

    @property
    def end(self) -> int:
        """How many there are up to the end of this page."""
        return self.start + len(self.items)

    @property
    def previous(self) -> int | None:
        """Where the page before begins; None on the first."""
        return max(0, self.start - PAGE) if self.start else None

    @property
    def next(self) -> int | None:
        """Where the next page begins; None on the last."""
        return self.end if self.end < self.total else None


def paged(found: Sequence[T], start: int = 0) -> Paged[T]:
    """The page of a list that begins at a place; the last one where the list ends before that."""
    last = max(0, len(found) - 1) // PAGE * PAGE
    begin = min(start, last) if start >= len(found) else start
    return Paged(items=tuple(found[begin : begin + PAGE]), start=begin, total=len(found))
