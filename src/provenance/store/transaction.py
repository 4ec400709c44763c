"""The writer's transaction: a look at the registry that stays true, and the facts to append."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, select

from provenance.artifacts import Artifact, ArtifactId
from provenance.fact_text import read_id
from provenance.facts import Fact, Recorded, Snapshot
from provenance.relations import Relation
from provenance.store.appended import Appended
from provenance.store.head import read_head
from provenance.store.reading import Reading
from provenance.store.rows import FACTS, listed, read_facts, texts
from provenance.store.tables import ARTIFACT, FACT, RELATION

F = TypeVar("F", bound=Fact)

_CHILD, _PARENT = ARTIFACT.alias("child"), ARTIFACT.alias("parent")
_ARTIFACTS = FACTS.join(ARTIFACT, ARTIFACT.c.seq == FACT.c.seq).order_by(FACT.c.seq)
_RELATIONS_OF = (
    FACTS.join(RELATION, RELATION.c.seq == FACT.c.seq)
    .join(_CHILD, _CHILD.c.seq == RELATION.c.child)
    .where(_CHILD.c.key.in_(texts("keys")))
    .order_by(FACT.c.seq)
)
_ABOUT = FACTS.where(FACT.c.type == bindparam("type"), FACT.c.subject.in_(texts("subjects"))).order_by(
    FACT.c.seq
)


def _ancestry() -> Any:  # noqa: ANN401 - SQLAlchemy's select
    above = select(ARTIFACT.c.seq).where(ARTIFACT.c.key.in_(texts("keys"))).cte("above", recursive=True)
    above = above.union(
        select(RELATION.c.parent).where(RELATION.c.child == above.c.seq, RELATION.c.seq <= bindparam("until"))
    )
    return (
        select(_CHILD.c.key, _PARENT.c.key)
        .select_from(RELATION)
        .join(above, above.c.seq == RELATION.c.child)
        .join(_CHILD, _CHILD.c.seq == RELATION.c.child)
        .join(_PARENT, _PARENT.c.seq == RELATION.c.parent)
        .where(RELATION.c.seq <= bindparam("until"))
    )


_ANCESTRY = _ancestry()


class Transaction:
    """A look at the registry that stays true, and a list of facts to append; made by `Ledger.transaction`.

    What is *recorded* was there when the transaction began; what was appended since is told only where a method says so. Each method
    sends a fixed number of statements, however many artifacts it is asked about.

    Args:
        connection: Holds the writer's lock.
        actor: Who records.
    """

    def __init__(self, connection: Connection, actor: str) -> None:
        self._connection = connection
        self._head = read_head(connection)
        self._moment = self._head.now
        self._appended = Appended(connection, self._head, actor, self._moment)

    def append(self, fact: F) -> Recorded[F]:
        """Appends a fact, and returns it with its place in the ledger.

        Raises:
            LedgerError: An earlier relation or test names an artifact that is neither recorded nor appended before it.
        """
        return self._appended.append(fact)

    def reading(self) -> Reading:
        """What is recorded already; not what was appended just now."""
        return Reading(lambda: nullcontext(self._connection), self._head, self._moment)

    def snapshot(self) -> Snapshot:
        """Everything recorded, and everything appended so far."""
        return Snapshot((*self.reading().snapshot().facts, *self._appended.all()), self._moment)

    def artifacts(self, ids: Iterable[ArtifactId]) -> dict[ArtifactId, Artifact]:
        """Those of the artifacts that are recorded."""
        query = _ARTIFACTS.where(ARTIFACT.c.key.in_(texts("keys")))
        found = self._read(query, keys=listed(map(str, ids)))
        return {one.fact.id: one.fact for one in found}

    def find(self, reference: str) -> tuple[Artifact, ...]:
        """As `Ledger.find`, in this transaction; does not see what was appended just now."""
        return self.reading().find(reference)

    def named(self, names: Iterable[str]) -> dict[str, tuple[Artifact, ...]]:
        """All artifacts of any kind and version that bear some names, those appended just now included."""
        found: dict[str, list[Artifact]] = {name: [] for name in names}
        query = _ARTIFACTS.where(ARTIFACT.c.name.in_(texts("names")))
        for recorded in self._read(query, names=listed(found)):
            found[recorded.fact.id.name].append(recorded.fact)
        for artifact in self._appended.named(found.keys()):
            found[artifact.id.name].append(artifact)
        return {name: tuple(artifacts) for name, artifacts in found.items()}

    def names(self, near: str | None = None) -> tuple[ArtifactId, ...]:
        """As `Ledger.names`; does not see what was appended just now."""
        return self.reading().names(near)

    def relations_of(self, children: Iterable[ArtifactId]) -> tuple[Relation, ...]:
        """The recorded relations of some children to their parents, in the order of the ledger."""
        found = self._read(_RELATIONS_OF, keys=listed(map(str, children)))
        return tuple(recorded.fact for recorded in found)

    def ancestry(self, ids: Iterable[ArtifactId]) -> tuple[tuple[ArtifactId, ArtifactId], ...]:
        """The (child, parent) pairs of the recorded lineage above some artifacts, by one recursive query."""
        values = {"keys": listed(map(str, ids)), "until": self._head.entries}
        found = dict.fromkeys(map(tuple, self._connection.execute(_ANCESTRY, values)))
        return tuple((read_id(child), read_id(parent)) for child, parent in found)

    def about(self, type_name: str, subjects: Iterable[str]) -> tuple[Recorded[Any], ...]:
        """The facts of one type about some subjects (see `tables.SUBJECTS`), in order, those appended just now included."""
        wanted = set(subjects)
        stored = self._read(_ABOUT, type=type_name, subjects=listed(wanted))
        return (*stored, *self._appended.about(type_name, wanted))

    def get(self, seq: int) -> Recorded[Fact] | None:
        """The recorded fact at a position."""
        return next(self._read(FACTS.where(FACT.c.seq == bindparam("seq")), seq=seq), None)

    def discard(self) -> None:
        """Forgets what was appended; a look at what would be."""
        self._appended.discard()

    def commit(self) -> None:
        """Writes what was appended, chained to the transaction before. Called by `Ledger.transaction`.

        Raises:
            LedgerError: As `append`.
        """
        self._appended.commit()

    def _read(self, query: Any, **values: object) -> Iterator[Recorded[Any]]:  # noqa: ANN401 - made of FACTS
        return read_facts(self._connection, query, **values)
