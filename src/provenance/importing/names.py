"""Which artifact a name of a foreign graph means.

In this order: what a list of renames says; the artifact that bears the name; the one that has it as an alias; and the one whose name
differs by case only, as hubs take no notice of case. Of several such spellings, the one that the file describes stands; where it
describes more than one, they are taken for what they look like, artifacts of their own, and that is told.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from provenance.artifacts import DEFAULT_VERSION, MAX_VERSION_LENGTH, ArtifactKind, check_name
from provenance.errors import ContentError
from provenance.importing.known import SEVERAL, Known
from provenance.interop import Edge, ForeignGraph, Missing
from provenance.interop.graph import NO_NAME
from provenance.relations import RULES

NOT_REGISTERED = "a name that nobody registered"


class UnusableNameError(ContentError):
    """A name that means no artifact, or several.

    Args:
        reason: Why, one of few.
        detail: What is particular about this one.
        meant: The recorded artifacts that it may mean.
    """

    def __init__(self, reason: str, detail: str, meant: Sequence[int] = ()) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.meant = reason, detail, meant


class Names:
    """The names of a foreign graph, and the artifacts that they mean.

    A node is a number: of a recorded artifact that in `Known.keys`, of a new one the next.

    Args:
        graph: What the files say.
        known: What the registry holds.
        renames: Old name to new.

    Attributes:
        ids: Identity of each node.
        aliases: Names by which the graph calls a node, and that are none of the artifact's recorded names.
        clashes: What is odd about the names, a sentence each.
    """

    def __init__(self, graph: ForeignGraph, known: Known, renames: Mapping[str, str]) -> None:
        self._known, self._renames, self._new_names = known, renames, frozenset(renames.values())
        self.ids = list(known.keys)
        self.aliases: dict[int, list[str]] = {}
        self.clashes: dict[str, None] = {}
        self._nodes: dict[ArtifactKind, dict[str, int | UnusableNameError]] = {
            kind: {} for kind in ArtifactKind
        }
        self._described: dict[ArtifactKind, set[str]] = {kind: set() for kind in ArtifactKind}
        self._variants: dict[ArtifactKind, dict[str, dict[str, None]]] = {kind: {} for kind in ArtifactKind}
        self._exact: dict[str, int] = {}
        self._look_at(graph)

    def _look_at(self, graph: ForeignGraph) -> None:
        """Notes every name that stands without a version, and which are described; with one, it means itself."""
        self._renamed = {
            kind: {old: new for old, new in self._renames.items() if self._is_renamed(kind, old)}
            for kind in ArtifactKind
        }
        self._folded = {
            kind: {old.lower(): new for old, new in renamed.items()}
            for kind, renamed in self._renamed.items()
        }
        mentioned = _children(graph)
        for kind, names in mentioned.items():
            self._described[kind] = {self._newest(kind, name) for name in names}
        for edge in graph.edges:
            if edge.parent_version is not None:
                continue
            kind = RULES[edge.kind].parent
            mentioned[kind][edge.parent] = None
            if kind is ArtifactKind.TEACHER:
                mentioned[ArtifactKind.MODEL][edge.parent] = None
        for kind, names in mentioned.items():
            folded: dict[str, str] = {}
            for name in names:
                spelling = self._newest(kind, name)
                before = folded.setdefault(spelling.lower(), spelling)
                if before != spelling:
                    variants = self._variants[kind].setdefault(before, {before: None})
                    variants[spelling] = None
                    self._variants[kind][spelling] = variants

    def _is_renamed(self, kind: ArtifactKind, old: str) -> bool:
        """Whether a rename is heeded: not where the old name, in whatever case, means something else already."""
        new = self._renames[old]
        meant, is_respelled = self._known.name_meant(kind, old), new.lower() == old.lower()
        if meant is None and (is_respelled or not self._known.spellings(kind, old)):
            return True
        if meant is not None and meant.lower() == new.lower() and not is_respelled:
            return True
        self.clashes[f"{old!r} was renamed to {new!r}, and what is recorded by the old name keeps it"] = None
        return False

    def _newest(self, kind: ArtifactKind, name: str) -> str:
        """The name that a list of renames gives for one, in whatever case that is written; itself where it gives none."""
        new = self._renamed[kind].get(name)
        if new is None and self._folded[kind] and self._known.meant(kind, name) is None:
            new = self._folded[kind].get(name.lower())
        return name if new is None or name in self._new_names else new

    def is_described(self, kind: ArtifactKind, name: str) -> bool:
        """Whether the files tell of an artifact more than that it is somebody's parent, in whatever case they write its name."""
        spelling = self._newest(kind, name)
        variants = self._variants[kind].get(spelling, (spelling,))
        return not self._described[kind].isdisjoint(variants)

    def check_known(self, kind: ArtifactKind, name: str, version: str | None) -> None:
        """Sees to it that a name, in whatever case, or a name and a version mean something that is recorded or described.

        Raises:
            UnusableNameError: They mean nothing of the kind.
        """
        self._check(name)
        if version is not None:
            key = f"{kind}:{name}@{version}"
            is_known = key in self._known.nodes or key in self._exact
        else:
            newest = self._newest(kind, name)
            is_known = (
                self._known.meant(kind, newest) is not None
                or bool(self._known.spellings(kind, newest))
                or self.is_described(kind, name)
            )
        if not is_known:
            raise UnusableNameError(NOT_REGISTERED, name if version is None else f"{name}@{version}")

    def node(self, kind: ArtifactKind, name: str, version: str | None = None) -> int:
        """The node that a name means, or a name and a version; a new one where nothing is known by it.

        Raises:
            UnusableNameError: No artifact can bear the name, or several recorded ones do.
        """
        if version is not None:
            self._check(name)
            self._check(version, "version", MAX_VERSION_LENGTH)
            return self.exact(f"{kind}:{name}@{version}")
        found = self._nodes[kind].get(name)
        if found is None:
            try:
                found = self._find(kind, name)
            except UnusableNameError as error:
                found = error
            self._nodes[kind][name] = found
        if isinstance(found, UnusableNameError):
            raise found.with_traceback(None)
        return found

    def exact(self, key: str) -> int:
        """The node of an identity; a new one where there is none yet."""
        node = self._known.nodes.get(key, self._exact.get(key))
        if node is None:
            node = self._exact[key] = len(self.ids)
            self.ids.append(key)
        return node

    def _find(self, kind: ArtifactKind, name: str) -> int:
        newest = self._newest(kind, name)
        node = self._known.meant(kind, name) if newest == name else self.node(kind, newest)
        if node == SEVERAL:
            versions = self._known.versions(kind, name)
            raise UnusableNameError("a name that several versions bear", f"{kind}:{name}", versions)
        if node is None:
            standing = self._standing(kind, name)
            node = self._add(kind, name) if standing == name else self.node(kind, standing)
        if self.ids[node] != f"{kind}:{name}@{DEFAULT_VERSION}":
            self._add_alias(kind, name, node)
        return node

    def _standing(self, kind: ArtifactKind, spelling: str) -> str:
        """The spelling that stands for all that differ from one by case only.

        Raises:
            UnusableNameError: Several are recorded.
        """
        recorded = self._known.spellings(kind, spelling)
        variants = self._variants[kind].get(spelling, ())
        if not recorded and not variants:
            return spelling
        described = [one for one in (variants or (spelling,)) if one in self._described[kind]]
        if len(described) > 1:
            listing = ", ".join(map(repr, sorted(described)))
            self.clashes[
                f"{listing} differ by case only, and are each described: taken for artifacts of their own"
            ] = None
            return spelling
        if len(recorded) > 1:
            listing = ", ".join(map(repr, sorted(recorded)))
            self.clashes[f"{spelling!r} may mean any of {listing}, which differ by case only"] = None
            meant = [node for one in recorded for node in self._known.versions(kind, one)]
            raise UnusableNameError("a name that several bear in another case", f"{kind}:{spelling}", meant)
        if described and described[0] != spelling:
            return described[0]
        return recorded[0] if recorded else min(described or variants)

    @staticmethod
    def _check(text: str, *what: str | int) -> None:
        try:
            check_name(text, *what)
        except ContentError as error:
            raise UnusableNameError(NO_NAME, error.message) from error

    def _add(self, kind: ArtifactKind, name: str) -> int:
        self._check(name)
        return self.exact(f"{kind}:{name}@{DEFAULT_VERSION}")

    def _add_alias(self, kind: ArtifactKind, name: str, node: int) -> None:
        """Notes another name of a node, unless it is recorded, or none that anything could have."""
        if not self._known.is_alias(kind, name) and self._known.meant(kind, name) is None:
            with suppress(ContentError):
                self.aliases.setdefault(node, []).append(check_name(name, "alias"))

    def add_renamed(self) -> None:
        """Notes the old names of all artifacts that a list of renames tells of, whether or not the graph calls them by it."""
        if not self._renames:
            return
        nodes = {key.rpartition("@")[0]: node for node, key in enumerate(self.ids)}
        for kind, renamed in self._renamed.items():
            for old, new in renamed.items():
                node = nodes.get(f"{kind}:{new}")
                if node is not None and old not in self._nodes[kind]:
                    self._add_alias(kind, old, node)


def _children(graph: ForeignGraph) -> dict[ArtifactKind, dict[str, None]]:
    """By kind, the names without a version of which a graph tells anything."""
    found: dict[ArtifactKind, dict[str, None]] = {kind: {} for kind in ArtifactKind}
    for node in graph.nodes:
        if node.version is None:
            found[node.kind][node.name] = None
    rows: tuple[Edge | Missing, ...] = (*graph.edges, *graph.missing)
    for row in rows:
        if row.child_version is None:
            found[RULES[row.kind].child][row.child] = None
    return found
