"""Addresses: how pages link to each other, so that every link keeps the date that is looked at, and no name breaks out of its place."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Address:
    """A path with its query: all of a page's state.

    Args:
        path: Percent-encoded, with the prefix that the viewer is served under.
        query: Names and values in order; a name may occur more than once.
    """

    path: str
    query: Query = ()

    def __str__(self) -> str:
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def having(self, **values: object) -> "Address":
        """The same with other values under some names; None takes a name out."""
        rest = tuple(pair for pair in self.query if pair[0] not in values)
        given = ((name, str(value)) for name, value in values.items() if value is not None)
        return replace(self, query=(*rest, *given))

    def adding(self, name: str, value: object) -> "Address":
        """The same with one more value under a name."""
        return replace(self, query=(*self.query, (name, str(value))))

    def dropping(self, name: str, value: object) -> "Address":
        """The same without the last occurrence of one value under a name."""
        places = [place for place, pair in enumerate(self.query) if pair == (name, str(value))]
        if not places:
            return self
        return replace(self, query=(*self.query[: places[-1]], *self.query[places[-1] + 1 :]))

    def kept(self, *, but: Iterable[str] = ()) -> Query:
        """The query without some names: what a form has to carry along beside its own fields."""
        without = frozenset(but)
        return tuple(pair for pair in self.query if pair[0] not in without)


@dataclass(frozen=True, slots=True)
class Links:
    """Links to the viewer's pages, as of one date.

    Args:
        prefix: What the viewer's paths begin with; nothing where it is served at the root.
        as_of: The date that is looked at, as it stands in the address; None for now.
    """

    prefix: str = ""
    as_of: str | None = None

    def to(self, page: str, about: object = None, /, **query: object) -> Address:
        """A page, such as ``lineage`` of an artifact; values of None are left out of the query.

        Args:
            page: Its path, without the slash that it begins with; nothing for the first page.
            about: The artifact, or whatever the page shows.
            query: What is asked of it.
        """
        below = "" if about is None else f"/{quote(str(about), safe='')}"
        return Address(f"{self.prefix}/{page}{below}").having(**query, as_of=self.as_of)

    def file(self, folder: str, about: object, ending: str, /, **query: object) -> Address:
        """A download: a diagram, a report or a picture, by its ending."""
        found = self.to(folder, about, **query)
        return replace(found, path=f"{found.path}.{ending}")

    def href(self, target: str) -> str | None:
        """Where an artifact or a record is shown; None for a record that has no place of its own."""
        if ":" in target:
            return str(self.to("artifacts", target))
        kind = target.partition("-")[0]
        if kind == "evidence":
            return str(self.to("evidence", target))
        return f"{self.to('flags', flag=target)}#{quote(target)}" if kind == "flag" else None
