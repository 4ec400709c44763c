"""Base models that people name in tags and parameters."""

import json

import pytest

from history_fixtures import logged, model_id, recorded, run, version
from mlflow_history_fixtures import gaps, relations
from provenance import Registry
from provenance.mlflow_link.history.parents import PARENT_KEYS
from provenance.relations import RelationKind

BASE, NET = model_id(1), model_id(2)
BASES = (
    run("b", outputs=(BASE,)),
    logged(BASE, "b", "base"),
    version("base", 1, f"models:/{BASE}", "b", aliases=("live",)),
)


@pytest.mark.parametrize("key", PARENT_KEYS)
def test_each_known_key_names_a_base_model(registry: Registry, key: str) -> None:
    registry.register_model(name="org/base", from_scratch=True)
    recorded(registry, run("r", outputs=(NET,), **{key: "org/base"}), logged(NET, "r"))
    assert relations(registry) == {f"model:net@{NET} finetuned_from model:org/base@1"}


@pytest.mark.parametrize(
    "value",
    [
        BASE,
        f"models:/{BASE}",
        "models:/base/1",
        "models:/base@live",
        "base/1",
        "base@1",
        "base@live",
        "base",
        "runs:/b/base",
        " base ",
        '["base"]',
    ],
)
def test_an_address_in_mlflow_is_followed_within_the_history(registry: Registry, value: str) -> None:
    recorded(registry, *BASES, run("r", outputs=(NET,), base_model=value), logged(NET, "r"))
    assert relations(registry) == {f"model:net@{NET} finetuned_from model:base@1"}


@pytest.mark.parametrize("where", ["run", "logged model", "version"])
def test_runs_logged_models_and_versions_may_name_it(registry: Registry, where: str) -> None:
    word = {"base_model": "base"}
    recorded(
        registry,
        *BASES,
        run("r", outputs=(NET,), **(word if where == "run" else {})),
        logged(NET, "r", **(word if where == "logged model" else {})),
        version("shop", 1, f"models:/{NET}", "r", words=word if where == "version" else {}),
    )
    assert relations(registry) == {"model:shop@1 finetuned_from model:base@1"}


@pytest.mark.parametrize(
    ("value", "name", "reason"),
    [
        ("org/unheard-of", "org/unheard-of", ""),
        ("https://huggingface.co/org/unheard-of", "org/unheard-of", ""),
        ("org/unheard-of@3", "org/unheard-of", ""),
        ("./out/checkpoint-500", "./out/checkpoint-500", "a name that no artifact can bear"),
        ("/home/me/net", "/home/me/net", "a name that no artifact can bear"),
        (
            "s3://key:secret@bucket/net?sig=secret",
            "s3://***@bucket/net",
            "a name that no artifact can bear",
        ),
        ("<b>bold</b>", "<b>bold</b>", "a name that no artifact can bear"),
        ("models:/gone/4", "models:/gone/4", "what MLflow no longer has"),
        ("models:/base@nobody", "models:/base@nobody", "what MLflow no longer has"),
        (model_id(9), model_id(9), "what MLflow no longer has"),
        ("runs:/nowhere/net", "runs:/nowhere/net", "what MLflow no longer has"),
    ],
)
def test_what_cannot_be_found_is_a_gap(registry: Registry, value: str, name: str, reason: str) -> None:
    recorded(registry, *BASES, run("r", outputs=(NET,), base_model=value), logged(NET, "r"))
    assert not relations(registry)
    assert gaps(registry) == {f"model:net@{NET} finetuned_from {name}: {reason}"}


def test_a_registered_name_with_several_models_is_a_gap(registry: Registry) -> None:
    made = (version("base", 1, "a"), version("base", 2, "b"))
    recorded(registry, *made, run("r", outputs=(NET,), base_model="base"), logged(NET, "r"))
    assert gaps(registry) == {
        f"model:net@{NET} finetuned_from base: an address in MLflow that several models bear"
    }


@pytest.mark.parametrize("value", ["", "None", "null", "[]", " ", "n/a"])
def test_a_key_without_a_name_says_nothing(registry: Registry, value: str) -> None:
    recorded(registry, run("r", outputs=(NET,), base_model=value), logged(NET, "r"))
    assert not gaps(registry)


def test_a_name_that_is_registered_later_becomes_a_relation_by_the_next_import(registry: Registry) -> None:
    made = (run("r", outputs=(NET,), _name_or_path="org/base"), logged(NET, "r"))
    recorded(registry, *made)
    assert gaps(registry) == {f"model:net@{NET} finetuned_from org/base: "}
    registry.register_model(name="org/base", from_scratch=True)
    recorded(registry, *made)
    assert relations(registry) == {f"model:net@{NET} finetuned_from model:org/base@1"}
    assert not any("org/base" in one for one in registry.risks([f"net@{NET}"]).artifacts[0].unknown)


def test_a_base_model_that_is_the_model_itself_is_no_parent(registry: Registry) -> None:
    word = {"base_model": "shop"}
    recorded(registry, logged(NET), version("shop", 1, f"models:/{NET}", words=word))
    assert not relations(registry)
    assert not gaps(registry)


def test_the_pretrained_model_of_a_logged_pipeline_is_read_from_its_flavors(registry: Registry) -> None:
    registry.register_model(name="org/base", from_scratch=True)
    told = json.dumps(
        [{"flavors": {"transformers": {"source_model_name": "org/base"}, "python_function": {}}}]
    )
    recorded(registry, run("r", outputs=(NET,), **{"mlflow.log-model.history": told}), logged(NET, "r"))
    assert relations(registry) == {f"model:net@{NET} finetuned_from model:org/base@1"}


@pytest.mark.parametrize(
    "told", ['[{"flav', "[1]", '{"flavors": 1}', "[" * 100_000, '[{"flavors": {"x": 1}}]']
)
def test_flavors_that_were_cut_or_forged_leave_the_ancestry_unknown(registry: Registry, told: str) -> None:
    recorded(registry, run("r", outputs=(NET,), **{"mlflow.log-model.history": told}), logged(NET, "r"))
    assert not relations(registry)
    assert gaps(registry)


def test_a_further_key_may_state_the_relation(registry: Registry) -> None:
    made = (*BASES, run("r", outputs=(NET,), **{"my.base": "base"}), logged(NET, "r"))
    recorded(registry, *made, parent_tags={"my.base": RelationKind.QUANTIZED_FROM})
    assert relations(registry) == {f"model:net@{NET} quantized_from model:base@1"}


def test_the_same_base_named_twice_is_one_relation_and_the_stated_one_stands(registry: Registry) -> None:
    made = run("r", inputs=(BASE,), outputs=(NET,), base_model="base", base_model_relation="adapter")
    recorded(registry, *BASES, made, logged(NET, "r"))
    assert relations(registry) == {f"model:net@{NET} adapter_of model:base@1"}
