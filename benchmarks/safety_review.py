"""What a safety review costs: diagrams beside bare Graphviz, one report, and the pages of the viewer.

    python -m benchmarks.safety_review                                       # all of it, on lineages made up
    python -m benchmarks.safety_review --parts diagram --nodes 50 300 2000
    python -m benchmarks.safety_review --parts viewer --graph EDGES.csv --edges 606820

A diagram is composed, written as DOT and drawn as SVG, with nothing collapsed; its peer is Graphviz alone on the same DOT, in the same process. The
report is a process of its own, as typed. The viewer is a real `provenance serve` on loopback; the time of a page is from the request to the last byte
of its answer, over one connection, so that it holds the client's share as well.
"""

import argparse
import contextlib
import http.client
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

from benchmarks import house, hub
from benchmarks.measuring import MEGABYTE, in_turn, markdown, run, seconds, spread
from benchmarks.scale import append
from provenance.facts import Fact
from provenance.registry import Registry

_PATIENCE_S = 120


def registry_of(place: Path, facts: Iterator[Fact]) -> Path:
    """A new registry that holds some facts."""
    with Registry.init(place, actor="benchmark") as registry:
        url = registry.home.store_url
    append(url, facts)
    return place


def diagrams(folder: Path, nodes: list[int], repeats: int) -> str:
    """Seconds from a registry to SVG, and of Graphviz alone."""
    from pygraphviz import AGraph

    from provenance.render import render

    rows = []
    for count in nodes:
        place = registry_of(folder / f"house-{count}", house.facts(count))
        with Registry.open(place) as registry:
            view = registry.view()
            picture = view.picture([house.RELEASE], direction="up", collapse=None)
            dot = render(picture, "dot").decode()
            works = {
                "compose": lambda view=view: seconds(
                    lambda: view.picture([house.RELEASE], direction="up", collapse=None)
                ),
                "ours": lambda picture=picture: seconds(lambda: render(picture, "svg")),
                "bare": lambda dot=dot: seconds(lambda: AGraph(string=dot).draw(format="svg", prog="dot")),
            }
            taken = in_turn(works, repeats)
        compose, ours, bare = (statistics.median(taken[name]) for name in works)
        rows.append(
            (
                f"{len(picture.nodes):,} nodes, {len(picture.edges):,} edges",
                f"{compose:.2f}",
                f"{ours:.2f}",
                f"{bare:.2f}",
                f"{ours / bare:.2f}",
                spread(taken["ours"]),
            )
        )
    return markdown(
        (
            "diagram",
            "composing, s",
            "DOT and SVG, s",
            "bare Graphviz, s",
            "of bare",
            "least to greatest",
        ),
        rows,
    )


def report(folder: Path, nodes: int, repeats: int) -> str:
    """Seconds of `provenance report` as typed, and the size of its file."""
    place = registry_of(folder / f"reported-{nodes}", house.facts(nodes))
    rows = []
    for extension in ("html", "md", "json"):
        file = place / f"review.{extension}"
        command = [_program(), "report", house.RELEASE, "--registry", place, "-o", file]
        taken = [run(command) for _ in range(repeats)]
        walls = [one.wall for one in taken]
        rows.append(
            (
                f"{extension}, {nodes} artifacts",
                f"{statistics.median(walls):.2f}",
                f"{statistics.median(one.cpu for one in taken):.2f}",
                f"{file.stat().st_size / MEGABYTE:.2f}",
                f"{max(one.peak for one in taken) / MEGABYTE:.0f}",
                spread(walls),
            )
        )
    return markdown(("report", "wall, s", "CPU, s", "size, MB", "peak, MB", "least to greatest"), rows)


def _program() -> str:
    return str(Path(sys.executable).with_name("provenance"))


@contextlib.contextmanager
def serving(place: Path) -> Iterator[http.client.HTTPConnection]:
    """A viewer on a registry, and a connection to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [_program(), "serve", "--registry", str(place), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            yield _connected(port)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(_PATIENCE_S)


def _connected(port: int) -> http.client.HTTPConnection:
    until = time.monotonic() + _PATIENCE_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
        try:
            connection.connect()
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return connection


def pages(graph: hub.Graph) -> Mapping[str, str]:
    """What a reviewer opens, by what it is."""
    children = Counter(parent for parent, _, _ in graph.edges)
    parents = Counter(child for _, child, _ in graph.edges)
    top = str(hub.model(max(sorted(children), key=children.__getitem__)))
    merge = str(hub.model(max(sorted(parents), key=parents.__getitem__)))
    where = quote(top, safe="")
    return {
        "first page": "/",
        "search for a name": f"/artifacts?{urlencode({'q': top[6:16]})}",
        f"page of the largest hub ({max(children.values()):,} children)": f"/artifacts/{where}",
        "lineage of the largest hub, collapsed": f"/lineage/{where}?depth=1",
        "the same, expanded at the hub": f"/lineage/{where}?{urlencode({'depth': 1, 'open': top})}",
        f"lineage of the largest merge ({max(parents.values())} parents)": f"/lineage/{quote(merge, safe='')}",
        "its page": f"/artifacts/{quote(merge, safe='')}",
        "flags": "/flags",
        "impact of the largest hub": f"/impact/{where}",
        "risks of everything": "/risks",
    }


def viewer(folder: Path, graph: hub.Graph, repeats: int) -> str:
    """Seconds of each page, the first time and later."""
    subjects = sorted(hub.reach(graph).items(), key=lambda pair: (-pair[1], pair[0]))
    flagged = [name for name, _ in subjects[:10]]
    place = registry_of(folder / "served", iter([*hub.facts(graph), *hub.flags(flagged)]))
    rows = []
    with serving(place) as connection:
        for name, path in pages(graph).items():
            taken = [_get(connection, path) for _ in range(1 + repeats)]
            first, again = taken[0][0], [one[0] for one in taken[1:]]
            rows.append(
                (
                    name,
                    f"{1000 * first:.0f}",
                    f"{1000 * statistics.median(again):.0f}",
                    f"{taken[-1][1] / 1000:.0f}",
                    spread(again),
                )
            )
    return markdown(("page", "first, ms", "later, ms", "size, kB", "least to greatest"), rows)


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[float, int]:
    """Seconds to the last byte of an answer, and its size."""
    start = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    taken = time.perf_counter() - start
    if answer.status != http.client.OK:
        raise RuntimeError(f"{path} was answered with {answer.status}: {body[:300]!r}")
    return taken, len(body)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("diagram", "report", "viewer")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--nodes", nargs="+", type=int, default=[50, 300, 2000], help="of the diagrams")
    parser.add_argument("--reported", type=int, default=200, help="artifacts in the report")
    parser.add_argument("--graph", type=Path, help="an edge list for the viewer; default: one made up")
    parser.add_argument("--edges", type=int, default=30_341, help="relations that the viewer shows")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "diagram" in asked.parts:
            print(diagrams(folder, asked.nodes, asked.repeats), end="\n\n", flush=True)
        if "report" in asked.parts:
            print(report(folder, asked.reported, asked.repeats), end="\n\n", flush=True)
        if "viewer" in asked.parts:
            graph = hub.made_up() if asked.graph is None else hub.read(asked.graph)
            print(viewer(folder, hub.copies(graph, asked.edges), asked.repeats), flush=True)


if __name__ == "__main__":
    main()
