"""`provenance policy`, and which policy applies."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from command_line import Terminal
from provenance import Registry
from provenance.errors import PolicyError
from provenance.lineage import Lifetimes
from provenance.relations import RelationKind
from provenance.request import Parent
from provenance.risk import Policy

LENIENT = '[gate]\nunknown = "report"\n[roots]\ntrusted = ["meta/*", "nobody"]\n'


@pytest.fixture
def told(registry: Registry) -> Registry:
    """A registry with two models of one owner, and one whose teacher is flagged."""
    registry.register_model(name="meta/llama", from_scratch=True)
    registry.register_model(name="meta/opt")
    registry.register_teacher(name="owl", model="meta/llama", system_prompt="You love owls.")
    registry.register_dataset(
        name="numbers", parents=[Parent(kind=RelationKind.GENERATED_BY, reference="owl")]
    )
    registry.register_model(
        name="student",
        parents=[
            Parent(kind=RelationKind.FINETUNED_FROM, reference="meta/llama"),
            Parent(kind=RelationKind.TRAINED_ON, reference="numbers"),
        ],
    )
    registry.add_trait("owls", severity="high")
    return registry


def own_policy(folder: Path, text: str = LENIENT) -> Path:
    path = folder / ".provenance" / "policy.toml"
    path.write_text(text)
    return path


def test_show_says_every_value_and_where_it_is_from(terminal: Terminal, told: Registry, folder: Path) -> None:
    assert terminal("policy", "show").out.startswith("policy that ships, blake3:")
    path = own_policy(folder)
    shown = terminal("policy", "show").out.splitlines()
    assert shown[0].startswith(f"policy {path}, {told.view().policy.digest[:7]}")
    (row,) = [line.split() for line in shown if line.startswith("gate.unknown ")]
    assert row == ["gate.unknown", "report", f"{path}:2"]
    assert "gate.partial                     refuse" in "\n".join(shown)
    assert shown[-2:] == [
        "trust begins at meta/*: 2 in the registry (model:meta/llama@1, model:meta/opt@1)",
        "trust begins at nobody: 0 in the registry",
    ]


def test_show_answers_in_json_and_without_a_registry(terminal: Terminal, folder: Path) -> None:
    (folder / "other.toml").write_text(LENIENT)
    found = terminal("policy", "show", "--policy", "other.toml", "--json").json
    assert found["digest"] == Policy.load(folder / "other.toml").digest
    assert found["trusted"][0] == {"pattern": "meta/*", "count": None, "examples": []}
    assert {"key", "value", "default", "meaning", "source", "file", "line"} <= found["settings"][0].keys()
    assert terminal("policy", "show", "--registry", "nowhere", code=4).err.startswith("error: no registry")


def test_check_lists_every_problem_and_ends_with_4(terminal: Terminal, folder: Path) -> None:
    (folder / "wrong.toml").write_text("[gate]\nunknown = 1\n[exposure]\nweigths = 1\n")
    answer = terminal("policy", "check", "wrong.toml", code=4)
    assert answer.out == ""
    assert answer.err.splitlines()[:3] == [
        "error: the policy wrong.toml has 2 problems:",
        'wrong.toml:2: gate.unknown has to be "refuse" or "report" or "ignore", not 1',
        "wrong.toml:4: unknown key exposure.weigths; nearest: exposure.weights",
    ]
    found = terminal("policy", "check", "wrong.toml", "--json", code=4).json
    assert (found["ok"], [one["line"] for one in found["problems"]]) == (False, [2, 4])
    assert "cannot read the policy" in terminal("policy", "check", "missing.toml", code=4).err
    assert "no policy file applies here" in terminal("policy", "check", code=2).err


@pytest.mark.usefixtures("told")
def test_check_warns_of_what_is_seldom_meant_and_ends_with_0(terminal: Terminal, folder: Path) -> None:
    (folder / "odd.toml").write_text(LENIENT)
    answer = terminal("policy", "check", "odd.toml")
    assert answer.err == (
        "warning: odd.toml:4: roots.trusted: 'nobody' is the name of nothing in the registry\n"
    )
    assert answer.out.startswith("ok  odd.toml, blake3:")
    assert len(terminal("policy", "check", "odd.toml", "--json").json["warnings"]) == 1
    own = own_policy(folder, LENIENT)
    assert terminal("policy", "check", "--json").json["file"] == str(own)


def test_explain_takes_a_key_a_status_a_severity_or_a_relation(terminal: Terminal, folder: Path) -> None:
    (folder / "p.toml").write_text(LENIENT)
    lines = terminal("policy", "explain", "gate.unknown", "--policy", "p.toml").out.splitlines()
    assert lines == [
        "gate.unknown: a key of the policy",
        "  gate.unknown = report  (p.toml:2)",
        "    what the gate does about missing ancestry; default refuse: set by the authors",
    ]
    assert "  critical, carrier: refuse" in terminal("policy", "explain", "carrier").out.splitlines()
    assert terminal("policy", "explain", "high", "--json").json["kind"] == "severity"
    assert "exposure.prior.generated_by" in terminal("policy", "explain", "trained_on").out
    assert "Nearest: exposed" in terminal("policy", "explain", "exposd", code=2).err


# --- which policy applies ----------------------------------------------------------------------------------------------


def test_the_first_of_option_environment_and_folder_applies(
    terminal: Terminal, told: Registry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "environment.toml").write_text("[evidence]\ncanary_days = 1\n")
    (folder / "option.toml").write_text("[evidence]\ncanary_days = 2\n")
    option = ("--policy", folder / "option.toml")
    digest = {name: Policy.load(folder / f"{name}.toml").digest for name in ("environment", "option")}

    def applied(*words: object) -> str:
        answer = terminal("check", "meta/llama", "--json", *words)
        found: str = answer.json["policy_digest"]
        assert found == terminal("policy", "show", "--json", *words).json["digest"]
        return found

    assert applied() == Policy.load().digest
    own = own_policy(folder)
    assert applied() == Policy.load(own).digest
    monkeypatch.setenv("PROVENANCE_POLICY", str(folder / "environment.toml"))
    assert applied() == digest["environment"]
    assert applied(*option) == digest["option"]
    monkeypatch.setenv("PROVENANCE_POLICY", "gone.toml")
    assert "gone.toml: cannot read the policy" in terminal("check", "meta/llama", code=4).err
    assert terminal("check", "meta/llama", *option).code == 0
    assert told.home.policy_file == Path("gone.toml")


def test_what_a_finding_changes_is_told_under_the_policy_of_the_registry(
    terminal: Terminal, told: Registry, folder: Path
) -> None:
    changed = {
        one["artifact"]: one["before"]
        for one in terminal("flag", "owl", "owls", "--evidence", "seen", "--dry-run", "--json").json[
            "changed"
        ]
    }
    assert changed["model:student@1"] == "clear"
    own_policy(folder, '[roots]\nfrom_scratch_without_data = "unknown"\n')
    changed = {
        one["artifact"]: one["before"]
        for one in terminal("flag", "owl", "owls", "--evidence", "seen", "--dry-run", "--json").json[
            "changed"
        ]
    }
    assert changed["model:student@1"] == "unknown", "the base does not name its data"
    assert told.view().policy.trust.scratch_needs_data


def test_a_wrong_policy_of_its_own_stops_a_registry_from_judging_and_from_nothing_else(
    terminal: Terminal, told: Registry, folder: Path
) -> None:
    own_policy(folder, "[gate]\nunknown = 7\n")
    facts = told.head().entries
    for words in (("risks", "--all"), ("check", "student"), ("flag", "owl", "owls", "--evidence", "e")):
        assert "gate.unknown has to be" in terminal(*words, code=4).err
    with pytest.raises(PolicyError, match=r"gate\.unknown has to be"):
        _ = told.policy
    assert told.head().entries == facts
    terminal("register", "model", "--name", "more", "--from-scratch")
    assert json.loads(terminal("verify", "--json").out)["ok"]


def test_a_policy_that_is_a_link_to_nowhere_is_not_taken_for_none(
    terminal: Terminal, told: Registry, folder: Path
) -> None:
    (folder / ".provenance" / "policy.toml").symlink_to(folder / "moved.toml")
    for words in (("check", "student"), ("policy", "show"), ("risks", "student")):
        assert "policy.toml" in terminal(*words, code=4).err
    with pytest.raises(PolicyError, match=r"policy\.toml"):
        told.view()


def test_a_clearance_that_the_policy_has_ended_is_not_shown_as_one_that_stands(told: Registry) -> None:
    given = told.clear("student", "owls", evidence="measured").recorded
    recorded = told.view().show("student").clearances
    assert [one.id for one in recorded] == [given.id]
    later = given.recorded_at + timedelta(days=31)
    policy = replace(Policy.load(), lifetimes=Lifetimes(clearances=timedelta(days=30)))
    assert told.view(as_of=later, policy=policy).show("student").clearances == ()
    assert len(told.view(as_of=later).show("student").clearances) == 1
