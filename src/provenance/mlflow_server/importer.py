"""The importer of a server: one thread, which never holds up a request and whose troubles never reach one."""

import logging
import threading

from provenance.mlflow_server.bell import Bell, Rhythm
from provenance.mlflow_server.errand import Errand, Look

_log = logging.getLogger("mlflow.provenance")
"""Below MLflow's own logger, whose form and level the lines of its server have."""


class Importer:
    """Runs an errand some moments after it was woken, in a thread of its own.

    The thread begins with the first call of `wake`, so that it belongs to the process that serves and not to the one that forked it; and
    again with the next, should it ever die.

    Args:
        errand: What is done.
        rhythm: When.
    """

    def __init__(self, errand: Errand, rhythm: Rhythm | None = None) -> None:
        self._errand = errand
        self._rhythm = rhythm or Rhythm()
        self._bell = Bell()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Has the errand run soon. Takes some microseconds."""
        self._bell.ring()
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def end(self) -> None:
        """Ends the thread, after what it is doing."""
        self._bell.end()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                # A daemon: a server that stops waits for no import. The ledger takes one whole or not at all, and the next goes on.
                self._thread = threading.Thread(target=self._run, name="provenance-import", daemon=True)
                try:
                    self._thread.start()
                except (
                    RuntimeError
                ) as error:  # the system has no thread to give, which is no fault of the request
                    _log.warning("provenance can't import before the next call: %s", error)

    def _run(self) -> None:
        problem = None
        for look in self._errand.looks(self._bell, self._rhythm):
            _tell(look)
            if look.problem not in {None, problem}:  # once, not at each look
                _log.warning("provenance can't do its work, and goes on trying: %s", look.problem)
            elif look.problem is None and problem is not None:
                _log.info("provenance does its work again")
            problem = look.problem


def _tell(look: Look) -> None:
    if look.imported is not None and look.imported.imported.recorded:
        recorded = look.imported.imported.recorded
        _log.info("provenance imported %s", ", ".join(f"{count} {what}" for what, count in recorded.items()))
    if look.mirrored is not None and (look.mirrored.created or look.mirrored.updated):
        _log.info("provenance mirrored %d objects", look.mirrored.created + look.mirrored.updated)
