"""Reading rows: the facts that a query finds, and queries over any number of values.

A list of values goes into a statement as one parameter, a JSON list, so that neither the statement's text nor the number of statements
depends on how many there are.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, cast, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from provenance.facts import Recorded
from provenance.store.tables import COMMIT, FACT, to_domain

_PIECE = 10_000
"""How many rows are fetched at a time."""


class _Listed(GenericFunction[str]):
    """The values of a JSON list, one a row."""

    name = "json_each"
    inherit_cache = True


@compiles(_Listed, "postgresql")
def _in_postgresql(element: Any, compiler: Any, **options: Any) -> str:  # noqa: ANN401 - of SQLAlchemy's compiler
    return f"json_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS json))"


class Subject(GenericFunction[str]):
    """An identity as facts name their subject. PostgreSQL finds that by its index only in the order of texts that the index has."""

    name = "subject"
    inherit_cache = True


@compiles(Subject)
def _subject(element: Any, compiler: Any, **options: Any) -> str:  # noqa: ANN401 - of SQLAlchemy's compiler
    return str(compiler.process(element.clauses, **options))


@compiles(Subject, "postgresql")
def _subject_in_postgresql(element: Any, compiler: Any, **options: Any) -> str:  # noqa: ANN401 - of SQLAlchemy's compiler
    return f'{compiler.process(element.clauses, **options)} COLLATE "default"'


def listed(values: Iterable[object]) -> str:
    """Some values as the parameter of `texts` or `positions`."""
    return json.dumps(list(values))


def texts(parameter: str) -> Any:  # noqa: ANN401 - SQLAlchemy's select
    """The texts of a listed parameter, one a row."""
    return select(_Listed(bindparam(parameter)).table_valued("value").c.value)


def positions(parameter: str) -> Any:  # noqa: ANN401 - SQLAlchemy's select
    """The positions of a listed parameter, one a row, as the column ``seq``."""
    given = _Listed(bindparam(parameter)).table_valued("value")
    return select(cast(given.c.value, Integer).label("seq"))


FACTS: Any = select(FACT.c.seq, FACT.c.type, FACT.c.body, COMMIT.c.actor, COMMIT.c.recorded_at).join(
    COMMIT, COMMIT.c.number == FACT.c.commit_number
)
"""Every recorded fact; what a query adds to it says which of them."""


def read_facts(connection: Connection, query: Any, **parameters: object) -> Iterator[Recorded[Any]]:  # noqa: ANN401 - made of FACTS
    """The facts that a query finds.

    Raises:
        LedgerError: One of them can't be what was recorded.
    """
    return (to_domain(*row) for row in read_rows(connection, query, **parameters))


def read_rows(connection: Connection, query: Any, **parameters: object) -> Iterator[Any]:  # noqa: ANN401 - an SQL query
    """The rows that a query finds."""
    return chain.from_iterable(connection.execute(query, parameters).partitions(_PIECE))
