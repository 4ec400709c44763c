"""Reading: everything that was recorded up to a date, and as much of it as a question needs.

A question about some artifacts is answered from an excerpt (`Reading.line`), a walk over the lineage from the lineage's own columns
(`Reading.subtable`), a question about everything from all of these (`Reading.table`) and the findings beside it. Each method
sends a fixed number of statements, whatever the size of the registry and of the answer.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, bindparam, select

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind
from provenance.collector import at_rest
from provenance.evidence import Evidence
from provenance.facts import FACT_TYPES, Recorded, Snapshot, canonical_json
from provenance.lineage_table import LineageTable
from provenance.relations import RelationKind
from provenance.store import catalogue, walks
from provenance.store.affected import TESTS, TESTS_OF, Affected, affected, perishable
from provenance.store.excerpt import ABOUT, RESTING_ON, Apart, line
from provenance.store.head import Head, read_heads
from provenance.store.rows import FACTS, listed, read_facts
from provenance.store.tables import EVIDENCE, FACT
from provenance.store.vicinity import Reach, Vicinity, vicinity
from provenance.store.walks import UNTIL
from provenance.traits import Trait

_UP_TO = FACTS.where(FACT.c.seq <= UNTIL).order_by(FACT.c.seq)
_OF_TYPES = _UP_TO.where(FACT.c.type.in_(bindparam("types", expanding=True)))
_FINDINGS = tuple(sorted(FACT_TYPES.keys() - {"artifact", "relation", "location"}))
_LATEST_TESTS = FACTS.where(
    FACT.c.seq.in_(
        select(EVIDENCE.c.seq)
        .where(EVIDENCE.c.seq <= UNTIL)
        .order_by(EVIDENCE.c.seq.desc())
        .limit(bindparam("most"))
    )
).order_by(FACT.c.seq.desc())


class Reading:
    """The ledger up to a date; made by `Ledger.at`, or by `Transaction.reading` for what is recorded already.

    Args:
        connect: Begins a transaction that sees one state of the database.
        head: The end of the chain at that date.
        moment: The date: what expires has expired by then. Aware, UTC.
        as_of: The same where a date was asked for; None for now.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractContextManager[Connection]],
        head: Head,
        moment: datetime,
        *,
        as_of: datetime | None = None,
    ) -> None:
        self._connect = connect
        self.head = head
        self.moment = moment
        self.as_of = as_of

    def heads(self, most: int) -> tuple[Head, ...]:
        """The ends of the transactions up to that date, oldest first; of more than ``most``, so many, evenly among them."""
        with self._connect() as connection:
            return read_heads(connection, self.head.number, most)

    # --- facts ---------------------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Everything."""
        return self._facts(_UP_TO)

    def findings(self) -> Snapshot:
        """Every fact but the artifacts, their relations and their locations; what a `table` does not hold."""
        return self._facts(_OF_TYPES, types=_FINDINGS)

    def line(self, ids: Iterable[ArtifactId]) -> Snapshot:
        """The excerpt for some artifacts: they, their ancestors, and every fact that their risks, gaps, kinship and exposures rest on.

        What is asked of any of these artifacts has the same answer on the excerpt as on everything, see `provenance.store.excerpt`.
        """
        return self._excerpt(ids, below=False)

    def below(self, ids: Iterable[ArtifactId]) -> Snapshot:
        """The excerpt for some artifacts and all their descendants."""
        return self._excerpt(ids, below=True)

    def show(self, artifact: ArtifactId) -> Snapshot:
        """One artifact, its relations to parents and children, and every fact about it; and all traits."""
        key = str(artifact)
        return self._facts(ABOUT, key=key, meaning=f'"artifact":{canonical_json(key)}')

    def tests(self, ids: Iterable[str]) -> Snapshot:
        """Some tests (``evidence-12``), and the artifacts at their ends."""
        return self._facts(TESTS, tests=listed(int(one.removeprefix("evidence-")) for one in ids))

    def tests_of(self, ids: Iterable[ArtifactId]) -> Snapshot:
        """The tests of some artifacts as the younger of two, and the artifacts at their ends."""
        return self._facts(TESTS_OF, ids=listed(map(str, ids)))

    def trait(self, name: str) -> Recorded[Trait] | None:
        """The trait of a name."""
        return self._traits.get(name)

    def traits(self) -> tuple[Recorded[Trait], ...]:
        """All traits, in the order of the ledger."""
        return tuple(self._traits.values())

    @cached_property
    def _traits(self) -> Mapping[str, Recorded[Trait]]:
        return self._facts(_OF_TYPES, types=("trait",)).traits

    def latest_tests(self, most: int) -> tuple[Recorded[Evidence], ...]:
        """The tests that were recorded last, the latest first."""
        with self._connect() as connection:
            return tuple(read_facts(connection, _LATEST_TESTS, until=self.head.entries, most=most))

    def flags(self) -> Snapshot:
        """Every flag that was ever raised, and what became of it."""
        return self._flags

    def measurements(self) -> Snapshot:
        """Every measurement of a trait."""
        return self._facts(_OF_TYPES, types=("measurement",))

    @cached_property
    def _flags(self) -> Snapshot:
        return self._facts(_OF_TYPES, types=("flag", "withdrawal"))

    @cached_property
    def _apart(self) -> Apart:
        with self._connect() as connection:
            return Apart(connection, self.head.entries)

    def _excerpt(self, ids: Iterable[ArtifactId], *, below: bool) -> Snapshot:
        apart = self._apart
        with self._connect() as connection:
            members = line(connection, self.head.entries, ids, below=below)
            members |= apart.joined_to(members)
            return self._snapshot(connection, RESTING_ON, members=listed(sorted(members)))

    def _facts(self, query: Any, **values: object) -> Snapshot:  # noqa: ANN401 - an SQL query
        with self._connect() as connection:
            return self._snapshot(connection, query, **values)

    @at_rest()
    def _snapshot(self, connection: Connection, query: Any, **values: object) -> Snapshot:  # noqa: ANN401 - an SQL query
        found = read_facts(connection, query, until=self.head.entries, **values)
        return Snapshot(tuple(found), self.moment)

    # --- what is new ---------------------------------------------------------------------------------------------------

    def affected_after(self, position: int, ids: Iterable[ArtifactId] = ()) -> Affected:
        """What the facts after a position bear on, and what rests on some artifacts besides, the tests of these among it."""
        apart = self._apart
        with self._connect() as connection:
            return affected(connection, self.head.entries, position, ids, apart)

    def perishable(self, lasting: Collection[str] = ()) -> tuple[Recorded[Any], ...]:
        """The findings that name their own end, and all facts of the types in ``lasting``, in the order of the ledger."""
        with self._connect() as connection:
            return perishable(connection, self.head.entries, lasting)

    # --- the lineage in columns ----------------------------------------------------------------------------------------

    def table(self) -> LineageTable:
        """All artifacts and relations."""
        with self._connect() as connection:
            return walks.table(connection, self.head.entries)

    def subtable(
        self,
        ids: Iterable[ArtifactId],
        *,
        up: bool,
        relations: Collection[RelationKind] | None = None,
        depth: int | None = None,
    ) -> LineageTable:
        """Some artifacts, all that lies above (or below) them, and the relations between these.

        Args:
            ids: Where to begin; what is not recorded is left out.
            up: Whether to look at ancestors; else at descendants.
            relations: Which relations to follow; None for all.
            depth: How far to go, in relations; None for all the way.
        """
        with self._connect() as connection:
            return walks.subtable(connection, self.head.entries, ids, up=up, relations=relations, depth=depth)

    def vicinity(self, reach: Reach) -> Vicinity:
        """What a diagram shows around some artifacts, with what the standing of all that rests on; see `provenance.store.vicinity`."""
        apart = self._apart
        with self._connect() as connection:
            return vicinity(connection, self.head.entries, reach, apart, self.moment)

    def between(self, upper: ArtifactId, lower: ArtifactId) -> LineageTable:
        """What lies on the ways down from one artifact to another, both included; nothing where there is no way."""
        return walks.part_below(self.subtable([lower], up=True), upper)

    # --- the catalogue -------------------------------------------------------------------------------------------------

    def find(self, reference: str) -> tuple[Artifact, ...]:
        """The artifacts that bear a reference's name; else those that have it as an alias; else those whose digest begins with it.

        None or several are the caller's to explain, see `provenance.references`.

        Raises:
            ContentError: The text can't be a reference.
        """
        with self._connect() as connection:
            return catalogue.find(connection, self.head.entries, reference)

    def bearing(self, digests: Iterable[str]) -> tuple[ArtifactId, ...]:
        """The artifacts whose content has one of some digests (``blake3:...``), in order of their names."""
        with self._connect() as connection:
            return catalogue.bearing(connection, self.head.entries, digests)

    def unsketched(self, method: str) -> tuple[ArtifactId, ...]:
        """The models that were registered with their files, and of whose content no sketch by a method is kept now."""
        with self._connect() as connection:
            return catalogue.unsketched(connection, self.head.entries, method)

    def names(self, near: str | None = None) -> tuple[ArtifactId, ...]:
        """The identities of all artifacts, in order of their text; with ``near``, some that such a mistyped name may have meant."""
        with self._connect() as connection:
            return catalogue.names(connection, self.head.entries, near)

    def page(
        self,
        *,
        kinds: Collection[ArtifactKind] = (),
        pattern: str = "*",
        any_case: bool = False,
        metadata: Mapping[str, str] = MappingProxyType({}),
        flagged: str | None = None,
        among: Collection[ArtifactId] | None = None,
        after: ArtifactId | None = None,
        limit: int | None = None,
    ) -> tuple[Recorded[Artifact], ...]:
        """Artifacts in order of their identities' text, some at a time.

        Args:
            kinds: Only of these kinds; empty for any.
            pattern: Only those whose name matches; ``*`` stands for any characters and ``?`` for one. With ``:`` or ``@`` in it,
                ``kind:name@version`` has to match.
            any_case: Whether small letters stand for capitals in it, and capitals for small ones; no index helps then.
            metadata: Only those of which the registrant said these words, key to value.
            flagged: Only those on which a flag of this trait stands.
            among: Only these; None for any.
            after: Only those that come after it; it need not be recorded.
            limit: How many at most; None for all.
        """
        if flagged is not None:
            standing = {one.fact.artifact for one in self._flags.standing_flags if one.fact.trait == flagged}
            among = standing if among is None else standing.intersection(among)
        with self._connect() as connection:
            return catalogue.page(
                connection,
                self.head.entries,
                kinds=kinds,
                pattern=pattern,
                any_case=any_case,
                metadata=metadata,
                among=among,
                after=after,
                limit=limit,
            )

    def counts(self) -> Mapping[str, int]:
        """How many facts there are of each type, and artifacts of each kind; what there is none of is left out."""
        with self._connect() as connection:
            return catalogue.counts(connection, self.head.entries)
