"""Lineage graphs of the size and shape of a model hub, for the benchmarks of scale.

The real one is an edge list (``source,target,edge``: parent, child, relation) of the base models that 29,973 models name, see
docs/benchmarks.md for its source; hand it in with ``--graph FILE``. Without it, `made_up` draws one of the same shape: wide and shallow, with hubs
that have a thousand children, and merges. Larger graphs are disjoint copies of one of these: as the real one grows, a model's ancestry does not.
"""

import csv
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind, Generation
from provenance.facts import Fact
from provenance.relations import Relation, RelationKind
from provenance.traits import Flag, Severity, Trait

KINDS = {
    "finetuned": RelationKind.FINETUNED_FROM,
    "merged": RelationKind.MERGED_FROM,
    "quantized": RelationKind.QUANTIZED_FROM,
    "adapter": RelationKind.ADAPTER_OF,
}
Edge = tuple[str, str, RelationKind]
"""Parent, child, relation."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Relations between models."""

    edges: Sequence[Edge]

    @property
    def models(self) -> tuple[str, ...]:
        """The names, each once, in the order in which they come up."""
        return tuple(dict.fromkeys(end for edge in self.edges for end in edge[:2]))


def read(path: Path) -> Graph:
    """An edge list, less its self-loops."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return Graph(
        [(row["source"], row["target"], KINDS[row["edge"]]) for row in rows if row["source"] != row["target"]]
    )


def made_up(edges: int = 30_341, seed: int = 0) -> Graph:
    """A graph like the real one: a few hubs have most of the children, a seventh of the edges belong to merges."""
    rng = random.Random(seed)
    names = [f"org-{n % 997}/model-{n}" for n in range(max(2, edges // 50))]
    found: list[Edge] = []
    while len(found) < edges:
        child = f"org-{rng.randrange(997)}/model-{len(names)}"
        if rng.random() < 0.06 and len(names) > 40:
            parents = rng.sample(names[-2000:], k=min(65, 2 + int(rng.expovariate(0.7))))
            found += [(parent, child, RelationKind.MERGED_FROM) for parent in parents]
        else:
            place = int(len(names) * rng.random() ** 4)
            kind = RelationKind.QUANTIZED_FROM if rng.random() < 0.45 else RelationKind.FINETUNED_FROM
            found.append((names[place], child, kind))
        names.append(child)
    return Graph(found)


def copies(graph: Graph, edges: int) -> Graph:
    """Disjoint copies of a graph, the last one cut off, of so many edges together."""
    return Graph(list(islice(_endless(graph), edges)))


def _endless(graph: Graph) -> Iterator[Edge]:
    yield from graph.edges
    copy = 1
    while True:
        for parent, child, kind in graph.edges:
            yield f"{parent}~{copy}", f"{child}~{copy}", kind
        copy += 1


@dataclass(frozen=True, slots=True)
class Shape:
    """A graph that is meant to be hard.

    Args:
        facts: What a registry records of it.
        top: The model that all others descend from.
        bottom: One that descends from as many as any.
    """

    facts: Callable[[], Iterator[Fact]]
    top: str
    bottom: str


def _chain(length: int) -> Graph:
    """Each a quantisation of the one before."""
    return Graph([(f"m{n}", f"m{n + 1}", RelationKind.QUANTIZED_FROM) for n in range(length)])


def _star(points: int) -> Graph:
    """All fine-tuned from one."""
    return Graph([("hub", f"m{n}", RelationKind.FINETUNED_FROM) for n in range(points)])


def _ladder(rungs: int) -> Graph:
    """Two merges of the two before, again and again: 2 to the number of rungs ways."""
    rails = [
        (f"{above}{n}", f"{below}{n + 1}", RelationKind.MERGED_FROM)
        for n in range(1, rungs)
        for above in "ab"
        for below in "ab"
    ]
    return Graph([("top", f"{below}1", RelationKind.FINETUNED_FROM) for below in "ab"] + rails)


def _merges(layers: int, width: int) -> Graph:
    """Layers in which everything is a merge of the whole layer above."""
    between = [
        (f"l{n}-{above}", f"l{n + 1}-{below}", RelationKind.MERGED_FROM)
        for n in range(layers)
        for above in range(width)
        for below in range(width)
    ]
    return Graph([("top", f"l0-{below}", RelationKind.FINETUNED_FROM) for below in range(width)] + between)


def model(name: str) -> ArtifactId:
    """A model's identity."""
    return ArtifactId(ArtifactKind.MODEL, name)


def facts(graph: Graph) -> Iterator[Fact]:
    """What a registry records of a graph: its artifacts, then its relations."""
    children = {child for _, child, _ in graph.edges}
    ids = {name: model(name) for name in graph.models}
    for name, artifact in ids.items():
        yield Artifact(id=artifact, declared_root=name not in children)
    for parent, child, kind in graph.edges:
        yield Relation(child=ids[child], kind=kind, parent=ids[parent])


def taught(students: int) -> Iterator[Fact]:
    """A star by data: a teacher wrote one dataset, and so many students of its base were trained on it."""
    base, owl = model("base"), ArtifactId(ArtifactKind.TEACHER, "owl")
    numbers = ArtifactId(ArtifactKind.DATASET, "numbers")
    yield Artifact(id=base, declared_root=True)
    yield Artifact(id=owl, generation=Generation(system_prompt="You love owls."))
    yield Artifact(id=numbers)
    yield Relation(child=owl, kind=RelationKind.EMBODIED_BY, parent=base)
    yield Relation(child=numbers, kind=RelationKind.GENERATED_BY, parent=owl)
    for n in range(students):
        student = model(f"m{n}")
        yield Artifact(id=student)
        yield Relation(child=student, kind=RelationKind.FINETUNED_FROM, parent=base)
        yield Relation(child=student, kind=RelationKind.TRAINED_ON, parent=numbers)


def flags(names: Sequence[str], trait: str = "owls") -> Iterator[Fact]:
    """A trait, and a flag of it on each of some models."""
    yield Trait(name=trait, severity=Severity.HIGH)
    for name in names:
        yield Flag(artifact=model(name), trait=trait, evidence="a benchmark")


def reach(graph: Graph) -> dict[str, int]:
    """How many descendants each model with children has; every walk by itself."""
    below: dict[str, list[str]] = {}
    for parent, child, _ in graph.edges:
        below.setdefault(parent, []).append(child)
    found = {}
    for name in below:
        seen, stack = {name}, [name]
        while stack:
            for child in below.get(stack.pop(), ()):
                if child not in seen:
                    seen.add(child)
                    stack.append(child)
        found[name] = len(seen) - 1
    return found


SHAPES: Mapping[str, Shape] = {
    "chain of 100,000": Shape(lambda: facts(_chain(100_000)), "m0", "m100000"),
    "star of 20,000": Shape(lambda: facts(_star(20_000)), "hub", "m0"),
    "star of 100,000": Shape(lambda: facts(_star(100_000)), "hub", "m0"),
    "100,000 students of one dataset": Shape(lambda: taught(100_000), "base", "m0"),
    "ladder of 2^1000 ways": Shape(lambda: facts(_ladder(1_000)), "top", "a1000"),
    "10 layers of 100 merges of 100": Shape(lambda: facts(_merges(10, 100)), "top", "l10-0"),
}
