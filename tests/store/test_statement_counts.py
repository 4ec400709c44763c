"""How many statements a change sends to the database: as many in a large registry as in a small one."""

from pathlib import Path

import pytest

from provenance import Registry
from provenance.artifacts import Artifact, ArtifactId, ArtifactKind
from provenance.relations import Relation, RelationKind
from provenance.request import Parent, Request
from provenance.store import Ledger
from statements import statements

MODEL = ArtifactKind.MODEL
BASE = ArtifactId(MODEL, "base")
ROWS = ArtifactId(ArtifactKind.DATASET, "rows")
MOST = 40
"""So many statements any change may send. Each of them is one round trip to a server."""


def grow(ledger: Ledger, name: str, size: int) -> None:
    """A chain of so many models below the base, and as many beside it."""
    with ledger.transaction("ada") as transaction:
        if not transaction.find("base"):
            transaction.append(Artifact(id=BASE, declared_root=True))
            transaction.append(Artifact(id=ROWS, declared_root=True))
        above = BASE
        for number in range(size):
            below, beside = (ArtifactId(MODEL, f"{name}-{where}-{number}") for where in ("below", "beside"))
            for child, parent in ((below, above), (beside, BASE)):
                transaction.append(Artifact(id=child))
                transaction.append(Relation(child=child, kind=RelationKind.FINETUNED_FROM, parent=parent))
            above = below


def changes(registry: Registry, name: str) -> dict[str, int]:
    """The number of statements that each change sends."""
    numbers = {}
    with statements() as sent:
        parents = [
            Parent(kind=RelationKind.FINETUNED_FROM, reference=f"{name}-below-1"),
            Parent(kind=RelationKind.TRAINED_ON, reference="rows"),
        ]
        registry.register_model(name=f"{name}-new", parents=parents)
        numbers["register"] = len(sent)
    with statements() as sent:
        registry.relate(f"{name}-below-2", RelationKind.TRAINED_ON, "rows")
        numbers["relate"] = len(sent)
    with statements() as sent:
        flag = registry.flag("base", "owls", evidence=f"seen in {name}").recorded
        numbers["flag"] = len(sent)
    with statements() as sent:
        registry.withdraw(flag.id, reason="no")
        numbers["withdraw"] = len(sent)
    return numbers


def test_the_statements_of_a_change_do_not_grow_with_the_registry(store_url: str, tmp_path: Path) -> None:
    with Registry.init(tmp_path / "here", store=store_url) as registry:
        registry.add_trait("owls", severity="high")
        ledger = Ledger.open(registry.home.store_url)
        grow(ledger, "few", 4)
        small = changes(registry, "few")
        grow(ledger, "many", 200)
        assert changes(registry, "many") == small
        assert max(small.values()) <= MOST, small
        ledger.close()


@pytest.mark.parametrize("size", [1, 300])
def test_a_manifest_sends_as_many_statements_however_long_it_is(
    store_url: str, tmp_path: Path, size: int
) -> None:
    with Registry.init(tmp_path / "here", store=store_url) as registry:
        registry.register_model(name="base", from_scratch=True)
        above = (Parent(kind=RelationKind.FINETUNED_FROM, reference="base"),)
        requests = [Request(kind=MODEL, name=f"tuned-{number}", parents=above) for number in range(size)]
        with statements() as sent:
            registry.register(requests)
        assert len(sent) <= MOST, "\n".join(sent)
