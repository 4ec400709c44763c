"""Content digests: BLAKE3 for speed, SHA-256 where others must verify.

A file is digested through a memory map, one window at a time, so that nothing is copied and memory stays bounded. A folder's digest is
the digest of its listing, one line ``<hex>  <path>`` per file in byte order of the paths: moving the folder changes nothing,
renaming, adding or removing a file does.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from provenance.errors import ContentError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

_WINDOW_BYTES = 256 << 20  # enough to keep all cores busy, and a multiple of every page size
DIGEST_PATTERN = r"^(blake3|sha256):[0-9a-f]{64}$"


class DigestAlgorithm(StrEnum):
    """The two hash functions in use."""

    BLAKE3 = "blake3"
    SHA256 = "sha256"


@dataclass(frozen=True, slots=True)
class Digest:
    """A content digest, written ``algorithm:hex``.

    Args:
        algorithm: The hash function.
        hex: 64 lower-case hexadecimal digits.
    """

    algorithm: DigestAlgorithm
    hex: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{64}", self.hex):
            raise ContentError(f"not a digest: {self.hex!r} has to be 64 lower-case hexadecimal digits")

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"

    @property
    def short(self) -> str:
        """The first 12 digits, for people."""
        return f"{self.algorithm}:{self.hex[:12]}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads ``algorithm:hex``.

        Raises:
            ContentError: The text is no digest.
        """
        algorithm, separator, digits = text.partition(":")
        if not separator or algorithm not in set(DigestAlgorithm):
            raise ContentError(f"not a digest: {text!r}", hint="A digest is written blake3:<64 hex digits>.")
        return cls(DigestAlgorithm(algorithm), digits)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: "GetCoreSchemaHandler") -> "CoreSchema":
        return text_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> "JsonSchemaValue":
        return {"type": "string", "pattern": DIGEST_PATTERN}


def text_schema(cls: Any) -> "CoreSchema":  # noqa: ANN401 - any class with parse() and str()
    """The pydantic schema of a value that is written as text: ``cls.parse`` reads it, ``str`` writes it."""
    from pydantic_core import core_schema

    def read(value: object) -> object:
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise ValueError(f"expected text, got {type(value).__name__}")  # noqa: TRY004 - pydantic wants ValueError
        try:
            return cls.parse(value)
        except ContentError as error:
            raise ValueError(error.message) from error

    return core_schema.no_info_plain_validator_function(
        read, serialization=core_schema.to_string_ser_schema()
    )


def digest_bytes(data: bytes, algorithm: DigestAlgorithm = DigestAlgorithm.BLAKE3) -> Digest:
    """The digest of a byte string."""
    if algorithm is DigestAlgorithm.SHA256:
        return Digest(algorithm, hashlib.sha256(data).hexdigest())
    from blake3 import blake3

    return Digest(algorithm, blake3(data).hexdigest())


def digest_file(path: Path, algorithm: DigestAlgorithm = DigestAlgorithm.BLAKE3) -> Digest:
    """The digest of a file's bytes, by memory map (BLAKE3, all cores) or in blocks (SHA-256).

    Raises:
        ContentError: The file can't be read.
    """
    try:
        with path.open("rb") as file:
            if algorithm is DigestAlgorithm.SHA256:
                return Digest(algorithm, hashlib.file_digest(file, "sha256").hexdigest())
            return Digest(algorithm, _blake3(file.fileno(), path.stat().st_size))
    except OSError as error:
        raise ContentError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # what mmap says of a window that is no longer there
        raise ContentError(f"{path} became shorter while it was read") from error


def _blake3(file: int, size: int) -> str:
    from blake3 import blake3

    hasher = blake3(max_threads=blake3.AUTO)
    for start in range(0, size, _WINDOW_BYTES):
        with mmap(file, min(_WINDOW_BYTES, size - start), access=ACCESS_READ, offset=start) as window:
            hasher.update(window)
    return hasher.hexdigest()


def digest_listing(entries: Iterable[tuple[str, Digest]]) -> Digest:
    """The digest of a folder from its files' relative paths (POSIX form) and digests, whatever their order."""
    listing = sorted(entries)
    algorithm = listing[0][1].algorithm if listing else DigestAlgorithm.BLAKE3
    lines = "".join(f"{digest.hex}  {path}\n" for path, digest in listing)
    return digest_bytes(lines.encode("utf-8", "surrogateescape"), algorithm)
