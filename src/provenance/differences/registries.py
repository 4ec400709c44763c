"""What differs between two registries: what only one knows, what stands otherwise, and the facts that this comes from.

An artifact of the one is that of the other which has the same identity; else that which has the same content, where there is one such
on either side. Facts are compared by what they say, not by their place in the ledger. A standing follows from the facts of its excerpt, the
date and the policy, and both registries are asked for one date under one policy: so the facts that only one of two excerpts
holds are all that a difference can come from, and they are told without choosing among them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from provenance.artifacts import Alias, ArtifactId, Location
from provenance.differences.report import Cause, Divergence, How, Match, RegistryDiff
from provenance.differences.standings import Standings, Subject, require_trait
from provenance.differences.wording import cause
from provenance.facts import TYPE_NAMES, Fact, Recorded, Snapshot, to_json
from provenance.lineage_table import LineageTable
from provenance.risk import Policy
from provenance.traits import Flag, Trait, Withdrawal

if TYPE_CHECKING:
    from provenance.store import Reading

MOST_ATTRIBUTED = 100
"""Of how many standings that are others the facts are looked for."""
_Said = Mapping[str, Recorded[Fact]]
"""Facts by what they say."""


def between_registries(
    here: "Reading",
    there: "Reading",
    policy: Policy,
    *,
    asked: Sequence[ArtifactId] | None = None,
    trait: str | None = None,
) -> RegistryDiff:
    """What differs between two registries.

    An artifact that only the other knows is told of where all are asked for.

    Args:
        here: The one, at the date asked for.
        there: The other, at the same date.
        policy: The policy that is applied to both.
        asked: Which artifacts of the one, with their ancestry; None for all artifacts of both.
        trait: Only this trait; None for all.

    Raises:
        UnknownReferenceError: Neither knows the trait.
    """
    if trait is not None and here.trait(trait) is None:
        require_trait(there, trait)
    known, elsewhere = _contents(here.table()), _contents(there.table())
    wanted = tuple(known) if asked is None else tuple(dict.fromkeys(asked))
    matches = tuple(_matches(wanted, known, elsewhere))
    names = {one.there: one.here for one in matches}
    whole = asked is None
    one = _Side.of(here, [match.here for match in matches], {}, whole=whole)
    other = _Side.of(there, [match.there for match in matches], names, whole=whole)
    standing = [side.standings(policy, trait) for side in (one, other)]
    divergences = tuple(_divergences(matches, (one, other), (standing[0], standing[1])))
    said, said_there = one.said(one.excerpt), other.said(other.excerpt)
    return RegistryDiff(
        as_of=here.moment,
        policy_digest=policy.digest,
        partial=any(part.partial for part in standing) or not all(part.attributed for part in divergences),
        only_here=tuple(sorted(set(wanted) - set(names.values()), key=str)),
        only_there=tuple(sorted(set(elsewhere) - set(names), key=str)) if whole else (),
        renamed=tuple(match for match in matches if match.by_content),
        facts_here=_only(said, said_there),
        facts_there=_only(said_there, said),
        divergences=divergences,
    )


@dataclass(frozen=True, slots=True)
class _Side:
    """One of two registries.

    Args:
        reading: What it knows.
        asked: The artifacts in question, by their names here.
        names: What these are called on the other side, where facts are compared.
        excerpt: All that their standings rest on.
    """

    reading: "Reading"
    asked: Sequence[ArtifactId]
    names: Mapping[ArtifactId, ArtifactId]
    excerpt: Snapshot

    @classmethod
    def of(
        cls,
        reading: "Reading",
        asked: Sequence[ArtifactId],
        names: Mapping[ArtifactId, ArtifactId],
        *,
        whole: bool,
    ) -> "_Side":
        return cls(reading, asked, names, reading.snapshot() if whole else reading.line(asked))

    def standings(self, policy: Policy, trait: str | None) -> Standings:
        return Standings.of(self.excerpt, policy, self.asked, trait)

    def said(self, excerpt: Snapshot) -> _Said:
        """The facts by what they say; a withdrawal is known by the flag that it takes back."""
        flags = {recorded.id: recorded.fact for recorded in excerpt.all(Flag)}
        said: dict[str, Recorded[Fact]] = {}
        for recorded in excerpt.facts:
            fact = recorded.fact
            if isinstance(fact, Withdrawal):
                said[f"withdrawn {self._text(flags[fact.flag])}"] = recorded
            elif not isinstance(fact, Alias | Location | Trait):
                said[self._text(fact)] = recorded
        return said

    def _text(self, fact: Fact) -> str:
        values = {field.name: getattr(fact, field.name) for field in fields(fact)}
        renamed: dict[str, Any] = {
            name: self.names[value]
            for name, value in values.items()
            if isinstance(value, ArtifactId) and value in self.names
        }
        return f"{TYPE_NAMES[type(fact)]} {to_json(replace(fact, **renamed))}"


def _contents(table: LineageTable) -> dict[ArtifactId, str | None]:
    """The content digest of every recorded artifact."""
    rows = zip(table.keys, table.digests, table.recorded, strict=True)
    return {ArtifactId.recorded(key): digest for key, digest, recorded in rows if recorded}


def _matches(
    wanted: Iterable[ArtifactId],
    known: Mapping[ArtifactId, str | None],
    elsewhere: Mapping[ArtifactId, str | None],
) -> Iterator[Match]:
    """What artifacts are on the other side: those of the same identity, else the one that alone has the same content."""
    left = _by_content({one: digest for one, digest in known.items() if one not in elsewhere})
    right = _by_content({one: digest for one, digest in elsewhere.items() if one not in known})
    for one in wanted:
        digest = known[one]
        if one in elsewhere:
            yield Match(here=one, there=one, by_content=False)
        elif digest is not None and left.get(digest) == one and digest in right:
            yield Match(here=one, there=right[digest], by_content=True)


def _by_content(contents: Mapping[ArtifactId, str | None]) -> dict[str, ArtifactId]:
    """The artifact of each content that only one has."""
    found: dict[str, list[ArtifactId]] = {}
    for artifact, digest in contents.items():
        if digest is not None:
            found.setdefault(digest, []).append(artifact)
    return {digest: artifacts[0] for digest, artifacts in found.items() if len(artifacts) == 1}


def _divergences(
    matches: Iterable[Match], sides: tuple[_Side, _Side], standing: tuple[Standings, Standings]
) -> Iterator[Divergence]:
    """The standings that are others on the other side, the worst first, with the facts that this can come from."""
    here, there = standing
    traits = {subject.trait for one in standing for subject in one.told}
    found = [
        (match, trait, status, other)
        for match in matches
        for trait in traits
        if (status := here[Subject(match.here, trait)].status)
        is not (other := there[Subject(match.there, trait)].status)
        and status is not None
        and other is not None
    ]
    found.sort(key=lambda one: (min(one[2].rank, one[3].rank), str(one[0].here), one[1] or ""))
    for place, (match, trait, status, other) in enumerate(found):
        attributed = place < MOST_ATTRIBUTED
        one, two = _excerpts(match, sides) if attributed else ({}, {})
        yield Divergence(
            artifact=match,
            trait=trait,
            here=status,
            there=other,
            facts_here=_only(one, two),
            facts_there=_only(two, one),
            attributed=attributed,
        )


def _excerpts(match: Match, sides: tuple[_Side, _Side]) -> tuple[_Said, _Said]:
    here, there = sides
    return here.said(here.reading.line([match.here])), there.said(there.reading.line([match.there]))


def _only(said: _Said, elsewhere: _Said) -> tuple[Cause, ...]:
    """What is said on one side alone, in the order of its ledger."""
    return tuple(cause(recorded, How.RECORDED) for text, recorded in said.items() if text not in elsewhere)
