"""Edges: what a picture says of a relation, of all relations of a group, and of kinship that was measured."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from provenance.evidence import Evidence
from provenance.relations import Link, RelationKind
from provenance.render.edge_tests import EdgeTests
from provenance.render.pictures import Edge, Finding, Tone
from provenance.render.records import blocked
from provenance.render.scene import Scene
from provenance.render.wording import counted, finding

_SHOWN = 3
_URGENCY = tuple(Tone)


class _Bundle(NamedTuple):
    """What several relations have in common that are drawn as one edge."""

    parent: str
    child: str
    kind: RelationKind
    blocks: tuple[str, ...]


def edges(scene: Scene) -> Iterator[Edge]:
    """The relations between drawn artifacts, then the measured kinship between them."""
    tests = EdgeTests(scene.lineage, scene.kindred.evidence, scene.kindred)
    bundles: dict[_Bundle, list[Link]] = {}
    for artifact in scene.layout.drawn:
        for link in scene.lineage.children(artifact):
            if link.child in scene.drawn:
                bundles.setdefault(_bundle(scene, link), []).append(link)
    for bundle, links in bundles.items():
        yield Edge(
            parent=bundle.parent,
            child=bundle.child,
            kind=bundle.kind,
            label=_label(links),
            findings=_together([tests.findings(link) for link in links]),
            blocks=bundle.blocks,
            on_route=not scene.routes.isdisjoint(links),
            count=len(links),
        )
    yield from _measured(scene)


def _bundle(scene: Scene, link: Link) -> _Bundle:
    places = scene.layout.places
    blocks = scene.records.blocks.get((link.parent, link.child), ())
    return _Bundle(places[link.parent], places[link.child], link.kind, tuple(map(blocked, blocks)))


def _measured(scene: Scene) -> Iterator[Edge]:
    """Kinship between drawn models that was measured and that no record explains."""
    undeclared, places = scene.kindred.undeclared, scene.layout.places
    tests = {test.id: test for model in scene.layout.drawn for test in undeclared.get(model, ())}
    bundles: dict[tuple[str, str], list[Evidence]] = {}
    for test in sorted(tests.values(), key=lambda test: test.seq):
        fact = test.fact
        if fact.pair <= scene.drawn:
            bundles.setdefault((places[fact.parent], places[fact.child]), []).append(fact)
    for (parent, child), facts in bundles.items():
        yield Edge(
            parent=parent,
            child=child,
            kind=None,
            label=_times("measured, not recorded", len(facts)),
            findings=_together([(finding(fact),) for fact in facts]),
            measured=True,
            count=len(facts),
        )


def _label(links: Sequence[Link]) -> str:
    """The relation's word; of several, with what all of them have in common, or what their shares come to."""
    labels, shares = (
        {_of_one(link) for link in links},
        [link.share for link in links if link.share is not None],
    )
    if len(labels) == 1:
        return _times(labels.pop(), len(links))
    together = f" {sum(shares):.2g} together" if len(shares) == len(links) else ""
    return _times(f"{links[0].kind}{together}", len(links))


def _times(label: str, number: int) -> str:
    return label if number == 1 else f"{label}, {number:,} times"


def _of_one(link: Link) -> str:
    """The relation's word with its share, or its fraction of clean rows."""
    parts = [link.kind.value]
    if link.share is not None:
        parts.append(f"{link.share:.2g}")
    if link.clean_fraction is not None:
        parts.append(f"({link.clean_fraction:.0%} clean)")
    return " ".join(parts)


def _together(found: Sequence[tuple[Finding, ...]]) -> tuple[Finding, ...]:
    """The findings of one relation as they are; of several, how many have which, the most worrying first."""
    if len(found) == 1:
        return found[0]
    alike: dict[tuple[Tone, str], list[Finding]] = {}
    for one in (one for findings in found for one in findings):
        alike.setdefault((one.tone, one.gist or one.text), []).append(one)
    in_order = sorted(alike.items(), key=lambda pair: (_URGENCY.index(pair[0][0]), -len(pair[1]), pair[0][1]))
    shown = [
        Finding(
            text=f"{len(ones):,} {words if len(ones) > 1 else ones[0].text}",
            tone=tone,
            missing=_missing(ones),
        )
        for (tone, words), ones in in_order[:_SHOWN]
    ]
    rest = [one for _, ones in in_order[_SHOWN:] for one in ones]
    if rest:
        shown.append(
            Finding(
                text=f"and {counted(len(rest), 'more line')} of other tests",
                tone=Tone.OPEN,
                missing=_missing(rest),
            )
        )
    return tuple(shown)


def _missing(findings: Iterable[Finding]) -> int:
    return sum(one.missing for one in findings)
