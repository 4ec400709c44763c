"""The frame: what stands around every page: which date is looked at, and what a reader must know before anything else."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from provenance.view import View

if TYPE_CHECKING:
    from provenance.store import Head

MOST_MARKS = 100
"""Dates on the time slider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What stands around a page.

    Args:
        moment: The date that is looked at, aware, UTC.
        is_now: Whether that is the present.
        head: The end of the ledger at that date.
        policy_digest: Digest of the policy that is applied.
        marks: Dates at which something was recorded, oldest first; of many, some, evenly among them.
        place: Which of the marks is the last by that date; None where nothing was recorded by then.
        later: How many facts were recorded after that date.
        unfinished: Whether an import was begun and not finished, so that every answer about risks is partial.
    """

    moment: datetime
    is_now: bool
    head: "Head"
    policy_digest: str
    marks: tuple[datetime, ...]
    place: int | None
    later: int
    unfinished: bool

    @classmethod
    def of(cls, view: View, present: View) -> "Frame":
        """The frame of a view.

        Args:
            view: What is known at the date that is looked at.
            present: What is known now.
        """
        heads = present.reading.heads(MOST_MARKS)
        marks = tuple(one.recorded_at for one in heads if one.recorded_at is not None)
        by_then = [place for place, head in enumerate(heads) if head.number <= view.reading.head.number]
        return cls(
            moment=view.reading.moment,
            is_now=view.reading.as_of is None,
            head=view.reading.head,
            policy_digest=view.policy.digest,
            marks=marks,
            place=by_then[-1] if by_then else None,
            later=present.reading.head.entries - view.reading.head.entries,
            unfinished=view.unfinished,
        )

    @property
    def before(self) -> datetime | None:
        """The mark before the date that is looked at; None where there is none."""
        return self.marks[self.place - 1] if self.place else None

    @property
    def after(self) -> datetime | None:
        """The mark after it; None where there is none, and where all that is recorded is looked at."""
        following = 0 if self.place is None else self.place + 1
        return self.marks[following] if self.later and following < len(self.marks) else None
