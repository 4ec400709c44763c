"""The audit: which tests are owed, what is at stake, how far the testing has come, and what was recorded last."""

from dataclasses import dataclass

from provenance.artifacts import ArtifactId
from provenance.audit import Progress, Task
from provenance.evidence import Evidence
from provenance.facts import Recorded
from provenance.server.pages.owing import Owing
from provenance.server.pages.paging import Paged, paged
from provenance.view import View

_LATEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What is owed.

    Args:
        asked: Above which artifact; None for the whole registry.
        tasks: The tests that are owed, where the most may be inherited first; None where the registry is too large
            for that and no artifact was named.
        progress: How far the testing has come; None as above.
        latest: The tests that were recorded last, the latest first.
    """

    asked: ArtifactId | None
    tasks: Paged[Task] | None
    progress: Progress | None
    latest: tuple[Recorded[Evidence], ...]


def page(view: View, owing: Owing | None, asked: ArtifactId | None = None, start: int = 0) -> Audit:
    """A page of what is owed.

    Args:
        view: What is known.
        owing: What is owed; None where the registry is too large for that and no artifact was named.
        asked: Above which artifact; None for the whole registry.
        start: How many to pass over.
    """
    return Audit(
        asked=asked,
        tasks=None if owing is None else paged(owing.tasks, start),
        progress=None if owing is None else owing.progress,
        latest=view.reading.latest_tests(_LATEST),
    )
