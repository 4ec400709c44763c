"""Nothing is lost: what can't be registered at the end of a training is kept in a manifest, and the training ends well."""

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

import provenance
from command_line import Terminal
from provenance import Registry
from provenance.artifacts import Artifact
from provenance.errors import ContentError, RegistryError
from provenance.request import Request
from tracking_fixtures import lineage, rows, trained, with_ancestors


def kept_command(said: str) -> list[str]:
    """The command that was printed, without the name of the program."""
    (line,) = (one for one in said.splitlines() if "provenance register -f" in one)
    return shlex.split(line.partition("provenance:")[2])[1:]


def train_without(away: Callable[[], object], folder: Path, **words: object) -> provenance.TrackedRun:
    """A training whose registry goes away before it ends."""
    with provenance.track(
        "student",
        finetuned_from=folder / "base",
        trained_on={folder / "more.jsonl": 0.5, "numbers": None},
        recipe={"rate": 0.1, "on": "yes", "count": "7"},
        **words,  # type: ignore[arg-type]
    ) as run:
        trained(run.output(folder / "out" / "student"), seed=1)
        away()
    return run


def test_a_registry_that_is_away_at_the_end_gets_everything_when_it_is_back(
    known: Registry, folder: Path, terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    rows(folder / "more.jsonl", 9)
    home, hidden = folder / ".provenance", folder / "unmounted"
    run = train_without(lambda: home.rename(hidden), folder)
    said = capsys.readouterr().err
    assert "warning: student@1 was not registered: no registry in" in said
    assert run.artifact is None
    assert run.manifest == folder / "out" / "student.provenance.yaml"
    hidden.rename(home)
    terminal(*kept_command(said))
    assert lineage(known, "student") == {
        "finetuned_from model:base@1",
        "trained_on dataset:more@1",
        "trained_on dataset:numbers@1",
    }
    artifact = known.view().show("student").artifact
    assert artifact.metadata["recipe.on"] == "yes"
    assert artifact.content is not None


def test_what_a_manifest_registers_is_what_would_have_been_registered(
    known: Registry, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows(folder / "more.jsonl", 9)
    home, hidden = folder / ".provenance", folder / "unmounted"
    run = train_without(lambda: home.rename(hidden), folder)
    hidden.rename(home)
    assert run.manifest is not None
    known.register_manifest(run.manifest)
    facts = {str(one.fact): one for one in known.view().snapshot.all(Artifact)}

    other = with_ancestors(Registry.init(tmp_path_factory.mktemp("other"), actor="tester"), folder)
    again = train_without(lambda: None, folder, registry=other)
    assert again.manifest is None
    told = other.view().show("student").artifact
    for one in facts.values():
        if one.fact.id == told.id:
            assert one.fact.content == told.content
            assert one.fact.metadata.keys() == told.metadata.keys()
    assert lineage(known, "student") == lineage(other, "student")
    assert [one.clean_fraction for one in known.view().show("student").parents] == [
        one.clean_fraction for one in other.view().show("student").parents
    ]


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_a_database_that_is_gone_at_the_end_loses_nothing(
    postgres_url: str,
    postgres_socket: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    terminal: Terminal,
) -> None:
    import psycopg

    rows(folder / "more.jsonl", 9)
    admin = f"postgresql://postgres@/postgres?host={postgres_socket}"
    name = postgres_url.partition("?")[0].rpartition("/")[2]

    def rename(old: str, new: str) -> None:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [old]
            )
            connection.execute(f'ALTER DATABASE "{old}" RENAME TO "{new}"')

    with Registry.init(folder, store=postgres_url) as registry:
        with_ancestors(registry, folder)
    run = train_without(lambda: rename(name, f"{name}_away"), folder)
    rename(f"{name}_away", name)
    assert run.manifest is not None
    terminal(*kept_command(capsys.readouterr().err))
    with Registry.open(folder) as registry:
        assert "finetuned_from model:base@1" in lineage(registry, "student")


def test_a_name_that_was_taken_meanwhile_is_kept_under_the_next_one(
    known: Registry, folder: Path, terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    with provenance.track("student", finetuned_from="base") as run:
        trained(run.output(folder / "out"), seed=1)
        known.register_model(trained(folder / "faster", seed=2), name="student")
    said = capsys.readouterr().err
    assert "student@1 was not registered: model:student@1 is registered with other content" in said
    terminal(*kept_command(said))
    assert lineage(known, "student@2") == {"finetuned_from model:base@1"}


def test_a_folder_that_is_not_there_is_told_and_kept(
    known: Registry, folder: Path, terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    with provenance.track("student", finetuned_from="base") as run:
        run.output("out/stundent")
        trained(folder / "out" / "student", seed=1)
    said = capsys.readouterr().err
    assert "stundent" in said
    assert run.manifest == folder / "out" / "stundent.provenance.yaml"
    run.manifest.write_text(run.manifest.read_text().replace("stundent", "student"))
    terminal(*kept_command(said))
    assert lineage(known, "student") == {"finetuned_from model:base@1"}


@pytest.mark.usefixtures("known", "folder")
def test_weights_that_are_no_weights_are_told_and_kept() -> None:
    with provenance.track("student") as run:
        path = trained(run.output("out"), seed=1)
        (path / "model.safetensors").write_bytes(b"\x08" * 64)
    assert run.artifact is None
    assert run.manifest is not None


@pytest.mark.usefixtures("known")
def test_strict_raises_what_goes_wrong_at_the_end_and_keeps_it_all_the_same(folder: Path) -> None:
    with pytest.raises(ContentError, match="nowhere"), provenance.track("student", strict=True) as run:
        run.output(folder / "nowhere")
    assert run.manifest == folder / "nowhere.provenance.yaml"


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, RuntimeError])
@pytest.mark.usefixtures("known")
def test_whatever_ends_the_registering_leaves_the_manifest(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise error

    run = provenance.track("student", finetuned_from="base")
    monkeypatch.setattr(Request, "reading", stopped)
    if error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt), run:
            run.output("out")
    else:
        with run:
            run.output("out")
    assert run.manifest is not None
    assert "finetuned_from:\n  - model:base@1" in run.manifest.read_text()


@pytest.mark.usefixtures("known")
def test_a_manifest_that_is_there_is_not_overwritten(folder: Path) -> None:
    manifests = []
    for _ in range(3):
        with provenance.track("student@next") as run:
            run.output(folder / "out")
        manifests.append(run.manifest)
    assert [path and path.name for path in manifests] == [
        "out.provenance.yaml",
        "out-2.provenance.yaml",
        "out-3.provenance.yaml",
    ]


@pytest.mark.usefixtures("known")
def test_a_place_that_takes_no_file_makes_way_for_the_next(folder: Path) -> None:
    (folder / "file").write_text("no folder")
    with provenance.track("student") as run:
        run.output(folder / "file" / "out")
    assert run.manifest == folder / ".provenance" / "out.provenance.yaml"


@pytest.mark.usefixtures("known")
def test_a_good_end_leaves_no_manifest(folder: Path) -> None:
    with provenance.track("student") as run:
        trained(run.output(folder / "out"), seed=1)
    assert run.artifact is not None
    assert not list(folder.rglob("*.provenance.yaml"))


@pytest.mark.usefixtures("known", "folder")
def test_a_password_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROVENANCE_REGISTRY", "postgresql://someone:s3cret@127.0.0.1:9/registry")
    with pytest.raises(RegistryError) as caught, provenance.track("student"):
        pytest.fail("the training began")
    assert "s3cret" not in f"{caught.value} {caught.value.hint} {capsys.readouterr().err}"
    assert os.environ["PROVENANCE_REGISTRY"]
