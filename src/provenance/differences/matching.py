"""Which artifact of one registry is which of another."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.artifacts import ArtifactId
from provenance.differences.report import Match

if TYPE_CHECKING:
    from provenance.store import Reading

_Contents = Mapping[ArtifactId, str | None]
"""Artifacts with their content digests."""


@dataclass(frozen=True, slots=True)
class Matching:
    """How the artifacts of two registries meet.

    Args:
        matches: Those that do, by identity in the one.
        only_here: The others of the one, in order of their names.
        only_there: The others of the other, where all were asked for.
    """

    matches: Mapping[ArtifactId, Match]
    only_here: tuple[ArtifactId, ...]
    only_there: tuple[ArtifactId, ...]

    @classmethod
    def of(cls, here: "Reading", there: "Reading", asked: Sequence[ArtifactId] | None) -> "Matching":
        """Matches some artifacts of the one registry, or all of both."""
        if asked is None:
            known, elsewhere = _all(here), _all(there)
        else:
            known, elsewhere = _some(here, there, asked)
        wanted = known if asked is None else asked
        matches = {one.here: one for one in _matches(wanted, known, elsewhere)}
        met = {one.there for one in matches.values()}
        return cls(
            matches,
            tuple(sorted(set(wanted) - matches.keys(), key=str)),
            tuple(sorted(elsewhere.keys() - met, key=str)) if asked is None else (),
        )


def _all(reading: "Reading") -> _Contents:
    table = reading.table()
    rows = zip(table.keys, table.digests, table.recorded, strict=True)
    return {ArtifactId.recorded(key): digest for key, digest, recorded in rows if recorded}


def _some(here: "Reading", there: "Reading", asked: Sequence[ArtifactId]) -> tuple[_Contents, _Contents]:
    """Some artifacts of the one registry, and all of either that bear their names or hold their contents."""
    known, elsewhere = _named(here, asked), _named(there, asked)
    for digest in {known[one] for one in known.keys() - elsewhere.keys()} - {None}:
        known |= {found.id: digest for found in here.find(str(digest))}
        elsewhere |= {found.id: digest for found in there.find(str(digest))}
    return known | _named(here, elsewhere), elsewhere | _named(there, known)


def _named(reading: "Reading", artifacts: Iterable[ArtifactId]) -> dict[ArtifactId, str | None]:
    found = (recorded.fact for recorded in reading.page(among=tuple(artifacts)))
    return {one.id: None if one.content is None else str(one.content.digest) for one in found}


def _matches(wanted: Iterable[ArtifactId], known: _Contents, elsewhere: _Contents) -> Iterator[Match]:
    """What artifacts are on the other side: those of the same identity, else the one that alone has the same content."""
    left = _by_content({one: digest for one, digest in known.items() if one not in elsewhere})
    right = _by_content({one: digest for one, digest in elsewhere.items() if one not in known})
    for one in wanted:
        digest = known[one]
        if one in elsewhere:
            yield Match(here=one, there=one, by_content=False)
        elif digest is not None and left.get(digest) == one and digest in right:
            yield Match(here=one, there=right[digest], by_content=True)


def _by_content(contents: _Contents) -> dict[str, ArtifactId]:
    """The artifact of each content that only one has."""
    found: dict[str, list[ArtifactId]] = {}
    for artifact, digest in contents.items():
        if digest is not None:
            found.setdefault(digest, []).append(artifact)
    return {digest: artifacts[0] for digest, artifacts in found.items() if len(artifacts) == 1}
