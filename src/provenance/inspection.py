"""Inspection: all that a registry does with the content of its artifacts.

It looks into models' weights when they are registered, or later where that could not be done then; searches among them; runs the tests
that are owed; and digests files again. Each result is recorded as soon as it is there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.evidence import Evidence
from provenance.facts import Recorded

if TYPE_CHECKING:
    from provenance.audit import AuditReport, Job, Means, Outcome, Task
    from provenance.canary.protocol import Progress
    from provenance.canary.settings import Settings
    from provenance.discovery import Discovery, SearchReport
    from provenance.holdings import Holdings, Told
    from provenance.registration import Registration
    from provenance.request import Request
    from provenance.risk import Policy
    from provenance.store import Ledger, Reading, Verification
    from provenance.trials import Trials


@dataclass(frozen=True, slots=True)
class Inspection:
    """What can be done with the content that a registry knows.

    Args:
        ledger: Its record.
        actor: Who is recorded with what is found.
    """

    ledger: "Ledger"
    actor: str

    @property
    def holdings(self) -> "Holdings":
        """What is recorded now, and at hand of it."""
        from provenance.holdings import Holdings

        return Holdings(self.ledger.snapshot(), self.ledger.sketches())

    def registered(
        self, requests: Iterable["Request"], found: Sequence["Registration"]
    ) -> "tuple[Registration, ...]":
        """Keeps the sketches of what was registered, and looks into the models among it."""
        from provenance.holdings import keep

        for request in requests:
            if request.sketch is not None and request.content is not None:
                keep(self.ledger.sketches(), str(request.content.digest), request.sketch)
        models = [one.artifact for one in found if one.artifact.kind is ArtifactKind.MODEL and one.digest]
        return self.discover(found, models)

    def discover(
        self, found: "Sequence[Registration]", models: Sequence[ArtifactId]
    ) -> "tuple[Registration, ...]":
        """Looks into the weights of some of what was registered, and adds what was found to what is said of each."""
        if not models:
            return tuple(found)
        from provenance.discovery import discover

        looked = discover(self.ledger, self.actor, models)
        return tuple(
            replace(
                one,
                warnings=(*one.warnings, *looked[one.artifact].warnings),
                evidence=tuple(recorded.id for recorded in looked[one.artifact].evidence),
            )
            if one.artifact in looked
            else one
            for one in found
        )

    def catch_up(self, told: "Told | None" = None) -> "Mapping[ArtifactId, Discovery]":
        """Draws the sketches that are lacking and can be drawn, and looks into their models as if they were registered now."""
        from provenance.discovery import discover

        drawn = self._draw_missing(self.ledger.at(), told)
        return discover(self.ledger, self.actor, drawn) if drawn else {}

    def _draw_missing(self, reading: "Reading", told: "Told | None") -> tuple[ArtifactId, ...]:
        from provenance.holdings import Holdings
        from provenance.sameinit.sketch_method import METHOD

        lacking = reading.unsketched(METHOD)
        return Holdings(reading.line(lacking), self.ledger.sketches()).draw_missing(told) if lacking else ()

    def search(
        self,
        what: ArtifactId | Path,
        *,
        base: Path | None = None,
        as_of: datetime | None = None,
        told: "Told | None" = None,
    ) -> "SearchReport":
        """The models registered by a date whose weights are like those of one of them, or of the files at a path."""
        from provenance.discovery import search
        from provenance.holdings import Holdings, drawn_from
        from provenance.intake import read_content

        reading, sketches = self.ledger.at(as_of), self.ledger.sketches()
        if isinstance(what, Path):
            drawn, itself = drawn_from(what, base), None

            def digest() -> str:
                return str(read_content(what, kind=ArtifactKind.MODEL).content.digest)
        else:
            own = Holdings(reading.line([what]), sketches)
            drawn, itself = own.drawn(what, base), what

            def digest() -> str:
                return own.digest(what)

        self._draw_missing(reading, told)
        return search(str(what), drawn, reading, sketches, digest=digest, itself=itself)

    def audit(
        self,
        tasks: Iterable["Task"],
        *,
        policy: "Policy",
        seeds: int,
        settings: "Settings | None" = None,
        means: "Means | None" = None,
        screens: bool = False,
        done: "Callable[[Outcome], None] | None" = None,
        started: "Callable[[Job], None] | None" = None,
        progress: "Progress | None" = None,
    ) -> "AuditReport":
        """Runs tests and records each result as soon as it is there; see `Registry.audit`."""
        from provenance.audit import Audit, Means, Recipe
        from provenance.canary.settings import Settings

        audit = Audit(
            look=lambda: self.holdings,
            record=self.record,
            policy=policy,
            recipe=Recipe(seeds=seeds, settings=settings or Settings()),
            means=means or Means(),
            screens=screens,
            done=done,
            started=started,
            progress=progress,
        )
        return audit.run(tasks)

    @property
    def trials(self) -> "Trials":
        """The canaries that can be tried on what is at hand now."""
        from provenance.trials import Trials

        return Trials(holdings=self.holdings, record=self.record)

    def verify(self, expected_head: str | None, *, content: bool) -> "Verification":
        """Walks the ledger's chain, and with ``content`` digests the artifacts' files again."""
        from provenance.holdings import content_problems

        found = self.ledger.verify(expected_head)
        if not content:
            return found
        problems = (*found.problems, *content_problems(self.ledger.snapshot()))
        return replace(found, ok=not problems, problems=problems)

    def record(self, evidence: Evidence) -> Recorded[Evidence]:
        """Records the result of a test."""
        from provenance import findings

        with self.ledger.transaction(self.actor) as transaction:
            return findings.record(transaction, evidence)
