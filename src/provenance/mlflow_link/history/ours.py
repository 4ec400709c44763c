"""Whose an object in an MLflow is: our own projection's, another registry's, or a team's.

The tag `provenance.key` proves nothing: anybody can set it, and what bears it would be spared from being looked at. An object is ours if
we remember its very id. Another one that bears the tag is passed over where projections write, since a second registry may have its own
there; anywhere else it is a team's, and imported as any other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from provenance.mlflow_link.history.memory import Memory
from provenance.mlflow_link.history.naming import address
from provenance.mlflow_link.history.records import PENDING, History, Version
from provenance.mlflow_link.history.words import plain
from provenance.mlflow_link.objects import KEY_TAG

OWN = "an object that our projection wrote"
CLAIM = "a projection of another registry, or somebody's claim to be one"
UNFINISHED = "a logged model that is still being uploaded"

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """A history, sorted by whose its objects are.

    Args:
        others: What is to be imported.
        memory: What the registry knows, without the versions that took the place of ours.
        passed: Why others are passed over: ``run ID``, ``models:/m-...`` or ``models:/name/3`` to the reason.
        claims: The objects among the others that bear the tag of a projection.
    """

    others: History
    memory: Memory
    passed: Mapping[str, str]
    claims: tuple[str, ...]

    def note(self) -> str:
        """What people should know of the claims; empty where there are none."""
        if not self.claims:
            return ""
        named = ", ".join(map(plain, self.claims[:_SHOWN]))
        more = f" and {len(self.claims) - _SHOWN} more" if len(self.claims) > _SHOWN else ""
        return f"the tag {KEY_TAG} on {named}{more} is none that we set: imported as any other"


def sort(read: History, memory: Memory) -> Sorted:
    """Sorts a history.

    A logged model that is being uploaded is passed over, too: one that is registered while it is logged is a logged model alone for as
    long as that takes, and a version afterwards.

    Args:
        read: What was read.
        memory: What the registry knows of it.
    """
    used = {read.model_of(one.source) for one in read.versions}
    used |= {model_id for run in read.runs.values() for model_id in run.inputs}
    passed: dict[str, str] = {}
    for key, run in read.runs.items():
        if reason := _reason(key in memory.own_runs, run.words, run.experiment in read.own_experiments):
            passed[f"run {key}"] = reason
    for key, model in read.models.items():
        is_own = key in memory.own_models
        if reason := _reason(is_own, model.words, model.experiment in read.own_experiments):
            passed[f"models:/{key}"] = reason
        elif model.status == PENDING and key not in used:
            passed[f"models:/{key}"] = UNFINISHED
    taken: set[str] = set()
    for version in read.versions:
        if KEY_TAG in version.words and (reason := _of_version(version, read, memory, passed)):
            passed[f"models:/{address(version)}"] = reason
        if passed.get(f"models:/{address(version)}") != OWN:
            taken.add(address(version))
    others = replace(
        read,
        runs={key: one for key, one in read.runs.items() if f"run {key}" not in passed},
        models={key: one for key, one in read.models.items() if f"models:/{key}" not in passed},
        versions=tuple(one for one in read.versions if f"models:/{address(one)}" not in passed),
    )
    own = {key: one for key, one in memory.own_versions.items() if key not in taken}
    return Sorted(
        others=others, memory=replace(memory, own_versions=own), passed=passed, claims=tuple(_claims(others))
    )


def _reason(is_own: bool, words: Mapping[str, str], is_where_projections_write: bool) -> str | None:
    if is_own:
        return OWN
    return CLAIM if KEY_TAG in words and is_where_projections_write else None


def _of_version(version: Version, read: History, memory: Memory, passed: Mapping[str, str]) -> str | None:
    """Why a version that bears the tag is passed over; None where it is not.

    It is ours if its logged model is, too: the number of a name that was deleted is given again, the id of a logged model is not.
    """
    model, name = read.model_of(version.source), address(version)
    own = memory.own_versions.get(name)
    if own is not None and model is not None and memory.own_models.get(model) == own:
        return OWN
    if f"models:/{model}" in passed or f"run {version.run}" in passed:
        return CLAIM
    # Of an old version, the logged model is not read again: what was imported is bound.
    was_passed = not read.is_known_of({model, version.run}) and name not in memory.versions
    return CLAIM if was_passed else None


def _claims(others: History) -> Iterable[str]:
    yield from (f"run {key}" for key, one in others.runs.items() if KEY_TAG in one.words)
    yield from (f"models:/{key}" for key, one in others.models.items() if KEY_TAG in one.words)
    yield from (f"models:/{address(one)}" for one in others.versions if KEY_TAG in one.words)
