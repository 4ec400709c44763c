"""A bell: rung by anybody at any moment, and answered by one who looks after some rest; however often it was rung, one look will do."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """When looks are taken.

    Args:
        settle: Seconds of silence before a look, so that what belongs together has arrived.
        patience: Seconds after the first ring at which a look is taken though there is no silence.
        every: Seconds without a ring after which a look is taken all the same, since rings may be lost; None for never.
        rest: Seconds of rest for each second that a look took, so that whoever else works in this process has most of it.
    """

    settle: float = 2.0
    patience: float = 30.0
    every: float | None = 300.0
    rest: float = 9.0


class Bell:
    """Rings, which are not kept apart and not lost: those that come during a look bring about one look more."""

    def __init__(self) -> None:
        self._rung = threading.Event()
        self._ended = threading.Event()

    def ring(self) -> None:
        """Asks for a look. Returns at once, from whatever thread."""
        self._rung.set()

    def end(self) -> None:
        """Asks for the end; a look that is being taken is finished first."""
        self._ended.set()
        self._rung.set()

    def looks(self, look: Callable[[], T], rhythm: Rhythm) -> Iterator[T]:
        """Takes a look each time that the bell was rung, and yields what it found, until the `end`."""
        while True:
            if self._rung.wait(rhythm.every):
                self._settle(rhythm)
            if self._ended.is_set():
                return
            self._rung.clear()  # before the look: it may miss what rings from now on
            began = time.monotonic()
            yield look()
            if self._ended.wait(rhythm.rest * (time.monotonic() - began)):
                return

    def _settle(self, rhythm: Rhythm) -> None:
        """Waits until nobody rings any more, for as long as there is patience."""
        deadline = time.monotonic() + rhythm.patience
        while True:
            self._rung.clear()
            left = deadline - time.monotonic()
            if self._ended.is_set() or left <= 0 or not self._rung.wait(min(rhythm.settle, left)):
                return
