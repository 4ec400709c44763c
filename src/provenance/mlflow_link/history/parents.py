"""The parameters and tags by which people name a base model, and what they say there.

MLflow has no field for it in a registered version, and many write it into a parameter or tag. What stands there is somebody's word: a
name, a path on somebody's disk, or an address in MLflow.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
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


class Named(NamedTuple):
    """A base model that somebody named.

    Args:
        key: The parameter or tag.
        value: What stands there.
        kind: The relation, where it is stated.
        is_name: Whether what stands there can be read as a name.
    """

    key: str
    value: str
    kind: RelationKind | None
    is_name: bool = True


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
        yield from _named(key, _values(words.get(key, "")), kind or told)
    yield from _named(FLAVORS_TAG, _pretrained(words.get(FLAVORS_TAG, "")), told)


def model_id(value: str) -> str | None:
    """The id of a logged model that a value is, or ends with as ``models:/m-...``."""
    text = value.removeprefix("models:/")
    return text if _MODEL_ID.fullmatch(text) else None


def _named(key: str, values: Iterable[object], kind: RelationKind | None) -> Iterator[Named]:
    """What some values name; one that is no text names something all the same."""
    for value in values:
        if not isinstance(value, str):
            yield Named(key, _shown(value), kind, is_name=False)
        elif value.strip().lower() not in _NOTHING:
            yield Named(key, value.strip(), kind)


def _values(text: str) -> list[object]:
    """One name, or the names of a JSON list."""
    found = _json(text) if text.lstrip().startswith("[") else None
    return found if isinstance(found, list) else [text]


def _pretrained(text: str) -> Iterator[object]:
    """The pretrained models that the flavors of a run's logged models name; what can't be read may name one."""
    logged = _json(text) if text else []
    for one in logged if isinstance(logged, list) else [FLAVORS_TAG]:
        flavors = one.get("flavors", {}) if isinstance(one, dict) else one
        for flavor in flavors.values() if isinstance(flavors, dict) else [flavors]:
            yield flavor.get("source_model_name", "") if isinstance(flavor, dict) else [flavor]


def _shown(value: object) -> str:
    """What stands where a name should, for people."""
    try:
        return json.dumps(value)
    except RecursionError:
        return "(nested)"


def _json(text: str) -> object:
    """What a text says as JSON; None where it is none, such as one that MLflow cut off."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
