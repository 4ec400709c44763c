"""Drawings: the pictures in a review that are no part of what it says: of single tests, and of its flags along time.

They are made from the records themselves, since a review holds the figures of a test in words alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from provenance.evidence import Evidence
from provenance.facts import Snapshot
from provenance.lineage import Lineage
from provenance.render.evidence_pictures import picture, told
from provenance.render.timeline_picture import timeline, timeline_told
from provenance.review.content import Review
from provenance.review.records import EdgeTest, Standing
from provenance.view import View

MOST_PLOTS = 36
"""Tests whose pictures are shown: each takes some 20 KB, and the first are those on witness paths."""

_WORTH_DRAWING = frozenset({Standing.STANDS, Standing.DISPUTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A picture and what it shows.

    Args:
        svg: The picture.
        told: The same in words.
    """

    svg: bytes
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawings:
    """The pictures of a review.

    Args:
        tests: Of tests, by the id of the evidence.
        timeline: Of its flags and decisions along time; None where there are none.
    """

    tests: Mapping[str, Plot] = field(default_factory=dict, hash=False)
    timeline: Plot | None = None


NO_DRAWINGS = Drawings()


def drawings(view: View, review: Review) -> Drawings:
    """Draws what a review shows of the records of a view; the same review gives the same bytes wherever matplotlib is the same."""
    snapshot = view.reading.line(review.asked)
    recorded = {one.id: one.fact for one in snapshot.all(Evidence)}
    tests: dict[str, Plot] = {}
    for test in shown_tests(review):
        if len(tests) == MOST_PLOTS:
            break
        if test.standing in _WORTH_DRAWING and test.evidence in recorded and test.evidence not in tests:
            drawn = picture(recorded[test.evidence], "svg")
            if drawn is not None:
                tests[test.evidence] = Plot(svg=drawn, told=told(recorded[test.evidence]))
    return Drawings(tests=tests, timeline=_timeline(view, review, snapshot))


def _timeline(view: View, review: Review, snapshot: Snapshot) -> Plot | None:
    lineage = Lineage.of(snapshot).line(review.asked)
    trait, lifetimes = review.trait, view.policy.lifetimes
    drawn = timeline(snapshot, lineage, trait=trait, lifetimes=lifetimes)
    if drawn is None:
        return None
    return Plot(svg=drawn, told=timeline_told(snapshot, lineage, trait=trait, lifetimes=lifetimes))


def shown_tests(review: Review) -> Iterator[EdgeTest]:
    """Every test that a review lists, in the order of the page."""
    for edge in review.edges.items:
        yield from edge.tests.items
    yield from review.other_tests.items
