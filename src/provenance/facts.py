"""Facts: everything that the ledger can hold, how a fact is written, and the state of knowledge at a date.

The kinds of fact stand in `FACT_TYPES`. A fact is written as canonical JSON (sorted keys, no spaces, defaults included, save for fields of later releases), which is
what its digest covers and what the schemas in ``schemas/`` describe. `Snapshot` holds every fact recorded up to a date;
lineage and risk are functions of it and of nothing else.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast

from provenance.artifacts import Alias, Artifact, ArtifactId, Location
from provenance.errors import ContentError, ProvenanceError
from provenance.evidence import Evidence
from provenance.fact_text import READERS, TEXTS
from provenance.relations import Relation, RelationKind, Resolution, Unresolved
from provenance.traits import Block, Clearance, Flag, Trait, TraitMeasurement, Withdrawal

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Fact: TypeAlias = (
    Artifact
    | Alias
    | Location
    | Relation
    | Unresolved
    | Resolution
    | Trait
    | Flag
    | Withdrawal
    | Clearance
    | Block
    | Evidence
    | TraitMeasurement
)
F_co = TypeVar("F_co", bound=Fact, covariant=True)
F = TypeVar("F", bound=Fact)

FACT_TYPES: Mapping[str, type[Any]] = {
    "artifact": Artifact,
    "alias": Alias,
    "location": Location,
    "relation": Relation,
    "unresolved": Unresolved,
    "resolution": Resolution,
    "trait": Trait,
    "flag": Flag,
    "withdrawal": Withdrawal,
    "clearance": Clearance,
    "block": Block,
    "evidence": Evidence,
    "measurement": TraitMeasurement,
}
TYPE_NAMES: Mapping[type[Any], str] = {cls: name for name, cls in FACT_TYPES.items()}


_ADAPTERS: "dict[Any, TypeAdapter[Any]]" = {}


def adapter(cls: Any) -> "TypeAdapter[Any]":  # noqa: ANN401 - one adapter for each domain type
    """The pydantic adapter of a domain type, built once."""
    if cls not in _ADAPTERS:
        from pydantic import TypeAdapter

        _ADAPTERS[cls] = TypeAdapter(cls)
    return _ADAPTERS[cls]


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces: the same value always gives the same text.

    Raises:
        ContentError: The value holds NaN or infinity, which JSON does not know, or text that is no Unicode.
    """
    try:
        text = _CANONICAL.encode(value)
        text.encode()  # what is no Unicode, such as half a pair of surrogates, can't be written
    except ValueError as error:
        raise ContentError(f"not a JSON value: {error}") from error
    return text


_LATER: Mapping[type[Any], tuple[str, ...]] = {
    Flag: ("expires_at",),
    Clearance: ("expires_at",),
    Unresolved: ("reason",),
}
"""Fields that came after facts without them had been written: they stand in the text only where they say something."""


def to_json(fact: Fact) -> str:
    """A fact as canonical JSON.

    Raises:
        ContentError: It holds what JSON does not know, see `canonical_json`.
    """
    if type(fact) in TEXTS:
        try:
            text = TEXTS[type(fact)](fact)
            text.encode()
        except (TypeError, ValueError):
            pass  # out of the ordinary: below it is either written or refused
        else:
            return text
    data = adapter(type(fact)).dump_python(fact, mode="json")
    for name in _LATER.get(type(fact), ()):
        if not data[name]:
            del data[name]
    return canonical_json(data)


def from_json(type_name: str, text: str) -> Fact:
    """Reads a fact back.

    Raises:
        ContentError: The text is no such fact.
    """
    if type_name not in FACT_TYPES:
        raise ContentError(f"there is no fact of type {type_name!r}")
    if type_name in READERS:
        from pydantic_core import from_json as parse

        try:
            return READERS[type_name](parse(text))
        except (LookupError, TypeError, ValueError, ProvenanceError):
            pass  # out of the ordinary: below it is either read or refused, and said why
    from pydantic import ValidationError

    try:
        return cast("Fact", adapter(FACT_TYPES[type_name]).validate_json(text))
    except ValidationError as error:
        raise ContentError(f"not a valid {type_name}: {error.errors()[0]['msg']}") from error


def utc_text(moment: datetime) -> str:
    """A moment as it stands in the ledger: UTC, microseconds, sortable as text."""
    # Not by strftime, which leaves years before 1000 without their zeros and so out of order.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


@lru_cache(maxsize=1 << 10)  # the facts of a transaction share its moment
def utc_moment(text: str) -> datetime:
    """Reads `utc_text` back.

    Raises:
        ValueError: The text is not what `utc_text` writes.
    """
    moment = datetime.fromisoformat(text)  # several times as fast as strptime, and not as strict
    if moment.tzinfo is not UTC or utc_text(moment) != text:
        raise ValueError(f"{text!r} is not a moment of the ledger")
    return moment


