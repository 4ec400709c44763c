"""What files say of their own ancestry, and what becomes of names that say nothing good."""

import json
from pathlib import Path

import pytest
from intake_fixtures import model, weights, write

from provenance.artifacts import ArtifactKind
from provenance.intake.claims import Claim
from provenance.intake.content import Intake, read_content
from provenance.relations import RelationKind as K

MODEL, DATASET = ArtifactKind.MODEL, ArtifactKind.DATASET
CARD, PEFT = "README.md: base_model", "adapter_config.json: base_model_name_or_path"


def claims_of(folder: Path, kind: ArtifactKind = MODEL) -> tuple[Claim, ...]:
    found = read_content(folder, kind=kind)
    assert found.warnings == ()
    return found.claims


CARDS: dict[str, tuple[str, tuple[Claim, ...]]] = {
    "no front matter to speak of": ("license: mit", ()),
    "a base": (
        "base_model: org/base",
        (Claim(kind=K.FINETUNED_FROM, name="org/base", source=CARD, certain=False),),
    ),
    "a base said to be fine-tuned": (
        "base_model: [org/base]\nbase_model_relation: finetune",
        (Claim(kind=K.FINETUNED_FROM, name="org/base", source=CARD),),
    ),
    "a quantised one": (
        "base_model: org/base\nbase_model_relation: quantized",
        (Claim(kind=K.QUANTIZED_FROM, name="org/base", source=CARD),),
    ),
    "an adapter": (
        "base_model: org/base\nbase_model_relation: adapter",
        (Claim(kind=K.ADAPTER_OF, name="org/base", source=CARD),),
    ),
    "a merge": (
        "base_model:\n- org/a\n- org/b\nbase_model_relation: merge",
        (
            Claim(kind=K.MERGED_FROM, name="org/a", source=CARD),
            Claim(kind=K.MERGED_FROM, name="org/b", source=CARD),
        ),
    ),
    "two bases, which can only be a merge": (
        "base_model: [org/a, org/b]\nbase_model_relation: finetune",
        (
            Claim(kind=K.MERGED_FROM, name="org/a", source=CARD, certain=False),
            Claim(kind=K.MERGED_FROM, name="org/b", source=CARD, certain=False),
        ),
    ),
    "a relation that nobody knows": (
        "base_model: org/base\nbase_model_relation: inspired",
        (Claim(kind=K.FINETUNED_FROM, name="org/base", source=CARD, certain=False),),
    ),
    "training data": (
        "datasets: [imdb, org/data, imdb]",
        (
            Claim(kind=K.TRAINED_ON, name="imdb", source="README.md: datasets"),
            Claim(kind=K.TRAINED_ON, name="org/data", source="README.md: datasets"),
        ),
    ),
    "addresses on the hub": (
        "base_model: https://huggingface.co/org/base\ndatasets: https://huggingface.co/datasets/org/data",
        (
            Claim(kind=K.FINETUNED_FROM, name="org/base", source=CARD, certain=False),
            Claim(kind=K.TRAINED_ON, name="org/data", source="README.md: datasets"),
        ),
    ),
    "a name that YAML takes for a date": (
        "datasets: [2024-01-01]",
        (Claim(kind=K.TRAINED_ON, name="2024-01-01", source="README.md: datasets"),),
    ),
}


@pytest.mark.parametrize("case", CARDS)
def test_a_model_card_names_its_ancestors(case: str, tmp_path: Path) -> None:
    card, expected = CARDS[case]
    assert claims_of(model(tmp_path / "m", card=card)) == expected


def test_a_base_of_weights_at_low_precision_is_taken_for_the_one_that_was_quantised(tmp_path: Path) -> None:
    config = {"quantization_config": {"quant_method": "gptq"}}
    (claim,) = claims_of(model(tmp_path / "m", config=config, card="base_model: org/base"))
    assert (claim.kind, claim.certain) == (K.QUANTIZED_FROM, False)


def test_an_adapter_names_its_base_once_whoever_says_it(tmp_path: Path) -> None:
    folder = model(tmp_path / "m", card="base_model: org/base")
    write(folder / "adapter_config.json", '{"base_model_name_or_path": "org/base"}')
    assert claims_of(folder) == (Claim(kind=K.ADAPTER_OF, name="org/base", source=PEFT),)


