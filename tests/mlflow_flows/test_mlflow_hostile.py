"""What hostile or careless people may have put into an MLflow: imported as text, shown as text, and never followed."""

import os
import shutil
import sqlite3
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from command_line import Terminal

pytestmark = pytest.mark.xdist_group("mlflow")

NAMES = (
    "<img src=x onerror=alert(1)>",
    "[press](javascript) `here` **now**",
    "owl\x1b[31mred",
    "\u202egnp.txt",
    "two\nlines",
    "--help",
    "$(reboot) `reboot` ; reboot",
    "x" * 240,
    "'; DROP TABLE facts; --",
    "teacher@1",
    "\ufeff.\u00ad",
    "%s%s%n {0} {name}",
)
"""Names of registered models; MLflow refuses none of them."""
NOBODY = 65534


@dataclass
class Watched:
    """What the process opened and connected to while it was watched."""

    on: bool = False
    opened: list[str] = field(default_factory=list)

    @contextmanager
    def over(self) -> Iterator[list[str]]:
        """Watches the block; what was opened in it."""
        self.opened, self.on = [], True
        yield self.opened
        self.on = False

    def hook(self, event: str, words: tuple[object, ...]) -> None:
        if self.on and event in {"open", "socket.connect", "socket.getaddrinfo", "subprocess.Popen"}:
            self.opened.append(f"{event} {words}")


WATCHED = Watched()
sys.addaudithook(WATCHED.hook)


