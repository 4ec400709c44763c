"""What an address in MLflow, or a registered name, means within a history."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from provenance.artifacts import ArtifactId
from provenance.mlflow_link.history.identities import Identities, Memory, Weights
from provenance.mlflow_link.history.parents import model_id
from provenance.mlflow_link.history.records import Version

GONE = "what MLflow no longer has"
SEVERAL = "an address in MLflow that several models bear"

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
        versions: Its registered versions.
        memory: What the registry knows of the MLflow's objects.
        outputs: What each run made.
    """

    def __init__(
        self,
        identities: Identities,
        versions: Iterable[Version],
        memory: Memory,
        outputs: Mapping[str, Sequence[Weights]],
    ) -> None:
        self._identities, self._memory, self._outputs = identities, memory, outputs
        self._named: dict[str, set[ArtifactId]] = {}
        self._aliased: dict[tuple[str, str], ArtifactId] = {}
        for version in versions:
            artifact = identities.of_version(version.name, version.number)
            if artifact is not None:
                self._named.setdefault(version.name, set()).add(artifact.artifact)
                self._aliased |= {(version.name, alias): artifact.artifact for alias in version.aliases}

    def model(self, model_id: str) -> ArtifactId | None:
        """The artifact of a logged model: of others', or of one that a projection wrote."""
        weights = self._identities.of_model(model_id)
        return weights.artifact if weights is not None else self._memory.models.get(model_id)

    def meant(self, text: str) -> Meant | None:
        """What a text means; None where it is no address here, and may be a name elsewhere."""
        if (one := model_id(text)) is not None:
            return self._sole([self.model(one)])
        if (run := _RUN.fullmatch(text)) is not None:
            return self._sole([one.artifact for one in self._outputs.get(run[1], ())])
        rest = text.removeprefix("models:/")
        found = self._version(rest)
        if found:
            return self._sole(found)
        return None if rest == text else Meant(None, GONE)

    def _version(self, text: str) -> Sequence[ArtifactId]:
        """What is meant by ``name/3``, ``name@3``, ``name@alias`` or a name alone."""
        if (one := _NUMBERED.fullmatch(text)) is not None:
            weights = self._identities.of_version(one[1], int(one[2]))
            known = weights.artifact if weights else self._memory.versions.get(f"{one[1]}/{one[2]}")
            return [] if known is None else [known]
        if (one := _ALIASED.fullmatch(text)) is not None:
            known = self._aliased.get((one[1], one[2]))
            return [] if known is None else [known]
        return sorted(self._named.get(text, ()))

    @staticmethod
    def _sole(found: Sequence[ArtifactId | None]) -> Meant:
        if len(found) > 1:
            return Meant(None, SEVERAL)
        return Meant(found[0]) if found and found[0] is not None else Meant(None, GONE)
