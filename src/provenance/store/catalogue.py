"""The catalogue: finding artifacts by what they are called and by what is said of them, in SQL."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Text, bindparam, case, exists, func, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind, Reference
from provenance.facts import Recorded
from provenance.references import SHORTEST_PREFIX, is_digest
from provenance.store.rows import FACTS, listed, read_facts, texts
from provenance.store.tables import ARTIFACT, FACT, SKETCH
from provenance.store.walks import UNTIL

_MOST_NAMES = 500
"""How many names are compared with one that was mistyped."""

_DIGITS = re.compile(rf"(blake3:)?[0-9a-f]{{{SHORTEST_PREFIX},64}}")

_ARTIFACTS = FACTS.join(ARTIFACT, ARTIFACT.c.seq == FACT.c.seq).where(ARTIFACT.c.seq <= UNTIL)
_IN_ORDER = _ARTIFACTS.order_by(ARTIFACT.c.seq)
_BY_NAME = _IN_ORDER.where(ARTIFACT.c.name == bindparam("name"))
_BY_IDENTITY = _IN_ORDER.where(ARTIFACT.c.key.in_(texts("keys")))
_BY_DIGEST = _IN_ORDER.where(
    ARTIFACT.c.digest >= bindparam("prefix"), ARTIFACT.c.digest < bindparam("past", type_=Text)
)
_ALIASES = FACTS.where(
    FACT.c.type == "alias", FACT.c.subject == bindparam("name"), FACT.c.seq <= UNTIL
).order_by(FACT.c.seq)


def find(connection: Connection, until: int, reference: str) -> tuple[Artifact, ...]:
    """The artifacts that bear a reference's name; else those that have it as an alias; else those whose digest begins with it.

    None or several are the caller's to explain, see `provenance.references`.

    Raises:
        ContentError: The text can't be a reference.
    """

    def those(query: Any, **values: object) -> tuple[Artifact, ...]:  # noqa: ANN401 - an SQL query
        return tuple(one.fact for one in read_facts(connection, query, until=until, **values))

    if not is_digest(reference):
        typed = Reference.parse(reference)
        if found := those(_BY_NAME, name=typed.name):
            return found
        aliases = read_facts(connection, _ALIASES, until=until, name=typed.name)
        known = {one.fact.artifact for one in aliases}
        meant = [str(one) for one in known if Reference(typed.kind, one.name, typed.version).matches(one)]
        if meant:
            return those(_BY_IDENTITY, keys=listed(meant))
    if not _DIGITS.fullmatch(reference):
        return ()
    prefix = reference if is_digest(reference) else f"blake3:{reference}"
    return those(_BY_DIGEST, prefix=prefix, past=f"{prefix}g")  # no digit comes after f


def _can_be_recorded(text: str) -> bool:
    """Whether a text is Unicode without NUL: no name or word holds anything else, and the databases' drivers refuse to ask for it."""
    return "\0" not in text and text == text.encode(errors="ignore").decode()


_BEARING = select(ARTIFACT.c.key).where(ARTIFACT.c.digest.in_(texts("digests")), ARTIFACT.c.seq <= UNTIL)


def bearing(connection: Connection, until: int, digests: Iterable[str]) -> tuple[ArtifactId, ...]:
    """The artifacts whose content has one of some digests, in order of their names."""
    values = {"digests": listed(digests), "until": until}
    return tuple(sorted(map(ArtifactId.recorded, connection.execute(_BEARING, values).scalars()), key=str))


_UNSKETCHED = select(ARTIFACT.c.key).where(
    ARTIFACT.c.kind == ArtifactKind.MODEL.value,
    ARTIFACT.c.digest.is_not(None),
    ARTIFACT.c.seq <= UNTIL,
    ~exists().where(SKETCH.c.digest == ARTIFACT.c.digest, SKETCH.c.method == bindparam("method")),
)


def unsketched(connection: Connection, until: int, method: str) -> tuple[ArtifactId, ...]:
    """The models that were registered with their files, and of whose content no sketch by a method is kept, in order of their names."""
    keys = connection.execute(_UNSKETCHED, {"method": method, "until": until}).scalars()
    return tuple(sorted(map(ArtifactId.recorded, keys), key=str))


_KEYS = select(ARTIFACT.c.key).where(ARTIFACT.c.seq <= UNTIL)
_ALL_KEYS = _KEYS.order_by(ARTIFACT.c.key)
_NEAR_KEYS = _KEYS.order_by(
    case(
        (
            or_(
                ARTIFACT.c.name.ilike(bindparam("begins"), escape="\\"),
                ARTIFACT.c.name.ilike(bindparam("ends"), escape="\\"),
            ),
            0,
        ),
        else_=1,
    ),
    func.abs(func.length(ARTIFACT.c.name) - bindparam("length")),
    ARTIFACT.c.key,
).limit(_MOST_NAMES)


