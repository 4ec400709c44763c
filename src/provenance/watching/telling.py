"""Telling: each event to a receiver, at least once, from where it stopped.

What was told is remembered after the receiver said yes. So a stop in between, of whatever sort, means that an event is told a second time,
with the same id, and never that it is not told.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from provenance.errors import DeliveryError
from provenance.facts import adapter, canonical_json
from provenance.store.watch import StoredWatch
from provenance.watching.events import Event, Mark, Watch
from provenance.watching.receivers import Receiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a receiver is asked that does not say yes.

    Args:
        tries: How often.
        wait: Seconds before the second time; twice as many each time after.
    """

    tries: int = 6
    wait: float = 1.0


def key_of(target: str, watch: Watch) -> str:
    """What a watch is remembered by: a digest, since the target may hold a secret."""
    told = {"target": target, "artifacts": sorted(map(str, watch.artifacts)), "trait": watch.trait}
    return sha256(canonical_json(told).encode()).hexdigest()


def document(event: Event) -> bytes:
    """An event as the JSON that receivers get."""
    return canonical_json(adapter(Event).dump_python(event, mode="json")).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Tells a receiver what a watch sees.

    Args:
        watch: What is watched.
        receiver: Who is told.
        memory: How far.
        patience: How long the receiver is asked.
    """

    watch: Watch
    receiver: Receiver
    memory: StoredWatch
    patience: Patience = Patience()

    def tell(self, start: Mark, *, every: float | None = None) -> Iterator[Event]:
        """Tells all that happened since it stopped, and yields each event that the receiver took.

        Args:
            start: Where to begin, where nothing is remembered.
            every: Look again after so many seconds, for ever; None to end when all is told.

        Raises:
            ConflictError: Another process tells the same.
            DeliveryError: The receiver does not say yes. What it did not take is told the next time.
        """
        with self.memory.held():
            before = self.memory.recall()
            mark = start if before is None else _read(before)
            before = self._remember(mark, before)
            while True:
                for reached, event in self.watch.steps(mark):
                    mark = reached
                    if event is not None:
                        self._deliver(event)
                        before = self._remember(mark, before)
                        yield event
                before = self._remember(mark, before)
                if every is None:
                    return
                time.sleep(every)

    def _remember(self, mark: Mark, before: str | None) -> str:
        body = canonical_json(adapter(Mark).dump_python(mark, mode="json"))
        if body != before:
            self.memory.remember(mark.position, body, before=before)
        return body

    def _deliver(self, event: Event) -> None:
        told, wait = document(event), self.patience.wait
        for times in range(1, self.patience.tries + 1):
            try:
                self.receiver.tell(told, event.id)
            except DeliveryError as error:
                if times == self.patience.tries:
                    raise DeliveryError(
                        f"{event.event} {event.flag} could not be told in {times} tries: {error.message}",
                        hint="Nothing is skipped: the same command goes on from this event when the receiver is back.",
                    ) from error
                time.sleep(wait)
                wait *= 2
            else:
                return


def _read(body: str) -> Mark:
    found: Mark = adapter(Mark).validate_json(body)
    return found
