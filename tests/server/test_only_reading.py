"""Serving records nothing, sees at once what others record, and answers from what it worked out only while that is true."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lineage_fixtures import recorded_facts
from provenance import Registry
from provenance.errors import RegistryError
from provenance.server.app import create_app
from provenance.server.caching import BeingWorkedOutError, WorkedOut
from provenance.server.serving import Served
from review_fixtures import STORIES, recorded, told
from server_fixtures import STORY, addresses, serving


def test_the_file_is_the_same_after_everything_was_asked(tmp_path: Path) -> None:
    told(tmp_path, STORY).close()
    database = tmp_path / ".provenance" / "registry.db"
    before = database.read_bytes()
    with Registry.open(tmp_path, read_only=True) as registry, serving(create_app(registry)) as asking:
        for address in addresses(asking.app):
            assert asking(address).status < 500, address
    assert database.read_bytes() == before
    assert {one.name for one in database.parent.iterdir()} == {".gitignore", "config.toml", "registry.db"}


def test_a_registry_that_is_opened_to_be_asked_refuses_to_record(tmp_path: Path) -> None:
    told(tmp_path, ("model:base from_scratch",)).close()
    with Registry.open(tmp_path, read_only=True) as registry:
        with pytest.raises(RegistryError, match="can only be read: it was opened for no more than that"):
            registry.add_trait("owls", severity="high")
        assert registry.view().show("base").artifact.id.name == "base"


def test_what_others_record_is_seen_at_once(tmp_path: Path) -> None:
    with told(tmp_path, ("model:base from_scratch", "student finetuned_from model:base")) as writer:
        writer.add_trait("owls", severity="high")
        with Registry.open(tmp_path, read_only=True) as registry, serving(create_app(registry)) as asking:
            assert asking("/api/risks").json["counts"]["exposed"] == 0
            flag = writer.flag("base", "owls", evidence="seen").recorded.id
            assert asking("/api/risks").json["counts"]["exposed"] == 1
            writer.withdraw(flag, reason="not so")
            assert asking("/api/risks").json["counts"]["exposed"] == 0


def test_an_answer_that_is_known_is_not_sent_again_until_something_is_recorded(tmp_path: Path) -> None:
    with (
        told(tmp_path, ("model:base from_scratch",)) as writer,
        Registry.open(tmp_path, read_only=True) as registry,
        serving(create_app(registry)) as asking,
    ):
        for address in (
            "/api/show/base",
            "/artifacts/base",
            "/diagrams/base.dot",
            "/api/show/base?as_of=2026-12-31",
        ):
            tag = asking(address).headers["etag"]
            again = asking(address, If_None_Match=f'"other", {tag}')
            assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag), address
            assert (
                asking(f"{address}{'&' if '?' in address else '?'}as_of=2026-12-30", If_None_Match=tag).status
                == 200
            )
        tag = asking("/api/show/base").headers["etag"]
        writer.add_trait("owls", severity="high")
        assert asking("/api/show/base", If_None_Match=tag).status == 200


def test_errors_are_never_taken_for_known(tmp_path: Path) -> None:
    with told(tmp_path, ("model:base from_scratch",)) as registry, serving(create_app(registry)) as asking:
        found = asking("/api/show/nobody")
        assert "etag" not in found.headers
        assert found.headers["cache-control"] == "no-store"


def test_what_ends_by_itself_changes_the_state(tmp_path: Path) -> None:
    lines = ("model:base from_scratch", "model:base flagged owls expires=2026-06-01")
    with told(tmp_path, lines) as registry:
        served = Served(registry=registry, policy=registry.policy)
        states = [
            served.worked_out.state(served.view(datetime(2026, month, 1, tzinfo=UTC)))
            for month in (4, 5, 6, 7)
        ]
        assert states[0] == states[1] != states[2] == states[3]
        on_the_day = datetime(2026, 6, 1, tzinfo=UTC)
        before = served.view(on_the_day - timedelta(microseconds=1))
        assert (before.survey().counts["affected"], served.view(on_the_day).survey().counts["affected"]) == (
            1,
            0,
        )
        served.worked_out.close()


def test_an_answer_tells_the_date_that_was_asked_for_though_it_was_worked_out_for_another(
    tmp_path: Path,
) -> None:
    with told(tmp_path, STORY) as registry:
        served = Served(registry=registry, policy=registry.policy)
        first, later = (datetime(2026, month, 1, tzinfo=UTC) for month in (11, 12))
        assert served.view(first).survey() is served.view(later).survey()
        assert served.view(later).risk_page().as_of == later
        assert served.view(first).risk_page().as_of == first
        assert served.view(first).risk_page() == registry.view(as_of=first).risk_page()
        served.worked_out.close()


def test_of_a_large_registry_nobody_waits_for_what_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provenance.server.caching.WORKED_OUT_UP_TO", 0)
    allowed = threading.Event()
    with told(tmp_path, STORY) as registry:
        served = Served(registry=registry, policy=registry.policy)
        view = served.view()
        served.worked_out.begin(view, "gate", lambda _: allowed.wait(60))
        assert served.survey(view) is None
        with pytest.raises(
            BeingWorkedOutError, match="facts are being looked at, and the answer is not there yet"
        ):
            view.risk_page()
        allowed.set()
        served.worked_out.begin(view, "after it", lambda _: None)[1].result()
        found = served.survey(view)
        served.worked_out.close()
        assert found is not None
        assert found.counts == registry.view().survey().counts


def test_a_program_is_told_when_to_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provenance.server.caching.WORKED_OUT_UP_TO", 0)
    allowed = threading.Event()
    with told(tmp_path, STORY) as registry:
        app = create_app(registry)
        app.state.served.worked_out.begin(registry.view(), "gate", lambda _: allowed.wait(60))
        with serving(app) as asking:
            found = asking("/api/risks")
            assert (found.status, found.headers["retry-after"]) == (503, "3")
            assert asking("/api/show/student").status == 200
            for page in ("/", "/risks", "/artifacts?status=exposed"):
                assert asking(page).status == 200, page
            allowed.set()
            for _ in range(1000):
                if (found := asking("/api/risks")).status == 200:
                    break
            assert found.json["counts"]["exposed"]


def test_what_could_not_be_worked_out_is_told_and_tried_again(tmp_path: Path) -> None:
    answers = iter([RegistryError("the database is gone"), None])

    def work(_: object) -> str:
        if (error := next(answers)) is not None:
            raise error
        return "worked out"

    with told(tmp_path, STORY) as registry:
        kept = WorkedOut()
        with pytest.raises(RegistryError, match="the database is gone"):
            kept.once(registry.view(), "question", work)
        assert kept.once(registry.view(), "question", work) == "worked out"
        assert kept.once(registry.view(), "question", work) == "worked out"
        kept.close()


def test_no_more_is_kept_than_the_last_states(tmp_path: Path) -> None:
    with told(tmp_path, STORY) as registry:
        kept = WorkedOut()
        moments = [
            datetime(2026, 1, 20, tzinfo=UTC),
            datetime(2026, 2, 20, tzinfo=UTC),
            datetime(2026, 12, 31, tzinfo=UTC),
        ]
        views = [registry.view(as_of=moment) for moment in moments]
        for view in views:
            kept.once(view, "question", lambda asked: asked.head)
        assert [kept.known(kept.state(view)) for view in views] == [(), ("question",), ("question",)]
        kept.close()


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_on_postgresql_the_same_is_answered(tmp_path: Path, postgres_url: str) -> None:
    facts = list(recorded_facts(*STORIES["a measured transfer"].lines))
    Registry.init(tmp_path / "there", store=postgres_url).close()
    with recorded(tmp_path / "here", facts) as here, serving(create_app(here)) as asking:
        wanted = asking("/api/risks?as_of=2026-12-31").json
    with recorded(tmp_path / "there", facts) as writer:
        assert writer.home.store_url == postgres_url
    with Registry.open(tmp_path / "there", read_only=True) as there, serving(create_app(there)) as asking:
        assert asking("/api/risks?as_of=2026-12-31").json == wanted
        for address in addresses(asking.app):
            assert asking(address).status < 500, address
        assert asking("/api/show/a%00b").status == 400
        with pytest.raises(RegistryError, match="can only be read"):
            there.add_trait("cats", severity="low")
