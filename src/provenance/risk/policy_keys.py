"""Every key that a policy file may say: what it may hold, what it means, and where its default comes from.

The defaults themselves stand in ``default_policy.toml``; docs/policy.md holds this table for people, and a test keeps the two equal.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from provenance.relations import RelationKind
from provenance.risk.report import Status
from provenance.traits import Severity

Value: TypeAlias = float | int | str | list[str]
"""What a key may hold, in its one written form."""
Reader: TypeAlias = Callable[[object], Value]
"""Returns a value in its one written form, or raises ValueError with what was expected."""


class Init(StrEnum):
    """How the initialisations of a trait's origin and of a student compare, as far as the score is concerned."""

    SAME = "same"
    DIVERGED = "diverged"
    PARTIAL = "partial"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


class Ruling(StrEnum):
    """What a gate does about something that it meets."""

    REFUSE = "refuse"
    """It holds the artifact back."""
    REPORT = "report"
    """It says so, and lets the artifact through."""
    IGNORE = "ignore"
    """It says nothing."""


PRIORS: Mapping[str, RelationKind | None] = {
    "generated_by": RelationKind.GENERATED_BY,
    "rewritten_by": RelationKind.REWRITTEN_BY,
    "selected_by": RelationKind.SELECTED_BY,
    "distilled_from": RelationKind.DISTILLED_FROM,
    "unknown": None,
}
"""The keys of ``exposure.prior``, and the relation that each is about."""

REFUSABLE = tuple(status for status in Status if status not in {Status.UNKNOWN, Status.CLEAR})
"""What can be said of a trait, worst first; `unknown` and `clear` say that there is none."""

