"""Trainings in processes of their own: what is loaded, what a kill leaves, and several ranks."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from provenance import Registry
from tracking_fixtures import lineage

TRAINING = """
import signal, sys, time
import provenance
from tracking_fixtures import trained

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have it ignored
with provenance.track("student", finetuned_from="base", trained_on="numbers") as run:
    trained(run.output("out"), seed=1)
    print("training", flush=True)
    time.sleep(float(sys.argv[1]))
"""


def python(code: str, *words: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | environment,
    )


def test_tracking_loads_none_of_the_heavy_libraries(known: Registry, folder: Path) -> None:
    code = """
import sys
import provenance
loaded = lambda: sorted({"mlflow", "torch", "transformers", "peft", "sqlmodel", "scipy.stats", "networkx"} & sys.modules.keys())
provenance.track
print(loaded())
from tracking_fixtures import trained
with provenance.track("student", finetuned_from="base") as run:
    trained(run.output("out"), seed=1)
print(sorted({"mlflow", "torch", "transformers", "peft"} & sys.modules.keys()))
"""
    out, err = python(code).communicate(timeout=60)
    assert out.splitlines() == ["[]", "[]"], err
    assert lineage(known, "student") == {"finetuned_from model:base@1"}
    assert (folder / "out").is_dir()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_training_that_is_killed_leaves_nothing_half_done(
    known: Registry, folder: Path, sent: signal.Signals
) -> None:
    head = known.head()
    process = python(TRAINING, "60")
    assert process.stdout is not None
    assert process.stdout.readline() == "training\n"
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert ("interrupted (KeyboardInterrupt)" in err) == (sent is signal.SIGINT)
    assert known.head() == head
    assert not list(folder.rglob("*.provenance.yaml"))


@pytest.mark.usefixtures("folder")
def test_of_several_ranks_the_first_records(known: Registry) -> None:
    processes = [python(TRAINING, "0", RANK=str(rank), LOCAL_RANK=str(rank)) for rank in (0, 1)]
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert ["registered model:student@1" in one for one in said] == [True, False]
    assert said[1] == ""
    assert lineage(known, "student") == {"finetuned_from model:base@1", "trained_on dataset:numbers@1"}
