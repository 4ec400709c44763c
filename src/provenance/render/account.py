"""Accounts: a picture in plain sentences, for who cannot see it."""

from collections import deque
from collections.abc import Iterator, Mapping
from itertools import pairwise

from provenance.render.pictures import Node, NodeKind, Picture
from provenance.render.wording import counted, visible

_SHOWN = 5


def account(picture: Picture) -> str:
    """What a picture shows, in sentences: who is asked about and how they stand, who is flagged, by which routes traits arrive, what is unknown."""
    sentences = (picture.title, *picture.summary, *_nodes(picture), *_routes(picture), picture.footer)
    return visible(" ".join(f"{sentence.rstrip('.')}." for sentence in sentences))


def _nodes(picture: Picture) -> Iterator[str]:
    groups = (
        ("Asked about", [node for node in picture.nodes if node.asked]),
        (
            "Flagged",
            [node for node in picture.nodes if any(note.startswith("FLAGGED HERE") for note in node.notes)],
        ),
        ("Missing", [node for node in picture.nodes if node.kind is NodeKind.UNKNOWN]),
    )
    for heading, nodes in groups:
        if nodes:
            yield f"{heading}: {_some([_told(node) for node in nodes])}"
    if blocks := [
        f"{edge.parent} to {edge.child}: {block}" for edge in picture.edges for block in edge.blocks
    ]:
        yield f"Stopped: {_some(blocks)}"


def _told(node: Node) -> str:
    return f"{node.name} ({', '.join(node.standing)})" if node.standing else node.name


def _some(words: list[str]) -> str:
    more = [f"{len(words) - _SHOWN:,} more"] if len(words) > _SHOWN else []
    return "; ".join([*words[:_SHOWN], *more])


def _routes(picture: Picture) -> Iterator[str]:
    """A shortest route from each node where one begins to each artifact asked about."""
    above: dict[str, list[str]] = {}
    for edge in picture.edges:
        if edge.on_route:
            above.setdefault(edge.child, []).append(edge.parent)
    names = {node.id: node.name for node in picture.nodes}
    told: set[tuple[str, str]] = set()
    for node in picture.nodes:
        routes = _routes_to(node.id, above) if node.asked else []
        for route in routes[:_SHOWN]:
            told.update(pairwise(route))
            yield f"A flagged trait arrives by this route: {', then '.join(names[one] for one in route)}"
        if len(routes) > _SHOWN:
            yield f"{counted(len(routes) - _SHOWN, 'more route')} to {node.name}"
    others = {(edge.parent, edge.child) for edge in picture.edges if edge.on_route} - told
    if told and others:
        yield f"Flagged traits go along {counted(len(others), 'more line')} of the drawing, on other routes"


def _routes_to(end: str, above: Mapping[str, list[str]]) -> list[list[str]]:
    below, waiting, found = {end: ""}, deque([end]), []
    while waiting:
        here = waiting.popleft()
        if here not in above and here != end:
            route = [here]
            while route[-1] != end:
                route.append(below[route[-1]])
            found.append(route)
        for parent in above.get(here, ()):
            if parent not in below:
                below[parent] = here
                waiting.append(parent)
    return found
