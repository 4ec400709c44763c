"""The policy: how much each edge passes on, and what the gate lets through.

A policy is a TOML file. The one that comes with the package, ``default_policy.toml``, says every key; another file says only what it
wants otherwise. What holds is digested as canonical JSON, so that two reports can be told to have applied the same policy.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

from provenance.digests import digest_bytes
from provenance.errors import PolicyError
from provenance.facts import canonical_json
from provenance.lineage.evidence_index import FOREVER, Lifetimes
from provenance.lineage.gaps import Trust
from provenance.relations import RelationKind
from provenance.risk.report import Status
from provenance.traits import Severity

DEFAULT_POLICY = Path(__file__).with_name("default_policy.toml")


class Init(StrEnum):
    """How the initialisations of a trait's origin and of a student compare, as far as the score is concerned."""

    SAME = "same"
    DIVERGED = "diverged"
    PARTIAL = "partial"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy as it applies.

    Args:
        weights: Factor of every weights relation.
        any_init: The relations that pass traits between different initialisations.
        prior: Factor of an exposure by how the teacher left its mark; under None where that is not known.
        init: What multiplies the prior.
        refuse: The statuses that hold an artifact back, by severity.
        refuse_unknown: Whether gaps in the ancestry hold it back.
        refuse_partial: Whether an incomplete answer does.
        refuse_contradictions: Whether a weights relation in its ancestry that the weights contradict does.
        trust: Where trust begins.
        lifetimes: How long what exonerates counts.
        digest: BLAKE3 of all this as canonical JSON, the TOML's own keys.
    """

    weights: float
    any_init: frozenset[RelationKind]
    prior: Mapping[RelationKind | None, float]
    init: Mapping[Init, float]
    refuse: Mapping[Severity, frozenset[Status]]
    refuse_unknown: bool
    refuse_partial: bool
    refuse_contradictions: bool
    trust: Trust
    lifetimes: Lifetimes
    digest: str

    @classmethod
    def load(cls, path: Path | None = None) -> "Policy":
        """Reads a policy file over the default policy; without a file, the default policy.

        Raises:
            PolicyError: The file can't be read, is no TOML, holds an unknown key, or a value without meaning.
        """
        table = _checked(_read(DEFAULT_POLICY), _SCHEMA, DEFAULT_POLICY)
        if path is not None:
            table = _overlaid(table, _checked(_read(path), _SCHEMA, path))
        exposure, gate, roots = table["exposure"], table["gate"], table["roots"]
        return cls(
            weights=exposure["weights"],
            any_init=frozenset(map(RelationKind, exposure["any_init"])),
            prior={_PRIORS[key]: factor for key, factor in exposure["prior"].items()},
            init={Init(key): factor for key, factor in exposure["init"].items()},
            refuse={Severity(key): frozenset(map(Status, names)) for key, names in gate["refuse"].items()},
            refuse_unknown=gate["refuse_unknown"],
            refuse_partial=gate["refuse_partial"],
            refuse_contradictions=gate["refuse_contradictions"],
            trust=Trust(
                trusted=tuple(roots["trusted"]),
                scratch_needs_data=roots["from_scratch_without_data"] == "unknown",
            ),
            lifetimes=FOREVER,
            digest=str(digest_bytes(canonical_json(table).encode())),
        )


_Table: TypeAlias = dict[str, Any]
_Reader: TypeAlias = Callable[[object], object]
"""Returns a value in its one written form, or raises ValueError with what was expected."""
_Schema: TypeAlias = "Mapping[str, _Reader | _Schema]"

_PRIORS: Mapping[str, RelationKind | None] = {
    "generated_by": RelationKind.GENERATED_BY,
    "rewritten_by": RelationKind.REWRITTEN_BY,
    "selected_by": RelationKind.SELECTED_BY,
    "distilled_from": RelationKind.DISTILLED_FROM,
    "unknown": None,
}
# What can be said of a trait; `unknown` and `clear` say that there is none.
_REFUSABLE = tuple(status for status in Status if status not in {Status.UNKNOWN, Status.CLEAR})


def _factor(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise ValueError("a number in [0, 1]")
    return float(value)


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - readers speak of the value by ValueError
    return value


def _names(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("a list of names")
    return sorted(set(value))


def _names_of(known: tuple[str, ...]) -> _Reader:
    def read(value: object) -> list[str]:
        names = _names(value)
        if not set(names) <= set(known):
            raise ValueError(f"a list of names out of {', '.join(known)}")
        return names

    return read


def _one_of(*words: str) -> _Reader:
    def read(value: object) -> object:
        if value not in words:
            raise ValueError(" or ".join(map(repr, words)))
        return value

    return read


_SCHEMA: _Schema = {
    "exposure": {
        "weights": _factor,
        "any_init": _names_of(tuple(key for key, kind in _PRIORS.items() if kind is not None)),
        "prior": dict.fromkeys(_PRIORS, _factor),
        "init": dict.fromkeys(Init, _factor),
    },
    "gate": {
        "refuse_unknown": _truth,
        "refuse_partial": _truth,
        "refuse_contradictions": _truth,
        "refuse": dict.fromkeys(Severity, _names_of(_REFUSABLE)),
    },
    "roots": {"trusted": _names, "from_scratch_without_data": _one_of("trust", "unknown")},
}


def _read(path: Path) -> _Table:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(f"cannot read the policy {path}: {error.strerror}") from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors.
        raise PolicyError(f"the policy {path} is no TOML: {error}") from error


def _checked(table: _Table, schema: _Schema, path: Path, prefix: str = "") -> _Table:
    """The table in its one written form, once every key is known and every value has a meaning."""
    checked: _Table = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        expected = schema.get(key)
        if expected is None:
            raise PolicyError(
                f"{path}: unknown key {name}", hint=f"Known here are: {', '.join(map(str, schema))}."
            )
        if isinstance(expected, Mapping):
            if not isinstance(value, dict):
                raise PolicyError(f"{path}: {name} has to be a table, not {value!r}")
            checked[key] = _checked(value, expected, path, f"{name}.")
        else:
            try:
                checked[key] = expected(value)
            except ValueError as error:
                raise PolicyError(f"{path}: {name} has to be {error}, not {value!r}") from error
    return checked


def _overlaid(below: _Table, above: _Table) -> _Table:
    """The lower table with what the upper one says otherwise."""
    return {
        key: (_overlaid(value, above[key]) if isinstance(value, dict) else above[key])
        if key in above
        else value
        for key, value in below.items()
    }
