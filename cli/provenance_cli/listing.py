"""Lists: how much of one is printed, and in which of three forms."""

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import click

from provenance.errors import UsageError
from provenance_cli.output import as_data, note, print_csv, print_json, print_table

if TYPE_CHECKING:
    from provenance.artifacts import ArtifactId
    from provenance.view import View

COUNT = click.IntRange(1, 10**9)
"""A number of things; a database counts no farther than twice that."""
_MANY = 100_000  # facts; below, a survey takes a moment

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns(Generic[T]):
    """How the members of a list are printed.

    Args:
        headers: Names of the columns.
        row: What stands in them; told whether it is for CSV, where values stand whole.
        key: The artifact that ``--after`` names. Members of one artifact stand together, and on one page.
        data: A member as plain data.
    """

    headers: tuple[str, ...]
    row: Callable[[T, bool], tuple[object, ...]]
    key: "Callable[[T], ArtifactId]"
    data: Callable[[T], Any] = as_data


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What was asked of a list.

    Args:
        limit: At most so many members.
        after: Those behind this one.
        as_csv: Whether to print CSV.
        as_json: Whether to print JSON.
    """

    limit: int | None
    after: str | None
    as_csv: bool
    as_json: bool

    def __post_init__(self) -> None:
        if self.as_csv and self.as_json:
            raise UsageError("say --csv or --json, not both")

    @property
    def sought(self) -> int | None:
        """How many members to look for: one more than are printed tells whether any follow."""
        return None if self.limit is None else self.limit + 1

    def rest(
        self, found: Sequence[T], columns: Columns[T], resolve: "Callable[[str], ArtifactId]"
    ) -> Sequence[T]:
        """The members of a whole list from behind ``--after`` on.

        Raises:
            UnknownReferenceError: ``--after`` means no artifact.
            UsageError: It means one that the list does not hold.
        """
        if self.after is None:
            return found
        from provenance.answers import rest

        return rest(found, columns.key, resolve(self.after))

    def print(self, found: Sequence[T], columns: Columns[T]) -> None:
        """Prints as many members as were asked for, and tells people how to go on where more follow."""
        from provenance.answers import page

        shown = page(found, columns.key, self.limit)
        if self.as_json:
            print_json([columns.data(one) for one in shown.items])
        else:
            self.print_rows(columns.headers, [columns.row(one, self.as_csv) for one in shown.items])
        if not found:
            note("nothing to list" if self.after is None else f"nothing follows {self.after}")
        if shown.next is not None:
            self.tell_of_more(shown.next)

    def print_rows(self, headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Prints CSV where that was asked for, and a table elsewhere."""
        if self.as_csv:
            print_csv(headers, rows)
        else:
            print_table(headers, rows)

    def tell_of_more(self, last: "ArtifactId") -> None:
        """Tells people how to go on behind the last member of a page."""
        note(f"more follow: --after {last}")


def tell_of_survey(view: "View") -> None:
    """Tells people on a terminal that a whole registry is looked at, where that takes its time."""
    if view.reading.head.entries > _MANY and sys.stderr.isatty():
        note(f"looking at all {view.reading.head.entries} facts")


def listing_options(function: F) -> F:
    """Adds ``--limit``, ``--after``, ``--csv`` and ``--json``, and hands them over as ``listing``."""

    @functools.wraps(function)
    def packed(
        *args: Any,  # noqa: ANN401 - whatever the command takes
        limit: int | None,
        after: str | None,
        as_csv: bool,
        as_json: bool,
        **others: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        listing = Listing(limit=limit, after=after, as_csv=as_csv, as_json=as_json)
        return function(*args, listing=listing, **others)

    return cast("F", functools.reduce(lambda found, option: option(found), reversed(_OPTIONS), packed))


_OPTIONS = (
    click.option("--limit", type=COUNT, metavar="N", help="At most so many; default: all."),
    click.option("--after", metavar="REF", help="Go on behind this one: the last of the page before."),
    click.option("--csv", "as_csv", is_flag=True, help="Print CSV."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON; its schema is in schemas/."),
)
