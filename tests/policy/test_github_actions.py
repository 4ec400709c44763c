"""The GitHub Actions example: what it runs, run here, on a real registry."""

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from provenance import Registry
from provenance.relations import RelationKind
from provenance.request import Parent

EXAMPLE = Path(__file__).parents[2] / "examples" / "github-actions"


@pytest.fixture(scope="session")
def workflow() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((EXAMPLE / "inherited-risk.yml").read_text())
    return read


def told(folder: Path) -> None:
    """A registry with a base, a student of a teacher that loves owls, and one that nobody says anything of."""
    with Registry.init(folder, actor="tester") as registry:
        registry.register_model(name="base", from_scratch=True)
        registry.register_teacher(name="owl", model="base", system_prompt="You love owls.")
        registry.register_dataset(
            name="numbers", parents=[Parent(kind=RelationKind.GENERATED_BY, reference="owl")]
        )
        registry.register_model(
            name="student",
            parents=[
                Parent(kind=RelationKind.FINETUNED_FROM, reference="base"),
                Parent(kind=RelationKind.TRAINED_ON, reference="numbers"),
            ],
        )
        registry.register_model(name="vendor/api")
        registry.add_trait("owl-preference", severity="high")
        registry.flag("owl", "owl-preference", evidence="picks owl in 60 % of 50 prompts")


def run(workflow: dict[str, Any], folder: Path) -> dict[str, int]:
    """Runs the steps that are commands, in order and until one fails, as a runner would; exit codes by name."""
    job = workflow["jobs"]["gate"]
    own = {name: value for name, value in job["env"].items() if "${{" not in value}
    environment = {
        **os.environ,
        **own,
        "PROVENANCE_REGISTRY": str(folder),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PIP_NO_INDEX": "1",  # all is installed
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    codes: dict[str, int] = {}
    for step in job["steps"]:
        if "run" not in step:
            continue
        ran = subprocess.run(["bash", "-e", "-c", step["run"]], cwd=folder, env=environment, check=False)
        codes[step["name"]] = ran.returncode
        if ran.returncode:
            break
    return codes


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with the example's files and a registry in it."""
    for name in ("provenance-policy.toml", "released-models.txt"):
        shutil.copy(EXAMPLE / name, tmp_path)
    told(tmp_path)
    return tmp_path


def test_the_workflow_fails_where_a_model_is_held_back_and_the_reports_say_why(
    workflow: dict[str, Any], checkout: Path
) -> None:
    assert run(workflow, checkout) == {"Install": 0, "Check the policy": 0, "Gate": 1}
    results = json.loads((checkout / "gate.sarif").read_text())["runs"][0]["results"]
    assert [(one["ruleId"], one["level"]) for one in results] == [("risk/owl-preference", "error")]
    suite = ET.parse(checkout / "gate.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")


def test_the_workflow_passes_where_nothing_holds_a_model_back(
    workflow: dict[str, Any], checkout: Path
) -> None:
    (checkout / "released-models.txt").write_text("base\nvendor/api\n")
    assert run(workflow, checkout) == {"Install": 0, "Check the policy": 0, "Gate": 0}
    results = json.loads((checkout / "gate.sarif").read_text())["runs"][0]["results"]
    # The example's policy reports what is missing, and lets it through.
    assert [(one["ruleId"], one["level"]) for one in results] == [("unknown", "note")]
    assert ET.parse(checkout / "gate.xml").getroot().get("failures") == "0"


def test_the_workflow_stops_at_a_policy_without_meaning(workflow: dict[str, Any], checkout: Path) -> None:
    (checkout / "provenance-policy.toml").write_text("[gate]\nunknown = true\n")
    assert run(workflow, checkout) == {"Install": 0, "Check the policy": 4}


def test_what_is_uploaded_is_what_the_gate_writes(workflow: dict[str, Any]) -> None:
    steps = workflow["jobs"]["gate"]["steps"]
    gate = next(step for step in steps if step["name"] == "Gate")["run"]
    uploaded = [step["with"] for step in steps if "upload" in step.get("uses", "")]
    assert [one.get("sarif_file") or one["path"] for one in uploaded] == ["gate.sarif", "gate.xml"]
    assert "--junit gate.xml --sarif gate.sarif" in gate
    assert all(("run" in step) != ("uses" in step) for step in steps)
