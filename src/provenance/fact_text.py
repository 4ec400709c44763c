"""The text of artifacts and relations: written and read without a general serialiser, since there are hundreds of thousands of them.

What is written here is, byte for byte, the canonical JSON that `provenance.facts` writes of any fact. What is read here is what every release
has written; whatever else a text may hold is left to the general reader, which says what is wrong with it.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from typing import Any, TypeVar

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind, Content, Generation
from provenance.digests import Digest
from provenance.relations import DeclaredBy, Relation, RelationKind

T = TypeVar("T")

_TRUTH = {False: "false", True: "true"}
_KINDS: Mapping[str, ArtifactKind] = {kind.value: kind for kind in ArtifactKind}
_VERBS: Mapping[str, RelationKind] = {kind.value: kind for kind in RelationKind}
_DECLARERS: Mapping[str, DeclaredBy] = {one.value: one for one in DeclaredBy}


def artifact_text(artifact: Artifact) -> str:
    """An artifact as canonical JSON.

    Raises:
        TypeError: A field holds another type than its own.
    """
    content = "null" if artifact.content is None else _content_text(artifact.content)
    generation = "null" if artifact.generation is None else _generation_text(artifact.generation)
    return (
        f'{{"content":{content},"declared_root":{_TRUTH[artifact.declared_root]},"generation":{generation},'
        f'"id":{quoted(str(artifact.id))},"metadata":{_words_text(artifact.metadata)}}}'
    )


def relation_text(relation: Relation) -> str:
    """A relation as canonical JSON.

    Raises:
        TypeError: A field holds another type than its own.
    """
    return (
        f'{{"child":{quoted(str(relation.child))},"clean_fraction":{_number_text(relation.clean_fraction)},'
        f'"declared_by":"{relation.declared_by}","filters":[{",".join(map(quoted, relation.filters))}],'
        f'"kind":"{relation.kind}","metadata":{_words_text(relation.metadata)},'
        f'"parent":{quoted(str(relation.parent))},"share":{_number_text(relation.share)}}}'
    )


def _content_text(content: Content) -> str:
    sha256 = "null" if content.sha256 is None else f'"{content.sha256}"'
    rows = "null" if content.rows is None else int.__repr__(content.rows)
    return (
        f'{{"digest":"{content.digest}","files":{int.__repr__(content.files)},"format":{quoted(content.format)},'
        f'"rows":{rows},"sha256":{sha256},"size_bytes":{int.__repr__(content.size_bytes)}}}'
    )


def _generation_text(generation: Generation) -> str:
    prompt = "null" if generation.system_prompt is None else quoted(generation.system_prompt)
    return f'{{"sampling":{_words_text(generation.sampling)},"system_prompt":{prompt}}}'


def _words_text(words: Mapping[str, str]) -> str:
    if not words:  # as of most
        return "{}"
    return f"{{{','.join(f'{quoted(name)}:{quoted(word)}' for name, word in sorted(words.items()))}}}"


def _number_text(number: float | None) -> str:
    return "null" if number is None else float.__repr__(number)


def read_artifact(data: Any) -> Artifact:  # noqa: ANN401 - JSON
    """An artifact from its fields as JSON has them.

    Raises:
        LookupError, TypeError, ValueError: The fields are not those that this release writes.
        ProvenanceError: They contradict each other.
    """
    content, generation = data["content"], data["generation"]
    return Artifact(
        id=read_id(data["id"]),
        content=None if content is None else _read_content(content),
        declared_root=_exactly(bool, data["declared_root"]),
        generation=None if generation is None else _read_generation(generation),
        metadata=_read_words(data["metadata"]),
    )


def read_relation(data: Any) -> Relation:  # noqa: ANN401 - JSON
    """A relation from its fields as JSON has them.

    Raises:
        LookupError, TypeError, ValueError: The fields are not those that this release writes.
        ProvenanceError: They contradict each other.
    """
    share, clean_fraction = data["share"], data["clean_fraction"]
    return Relation(
        child=read_id(data["child"]),
        kind=_VERBS[data["kind"]],
        parent=read_id(data["parent"]),
        declared_by=_DECLARERS[data["declared_by"]],
        share=None if share is None else _exactly(float, share),
        clean_fraction=None if clean_fraction is None else _exactly(float, clean_fraction),
        filters=tuple(_exactly(str, one) for one in _exactly(list, data["filters"])),
        metadata=_read_words(data["metadata"]),
    )


@lru_cache(maxsize=1 << 16)  # each artifact stands in its own fact and in those of its relations
def read_id(text: str) -> ArtifactId:
    """The identity that a text of the form ``kind:name@version`` tells.

    Raises:
        LookupError, TypeError: It is no text, or begins with no kind.
        ContentError: Its name or version can't be one.
    """
    kind, _, rest = _exactly(str, text).partition(":")
    name, _, version = rest.rpartition("@")
    return ArtifactId(_KINDS[kind], name, version)


def _read_content(data: Any) -> Content:  # noqa: ANN401 - JSON
    rows, sha256 = data["rows"], data["sha256"]
    return Content(
        digest=Digest.parse(_exactly(str, data["digest"])),
        format=_exactly(str, data["format"]),
        size_bytes=_exactly(int, data["size_bytes"]),
        files=_exactly(int, data["files"]),
        rows=None if rows is None else _exactly(int, rows),
        sha256=None if sha256 is None else Digest.parse(_exactly(str, sha256)),
    )


def _read_generation(data: Any) -> Generation:  # noqa: ANN401 - JSON
    prompt = data["system_prompt"]
    return Generation(
        system_prompt=None if prompt is None else _exactly(str, prompt),
        sampling=_read_words(data["sampling"]),
    )


def _read_words(data: Any) -> dict[str, str]:  # noqa: ANN401 - JSON
    return {name: _exactly(str, word) for name, word in _exactly(dict, data).items()}


def _exactly(cls: type[T], value: Any) -> T:  # noqa: ANN401 - JSON
    """A value that is of one type and of no other that could be taken for it."""
    if type(value) is not cls:
        raise TypeError(f"expected {cls.__name__}, got {type(value).__name__}")
    return value


TEXTS: Mapping[type[Any], Callable[[Any], str]] = {Artifact: artifact_text, Relation: relation_text}
READERS: Mapping[str, Callable[[Any], Artifact | Relation]] = {
    "artifact": read_artifact,
    "relation": read_relation,
}
