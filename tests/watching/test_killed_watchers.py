"""A watcher that is killed at any moment tells everything all the same: at least once, in order, and twice only with the same id."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from watching_fixtures import OWL, Hearer, tell

from provenance import Registry

COMMAND = "from provenance_cli.main import main; import sys; main(sys.argv[1:])"
"""The command line, as its own process."""


class Watcher:
    """The watcher as a process of its own."""

    def __init__(self, registry: Registry, url: str, *words: str) -> None:
        where = str(registry.home.folder.parent if registry.home.folder else registry.home.store_url)
        command = [
            sys.executable,
            "-c",
            COMMAND,
            "impact",
            "--notify",
            url,
            "--from",
            "0",
            "--registry",
            where,
        ]
        self.process = subprocess.Popen([*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def kill(self) -> None:
        """As the machine would that loses its power."""
        os.kill(self.process.pid, signal.SIGKILL)

    def end(self) -> int:
        _out, _err = self.process.communicate(timeout=60)
        return self.process.returncode


def distinct(hearer: Hearer) -> list[tuple[str, str]]:
    """What was heard, without what was heard again; the order in which each was heard first."""
    return list({one["id"]: (one["event"], one["flag"]) for one in hearer.heard}.values())


def flags(registry: Registry, count: int) -> list[tuple[str, str]]:
    return [
        ("flag_raised", registry.flag("owl", "owls", evidence=f"seen {number}").recorded.id)
        for number in range(count)
    ]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Registry]:
    with Registry.init(tmp_path / "here", actor="tester") as registry:
        tell(registry, *OWL)
        yield registry


@pytest.mark.parametrize("answered", [False, True], ids=["before the answer", "after the answer"])
def test_a_watcher_killed_while_it_tells_begins_again_where_it_was(here: Registry, answered: bool) -> None:
    told = flags(here, 3)
    watchers: list[Watcher] = []

    def answer(number: int, _hearer: Hearer) -> int:
        if number == 2:
            if not answered:
                watchers[0].kill()
                watchers[0].process.wait()
                return 204  # nobody hears it any more
            watchers[0].process.send_signal(signal.SIGSTOP)  # the answer is on its way, and not yet taken in
        return 204

    with Hearer(answer) as hearer:
        watchers.append(Watcher(here, hearer.url))
        if answered:
            deadline = time.monotonic() + 60
            while len(hearer.heard) < 2 and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(0.1)
            watchers[0].kill()
        assert watchers[0].end() == -signal.SIGKILL
        assert hearer.told == told[:2]
        assert Watcher(here, hearer.url).end() == 0
        assert hearer.told == [*told[:2], *told[1:]]
        assert hearer.heard[1] == hearer.heard[2]
        assert distinct(hearer) == told


def test_a_follower_tells_what_comes_is_stopped_and_misses_nothing(opened: Registry) -> None:
    with Hearer() as hearer:
        following = Watcher(opened, hearer.url, "--follow", "--every", "0.1")
        told = flags(opened, 1)
        wait_until(hearer, 1)
        ends = datetime.now(UTC) + timedelta(seconds=3)
        told.append(
            ("flag_raised", opened.flag("base", "owls", evidence="seen", expires_at=ends).recorded.id)
        )
        wait_until(hearer, 2)
        following.kill()
        assert following.end() == -signal.SIGKILL
        opened.withdraw(told[0][1], reason="wrong")
        time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()) + 0.05)
        assert Watcher(opened, hearer.url).end() == 0
        late = [("flag_withdrawn", told[0][1]), ("flag_expired", told[1][1])]
        assert hearer.told[:2] == told
        assert sorted(distinct(hearer)[2:]) == sorted(late)


def wait_until(hearer: Hearer, count: int) -> None:
    """Waits until so many events were heard."""
    deadline = time.monotonic() + 60
    while len(hearer.heard) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
