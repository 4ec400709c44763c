"""The parameters and tags by which people name a base model, and what they say there.

MLflow has no field for it in a registered version, and many write it into a parameter or tag. What stands there is somebody's word: a
name, a path on somebody's disk, or an address in MLflow.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from provenance.intake.claims import CARD_RELATIONS
from provenance.mlflow_link.history.records import PROMPT_TAG
from provenance.mlflow_link.objects import KEY_TAG
from provenance.relations import WEIGHT_KINDS, RelationKind

PARENT_KEYS = (
    "base_model",
    "base_model_name",
    "base_model_name_or_path",
    "model_name_or_path",
    "_name_or_path",
    "pretrained_model_name_or_path",
    "source_model_name",
    "parent_model",
)
"""Keys of parameters and tags that name a base model; those with a path are what trainers write by themselves."""
RELATION_KEY = "base_model_relation"
"""The key, known from model cards, that states what was done with the base model."""
FLAVORS_TAG = "mlflow.log-model.history"
"""The tag of a run in which MLflow keeps what it logged, with the name of a pretrained model where it knows one."""

_RELATION_WORDS: Mapping[str, RelationKind] = {
    **{kind.value: kind for kind in WEIGHT_KINDS},
    **CARD_RELATIONS,
    "lora": RelationKind.ADAPTER_OF,
}
_NOTHING = frozenset({"", "none", "null", "nan", "n/a"})
_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
_MOST = 20  # base models that one value may list


class Named(NamedTuple):
    """A base model that somebody named.

    Args:
        key: The parameter or tag.
        value: What stands there.
        kind: The relation, where it is stated.
    """

    key: str
    value: str
    kind: RelationKind | None


def wanted_keys(parent_tags: Mapping[str, RelationKind | None]) -> frozenset[str]:
    """All keys that a reader has to hand on.

    Args:
        parent_tags: Further keys that name a base model.
    """
    return frozenset({*PARENT_KEYS, *parent_tags, RELATION_KEY, FLAVORS_TAG, KEY_TAG, PROMPT_TAG})


def stated_relation(words: Mapping[str, str]) -> RelationKind | None:
    """What some words say was done with the base model; None where they don't, or in words that nobody knows."""
    return _RELATION_WORDS.get(words.get(RELATION_KEY, "").strip().lower())


def named_parents(
    words: Mapping[str, str], parent_tags: Mapping[str, RelationKind | None]
) -> Iterator[Named]:
    """The base models that some words name.

    Args:
        words: Parameters and tags.
        parent_tags: Further keys, and the relation that each states.
    """
    told = stated_relation(words)
    kinds = dict.fromkeys(PARENT_KEYS) | dict(parent_tags)
    for key, kind in kinds.items():
        for value in _values(words.get(key, "")):
            yield Named(key, value, kind or told)
    for value in _pretrained(words.get(FLAVORS_TAG, "")):
        yield Named(FLAVORS_TAG, value, told)


def model_id(value: str) -> str | None:
    """The id of a logged model that a value is, or ends with as ``models:/m-...``."""
    text = value.removeprefix("models:/")
    return text if _MODEL_ID.fullmatch(text) else None


def _values(text: str) -> Iterator[str]:
    """One name, or the names of a JSON list."""
    found = _json(text) if text.lstrip().startswith("[") else None
    for value in found[:_MOST] if isinstance(found, list) else [text]:
        if isinstance(value, str) and value.strip().lower() not in _NOTHING:
            yield value.strip()


def _pretrained(text: str) -> Iterator[str]:
    """The pretrained models that the flavors of a run's logged models name."""
    logged = _json(text) if text else None
    seen: dict[str, None] = {}
    for one in logged[:_MOST] if isinstance(logged, list) else ():
        flavors = one.get("flavors") if isinstance(one, dict) else None
        for flavor in flavors.values() if isinstance(flavors, dict) else ():
            name = flavor.get("source_model_name") if isinstance(flavor, dict) else None
            if isinstance(name, str) and name.strip().lower() not in _NOTHING:
                seen[name.strip()] = None
    yield from seen


def _json(text: str) -> object:
    """What a text says as JSON; None where it is none, such as one that MLflow cut off."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