@pytest.fixture(scope="module")
def store_of_others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedded store in which others registered models of all `NAMES`, each with the one before as its base, and data of that name."""
    from mlflow import MlflowClient
    from mlflow.entities import Dataset, DatasetInput, LoggedModelInput, LoggedModelOutput

    file = tmp_path_factory.mktemp("others") / "mlflow.db"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore")
        client = MlflowClient(f"sqlite:///{file}", f"sqlite:///{file}")
        experiment = client.create_experiment("<b>work</b>", artifact_location=str(file.parent / "files"))
        before = None
        for name in NAMES:
            run = client.create_run(experiment, run_name=name[:200] or "run")
            model = client.create_logged_model(experiment, name="m", source_run_id=run.info.run_id)
            rows = DatasetInput(
                Dataset(name=name, digest="d", source_type="http", source=f'{{"url": "{name}')
            )
            bases = [] if before is None else [LoggedModelInput(before)]
            client.log_inputs(run.info.run_id, [rows], bases)
            client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, step=0)])
            client.create_registered_model(name)
            client.create_model_version(
                name, source=str(file.parent), run_id=run.info.run_id, description=f"# {name}"
            )
            before = model.model_id
            with sqlite3.connect(file) as connection:
                connection.execute(
                    "UPDATE model_versions SET source = ?, storage_location = NULL WHERE name = ?",
                    (f"models:/{model.model_id}", name),
                )
            connection.close()
    return file


@pytest.fixture
def store(store_of_others: Path, folder: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(store_of_others, folder / "mlflow.db"))


def test_hostile_names_are_text_wherever_they_are_shown(terminal: Terminal, store: Path) -> None:
    terminal("init", "--mlflow", f"sqlite:///{store}")
    terminal("mlflow", "import")
    assert len(terminal("ls", "--kind", "model", "--json").json) == len(NAMES)
    listed = terminal("ls", "--json").json
    assert len(listed) == 2 * len(NAMES)
    last = listed[-1]["id"]
    shown = [terminal("ls").out, terminal("status").out]
    shown += [terminal("show", one["id"]).out for one in listed]
    terminal("trait", "add", "loves-owls", "--severity", "high")
    root = terminal("roots", last, "--json").json[0]
    terminal("flag", root, "loves-owls", "--evidence", "it says so")
    shown.append(terminal("why", last, "loves-owls").out)
    for text in shown:
        assert not [character for character in text if character in "\x1b\u202e\x07\x08"]
    for kind in ("dot", "svg", "mmd"):
        terminal("diagram", last, "-o", f"drawn.{kind}")
        assert "<img" not in Path(f"drawn.{kind}").read_text()


def test_sources_that_lead_outside_are_never_opened(terminal: Terminal, store: Path, folder: Path) -> None:
    canary = folder / "canary"
    canary.write_text("nobody reads this")
    sources = (
        str(canary),
        canary.as_uri(),
        "../canary",
        f"file://localhost{canary}",
        "http://127.0.0.1:9/canary",
        "s3://canary/model",
        "ftp://canary/model",
        "mlflow-artifacts:/canary",
        "runs:/canary/../../canary",
        "models:/canary/1",
        "dbfs:/canary",
        "models:/m-../canary",
    )
    with sqlite3.connect(store) as connection:
        for name, source in zip(NAMES, sources, strict=True):
            connection.execute("UPDATE model_versions SET source = ? WHERE name = ?", (source, name))
    connection.close()
    terminal("init", "--mlflow", f"sqlite:///{store}")
    with WATCHED.over() as opened:
        for words in ("import", "sync", "import --via api --rescan"):
            terminal("mlflow", *words.split())
    assert opened
    assert [one for one in opened if "canary" in one or "socket" in one] == []


def test_a_store_of_another_revision_is_refused_and_left_as_it_is(terminal: Terminal, store: Path) -> None:
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'feedfacecafe'")
    connection.close()
    before = store.read_bytes()
    terminal("init", "--mlflow", f"sqlite:///{store}")
    assert terminal("register", "model", "--name", "base", "--from-scratch").code == 0
    for command in ("import", "sync"):
        refused = terminal("mlflow", command, code=4)
        assert "feedfacecafe" in refused.err
        assert "Traceback" not in refused.err
    assert store.read_bytes() == before
    assert len(terminal("ls", "--json").json) == 1


def test_a_store_that_somebody_else_holds_is_said_and_done_later(terminal: Terminal, store: Path) -> None:
    terminal("init", "--mlflow", f"sqlite:///{store}")
    terminal("register", "model", "--name", "base", "--from-scratch")
    holder = sqlite3.connect(store, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    refused = terminal("mlflow", "sync", code=4)
    assert "locked" in refused.err
    holder.rollback()
    holder.close()
    assert terminal("mlflow", "sync", "--json").json["failed"] == []


def test_a_store_that_may_only_be_read_is_said_and_left_as_it_is(
    terminal: Terminal, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal("init", "--mlflow", f"sqlite:///{store}")
    terminal("register", "model", "--name", "base", "--from-scratch")
    terminal("mlflow", "sync")
    terminal("register", "model", "--name", "late", "--from-scratch")
    with _may_only_be_read(store) as place:
        monkeypatch.chdir(place.parent.parent / "ours")
        before = place.read_bytes()
        terminal("mlflow", "import", "--uri", f"sqlite:///{place}", "--dry-run")
        refused = terminal("mlflow", "sync", "--uri", f"sqlite:///{place}", code=4)
        assert f"cannot open the MLflow store {place}: Permission denied" in refused.err
        assert place.read_bytes() == before
    monkeypatch.chdir(store.parent)
    assert terminal("mlflow", "sync", "--json").json["failed"] == []


@contextmanager
def _may_only_be_read(store: Path) -> Iterator[Path]:
    """A copy of a store where nobody may write, with us as somebody whom that concerns; beside it, in ``ours``, all that was beside it."""
    us = os.geteuid()
    with TemporaryDirectory() as name:
        root = Path(name)
        shutil.copytree(store.parent, root / "ours")
        place = root / "theirs" / store.name
        place.parent.mkdir()
        shutil.copy(store, place)
        place.chmod(0o444)
        place.parent.chmod(0o555)
        if us == 0:
            for path in (root, *root.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield place
        finally:
            os.seteuid(us)
            place.parent.chmod(0o755)
