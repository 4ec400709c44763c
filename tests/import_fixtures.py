"""Importing made-up graphs, for tests."""

from pathlib import Path

from provenance import Registry
from provenance.artifacts import Alias, Artifact
from provenance.importing import Imported, Source
from provenance.relations import Relation, Unresolved


def written(path: Path, *lines: str) -> Path:
    """A file with these lines."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def edges(folder: Path, *rows: str, header: str = "child,relation,parent", name: str = "edges.csv") -> Path:
    """A list of edges, each row told as ``child relation parent``."""
    return written(folder / name, header, *(",".join(row.split(maxsplit=2)) for row in rows))


def imported(registry: Registry, *files: Path, form: str = "edges", **fields: object) -> Imported:
    """What came of importing some files."""
    return registry.import_lineage(Source(files=files, format=form, **fields))


def told(registry: Registry) -> set[str]:
    """The relations that are recorded, without kinds and versions: ``child relation parent``."""
    found = registry.view().snapshot.all(Relation)
    return {f"{one.fact.child.name} {one.fact.kind} {one.fact.parent.name}" for one in found}


def missed(registry: Registry) -> set[str]:
    """What is recorded as missing: ``child relation name: reason``."""
    found = registry.view().snapshot.all(Unresolved)
    return {f"{one.fact.child.name} {one.fact.kind} {one.fact.name}: {one.fact.reason}" for one in found}


def names(registry: Registry) -> set[str]:
    """The identities that are recorded."""
    return {str(one.fact.id) for one in registry.view().snapshot.all(Artifact)}


def aliases(registry: Registry) -> set[str]:
    """The aliases that are recorded: ``name = identity``."""
    return {f"{one.fact.name} = {one.fact.artifact}" for one in registry.view().snapshot.all(Alias)}
