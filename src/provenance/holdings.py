"""Holdings: what is at hand of the registered artifacts, and the same-init test of two of them by it.

A model's weights are at hand as its files, where those are still what was registered, or as its sketch, which stays when the files
are gone. Both ends' files give the whole test; otherwise both sketches give the exact test of what they sampled, which finds kin
and says of its result that it is ``sampled``.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from provenance import sameinit
from provenance.artifacts import ArtifactId
from provenance.errors import ContentError
from provenance.evidence import Evidence
from provenance.facts import Snapshot
from provenance.intake import read_content
from provenance.store import StoredSketches

if TYPE_CHECKING:
    from provenance.sameinit.sketch import Sketch


@dataclass(frozen=True, eq=False)
class Holdings:
    """What is at hand of the artifacts of a snapshot. Each one's files are digested once, however often they are asked for.

    Args:
        snapshot: Says where content was last seen and what it ought to be.
        sketches: Of the registered weights; None where there are none.
    """

    snapshot: Snapshot
    sketches: StoredSketches | None = None
    _places: dict[ArtifactId, Path | str] = field(default_factory=dict, init=False, repr=False)

    def path(self, artifact: ArtifactId) -> Path:
        """Where an artifact's content is, checked to be what was registered.

        Raises:
            ContentError: It is not there, or it is something else by now.
        """
        if artifact not in self._places:
            try:
                self._places[artifact] = checked_path(self.snapshot, artifact)
            except ContentError as error:
                self._places[artifact] = error.message
        place = self._places[artifact]
        if isinstance(place, str):
            raise ContentError(place)
        return place

    def sketch(self, artifact: ArtifactId) -> "Sketch | None":
        """The stored sketch of a model's weights, where there is one that this version can read."""
        from provenance.sameinit.sketch import METHOD, Sketch

        content = self.snapshot.artifacts[artifact].fact.content
        if content is None or self.sketches is None:
            return None
        stored = self.sketches.get(str(content.digest), method=METHOD)
        return None if stored is None else Sketch.from_bytes(stored)

    def drawn(self, artifact: ArtifactId) -> "Sketch":
        """The sketch of a model: the stored one, or else one drawn from its files.

        Raises:
            ContentError: It has neither; the message says why.
        """
        return self.sketch(artifact) or drawn_from(self.path(artifact))

    def compare(self, one: ArtifactId, other: ArtifactId) -> sameinit.Comparison:
        """The same-init test of two models: by the files of both, or else by the sketches of both.

        Raises:
            ContentError: There is neither; or what there is can't be read.
        """
        try:
            places = self.path(one), self.path(other)
        except ContentError:
            sampled = self.compare_sketches(one, other)
            if sampled is None:
                raise
            return sampled
        return sameinit.compare(*places)

    def compare_sketches(self, one: ArtifactId, other: ArtifactId) -> sameinit.Comparison | None:
        """The test of what the sketches of two models hold; None where one has none."""
        from provenance.sameinit.battery import compare_networks
        from provenance.sameinit.sketch import side_by_side

        left, right = self.sketch(one), self.sketch(other)
        if left is None or right is None:
            return None
        return compare_networks(*side_by_side(left, right), sampled=True)

    def inputs(self, *artifacts: ArtifactId) -> dict[str, str]:
        """The content digests that evidence on some artifacts names."""
        contents = {artifact: self.snapshot.artifacts[artifact].fact.content for artifact in artifacts}
        return {str(artifact): str(content.digest) for artifact, content in contents.items() if content}

    def evidence(self, comparison: sameinit.Comparison, parent: ArtifactId, child: ArtifactId) -> Evidence:
        """A comparison of two models as evidence on them."""
        return comparison.evidence(parent, child, self.inputs(parent, child), datetime.now(UTC))


def drawn_from(path: Path) -> "Sketch":
    """The sketch of the weights at a path.

    Raises:
        ContentError: They can't be read, or are of no architecture that is known here.
    """
    from provenance.sameinit.sketch import sketch
    from provenance.weights.network import Network

    drawn = sketch(Network.open(path))
    if drawn is None:
        raise ContentError(
            f"no sketch can be drawn of {path}: its tensors are those of no architecture that is known here, or can't be tested"
        )
    return drawn


def checked_path(snapshot: Snapshot, artifact: ArtifactId) -> Path:
    """Where an artifact's content is, digested now to be what was registered.

    Raises:
        ContentError: It is not there, or it is something else by now.
    """
    recorded, place = snapshot.artifacts[artifact].fact, snapshot.locations.get(artifact)
    if recorded.content is None or place is None:
        raise ContentError(f"{artifact} was registered by name only: there is nothing to test")
    found = read_content(Path(place), kind=artifact.kind).content.digest
    if found != recorded.content.digest:
        raise ContentError(
            f"{place} is no longer what was registered as {artifact}: "
            f"recorded {recorded.content.digest}, found {found}"
        )
    return Path(place)
