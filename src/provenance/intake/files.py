"""The files of an artifact, found without following anything that leads elsewhere.

A folder stands for everything below it, save the folders in `SKIPPED`, which version control, downloads and Python leave behind.
Links between files of one folder are followed, and those of the Hugging Face hub's cache, see `provenance.weights.folder.homes`.
"""

import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from provenance.errors import ContentError
from provenance.weights.folder import homes

SKIPPED = frozenset({".git", ".hg", ".svn", ".cache", ".ipynb_checkpoints", ".provenance", "__pycache__"})
"""Names (of folders as a rule; a worktree's ``.git`` is a file) that are no part of an artifact, wherever they stand in it."""

_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
# What a terminal does not show, or shows elsewhere: control, format (bidirectional overrides), undecodable bytes, separators.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_MARKUP = frozenset("<>")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """One regular file, as it was when it was found.

    Args:
        name: Path relative to the artifact's folder, with slashes; the bare name of a single file.
        path: Where to open it.
        size: In bytes.
        mtime_ns: Time of its last change, in nanoseconds.
        inode: Its number in the file system: another file in its place has another.
    """

    name: str
    path: Path
    size: int
    mtime_ns: int
    inode: int

    @property
    def suffix(self) -> str:
        """The last suffix in lower case, such as ``.safetensors``."""
        return PurePosixPath(self.name).suffix.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files of one artifact.

    Args:
        path: The file or folder that was asked for, absolute.
        is_folder: Whether it is a folder.
        found: Its files in order of their names.
    """

    path: Path
    is_folder: bool
    found: tuple[FoundFile, ...]

    @property
    def size_bytes(self) -> int:
        """Sum of the sizes."""
        return sum(file.size for file in self.found)

    def named(self, *names: str) -> FoundFile | None:
        """The first of ``names`` that is there, at the top of the folder."""
        by_name = {file.name: file for file in self.found}
        return next((by_name[name] for name in names if name in by_name), None)

    def with_suffix(self, suffixes: frozenset[str]) -> tuple[FoundFile, ...]:
        """The files that end in one of ``suffixes``."""
        return tuple(file for file in self.found if file.suffix in suffixes)


def shown(path: Path | str) -> str:
    """A path as it may be printed: escaped where it holds anything that a terminal would obey."""
    text = str(path)
    return text if _is_plain(text) else ascii(text)


def find_files(path: Path) -> Files:
    """Finds the files that an artifact at ``path`` consists of; opens none of them.

    Raises:
        ContentError: Nothing is there, or no file, or something that has no place in an artifact: a link that leads out, a loop
            of links, a pipe, socket or device, a name with control characters or markup; or it may not be read.
    """
    if "\0" in str(path):
        raise ContentError(f"no path can hold a NUL byte: {shown(path)}")
    path = path.absolute()
    try:
        status = path.stat()
        if not stat.S_ISDIR(status.st_mode):
            return Files(path=path, is_folder=False, found=(_found(path.name, path, status),))
        found = tuple(sorted(_Walk.of(path).below(path), key=lambda file: file.name))
    except FileNotFoundError as error:
        raise ContentError(
            f"no such file or folder: {shown(error.filename)}",
            hint="Check the path, and that links lead somewhere.",
        ) from error
    except PermissionError as error:
        raise ContentError(
            f"no permission to read {shown(error.filename)}",
            hint="Make it readable for the user who registers it.",
        ) from error
    except OSError as error:
        raise ContentError(f"cannot read {shown(error.filename or path)}: {error.strerror}") from error
    if not found:
        raise ContentError(
            f"no files in {shown(path)}",
            hint="An artifact without files is registered by name alone, with no path.",
        )
    return Files(path=path, is_folder=True, found=found)


@dataclass(frozen=True, slots=True)
class _Walk:
    """One way through a folder: what its links may lead to."""

    homes: tuple[Path, ...]

    @classmethod
    def of(cls, folder: Path) -> "_Walk":
        return cls(homes(folder))

    def below(self, folder: Path) -> Iterator[FoundFile]:
        """The files below ``folder``, in no order."""
        pending = [(folder, "", False)]
        while pending:
            current, prefix, through_link = pending.pop()
            with os.scandir(current) as entries:
                names = [entry.name for entry in entries if entry.name not in SKIPPED]
            for name in names:
                _check_file_name(name, current)
                path = current / name
                is_link = path.is_symlink()
                if is_link:
                    self._check_link(path, current)
                status = path.stat()
                if not stat.S_ISDIR(status.st_mode):
                    yield _found(prefix + name, path, status)
                elif is_link and through_link:
                    # Each further link could double the walk.
                    raise ContentError(
                        f"{shown(path)} is a link to a folder, reached through another such link"
                    )
                else:
                    pending.append((path, f"{prefix}{name}/", through_link or is_link))

    def _check_link(self, link: Path, folder: Path) -> None:
        try:
            target = link.resolve(strict=True)
        except RuntimeError as error:  # What Python 3.11 and 3.12 raise for a loop; later ones raise OSError.
            raise ContentError(f"{shown(link)} is a link in a loop of links") from error
        if folder.resolve().is_relative_to(target):
            raise ContentError(f"{shown(link)} is a link that leads back to a folder above it")
        if not any(target.is_relative_to(home) for home in self.homes):
            raise ContentError(
                f"{shown(link)} is a link that leads out of the folder, to {shown(target)}",
                hint="Replace the link by the file that it points to, as `cp -rL` does.",
            )


def _found(name: str, path: Path, status: os.stat_result) -> FoundFile:
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        raise ContentError(
            f"{shown(path)} is {_SPECIAL.get(kind, 'no regular file')}, not a file with content"
        )
    return FoundFile(
        name=name, path=path, size=status.st_size, mtime_ns=status.st_mtime_ns, inode=status.st_ino
    )


def _is_plain(text: str) -> bool:
    # Printable ASCII, by far the most frequent, needs no look into the tables.
    return (text.isascii() and text.isprintable()) or not any(
        unicodedata.category(character) in _HIDDEN_CATEGORIES for character in text
    )


def _check_file_name(name: str, folder: Path) -> None:
    if not _is_plain(name) or not _MARKUP.isdisjoint(name):
        raise ContentError(
            f"the file name {name!a} in {shown(folder)} holds control characters or markup",
            hint="Rename the file, then register again.",
        )