_MOST_DAYS = 36_500
_LONGEST = 80  # characters of a name or a value in a complaint


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a policy.

    Args:
        read: Reads its value.
        meaning: What it says, for people.
        source: Where the default comes from. What is measured was measured on small networks, docs/lineage-laws.md.
    """

    read: Reader
    meaning: str
    source: str = "set by the authors"


def _factor(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise ValueError("a number in [0, 1]")
    return float(value)


def _days(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_DAYS:
        raise ValueError(f"a whole number of days from 0 (never) to {_MOST_DAYS}")
    return value


def _names(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise ValueError("a list of names")
    return sorted(set(value))


def _names_of(*known: str) -> Reader:
    def read(value: object) -> list[str]:
        names = _names(value)
        if not set(names) <= set(known):
            raise ValueError(f"a list of names out of {', '.join(known)}")
        return [str(name) for name in known if name in names]  # without their enum

    return read


def _one_of(*words: str) -> Reader:
    def read(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(" or ".join(f'"{word}"' for word in words))
        return value

    return read


_ruling, _statuses = _one_of(*Ruling), _names_of(*REFUSABLE)

KEYS: Mapping[str, Key] = {
    "exposure.weights": Key(read=_factor, meaning="factor of every weights relation"),
    "exposure.any_init": Key(
        read=_names_of(*(key for key, kind in PRIORS.items() if kind is not None)),
        meaning="relations that pass traits between initialisations: neither independence nor a silent canary earns "
        "credit, and `exposure.init` does not multiply",
        source="selection: set by the authors; imitation: Cloud et al., arXiv 2507.14805",
    ),
    "exposure.prior.generated_by": Key(
        read=_factor,
        meaning="factor of training on rows that the teacher wrote",
        source="measured: 0.56 with 30 auxiliary logits, 0.42 with 3",
    ),
    "exposure.prior.rewritten_by": Key(
        read=_factor, meaning="factor of training on rows that the teacher paraphrased or translated"
    ),
    "exposure.prior.selected_by": Key(
        read=_factor, meaning="factor of training on rows that the teacher chose, judged or labelled"
    ),
    "exposure.prior.distilled_from": Key(
        read=_factor,
        meaning="factor of imitating the teacher directly",
        source="nothing is known to hold it back",
    ),
    "exposure.prior.unknown": Key(
        read=_factor,
        meaning="factor where the flag is on the dataset, and how the trait came in is not known",
        source="fails closed",
    ),
    "exposure.init.same": Key(
        read=_factor,
        meaning="multiplies the prior: the trait's origin is what the student started from, or its ancestor",
        source="the scale of the priors; measured: the teacher's very model takes on more, 1.59",
    ),
    "exposure.init.diverged": Key(
        read=_factor,
        meaning="multiplies the prior: same initialisation, trained apart since",
        source="measured: as much as `same` or more",
    ),
    "exposure.init.partial": Key(
        read=_factor,
        meaning="multiplies the prior: only embeddings or head are shared",
        source="measured: the head 0.32, the first layer nothing",
    ),
    "exposure.init.different": Key(
        read=_factor,
        meaning="multiplies the prior: independent by test",
        source="measured: 0.23 where it was tuned on the same task, else nothing; never 0",
    ),
    "exposure.init.unknown": Key(
        read=_factor,
        meaning="multiplies the prior: untested, inconclusive or disputed",
        source="fails closed",
    ),
    "gate.unknown": Key(read=_ruling, meaning="what the gate does about missing ancestry"),
    "gate.partial": Key(
        read=_ruling, meaning="what the gate does about an answer that could not look at everything"
    ),
    "gate.contradictions": Key(
        read=_ruling,
        meaning="what the gate does about a weights relation anywhere in the ancestry that the weights contradict",
    ),
    **{
        f"gate.refuse.{severity}": Key(
            read=_statuses,
            meaning=f"the statuses that hold an artifact back, for traits of {severity} severity",
        )
        for severity in Severity
    },
    "evidence.same_init_days": Key(
        read=_days,
        meaning="how long a same-init test counts that says `INDEPENDENT`, in days since it ran; 0 for ever",
    ),
    "evidence.canary_days": Key(
        read=_days,
        meaning="how long a canary counts that says `NOT_DETECTED`, in days since it ran; 0 for ever",
    ),
    "evidence.clearance_days": Key(
        read=_days, meaning="how long a clearance counts, in days since it was recorded; 0 for ever"
    ),
    "roots.trusted": Key(
        read=_names,
        meaning="names or patterns (`model:org/*`) whose own ancestry needs no proof; flags on and above them "
        "spread all the same",
        source="trust is yours to give",
    ),
    "roots.from_scratch_without_data": Key(
        read=_one_of("trust", "unknown"),
        meaning="whether a model declared to be from scratch is a root without naming its data",
    ),
}
"""All keys, in the order of the default policy."""

_RENAMED = {
    "gate.refuse_unknown": "gate.unknown",
    "gate.refuse_partial": "gate.partial",
    "gate.refuse_contradictions": "gate.contradictions",
}


def is_table(name: str) -> bool:
    """Whether a name is that of a table of keys."""
    return any(key.startswith(f"{name}.") for key in KEYS)


def unknown_key(name: str) -> str:
    """What to say of a key that there is not: its new name, or the one that comes nearest."""
    if name in _RENAMED:
        new = _RENAMED[name]
        return f'unknown key {name}: it is {new} now, "refuse", "report" or "ignore"'
    tables = {key.rpartition(".")[0] for key in KEYS} | {"extends"}
    near = difflib.get_close_matches(name, sorted({*KEYS, *tables}), n=1, cutoff=0.7)
    return f"unknown key {name[:_LONGEST]}" + (f"; nearest: {near[0]}" if near else "")


def read_value(name: str, value: object) -> Value:
    """A value in its one written form.

    Raises:
        ValueError: It has no meaning for this key; the message is the whole complaint.
    """
    try:
        return KEYS[name].read(value)
    except ValueError as error:
        raise ValueError(f"{name} has to be {error}, not {shown(value)}") from error


def shown(value: object) -> str:
    """A value as a complaint repeats it, not at any length."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
