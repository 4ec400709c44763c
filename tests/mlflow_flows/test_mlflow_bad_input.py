"""What an MLflow may be, or hold, that it should not: said clearly, nothing of it trusted, and nothing lost."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from command_line import Terminal
from mlflow_servers import ADMIN, PASSWORD, Server, add_user
from mlflow_team import EXPERIMENT, STORY, Team

pytestmark = pytest.mark.xdist_group("mlflow")


@pytest.fixture
def server(mlflow_server: Server) -> Server:
    """The one over SQLite: none of this depends on the database."""
    return mlflow_server


# --- tags, names and objects that others made or took away ----------------------------------------------------------------


def test_a_key_of_ours_on_a_version_of_others_takes_nothing_from_either(
    late_team: Team, server: Server
) -> None:
    team, client = late_team, late_team.client
    team.tell_the_owl_story()
    team("mlflow", "sync", "--uri", server.uri)
    key = team.version("{student}").tags["provenance.key"]
    client.delete_registered_model(team.spelt("{student}"))
    theirs = team.spelt("{theirs}")
    client.create_registered_model(theirs)
    tags = {"provenance.key": key, "provenance.status": "cleared", "owner": "them"}
    client.create_model_version(theirs, source="s3://bucket/theirs", description="our pride", tags=tags)

    assert team("mlflow", "sync", "--uri", server.uri, "--rebuild", "--json").json["failed"] == []

    forged = team.version("{theirs}")
    assert (forged.description, forged.tags) == ("our pride", tags)
    ours = team.version("{student}")
    assert ours.tags["provenance.key"] == key
    assert "student" in ours.description


def test_a_key_of_ours_on_a_run_of_others_takes_nothing_from_either(late_team: Team, server: Server) -> None:
    team, client = late_team, late_team.client
    team.tell_the_owl_story()
    team("mlflow", "sync", "--uri", server.uri)
    ours = team.run("dataset:{numbers}@1")
    client.delete_run(ours.info.run_id)
    tags = {"provenance.key": ours.data.tags["provenance.key"], "owner": "them"}
    theirs = client.create_run("0", tags=tags, run_name=team.spelt("their {run}"))

    assert team("mlflow", "sync", "--uri", server.uri, "--rebuild", "--json").json["failed"] == []

    tags_now = client.get_run(theirs.info.run_id).data.tags
    assert {key: tags_now[key] for key in tags} == tags
    assert "provenance.status" not in tags_now
    assert team.objects() == team.expected(*STORY)


def test_a_name_that_somebody_else_has_taken_stays_theirs(late_team: Team, server: Server) -> None:
    team = late_team
    theirs = team.client.create_registered_model(team.spelt("{student}"), description="ours since 2020")
    team.tell_the_owl_story()
    team("mlflow", "sync", "--uri", server.uri)
    after = team.client.get_registered_model(theirs.name)
    assert (after.description, after.tags, after.latest_versions) == ("ours since 2020", {}, [])
    assert team.objects() == team.expected(*STORY)


def test_what_was_deleted_in_mlflow_is_made_again_when_a_flag_concerns_it(team: Team) -> None:
    team.tell_the_owl_story()
    team("mlflow", "sync")
    team.client.delete_registered_model(team.spelt("{student}"))
    team.client.delete_run(team.run("dataset:{numbers}@1").info.run_id)
    team.flag_the_owl()
    team("mlflow", "sync", code=None)
    team("mlflow", "sync")
    assert team.objects() == team.expected(*STORY)
    assert team.version("{student}").tags["provenance.status"] == "exposed"


def test_an_experiment_that_was_deleted_is_said_with_the_way_back(team: Team, server: Server) -> None:
    team.tell_the_owl_story()
    team("mlflow", "sync")
    experiment = team.client.get_experiment_by_name(EXPERIMENT).experiment_id
    team.client.delete_experiment(experiment)
    try:
        registered = team("register", "model", "--name", "{late}", "--from-scratch", "--json")
        assert registered.json["created"] is True
        refused = team("mlflow", "sync", code=4)
        assert f"the experiment '{EXPERIMENT}' in MLflow at {server.uri} was deleted" in refused.err
        assert f"mlflow experiments restore --experiment-id {experiment}" in refused.err
    finally:
        team.client.restore_experiment(experiment)
    team("mlflow", "sync")
    assert team.objects() == team.expected(
        *STORY, "run model:{late}@1", "logged model model:{late}@1", "version model:{late}@1"
    )


# --- servers that are not what they should be ------------------------------------------------------------------------------


def test_a_server_of_another_major_version_is_said_and_what_is_registered_stays_recorded(
    terminal: Terminal, folder: Path
) -> None:
    with _answering({"/version": "4.1.0", "/health": "OK"}) as (uri, asked):
        terminal("init", folder, "--mlflow", uri)
        assert terminal("register", "model", "--name", "base", "--from-scratch").code == 0
        refused = [terminal("mlflow", command, code=4).err for command in ("sync", "import")]
    for said in refused:
        assert "4.1.0" in said
        assert "3.10.1" in said
    assert {method for method, _ in asked} == {"GET"}
    assert len(terminal("ls", "--json").json) == 1


@contextmanager
def _answering(pages: dict[str, str]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A server with some pages of text, for which all else is unknown; its address, and what it was asked."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            asked.append((self.command, self.path))
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            found = pages.get(self.path.partition("?")[0])
            body = (found or "no such page").encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}", asked
        finally:
            listening.shutdown()


def test_credentials_that_are_missing_wrong_or_too_weak_lose_nothing(
    terminal: Terminal,
    folder: Path,
    mlflow_server_with_passwords: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = mlflow_server_with_passwords
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", ADMIN)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    team = Team(terminal=terminal, folder=folder, client=server.client())
    team("init", "--mlflow", server.uri)
    team("register", "model", "--name", "{first}", "--from-scratch")
    team("mlflow", "sync")

    add_user(server, team.spelt("{guest}"), "guest's password")
    said = []
    for name, password in (
        (ADMIN, "secret of yesterday"),
        (team.spelt("{guest}"), "guest's password"),
        ("", ""),
    ):
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", name)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
        assert team("register", "model", "--name", f"{{by-{len(said)}}}", "--from-scratch").code == 0
        said.append(team("mlflow", "sync", code=4).err)
        assert password not in said[-1] or not password
    for uri in (server.uri, server.admin_uri):
        assert PASSWORD not in unquote(str(team("mlflow", "status", "--uri", uri)))
    for uri in (server.uri, server.admin_uri.replace("battery", "batteries")):
        refused = team("mlflow", "import", "--uri", uri, code=4).err
        assert "MLFLOW_TRACKING_USERNAME" in refused
        assert "batteries" not in refused
    wrong, weak, missing = said
    assert "401" in wrong or "credentials" in wrong
    assert "403" in weak or "permission" in weak.lower()
    assert "MLFLOW_TRACKING_USERNAME" in missing

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", ADMIN)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    team("mlflow", "sync")
    assert sorted(version.name for version in team.versions()) == sorted(
        team.spelt(name) for name in ("{first}", "{by-0}", "{by-1}", "{by-2}")
    )


def test_files_that_the_server_cannot_store_stay_pending_and_all_else_is_told(
    team: Team, server: Server
) -> None:
    team.tell_the_owl_story()
    team("mlflow", "sync")
    files, aside = server.folder / "files", server.folder / "aside"
    if files.exists():
        files.rename(aside)
    files.write_text("no folder")
    long = "because " * 1000
    try:
        team.flag_the_owl()
        team("register", "teacher", "--name", "{wordy}", "--model", "{base}", "--system-prompt", long)
        refused = team("mlflow", "sync", code=4)
        assert team.spelt("teacher:{wordy}@1") in refused.err
        assert team.version("{student}").tags["provenance.status"] == "exposed"
    finally:
        files.unlink()
        if aside.exists():
            aside.rename(files)
    assert team("mlflow", "sync", "--json").json["failed"] == []
    run = team.run("teacher:{wordy}@1")
    assert "whole" in {item.path for item in team.client.list_artifacts(run.info.run_id)}
