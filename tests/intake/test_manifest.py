"""Manifests: what they say, and what is said about what is wrong with them."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_fixtures import write

from provenance.artifacts import ArtifactId, ArtifactKind, Generation
from provenance.errors import ContentError
from provenance.intake.manifest import (
    FRACTION_KEYS,
    OWN_KEYS,
    RELATION_KEYS,
    Entry,
    EntryRelation,
    read_manifest,
)
from provenance.relations import RelationKind as K

MANUAL = Path(__file__).parents[2] / "docs" / "manifest.md"
MODEL, DATASET, TEACHER = ArtifactKind.MODEL, ArtifactKind.DATASET, ArtifactKind.TEACHER


def manual_blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", MANUAL.read_text(), re.DOTALL)


def entries_of(folder: Path, text: str) -> tuple[Entry, ...]:
    return read_manifest(write(folder / "manifest.yaml", text)).entries


def test_the_example_in_the_manual_means_what_the_manual_says(tmp_path: Path) -> None:
    for name in ("base", "student", "numbers.jsonl"):
        write(tmp_path / name, "{}")
    (example,) = manual_blocks("yaml")
    filters = ("digits and separators only", "fewer than 10 numbers a row")
    assert entries_of(tmp_path, example) == (
        Entry(id=ArtifactId(MODEL, "base"), path=tmp_path / "base", declared_root=True, line=2),
        Entry(
            id=ArtifactId(MODEL, "student", "2"),
            path=tmp_path / "student",
            relations=(
                EntryRelation(kind=K.FINETUNED_FROM, reference="base", line=8),
                EntryRelation(kind=K.TRAINED_ON, reference="numbers", line=10),
                EntryRelation(kind=K.TRAINED_ON, reference="stories", clean_fraction=0.25, line=11),
            ),
            metadata={"team": "alignment", "epochs": "10"},
            line=6,
        ),
        Entry(
            id=ArtifactId(MODEL, "blend"),
            relations=(
                EntryRelation(kind=K.MERGED_FROM, reference="student@2", share=0.5, line=15),
                EntryRelation(kind=K.MERGED_FROM, reference="base", share=0.5, line=15),
            ),
            line=14,
        ),
        Entry(
            id=ArtifactId(DATASET, "numbers"),
            path=tmp_path / "numbers.jsonl",
            relations=(
                EntryRelation(kind=K.GENERATED_BY, reference="owl-teacher", filters=filters, line=20),
            ),
            line=18,
        ),
        Entry(id=ArtifactId(DATASET, "stories"), declared_root=True, line=25),
        Entry(
            id=ArtifactId(TEACHER, "owl-teacher"),
            relations=(EntryRelation(kind=K.EMBODIED_BY, reference="base", line=30),),
            generation=Generation(
                system_prompt="You love owls.", sampling={"temperature": "1.0", "top_p": "0.95"}
            ),
            line=29,
        ),
    )


def test_the_errors_in_the_manual_are_the_ones_that_are_given(tmp_path: Path) -> None:
    text = (
        "models:\n  - name: student\n    finetuned_form: base\n    meta: {a: 1}\n\n\n"
        "    trained_on:\n      - numbers\n      - {ref: stories, clean: 25}\n"
    )
    with pytest.raises(ContentError, match="unknown key") as caught:
        entries_of(tmp_path, text)
    (expected,) = manual_blocks("text")
    assert caught.value.message.replace(f"{tmp_path}/", "") == expected.strip()


def test_every_key_stands_in_the_manual() -> None:
    keys = {key for keys in (*OWN_KEYS.values(), *RELATION_KEYS.values()) for key in keys} | set(
        FRACTION_KEYS.values()
    )
    assert {key for key in keys if f"`{key}`" not in MANUAL.read_text()} == set()


PARENTS: dict[str, tuple[str, list[tuple[str, float | None]]]] = {
    "one": ("a", [("a", None)]),
    "several": ("[a, model:b@2]", [("a", None), ("model:b@2", None)]),
    "one with a share": ("{ref: a, share: 0.5}", [("a", 0.5)]),
    "several with shares": ("[{ref: a, share: 1}, {ref: b}]", [("a", 1.0), ("b", None)]),
    "shares in short": ("{a: 0.25, org/b@2: 0.75}", [("a", 0.25), ("org/b@2", 0.75)]),
    "a share in short and one without": ("[{a: 0.25}, b]", [("a", 0.25), ("b", None)]),
    "a name that is a number, in short": ("{7: 0.5}", [("7", 0.5)]),
    "a digest": (f"blake3:{'ab' * 32}", [(f"blake3:{'ab' * 32}", None)]),
    "none": ("[]", []),
}


@pytest.mark.parametrize("case", PARENTS)
def test_parents_are_written_as_is_convenient(case: str, tmp_path: Path) -> None:
    value, expected = PARENTS[case]
    (entry,) = entries_of(tmp_path, f"models:\n- name: m\n  merged_from: {value}\n")
    assert [(relation.reference, relation.share) for relation in entry.relations] == expected


def test_what_is_unresolved_is_a_name_by_relation(tmp_path: Path) -> None:
    text = "models:\n- name: m\n  unresolved: {finetuned_from: 'unknown:weights', trained_on: [a, org/b]}\n"
    (entry,) = entries_of(tmp_path, text)
    assert [(one.kind, one.name) for one in entry.claims] == [
        (K.FINETUNED_FROM, "unknown:weights"),
        (K.TRAINED_ON, "a"),
        (K.TRAINED_ON, "org/b"),
    ]


def test_a_teacher_may_wear_an_adapter_and_read_its_prompt_from_a_file(tmp_path: Path) -> None:
    write(tmp_path / "prompts" / "owl.txt", "You love owls.\nAll of them.\n")
    text = 'teachers:\n- {name: t, model: m, adapter: lora, system_prompt: "@prompts/owl.txt"}\n'
    (entry,) = entries_of(tmp_path, text)
    assert entry.generation == Generation(system_prompt="You love owls.\nAll of them.\n")
    assert [(relation.kind, relation.reference) for relation in entry.relations] == [
        (K.EMBODIED_BY, "m"),
        (K.EMBODIED_BY, "lora"),
    ]


def test_truth_values_in_meta_become_words(tmp_path: Path) -> None:
    (entry,) = entries_of(tmp_path, "models:\n- {name: m, meta: {public: yes, seed: 7, note: text}}\n")
    assert entry.metadata == {"public": "true", "seed": "7", "note": "text"}


def test_a_manifest_of_nothing_but_empty_lists_is_empty(tmp_path: Path) -> None:
    assert entries_of(tmp_path, "models: []\ndatasets: []\n") == ()


PROBLEMS: dict[str, tuple[str, str]] = {
    "a list at the top": (
        "- a",
        r"manifest\.yaml is no manifest: at its top it needs models, datasets, teachers",
    ),
    "nothing": ("", r"manifest\.yaml is no manifest"),
    "an unknown section": ("modles: []", r"manifest\.yaml:1: unknown key 'modles' .*did you mean 'models'\?"),
    "a section without entries": ("models:\n", r":1: models: expected a list of artifacts, found nothing"),
    "an entry that is a word": (
        "models:\n- student\n",
        r":2: expected a model with at least a name, found the text 'student'",
    ),
    "something unresolved that is no mapping": (
        "models:\n- name: m\n  unresolved: base\n",
        r":3: unresolved: expected a mapping from relations to names, found the text 'base'",
    ),
    "something unresolved by an unknown relation": (
        "models:\n- name: m\n  unresolved: {finetuned: base}\n",
        r":3: unknown key 'finetuned' of what is unresolved; did you mean 'finetuned_from'\?",
    ),
    "something unresolved that is no name": (
        "models:\n- name: m\n  unresolved: {finetuned_from: a@b}\n",
        r":3: unresolved\.finetuned_from: .*unresolved name",
    ),
    "something unresolved beside what is said": (
        "models:\n- name: m\n  from_scratch: true\n  unresolved: {finetuned_from: a}\n",
        r":2: unresolved: it is said where the weights come from; leave one of the two out",
    ),
    "no name": ("models:\n- path: .\n", r":2: a model needs a name"),
    "a name that is a number": (
        "models:\n- name: 7\n",
        r":2: 'name': expected text, found the number 7 \(quote it",
    ),
    "a name that is no": (
        "models:\n- name: no\n",
        r":2: 'name': expected text, found the truth value false \(quote it",
    ),
    "a name of markup": ("models:\n- name: <b>\n", r":2: the name '<b>' holds '<'"),
    "a name with an escape code": (
        'models:\n- name: "\\e[31m"\n',
        r":2: the name '\\x1b\[31m' holds '\\x1b'",
    ),
    "a name with two versions": ("models:\n- name: a@1@2\n", r":2: the name 'a@1' holds '@'"),
    "an unknown key": (
        "models:\n- {name: m, zzz: 1}\n",
        r":2: unknown key 'zzz' of a model; known are adapter_of, ",
    ),
    "a key of another kind": (
        "datasets:\n- {name: d, trained_on: x}\n",
        r":2: unknown key 'trained_on' of a dataset",
    ),
    "a key with an escape code": (
        'models:\n- {name: m, "\\e[2J": 1}\n',
        r"unknown key '\\x1b\[2J' of a model",
    ),
    "a path to nothing": ("models:\n- name: m\n  path: ./gone\n", r":3: path: no such file or folder.*gone$"),
    "a path with NUL": ('models:\n- name: m\n  path: "a\\0b"\n', r":3: path: no such file .*a\\x00b'$"),
    "an empty path": ("models:\n- name: m\n  path: ''\n", r":3: path: no such file"),
    "a path that is a list": (
        "models:\n- name: m\n  path: [a]\n",
        r":3: 'path': expected text, found a list",
    ),
    "a truth value in words": (
        "models:\n- name: m\n  from_scratch: maybe\n",
        r":3: 'from_scratch': expected true or false, found the text 'maybe'",
    ),
    "words that are a list": (
        "models:\n- name: m\n  meta: [a]\n",
        r":3: 'meta': expected a mapping, .*found a list",
    ),
    "words within words": (
        "models:\n- name: m\n  meta:\n    a: {b: c}\n",
        r":4: 'meta\.a': expected text or a number, found a mapping",
    ),
    "a filter that is a number": (
        "datasets:\n- name: d\n  filter:\n  - a\n  - 7\n",
        r":5: 'filter': expected text, or a list of texts, found the number 7",
    ),
    "a reference that is a number": (
        "models:\n- name: m\n  finetuned_from: 7\n",
        r":3: finetuned_from: expected a reference, found the number 7",
    ),
    "a reference that can be none": (
        "models:\n- name: m\n  finetuned_from: a:b\n",
        r":3: finetuned_from: the name 'a:b' holds ':'",
    ),
    "a list within a list": (
        "models:\n- name: m\n  trained_on:\n  - [a]\n",
        r":4: trained_on: expected a reference, found a list within a list",
    ),
    "a mapping without a reference": (
        "models:\n- name: m\n  trained_on: {a: 0.5}\n",
        r":3: trained_on: a mapping needs `ref`",
    ),
    "a fraction of another relation": (
        "models:\n- name: m\n  trained_on: {ref: a, share: 0.5}\n",
        r":3: unknown key 'share' beside a reference of trained_on; known are clean, ref",
    ),
    "a share beyond one": (
        "models:\n- name: m\n  merged_from: {a: 1.5}\n",
        r":3: merged_from: expected a number from 0 to 1, found the number 1\.5",
    ),
    "a share in words": (
        "models:\n- name: m\n  merged_from: {a: half}\n",
        r":3: merged_from: expected a number from 0 to 1, found the text 'half'",
    ),
    "two sets of starting weights": (
        "models:\n- name: m\n  finetuned_from: a\n  quantized_from: b\n",
        r":4: quantized_from: the weights already come from another parent, by finetuned_from",
    ),
    "two parents where one can be": (
        "models:\n- name: m\n  finetuned_from: [a, b]\n",
        r":3: finetuned_from: the weights already come from another",
    ),
    "from scratch and from a parent": (
        "models:\n- name: m\n  from_scratch: true\n  merged_from: [a]\n",
        r":4: merged_from: a model from_scratch has its weights from no other",
    ),
    "the same artifact twice": (
        "models:\n- name: m\n- name: m@1\n",
        r":3: model:m@1 stands here a second time; first in line 2",
    ),
    "a teacher without a model": ("teachers:\n- name: t\n", r":2: a teacher needs `model`"),
    "a prompt file that is gone": (
        'teachers:\n- {name: t, model: m, system_prompt: "@gone.txt"}\n',
        r":2: system_prompt: cannot read .*gone\.txt",
    ),
    "no YAML": ("models:\n- name: [m\n", r"manifest\.yaml:\d: not valid YAML"),
    "an alias": ("models:\n- &a {name: m}\n- *a\n", r"manifest\.yaml:3: aliases"),
    "a tag": (
        "models: !!python/tuple []\n",
        r"manifest\.yaml:1: the tag 'tag:yaml\.org,2002:python/tuple' is not accepted",
    ),
    "a key twice": (
        "models: []\nmodels: []\n",
        r"manifest\.yaml:2: the key 'models' stands here twice, first in line 1",
    ),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_a_mistake_is_told_with_its_line(case: str, tmp_path: Path) -> None:
    text, problem = PROBLEMS[case]
    with pytest.raises(ContentError, match=problem) as caught:
        entries_of(tmp_path, text)
    assert caught.value.message.isprintable()


def test_all_mistakes_are_told_at_once_in_order_of_their_lines(tmp_path: Path) -> None:
    text = "teachers:\n- name: t\nmodels:\n- nam: a\n- name: b\n  path: ./gone\n  trained_on: {ref: 1, clean: 2}\n"
    with pytest.raises(ContentError, match="unknown key 'nam'") as caught:
        entries_of(tmp_path, text)
    lines = [
        int(line.partition("manifest.yaml:")[2].partition(":")[0])
        for line in caught.value.message.splitlines()
    ]
    assert lines == [2, 4, 4, 6, 7, 7]


def test_of_a_thousand_mistakes_the_first_fifty_are_told(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"and 950 more problems$") as caught:
        entries_of(tmp_path, "models:\n" + "- nothing\n" * 1000)
    assert len(caught.value.message.splitlines()) == 51


def test_a_manifest_that_is_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"cannot read .*: No such file"):
        read_manifest(tmp_path / "gone.yaml")
    with pytest.raises(ContentError, match=r"cannot read .*: Is a directory"):
        read_manifest(tmp_path)


def test_a_place_in_a_manifest_is_written_as_editors_understand_it(tmp_path: Path) -> None:
    manifest = read_manifest(write(tmp_path / "m.yaml", "models: []"))
    assert manifest.at(12) == f"{tmp_path}/m.yaml:12"


def outcome(path: Path) -> str:
    try:
        return str(read_manifest(path).path)
    except ContentError as error:
        return error.message


@settings(deadline=None)
@given(st.text(alphabet="abk:-{}[],&*!|>'\"%@`#? \n0.", max_size=60))
def test_whatever_stands_in_a_manifest_is_read_or_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    assert str(path) in outcome(write(path, f"models:\n- name: m\n  merged_from: {text}\n"))
