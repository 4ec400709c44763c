"""What differs between two registries: what only one knows, what stands otherwise, and the facts that this comes from.

An artifact of the one is that of the other which has the same identity; else that which has the same content, where there is one such
on either side. Facts are compared by what they say, not by their place in the ledger. A standing follows from the facts of its excerpt, the
date and the policy, and both registries are asked for one date under one policy: so the facts that only one of two excerpts
holds are all that a difference can come from, and they are told without choosing among them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from provenance.artifacts import ArtifactId
from provenance.differences.matching import Matching
from provenance.differences.report import Cause, Divergence, How, RegistryDiff
from provenance.differences.standings import Standings, Subject, compared, require_trait
from provenance.differences.wording import INERT, cause
from provenance.facts import TYPE_NAMES, Fact, Recorded, Snapshot, to_json
from provenance.risk import Policy
from provenance.traits import Flag, Withdrawal

if TYPE_CHECKING:
    from provenance.store import Reading

MOST_ATTRIBUTED = 100
"""Of how many standings that are others the facts are looked for."""
MOST_FACTS = 100_000
"""In the largest registries of which all facts are compared."""
_Said = Mapping[tuple[str, int], Recorded[Fact]]
"""Facts by what they say, and how often the same was said before: a flag that was withdrawn may be raised again in equal words."""


def between_registries(
    here: "Reading",
    there: "Reading",
    policy: Policy,
    *,
    asked: Sequence[ArtifactId] | None = None,
    trait: str | None = None,
) -> RegistryDiff:
    """What differs between two registries.

    Args:
        here: The one, at the date asked for.
        there: The other, at the same date.
        policy: The policy that is applied to both.
        asked: Which artifacts of the one, with all that their standings rest on; None for all artifacts of both, of which more than
            `MOST_FACTS` facts are not compared one by one.
        trait: Only this trait; None for all.

    Raises:
        UnknownReferenceError: Neither knows the trait.
    """
    if trait is not None and here.trait(trait) is None:
        require_trait(there, trait)
    met = Matching.of(here, there, asked)
    names = {one.there: one.here for one in met.matches.values() if one.by_content}
    sides = _Side(here, {}), _Side(there, names)
    compares_facts = asked is not None or max(here.head.entries, there.head.entries) <= MOST_FACTS
    said: tuple[_Said, _Said] = {}, {}
    if asked is None:
        called = {str(one): str(name) for name, one in names.items()}
        elsewhere, standing = compared((there, policy), (here, policy), trait, called)
        if compares_facts:
            said = sides[0].said(here.snapshot()), sides[1].said(there.snapshot())
    else:
        excerpts = here.line(met.matches), there.line(one.there for one in met.matches.values())
        standing, elsewhere = (
            side.standings(excerpt, met.matches, policy, trait)
            for side, excerpt in zip(sides, excerpts, strict=True)
        )
        said = sides[0].said(excerpts[0]), sides[1].said(excerpts[1])
    divergences = tuple(_divergences(met, sides, standing, elsewhere))
    return RegistryDiff(
        as_of=here.moment,
        policy_digest=policy.digest,
        partial=not compares_facts
        or standing.partial
        or elsewhere.partial
        or not all(one.attributed for one in divergences),
        only_here=met.only_here,
        only_there=met.only_there,
        renamed=tuple(one for one in met.matches.values() if one.by_content),
        facts_here=_only(*said),
        facts_there=_only(*reversed(said)),
        divergences=divergences,
    )


@dataclass(frozen=True, slots=True)
class _Side:
    """One of two registries.

    Args:
        reading: What it knows.
        names: What its artifacts are called on the side that asks, where it is something else.
    """

    reading: "Reading"
    names: Mapping[ArtifactId, ArtifactId]

    def standings(
        self, excerpt: Snapshot, asked: Iterable[ArtifactId], policy: Policy, trait: str | None
    ) -> Standings:
        """Where artifacts stand here, by their names on the side that asks."""
        own = {name: one for one, name in self.names.items()}
        found = Standings.of(excerpt, policy, [own.get(one, one) for one in asked], trait)
        told = {
            subject._replace(artifact=self.names.get(subject.artifact, subject.artifact)): standing
            for subject, standing in found.told.items()
        }
        return Standings(told, found.partial)

    def said(self, excerpt: Snapshot) -> _Said:
        """The facts by what they say; a withdrawal is known by the flag that it takes back."""
        flags = {recorded.id: recorded.fact for recorded in excerpt.all(Flag)}
        times: Counter[str] = Counter()
        said: dict[tuple[str, int], Recorded[Fact]] = {}
        for recorded in excerpt.facts:
            fact = recorded.fact
            if isinstance(fact, INERT):
                continue
            text = (
                f"withdrawn {self._text(flags[fact.flag])}"
                if isinstance(fact, Withdrawal)
                else self._text(fact)
            )
            said[text, times[text]] = recorded
            times[text] += 1
        return said

    def _text(self, fact: Fact) -> str:
        values = {field.name: getattr(fact, field.name) for field in fields(fact)}
        renamed: dict[str, Any] = {
            name: self.names[value]
            for name, value in values.items()
            if isinstance(value, ArtifactId) and value in self.names
        }
        return f"{TYPE_NAMES[type(fact)]} {to_json(replace(fact, **renamed))}"


def _divergences(
    met: Matching, sides: tuple[_Side, _Side], standing: Standings, elsewhere: Standings
) -> Iterator[Divergence]:
    """The standings that are others on the other side, the worst first, with the facts that this can come from."""
    found = []
    for subject in dict.fromkeys((*standing.told, *elsewhere.told)):
        here, there = standing[subject].status, elsewhere[subject].status
        if subject.artifact in met.matches and here is not None and there is not None and here is not there:
            found.append((subject, here, there))
    found.sort(key=lambda one: (min(one[1].rank, one[2].rank), *_name(one[0])))
    for place, (subject, here, there) in enumerate(found):
        match = met.matches[subject.artifact]
        attributed = place < MOST_ATTRIBUTED
        said, said_there = (
            side.said(side.reading.line([artifact])) if attributed else {}
            for side, artifact in zip(sides, (match.here, match.there), strict=True)
        )
        yield Divergence(
            artifact=match,
            trait=subject.trait,
            here=here,
            there=there,
            facts_here=_only(said, said_there),
            facts_there=_only(said_there, said),
            attributed=attributed,
        )


def _name(subject: Subject) -> tuple[str, str]:
    return (str(subject.artifact), subject.trait or "")


def _only(said: _Said, elsewhere: _Said) -> tuple[Cause, ...]:
    """What is said on one side alone, in the order of its ledger."""
    return tuple(cause(recorded, How.RECORDED) for what, recorded in said.items() if what not in elsewhere)
