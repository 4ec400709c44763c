"""A registry may know where its web viewer answers, so that what is shown elsewhere links to it."""

from pathlib import Path

import pytest

from provenance import Registry, home
from provenance.errors import RegistryError, UsageError


def test_the_viewer_is_remembered_without_a_slash_at_the_end(folder: Path) -> None:
    with Registry.init(folder, viewer="https://provenance.example.org/team/") as made:
        assert made.home.viewer == "https://provenance.example.org/team"
    with Registry.open(folder) as opened:
        assert opened.home.viewer == "https://provenance.example.org/team"


def test_a_registry_without_a_viewer_is_as_it_was_before(folder: Path) -> None:
    with Registry.init(folder) as made:
        assert made.home.viewer is None
    assert "viewer" not in (folder / ".provenance" / "config.toml").read_text()


def test_another_viewer_for_a_registry_that_exists_is_refused_with_what_to_edit(folder: Path) -> None:
    Registry.init(folder, viewer="https://one.example.org").close()
    Registry.init(folder, viewer="https://one.example.org/").close()
    with pytest.raises(RegistryError, match=r"is a registry already, .* the viewer https://one") as caught:
        Registry.init(folder, viewer="https://two.example.org")
    assert caught.value.hint is not None
    assert "config.toml" in caught.value.hint


@pytest.mark.parametrize(
    "address",
    [
        "provenance.example.org",
        "ftp://provenance.example.org",
        "https://",
        "https://me:secret@provenance.example.org",
        "https://provenance.example.org/a b",
        "https://provenance.example.org/)](javascript:alert(1)",
        'https://provenance.example.org/"><b>',
        "https://provenance.example.org/?token=secret",
        "https://[broken",
    ],
)
def test_what_is_no_plain_address_is_refused_and_not_repeated(folder: Path, address: str) -> None:
    with pytest.raises(UsageError, match=r"no plain http\(s\) URL") as caught:
        Registry.init(folder, viewer=address)
    assert "secret" not in caught.value.message
    assert not home.exists(folder)


def test_an_address_that_was_edited_into_no_address_is_said_with_its_place(folder: Path) -> None:
    Registry.init(folder).close()
    with (folder / ".provenance" / "config.toml").open("a") as file:
        file.write('viewer = "nowhere"\n')
    with pytest.raises(RegistryError, match=r"config\.toml: the viewer's address is no plain"):
        Registry.open(folder)


def test_a_registry_that_is_named_by_its_database_takes_the_viewer_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PROVENANCE_VIEWER", "https://provenance.example.org/")
    assert home.find("postgresql://host/registry").viewer == "https://provenance.example.org"
