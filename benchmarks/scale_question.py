"""One question of `benchmarks.scale`, asked in a process of its own: what it takes, what its floor takes, and the most memory."""

import random
import resource
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks import hub
from benchmarks.scale_floors import ANCESTORS, DESCENDANTS, WHOLE, Driver
from provenance.home import Home
from provenance.lineage import Kindred, Lineage
from provenance.registry import Registry
from provenance.risk import Policy, survey
from provenance.risk.conduction import Terrain
from provenance.risk.engine import sources

SAMPLE = 200
FLAGGED = 1_000
PATIENCE = 20.0
"""Seconds after which a question is not asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """The models that questions are about.

    Args:
        hub: The one with the most descendants.
        merge: The one with the most parents.
        sample: Some at random.
        flagged: Those with the most descendants.
    """

    hub: str
    merge: str
    sample: tuple[str, ...]
    flagged: tuple[str, ...]

    @classmethod
    def of(cls, graph: hub.Graph) -> "Subjects":
        """Picks them."""
        below = hub.reach(graph)
        parents = Counter(child for _, child, _ in graph.edges)
        hubs = sorted(below, key=lambda name: (-below[name], name))
        return cls(
            hub=hubs[0],
            merge=max(sorted(parents), key=parents.__getitem__),
            sample=tuple(random.Random(1).choices(graph.models, k=SAMPLE)),
            flagged=tuple(hubs[:FLAGGED]),
        )


class Case(NamedTuple):
    """A registry, its driver, and whom to ask about."""

    registry: Registry
    driver: Driver
    subjects: Subjects


class Answer(NamedTuple):
    """What was found, as a number, and the seconds that it took."""

    size: int
    seconds: float


class Question(NamedTuple):
    """A question and its floor; both give the answer's size."""

    ours: Callable[[Case], Answer]
    floor: Callable[[Case], Answer]
    repeats: int


def timed(work: Callable[[], int]) -> Answer:
    """The answer, and the wall time to it."""
    start = time.perf_counter()
    size = work()
    return Answer(size, time.perf_counter() - start)


def walk(query: str, name: Callable[[Subjects], str]) -> Callable[[Case], Answer]:
    """A hand-written walk from one model, itself not counted."""
    return lambda case: timed(lambda: len(case.driver.rows(query, str(hub.model(name(case.subjects))))) - 1)


def whole(case: Case) -> Answer:
    """Reading the columns of every artifact and relation."""
    return timed(lambda: sum(len(case.driver.rows(query)) for query in WHOLE))


def lineage_of(case: Case) -> Lineage:
    """The graph of all that is recorded, with what was found and decided."""
    reading = case.registry.view().reading
    return Lineage.over(reading.table(), reading.findings())


def load(case: Case) -> Answer:
    """The whole graph, ready for any question."""
    return timed(lambda: sum(1 for _ in lineage_of(case).artifacts))


def typical(ask: Callable[[Case, str], int]) -> Callable[[Case], Answer]:
    """The median over a sample of models, the first ones not counted."""

    def run(case: Case) -> Answer:
        answers = [timed(lambda name=name: ask(case, name)) for name in case.subjects.sample]  # type: ignore[misc]
        return Answer(
            sum(one.size for one in answers), statistics.median(one.seconds for one in answers[10:])
        )

    return run


def risks(case: Case, name: str) -> int:
    """What one model may have inherited, everything from the database on included."""
    return len(case.registry.view().risks([hub.model(name)]).artifacts)


def ancestry(case: Case, name: str) -> int:
    """A hand-written walk up."""
    return len(case.driver.rows(ANCESTORS, str(hub.model(name)))[:1])


def all_of_one_trait(case: Case) -> Answer:
    """Where everything in the registry stands with one trait, from the database on; and the first hundred with their routes."""

    def ask() -> int:
        found = survey(lineage_of(case), Policy.load(), trait="owls")
        found.report(found.artifacts(limit=100))
        return sum(found.counts.values())

    return timed(ask)


def spread(case: Case) -> Answer:
    """The spread of all flags over the graph in memory: how many artifacts they reach, each flag counted by itself."""
    lineage = lineage_of(case)

    def reach() -> int:
        terrain = Terrain(kindred=Kindred.of(lineage), policy=Policy.load())
        flags = sources(lineage.snapshot, terrain, "owls")
        return sum(len(nodes) for flag in flags for nodes in flag.spread(terrain).arrivals.values())

    return timed(reach)


