"""What the ledger tells of flags, and the memory of who was told how far; the memory may change and is no part of the record."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select

from provenance.errors import ConflictError
from provenance.facts import Fact, Recorded, utc_moment
from provenance.store.database import reading, writing
from provenance.store.head import Head, read_head
from provenance.store.locks import held
from provenance.store.rows import FACTS, listed, positions, read_facts, texts
from provenance.store.tables import COMMIT, FACT, WATCH
from provenance.traits import Flag, Withdrawal

_AT_ONCE = 1000
"""Records that are looked at together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What was recorded of flags after a position.

    Args:
        records: Flags and withdrawals after the position, in the order of the ledger; the first thousand of them.
        flags: By the id of each of these records, the flag that it raises or takes back.
        ended: All flags of the ledger that ended by themselves until now, in its order; or until the last of these records was made,
            where others follow.
    """

    records: tuple[Recorded[Flag | Withdrawal], ...]
    flags: Mapping[str, Recorded[Flag]]
    ended: tuple[Recorded[Flag], ...]


@dataclass(frozen=True, slots=True)
class StoredWatch:
    """How far one watch was told, and what there is to tell it.

    Args:
        engine: The registry's database.
        key: What the watch is known by.
    """

    engine: Engine
    key: str

    def recall(self) -> str | None:
        """What `remember` was told last; None before that."""
        with reading(self.engine) as connection:
            return connection.execute(select(WATCH.c.body).where(WATCH.c.key == self.key)).scalar()

    def remember(self, position: int, body: str, *, before: str | None) -> None:
        """Remembers how far the watch was told.

        Args:
            position: The position in the ledger.
            body: All that there is to remember.
            before: What is taken to be remembered so far.

        Raises:
            ConflictError: Something else is: another process tells the same.
        """
        with writing(self.engine) as connection:
            found = connection.execute(select(WATCH.c.body).where(WATCH.c.key == self.key)).scalar()
            if found != before:
                raise ConflictError(
                    "somebody else moved the memory of this watch",
                    hint="Let one process alone tell a target.",
                )
            connection.execute(delete(WATCH).where(WATCH.c.key == self.key))
            connection.execute(insert(WATCH), {"key": self.key, "position": position, "body": body})

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps others from telling the same; it ends with the process that holds it, however that ends.

        Raises:
            ConflictError: Another process holds it.
        """
        with held(self.engine, "watch", self.key) as is_ours:
            if not is_ours:
                raise ConflictError(
                    "another process is telling this target of the same already",
                    hint="Stop it, or leave it to go on; what was told is remembered.",
                )
            yield


@dataclass(frozen=True, slots=True)
class FlagFeed:
    """What the ledger tells of flags, in order.

    Args:
        engine: The registry's database.
    """

    engine: Engine

    def head(self) -> Head:
        """The end of the ledger's chain."""
        with reading(self.engine) as connection:
            return read_head(connection)

    def recorded_at(self, position: int) -> datetime | None:
        """When the fact at a position was recorded; None where there is none."""
        query = select(COMMIT.c.recorded_at).where(
            COMMIT.c.first_seq <= position, COMMIT.c.last_seq >= position
        )
        with reading(self.engine) as connection:
            found = connection.execute(query).scalar()
        return None if found is None else utc_moment(found)

    def news(self, position: int) -> News:
        """What there is to tell of flags after a position, as of now."""
        of_flags = FACT.c.type.in_(("flag", "withdrawal"))
        with reading(self.engine) as connection:
            head = read_head(connection)
            after = FACTS.where(of_flags, FACT.c.seq > position).order_by(FACT.c.seq).limit(_AT_ONCE)
            records = _only(read_facts(connection, after), Flag | Withdrawal)
            until = records[-1].recorded_at if len(records) == _AT_ONCE else head.now
            ended = _ended(connection, until)
            meant = {one.id: one.fact.flag if isinstance(one.fact, Withdrawal) else one.id for one in records}
            raised = {one.id: one for one in _flags(connection, set(meant.values()))}
        return News(records=records, flags={one: raised[flag] for one, flag in meant.items()}, ended=ended)


def _only(found: Iterable[Recorded[Fact]], kind: Any) -> tuple[Recorded[Any], ...]:  # noqa: ANN401 - a type or a union of types
    return tuple(one for one in found if isinstance(one.fact, kind))


def _flags(connection: Connection, ids: Iterable[str]) -> tuple[Recorded[Flag], ...]:
    """The flags of some ids."""
    query = FACTS.where(FACT.c.seq.in_(positions("flags")))
    given = listed(int(one.removeprefix("flag-")) for one in ids)
    return _only(read_facts(connection, query, flags=given), Flag)


def _ended(connection: Connection, until: datetime) -> tuple[Recorded[Flag], ...]:
    """The flags that ended by themselves by a moment: not withdrawn before, and not ended when they were raised."""
    # A field that says nothing isn't written (see `facts.to_json`), and quotes within a text stand escaped.
    query = FACTS.where(FACT.c.type == "flag", FACT.c.body.contains('"expires_at":"')).order_by(FACT.c.seq)
    found = [
        one
        for one in _only(read_facts(connection, query), Flag)
        if one.fact.expires_at is not None and one.recorded_at < one.fact.expires_at <= until
    ]
    taken = FACTS.where(FACT.c.type == "withdrawal", FACT.c.subject.in_(texts("flags")))
    records = _only(read_facts(connection, taken, flags=listed(one.id for one in found)), Withdrawal)
    taken_at = {one.fact.flag: one.recorded_at for one in records}
    return tuple(
        one for one in found if one.fact.expires_at < taken_at.get(one.id, datetime.max.replace(tzinfo=UTC))
    )