def names(connection: Connection, until: int, near: str | None = None) -> tuple[ArtifactId, ...]:
    """The identities of all artifacts, in order of their text; with ``near``, some that such a mistyped name may have meant.

    One slip leaves the first half of a name or the last as it is. So those that begin or end alike come first, then those of about
    the same length.
    """
    if near is None:
        found = connection.execute(_ALL_KEYS, {"until": until})
    elif not _can_be_recorded(near):
        return ()
    else:
        half = len(near) // 2
        first, last = (_literal(part) for part in (near[:half], near[len(near) - half :]))
        likeness = {"begins": f"{first}%", "ends": f"%{last}", "length": len(near)}
        found = connection.execute(_NEAR_KEYS, {"until": until, **likeness})
    return tuple(map(ArtifactId.recorded, found.scalars()))


class _Metadata(GenericFunction[str]):
    """What an artifact's fact says under a key of its metadata."""

    type = Text()
    inherit_cache = True


@compiles(_Metadata)
def _metadata(element: Any, compiler: Any, **options: Any) -> str:  # noqa: ANN401 - of SQLAlchemy's compiler
    body, key = (compiler.process(one, **options) for one in element.clauses)
    return f"(SELECT value FROM json_each({body}, '$.metadata') WHERE key = {key})"  # noqa: S608 - parameters


@compiles(_Metadata, "postgresql")
def _metadata_in_postgresql(element: Any, compiler: Any, **options: Any) -> str:  # noqa: ANN401 - of SQLAlchemy's compiler
    body, key = (compiler.process(one, **options) for one in element.clauses)
    return f"(CAST({body} AS json) -> 'metadata' ->> CAST({key} AS text))"


def _matches(dialect: str, pattern: str, *, any_case: bool) -> Any:  # noqa: ANN401 - an SQL expression
    """Whether a name matches a pattern in which only ``*`` and ``?`` have a meaning; with : or @ in it, the whole identity."""
    column = ARTIFACT.c.name if {":", "@"}.isdisjoint(pattern) else ARTIFACT.c.key  # no name holds either
    if dialect == "sqlite" and not any_case:
        return column.op("GLOB")(pattern.replace("[", "[[]"))
    wanted = _literal(pattern).replace("*", "%").replace("?", "_")
    return column.ilike(wanted, escape="\\") if any_case else column.like(wanted, escape="\\")


def _literal(text: str) -> str:
    """A text as LIKE takes it word by word."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def page(
    connection: Connection,
    until: int,
    *,
    kinds: Collection[ArtifactKind],
    pattern: str,
    any_case: bool = False,
    metadata: Mapping[str, str],
    among: Collection[ArtifactId] | None,
    after: ArtifactId | None,
    limit: int | None,
) -> tuple[Recorded[Artifact], ...]:
    """Artifacts in order of their identities' text; see `Reading.page`."""
    if not all(map(_can_be_recorded, (pattern, *metadata, *metadata.values()))):
        return ()
    chosen = select(ARTIFACT.c.seq, ARTIFACT.c.key).where(ARTIFACT.c.seq <= UNTIL)
    values: dict[str, object] = {"until": until}
    if kinds:
        # Identities begin with their kind, so that the index on them finds these without looking at the others.
        chosen = chosen.where(
            ARTIFACT.c.kind.in_([kind.value for kind in kinds]),
            ARTIFACT.c.key.between(f"{min(kinds)}:", f"{max(kinds)};"),
        )
    if pattern != "*":
        chosen = chosen.where(_matches(connection.dialect.name, pattern, any_case=any_case))
    if metadata:
        said = (_Metadata(FACT.c.body, key) == value for key, value in metadata.items())
        chosen = chosen.where(ARTIFACT.c.seq.in_(select(FACT.c.seq).where(FACT.c.type == "artifact", *said)))
    if among is not None:
        chosen = chosen.where(ARTIFACT.c.key.in_(texts("among")))
        values["among"] = listed(map(str, among))
    if after is not None:
        chosen = chosen.where(ARTIFACT.c.key > str(after))
    found = chosen.order_by(ARTIFACT.c.key).limit(limit).subquery()
    query = FACTS.join(found, found.c.seq == FACT.c.seq).order_by(found.c.key)
    return tuple(read_facts(connection, query, **values))


_FACTS_BY_TYPE = select(FACT.c.type, func.count()).where(FACT.c.seq <= UNTIL).group_by(FACT.c.type)
_ARTIFACTS_BY_KIND = (
    select(ARTIFACT.c.kind, func.count()).where(ARTIFACT.c.seq <= UNTIL).group_by(ARTIFACT.c.kind)
)


def counts(connection: Connection, until: int) -> dict[str, int]:
    """How many facts there are of each type, and artifacts of each kind; what there is none of is left out."""
    return {
        name: count
        for query in (_FACTS_BY_TYPE, _ARTIFACTS_BY_KIND)
        for name, count in connection.execute(query, {"until": until})
    }
