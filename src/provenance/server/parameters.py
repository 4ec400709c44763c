"""What the addresses of the API take, named as the command line's options are, and the pages that long lists come in."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Path, Query, Request, Response

from provenance.answers import page, rest
from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.errors import UsageError
from provenance.relations import RelationKind
from provenance.render import Direction, Picture
from provenance.render.selection import COLLAPSE
from provenance.risk import Status
from provenance.server.serving import read_date
from provenance.view import View

T = TypeVar("T")

MOST = 10_000
"""Members of a list in one answer."""
_USUAL = 1_000
_MOST_REFS = 100
_LONGEST_NUMBER = 9  # digits
_ALL = "all"

Ref = Annotated[
    str, Path(description="The artifact: kind:name@version, a name, an alias or the beginning of a digest.")
]
Kinds = Annotated[
    tuple[ArtifactKind, ...], Query(alias="kind", description="Only of this kind; may be repeated.")
]
Statuses = Annotated[
    tuple[Status, ...], Query(alias="status", description="Only of this status; may be repeated.")
]
TraitName = Annotated[str | None, Query(description="Only this trait.")]
Refs = Annotated[
    tuple[str, ...],
    Query(alias="ref", min_length=1, max_length=_MOST_REFS, description="The artifacts; may be repeated."),
]
AnyRefs = Annotated[
    tuple[str, ...],
    Query(alias="ref", max_length=_MOST_REFS, description="The artifacts, may be repeated; default: all."),
]
Limit = Annotated[int, Query(ge=1, le=MOST, description="At most so many.")]
After = Annotated[str | None, Query(description="Go on behind this one: the last of the page before.")]


class Paging:
    """How much of a list is asked for, and how the answer says where to go on: a header ``Link`` whose ``rel`` is ``next``."""

    def __init__(
        self, request: Request, response: Response, after: After = None, limit: Limit = _USUAL
    ) -> None:
        self._query = request.query_params
        self._response = response
        self.after = after
        self.limit = limit

    def of(self, found: Sequence[T], key: Callable[[T], ArtifactId], view: View) -> Sequence[T]:
        """The page of a whole list.

        Args:
            found: The list.
            key: The artifact that ``after`` names.
            view: Knows what that means.

        Raises:
            UnknownReferenceError: ``after`` means no artifact.
            UsageError: It means one that the list does not hold.
        """
        behind = found if self.after is None else rest(found, key, view.resolve(self.after))
        return self.beginning(behind, key)

    def beginning(self, found: Sequence[T], key: Callable[[T], ArtifactId]) -> Sequence[T]:
        """The page of a list that was begun behind ``after``, and that may hold one more than is asked for."""
        shown = page(found, key, self.limit)
        self.follow(shown.next)
        return shown.items

    def follow(self, last: object | None) -> None:
        """Says behind what the next page begins; None where none follows."""
        if last is not None:
            kept = [(name, value) for name, value in self._query.multi_items() if name != "after"]
            self._response.headers["Link"] = f'<?{urlencode([*kept, ("after", str(last))])}>; rel="next"'


class Walk:
    """How far a walk over the lineage goes, along what, and what of it is listed."""

    def __init__(
        self,
        depth: Annotated[
            int | None, Query(ge=1, le=MOST, description="No further than this many relations.")
        ] = None,
        kinds: Kinds = (),
        relations: Annotated[
            tuple[RelationKind, ...],
            Query(alias="relation", description="Follow only this relation; may be repeated."),
        ] = (),
    ) -> None:
        self.depth = depth
        self.kinds = kinds or None
        self.relations = relations or None


AskedWalk = Annotated[Walk, Depends()]
"""A parameter of a route: a walk."""

AskedPage = Annotated[Paging, Depends()]
"""A parameter of a route: the page of a list."""


class Drawing:
    """What of a lineage is drawn."""

    def __init__(
        self,
        *,
        direction: Direction = Direction.BOTH,
        depth: Annotated[str, Query(description="No further than this many relations, or all.")] = _ALL,
        trait: TraitName = None,
        collapse: Annotated[
            str, Query(description="Draw more alike siblings than this as one group, or all apart.")
        ] = str(COLLAPSE),
        critical: Annotated[bool, Query(description="Draw only the witness paths.")] = False,
        opened: Annotated[
            tuple[str, ...],
            Query(
                alias="open",
                max_length=_MOST_REFS,
                description="Draw what is next to this one, too; may be repeated.",
            ),
        ] = (),
    ) -> None:
        self._options: Mapping[str, Any] = {
            "direction": direction,
            "depth": number_or_all("depth", depth),
            "trait": trait or None,
            "collapse": number_or_all("collapse", collapse),
            "critical": critical,
            "opened": opened,
        }

    def picture(self, view: View, refs: Sequence[str | ArtifactId]) -> Picture:
        """The diagram around some artifacts; see `View.picture`."""
        return view.picture(refs, **self._options)


AskedDrawing = Annotated[Drawing, Depends()]
"""A parameter of a route: what is drawn."""


def number_or_all(name: str, text: str) -> int | None:
    """A number in an address; None for ``all``.

    Raises:
        UsageError: It is neither.
    """
    if text == _ALL:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > _LONGEST_NUMBER:
        raise UsageError(f"{name}={text!r} is no number", hint="Write a number, or all.")
    return int(text)


def asked_since(
    since: Annotated[str | None, Query(description="The earlier date.")] = None,
) -> datetime | None:
    """The earlier of two dates; None where none is named.

    Raises:
        UsageError: It is no date.
    """
    return read_date(since)


Since = Annotated[datetime | None, Depends(asked_since)]
"""A parameter of a route: the earlier of two dates."""


def asked_metadata(
    meta: Annotated[
        tuple[str, ...], Query(description="Only with this word, K=V; several must all be there.")
    ] = (),
) -> Mapping[str, str]:
    """The words that artifacts must have.

    Raises:
        UsageError: One has no ``=``, or a key comes twice.
    """
    found: dict[str, str] = {}
    for word in meta:
        key, separator, value = word.partition("=")
        if not separator or not key or key in found:
            raise UsageError(f"meta takes KEY=VALUE, each key once; got {word!r}")
        found[key] = value
    return found


Metadata = Annotated[Mapping[str, str], Depends(asked_metadata)]
"""A parameter of a route: words that artifacts must have."""


def only_known(request: Request) -> None:
    """Lets nothing be asked for that would be passed over: a filter with a slip in its name would answer with everything.

    Raises:
        UsageError: The address holds a name that means nothing there.
    """
    described: Mapping[str, Any] = request.app.openapi()["paths"].get(request.scope["route"].path_format, {})
    known = [one["name"] for one in described.get("get", {}).get("parameters", ()) if one["in"] == "query"]
    if unknown := sorted(request.query_params.keys() - set(known)):
        raise UsageError(f"{unknown[0]!r} means nothing here", hint=f"Known: {', '.join(known) or 'none'}.")