@dataclass(frozen=True, slots=True)
class Recorded(Generic[F_co]):
    """A fact with its place in the ledger.

    Args:
        seq: Position among all facts of the ledger, from 1.
        fact: What was recorded.
        actor: Who recorded it.
        recorded_at: When, aware, UTC.
    """

    seq: int
    fact: F_co
    actor: str
    recorded_at: datetime

    @property
    def id(self) -> str:
        """How people refer to it, such as ``flag-12``."""
        return f"{TYPE_NAMES[type(self.fact)]}-{self.seq}"


@dataclass(frozen=True)
class Snapshot:
    """All facts recorded up to a date, in the order of the ledger.

    Args:
        facts: The facts.
        as_of: The date that the question is asked for: what expires has expired by then. Aware, UTC.
    """

    facts: tuple[Recorded[Fact], ...]
    as_of: datetime

    @classmethod
    def of(cls, facts: Iterable[Recorded[Fact]], as_of: datetime) -> "Snapshot":
        """The facts recorded up to ``as_of``."""
        return cls(tuple(recorded for recorded in facts if recorded.recorded_at <= as_of), as_of)

    @cached_property
    def _by_type(self) -> Mapping[type[Any], tuple[Recorded[Any], ...]]:
        grouped: dict[type[Any], list[Recorded[Any]]] = {cls: [] for cls in TYPE_NAMES}
        for recorded in self.facts:
            grouped[type(recorded.fact)].append(recorded)
        return {cls: tuple(entries) for cls, entries in grouped.items()}

    def all(self, cls: type[F]) -> tuple[Recorded[F], ...]:
        """Every fact of one type."""
        return self._by_type[cls]

    @cached_property
    def artifacts(self) -> Mapping[ArtifactId, Recorded[Artifact]]:
        """Every artifact by identity."""
        return {recorded.fact.id: recorded for recorded in self.all(Artifact)}

    @cached_property
    def traits(self) -> Mapping[str, Recorded[Trait]]:
        """Every trait by name."""
        return {recorded.fact.name: recorded for recorded in self.all(Trait)}

    @cached_property
    def standing_flags(self) -> tuple[Recorded[Flag], ...]:
        """The flags that have neither been withdrawn nor expired at the date asked for."""
        withdrawn = {recorded.fact.flag for recorded in self.all(Withdrawal)}
        return tuple(
            recorded
            for recorded in self.all(Flag)
            if recorded.id not in withdrawn and self._lasts(recorded.fact.expires_at)
        )

    @cached_property
    def standing_clearances(self) -> tuple[Recorded[Clearance], ...]:
        """The clearances that have not expired at the date asked for."""
        return tuple(recorded for recorded in self.all(Clearance) if self._lasts(recorded.fact.expires_at))

    @cached_property
    def standing_blocks(self) -> tuple[Recorded[Block], ...]:
        """The blocks that have not expired at the date asked for."""
        return tuple(recorded for recorded in self.all(Block) if self._lasts(recorded.fact.expires_at))

    @cached_property
    def measurements(self) -> Mapping[tuple[ArtifactId, str], tuple[Recorded[TraitMeasurement], ...]]:
        """What was measured of each trait on each artifact, by artifact and name of the trait; the latest measurement stands last."""
        found: dict[tuple[ArtifactId, str], list[Recorded[TraitMeasurement]]] = {}
        for recorded in sorted(self.all(TraitMeasurement), key=lambda one: (one.fact.measured_at, one.seq)):
            found.setdefault((recorded.fact.artifact, recorded.fact.trait), []).append(recorded)
        return {subject: tuple(measured) for subject, measured in found.items()}

    def _lasts(self, expires_at: datetime | None) -> bool:
        """Whether what ends then has not ended yet."""
        return expires_at is None or expires_at > self.as_of

    @cached_property
    def locations(self) -> Mapping[ArtifactId, str]:
        """Where each artifact's content was last seen."""
        return {recorded.fact.artifact: recorded.fact.path for recorded in self.all(Location)}

    @cached_property
    def open_names(self) -> tuple[Unresolved, ...]:
        """The names of ancestors that no recorded relation answers to.

        A relation of the same kind answers as `Unresolved.is_answered_by` says, and a resolution says who was meant by the name.
        """
        parents: dict[tuple[ArtifactId, RelationKind], list[ArtifactId]] = {}
        for one in self.all(Relation):
            parents.setdefault((one.fact.child, one.fact.kind), []).append(one.fact.parent)
        meant = {(one.fact.child, one.fact.kind, one.fact.name) for one in self.all(Resolution)}
        names = dict.fromkeys(recorded.fact for recorded in self.all(Unresolved))
        return tuple(
            name
            for name in names
            if (name.child, name.kind, name.name) not in meant
            and not any(map(name.is_answered_by, parents.get((name.child, name.kind), ())))
        )
