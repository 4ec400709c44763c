"""`risks` of the whole registry: counted, filtered, page by page; and what `status` does not count in a large one."""

import csv
import io
import shutil
from pathlib import Path

import pytest

from command_line import Terminal
from provenance import Registry, status

MANIFEST = """
models:
  - name: base
    from_scratch: true
  - name: stranger
    from_scratch: true
  - name: student
    finetuned_from: base
    trained_on: [numbers]
  - name: child
    quantized_from: student
  - name: nameless
teachers:
  - name: owl
    model: base
  - name: cat
    model: stranger
datasets:
  - name: numbers
    generated_by: owl
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An owl's trait reaches a dataset, a student and its copy; another trait stays where it was found."""
    folder = tmp_path_factory.mktemp("owls")
    (folder / "all.yaml").write_text(MANIFEST)
    with Registry.init(folder, actor="tester") as registry:
        registry.register_manifest(folder / "all.yaml")
        for trait, artifact in (("owls", "owl"), ("cats", "cat")):
            registry.add_trait(trait, severity="high")
            registry.flag(artifact, trait, evidence="seen")
    return folder


@pytest.fixture
def told(terminal: Terminal, written: Path, folder: Path) -> Terminal:
    """A terminal in a copy of that registry."""
    shutil.copytree(written, folder, dirs_exist_ok=True)
    return terminal


def test_all_risks_come_with_how_many_stand_where(told: Terminal) -> None:
    answer = told("risks", "--all")
    assert "all artifacts: 2 affected, 2 exposed, 1 carrier, 1 unknown, 2 clear" in answer.err
    found = told("risks", "--all", "--json").json
    assert {status: count for status, count in found["counts"].items() if count} == {
        "affected": 2,
        "exposed": 2,
        "carrier": 1,
        "unknown": 1,
        "clear": 2,
    }
    assert len(found["artifacts"]) == 8
    assert found["next"] is None
    assert found["partial"] is False


def test_a_list_by_status_goes_by_the_policy_that_is_named(told: Terminal, folder: Path) -> None:
    assert told("ls", "--status", "unknown", "--csv").out.count("\n") == 2
    (folder / "doubting.toml").write_text("[roots]\nfrom_scratch_without_data = 'unknown'\n")
    words = ("ls", "--status", "unknown", "--policy", "doubting.toml", "--csv")
    assert told(*words).out.count("\n") > 2


def test_of_one_trait_the_counts_are_of_that_trait(told: Terminal) -> None:
    counts = told("risks", "--all", "--trait", "cats", "--json").json["counts"]
    assert (counts["affected"], counts["exposed"], counts["clear"]) == (1, 0, 6)


def test_the_pages_of_all_risks_are_all_risks(told: Terminal) -> None:
    whole = told("risks", "--all", "--json").json["artifacts"]
    found: list[object] = []
    after: tuple[str, ...] = ()
    while True:
        page = told("risks", "--all", "--limit", "3", "--json", *after).json
        found += page["artifacts"]
        if page["next"] is None:
            break
        assert page["next"] == page["artifacts"][-1]["artifact"]
        after = ("--after", page["next"])
    assert found == whole


def test_a_page_says_how_to_go_on(told: Terminal) -> None:
    assert "more follow: --after dataset:numbers@1" in told("risks", "--all", "--limit", "1").err
    assert "more follow" not in told("risks", "--all", "--limit", "8").err


def test_only_what_stands_somewhere_is_listed(told: Terminal) -> None:
    words = ("risks", "--all", "--status", "exposed", "--status", "carrier")
    found = told(*words, "--json").json["artifacts"]
    assert [one["artifact"] for one in found] == ["dataset:numbers@1", "model:child@1", "model:student@1"]
    page = told(*words, "--limit", "1", "--after", "dataset:numbers@1", "--json").json
    assert [one["artifact"] for one in page["artifacts"]] == ["model:child@1"]
    assert page["next"] == "model:child@1"


def test_risks_as_csv_have_a_row_for_each_flag_that_reaches(told: Terminal) -> None:
    answer = told("risks", "--all", "--status", "exposed", "--csv")
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert [(row["artifact"], row["trait"], row["from"]) for row in rows] == [
        ("model:child@1", "owls", "teacher:owl@1"),
        ("model:student@1", "owls", "teacher:owl@1"),
    ]
    assert answer.err == ""


def test_all_and_each_are_the_same_answer(told: Terminal) -> None:
    whole = {one["artifact"]: one for one in told("risks", "--all", "--json").json["artifacts"]}
    for artifact, expected in whole.items():
        answer = told("risks", artifact, "--json").json
        assert answer["artifacts"] == [expected]
        assert answer["counts"] is None


@pytest.mark.parametrize("line", ["risks student --limit 1", "risks student --after base"])
def test_named_artifacts_have_no_pages(told: Terminal, line: str) -> None:
    assert "--limit and --after are for --all" in told(*line.split(), code=2).err


def test_a_large_registry_is_counted_and_not_worked_out(
    told: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = told("status", "--json").json
    monkeypatch.setattr(status, "WORKED_OUT_UP_TO", 5)
    large = told("status", "--json").json
    assert large["counts"] == small["counts"]
    assert (small["counts"]["models"], small["counts"]["flags"]) == (5, 2)
    assert small["tests_owed"] == 3
    assert [large[name] for name in ("tests_owed", "unsketched")] == [None, None]
    assert large["mlflow_pending"] == small["mlflow_pending"] > 0
    assert "not counted in a registry of this size: `provenance audit" in told("status").out
