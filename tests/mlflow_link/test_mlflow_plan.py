"""What MLflow should hold, and what is still to be written; no MLflow in sight."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace

from lineage_fixtures import content_of, dataset, model
from mlflow_fixtures import NUMBERS, RESULT, STUDENT, TEACHER, Memory, inherited, report, story
from provenance.artifacts import Artifact
from provenance.facts import Recorded, Snapshot
from provenance.mlflow_link.desired import desired
from provenance.mlflow_link.objects import (
    NOTE_TAG,
    Desired,
    Links,
    LoggedModel,
    ModelVersion,
    Run,
    state_digest,
)
from provenance.mlflow_link.plan import plan
from provenance.mlflow_link.text import DATASET_DIGEST_LENGTH, REGISTRY_LIMIT


def _objects(state: Snapshot, *risks: object) -> dict[str, Desired]:
    return {item.subject: item for item in desired(state, report(state, *risks))}


def test_each_artifact_and_each_test_becomes_its_objects() -> None:
    counts = Counter(type(item).__name__ for item in _objects(story()).values())
    # 5 models, 1 teacher, 3 datasets, 2 tests.
    assert counts == {"Run": 11, "LoggedModel": 6, "RegisteredModel": 5, "ModelVersion": 5, "Links": 11}


def test_an_object_comes_after_those_that_it_refers_to() -> None:
    seen: set[str] = set()
    for item in _objects(story()).values():
        if isinstance(item, LoggedModel):
            assert item.run in seen
        if isinstance(item, ModelVersion):
            assert {item.run, item.model, item.registered} <= seen
        if isinstance(item, Links):
            assert {item.run, *item.models, *item.outputs} <= seen
        seen.add(item.subject)


def test_datasets_go_in_with_their_role_a_short_digest_and_the_whole_one_in_a_tag() -> None:
    links = _objects(story())[f"links of {STUDENT}"]
    assert isinstance(links, Links)
    (numbers,) = links.datasets
    assert numbers.tags["mlflow.data.context"] == "training"
    assert len(numbers.digest) == DATASET_DIGEST_LENGTH
    assert numbers.tags["provenance.digest"] == str(content_of(NUMBERS).digest)
    assert links.models == ("logged model:base@1",)
    assert links.outputs == (f"logged {STUDENT}",)
    mix = _objects(story())[f"links of {dataset('mix')}"]
    assert isinstance(mix, Links)
    assert [item.tags["mlflow.data.context"] for item in mix.datasets] == ["recorded", "source", "source"]


def test_the_figures_of_a_test_become_metrics_and_the_whole_stands_in_a_file() -> None:
    (audit, *_) = [item for item in _objects(story()).values() if item.subject.startswith("audit ")]
    assert isinstance(audit, Run)
    assert [(item.key, item.value, item.step) for item in audit.metrics] == [
        ("log10_p", -87.5, 0),
        ("aligned_cosine", 0.97, 0),
        ("ci.low", 0.2, 0),
        ("ci.high", 0.4, 0),
        ("margins", 0.3, 0),
        ("margins", 0.25, 1),
        ("margins", 0.35, 2),
    ]
    assert json.loads(audit.texts["evidence.json"])["evidence"]["result"] == RESULT


def test_a_flag_changes_only_the_objects_that_show_it() -> None:
    state = story()
    memory = Memory()
    for item in desired(state, report(state)):
        memory.put(item.subject, state_digest(item), "somewhere")
    assert plan(state, report(state), memory) == ()
    waiting = plan(state, report(state, *inherited("flag-24")), memory)
    assert [item.desired.subject for item in waiting] == [
        f"record of {NUMBERS}",
        f"logged {TEACHER}",
        f"version {STUDENT}",
    ]


def test_the_same_name_with_other_content_is_another_object() -> None:
    state = story()
    other = replace(state.artifacts[STUDENT].fact, content=content_of(model("other")))
    facts = [_with(recorded, other) for recorded in state.facts]
    elsewhere = Snapshot.of(facts, state.as_of)
    subject = f"version {STUDENT}"
    assert _objects(state)[subject].key != _objects(elsewhere)[subject].key


def _with(recorded: Recorded, other: Artifact) -> Recorded:
    same = isinstance(recorded.fact, Artifact) and recorded.fact.id == other.id
    return replace(recorded, fact=other) if same else recorded


def test_a_description_that_mlflow_would_refuse_is_shortened_and_kept_whole_beside_it() -> None:
    risks = inherited("flag-24", rule="because " * 1000)
    objects = _objects(story(), *risks)
    version, record = objects[f"version {STUDENT}"], objects[f"record of {STUDENT}"]
    assert isinstance(version, ModelVersion)
    assert isinstance(record, Run)
    assert REGISTRY_LIMIT - 100 < len(version.description) <= REGISTRY_LIMIT
    assert version.description.endswith("(shortened)")
    assert record.texts["whole/description.md"].count("because") == 1000
    teacher = objects[f"record of {TEACHER}"]
    assert isinstance(teacher, Run)
    assert teacher.texts["whole/mlflow.note.content.txt"].count("because") == 1000


def test_what_is_asked_for_alone_is_made_alone() -> None:
    state = story()
    everything = {item.subject: item for item in desired(state, report(state))}
    alone = desired(state, report(state), only=[STUDENT], tests=[])
    assert [item.subject for item in alone] == [
        f"record of {STUDENT}",
        f"logged {STUDENT}",
        "registered name org/student",
        f"version {STUDENT}",
        f"links of {STUDENT}",
    ]
    assert [everything[item.subject] for item in alone] == list(alone)
    (audit, links) = desired(state, report(state), only=[], tests=["evidence-21"])
    assert (audit.subject, links.subject) == ("audit evidence-21", "links of evidence-21")
    assert {item.about for item in (*alone, audit, links)} == {str(STUDENT), "evidence-21"}


def test_what_an_object_is_about_is_no_part_of_its_state_and_what_it_is_drawn_from_only_by_name() -> None:
    state = story()
    (audit, _) = desired(state, report(state), only=[], tests=["evidence-21"])
    assert isinstance(audit, Run)
    assert state_digest(audit) == state_digest(replace(audit, about="another"))
    assert state_digest(audit) != state_digest(replace(audit, pictures={"effect.png": bytes}))
    assert state_digest(replace(audit, pictures={"effect.png": bytes})) == state_digest(
        replace(audit, pictures={"effect.png": bytearray})
    )


def test_nothing_of_an_object_depends_on_what_is_recorded_elsewhere() -> None:
    state = story()
    more = story("stranger from_scratch", "stranger flagged owls", "another trait low")
    before = {item.subject: state_digest(item) for item in desired(state, report(state))}
    after = {item.subject: state_digest(item) for item in desired(more, report(more))}
    assert before.items() <= after.items()


def test_only_one_object_of_an_artifact_tells_where_it_stands_and_the_others_point_to_it() -> None:
    objects = _objects(story(), *inherited("flag-24"))
    for artifact, teller in ((STUDENT, "version"), (TEACHER, "logged")):
        told = [name for name, item in objects.items() if "provenance.status" in getattr(item, "tags", {})]
        assert f"{teller} {artifact}" in told
        assert f"record of {artifact}" not in told
        record = objects[f"record of {artifact}"]
        assert isinstance(record, Run)
        assert "not here" in record.tags[NOTE_TAG]


def test_planning_imports_no_mlflow() -> None:
    program = (
        "import sys, provenance.mlflow_link.plan, provenance.mlflow_link.sync;"
        "sys.exit(any(name.split('.')[0] in {'mlflow', 'sqlalchemy', 'pandas'} for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_two_registries_share_the_objects_of_the_same_content_and_no_others() -> None:
    state = story()
    ours, theirs = (
        {
            item.about: item.key
            for item in desired(state, report(state), registry=registry)
            if isinstance(item, (Run, LoggedModel, ModelVersion)) and not item.about.startswith("evidence")
        }
        for registry in ("a" * 64, "b" * 64)
    )
    with_content = {str(id_) for id_, one in state.artifacts.items() if one.fact.content is not None}
    assert 0 < len(with_content) < len(ours)
    assert {about for about, key in ours.items() if theirs[about] == key} == with_content
