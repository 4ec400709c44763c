"""A history as the rows of a graph to import, and whose objects they are. Pure: nothing is looked up, nothing is followed.

docs/mlflow-import.md has the table of what becomes what. Two principles stand behind it: what MLflow does not say is called inferred, or
is a gap in the ancestry; and whatever is left out is a row that was skipped, with the reason.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from provenance.artifacts import ArtifactId
from provenance.errors import ContentError
from provenance.intake.claims import ancestor_name
from provenance.interop.graph import NO_NAME, Edge, ForeignGraph, Missing, Node, Note, Skipped, legible
from provenance.mlflow_link.history.addresses import Addresses, Meant
from provenance.mlflow_link.history.doubts import doubts
from provenance.mlflow_link.history.identities import Identities, Weights
from provenance.mlflow_link.history.memory import Memory
from provenance.mlflow_link.history.naming import address
from provenance.mlflow_link.history.ours import sort
from provenance.mlflow_link.history.parents import Named, named_parents, stated_relation
from provenance.mlflow_link.history.records import NO_TRAINING, History, Run, Version, model_named
from provenance.mlflow_link.history.words import dataset_words, model_words, plain
from provenance.relations import RelationKind
from provenance.store import Binding

DELETED_RUN = "a deleted run"
DELETED_EXPERIMENT = "a deleted experiment"
OWN_EXPERIMENT = "the experiment that a projection writes to"
NO_MODEL = "a run that made no model"
EVALUATED = "a dataset input for evaluation, validation or test; MLflow keeps the first role alone, should it have had another"
ITSELF = "a base model that is the model itself"

_TRAINING = frozenset({"train", "training"})
_STORE = "MLflow"

Row: TypeAlias = Node | Edge | Missing | Skipped | Note


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """What there is to import.

    Args:
        graph: The rows.
        bindings: The objects in MLflow of the artifacts among them.
        read: How many objects of each sort were read.
    """

    graph: ForeignGraph
    bindings: Mapping[ArtifactId, Binding]
    read: Mapping[str, int]


def takeover(history: History, memory: Memory, parent_tags: Mapping[str, RelationKind | None]) -> Takeover:
    """Turns a history into rows.

    Args:
        history: What was read.
        memory: What the registry knows of this MLflow's objects.
        parent_tags: Further keys of parameters and tags that name a base model, and the relation that each states.
    """
    turning = _Turning(history, memory, parent_tags)
    graph = ForeignGraph()
    graph.take(turning.rows())
    return Takeover(
        graph=graph,
        bindings=turning.bindings(),
        read={
            "experiments": len(history.experiments),
            "runs": len(history.runs),
            "logged models": len(history.models),
            "registered versions": len(history.versions),
            "dataset inputs": sum(len(run.datasets) for run in history.runs.values()),
        },
    )


class _Turning:
    """One history on its way.

    Attributes:
        history: The history, as far as it is of others and complete.
        makers: Of each set of weights, the ids of the runs that made it.
        made: Every set of weights, and those of these runs that were read.
    """

    def __init__(self, read: History, memory: Memory, parent_tags: Mapping[str, RelationKind | None]) -> None:
        self._sorted = sort(read, memory)
        self.history = self._sorted.others
        self._read, self._parent_tags = read, parent_tags
        self._identities = Identities(self.history, self._sorted.memory)
        self.makers = list(self._makers())
        self.made = [
            (weights, [self.history.runs[one] for one in sorted(ids) if one in self.history.runs])
            for weights, ids in zip(self._identities.weights, self.makers, strict=True)
        ]
        self._outputs: dict[str, list[Weights]] = {}
        for weights, runs in self.made:
            for run in runs:
                self._outputs.setdefault(run.id, []).append(weights)
        self._addresses = Addresses(self._identities, self._sorted, self._outputs)

    def rows(self) -> Iterator[Row]:
        """All rows."""
        yield from self._passed()
        datasets: set[ArtifactId] = set()
        for run in self.history.runs.values():
            yield from self._of_run(run, datasets)
        for (weights, runs), makers in zip(self.made, self.makers, strict=True):
            yield from self._artifacts(weights)
            if self._is_told(weights):
                yield from self._parents(weights, runs)
                yield from self._doubts(weights, makers)

    def bindings(self) -> dict[ArtifactId, Binding]:
        """The objects of each artifact; of its runs the one that made this model and no other."""
        found: dict[ArtifactId, Binding] = {}
        for weights, runs in self.made:
            own = self._versions(weights)
            found |= {
                one: Binding(version=address(version), made_at_ms=version.created_ms or None)
                for one, version in own.items()
                if legible(version.name) == version.name
            }
            if weights.model in self.history.models or weights.artifact in own:
                alone = [run.id for run in runs if len(self._outputs[run.id]) == 1 and not run.deleted]
                known = found.get(weights.artifact)
                found[weights.artifact] = Binding(
                    version=known.version if known else None,
                    made_at_ms=known.made_at_ms if known else None,
                    model_id=weights.model if weights.model in self.history.models else None,
                    run_id=alone[0] if len(alone) == 1 else None,
                )
        return found

    def _makers(self) -> Iterator[set[str]]:
        """Of each set of weights, the runs that returned or logged it, else the one that its first version names."""
        runs = self.history.runs
        returned: dict[str, set[str]] = {}
        for run in runs.values():
            for model_id in run.outputs:
                returned.setdefault(model_id, set()).add(run.id)
        for weights in self._identities.weights:
            model = self.history.models.get(weights.model or "")
            ids = returned.get(weights.model or "", set()) | ({model.run} if model and model.run else set())
            yield ids or {one.run for one in weights.versions[:1] if one.run}

    def _versions(self, weights: Weights) -> dict[ArtifactId, Version]:
        return {self._identities.version(one).artifact: one for one in weights.versions}

    def _passed(self) -> Iterator[Skipped | Note]:
        """What is no part of the history that is imported."""
        read = self._read
        for reason, count in (
            (DELETED_EXPERIMENT, read.deleted_experiments),
            (OWN_EXPERIMENT, len(read.own_experiments)),
        ):
            yield from [Skipped("an experiment", reason, _STORE, 0)] * count
        for place, reason in self._sorted.passed.items():
            yield Skipped(place, reason, _STORE, 0)
        if note := self._sorted.note():
            yield Note(note)

    def _of_run(self, run: Run, seen: set[ArtifactId]) -> Iterator[Row]:
        """The datasets of a run that were not seen before; and that nothing else is told of it, where that is so."""
        place = f"run {run.id}"
        is_maker = run.id in self._outputs
        if not is_maker:
            yield Skipped(place, DELETED_RUN if run.deleted else NO_MODEL, place, 0)
        for dataset in run.datasets if is_maker or not run.deleted else ():
            id_ = self._identities.dataset(dataset)
            if id_ not in seen:
                seen.add(id_)
                yield Node(id_.kind, id_.name, dataset_words(dataset), place, 0, id_.version)
            if is_maker and dataset.use in NO_TRAINING:
                yield Skipped(f"{id_} in {place}", EVALUATED, place, 0)

    def _artifacts(self, weights: Weights) -> Iterator[Row]:
        """The artifact that stands for the weights, and the others, which are converted from it."""
        main, own = weights.artifact, self._versions(weights)
        model = self.history.models.get(weights.model or "")
        if main in own or model is not None:
            words = model_words(self._read.experiments, model, own.get(main))
            yield Node(main.kind, main.name, words, _place(weights), 0, main.version)
        for id_, version in own.items():
            if id_ != main:
                place = f"models:/{address(version)}"
                words = model_words(self._read.experiments, None, version)
                yield Node(id_.kind, id_.name, words, place, 0, id_.version)
                yield _edge(id_, RelationKind.CONVERTED_FROM, main, place, stated=True)

    def _is_told(self, weights: Weights) -> bool:
        """Whether all is known that MLflow tells of the weights: words on a run that was not read may say more of the relation."""
        model = self.history.models.get(weights.model or "")
        named = {one.run for one in weights.versions} | {weights.model, model.run if model else None}
        named |= {model_named(one.source) for one in weights.versions}
        return self.history.is_known_of(named)

    def _parents(self, weights: Weights, runs: list[Run]) -> Iterator[Row]:
        """What the weights come from: what their runs took in, and what parameters and tags name."""
        model = self.history.models.get(weights.model or "")
        told = [one.words for one in (*runs, *((model,) if model else ()), *weights.versions)]
        kind = next((stated for words in told if (stated := stated_relation(words))), None)
        for run in runs:
            place = f"run {run.id}"
            for model_id in run.inputs:
                yield self._base(weights, Named("", model_id, kind), self._addresses.model(model_id), place)
            for dataset in run.datasets:
                if dataset.use not in NO_TRAINING:
                    trained = RelationKind.TRAINED_ON
                    yield _edge(
                        weights.artifact,
                        trained,
                        self._identities.dataset(dataset),
                        place,
                        stated=dataset.use in _TRAINING,
                    )
        place = f"run {runs[0].id}" if runs else _place(weights)
        for named in dict.fromkeys(one for words in told for one in named_parents(words, self._parent_tags)):
            base = named._replace(kind=named.kind or kind)
            meant = self._addresses.meant(base.value) if base.is_name else Meant(None, NO_NAME)
            yield self._base(weights, base, meant, place)

    def _doubts(self, weights: Weights, makers: set[str]) -> Iterator[Row]:
        """That more may be behind the weights than MLflow tells."""
        place, kind = _place(weights), RelationKind.CONVERTED_FROM
        for version in weights.versions:
            if note := self._identities.version(version).note:
                yield Note(note)
        for child, name, reason in doubts(
            weights,
            makers,
            identities=self._identities,
            runs=self.history.runs,
            passed=self._sorted.passed,
        ):
            yield Missing(child.name, kind, plain(name), reason, "", place, 0, child_version=child.version)

    def _base(self, weights: Weights, named: Named, meant: Meant | None, place: str) -> Row:
        """What becomes of one base model that is named."""
        child, kind, stated = weights.artifact, named.kind or RelationKind.FINETUNED_FROM, bool(named.kind)
        if meant is not None and meant.artifact is not None:
            if meant.artifact == child:
                return Skipped(f"{child} {kind} {meant.artifact}", ITSELF, place, 0)
            return _edge(child, kind, meant.artifact, place, stated=stated)
        if meant is None:
            name, _, version = named.value.rpartition("@")
            try:
                parent = ancestor_name(name or version)
            except ContentError:
                meant = Meant(None, NO_NAME)
            else:
                edge = _edge(child, kind, child, place, stated=stated)
                return edge._replace(parent=parent, parent_version=version if name else None, known_only=True)
        return Missing(
            child.name, kind, plain(named.value), meant.reason, "", place, 0, stated, child.version
        )


def _edge(child: ArtifactId, kind: RelationKind, parent: ArtifactId, place: str, *, stated: bool) -> Edge:
    return Edge(child.name, kind, parent.name, place, 0, stated, child.version, parent.version)


def _place(weights: Weights) -> str:
    """Where the weights stand in MLflow."""
    if weights.model is not None:
        return f"models:/{weights.model}"
    return f"models:/{address(weights.versions[0])}"
