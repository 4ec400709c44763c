"""A review as one page: a file that opens from disk, asks nothing of a network, prints, and can be verified later.

What is drawn stands between marks, so that a page can be compared with another of the same review that was drawn by another
version of Graphviz or matplotlib, see `without_drawings`. All else on the page is a function of the review alone.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from provenance.artifacts import ArtifactId
from provenance.pages import environment, stylesheet, zoom_script
from provenance.render import Picture, render
from provenance.render.wording import short_digest
from provenance.review.content import Review, Risk
from provenance.review.drawings import MOST_PLOTS, NO_DRAWINGS, Drawings, Plot, shown_tests
from provenance.review.records import EdgeTest
from provenance.review.sealing import embeddable
from provenance.risk import Status

if TYPE_CHECKING:
    from jinja2 import Template

_DRAWN = re.compile("<!--drawn-->.*?<!--/drawn-->", re.DOTALL)
"""What the macro ``drawn`` of the templates sets between its marks."""
_SIZE = re.compile(r'<svg width="([\d.]+)pt" height="([\d.]+)pt"')
_ROOM = {"beside": (850, 1050), "below": (1700, 900)}
"""How many points a drawing may measure to be legible where it is fitted into the first screen."""


def to_html(review: Review, drawings: Drawings = NO_DRAWINGS) -> str:
    """The page of a review: the same review and drawings, the same bytes.

    Raises:
        MissingExtraError: Graphviz is needed for the diagrams, and not installed.
        ProvenanceError: Graphviz failed.
    """
    page = _Page(review, drawings)
    style = stylesheet() + _read("report.css") + _running(review)
    script = zoom_script() + _read("report.js")
    return _template().render(
        review=review,
        page=page,
        href=page.href,
        data_url=_data_url,
        most_plots=MOST_PLOTS,
        style=style,
        script=script,
        policy=_security(style, script),
        embedded=embeddable(review),
    )


def without_drawings(page: str) -> str:
    """A page of `to_html` without what is drawn on it."""
    return _DRAWN.sub("", page)


@dataclass(frozen=True)
class _Page:
    """What the templates ask of a review beside what stands in it: which record is shown where, and what is drawn.

    Args:
        review: The review.
        drawings: The pictures beside its diagrams.
    """

    review: Review
    drawings: Drawings

    @cached_property
    def anchors(self) -> Mapping[str, str]:
        """Where on the page each artifact and record is shown, by identity or id."""
        members = (str(member.artifact) for member in self.review.contents.members.items)
        flags = (flag.id for flag in self.review.flags.items)
        decisions = (decision.id for decision in self.review.decisions.items)
        return {
            **{identity: f"artifact-{number}" for number, identity in enumerate(members, 1)},
            **{record: record for record in (*flags, *decisions, *self.tests)},
        }

    def href(self, target: str) -> str | None:
        """Where on the page an artifact or a record is shown."""
        anchor = self.anchors.get(target)
        return None if anchor is None else f"#{anchor}"

    @cached_property
    def tests(self) -> Mapping[str, EdgeTest]:
        """The tests that are listed, by the id of their evidence."""
        return {test.evidence: test for test in shown_tests(self.review) if test.evidence is not None}

    @cached_property
    def _told(self) -> Mapping[str, int]:
        """On which edge of the page each test is told in full, by the id of its evidence: it may belong to several."""
        told: dict[str, int] = {}
        for place, edge in enumerate(self.review.edges.items):
            for test in edge.tests.items:
                told.setdefault(test.evidence or "", place)
        return told

    def is_told_before(self, test: EdgeTest, place: int) -> bool:
        """Whether an edge before this one tells of a test in full."""
        return self._told.get(test.evidence or "", place) < place

    def reason(self, artifact: ArtifactId) -> Risk | None:
        """The risk that holds an artifact back, the worst where there are several."""
        risks = self.review.risks.items
        return next((risk for risk in risks if risk.holds_back and risk.artifact == artifact), None)

    @cached_property
    def standings(self) -> Mapping[str, tuple[Status, tuple[str, ...]]]:
        """Where each artifact of the diagram stands, by which trait, and what is noted of it."""
        return {
            node.artifact: (node.status, _beside(node.status, (*node.standing, *node.notes)))
            for node in self.review.picture.nodes
            if node.artifact is not None and node.status is not None
        }

    @cached_property
    def critical(self) -> "_Drawn":
        """The witness paths, drawn; where there are none, where it all comes from."""
        paths = self.review.critical
        return _Drawn.of(paths if paths.edges else self.review.picture, "paths", self.href)

    @cached_property
    def lineage(self) -> "_Drawn":
        """The lineage, drawn."""
        return _Drawn.of(self.review.picture, "lineage", self.href)

    def plot(self, evidence: str) -> Plot | None:
        """The picture of a test."""
        return self.drawings.tests.get(evidence)


def _beside(status: Status, lines: Iterable[str]) -> tuple[str, ...]:
    """Lines of a box as they stand beside its status, which they need not say again."""
    word = status.value.upper()
    return tuple(line.split(f"{word}: ", 1)[-1] for line in lines if not line.endswith(word))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """A diagram as a part of a page.

    Args:
        svg: The drawing; none of its ids is met in another one of the page.
        place: Where it is legible on the first screen: ``beside`` the verdict, ``below`` it, or ``scrolled`` in a box.
    """

    svg: str
    place: str

    @classmethod
    def of(cls, picture: Picture, prefix: str, links: Callable[[str], str | None]) -> "_Drawn":
        file = render(picture, "svg", links=links, prefix=prefix).decode()
        svg = file[file.index("<svg") :]
        return cls(svg=svg, place=_place(svg))


def _place(svg: str) -> str:
    size = _SIZE.search(svg)
    if size is None:
        return "scrolled"
    width, height = map(float, size.groups())
    fitting = (name for name, (across, down) in _ROOM.items() if width <= across and height <= down)
    return next(fitting, "scrolled")


@lru_cache(maxsize=1)
def _template() -> "Template":
    return environment("provenance.review").get_template("report.html")


def _data_url(svg: bytes) -> str:
    """An address that holds a picture."""
    return f"data:image/svg+xml;base64,{b64encode(svg).decode()}"


def _security(style: str, script: str) -> str:
    """What the page may do: show its own style and pictures, and run its own script; nothing that came into it by another way."""
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _running(review: Review) -> str:
    """What stands at the foot of every printed page."""
    of = f"Safety review {short_digest(review.digest)}, as of {review.as_of:%Y-%m-%d %H:%M} UTC"
    return (
        f'@page {{ @bottom-left {{ content: "{of}"; font: 8pt sans-serif; }} '
        '@bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; } }\n'
    )


def _read(name: str) -> str:
    return files("provenance.review").joinpath("static", name).read_text(encoding="utf-8")
