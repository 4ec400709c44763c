"""Taking the time and memory of work, and writing them down.

Every figure is a median of repeats, and what is compared is measured in turn within one run, so that a busy moment of the machine hits
all of it alike.
"""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

MEGABYTE = 1_000_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one process took.

    Args:
        wall: Seconds from its start to its end.
        cpu: Seconds of all cores, in user mode and in the kernel.
        peak: Most memory resident at any time, in bytes, mapped files included. Never less than this process's own peak, from
            which it was forked.
    """

    wall: float
    cpu: float
    peak: int


def run(command: Sequence[str | Path], directory: Path | None = None) -> Run:
    """Runs a command to its end, which has to be a good one."""
    start = time.perf_counter()
    with subprocess.Popen(
        command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        complaint = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=complaint)
    return Run(wall=wall, cpu=usage.ru_utime + usage.ru_stime, peak=usage.ru_maxrss * 1024)


def seconds(work: Callable[[], object]) -> float:
    """The wall time of some work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turn(works: Mapping[str, Callable[[], T]], repeats: int) -> dict[str, list[T]]:
    """Does each work once, then each again, and so on."""
    results: dict[str, list[T]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            results[name].append(work())
    return results


def spread(values: Iterable[float]) -> str:
    """The least and the greatest, as hundredths of the median."""
    ordered = sorted(values)
    middle = statistics.median(ordered)
    return f"{ordered[0] / middle:.0%} to {ordered[-1] / middle:.0%}"


def markdown(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table: the first column to the left, the others to the right."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
