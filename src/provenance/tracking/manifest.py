"""What is to be registered, kept in a manifest until it is: a file for ``provenance register -f``.

It is written before anything else is done with a training that came to its end, and removed when its facts are in the ledger. So whatever
happens in between (a registry that is away, a full disk, a process that is killed) leaves a file from which one command goes on.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from provenance.intake.manifest import FRACTION_KEYS, ROOT_KEYS
from provenance.request import Parent, Request

SUFFIX = ".provenance.yaml"


def document(requests: Iterable[Request]) -> dict[str, list[dict[str, Any]]]:
    """The requests as a manifest; see docs/manifest.md."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for request in requests:
        sections.setdefault(f"{request.kind}s", []).append(_entry(request))
    return sections


def keep(requests: Sequence[Request], places: Iterable[Path], name: str) -> Path:
    """Writes the requests into the first of some folders that takes them; none that is there is overwritten.

    Args:
        requests: What is to be registered.
        places: Folders, best first; the folder of temporary files comes last of all.
        name: The file's name, without suffix.

    Raises:
        OSError: No folder takes it.
    """
    text = _text(requests)
    refused: OSError | None = None
    for folder in (*places, Path(tempfile.gettempdir())):
        try:
            return _written(folder.absolute(), name, text)
        except OSError as error:
            refused = error
    raise refused or OSError("no folder to keep it in")


def write(path: Path, requests: Iterable[Request]) -> None:
    """Writes the requests into a manifest that is there, in place of what it holds.

    Raises:
        OSError: It can't be written.
    """
    path.write_text(_text(requests), encoding="utf-8")


def _text(requests: Iterable[Request]) -> str:
    import yaml

    return yaml.safe_dump(document(requests), sort_keys=False, allow_unicode=True, width=120)


def _written(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for path in _free_names(folder, name):
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            continue
        except OSError:  # a disk that is full, after the file was made
            path.unlink(missing_ok=True)
            raise
        return path
    raise AssertionError("there is always another number")


def _free_names(folder: Path, name: str) -> Iterator[Path]:
    yield folder / f"{name}{SUFFIX}"
    yield from (folder / f"{name}-{number}{SUFFIX}" for number in count(2))


def _entry(request: Request) -> dict[str, Any]:
    version = "" if request.version is None else f"@{request.version}"
    entry: dict[str, Any] = {"name": f"{request.name}{version}"}
    if request.path is not None:
        entry["path"] = request.path
    if request.declared_root:
        entry[ROOT_KEYS[request.kind]] = True
    for parent in request.parents:
        entry.setdefault(parent.kind.value, []).append(_reference(parent))
    # What its own files claim is read again when it is registered.
    for claim in () if request.content is not None else request.claims:
        entry.setdefault("unresolved", {}).setdefault(claim.kind.value, []).append(claim.name)
    if request.metadata:
        entry["meta"] = dict(request.metadata)
    return entry


def _reference(parent: Parent) -> str | dict[str, str | float]:
    fraction = parent.share if parent.share is not None else parent.clean_fraction
    if fraction is None:
        return parent.reference
    return {"ref": parent.reference, FRACTION_KEYS[parent.kind]: fraction}
