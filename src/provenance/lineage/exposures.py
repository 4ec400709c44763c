"""Exposures: whose hand was in what a student was trained on, through any number of datasets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.relations import GENERATING_KINDS, RelationKind

if TYPE_CHECKING:
    from provenance.lineage.graph import Lineage


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """A teacher's hand in what a student was trained on.

    Args:
        teacher: Who wrote, rewrote or selected the data, or was imitated directly.
        student: Who was trained on it.
        how: The relation by which the teacher left its mark; `DISTILLED_FROM` where no dataset lies between.
        datasets: A shortest chain of datasets from the teacher's to the one that the student saw.
    """

    teacher: ArtifactId
    student: ArtifactId
    how: RelationKind
    datasets: tuple[ArtifactId, ...] = ()


def exposures(lineage: "Lineage", artifact: ArtifactId) -> Iterator[Exposure]:
    """The exposures of which an artifact is the student, the teacher, or one of the datasets between."""
    return _OF[artifact.kind](lineage, artifact)


def _of_student(lineage: "Lineage", student: ArtifactId) -> Iterator[Exposure]:
    seen = []
    for link in lineage.parents(student):
        if link.kind is RelationKind.DISTILLED_FROM:
            yield Exposure(teacher=link.parent, student=student, how=link.kind)
        elif link.kind is RelationKind.TRAINED_ON:
            seen.append(link.parent)
    for (teacher, how), datasets in _authors(lineage, seen).items():
        yield Exposure(teacher=teacher, student=student, how=how, datasets=datasets)


def _of_teacher(lineage: "Lineage", teacher: ArtifactId) -> Iterator[Exposure]:
    written: dict[RelationKind, list[ArtifactId]] = {}
    for link in lineage.children(teacher):
        if link.kind is RelationKind.DISTILLED_FROM:
            yield Exposure(teacher=teacher, student=link.child, how=link.kind)
        elif link.kind in GENERATING_KINDS:
            written.setdefault(link.kind, []).append(link.child)
    for how, datasets in written.items():
        for student, chain in _readers(lineage, datasets).items():
            yield Exposure(teacher=teacher, student=student, how=how, datasets=chain)


def _through_dataset(lineage: "Lineage", dataset: ArtifactId) -> Iterator[Exposure]:
    readers = _readers(lineage, [dataset])
    for (teacher, how), above in _authors(lineage, [dataset]).items():
        for student, below in readers.items():
            yield Exposure(teacher=teacher, student=student, how=how, datasets=(*above, *below[1:]))


_OF = {
    ArtifactKind.MODEL: _of_student,
    ArtifactKind.TEACHER: _of_teacher,
    ArtifactKind.DATASET: _through_dataset,
}


def _authors(
    lineage: "Lineage", datasets: list[ArtifactId]
) -> dict[tuple[ArtifactId, RelationKind], tuple[ArtifactId, ...]]:
    """Who left a mark on these datasets or on what they derive from, and how; with the chain of datasets down from there."""
    chains = _derivations(lineage, datasets, up=True)
    authors: dict[tuple[ArtifactId, RelationKind], tuple[ArtifactId, ...]] = {}
    for dataset in chains:
        for link in lineage.parents(dataset):
            mark = (link.parent, link.kind)
            if link.kind in GENERATING_KINDS and mark not in authors:
                authors[mark] = _chain(chains, dataset)
    return authors


def _readers(lineage: "Lineage", datasets: list[ArtifactId]) -> dict[ArtifactId, tuple[ArtifactId, ...]]:
    """Who was trained on these datasets or on what derives from them; with the chain of datasets down to there."""
    chains = _derivations(lineage, datasets, up=False)
    readers: dict[ArtifactId, tuple[ArtifactId, ...]] = {}
    for dataset in chains:
        for link in lineage.children(dataset):
            if link.kind is RelationKind.TRAINED_ON and link.child not in readers:
                readers[link.child] = tuple(reversed(_chain(chains, dataset)))
    return readers


def _derivations(
    lineage: "Lineage", datasets: list[ArtifactId], *, up: bool
) -> dict[ArtifactId, ArtifactId | None]:
    """The datasets joined to these by derivation, nearest first, each with its neighbour on the way back."""
    back: dict[ArtifactId, ArtifactId | None] = dict.fromkeys(datasets)
    for relative in lineage.walk(datasets, up=up, relations={RelationKind.DERIVED_FROM}):
        back[relative.artifact] = relative.via.child if up else relative.via.parent
    return back


def _chain(back: Mapping[ArtifactId, ArtifactId | None], dataset: ArtifactId) -> tuple[ArtifactId, ...]:
    """Follows the way back from a dataset to where its walk began."""
    chain = [dataset]
    while (neighbour := back[chain[-1]]) is not None:
        chain.append(neighbour)
    return tuple(chain)
