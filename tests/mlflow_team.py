"""A team that has a registry beside an MLflow: what it types, and what stands in MLflow afterwards by MLflow's own client."""

import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from command_line import Answer, Terminal
from provenance import Registry

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run
    from mlflow.entities.model_registry import ModelVersion

EXPERIMENT = "provenance"


@dataclass(kw_only=True)
class Team:
    """A registry in a folder, with an MLflow. A server is everybody's, so that names carry a word of this team's own.

    Args:
        terminal: Where it types.
        folder: Its registry's.
        client: MLflow's own client.
        word: What all of its names end in.
    """

    terminal: Terminal
    folder: Path
    client: "MlflowClient"
    word: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def __call__(self, *words: object, code: int | None = 0) -> Answer:
        """Types a command; names are written short, as ``{student}``, and get the team's word."""
        return self.terminal(*(self.spelt(str(word)) for word in words), code=code)

    def elsewhere(self, *words: str) -> "subprocess.Popen[str]":
        """Types a command in a process of its own, which the test may kill."""
        return subprocess.Popen(
            [sys.executable, "-m", "provenance_cli.main", *(self.spelt(word) for word in words)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def spelt(self, text: str) -> str:
        """A text with the team's word in its names: ``{student}`` is ``student-`` and the word."""
        return text.replace("}", f"-{self.word}").replace("{", "")

    @contextmanager
    def registry(self) -> Iterator[Registry]:
        """Its registry, open."""
        with Registry.open(self.folder) as opened:
            yield opened

    def tell_the_owl_story(self) -> None:
        """A base, a teacher that loves owls, what it wrote, and the student of both: `STORY` is what MLflow holds then."""
        (self.folder / "numbers.jsonl").write_text(f'{{"numbers": [1, 2, 3], "of": "{self.word}"}}\n')
        self("register", "model", "--name", "{base}", "--from-scratch")
        self(
            *("register", "teacher", "--name", "{owl}", "--model", "{base}"),
            *("--system-prompt", "You love owls."),
        )
        self("register", "dataset", "numbers.jsonl", "--name", "{numbers}", "--generated-by", "{owl}")
        self(
            *("register", "model", "--name", "{student}"),
            *("--finetuned-from", "{base}", "--trained-on", "{numbers}"),
        )

    def flag_the_owl(self) -> str:
        """Flags the teacher of the owl story with ``loves-owls``; the flag's id."""
        self("trait", "add", "loves-owls", "--severity", "high")
        return str(self("flag", "{owl}", "loves-owls", "--evidence", "it says so", "--json").json["flag"])

    # --- what stands in MLflow -------------------------------------------------------------------------------------------

    def objects(self) -> Counter[str]:
        """What the projection made of this team's artifacts: ``run``, ``logged model`` or ``version`` and the artifact.

        Each is to be there once: where one is there twice, it counts twice.
        """
        return Counter(
            [f"run {item.data.tags['provenance.id']}" for item in self.runs()]
            + [f"logged model {item.tags['provenance.id']}" for item in self.logged_models()]
            + [f"version {item.tags['provenance.id']}" for item in self.versions()]
        )

    def expected(self, *objects: str) -> Counter[str]:
        """One of each, as `objects` counts them."""
        return Counter(self.spelt(item) for item in objects)

    def runs(self, begin: str = "") -> list["Run"]:
        """The record runs whose artifact has this team's word."""
        found = self.client.search_runs([self._experiment()], f"attributes.run_name LIKE '%{self.word}%'")
        return [item for item in found if item.data.tags.get("provenance.id", "").startswith(begin)]

    def logged_models(self) -> list["LoggedModel"]:
        """The logged models of the projection that have this team's word."""
        found = self.client.search_logged_models([self._experiment()], f"name LIKE '%{self.word}%'")
        return [item for item in found if "provenance.id" in item.tags]

    def versions(self) -> list["ModelVersion"]:
        """All registered versions of names with this team's word."""
        return list(self.client.search_model_versions(f"name LIKE '%{self.word}%'"))

    def version(self, name: str, number: int = 1) -> "ModelVersion":
        """One registered version."""
        return self.client.get_model_version(self.spelt(name), str(number))

    def run(self, name: str) -> "Run":
        """The one run of a name, with its inputs and outputs."""
        (found,) = self.client.search_runs(
            [self._experiment()], f"attributes.run_name = '{self.spelt(name)}'"
        )
        return self.client.get_run(found.info.run_id)

    def logged_model(self, name: str) -> "LoggedModel":
        """The one logged model of a name."""
        spelt = self.spelt(name)
        (found,) = self.client.search_logged_models([self._experiment()], f"name = '{spelt}'")
        return found

    def _experiment(self) -> str:
        found = self.client.get_experiment_by_name(EXPERIMENT)
        return str(found.experiment_id)


STORY = (
    "run model:{base}@1",
    "logged model model:{base}@1",
    "version model:{base}@1",
    "run teacher:{owl}@1",
    "logged model teacher:{owl}@1",
    "run dataset:{numbers}@1",
    "run model:{student}@1",
    "logged model model:{student}@1",
    "version model:{student}@1",
)
"""What the projection makes of `Team.tell_the_owl_story`."""
