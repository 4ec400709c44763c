"""What a policy makes of one word: a key or a table of keys, a status, a severity, or a kind of relation."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from provenance.errors import UsageError
from provenance.relations import WEIGHT_KINDS, RelationKind
from provenance.risk.policy import Policy
from provenance.risk.policy_file import Setting
from provenance.risk.policy_keys import KEYS, REFUSABLE, Ruling, is_table
from provenance.risk.report import Status
from provenance.traits import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRuling:
    """What the gate does about traits of one severity at one status."""

    severity: Severity
    status: Status
    ruling: Ruling


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The answer to `policy explain`.

    Args:
        word: What was asked about.
        kind: ``key``, ``status``, ``severity`` or ``relation``.
        text: What it means, in a sentence or two.
        settings: The keys that decide about it, with what they say.
        rulings: What the gate does about it.
    """

    word: str
    kind: str
    text: str
    settings: tuple[Setting, ...] = ()
    rulings: tuple[GateRuling, ...] = ()


_STATUSES: Mapping[Status, str] = {
    Status.AFFECTED: "A standing flag is on the artifact itself.",
    Status.EXPOSED: "A flag reaches it by a route that is established where it matters.",
    Status.SUSPECTED: "A flag reaches it, and what matters is untested, inconclusive or disputed.",
    Status.CARRIER: "A flag reaches it, and it is not expected to show the trait itself: a dataset, or a model whose "
    "initialisation is measured to be independent. It conducts all the same.",
    Status.UNLIKELY: "A flag reaches it, it is independent of the origin, and a canary with power found nothing.",
    Status.CLEARED: "A flag reaches it, and a clearance stands on the artifact itself.",
    Status.UNKNOWN: "No flag reaches it, and its ancestry is incomplete. The gate goes by what is missing, whatever the status.",
    Status.CLEAR: "No flag reaches it, and its ancestry is complete down to where trust begins. It passes.",
}

_DATA = tuple(key for key in KEYS if key.startswith(("exposure.prior.", "exposure.init.")))


def _mark(kind: RelationKind) -> tuple[str, tuple[str, ...]]:
    """What is said of a relation by which a teacher leaves its mark on a dataset."""
    return (
        (
            "The dataset is a carrier, factor 1. How the trait came in is remembered: where the data meets a student, the factor is the "
            f"share that a canary measured, or exposure.prior.{kind} times the fitting exposure.init (1 for relations in exposure.any_init)."
        ),
        ("exposure.any_init", f"exposure.prior.{kind}", *(key for key in KEYS if "exposure.init." in key)),
    )


_RELATIONS: Mapping[RelationKind, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        WEIGHT_KINDS,
        (
            (
                "The child stands as its parent does, and the score takes exposure.weights. Where a same-init test of the two says "
                "INDEPENDENT, the edge is disputed: suspected at worst from there on, and gate.contradictions decides."
            ),
            ("exposure.weights", "gate.contradictions"),
        ),
    ),
    RelationKind.EMBODIED_BY: ("The teacher stands as its model does, factor 1. No key changes that.", ()),
    **{
        kind: _mark(kind)
        for kind in (RelationKind.GENERATED_BY, RelationKind.REWRITTEN_BY, RelationKind.SELECTED_BY)
    },
    RelationKind.DERIVED_FROM: (
        "The dataset is a carrier; the factor is the parent's share squared, 1 where no share is recorded. No key changes that.",
        (),
    ),
    RelationKind.TRAINED_ON: (
        (
            "Where data meets a student. The status goes by initialisations and canaries between the trait's origin and the student. The "
            "factor is the share that a canary measured, or exposure.prior times exposure.init; times (1 - clean fraction) squared."
        ),
        ("exposure.any_init", *_DATA, "evidence.same_init_days", "evidence.canary_days"),
    ),
    RelationKind.DISTILLED_FROM: (
        (
            "The student imitates the teacher directly. The factor is exposure.prior.distilled_from, which crosses initialisations where "
            "exposure.any_init lists the relation; times (1 - clean fraction) squared."
        ),
        ("exposure.any_init", "exposure.prior.distilled_from"),
    ),
}

_SEVERITY = "What the gate does about traits of this severity, by the status of the artifact."

_BESIDE_TRAITS: Mapping[Status, tuple[str, ...]] = {
    Status.UNKNOWN: ("gate.unknown", "roots.trusted", "roots.from_scratch_without_data"),
    Status.CLEAR: (),
}
"""The keys that decide about statuses of which no trait is said."""


def explain_word(policy: Policy, word: str) -> Explanation:
    """What a policy makes of a key or a table of keys, a status, a severity, or a kind of relation.

    Raises:
        UsageError: The word is none of these; the message names what comes near.
    """
    judged: list[tuple[Severity, Status]] = []
    if word in set(RelationKind):
        kind, (text, keys) = "relation", _RELATIONS[RelationKind(word)]
    elif word in set(Status):
        status = Status(word)
        kind, text = "status", _STATUSES[status]
        keys = _BESIDE_TRAITS.get(status, tuple(f"gate.refuse.{severity}" for severity in Severity))
        judged = [(severity, status) for severity in Severity if status in REFUSABLE]
    elif word in set(Severity):
        kind, text, keys = "severity", _SEVERITY, (f"gate.refuse.{word}",)
        judged = [(Severity(word), status) for status in REFUSABLE]
    elif word in KEYS or is_table(word):
        keys = tuple(key for key in KEYS if key == word or key.startswith(f"{word}."))
        kind, text = "key", f"{KEYS[word].meaning}." if word in KEYS else f"A table of {len(keys)} keys."
    else:
        raise _no_such(word)
    return Explanation(
        word=word,
        kind=kind,
        text=text,
        settings=tuple(setting for setting in policy.settings if setting.key in keys),
        rulings=tuple(
            GateRuling(severity=severity, status=status, ruling=policy.ruling(severity, status))
            for severity, status in judged
        ),
    )


def _no_such(word: str) -> UsageError:
    words = [*KEYS, *{key.rpartition(".")[0] for key in KEYS}, *Status, *Severity, *RelationKind]
    near = difflib.get_close_matches(word, sorted(map(str, words)), n=3, cutoff=0.5)
    hint = f"Nearest: {', '.join(near)}." if near else "`provenance policy show` lists the keys."
    return UsageError(f"{word!r} is no key, status, severity or kind of relation", hint=hint)
