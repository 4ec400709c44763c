"""Many processes write at once, and some are killed: nothing is lost, no chain breaks, no transaction is seen in part."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provenance.store import Ledger

WRITERS = 8
TRANSACTIONS = 12

WRITE = """
import sys
from provenance.artifacts import Artifact, ArtifactId, ArtifactKind
from provenance.relations import Relation, RelationKind
from provenance.store import Ledger

url, writer, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
ledger = Ledger.open(url)
for turn in range(count):
    base = ArtifactId(ArtifactKind.MODEL, f"base-{writer}-{turn}")
    tuned = ArtifactId(ArtifactKind.MODEL, f"tuned-{writer}-{turn}")
    with ledger.transaction(writer) as transaction:
        transaction.append(Artifact(id=base))
        transaction.append(Artifact(id=tuned))
        transaction.append(Relation(child=tuned, kind=RelationKind.FINETUNED_FROM, parent=base))
    print(turn, flush=True)
"""


def start(url: str, writer: str, count: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", WRITE, url, writer, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_eight_processes_at_once_lose_nothing_and_break_no_chain(store_url: str) -> None:
    ledger = Ledger.open(store_url, create=True)
    writers = [start(store_url, str(number), TRANSACTIONS) for number in range(WRITERS)]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors.decode()
    found = ledger.verify()
    assert found.ok, found.problems
    assert found.entries == WRITERS * TRANSACTIONS * 3
    names = {str(one) for one in ledger.names()}
    assert names == {
        f"model:{kind}-{writer}-{turn}@1"
        for kind in ("base", "tuned")
        for writer in range(WRITERS)
        for turn in range(TRANSACTIONS)
    }
    ledger.close()


def test_processes_killed_at_any_moment_leave_whole_transactions_only(store_url: str) -> None:
    """Each acknowledged transaction is there, at most one more of each process is, and the chain holds."""
    ledger = Ledger.open(store_url, create=True)
    moments = random.Random(7)
    for victim in range(6):
        process = start(store_url, f"victim-{victim}", 10_000)
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"0\n"
        time.sleep(moments.uniform(0, 0.15))
        os.kill(process.pid, signal.SIGKILL)
        acknowledged = 1 + len(process.stdout.read().splitlines())
        process.wait()
        process.stdout.close()
        process.stderr.close()
        found = ledger.verify()
        assert found.ok, found.problems
        assert found.entries % 3 == 0
        written = sum(1 for one in ledger.names() if one.name.startswith(f"tuned-victim-{victim}-"))
        assert acknowledged <= written <= acknowledged + 1
    ledger.close()
    reopened = Ledger.open(store_url)
    assert reopened.verify().ok
    reopened.close()


@pytest.mark.parametrize("pause", [0.0, 0.02, 0.05, 0.1])
def test_a_process_killed_while_it_makes_a_registry_leaves_one_that_can_be_made_again(
    tmp_path: Path, pause: float
) -> None:
    from provenance import Registry

    script = (
        "import sys; from provenance import Registry; print('go', flush=True); Registry.init(sys.argv[1])"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.4 + pause)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with Registry.init(tmp_path) as registry:
        assert registry.verify().ok
