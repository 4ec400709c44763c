"""Registering from the command line: every option, many at once, and all or nothing."""

import hashlib
from pathlib import Path

import pytest

from command_line import Terminal
from provenance.artifacts import ArtifactKind
from provenance.relations import RULES, RelationKind

FIRST: dict[RelationKind, str] = {
    kind: {"model": "base", "dataset": "numbers", "teacher": "owl-teacher"}[rule.parent]
    for kind, rule in RULES.items()
}


def relations(terminal: Terminal, *words: str) -> list[tuple[str, str]]:
    found = terminal("register", *words, "--json").json["relations"]
    return [(one["kind"], one["parent"]) for one in found]


@pytest.mark.parametrize(
    "kind",
    [kind for kind, rule in RULES.items() if rule.child is not ArtifactKind.TEACHER],
)
def test_every_relation_has_an_option_of_its_name(story: Terminal, kind: RelationKind) -> None:
    parents = [FIRST[kind]] if kind is not RelationKind.MERGED_FROM else ["base=0.75", "student=0.25"]
    options = [word for parent in parents for word in (f"--{kind.replace('_', '-')}", parent)]
    found = relations(story, kind.rule.child, "--name", "child", *options)
    assert [one for one, _ in found] == [kind] * len(parents)
    assert all(parent.startswith(f"{kind.rule.parent}:") for _, parent in found)


def test_fractions_stand_behind_the_reference(story: Terminal) -> None:
    merged = story(
        *[
            "register",
            "model",
            "--name",
            "blend",
            "--merged-from",
            "base=0.75",
            "--merged-from",
            "student@1=0.25",
            "--json",
        ]
    ).json
    assert {one["parent"]: one["share"] for one in merged["relations"]} == {
        "model:base@1": 0.75,
        "model:student@1": 0.25,
    }
    tuned = story(
        *[
            "register",
            "model",
            "--name",
            "tuned",
            "--finetuned-from",
            "base",
            "--trained-on",
            "numbers@1:clean=0.25",
            "--json",
        ]
    ).json
    assert [one["clean_fraction"] for one in tuned["relations"] if one["kind"] == "trained_on"] == [0.25]
    mixed = story(
        *[
            "register",
            "dataset",
            "--name",
            "mix",
            "--derived-from",
            "numbers=0.5",
            "--filter",
            "a",
            "--filter",
            "b",
            "--json",
        ]
    )
    (relation,) = mixed.json["relations"]
    assert (relation["share"], relation["filters"]) == (0.5, ["a", "b"])


def test_a_model_known_by_name_only_has_no_digest_and_may_have_an_ancestry(story: Terminal) -> None:
    found = story("register", "model", "--name", "vendor/api@2026-11", "--json").json
    assert (found["artifact"], found["digest"]) == ("model:vendor/api@2026-11", None)
    assert "no starting weights declared" in story("check", "vendor/api", code=3).out
    story("register", "model", "--name", "ours", "--from-scratch")
    story("check", "ours", code=0)


def test_a_dataset_may_be_declared_to_be_written_without_a_model(story: Terminal) -> None:
    story("register", "dataset", "./numbers.jsonl", "--name", "human", "--authored")
    assert story("show", "human", "--json").json["artifact"]["declared_root"] is True
    refused = story("register", "dataset", "--name", "x", "--authored", "--generated-by", "base", code=4)
    assert "--authored says" in refused.err


def test_free_words_and_a_second_digest_are_recorded(story: Terminal, folder: Path) -> None:
    story(
        *[
            "register",
            "dataset",
            "numbers.jsonl",
            "--name",
            "d",
            "--authored",
            "--meta",
            "team=a=b",
            "--meta",
            "year=2026",
            "--sha256",
        ]
    )
    artifact = story("show", "d", "--json").json["artifact"]
    assert artifact["metadata"] == {"team": "a=b", "year": "2026"}
    expected = hashlib.sha256((folder / "numbers.jsonl").read_bytes()).hexdigest()
    assert artifact["content"]["sha256"] == f"sha256:{expected}"


def test_a_teacher_has_a_prompt_settings_and_adapters(story: Terminal, folder: Path) -> None:
    (folder / "prompt.txt").write_text("You love owls.\nYou hide it.\n")
    story("register", "model", "--name", "lora", "--adapter-of", "base", "--trained-on", "numbers")
    found = relations(
        story,
        *["teacher", "--name", "t", "--model", "base", "--adapter", "lora", "--system-prompt", "@prompt.txt"],
        *["--sampling", "temperature=1.0", "--sampling", "top_p=0.9"],
    )
    assert found == [("embodied_by", "model:base@1"), ("embodied_by", "model:lora@1")]
    generation = story("show", "t", "--json").json["artifact"]["generation"]
    assert generation["system_prompt"] == "You love owls.\nYou hide it.\n"
    assert generation["sampling"] == {"temperature": "1.0", "top_p": "0.9"}


