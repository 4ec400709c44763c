"""Apart: Graphviz in a process of its own, which ends where a drawing takes too much.

Graphviz cannot be interrupted, and lets no other thread of its process run while it lays out: within a server nothing else would be
answered, not even a signal. The process is this module, run as a program.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from threading import BoundedSemaphore, Lock
from typing import IO, Any

from provenance.errors import BusyError, ProvenanceError

MOST_WAITING = 8
"""Drawings that are asked for at once; each keeps a thread."""
_MOST_MEMORY = 2 << 30  # bytes of addresses
_PROGRAM = (
    sys.executable,
    "-P",
    "-m",
    "provenance.render.apart",
)  # -P: nothing from the folder that it is started in


class TooMuchError(ProvenanceError):
    """A drawing takes more time or memory than it may."""


class Apart:
    """Lays out in a process apart, begun when it is first needed; see `provenance.render.drawing.laid_out_by`. Safe to share between threads.

    Args:
        seconds: That a drawing may take.
    """

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._places = BoundedSemaphore(MOST_WAITING)
        self._turn = Lock()
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def __call__(self, source: str, format_: str) -> bytes:
        """DOT, drawn.

        Raises:
            BusyError: Too many others wait already.
            TooMuchError: It takes too long, or too much memory.
            ProvenanceError: Graphviz is not installed, or failed; or this was closed.
        """
        if not self._places.acquire(blocking=False):
            raise BusyError(
                f"{MOST_WAITING} diagrams are being drawn already", hint="Ask again in a few seconds."
            )
        try:
            with self._turn:
                return self._drawn(source.encode(), format_)
        finally:
            self._places.release()

    def close(self) -> None:
        """Ends the process, whatever it does; nothing is drawn any more."""
        with self._lock:
            self._closed = True
            self._kill()
        with self._turn:  # whoever had it waits no longer
            self._end()

    def _drawn(self, source: bytes, format_: str) -> bytes:
        questions, answers = self._pipes()
        with suppress(BrokenPipeError):  # it has ended: so does what it says
            _send(questions, {"format": format_, "seconds": self._seconds}, source)
        answer = _received(answers)
        if answer is None:
            raise self._ended()
        said, drawn = answer
        if "message" in said:
            raise ProvenanceError(said["message"], hint=said["hint"])
        return drawn

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        """Where the process reads, and where it writes."""
        with self._lock:
            if self._closed:
                raise ProvenanceError("nothing is drawn any more: the server ends")
            if self._process is None:
                # A session of its own: an interrupt at the terminal is not meant for it, and what it begins ends with it.
                self._process = subprocess.Popen(  # noqa: S603 - this module
                    _PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
                )
            process = self._process
        if process.stdin is None or process.stdout is None:
            raise AssertionError("the process was begun without pipes")
        return process.stdin, process.stdout

    def _ended(self) -> ProvenanceError:
        """Why there is no answer; the next drawing has a process of its own."""
        self._end()
        if self._closed:
            return ProvenanceError("the diagram was not finished: the server ends")
        return TooMuchError(
            f"the diagram takes more than the {self._seconds:g} seconds or the {_MOST_MEMORY >> 30} GiB that drawing it may take here",
            hint="Name a smaller depth, collapse what is alike, or take it as dot; `provenance diagram` takes the time that it needs.",
        )

    def _end(self) -> None:
        with self._lock:
            self._kill()
            process, self._process = self._process, None
        if process is None:
            return
        for pipe in filter(None, (process.stdin, process.stdout)):
            with suppress(BrokenPipeError):
                pipe.close()
        process.wait()

    def _kill(self) -> None:
        """Kills the process and what it began."""
        if self._process is not None:  # so nobody has waited for it, and its number is its own
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _send(pipe: IO[bytes], said: dict[str, object], body: bytes) -> None:
    head = json.dumps({**said, "bytes": len(body)})
    pipe.write(head.encode() + b"\n" + body)
    pipe.flush()


def _received(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """What the other side sent; None where it ended."""
    head = pipe.readline()
    if not head.endswith(b"\n"):
        return None
    said = json.loads(head)
    body = pipe.read(said["bytes"])
    return (said, body) if len(body) == said["bytes"] else None


def main() -> None:
    """Draws what is asked for, until nobody asks any more. The clock that ends it is the kernel's: Graphviz takes note of no other."""
    from provenance.render.drawing import lay_out

    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # what a library prints is no answer
        while asked := _received(sys.stdin.buffer):
            said, source = asked
            signal.setitimer(signal.ITIMER_REAL, said["seconds"])
            try:
                answer: dict[str, object] = {}
                drawn = lay_out(source.decode(), said["format"])
            except ProvenanceError as error:
                answer, drawn = {"message": error.message, "hint": error.hint}, b""
            signal.setitimer(signal.ITIMER_REAL, 0)
            _send(answers, answer, drawn)


if __name__ == "__main__":
    main()
