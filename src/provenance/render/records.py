"""Records: what people found and decided of artifacts and edges, as far as a diagram is about it."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from provenance.artifacts import ArtifactId
from provenance.facts import Recorded, Snapshot
from provenance.render.selection import Scope
from provenance.render.wording import shortened, visible
from provenance.traits import Block, Clearance, Flag

TRAIT_COLUMNS = 40
"""How wide a trait's name may be in a picture."""

K = TypeVar("K", bound=Hashable)
F = TypeVar("F", Flag, Clearance, Block)


@dataclass(frozen=True, eq=False)
class Records:
    """The flags, clearances and blocks that a diagram shows.

    Args:
        snapshot: What is known.
        scope: What is asked.
    """

    snapshot: Snapshot
    scope: Scope

    @cached_property
    def flags(self) -> Mapping[ArtifactId, tuple[Recorded[Flag], ...]]:
        """The standing flags, by artifact; those of one in order of their traits."""
        flags = sorted(self.snapshot.standing_flags, key=lambda flag: (flag.fact.trait, flag.seq))
        return self._by(flags, lambda fact: fact.artifact)

    @cached_property
    def stops(self) -> Mapping[ArtifactId, tuple[Recorded[Clearance], ...]]:
        """The standing clearances that stop a trait at their artifact, by artifact."""
        clearances = (one for one in self.snapshot.standing_clearances if one.fact.stops_here)
        return self._by(clearances, lambda fact: fact.artifact)

    @cached_property
    def blocks(self) -> Mapping[tuple[ArtifactId, ArtifactId], tuple[Recorded[Block], ...]]:
        """The standing blocks, by parent and child."""
        return self._by(self.snapshot.standing_blocks, lambda fact: (fact.parent, fact.child))

    def _by(self, facts: Iterable[Recorded[F]], key: Callable[[F], K]) -> Mapping[K, tuple[Recorded[F], ...]]:
        found: dict[K, list[Recorded[F]]] = {}
        for recorded in facts:
            if self.scope.concerns(recorded.fact.trait):
                found.setdefault(key(recorded.fact), []).append(recorded)
        return {subject: tuple(told) for subject, told in found.items()}


def blocked(block: Recorded[Block]) -> str:
    """A block, in words for its edge."""
    fact = block.fact
    what = f"BLOCKED: {shortened(fact.trait, TRAIT_COLUMNS)} until {fact.expires_at:%Y-%m-%d}"
    return f"{what}, because: {shortened(visible(fact.reason), TRAIT_COLUMNS)}"
