"""What an address in MLflow, or a registered name, means within a history."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from provenance.artifacts import ArtifactId
from provenance.mlflow_link.history.identities import Identities, Weights
from provenance.mlflow_link.history.ours import CLAIM, Sorted
from provenance.mlflow_link.history.parents import model_id

GONE = "what MLflow no longer has"
SEVERAL = "an address in MLflow that several models bear"
MOVABLE = "an alias in MLflow, which may have meant another version then"
ANEW = "a version in MLflow that was deleted and made anew"

_NUMBERED = re.compile(r"([^/@]+)[/@](\d{1,18})")
_ALIASED = re.compile(r"([^/@]+)@([^/@]+)")
_RUN = re.compile(r"runs:/([^/]+)(?:/.*)?")


class Meant(NamedTuple):
    """What an address means.

    Args:
        artifact: The artifact, if it is one.
        reason: Why it is none, where it is an address.
    """

    artifact: ArtifactId | None
    reason: str = ""


class Addresses:
    """The addresses of a history.

    Args:
        identities: Its artifacts.
        sorted_: It, sorted by whose its objects are.
        outputs: What each run made.
    """

    def __init__(
        self,
        identities: Identities,
        sorted_: Sorted,
        outputs: Mapping[str, Sequence[Weights]],
    ) -> None:
        self._identities, self._memory, self._outputs = identities, sorted_.memory, outputs
        self._passed = sorted_.passed
        self._named: dict[str, set[ArtifactId]] = {}
        self._numbers: dict[str, set[int]] = {}
        self._aliases: set[tuple[str, str]] = set()
        for version in sorted_.others.versions:
            weights = identities.of_version(version.name, version.number)
            if weights is not None:
                self._named.setdefault(version.name, set()).add(weights.artifact)
                self._numbers.setdefault(version.name, set()).add(version.number)
                self._aliases |= {(version.name, alias) for alias in version.aliases}

    def model(self, model_id: str) -> Meant:
        """What a logged model means: one of others, or one that our projection wrote."""
        weights = self._identities.of_model(model_id)
        known = weights.artifact if weights is not None else self._memory.of_model(model_id)
        return Meant(known) if known is not None else self._gone(f"models:/{model_id}")

    def meant(self, text: str) -> Meant | None:
        """What a text means; None where it is no address here, and may be a name elsewhere."""
        if (one := model_id(text)) is not None:
            return self.model(one)
        if (run := _RUN.fullmatch(text)) is not None:
            made = [one.artifact for one in self._outputs.get(run[1], ())]
            if len(made) != 1:
                return Meant(None, SEVERAL) if made else self._gone(f"run {run[1]}")
            return Meant(made[0])
        rest = text.removeprefix("models:/")
        found = self._version(rest)
        return self._gone(f"models:/{rest}") if found is None and rest != text else found

    def _version(self, text: str) -> Meant | None:
        """What is meant by ``name/3``, ``name@3``, ``name@alias`` or a name alone; None by anything else."""
        if (one := _NUMBERED.fullmatch(text)) is not None:
            return self._numbered(one[1], int(one[2]))
        if (one := _ALIASED.fullmatch(text)) is not None:
            return self._all(one[1], MOVABLE) if one.groups() in self._aliases else None
        return self._all(text, SEVERAL) if text in self._named else None

    def _numbered(self, name: str, number: int) -> Meant | None:
        """One version; where another one bore its number before, nobody can say which of them is meant."""
        weights = self._identities.of_version(name, number)
        bound = self._memory.versions.get(f"{name}/{number}", ())
        own = self._memory.own_versions.get(f"{name}/{number}")
        itself = self._identities.numbered(name, number)
        found = {one for one in (itself, *bound, own) if one is not None}
        if len(found) > 1:
            return Meant(None, ANEW)
        if weights is not None:
            return Meant(weights.artifact)
        return Meant(found.pop()) if found else None

    def _all(self, name: str, reason: str) -> Meant:
        """What all versions that a name ever had are; a deleted one may have been another."""
        found, numbers = self._named[name], self._numbers[name]
        return (
            Meant(next(iter(found)))
            if len(found) == 1 and max(numbers) == len(numbers)
            else Meant(None, reason)
        )

    def _gone(self, place: str) -> Meant:
        return Meant(None, CLAIM if self._passed.get(place) == CLAIM else GONE)
