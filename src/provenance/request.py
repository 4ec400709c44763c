"""Requests: what somebody hands in to be registered, from a call, a command line or a manifest."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance.artifacts import ArtifactKind, Content, Generation, Reference
from provenance.errors import ContentError, ProvenanceError, UsageError
from provenance.intake import Claim, ContentProgress, read_content, read_manifest
from provenance.relations import WEIGHT_KINDS, RelationKind
from provenance.weights.folder import IncompleteError

if TYPE_CHECKING:
    from provenance.sameinit.sketch import Sketch

_NAMED_AT_MOST = 4
_SAYS_SO = frozenset({"file", "folder", "pickle"})
"""Formats of what holds no weights that are ever opened; the intake says so itself."""
# The readers refuse what is unsound. Yet they call libraries on strangers' bytes (gguf, onnx, NumPy), and what those may raise is not
# written down anywhere: none of it may keep a model from being recorded.
_UNFORESEEN = (
    ArithmeticError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A parent as it was typed.

    Args:
        kind: The relation to it.
        reference: How it is referred to.
        share: See `Relation`.
        clean_fraction: See `Relation`.
        filters: See `Relation`.
        resolves: The name on the child's card that means this parent, see `Resolution`.
    """

    kind: RelationKind
    reference: str
    share: float | None = None
    clean_fraction: float | None = None
    filters: tuple[str, ...] = ()
    resolves: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An artifact to be registered.

    Args:
        kind: Model, dataset or teacher.
        name: Its name.
        version: Its version; None for the one of that name with the same content, or else ``1``.
        content: What its files are, where there are any.
        path: Where they are.
        parents: Its parents as typed.
        claims: Ancestors known by name alone: said with it, or by its files.
        sketch: Of its weights, where they are a model's whose architecture is known.
        notes: What the registrant should know about its files, a sentence each.
        declared_root: See `Artifact`.
        generation: See `Artifact`.
        metadata: See `Artifact`.
        place: Where it stands in a manifest, for messages.
    """

    kind: ArtifactKind
    name: str
    version: str | None = None
    content: Content | None = None
    path: str | None = None
    parents: tuple[Parent, ...] = ()
    claims: tuple[Claim, ...] = ()
    sketch: "Sketch | None" = field(default=None, compare=False, repr=False)
    notes: tuple[str, ...] = ()
    declared_root: bool = False
    generation: Generation | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    place: str = ""

    @classmethod
    def named(cls, kind: ArtifactKind, name: str, **fields: Any) -> "Request":  # noqa: ANN401 - fields of this class
        """A request for ``name`` or ``name@version``.

        Raises:
            UsageError: The name has a kind before it.
        """
        reference = Reference.parse(name)
        if reference.kind is not None:
            raise UsageError(
                f"a name has no kind before it: {name!r}", hint=f"Write {name.partition(':')[2]!r}."
            )
        return cls(kind=kind, name=reference.name, version=reference.version, **fields)

    def reading(
        self, path: str | Path | None, *, sha256: bool = False, progress: ContentProgress | None = None
    ) -> "Request":
        """This request with the content and the claims of some files, and a model's sketch; itself where there are none.

        Raises:
            ContentError: As in `provenance.intake.read_content`; or weights are missing, or lie in files that the digest does not cover.
        """
        if path is None:
            return self
        weights = _Weights(Path(path)) if self.kind is ArtifactKind.MODEL else None
        intake = read_content(
            Path(path),
            kind=self.kind,
            sha256=sha256,
            progress=progress,
            watch=weights.look if weights else None,
        )
        sketch = weights.sketch() if weights else None
        is_note_due = weights and weights.obstacle and intake.content.format not in _SAYS_SO
        unseen = f"its weights were not looked at: {weights.obstacle}" if weights and is_note_due else ""
        return replace(
            self,
            content=intake.content,
            path=str(intake.path),
            claims=_together(self.claims, intake.claims),
            sketch=sketch,
            notes=(*intake.warnings, *filter(None, (unseen,))),
        )


def _together(said: tuple[Claim, ...], heard: tuple[Claim, ...]) -> tuple[Claim, ...]:
    """What was said, and what the files say beside it; who said where the weights come from knows better than the files."""
    is_said = any(one.kind in WEIGHT_KINDS for one in said)
    return (*said, *(one for one in heard if not (is_said and one.kind in WEIGHT_KINDS)))


class _Weights:
    """A model's weights, sketched file by file as they are digested, while each is still in the page cache.

    Weights that can't be read as such have no sketch, and nor have those that change after they were opened, before the digest: every
    read notices that. Only what the digest covers is read: of a single file, no configuration beside it.

    Attributes:
        obstacle: Why there is no sketch; empty where there is one.
    """

    def __init__(self, path: Path) -> None:
        from provenance.sameinit.sketch import Sketcher
        from provenance.weights.network import Network

        self.obstacle = ""
        self._sketcher: Sketcher | None = None
        self._outside: set[Path] = set()
        self._files: frozenset[Path] = frozenset()
        with self._noting():
            network = Network.open(path.absolute(), beside=path.is_dir())
            self._files = frozenset(file.path for file in network.checkpoint.files)
            self._outside = set(self._files)
            if network.layout is None:
                self.obstacle = "their names and shapes are those of no architecture that is known"
            else:
                self._sketcher = Sketcher(network)

    def look(self, file: Path) -> None:
        """Takes what the sketch keeps of a file."""
        self._outside.discard(file)
        with self._noting():
            if self._sketcher is not None:
                self._sketcher.take(file)

    def sketch(self) -> "Sketch | None":
        """The sketch, after the last file.

        Raises:
            ContentError: Some of the weights lie in files that were looked at, others in files that were not.
        """
        if self._outside:
            names = ", ".join(sorted(ascii(str(file))[1:-1] for file in self._outside)[:_NAMED_AT_MOST])
            if self._outside < self._files:
                raise ContentError(
                    f"some of the weights lie in files that are no part of the artifact: {names}",
                    hint="Register a folder that holds all of them.",
                )
            self.obstacle = f"they lie in files that are no part of the artifact: {names}"
            return None
        found = None
        with self._noting():
            if self._sketcher is not None:
                found = self._sketcher.finish()
                if found is None:
                    self.obstacle = (
                        "nothing in them can be tested: what is there is constant, built or not finite"
                    )
        return found

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Makes a reason of what goes wrong: without a sketch, an artifact can still be recorded.

        Raises:
            IncompleteError: Weights are missing.
        """
        try:
            yield
        except IncompleteError:
            # Its digest would be that of others, with other weights.
            raise
        except ProvenanceError as error:
            self._sketcher, self.obstacle = None, error.message
        except _UNFORESEEN as error:
            self._sketcher, self.obstacle = None, f"they could not be read ({type(error).__name__})"


def requests_of(path: Path, *, progress: ContentProgress | None = None) -> tuple[Request, ...]:
    """The requests that a manifest makes, their files read.

    Raises:
        ContentError: The manifest, or one of the files that it names, can't be read; the message gives the line.
    """
    manifest = read_manifest(path)
    requests = []
    for entry in manifest.entries:
        request = Request(
            kind=entry.id.kind,
            name=entry.id.name,
            version=entry.id.version,
            parents=tuple(
                Parent(
                    kind=one.kind,
                    reference=one.reference,
                    share=one.share,
                    clean_fraction=one.clean_fraction,
                    filters=one.filters,
                )
                for one in entry.relations
            ),
            declared_root=entry.declared_root,
            generation=entry.generation,
            metadata=entry.metadata,
            claims=entry.claims,
            place=manifest.at(entry.line),
        )
        with at(request.place):
            requests.append(request.reading(entry.path, progress=progress))
    return tuple(requests)


@contextmanager
def at(place: str) -> Iterator[None]:
    """Puts the place in a manifest before the message of an error."""
    try:
        yield
    except ProvenanceError as error:
        if place and not error.message.startswith(place):
            error.message = f"{place}: {error.message}"
        raise
