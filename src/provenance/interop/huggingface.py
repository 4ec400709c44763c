"""Model infos as the Hugging Face hub's API lists them: what each says of its own ancestry.

Fields that are read, of an info ``{"id": ..., "cardData": {...}, "tags": [...], ...}``:

- ``id``, or in old dumps ``modelId``: the model's name.
- ``cardData.base_model`` (a name or a list) and ``cardData.base_model_relation``, as the card's author wrote them.
- ``baseModels`` (``{"relation": ..., "models": [{"id": ...}]}``) and tags ``base_model:RELATION:NAME``: what the hub made of
  them, by the relation stated or inferred from the files.
- ``cardData.datasets`` and tags ``dataset:NAME``: what it was trained on.
- `_DESCRIBING`: what else is kept of it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from provenance.artifacts import ArtifactKind
from provenance.errors import ContentError
from provenance.intake.claims import CARD_RELATIONS, ancestor_name
from provenance.intake.files import shown
from provenance.interop.graph import NO_NAME, Edge, Missing, Node, Row, Skipped, legible
from provenance.interop.records import read_records
from provenance.relations import RelationKind

_DESCRIBING = ("sha", "lastModified", "createdAt", "library_name", "pipeline_tag")
_LONGEST_WORD = 500  # characters of what is kept of a description
_BASE_TAG, _DATASET_TAG = "base_model:", "dataset:"
_BY_TAG: Mapping[str, RelationKind] = {
    "peft": RelationKind.ADAPTER_OF,
    "gguf": RelationKind.QUANTIZED_FROM,
}
"""Tags that tell the relation to the base model where neither card nor hub does."""


def read_model_infos(path: Path) -> Iterator[Row]:
    """The rows of a dump of model infos, JSON or JSON lines, plain or in gzip.

    Raises:
        ContentError: The file is no such dump, or was cut off.
    """
    file = shown(path)
    for line, info in read_records(path):
        if not isinstance(info, Mapping):
            yield Skipped(f"{str(info)[:80]!a}", "no model info", file, line)
            continue
        name = info.get("id") or info.get("modelId")
        if not isinstance(name, str):
            yield Skipped("a model info", "no id", file, line)
            continue
        yield Node(ArtifactKind.MODEL, name, _metadata(info), file, line)
        yield from _Info(info, name, file, line).parents()


class _Info:
    """One model info.

    Args:
        info: What the hub says.
        name: The model's name.
        file: For messages.
        line: For messages.
    """

    def __init__(self, info: Mapping[str, Any], name: str, file: str, line: int) -> None:
        card = info.get("cardData")
        self._info, self._name, self._place = info, name, (file, line)
        self._card: Mapping[str, Any] = card if isinstance(card, Mapping) else {}
        self._tags = [tag for tag in _listed(info.get("tags")) if isinstance(tag, str)]

    def parents(self) -> Iterator[Row]:
        """The parents that it names."""
        hub, gathered = self._by_hub()
        bases = _distinct(_listed(self._card.get("base_model")) or hub)
        stated = _relation(self._card.get("base_model_relation")) or gathered
        kind = stated or self._by_tag()
        if len(bases) > 1 and kind.rule.only_parent:
            # Several sets of weights can only have been merged, whatever the card calls it: so a card is read everywhere.
            stated, kind = None, RelationKind.MERGED_FROM
        for base in bases:
            yield self._parent(kind, base, stated=stated is not None)
        for dataset in _distinct(_listed(self._card.get("datasets")) or self._tagged(_DATASET_TAG)):
            yield self._parent(RelationKind.TRAINED_ON, dataset, stated=True)

    def _parent(self, kind: RelationKind, value: Any, *, stated: bool) -> Row:  # noqa: ANN401 - any JSON value
        file, line = self._place
        try:
            return Edge(self._name, kind, ancestor_name(value), file, line, stated)
        except ContentError as error:
            told = value if isinstance(value, str) else json.dumps(value)
            return Missing(self._name, kind, told, NO_NAME, error.message, file, line)

    def _by_hub(self) -> tuple[Sequence[Any], RelationKind | None]:
        """The base models that the hub gathered, and their relation."""
        found = self._info.get("baseModels")
        if isinstance(found, Mapping) and (models := _listed(found.get("models"))):
            names = [one.get("id") if isinstance(one, Mapping) else one for one in models]
            return names, _relation(found.get("relation"))
        names, kind = [], None
        for tag in self._tagged(_BASE_TAG):
            word, separator, name = tag.partition(":")
            kind = kind or (_relation(word) if separator else None)
            names.append(name if separator and _relation(word) else tag)
        return names, kind

    def _by_tag(self) -> RelationKind:
        """What naming a base model most likely means where nobody says."""
        words = {self._info.get("library_name"), *self._tags}
        return next((kind for tag, kind in _BY_TAG.items() if tag in words), RelationKind.FINETUNED_FROM)

    def _tagged(self, prefix: str) -> list[str]:
        return [tag.removeprefix(prefix) for tag in self._tags if tag.startswith(prefix)]


def _metadata(info: Mapping[str, Any]) -> dict[str, str]:
    """What is kept of a model's description."""
    found = {key: info[key] for key in _DESCRIBING if isinstance(info.get(key), str) and info[key]}
    tags = (tag for tag in _listed(info.get("tags")) if isinstance(tag, str))
    card = info.get("cardData")
    license_ = card.get("license") if isinstance(card, Mapping) else None
    tagged = (tag.removeprefix("license:") for tag in tags if tag.startswith("license:"))
    license_ = license_ if isinstance(license_, str) else next(tagged, None)
    found |= {"license": license_} if license_ else {}
    return {key: legible(word[:_LONGEST_WORD]) for key, word in found.items()}


def _relation(word: object) -> RelationKind | None:
    return CARD_RELATIONS.get(word) if isinstance(word, str) else None


def _listed(value: Any) -> Sequence[Any]:  # noqa: ANN401 - any JSON value
    """One value or several, as cards write either."""
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def _distinct(values: Sequence[Any]) -> list[Any]:
    """Values without those that say the same again; hubs take no notice of case."""
    return list({str(value).lower(): value for value in reversed(values)}.values())[::-1]
