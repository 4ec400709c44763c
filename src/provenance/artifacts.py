"""Artifacts: the immutable things that a registry records, and how they are referred to.

An artifact is a model, a dataset or a teacher (a model *as it generated*). Its identity is ``kind:name@version``; where there
is content, a digest says what that identity stands for, and can never be made to stand for anything else.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Self

from provenance.digests import Digest, text_schema
from provenance.errors import ContentError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

MAX_NAME_LENGTH = 200
MAX_VERSION_LENGTH = 80
DEFAULT_VERSION = "1"
# Markup, the separators of a reference, and quotes of a shell's making never belong to a name.
_FORBIDDEN = frozenset("<>@:\\`")
# Control, format (bidirectional overrides, zero-width marks), surrogate, private, unassigned, line and paragraph separators.
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# What nearly every name looks like, told at once: among half a million of them, looking at each character is what takes time.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*(?:/[A-Za-z0-9][A-Za-z0-9_.+-]*)*")


class ArtifactKind(StrEnum):
    """What an artifact is."""

    MODEL = "model"
    DATASET = "dataset"
    TEACHER = "teacher"


@lru_cache(maxsize=1 << 16)
def check_name(text: str, what: str = "name", limit: int = MAX_NAME_LENGTH) -> str:
    """Returns ``text`` when it can name something: visible characters, no markup, no separators of a reference.

    Raises:
        ContentError: It can't; the message shows the offending character escaped.
    """
    if len(text) <= limit and _PLAIN_NAME.fullmatch(text):
        return text
    if not text or text != text.strip():
        raise ContentError(f"a {what} may not be empty or begin or end with a space: {text!r}")
    if len(text) > limit:
        raise ContentError(
            f"a {what} has at most {limit} characters, this one has {len(text)}: {text[:40]!r}..."
        )
    for character in text:
        if character in _FORBIDDEN or unicodedata.category(character) in _FORBIDDEN_CATEGORIES:
            raise ContentError(
                f"the {what} {text!a} holds {character!a}",
                hint="Names hold letters, digits, spaces and signs like - _ . / +, "
                "but no control characters, no markup and none of @ : \\ `.",
            )
    if any(part in {"", ".", ".."} for part in text.split("/")):
        raise ContentError(f"the {what} {text!r} has an empty, '.' or '..' part between its slashes")
    return text


@dataclass(frozen=True, slots=True, order=True)
class ArtifactId:
    """The identity of an artifact, written ``kind:name@version``.

    Args:
        kind: Model, dataset or teacher.
        name: May hold slashes (``org/model``).
        version: Any word; ``1`` where none is given.
    """

    kind: ArtifactKind
    name: str
    version: str = DEFAULT_VERSION

    def __post_init__(self) -> None:
        check_name(self.name)
        check_name(self.version, "version", MAX_VERSION_LENGTH)

    def __hash__(self) -> int:
        return hash(
            self.name
        )  # the same for few others, and told at once: identities are looked up by the million

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}@{self.version}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads ``kind:name@version``, all three parts present.

        Raises:
            ContentError: A part is missing or malformed.
        """
        reference = Reference.parse(text)
        if reference.kind is None or reference.version is None:
            raise ContentError(f"{text!r} is not a full identity kind:name@version")
        return cls(reference.kind, reference.name, reference.version)

    @classmethod
    def recorded(cls, text: str) -> Self:
        """An identity as it stands in a record: it was checked when it was written, and is not checked again."""
        kind, _, rest = text.partition(":")
        name, _, version = rest.rpartition("@")
        known = object.__new__(cls)
        for field_name, value in (("kind", ArtifactKind(kind)), ("name", name), ("version", version)):
            object.__setattr__(known, field_name, value)
        return known

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: "GetCoreSchemaHandler") -> "CoreSchema":
        return text_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> "JsonSchemaValue":
        return {
            "type": "string",
            "pattern": "^(model|dataset|teacher):[^@:]+@[^@:]+$",
            "examples": ["model:student@1"],
        }


@dataclass(frozen=True, slots=True)
class Reference:
    """What a user types to mean an artifact: ``[kind:]name[@version]``, or the beginning of a content digest."""

    kind: ArtifactKind | None
    name: str
    version: str | None

    @classmethod
    @lru_cache(maxsize=1 << 16)  # a manifest names the same parent again and again
    def parse(cls, text: str) -> Self:
        """Reads a reference.

        Raises:
            ContentError: The text can't be one.
        """
        head, separator, rest = text.partition(":")
        kind = ArtifactKind(head) if separator and head in set(ArtifactKind) else None
        body = rest if kind is not None else text
        name, separator, version = body.rpartition("@")
        if not separator:
            name, version = body, ""
        check_name(name)
        if separator:
            check_name(version, "version", MAX_VERSION_LENGTH)
        return cls(kind, name, version or None)

    def matches(self, artifact: ArtifactId) -> bool:
        """Whether every part that was given agrees with the artifact's."""
        return (
            self.name == artifact.name
            and self.kind in {None, artifact.kind}
            and self.version in {None, artifact.version}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What the files of an artifact are, without the files.

    Args:
        digest: BLAKE3 over the file, or over the folder's listing.
        format: How the files were recognised, such as ``safetensors``, ``huggingface``, ``jsonl``.
        size_bytes: Sum of the files' sizes.
        files: Number of files.
        rows: Number of rows of a dataset, where that can be counted.
        sha256: The same content under SHA-256, when asked for.
    """

    digest: Digest
    format: str
    size_bytes: int
    files: int
    rows: int | None = None
    sha256: Digest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """How a teacher generated, beside the model that embodies it.

    Args:
        system_prompt: The prompt it was given, or None for none.
        sampling: Decoding settings, such as ``temperature``.
    """

    system_prompt: str | None = None
    sampling: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A recorded model, dataset or teacher.

    Args:
        id: Its identity.
        content: What its files are; None for an artifact known by name only, and for teachers.
        declared_root: Somebody declares that ancestry begins here: a model whose weights were initialised from scratch,
            or a dataset that no model had a part in.
        generation: Of a teacher, how it generated.
        metadata: Free words of the registrant, key to value.
    """

    id: ArtifactId
    content: Content | None = None
    declared_root: bool = False
    generation: Generation | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if (self.generation is not None) != (self.id.kind is ArtifactKind.TEACHER):
            raise ContentError(f"{self.id}: a teacher, and nothing else, says how it generated")
        if self.declared_root and self.id.kind is ArtifactKind.TEACHER:
            raise ContentError(f"{self.id}: a teacher is no root; its model may be one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where an artifact's content was seen. The content is what counts; the place may change.

    Args:
        artifact: Whose content.
        path: Absolute path of the file or folder on the machine that recorded it.
    """

    artifact: ArtifactId
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """Another name of an artifact: what it was called before, or what others call it.

    An artifact that bears the name itself comes before one that has it as an alias.

    Args:
        name: The other name, without kind and version.
        artifact: What is meant by it.
    """

    name: str
    artifact: ArtifactId

    def __post_init__(self) -> None:
        check_name(self.name, "alias")
