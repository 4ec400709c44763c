"""A registry in PostgreSQL: made by `provenance init`, and what is said where the server does not let it be made."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from command_line import Terminal
from provenance.artifacts import Artifact, ArtifactId, ArtifactKind
from provenance.errors import RegistryError
from provenance.home import Home
from provenance.relations import Relation, RelationKind
from provenance.store import Ledger

pytestmark = [pytest.mark.postgres, pytest.mark.xdist_group("postgres")]
SECRET = "s3cr3t-word"


@pytest.fixture
def guarded(postgres_url: str, postgres_socket: str) -> Iterator[str]:
    """A role that has to tell its password, and that may do nothing in the database."""
    import psycopg

    role = f"guarded_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        (access,) = connection.execute("SHOW hba_file").fetchone() or ("",)
        rules = Path(access).read_text()
        Path(access).write_text(f"local all {role} scram-sha-256\n{rules}")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'")
    yield role
    Path(access).write_text(rules)
    with psycopg.connect(f"postgresql://postgres@/postgres?host={postgres_socket}", autocommit=True) as admin:
        admin.execute("SELECT pg_reload_conf()")
        admin.execute(f"DROP ROLE {role}")


def refusal(url: str) -> RegistryError:
    with pytest.raises(RegistryError, match="postgresql://") as caught:
        Ledger.open(url, create=True)
    return caught.value


def test_init_makes_a_registry_in_postgresql_that_every_later_command_finds(
    terminal: Terminal, postgres_url: str
) -> None:
    terminal("init", "--store", postgres_url)
    terminal("register", "model", "--name", "base", "--from-scratch")
    assert "model:base@1" in terminal("ls").out
    assert "registry.db" not in {path.name for path in Path(".provenance").iterdir()}
    by_url = terminal("--registry", postgres_url, "verify")
    assert by_url == terminal("verify")


@pytest.mark.parametrize("place", ["login", "query"])
def test_a_wrong_password_is_said_to_be_refused_and_never_shown(
    postgres_url: str, guarded: str, place: str
) -> None:
    wrong = "not-the-word"
    login = f"{guarded}:{wrong}@" if place == "login" else f"{guarded}@"
    url = postgres_url.replace("postgres@", login) + (f"&password={wrong}" if place == "query" else "")
    error = refusal(url)
    assert f'password authentication failed for user "{guarded}"' in error.message
    assert str(error.hint).startswith("Put the password into ~/.pgpass")
    assert wrong not in f"{error.message} {error.hint}"


def test_a_role_without_rights_is_told_of_the_page_that_lists_them(postgres_url: str, guarded: str) -> None:
    error = refusal(postgres_url.replace("postgres@", f"{guarded}:{SECRET}@"))
    assert "permission denied for schema public" in error.message
    assert "docs/postgresql.md" in str(error.hint)
    assert SECRET not in f"{error.message} {error.hint}"


@contextmanager
def granted(rights: str, role: str, url: str) -> Iterator[Ledger]:
    """A registry, opened by a role that has some rights on its tables and no others."""
    import psycopg

    Ledger.open(url, create=True).close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"GRANT {rights} ON ALL TABLES IN SCHEMA public TO {role}")
    ledger = Ledger.open(url.replace("postgres@", f"{role}:{SECRET}@"))
    yield ledger
    ledger.close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")


def record(ledger: Ledger) -> None:
    base, tuned = (ArtifactId(ArtifactKind.MODEL, name) for name in ("base", "tuned"))
    with ledger.transaction("ada") as transaction:
        transaction.append(Artifact(id=base, declared_root=True))
        transaction.append(Artifact(id=tuned))
        transaction.append(Relation(child=tuned, kind=RelationKind.FINETUNED_FROM, parent=base))


def test_a_reader_may_read_and_is_refused_to_write(postgres_url: str, guarded: str) -> None:
    with granted("SELECT", guarded, postgres_url) as ledger:
        assert ledger.verify().ok
        with pytest.raises(RegistryError, match="permission denied for table provenance_commit") as caught:
            record(ledger)
        assert "docs/postgresql.md" in str(caught.value.hint)


def test_a_writer_needs_no_more_than_to_read_and_insert(
    postgres_url: str, guarded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provenance.store.appended.PIECE", 1)
    with granted("SELECT, INSERT", guarded, postgres_url) as ledger:
        record(ledger)
        assert ledger.verify().entries == 3


@pytest.mark.parametrize(
    ("old", "new", "words", "helps"),
    [
        ("/test_", "/no_such_", r"database .* does not exist", "Make the database first"),
        ("postgres@", "nobody@", r'role "nobody" does not exist', "Name a role"),
        ("@/", "@127.0.0.1:1/", "Connection refused", "Is the server up"),
        ("?host=", "?host=/nowhere", "No such file", "Is the server up"),
    ],
)
def test_what_is_wrong_with_a_server_is_said_with_what_helps(
    postgres_url: str, old: str, new: str, words: str, helps: str
) -> None:
    url = postgres_url.replace(old, new)
    error = refusal(url.partition("?")[0] if ":1/" in url else url)
    assert str(error.hint).startswith(helps), error
    with pytest.raises(RegistryError, match=words):
        raise error


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://ada:{}@host/base", "postgresql://ada@host/base"),
        ("postgresql://ada@/base?password={}&host=/run", "postgresql://ada@/base?password=***&host=/run"),
    ],
)
def test_the_name_of_a_registry_tells_no_password(url: str, name: str) -> None:
    assert Home(folder=None, store_url=url.format(SECRET)).name == name


@pytest.mark.parametrize("url", ["postgresql://ada:{}@host:port/base", "postgresql://ada:{}@host:1x/base"])
def test_a_malformed_url_is_said_to_be_one_without_its_password(url: str) -> None:
    with pytest.raises(RegistryError, match="not a database URL") as caught:
        Ledger.open(url.format(SECRET))
    assert SECRET not in caught.value.message
