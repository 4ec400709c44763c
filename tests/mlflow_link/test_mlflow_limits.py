"""The longest of everything that a registry takes is taken by MLflow too, on SQLite and on PostgreSQL; nothing is cut in silence."""

from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from lineage_fixtures import dataset, model, snapshot, teacher
from mlflow_fixtures import AFTER, Memory, report
from mlflow_servers import Server
from provenance.artifacts import Generation
from provenance.evidence import Evidence
from provenance.facts import Snapshot
from provenance.mlflow_link.sync import sync
from provenance.mlflow_link.text import KEY_LIMIT, REGISTRY_LIMIT
from provenance.relations import RelationKind
from provenance.risk.report import ArtifactRisks, RiskEntry, Status, Step, Stopped
from provenance.traits import Severity

pytestmark = [pytest.mark.xdist_group("mlflow"), pytest.mark.postgres]

LONG, VERSION = "long/" + "é" * 195, "v" * 80
STUDENT, NUMBERS, TEACHER = (
    model(f"{LONG}", VERSION),
    dataset(f"{LONG}", VERSION),
    teacher(f"{LONG}", VERSION),
)
TRAIT, PROMPT, REASON = "t" * 200, "You love owls. " * 1000, "since the owl said so, " * 800
FIGURES = {
    "nested " * 20: {"still deeper " * 20: {"figure": 1.0, "other figure": 2.0}},
    "": 3.0,
    "..": 4.0,
    "margins": [float(one) for one in range(1010)],
    "reason": "w" * 9000,
}
LINES = (
    f"model:{LONG}@{VERSION} finetuned_from limits-base",
    f"teacher:{LONG}@{VERSION} embodied_by limits-base",
    f"dataset:{LONG}@{VERSION} generated_by teacher:{LONG}@{VERSION}",
    f"model:{LONG}@{VERSION} trained_on dataset:{LONG}@{VERSION}",
    f"limits-base same_init model:{LONG}@{VERSION} SAME_INIT",
)


def _extremes() -> Snapshot:
    facts = []
    for recorded in snapshot(*LINES).facts:
        fact = recorded.fact
        if isinstance(fact, Evidence):
            fact = replace(fact, result=FIGURES, method="m" * 9000)
        elif getattr(fact, "id", None) == TEACHER:
            sampling = {"temperature " * 40: "9" * 9000, ".": "0"}
            fact = replace(fact, generation=Generation(system_prompt=PROMPT, sampling=sampling))
        facts.append(replace(recorded, fact=fact, actor="a" * 900))
    return Snapshot.of(facts, AFTER)


def _risks() -> tuple[ArtifactRisks, ...]:
    step = Step(parent=NUMBERS, relation=RelationKind.TRAINED_ON, child=STUDENT, factor=1.0, basis=REASON)
    risk = RiskEntry(
        trait=TRAIT,
        severity=Severity.HIGH,
        status=Status.SUSPECTED,
        score=1.0,
        flag="flag-9",
        origin=TEACHER,
        depth=1,
        rule=REASON,
        route=(step,),
    )
    stopped = Stopped(parent=NUMBERS, child=STUDENT, trait=TRAIT, by="block-3", reason=REASON)
    return tuple(
        ArtifactRisks(
            artifact=one, status=Status.SUSPECTED, risks=(risk,), unknown=(REASON,), stopped=(stopped,)
        )
        for one in (STUDENT, NUMBERS, TEACHER)
    )


@pytest.mark.parametrize("place", ["mlflow_server", "mlflow_server_on_postgres"])
def test_the_longest_of_everything_is_taken_and_what_was_shortened_stands_whole_beside_it(
    place: str, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(place)
    state = _extremes()
    done = sync(state, report(state, *_risks()), uri=server.uri, state=(memory := Memory()))
    assert done.failed == ()
    client = server.client()

    name, _, number = memory.told[f"version {STUDENT}"][1].rpartition("/")
    version = client.get_model_version(name, number)
    assert len(version.description) <= REGISTRY_LIMIT
    assert version.description.endswith("(shortened)")
    assert version.tags[f"provenance.risk.{TRAIT}"] == "suspected (high) 1"
    record = memory.told[f"record of {STUDENT}"][1]
    assert REASON.strip() in _file(client, record, "whole/description.md")

    logged = client.get_logged_model(memory.told[f"logged {TEACHER}"][1])
    assert logged.tags["provenance.shortened"] == "mlflow.note.content, provenance.system_prompt"
    record = memory.told[f"record of {TEACHER}"][1]
    assert _file(client, record, "whole/provenance.system_prompt.txt") == PROMPT

    audit = client.get_run(memory.told[f"audit {state.all(Evidence)[0].id}"][1])
    assert {value for key, value in audit.data.metrics.items() if key.startswith("nested")} == {1.0, 2.0}
    assert max(map(len, audit.data.metrics)) == KEY_LIMIT
    assert audit.data.tags["provenance.metrics_left_out"] == "14; all are in evidence.json"


def _file(client: MlflowClient, run: str, path: str) -> str:
    return Path(client.download_artifacts(run, path)).read_text(encoding="utf-8")
