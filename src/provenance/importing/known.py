"""What a registry holds, as far as an import asks: fetched in four statements, whatever its size, and looked up from then on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property

from provenance.artifacts import DEFAULT_VERSION, Alias, ArtifactId, ArtifactKind, Generation
from provenance.relations import RelationKind, Unresolved
from provenance.store import Reading

SEVERAL = -1
"""In place of a node: several versions bear the name, and none of them is the one that is meant where none is given."""


class Known:
    """The lineage of a registry, by numbers.

    A node is a number: of a recorded artifact, its place in `keys`.

    Args:
        reading: The ledger.

    Attributes:
        keys: Identity of each recorded artifact.
        above: Of each child by its number, its recorded (parent, kind).
        roots: Nodes of which somebody declares that their ancestry begins with them.
        gaps: What is recorded as missing.
    """

    def __init__(self, reading: Reading) -> None:
        table, findings = reading.table(), reading.findings()
        self.keys = list(table.keys)
        self.above: dict[int, list[tuple[int, RelationKind]]] = {}
        for child, parent, kind in zip(table.children, table.parents, table.kinds, strict=True):
            self.above.setdefault(child, []).append((parent, kind))
        self.roots = {node for node, declared in enumerate(table.declared_roots) if declared}
        self.gaps = {recorded.fact for recorded in findings.all(Unresolved)}
        self._aliases = {
            f"{one.fact.artifact.kind}:{one.fact.name}": str(one.fact.artifact) for one in findings.all(Alias)
        }
        self._reading = reading

    @cached_property
    def nodes(self) -> Mapping[str, int]:
        """Identity to node."""
        return {key: node for node, key in enumerate(self.keys)}

    @cached_property
    def teachers(self) -> Mapping[str, Generation | None]:
        """Identity of each teacher to how it generated."""
        found = self._reading.page(kinds=(ArtifactKind.TEACHER,))
        return {str(one.fact.id): one.fact.generation for one in found}

    @cached_property
    def _meant(self) -> Mapping[str, int]:
        """Kind and name to the version that is meant where none is given: `DEFAULT_VERSION`, or the only one."""
        firsts: dict[str, int] = {}
        others: dict[str, int] = {}
        for node, key in enumerate(self.keys):
            named, _, version = key.rpartition("@")
            if version == DEFAULT_VERSION:
                firsts[named] = node
            else:
                others[named] = SEVERAL if named in others else node
        return others | firsts

    @cached_property
    def _several(self) -> Mapping[str, list[int]]:
        """Kind and name to its versions, where there are two or more."""
        counts = Counter(key.rpartition("@")[0] for key in self.keys)
        found: dict[str, list[int]] = {}
        for node, key in enumerate(self.keys):
            named = key.rpartition("@")[0]
            if counts[named] > 1:
                found.setdefault(named, []).append(node)
        return found

    @cached_property
    def _spellings(self) -> Mapping[str, list[str]]:
        """Kind and name without regard to case, to the names that are recorded so."""
        found: dict[str, list[str]] = {}
        for named in self._meant:
            found.setdefault(named.lower(), []).append(named.partition(":")[2])
        return found

    def meant(self, kind: ArtifactKind, name: str) -> int | None:
        """The node that bears a name or had it as an alias; `SEVERAL`; or None where there is none."""
        named = f"{kind}:{name}"
        node = self._meant.get(named)
        return node if node is not None else self.nodes.get(self._aliases.get(named, ""))

    def versions(self, kind: ArtifactKind, name: str) -> Sequence[int]:
        """All nodes that bear a name."""
        named = f"{kind}:{name}"
        node = self._meant.get(named)
        return [] if node is None else self._several.get(named, [node])

    def name_meant(self, kind: ArtifactKind, name: str) -> str | None:
        """The name of what is meant by a name: itself, or the name of what has it as an alias; None where there is nothing."""
        named = f"{kind}:{name}"
        alias = self._aliases.get(named)
        return name if named in self._meant else alias and ArtifactId.parse(alias).name

    def is_alias(self, kind: ArtifactKind, name: str) -> bool:
        """Whether a name is recorded as an alias."""
        return f"{kind}:{name}" in self._aliases

    def spellings(self, kind: ArtifactKind, name: str) -> list[str]:
        """The recorded names that differ from a name by case only, or not at all."""
        return self._spellings.get(f"{kind}:{name}".lower(), []) if self.keys else []
