"""The page of a test: what it says, what that means and does not mean, on what it rests, and on what it bears."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provenance.errors import UnknownReferenceError
from provenance.evidence import Evidence
from provenance.facts import Recorded
from provenance.render.evidence_pictures import pictures, told
from provenance.review.edges import Edges
from provenance.review.records import EdgeTest, EdgeTold
from provenance.view import View

_MOST_BELOW = 200
"""Descendants of a tested pair among whom edges are looked for that the test bears on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidencePage:
    """What the page of a test shows.

    Args:
        recorded: The test as it is recorded.
        told: How it counts, and how it is to be read.
        edges: The relations that it bears on, as far as they were looked for.
        narrow: Whether only those above the tested pair were looked at, since too much lies below.
        others: Other tests of the same pair, with how they count.
        figures: All figures of the result, by their place in it.
        picture: What its picture shows, in words; None where its result holds nothing that can be drawn.
    """

    recorded: Recorded[Evidence]
    told: EdgeTest
    edges: tuple[EdgeTold, ...]
    narrow: bool
    others: tuple[EdgeTest, ...]
    figures: Mapping[str, str]
    picture: str | None


def page(view: View, id_: str) -> EvidencePage:
    """The page of a test.

    Raises:
        UnknownReferenceError: No test of this id was recorded by then.
    """
    recorded = recorded_test(view, id_)
    pair = sorted(recorded.fact.pair, key=str)
    below = {one.artifact for end in pair for one in view.descendants(end)}
    narrow = len(below) > _MOST_BELOW
    asked = tuple(sorted({*pair, *(() if narrow else below)}, key=str))
    edges = Edges(kindred=view.kindred_above(asked), asked=asked, routes={})
    tests = edges.tests_of(recorded.fact)
    return EvidencePage(
        recorded=recorded,
        told=next(one for one in tests if one.evidence == id_),
        edges=edges.bearing(recorded.fact),
        narrow=narrow,
        others=tuple(one for one in tests if one.evidence != id_),
        figures=dict(_flat(recorded.fact.result)),
        picture=told(recorded.fact) if pictures(recorded.fact) else None,
    )


def recorded_test(view: View, id_: str) -> Recorded[Evidence]:
    """The test of an id.

    Raises:
        UnknownReferenceError: No test of this id was recorded by then.
    """
    found = view.reading.tests([id_]).all(Evidence) if re.fullmatch(r"evidence-[0-9]{1,15}", id_) else ()
    if not found:
        raise UnknownReferenceError(
            f"no test {id_!r} is recorded", hint="The page of an artifact lists its tests."
        )
    return found[0]


def _flat(value: object, place: str = "") -> Iterator[tuple[str, str]]:
    """Every figure of a result with its place, such as ``controls.positive.ok``."""
    if isinstance(value, Mapping):
        for name in sorted(value, key=str):
            yield from _flat(value[name], f"{place}.{name}" if place else str(name))
    elif isinstance(value, list | tuple) and any(isinstance(one, Mapping | list | tuple) for one in value):
        for number, one in enumerate(value, 1):
            yield from _flat(one, f"{place}[{number}]")
    elif isinstance(value, list | tuple):
        yield place, ", ".join(map(_figure, value))
    else:
        yield place, _figure(value)


def _figure(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else str(value)
