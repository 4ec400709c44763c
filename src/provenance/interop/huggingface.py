"""Model infos as the Hugging Face hub's API lists them: what each says of its own ancestry.

Fields that are read, of an info ``{"id": ..., "cardData": {...}, "tags": [...], ...}``:

- ``id``, or in old dumps ``modelId``: the model's name.
- ``cardData.base_model`` (a name or a list) and ``cardData.base_model_relation``, as the card's author wrote them.
- ``baseModels`` (``{"relation": ..., "models": [{"id": ...}]}``) and tags ``base_model:RELATION:NAME``: what the hub made of
  them, by the relation stated or inferred from the files.
- ``cardData.datasets`` and tags ``dataset:NAME``: what it was trained on.
- `_DESCRIBING`: what else is kept of it.

Whatever one of them names is a parent, though the others name none or another; the first that states a relation to it is heeded.
Where they disagree on the one base model, that is for the plan of the import to settle as a second set of starting weights.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

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


_Said: TypeAlias = tuple[Any, RelationKind | None]
"""What stands in the place of a base model's name, and the relation where it is stated."""


class _Base(NamedTuple):
    """A base model, once.

    Args:
        value: What stands in the place of its name, where it was first named.
        kind: The relation to it.
        stated: Whether anybody says so.
    """

    value: Any
    kind: RelationKind
    stated: bool


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
        found: dict[str, _Base] = {}
        for said in (self._by_card(), self._by_hub(), self._by_tags()):
            several = len({_folded(value) for value, _ in said}) > 1
            for value, relation in said:
                base = _Base(value, relation or self._most_likely(), relation is not None)
                if several and base.kind.rule.only_parent:
                    # Several sets of weights can only have been merged, whatever the card calls it: so a card is read everywhere.
                    base = _Base(value, RelationKind.MERGED_FROM, stated=False)
                before = found.setdefault(_folded(value), base)
                if base.stated and not before.stated:
                    found[_folded(value)] = base._replace(value=before.value)
        for base in found.values():
            yield self._parent(base.kind, base.value, stated=base.stated)
        datasets: dict[str, Any] = {}
        for value in (*_listed(self._card.get("datasets")), *self._tagged(_DATASET_TAG)):
            datasets.setdefault(_folded(value), value)
        for dataset in datasets.values():
            yield self._parent(RelationKind.TRAINED_ON, dataset, stated=True)

    def _parent(self, kind: RelationKind, value: Any, *, stated: bool) -> Row:  # noqa: ANN401 - any JSON value
        file, line = self._place
        try:
            return Edge(self._name, kind, ancestor_name(value), file, line, stated)
        except ContentError as error:
            told = value if isinstance(value, str) else json.dumps(value)
            return Missing(self._name, kind, told, NO_NAME, error.message, file, line)

    def _by_card(self) -> list[_Said]:
        """The base models that the card's author named, each with the relation where it is stated."""
        relation = _relation(self._card.get("base_model_relation"))
        return [(value, relation) for value in _listed(self._card.get("base_model"))]

    def _by_hub(self) -> list[_Said]:
        """The same of those that the hub gathered."""
        found = self._info.get("baseModels")
        if not isinstance(found, Mapping):
            return []
        relation, models = _relation(found.get("relation")), _listed(found.get("models"))
        return [(one.get("id") if isinstance(one, Mapping) else one, relation) for one in models]

    def _by_tags(self) -> list[_Said]:
        """The same of those that tags name."""
        split = [(tag, *tag.partition(":")) for tag in self._tagged(_BASE_TAG)]
        return [(name, _relation(word)) if _relation(word) else (tag, None) for tag, word, _, name in split]

    def _most_likely(self) -> RelationKind:
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


def _folded(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """What is alike in values that name the same; hubs take no notice of case."""
    try:
        return ancestor_name(value).lower()
    except ContentError:
        return str(value).lower()
