"""docs/policy.md says every key with its default, its meaning and the source of the default, as the program has them."""

import re
import tomllib
from pathlib import Path

from provenance.risk.policy import Policy
from provenance.risk.policy_file import Setting

DOCUMENT = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")


def cells(setting: Setting) -> tuple[str, ...]:
    """The row that a key has in the document."""
    value = setting.default
    if isinstance(value, list):
        default = ", ".join(f"`{name}`" for name in value) or "none"
    else:
        default = f"`{value}`" if isinstance(value, str) else str(value)
    return (f"`{setting.key}`", default, setting.meaning, setting.source)


def test_the_table_is_that_of_the_program() -> None:
    rows = [line for line in DOCUMENT.splitlines() if re.match(r"\| `[a-z]+\.", line)]
    written = [tuple(cell.strip() for cell in row.strip("|").split("|")) for row in rows]
    assert written == [cells(setting) for setting in Policy.load().settings]


def test_the_example_is_a_policy(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert tomllib.loads(example)["extends"] == "company-policy.toml"
    (tmp_path / "company-policy.toml").write_text("[gate]\npartial = 'report'\n")
    (tmp_path / "policy.toml").write_text(example)
    policy = Policy.load(tmp_path / "policy.toml")
    assert (policy.partial.value, policy.trust.trusted) == ("report", ("model:meta-llama/*",))
