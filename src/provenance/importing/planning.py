"""Planning an import: every row of a graph weighed against the rules of the registry, and against what is recorded."""

from collections.abc import Mapping, Sequence

from provenance.artifacts import ArtifactKind
from provenance.importing.circles import Arrow, lay_in_order
from provenance.importing.known import SEVERAL, Known
from provenance.importing.names import NOT_REGISTERED, Names, UnusableNameError
from provenance.importing.plan import KNOWN, REPEATED, Fate, Plan
from provenance.importing.report import Outcome
from provenance.interop.graph import Edge, ForeignGraph, Missing, legible
from provenance.references import PLAIN
from provenance.relations import RULES, WEIGHT_KINDS, RelationKind

SELF = "which is the artifact itself"
CIRCLE = "which would close a circle"
ROOT = "which contradicts that its ancestry is declared to begin with it"
SECOND_WEIGHTS = "which would be a second set of starting weights"
OTHER_TEACHER = "which may mean a model or a teacher with settings of its own"
ONE_OF_A_MERGE = "as a merge has two or more parents, and one is named"

_MERGED = RelationKind.MERGED_FROM
_NOBODY = -1
_LONGEST_NAME = 200  # characters of what stands in a gap


def plan_import(graph: ForeignGraph, known: Known, renames: Mapping[str, str]) -> Plan:
    """What is to be recorded of a graph, in time linear in its rows.

    Args:
        graph: What the files say.
        known: What the registry holds.
        renames: Old name to new.
    """
    return _Planner(graph, known, renames).plan()


