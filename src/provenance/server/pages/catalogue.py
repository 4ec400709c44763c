"""The catalogue: artifacts by name, alias, digest, kind, status and trait."""

from dataclasses import dataclass

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind
from provenance.errors import ContentError
from provenance.facts import Recorded
from provenance.risk import ArtifactRisks, Status
from provenance.server.pages.paging import PAGE
from provenance.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What is looked for.

    Args:
        text: A name or a part of one, with ``*`` and ``?``; an alias; an identity; or the beginning of a digest.
        kinds: Only of these kinds; any where there are none.
        statuses: Only with one of these statuses; any where there are none.
        trait: With statuses, the trait to which they apply; else only what is flagged with it.
    """

    text: str = ""
    kinds: tuple[ArtifactKind, ...] = ()
    statuses: tuple[Status, ...] = ()
    trait: str | None = None

    @property
    def pattern(self) -> str:
        """What names have to match: the text as it is where it holds a wildcard, else anywhere within the name."""
        return self.text if {"*", "?"} & set(self.text) else f"*{self.text}*"

    @property
    def standing_with(self) -> str | None:
        """The trait with which it is told where artifacts stand; None for the worst of all."""
        return self.trait if self.statuses else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What a search finds.

    Args:
        sought: What was looked for.
        meant: What the text means as a reference: by name, alias or digest; on the first page alone.
        found: What matches, in order of identities, some at a time.
        standings: Where all of these stand with `Sought.standing_with`.
        partial: Whether something could not be looked at.
        next: The last of this page, where others follow.
    """

    sought: Sought
    meant: tuple[Artifact, ...]
    found: tuple[Recorded[Artifact], ...]
    standings: dict[ArtifactId, ArtifactRisks]
    partial: bool
    next: ArtifactId | None


def page(view: View, sought: Sought, after: str | None = None) -> Catalogue:
    """A page of what a search finds.

    Args:
        view: What is known.
        sought: What is looked for.
        after: From behind this one on.

    Raises:
        UnknownReferenceError: There is no such trait, or nothing to begin behind.
        BeingWorkedOutError: Statuses are asked for, and it is not known yet who has which.
    """
    matching = view.artifacts(
        sought.pattern,
        any_case=True,
        kinds=sought.kinds,
        trait=sought.trait,
        statuses=sought.statuses,
        after=after,
        limit=PAGE + 1,
    )
    found = matching[:PAGE]
    meant = _meant(view, sought) if after is None else ()
    shown = dict.fromkeys((*(one.id for one in meant), *(one.fact.id for one in found)))
    risks = view.risks(shown, trait=sought.standing_with)
    return Catalogue(
        sought=sought,
        meant=meant,
        found=found,
        standings={one.artifact: one for one in risks.artifacts},
        partial=risks.partial,
        next=found[-1].fact.id if len(matching) > len(found) else None,
    )


def _meant(view: View, sought: Sought) -> tuple[Artifact, ...]:
    """What the text means as a reference, as far as it is of the kinds that are looked for."""
    if not sought.text or sought.statuses or sought.trait is not None:
        return ()
    try:
        found = view.reading.find(sought.text)
    except ContentError:  # no reference, and a part of a name for all that
        return ()
    return tuple(one for one in found if not sought.kinds or one.id.kind in sought.kinds)
