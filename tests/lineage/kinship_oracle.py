"""A slow second opinion on kinship: one table of everything that is kin to a model, filled from the model outwards.

Written from docs/risk.md and docs/kinship.md: who is kin by record first, the nearest before the farther, then what each test adds. It shares nothing
with `provenance.lineage` but the facts.
"""

from collections.abc import Iterable, Iterator

from provenance.artifacts import ArtifactId
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.facts import Recorded, Snapshot
from provenance.relations import WEIGHT_KINDS, Relation

Answer = tuple[str, ArtifactId, str | None]
"""Kinship, through whom, and the id of the test that joins the two."""


class Oracle:
    def __init__(self, state: Snapshot, *, believing: bool) -> None:
        self.tests: dict[frozenset[ArtifactId], Recorded[Evidence]] = {}
        for test in state.all(Evidence):
            if test.fact.test is TestKind.SAME_INIT:
                known = self.tests.get(test.fact.pair)
                if known is None or _weight(test) >= _weight(known):
                    self.tests[test.fact.pair] = test
        relations = {one.fact for one in state.all(Relation) if one.fact.kind in WEIGHT_KINDS}
        self.starts = {
            one.child: {other.parent for other in relations if other.child == one.child} for one in relations
        }
        self.edges = sorted(
            {
                (one.parent, one.child)
                for one in relations
                if believing or not self._independent(one.parent, one.child)
            },
            key=str,
        )

    def table(self, model: ArtifactId) -> dict[ArtifactId, Answer]:
        """Everything that is kin to a model, and itself."""
        line = self._walk([model], up=True)
        below = self._walk([model], up=False)
        found: dict[ArtifactId, Answer] = {one: ("same", one, None) for one in line}
        for one in below:
            found.setdefault(one, ("same", model, None))
        for ancestor in line:
            for one in self._walk([ancestor], up=False, around=found):
                found.setdefault(one, ("diverged", ancestor, None))
        spoken = [
            (one, test) for one in self._walk(line, up=False, past_merges=False) for test in self._of(one)
        ]
        for one, test in sorted(spoken, key=lambda pair: not _copies(pair[1])):
            (partner,) = test.fact.pair - {one}
            stem = self._walk([partner], up=True, past_merges=False)
            same: set[ArtifactId] = set()
            if _copies(test):
                same |= set(stem) if one in line else set()
                same |= set(self._walk([partner], up=False)) if one in below else set()
            for other in self._walk(stem, up=False):
                found.setdefault(other, ("same" if other in same else "diverged", partner, test.id))
        return found

    def _walk(
        self,
        starts: Iterable[ArtifactId],
        *,
        up: bool,
        past_merges: bool = True,
        around: Iterable[ArtifactId] = (),
    ) -> list[ArtifactId]:
        """Level by level, each level by name."""
        reached = list(starts)
        seen, frontier = {*reached, *around}, reached
        while frontier:
            steps = [(child, parent) if up else (parent, child) for parent, child in self.edges
                     if past_merges or len(self.starts[child]) == 1]  # fmt: skip
            frontier = sorted({there for here, there in steps if here in frontier} - seen, key=str)
            seen.update(frontier)
            reached = reached + frontier
        return reached

    def _of(self, model: ArtifactId) -> Iterator[Recorded[Evidence]]:
        tests = [test for pair, test in self.tests.items() if model in pair]
        tests.sort(key=lambda test: (test.fact.tested_at, test.seq))
        return (test for test in tests if test.fact.verdict is Verdict.SAME_INIT)

    def _independent(self, one: ArtifactId, other: ArtifactId) -> bool:
        test = self.tests.get(frozenset({one, other}))
        return test is not None and test.fact.verdict is Verdict.INDEPENDENT


def _weight(test: Recorded[Evidence]) -> int:
    return [Verdict.INCONCLUSIVE, Verdict.INDEPENDENT, Verdict.SAME_INIT].index(test.fact.verdict)


def _copies(test: Recorded[Evidence]) -> bool:
    return test.fact.result.get("kinship") == "identical"
