"""What is owed: the tests that edges still lack, by what may be inherited along them, and how far the testing has come."""

from collections.abc import Iterable
from dataclasses import dataclass

from provenance.artifacts import ArtifactId
from provenance.audit import Progress, Task, by_risk, plan, progress
from provenance.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Owing:
    """The tests that edges ask for.

    Args:
        tasks: Those that are owed, where the most may be inherited first.
        progress: How far the testing has come.
    """

    tasks: tuple[Task, ...]
    progress: Progress


def owing(view: View, asked: Iterable[ArtifactId] | None = None) -> Owing:
    """What the edges above some artifacts are owed.

    Args:
        view: What is known.
        asked: Which artifacts; None for all, for which the whole registry is read.
    """
    wanted = tuple(view.snapshot.artifacts if asked is None else asked)
    kindred = view.kindred if asked is None else view.kindred_above(wanted)
    return Owing(
        tasks=by_risk(kindred, view.policy, plan(kindred, wanted)), progress=progress(kindred, wanted)
    )
