"""What docs/tracking.md and the docstrings show is true."""

import doctest
import re
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from provenance import Registry
from provenance.tracking import recipe, run
from provenance.tracking.ancestry import KINDS
from provenance.tracking.run import track
from tracking_fixtures import lineage, trained

PAGE = (Path(__file__).parents[2] / "docs" / "tracking.md").read_text()


def test_the_code_of_the_page_runs(known: Registry, folder: Path) -> None:
    first, second = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    model = SimpleNamespace(save_pretrained=lambda path: trained(path, seed=1))
    exec(first, {"train": lambda _: model})
    assert lineage(known, "student") == {"finetuned_from model:base@1", "trained_on dataset:numbers@1"}
    assert known.view().location("student") == folder / "out" / "student"
    exec(second, {"Trainer": lambda _, callbacks: callbacks})


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("module", [recipe, run])
def test_the_examples_in_docstrings_are_true(module: ModuleType) -> None:
    found = doctest.testmod(module, extraglobs={"train": trained})
    assert found.attempted
    assert not found.failed


def test_the_page_names_every_argument() -> None:
    table = PAGE.partition("| argument | meaning |")[2].partition("\n\n")[0]
    words = set(re.findall(r"`(\w+)`", table)) | {"name"}
    named = set(track.__annotations__) - {"return", "parents"}
    assert named - words == set()
    assert words & {kind.value for kind in KINDS}


def test_every_link_of_the_page_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", PAGE):
        assert (Path(__file__).parents[2] / "docs" / target).exists(), target