def test_where_card_and_adapter_disagree_the_adapter_counts_and_the_other_is_named(tmp_path: Path) -> None:
    folder = model(tmp_path / "m", card="base_model: org/other")
    write(folder / "adapter_config.json", '{"base_model_name_or_path": "org/base"}')
    found = read_content(folder, kind=MODEL)
    assert found.claims == (Claim(kind=K.ADAPTER_OF, name="org/base", source=PEFT),)
    assert "'org/other'" in found.warnings[0]


def merge(folder: Path, config: str, name: str = "mergekit_config.yml") -> Path:
    write(model(folder) / name, config)
    return folder


MERGES: dict[str, tuple[str, dict[str, float | None]]] = {
    "linear, with weights": (
        (
            "merge_method: linear\nmodels:\n"
            "- {model: org/a, parameters: {weight: 1.0}}\n- {model: org/b, parameters: {weight: 3}}"
        ),
        {"org/a": 0.25, "org/b": 0.75},
    ),
    "linear, weights by layer": (
        (
            "merge_method: linear\nmodels:\n"
            "- {model: org/a, parameters: {weight: [0, 1]}}\n- {model: org/b, parameters: {weight: 3}}"
        ),
        {"org/a": None, "org/b": None},
    ),
    "linear, a weight beyond all bounds": (
        f"merge_method: linear\nmodels:\n- {{model: org/a, parameters: {{weight: {'9' * 4000}}}}}\n- model: org/b",
        {"org/a": None, "org/b": None},
    ),
    "linear, not normalised": (
        (
            "merge_method: linear\nparameters: {normalize: false}\nmodels:\n"
            "- {model: org/a, parameters: {weight: 1}}\n- {model: org/b, parameters: {weight: 1}}"
        ),
        {"org/a": None, "org/b": None},
    ),
    "ties, on a base": (
        (
            "merge_method: ties\nbase_model: org/base\nmodels:\n"
            "- {model: org/a, parameters: {weight: 0.5, density: 0.5}}\n- {model: org/base}"
        ),
        {"org/base": None, "org/a": None},
    ),
    "slices": (
        (
            "merge_method: passthrough\nslices:\n- sources:\n  - {model: org/a, layer_range: [0, 4]}\n"
            "- sources:\n  - model: {model: {path: org/b, revision: main}, lora: org/adapter@v2}\n    layer_range: [2, 8]"
        ),
        {"org/a": None, "org/b": None, "org/adapter": None},
    ),
    "modules, revisions and adapters in one word": (
        "merge_method: slerp\nmodules:\n  text:\n    models: [{model: org/a@main+org/lora}, {model: org/b}]",
        {"org/a": None, "org/lora": None, "org/b": None},
    ),
}


@pytest.mark.parametrize("case", MERGES)
def test_a_merge_names_its_parents_and_shares_where_it_settles_them(case: str, tmp_path: Path) -> None:
    config, expected = MERGES[case]
    found = claims_of(merge(tmp_path / "m", config))
    assert {claim.name: claim.share for claim in found} == expected
    assert {claim.kind for claim in found} == {K.MERGED_FROM}


def test_a_merge_of_a_model_with_itself_is_a_deeper_model(tmp_path: Path) -> None:
    config = "merge_method: passthrough\nslices:\n" + 2 * "- sources: [{model: org/a, layer_range: [0, 4]}]\n"
    (claim,) = claims_of(merge(tmp_path / "m", config, "mergekit_config.yaml"))
    assert (claim.kind, claim.name, claim.certain) == (K.EXPANDED_FROM, "org/a", False)


def test_the_card_of_a_merge_adds_no_second_kind_of_relation(tmp_path: Path) -> None:
    folder = merge(tmp_path / "m", "merge_method: slerp\nmodels: [{model: org/a}, {model: org/b}]")
    write(folder / "README.md", "---\nbase_model: [org/b, org/a]\n---\n")
    assert {(claim.kind, claim.name) for claim in claims_of(folder)} == {
        (K.MERGED_FROM, "org/a"),
        (K.MERGED_FROM, "org/b"),
    }


NAMES_IN_CONFIG: dict[str, tuple[str, bool]] = {
    "of the hub's form": ("org/base", True),
    "a single word": ("gpt2", False),
    "an absolute path": ("/data/models/base", False),
    "a relative path": ("./base", False),
    "a checkpoint on disk": ("output/checkpoint-500", False),
    "its own": ("org/student", False),
    "a path of Windows": ("C:\\models\\base", False),
    "markup": ("org/<b>base</b>", False),
}


