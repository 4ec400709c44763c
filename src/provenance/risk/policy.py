"""The policy: how much each edge passes on, what the gate lets through, how long evidence counts, and where trust begins.

A policy is a TOML file, see `provenance.risk.policy_file`; its keys stand in `provenance.risk.policy_keys`. What holds is digested as
canonical JSON, so that two reports can be told to have applied the same policy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from provenance.digests import digest_bytes
from provenance.errors import PolicyError
from provenance.facts import canonical_json
from provenance.lineage.evidence_index import Lifetimes
from provenance.lineage.gaps import Trust
from provenance.relations import RelationKind
from provenance.risk import policy_file
from provenance.risk.policy_file import DEFAULT_POLICY, Problem, Setting
from provenance.risk.policy_keys import PRIORS, Init, Ruling
from provenance.risk.report import Status
from provenance.traits import Severity

__all__ = ["DEFAULT_POLICY", "Init", "Policy", "Ruling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy as it applies.

    Args:
        weights: Factor of every weights relation.
        any_init: The relations that pass traits between different initialisations.
        prior: Factor of an exposure by how the teacher left its mark; under None where that is not known.
        init: What multiplies the prior.
        refuse: The statuses that hold an artifact back, by severity.
        unknown: What the gate does about gaps in the ancestry.
        partial: What it does about an incomplete answer.
        contradictions: What it does about a weights relation in the ancestry that the weights contradict.
        lifetimes: How long what exonerates counts.
        trust: Where trust begins.
        settings: All this by key, with where each value is from.
        digest: BLAKE3 of the keys and values as canonical JSON.
    """

    weights: float
    any_init: frozenset[RelationKind]
    prior: Mapping[RelationKind | None, float]
    init: Mapping[Init, float]
    refuse: Mapping[Severity, frozenset[Status]]
    unknown: Ruling
    partial: Ruling
    contradictions: Ruling
    lifetimes: Lifetimes
    trust: Trust
    settings: tuple[Setting, ...] = field(repr=False, compare=False)
    digest: str

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Reads a policy file over the default policy; without a file, the default policy.

        Raises:
            PolicyError: The file, or one that it extends, can't be read, is no TOML, holds an unknown key, or a value without meaning;
                the message lists all of it.
        """
        return cls._from(policy_file.read(path), str(path))

    @classmethod
    def of(cls, values: Mapping[str, object]) -> Self:
        """The policy that says these keys, and of all others what the default policy says.

        Raises:
            PolicyError: A key is unknown, or its value has no meaning; the message lists all of it.
        """
        return cls._from(policy_file.stated(values), "as stated")

    @classmethod
    def _from(cls, contents: policy_file.Contents, name: str) -> Self:
        if contents.problems:
            raise _error(name, contents.problems)
        values: dict[str, Any] = {setting.key: setting.value for setting in contents.settings.values()}
        return cls(
            weights=values["exposure.weights"],
            any_init=frozenset(map(RelationKind, values["exposure.any_init"])),
            prior={kind: values[f"exposure.prior.{key}"] for key, kind in PRIORS.items()},
            init={init: values[f"exposure.init.{init}"] for init in Init},
            refuse={
                severity: frozenset(map(Status, values[f"gate.refuse.{severity}"])) for severity in Severity
            },
            unknown=Ruling(values["gate.unknown"]),
            partial=Ruling(values["gate.partial"]),
            contradictions=Ruling(values["gate.contradictions"]),
            lifetimes=Lifetimes(
                same_init=_lifetime(values["evidence.same_init_days"]),
                canary=_lifetime(values["evidence.canary_days"]),
                clearances=_lifetime(values["evidence.clearance_days"]),
            ),
            trust=Trust(
                trusted=tuple(values["roots.trusted"]),
                scratch_needs_data=values["roots.from_scratch_without_data"] == "unknown",
            ),
            settings=tuple(contents.settings.values()),
            digest=str(digest_bytes(canonical_json(values).encode())),
        )

    def ruling(self, severity: Severity, status: Status) -> Ruling:
        """What the gate does about a trait of some severity at some status.

        What the policy does not refuse is let through, and said as long as nothing exonerates the artifact.
        """
        if status in self.refuse[severity]:
            return Ruling.REFUSE
        return Ruling.REPORT if status.rank <= Status.CARRIER.rank else Ruling.IGNORE


def _lifetime(days: int) -> timedelta | None:
    return timedelta(days=days) if days else None


def _error(path: str, problems: list[Problem]) -> PolicyError:
    """One error that lists all problems."""
    hint = "`provenance policy show` lists every key, docs/policy.md says what each one means."
    told = [str(problem) for problem in problems]
    if len(told) == 1:
        return PolicyError(told[0], hint=hint)
    return PolicyError("\n".join((f"the policy {path} has {len(told)} problems:", *told)), hint=hint)