class _Planner:
    """One import on its way.

    Each edge that may become a relation has its child, parent and kind in three columns, at its place among the graph's edges; the
    child is `_NOBODY` where nothing becomes of it.
    """

    def __init__(self, graph: ForeignGraph, known: Known, renames: Mapping[str, str]) -> None:
        self._graph, self._known = graph, known
        self._names = Names(graph, known, renames)
        self._plan = Plan(self._names.ids, len(known.keys), declared_by=graph.declared_by)
        self._children = [_NOBODY] * len(graph.edges)
        self._parents = [_NOBODY] * len(graph.edges)
        self._kinds = [edge.kind for edge in graph.edges]
        self._teachers: dict[str, int | UnusableNameError] = {}
        self._embodied: dict[int, int] = {}
        self._above: dict[int, frozenset[tuple[int, RelationKind]]] = {}

    def plan(self) -> Plan:
        """Goes through the rules, one after the other."""
        self._take_nodes()
        self._take_edges()
        self._take_missing()
        self._settle_weights()
        self._break_circles()
        self._keep()
        self._complete_merges()
        self._names.add_renamed()
        self._plan.aliases = self._names.aliases
        self._plan.notes = [*self._graph.notes, *self._names.clashes]
        return self._plan

    def _take_nodes(self) -> None:
        plan = self._plan
        for row, one in enumerate(self._graph.nodes):
            try:
                node = self._names.node(one.kind, one.name, one.version)
            except UnusableNameError as error:
                plan.node_fates[row] = Fate(Outcome.SKIPPED, error.reason, error.detail)
                continue
            if node in plan.described:
                plan.node_fates[row] = REPEATED
            elif node < plan.known:
                plan.node_fates[row] = KNOWN
            plan.described.setdefault(node, one.metadata)

    def _take_edges(self) -> None:
        """Finds the ends of each edge, and drops what is no edge or is there already."""
        plan, seen = self._plan, set()
        for row, edge in enumerate(self._graph.edges):
            rule = RULES[edge.kind]
            try:
                child = self._names.node(rule.child, edge.child, edge.child_version)
            except UnusableNameError as error:
                plan.edge_fates[row] = self._of_no_child(edge, error)
                continue
            plan.described.setdefault(child, {})
            self._children[row] = child
            try:
                parent = self._parent(edge)
            except UnusableNameError as error:
                self._leave_out(row, error.reason, error.detail)
                continue
            self._parents[row] = parent
            key = (child, edge.kind, parent)
            if key in seen:
                self._drop(row, REPEATED)
            elif child == parent:
                self._leave_out(row, SELF)
            elif child < plan.known:
                self._compare(row)
            seen.add(key)

    def _parent(self, edge: Edge) -> int:
        """The node of an edge's parent.

        Raises:
            UnusableNameError: Its name means none, or several.
        """
        kind = RULES[edge.kind].parent
        if edge.known_only:
            self._names.check_known(kind, edge.parent, edge.parent_version)
        return (
            self._teacher(edge.parent)
            if kind is ArtifactKind.TEACHER
            else self._names.node(kind, edge.parent, edge.parent_version)
        )

    def _of_no_child(self, row: Edge | Missing, error: UnusableNameError) -> Fate:
        """What becomes of a row whose child's name means none, or several: these all have a gap, as it may be told of any."""
        if not error.meant:
            return Fate(Outcome.SKIPPED, error.reason, error.detail)
        fate = Fate(Outcome.UNRESOLVED, f"which is told of {error.reason}", error.detail)
        try:
            parent = self._parent(row) if isinstance(row, Edge) else _NOBODY
        except UnusableNameError:
            parent = _NOBODY
        above = self._known.above
        lacking = [child for child in error.meant if (parent, row.kind) not in above.get(child, ())]
        for child in lacking:
            self._add_gap(child, row.kind, self._told_name(row, parent), fate)
        return fate if lacking else KNOWN

    def _compare(self, row: int) -> None:
        """Drops an edge of a recorded child that is recorded, too, or contradicts what is."""
        child, kind = self._children[row], self._kinds[row]
        if child not in self._above:  # a child may have ten thousand parents, and as many rows
            self._above[child] = frozenset(self._known.above.get(child, ()))
        if (self._parents[row], kind) in self._above[child]:
            self._drop(row, KNOWN)
        elif child in self._known.roots and (kind in WEIGHT_KINDS or kind.rule.child is ArtifactKind.DATASET):
            self._leave_out(row, ROOT)

    def _take_missing(self) -> None:
        for row, one in enumerate(self._graph.missing):
            try:
                child = self._names.node(RULES[one.kind].child, one.child, one.child_version)
            except UnusableNameError as error:
                self._plan.missing_fates[row] = self._of_no_child(one, error)
                continue
            self._plan.described.setdefault(child, {})
            fate = Fate(Outcome.UNRESOLVED, one.reason, one.detail)
            self._plan.missing_fates[row] = fate
            self._add_gap(child, one.kind, self._told_name(one, _NOBODY), fate)

    def _teacher(self, name: str) -> int:
        """The teacher that a name means: itself, or the plain teacher of the model that bears it.

        Raises:
            UnusableNameError: It may mean either.
        """
        found = self._teachers.get(name)
        if found is None:
            try:
                found = self._find_teacher(name)
            except UnusableNameError as error:
                found = error
            self._teachers[name] = found
        if isinstance(found, UnusableNameError):
            raise found.with_traceback(None)
        return found

    def _find_teacher(self, name: str) -> int:
        names, known = self._names, self._known
        recorded = known.meant(ArtifactKind.TEACHER, name)
        is_model = (
            names.is_described(ArtifactKind.MODEL, name) or known.meant(ArtifactKind.MODEL, name) is not None
        )
        if not is_model and (recorded is not None or names.is_described(ArtifactKind.TEACHER, name)):
            return names.node(ArtifactKind.TEACHER, name)
        model = names.node(ArtifactKind.MODEL, name)
        if names.is_described(ArtifactKind.TEACHER, name) or not (
            recorded is None or self._is_plain(recorded, model)
        ):
            raise UnusableNameError(OTHER_TEACHER, name)
        teacher = names.exact(f"{ArtifactKind.TEACHER}:{names.ids[model].partition(':')[2]}")
        if teacher >= self._plan.known:
            self._embodied[teacher] = model
        elif not self._is_plain(teacher, model):
            raise UnusableNameError(OTHER_TEACHER, name)
        return teacher

    def _is_plain(self, teacher: int, model: int) -> bool:
        """Whether a recorded teacher is a model as it is: that one and no other, with nothing added."""
        if teacher == SEVERAL or self._known.teachers.get(self._names.ids[teacher]) != PLAIN:
            return False
        above = self._known.above.get(teacher, ())
        return {parent for parent, kind in above if kind is RelationKind.EMBODIED_BY} == {model}

    def _settle_weights(self) -> None:
        """Sees to it that every model has one set of starting weights."""
        by_child: dict[int, list[int]] = {}
        for row, child in enumerate(self._children):
            if child != _NOBODY and self._kinds[row] in WEIGHT_KINDS:
                by_child.setdefault(child, []).append(row)
        for child, rows in by_child.items():
            recorded = [one for one in self._known.above.get(child, ()) if one[1] in WEIGHT_KINDS]
            if len(rows) + len(recorded) > 1:
                self._settle(self._infer(rows, recorded), recorded)

    def _infer(self, rows: Sequence[int], recorded: Sequence[tuple[int, RelationKind]]) -> list[int]:
        """Says of relations that the file does not state what they are: what is stated elsewhere, or else one merge."""
        edges = self._graph.edges
        known = {parent for parent, _ in recorded}
        told = known.union(self._parents[row] for row in rows if edges[row].stated)
        left, inferred = [], []
        for row in rows:
            if edges[row].stated:
                left.append(row)
            elif self._parents[row] in told:
                self._drop(row, KNOWN if self._parents[row] in known else REPEATED)
            else:
                inferred.append(row)
        if len(inferred) > 1:
            for row in inferred:
                self._kinds[row] = _MERGED
        return left + inferred

    def _settle(self, rows: Sequence[int], recorded: Sequence[tuple[int, RelationKind]]) -> None:
        """Leaves out what would be a second set of weights.

        What is recorded stands; else a merge of several parents; else the first single parent by relation and name.
        """
        merges = [row for row in rows if self._kinds[row] is _MERGED]
        singles = [row for row in rows if self._kinds[row] is not _MERGED]
        if recorded:
            merged = any(kind is _MERGED for _, kind in recorded)
            kept = min((kind, self._names.ids[parent]) for parent, kind in recorded)
            out = singles if merged else [*singles, *merges]
        elif len(singles) + bool(merges) < 2:  # noqa: PLR2004 - two sets
            return
        else:
            in_order = sorted(merges if len(merges) > 1 else singles, key=self._rank)
            kept = self._rank(in_order[0])
            out = [*singles, *merges] if len(merges) < 2 else singles  # noqa: PLR2004 - a merge
            out = [row for row in out if self._rank(row) != kept]
        for row in out:
            self._leave_out(row, SECOND_WEIGHTS, f"beside {kept[0]} {kept[1]}")

    def _rank(self, row: int) -> tuple[RelationKind, str]:
        return self._kinds[row], self._names.ids[self._parents[row]]

    def _break_circles(self) -> None:
        """Leaves out what would make an artifact its own ancestor, and lays all of them in order."""
        known = self._plan.known
        arrows = [
            Arrow(child, parent, row)
            for row, (child, parent) in enumerate(zip(self._children, self._parents, strict=True))
            if child != _NOBODY
        ]
        touched = any(arrow.child < known for arrow in arrows)
        arrows += [Arrow(teacher, model, None) for teacher, model in self._embodied.items()]
        if touched:  # below what is new, nothing recorded lies
            arrows += [
                Arrow(child, parent, None)
                for child, above in self._known.above.items()
                for parent, _ in above
            ]
        self._plan.order, out = lay_in_order(self._names.ids, arrows)
        for row, size in out.items():
            self._leave_out(row, CIRCLE, f"of {size} artifacts")

    def _keep(self) -> None:
        """Makes relations of what is left."""
        plan = self._plan
        for teacher, model in self._embodied.items():
            plan.relations[teacher] = [(model, RelationKind.EMBODIED_BY)]
        for row, child in enumerate(self._children):
            if child != _NOBODY:
                plan.relations.setdefault(child, []).append((self._parents[row], self._kinds[row]))
                plan.assumed += not self._graph.edges[row].stated

    def _complete_merges(self) -> None:
        """Says of a merge of which one parent is named that the others are not."""
        plan = self._plan
        missed = {(str(gap.child), gap.kind) for gap in self._known.gaps}
        for child, relations in plan.relations.items():
            merged = [parent for parent, kind in relations if kind is _MERGED]
            if len(merged) != 1 or (plan.ids[child], _MERGED) in missed:
                continue
            if any(gap.kind is _MERGED for gap in plan.gaps.get(child, ())):
                continue
            if not any(kind is _MERGED for _, kind in self._known.above.get(child, ())):
                self._add_gap(child, _MERGED, "(others)", Fate(Outcome.UNRESOLVED, ONE_OF_A_MERGE))

    def _leave_out(self, row: int, reason: str, detail: str = "") -> None:
        """Makes of an edge a gap in its child's ancestry, with the identity of the parent where that is known."""
        fate = Fate(Outcome.UNRESOLVED, reason, detail)
        name = self._told_name(self._graph.edges[row], self._parents[row])
        self._add_gap(self._children[row], self._kinds[row], name, fate)
        self._drop(row, fate)

    def _told_name(self, row: Edge | Missing, parent: int) -> str:
        """A parent as a gap names it: by name and version, so that this very artifact answers it; what is none, as it is written."""
        if parent == _NOBODY:
            return legible(row.parent[:_LONGEST_NAME])
        return self._names.ids[parent].partition(":")[2]

    def _drop(self, row: int, fate: Fate) -> None:
        self._plan.edge_fates[row] = fate
        self._children[row] = _NOBODY

    def _add_gap(self, child: int, kind: RelationKind, name: str, fate: Fate) -> None:
        reason = f"{fate.reason}, {fate.detail}" if fate.detail else fate.reason
        if fate.reason == NOT_REGISTERED:  # whatever bears the name one day is meant
            reason = ""
        gap = self._plan.gap(child, kind, name, reason)
        if gap not in self._known.gaps:
            self._plan.gaps.setdefault(child, {})[gap] = None
