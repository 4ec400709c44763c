"""What was worked out of a whole registry, kept for as long as it is true.

Such an answer is a function of what is recorded and of which findings have ended by then. So it stands until something is recorded or
something ends, and is worked out once, on a thread of its own: a large registry takes seconds.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, TypeVar

from provenance.collector import settle
from provenance.errors import ProvenanceError, RegistryError
from provenance.status import WORKED_OUT_UP_TO
from provenance.view import View

T = TypeVar("T")
_MOST_STATES = 2  # of a large registry each may hold some hundred megabytes
_MOST_HEADS = 256


class BeingWorkedOutError(RegistryError):
    """An answer for which a large registry is looked at as a whole, and which is not there yet."""


@dataclass(frozen=True, slots=True, order=True)
class State:
    """Of what an answer is a function, beside its question.

    Args:
        head: Digest of the last transaction that it knows of.
        ended: How many of the findings in it have ended.
        unfinished: Whether an import was begun and not finished.
    """

    head: str
    ended: int
    unfinished: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    """A state that was asked for lately.

    Args:
        view: The first view of it, which holds what was read.
        answers: What is or was worked out.
    """

    view: View
    answers: dict[Hashable, "Future[Any]"] = field(default_factory=dict)

    @property
    def is_large(self) -> bool:
        """Whether nobody waits for its answers."""
        return self.view.reading.head.entries > WORKED_OUT_UP_TO

    def worked_out(self, work: Callable[[View], T]) -> T:
        """An answer; what a large one holds stays out of the way of the requests that come after."""
        answer = work(self.view)
        if self.is_large:
            settle()
        return answer

    def forget(self) -> None:
        """Begins no work that nobody waits for."""
        if self.is_large:
            for answer in self.answers.values():
                answer.cancel()


class WorkedOut:
    """The answers about the whole of one registry under one policy. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="whole-registry")
        self._kept: OrderedDict[State, _Kept] = OrderedDict()
        self._ends: OrderedDict[str, tuple[datetime, ...]] = OrderedDict()
        self._counts: OrderedDict[str, Mapping[str, int]] = OrderedDict()

    def close(self) -> None:
        """Begins nothing more, and waits for what was begun."""
        self._worker.shutdown(cancel_futures=True)

    def state(self, view: View) -> State:
        """The state that a view is of: two views of one state answer alike, but for the date that they tell."""
        ends = self._of_head(self._ends, view, _ends)
        return State(view.head, bisect_right(ends, view.reading.moment), view.unfinished)

    def counts(self, view: View) -> Mapping[str, int]:
        """How many facts there are of each type, and artifacts of each kind."""
        return self._of_head(self._counts, view, lambda asked: asked.reading.counts())

    def _of_head(self, kept: "OrderedDict[str, T]", view: View, read: Callable[[View], T]) -> T:
        """What depends on nothing but what is recorded, and is read in a moment."""
        if (found := kept.get(view.head)) is None:
            found = read(view)
            with self._lock:
                kept[view.head] = found
                if len(kept) > _MOST_HEADS:
                    kept.popitem(last=False)
        return found

    def known(self, state: State) -> tuple[str, ...]:
        """The questions whose answers are there already."""
        with self._lock:
            kept = self._kept.get(state)
            answers = {} if kept is None else dict(kept.answers)
        return tuple(sorted(str(question) for question, answer in answers.items() if answer.done()))

    def once(self, view: View, question: Hashable, work: Callable[[View], T]) -> T:
        """An answer, worked out where it is not there yet.

        Args:
            view: The view that is asked.
            question: What names the answer.
            work: Works it out.

        Raises:
            BeingWorkedOutError: The registry is large, and the answer is not there yet.
            ProvenanceError: It can't be worked out; asked again, that is tried again.
        """
        kept, answer = self.begin(view, question, work)
        if kept.is_large and (not answer.done() or answer.cancelled()):
            raise BeingWorkedOutError(
                f"all {view.reading.head.entries} facts are being looked at, and the answer is not there yet",
                hint="Ask again in a few seconds.",
            )
        try:
            return answer.result()
        except ProvenanceError:
            with self._lock:
                kept.answers.pop(question, None)
            raise

    def begin(self, view: View, question: Hashable, work: Callable[[View], T]) -> "tuple[_Kept, Future[T]]":
        """Begins to work an answer out, where that was not done yet; see `once`."""
        state = self.state(view)
        with self._lock:
            kept = self._kept.setdefault(state, _Kept(view))
            self._kept.move_to_end(state)
            if question not in kept.answers:
                kept.answers[question] = self._worker.submit(kept.worked_out, work)
            while len(self._kept) > _MOST_STATES:
                _, gone = self._kept.popitem(last=False)
                gone.forget()
            return kept, kept.answers[question]


def _ends(view: View) -> tuple[datetime, ...]:
    """When findings end, in order."""
    lifetimes = view.policy.lifetimes
    ends = (lifetimes.end(one) for one in view.reading.perishable(lifetimes.ending_types))
    return tuple(sorted(end for end in ends if end is not None))
