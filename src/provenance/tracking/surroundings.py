"""Where a training runs: which of its processes records, and what commit its code is of."""

import os
import shutil
import subprocess

_RANKS = ("RANK", "LOCAL_RANK")
"""What torchrun, accelerate and DeepSpeed set in each process of a training; the first that is set decides."""
_PATIENCE_S = 2.0


def is_main_process() -> bool:
    """Whether this is the process of a training that records: rank 0, or the only one."""
    rank = next((found for name in _RANKS if (found := os.environ.get(name, "").strip())), "0")
    return rank == "0"


def git_commit() -> str | None:
    """The commit that is checked out in the current folder; None where there is none, or no git."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        found = subprocess.run(  # noqa: S603 - no word of others in it
            [git, "rev-parse", "--verify", "--quiet", "HEAD"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return found.stdout.strip() or None