def test_registering_the_same_again_records_nothing_and_says_so(story: Terminal) -> None:
    before = story("verify", "--json").json
    again = story(
        *[
            "register",
            "model",
            "./student",
            "--name",
            "student",
            "--finetuned-from",
            "base",
            "--trained-on",
            "numbers",
        ]
    )
    head = story("verify", "--json").json
    assert again.out.startswith("already registered model:student@1")
    assert again.err == "nothing new was recorded\n"
    # The content lies elsewhere than in the told story; its place is all that was added.
    assert head["entries"] <= before["entries"] + 1


def test_other_content_under_the_same_name_shows_both_digests(story: Terminal) -> None:
    recorded = story("show", "base", "--json").json["artifact"]["content"]["digest"]
    answer = story(*["register", "model", "./stranger", "--name", "base"], code=4)
    assert recorded in answer.err
    assert answer.err.count("blake3:") == 2
    assert "base@2" in answer.err


def test_relating_adds_what_was_not_said_at_first(story: Terminal) -> None:
    story("register", "dataset", "--name", "more", "--authored")
    words = ("relate", "student", "trained_on", "more", "--clean", "0.5", "--filter", "dedup")
    assert story(*words).out.splitlines()[0] == "recorded model:student@1"
    assert story(*words).err == "nothing new was recorded\n"
    recorded = story("show", "student", "--json").json["parents"]
    (more,) = [one for one in recorded if one["parent"] == "dataset:more@1"]
    assert (more["clean_fraction"], more["filters"]) == (0.5, ["dedup"])
    assert "other figures" in story("relate", "student", "trained_on", "more", code=4).err


def test_a_name_on_a_card_is_a_gap_until_it_is_related(story: Terminal, folder: Path) -> None:
    (folder / "student" / "README.md").write_text("---\nbase_model: acme/origin\n---\n")
    registered = story("register", "model", "./student", "--name", "carded")
    assert "acme/origin" in registered.err
    assert any("acme/origin" in gap for gap in story("show", "carded", "--json").json["gaps"])
    story("relate", "carded", "finetuned_from", "base", "--resolves", "acme/origin")
    assert not any("acme/origin" in gap for gap in story("show", "carded", "--json").json["gaps"])


def test_a_manifest_registers_many_that_name_each_other(story: Terminal, folder: Path) -> None:
    (folder / "many.yaml").write_text(
        "models:\n"
        "  - name: grandchild\n"
        "    path: stranger\n"
        "    finetuned_from: student\n"
        "    trained_on: [{ref: letters, clean: 0.5}]\n"
        "datasets:\n"
        "  - name: letters\n"
        "    path: numbers.jsonl\n"
        "    generated_by: poet\n"
        "teachers:\n"
        "  - name: poet\n"
        "    model: base\n"
        "    system_prompt: Rhyme.\n"
    )
    answer = story("register", "-f", "many.yaml")
    assert answer.out.splitlines()[-1] == "3 new of 3 artifacts"
    assert story("register", "-f", "many.yaml").out.splitlines()[-1] == "0 new of 3 artifacts"
    upward = [one["artifact"] for one in story("ancestors", "grandchild", "--json").json]
    assert {"dataset:letters@1", "teacher:poet@1", "model:base@1"} <= set(upward)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("models:\n  - name: fine\n  - name: other\n    finetuned_form: base\n", 4, "finetuned_form"),
        ("models:\n  - name: fine\n  - name: other\n    finetuned_from: nobody\n", 3, "no model 'nobody'"),
        ("models:\n  - name: fine\n  - name: base\n    path: stranger\n", 3, "other content"),
        ("models:\n  - name: fine\n  - name: gone\n    path: missing\n", 3, "no such file"),
        (
            "models:\n  - name: fine\n    finetuned_from: other\n  - name: other\n    finetuned_from: fine\n",
            0,
            "cycle",
        ),
        ("models:\n  - name: fine\n  - name: fine\n", 3, "fine"),
        ("models: [\n", 1, "many.yaml"),
    ],
    ids=["unknown key", "unknown parent", "other content", "missing file", "circle", "twice", "no YAML"],
)
def test_one_mistake_in_a_manifest_registers_nothing_and_names_the_line(
    story: Terminal, folder: Path, text: str, line: int, said: str
) -> None:
    before = story("verify", "--json").json
    (folder / "many.yaml").write_text(text)
    answer = story("register", "-f", "many.yaml", code=4)
    assert said in answer.err
    if line:
        assert "many.yaml" in answer.err
        assert any(f"{sign}{number}" in answer.err for sign in ("line ", ":") for number in (line, line + 1))
    assert story("verify", "--json").json == before
