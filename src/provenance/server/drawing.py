"""Drawing: how large a diagram is laid out while somebody waits, and where: in a process apart, so that nobody else does."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from provenance.render import Picture
from provenance.render.apart import TooMuchError
from provenance.render.drawing import Layout, laid_out_by


@dataclass(frozen=True, slots=True)
class Most:
    """How large a diagram may be; what is larger would hardly be done in time.

    Args:
        nodes: Of nodes.
        edges: Of edges, which take most of the time.
    """

    nodes: int
    edges: int

    def holds(self, picture: Picture) -> bool:
        """Whether a picture is no larger."""
        return len(picture.nodes) <= self.nodes and len(picture.edges) <= self.edges

    def check(self, picture: Picture) -> None:
        """Makes sure that a picture is no larger.

        Raises:
            TooMuchError: It is.
        """
        if not self.holds(picture):
            raise TooMuchError(
                f"{len(picture.nodes):,} nodes and {len(picture.edges):,} edges are more than "
                f"the {self.nodes:,} and {self.edges:,} that are laid out here",
                hint="Name a smaller depth, collapse what is alike, or take it as dot; `provenance diagram` draws any number.",
            )


PAGE = Most(nodes=600, edges=1_500)
"""In a page; what has more is listed, and drawn by its downloads."""
FILE = Most(nodes=3_000, edges=4_000)
"""In a download."""


class LaidOut:
    """Lets whatever answers lay its diagrams out in one place.

    Args:
        app: What answers.
        layout: The place.
    """

    def __init__(self, app: ASGIApp, layout: Layout) -> None:
        self._app = app
        self._layout = layout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; the threads that work on it know of the place, too."""
        with laid_out_by(self._layout):
            await self._app(scope, receive, send)
