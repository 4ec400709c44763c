"""One answer on an artifact's files: what they are, their digest, and the ancestors that they name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from provenance.artifacts import ArtifactKind, Content
from provenance.digests import Digest, DigestAlgorithm, digest_file, digest_listing
from provenance.errors import ContentError
from provenance.intake.claims import Claim, read_claims
from provenance.intake.files import Files, find_files, shown
from provenance.intake.formats import recognise

ContentProgress: TypeAlias = Callable[[int, int], None]
"""Told the bytes digested so far and the bytes in all, before the first file and after each."""
FileWatch: TypeAlias = Callable[[Path], None]
"""Told of each file when its bytes have just gone by, and are still in memory as a rule: the moment for another look at them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What was found at a path.

    Args:
        content: What the files are.
        claims: The ancestors that they name, none of them matched to anything.
        warnings: What the registrant should know, in words fit for a terminal.
        path: Where it was found, absolute.
    """

    content: Content
    claims: tuple[Claim, ...]
    warnings: tuple[str, ...]
    path: Path


def read_content(
    path: Path,
    *,
    kind: ArtifactKind,
    sha256: bool = False,
    progress: ContentProgress | None = None,
    watch: FileWatch | None = None,
) -> Intake:
    """Reads a model's or dataset's files once, and says what they are.

    Args:
        path: A file or a folder.
        kind: What the files are registered as.
        sha256: Whether to digest by SHA-256 too; much slower.
        progress: Told how far the digest has come.
        watch: May look at each file as it goes by; whatever changes until its last look is found.

    Raises:
        ContentError: The files can't be read safely, are not what they claim to be, or changed meanwhile.
    """
    files = find_files(path)
    recognised = recognise(files, kind)
    claims, claim_warnings = read_claims(files, kind, recognised.format)
    algorithms = (DigestAlgorithm.BLAKE3, DigestAlgorithm.SHA256) if sha256 else (DigestAlgorithm.BLAKE3,)
    digests = _digest(
        files, algorithms, progress or (lambda _done, _total: None), watch or (lambda _file: None)
    )
    _check_unchanged(files)
    content = Content(
        digest=digests[DigestAlgorithm.BLAKE3],
        format=recognised.format,
        size_bytes=files.size_bytes,
        files=len(files.found),
        rows=recognised.rows,
        sha256=digests.get(DigestAlgorithm.SHA256),
    )
    return Intake(
        content=content, claims=claims, warnings=recognised.warnings + claim_warnings, path=files.path
    )


def _digest(
    files: Files, algorithms: tuple[DigestAlgorithm, ...], progress: ContentProgress, watch: FileWatch
) -> dict[DigestAlgorithm, Digest]:
    total, done = files.size_bytes, 0
    progress(done, total)
    listings: dict[DigestAlgorithm, list[tuple[str, Digest]]] = {algorithm: [] for algorithm in algorithms}
    for file in files.found:
        for algorithm, listing in listings.items():
            listing.append((file.name, digest_file(file.path, algorithm)))
        watch(file.path)
        done += file.size
        progress(done, total)
    if not files.is_folder:
        return {algorithm: listing[0][1] for algorithm, listing in listings.items()}
    return {algorithm: digest_listing(listing) for algorithm, listing in listings.items()}


def _check_unchanged(files: Files) -> None:
    """Looks once more: what was recognised, what was digested and what is there now have to be the same."""
    changed = set(files.found) ^ set(find_files(files.path).found)
    if changed:
        name = min(file.name for file in changed)
        raise ContentError(
            f"{shown(files.path)} changed while it was read: {shown(name)}",
            hint="Wait until whatever writes it has finished, then register again.",
        )