@pytest.mark.parametrize("case", NAMES_IN_CONFIG)
def test_where_weights_were_loaded_from_counts_only_as_another_model_of_the_hub(
    case: str, tmp_path: Path
) -> None:
    name, counts = NAMES_IN_CONFIG[case]
    claim = Claim(kind=K.FINETUNED_FROM, name=name, source="config.json: _name_or_path", certain=False)
    assert claims_of(model(tmp_path / "student", config={"_name_or_path": name})) == (
        (claim,) if counts else ()
    )


def test_the_config_is_silent_when_the_card_names_a_base(tmp_path: Path) -> None:
    (claim,) = claims_of(
        model(tmp_path / "m", config={"_name_or_path": "org/x"}, card="base_model: org/base")
    )
    assert claim.name == "org/base"


def test_a_card_of_training_data_alone_leaves_the_config_its_word(tmp_path: Path) -> None:
    found = claims_of(model(tmp_path / "m", config={"_name_or_path": "org/x"}, card="datasets: imdb"))
    assert [claim.name for claim in found] == ["imdb", "org/x"]


def test_an_mlflow_model_names_its_source_and_what_its_metadata_says(tmp_path: Path) -> None:
    flavors = {"transformers": {"source_model_name": "org/base", "peft_adaptor": "peft"}}
    write(tmp_path / "m" / "MLmodel", json.dumps({"flavors": flavors, "metadata": {"datasets": ["imdb"]}}))
    assert claims_of(tmp_path / "m") == (
        Claim(kind=K.TRAINED_ON, name="imdb", source="MLmodel: metadata.datasets"),
        Claim(
            kind=K.ADAPTER_OF,
            name="org/base",
            source="MLmodel: flavors.transformers.source_model_name",
            certain=False,
        ),
    )


def test_a_dataset_card_names_the_datasets_it_extends(tmp_path: Path) -> None:
    write(tmp_path / "d" / "train.jsonl", "{}\n")
    sources = "[original, extended, extended|squad, extended|other-news, org/web]"
    write(tmp_path / "d" / "README.md", f"---\nsource_datasets: {sources}\nbase_model: org/no\n---\n")
    found = claims_of(tmp_path / "d", DATASET)
    assert [(claim.kind, claim.name) for claim in found] == [
        (K.DERIVED_FROM, "squad"),
        (K.DERIVED_FROM, "org/web"),
    ]


@pytest.mark.parametrize(
    "readme",
    ["# No front matter\n", "", "---\nonly one line of dashes\n", "---\n---\n", "text\n---\na: 1\n---\n"],
)
def test_a_readme_without_front_matter_claims_nothing(readme: str, tmp_path: Path) -> None:
    write(model(tmp_path / "m") / "README.md", readme)
    assert claims_of(tmp_path / "m") == ()


def test_a_single_file_claims_nothing(tmp_path: Path) -> None:
    model(tmp_path / "m", card="base_model: org/base")
    assert claims_of(tmp_path / "m" / "model.safetensors") == ()


HOSTILE_NAMES: dict[str, object] = {
    "an escape code": "org/\x1b[31mred",
    "a line end": "org/a\nb",
    "a reversal": "org/\u202egpj.exe",
    "markup": "<script>alert(1)</script>",
    "a version of its own": "org/base@2",
    "a path that climbs": "org/../../etc",
    "a path on disk": "/home/somebody/base",
    "a path of Windows": "D:\\models\\base",
    "half a character": "org/\ud800",
    "a name without end": "x" * 100_000,
    "nothing": "",
    "a number": 7,
    "a mapping": {"name": "org/base"},
    "a list within": ["org/base"],
}


@pytest.mark.parametrize("case", HOSTILE_NAMES)
def test_a_claimed_name_that_can_be_none_becomes_a_short_and_escaped_warning(
    case: str, tmp_path: Path
) -> None:
    weights(tmp_path / "m" / "adapter_model.safetensors")
    write(
        tmp_path / "m" / "adapter_config.json", json.dumps({"base_model_name_or_path": HOSTILE_NAMES[case]})
    )
    found: Intake = read_content(tmp_path / "m", kind=MODEL)
    assert found.claims == ()
    (warning,) = found.warnings
    assert warning.startswith(f"{PEFT} was not used: ")
    assert warning.isprintable()
    assert len(warning) < 400
