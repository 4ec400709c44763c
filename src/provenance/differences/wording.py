"""Facts in one line of words, as causes are told."""

from collections.abc import Callable, Mapping
from typing import Any

from provenance.artifacts import Alias, Artifact, Location
from provenance.differences.report import Cause, How
from provenance.evidence import Evidence
from provenance.facts import Fact, Recorded
from provenance.relations import Relation, Resolution, Unresolved
from provenance.traits import Block, Clearance, Flag, Trait, TraitMeasurement, Withdrawal

_WORDS: Mapping[type[Any], Callable[[Any], str]] = {
    Artifact: lambda fact: f"{fact.id} registered",
    Alias: lambda fact: f"{fact.artifact} is called {fact.name!r}",
    Location: lambda fact: f"{fact.artifact} seen in {fact.path}",
    Relation: str,
    Unresolved: lambda fact: (
        f"{fact.child} {fact.kind} {fact.name!r}, {fact.reason or 'which is not registered'}"
    ),
    Resolution: lambda fact: f"{fact.child}: {fact.name!r} is {fact.parent}",
    Trait: lambda fact: f"trait {fact.name}, severity {fact.severity}",
    Flag: lambda fact: f"{fact.trait} flagged on {fact.artifact}",
    Withdrawal: lambda fact: f"{fact.flag} withdrawn: {fact.reason}",
    Clearance: lambda fact: f"{fact.artifact} cleared of {fact.trait}",
    Block: lambda fact: f"{fact.trait} blocked from {fact.parent} to {fact.child}",
    Evidence: lambda fact: f"{fact.test} of {fact.parent} and {fact.child}: {fact.verdict.value}",
    TraitMeasurement: lambda fact: f"{fact.trait} measured on {fact.artifact}: {fact.conclusion}",
}
INERT = (Alias, Location, Trait, TraitMeasurement)
"""Facts that move no standing by themselves."""


def in_words(fact: Fact) -> str:
    """What a fact says, in one line."""
    return _WORDS[type(fact)](fact)


def cause(recorded: Recorded[Fact], how: How) -> Cause:
    """A record as what moved a standing."""
    return Cause(how=how, record=recorded.id, says=in_words(recorded.fact), actor=recorded.actor)