def every_status(case: Case) -> Answer:
    """The same, with the graph in memory: the spread of all flags, and what is missing in each ancestry."""
    lineage = lineage_of(case)
    return timed(lambda: sum(survey(lineage, Policy.load(), trait="owls").counts.values()))


def networkx_descendants(case: Case) -> Answer:
    """The descendants of the flagged models by networkx, its graph in memory."""
    import networkx as nx

    keys = {seq: key for seq, key, *_ in case.driver.rows(WHOLE[0])}
    graph = nx.DiGraph()
    graph.add_nodes_from(keys.values())
    graph.add_edges_from((keys[parent], keys[child]) for parent, child, *_ in case.driver.rows(WHOLE[1]))
    return timed(
        lambda: sum(len(nx.descendants(graph, str(hub.model(name)))) for name in case.subjects.flagged)
    )


def withdrawal(case: Case) -> Answer:
    """Taking back a flag on the hub, with what that changes; the flag is raised beforehand."""
    flag = case.registry.flag(hub.model(case.subjects.hub), "cats", evidence="a benchmark").recorded.id
    return timed(lambda: len(case.registry.withdraw(flag, reason="a benchmark").changed))


def listing(case: Case) -> Answer:
    """A page of what is recorded."""
    return timed(lambda: len(case.registry.view().reading.page(limit=50)))


def first_keys(case: Case) -> Answer:
    """The same by hand."""
    query = "SELECT a.key, f.body FROM provenance_artifact a JOIN provenance_fact f ON f.seq = a.seq ORDER BY a.key LIMIT 50"
    return timed(lambda: len(case.driver.rows(query)))


QUESTIONS: Mapping[str, Question] = {
    "load the whole graph": Question(load, whole, 3),
    "descendants of the top base": Question(
        lambda case: timed(lambda: len(case.registry.view().descendants(hub.model(case.subjects.hub)))),
        walk(DESCENDANTS, lambda subjects: subjects.hub),
        9,
    ),
    "ancestors of the greatest merge": Question(
        lambda case: timed(lambda: len(case.registry.view().ancestors(hub.model(case.subjects.merge)))),
        walk(ANCESTORS, lambda subjects: subjects.merge),
        9,
    ),
    "risks of one model, median of 200": Question(typical(risks), typical(ancestry), 1),
    "risks of the greatest merge": Question(
        lambda case: timed(lambda: risks(case, case.subjects.merge)),
        walk(ANCESTORS, lambda subjects: subjects.merge),
        9,
    ),
    "a page of `ls`": Question(listing, first_keys, 9),
    "where all stand with one trait, from the database on": Question(all_of_one_trait, whole, 3),
    "spread of the flags, graph in memory": Question(spread, networkx_descendants, 3),
    "spread of the flags and every status, graph in memory": Question(every_status, networkx_descendants, 3),
    "withdrawal of a flag on the top base": Question(
        withdrawal, walk(DESCENDANTS, lambda subjects: subjects.hub), 5
    ),
}


def ask(name: str, url: str, subjects: Subjects) -> dict[str, float | int | str]:
    """Asks one question of a registry, some times over, and its floor in turn."""
    question = QUESTIONS[name]
    registry = (
        Registry.open(url) if "://" in url and not url.startswith("sqlite") else Registry.open(Path(url))
    )
    case = Case(registry, Driver(_address(registry.home)), subjects)
    risks(case, subjects.sample[0])  # imports what is needed, compiles statements
    ours = [question.ours(case)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    floors = [question.floor(case)]
    while len(ours) < question.repeats and sum(one.seconds for one in (*ours, *floors)) < PATIENCE:
        ours.append(question.ours(case))
        floors.append(question.floor(case))
    case.driver.close()
    registry.close()
    return {
        "question": name,
        "size": ours[0].size,
        "seconds": statistics.median(one.seconds for one in ours),
        "floor_seconds": statistics.median(one.seconds for one in floors),
        "peak": peak,
    }


def _address(home: Home) -> str:
    return home.store_url.replace("postgresql+psycopg://", "postgresql://")
