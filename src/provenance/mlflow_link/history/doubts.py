"""Where an MLflow's account of a model may not be all of it: each such place is a gap in the model's ancestry."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from provenance.artifacts import ArtifactId
from provenance.mlflow_link.history.addresses import GONE
from provenance.mlflow_link.history.identities import Identities, Weights
from provenance.mlflow_link.history.ours import CLAIM, OWN
from provenance.mlflow_link.history.records import NO_TRAINING, Run, Version

NAMESAKE = "which may be the one of that name that is registered here"
OTHER_RUN = "a run with inputs of its own that a version names, and that did not make its model"
OTHER_SOURCE = "a source in another run than the one that a version names"

_RUN_PLACE = re.compile(r"^runs:/([^/]+)/|/([0-9a-f]{32})/artifacts(?:/|$)")


class Doubt(NamedTuple):
    """Something that a model may come from, too.

    Args:
        artifact: The model.
        name: What it may come from.
        reason: Why that is not known.
    """

    artifact: ArtifactId
    name: str
    reason: str


def doubts(
    weights: Weights,
    makers: Collection[str],
    *,
    identities: Identities,
    runs: Mapping[str, Run],
    passed: Mapping[str, str],
) -> Iterator[Doubt]:
    """What may be behind some weights.

    Args:
        weights: Which.
        makers: The ids of the runs that are said to have made them.
        identities: The artifacts of the history.
        runs: The runs of others.
        passed: Why objects were passed over, see `Sorted`.
    """
    for run in sorted(makers):
        if run not in runs and passed.get(f"run {run}") != OWN:
            yield Doubt(weights.artifact, f"run {run}", passed.get(f"run {run}", GONE))
    if weights.lost is not None:
        reason = passed.get(f"models:/{weights.lost.removeprefix('models:/')}", GONE)
        if reason == CLAIM or not any(one in runs for one in makers):
            yield Doubt(weights.artifact, weights.lost, reason)
    for version in weights.versions:
        identity = identities.version(version)
        if identity.doubt is not None:
            yield Doubt(identity.artifact, f"{identity.doubt.name}@{identity.doubt.version}", NAMESAKE)
        if (
            version.run is not None
            and version.run not in makers
            and _has_inputs(version, weights, runs, passed)
        ):
            yield Doubt(identity.artifact, f"run {version.run}", OTHER_RUN)
        if weights.model is None and _is_elsewhere(version):
            yield Doubt(identity.artifact, version.source, OTHER_SOURCE)


def _has_inputs(
    version: Version, weights: Weights, runs: Mapping[str, Run], passed: Mapping[str, str]
) -> bool:
    """Whether the run that a version names took in more than what an evaluation of the model does, or hides it."""
    run = runs.get(version.run or "")
    if run is None:
        return passed.get(f"run {version.run}") == CLAIM
    return bool(set(run.inputs) - {weights.model}) or any(one.use not in NO_TRAINING for one in run.datasets)


def _is_elsewhere(version: Version) -> bool:
    """Whether the files of a version are said to be in a run that is not its own."""
    found = _RUN_PLACE.search(version.source)
    return found is not None and version.run not in found.groups()
