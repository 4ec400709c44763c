"""What an artifact's files say of its own ancestry.

A claim is offered, never acted on here: the registry matches its name to what is recorded, or records it as an ancestor that is
missing. Every claim says where it stands, and whether the file states the relation or it was inferred. A name that can be no
artifact's name, or that is a path on somebody's disk, becomes a warning, with whatever it holds escaped.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from provenance.artifacts import ArtifactKind, check_name
from provenance.errors import ContentError
from provenance.intake.documents import Value, read_front_matter, read_json_object, read_yaml_mapping
from provenance.intake.files import Files, shown
from provenance.intake.merges import MERGE_CONFIG_NAMES, merge_parents
from provenance.relations import WEIGHT_KINDS, RelationKind

MAX_CLAIMS = 1000
"""More than any card has; a list without bounds would fill the ledger."""

CARD_RELATIONS: Mapping[str, RelationKind] = {
    "finetune": RelationKind.FINETUNED_FROM,
    "adapter": RelationKind.ADAPTER_OF,
    "quantized": RelationKind.QUANTIZED_FROM,
    "merge": RelationKind.MERGED_FROM,
}
"""The words of ``base_model_relation`` in a Hugging Face model card."""

NOBODY = "unknown:"
"""What the name of an ancestor begins with that nobody named: no artifact can be called so, or be taken for it."""

_CARD = "README.md"
_HUB = re.compile(r"https://(?:huggingface\.co|hf\.co)/(?:datasets/)?")
_LOCAL = re.compile(r"[./~\\]|[A-Za-z]:[\\/]|.*\\|file:")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_NO_SOURCE = re.compile(r"original|extended|other(-.*)?")
_CHECKPOINT = re.compile(r".*/(checkpoint|step|epoch)[-_]?\d*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An ancestor as the files name it.

    Args:
        kind: The relation from the artifact to the ancestor.
        name: The ancestor's name, fit to be one; a version is never part of it.
        source: File and field, such as ``README.md: base_model``.
        certain: Whether the file states the relation; otherwise it was inferred from what kind of files these are.
        share: Of a merge, the parent's share, where the file settles it.
    """

    kind: RelationKind
    name: str
    source: str
    certain: bool = True
    share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mention:
    """A name as it stands in a file, not yet looked at."""

    kind: RelationKind
    name: Value
    source: str
    certain: bool = True
    share: float | None = None


def read_claims(files: Files, kind: ArtifactKind, format_: str) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """The claims of a folder, and warnings about what in them could not be used.

    Where sources disagree on the one parent that a model has its weights from, the first counts (merge, adapter, card, MLmodel,
    config: from what loaders act on to what people write), and a warning names the others.

    Raises:
        ContentError: A file that should hold claims can't be read, or names more than `MAX_CLAIMS` ancestors.
    """
    if not files.is_folder:
        return (), ()
    claims: dict[tuple[RelationKind, str], Claim] = {}
    warnings: list[str] = []
    mentions = list(
        _dataset_mentions(files) if kind is ArtifactKind.DATASET else _model_mentions(files, format_)
    )
    if len(mentions) > MAX_CLAIMS:
        raise ContentError(
            f"{shown(files.path)} names {len(mentions)} ancestors; at most {MAX_CLAIMS} are taken"
        )
    only_parent: Claim | None = None
    for mention in mentions:
        try:
            claim = _checked(mention)
        except ContentError as error:
            warnings.append(f"{mention.source} was not used: {error.message}")
            continue
        if claim.kind.rule.only_parent:
            only_parent = only_parent or claim
            if claim.name != only_parent.name:
                warnings.append(
                    f"{claim.source} names {claim.name!r}, but {only_parent.source} names {only_parent.name!r} "
                    "as the one that the weights come from; the latter is offered"
                )
            if claim is not only_parent:
                continue
        claims.setdefault((claim.kind, claim.name), claim)
    return tuple(claims.values()), tuple(warnings)


def claimed_name(text: str) -> str:
    """A name that a claim can have: that of an artifact, or one that begins with `NOBODY`.

    Raises:
        ContentError: It can't be either.
    """
    check_name(text.removeprefix(NOBODY), "unresolved name")
    return text


def ancestor_name(value: Value) -> str:
    """The name that a card means by what it says of an ancestor: a name, or an address at the hub.

    Raises:
        ContentError: It is no text, a path on somebody's disk, or can't be a name.
    """
    if not isinstance(value, str):
        raise ContentError("a name has to be text")
    name = _HUB.sub("", value.strip(), count=1) if value.startswith("https://") else value.strip()
    if _LOCAL.match(name):
        raise ContentError(f"{name[:200]!a} is a path on the disk where it was written, not a name")
    return check_name(name, "claimed name")


def _checked(mention: _Mention) -> Claim:
    return Claim(
        kind=mention.kind,
        name=ancestor_name(mention.name),
        source=mention.source,
        certain=mention.certain,
        share=mention.share,
    )


def _model_mentions(files: Files, format_: str) -> Iterator[_Mention]:
    found = [*_merge_mentions(files), *_adapter_mentions(files)]
    config = _object(files, "config.json")
    inferred = _inferred_relation(files, format_, config)
    found += _card_mentions(_front_matter(files), f"{_CARD}: ", inferred)
    found += _mlflow_mentions(files, inferred)
    yield from found
    if not any(mention.kind in WEIGHT_KINDS for mention in found):
        yield from _config_mentions(files, config)


def _inferred_relation(files: Files, format_: str, config: Mapping[str, Value]) -> RelationKind:
    """What naming a base model most likely means when the card does not say: as the Hugging Face hub infers it."""
    if files.named("adapter_config.json"):
        return RelationKind.ADAPTER_OF
    if files.named(*MERGE_CONFIG_NAMES):
        return RelationKind.MERGED_FROM
    if format_ == "gguf" or config.get("quantization_config") is not None:
        return RelationKind.QUANTIZED_FROM
    return RelationKind.FINETUNED_FROM


def _card_mentions(card: Mapping[str, Value], source: str, inferred: RelationKind) -> Iterator[_Mention]:
    """Base models and training data, in a card's words; ``source`` is what stands before the field."""
    bases = _listed(card.get("base_model"))
    word = card.get("base_model_relation")
    stated = CARD_RELATIONS.get(word) if isinstance(word, str) else None
    kind = stated or inferred
    if len(bases) > 1 and kind.rule.only_parent:
        # Several sets of weights can only have been merged, whatever the card calls it.
        stated, kind = None, RelationKind.MERGED_FROM
    for base in bases:
        yield _Mention(kind=kind, name=base, source=f"{source}base_model", certain=stated is not None)
    for dataset in _listed(card.get("datasets")):
        yield _Mention(kind=RelationKind.TRAINED_ON, name=dataset, source=f"{source}datasets")


def _adapter_mentions(files: Files) -> Iterator[_Mention]:
    name = _object(files, "adapter_config.json").get("base_model_name_or_path")
    if name is not None:
        source = "adapter_config.json: base_model_name_or_path"
        yield _Mention(kind=RelationKind.ADAPTER_OF, name=name, source=source)


def _merge_mentions(files: Files) -> Iterator[_Mention]:
    file = files.named(*MERGE_CONFIG_NAMES)
    if file is None:
        return
    parents = merge_parents(read_yaml_mapping(file.path))
    for name, share in parents.items():
        if len(parents) == 1:
            # A model merged with itself, layers repeated: a deeper one, as far as the file tells.
            yield _Mention(kind=RelationKind.EXPANDED_FROM, name=name, source=file.name, certain=False)
        else:
            yield _Mention(kind=RelationKind.MERGED_FROM, name=name, source=file.name, share=share)


def _mlflow_mentions(files: Files, inferred: RelationKind) -> Iterator[_Mention]:
    """What an MLflow model says: ``metadata`` in the words of a card, and the model that a pipeline was made from."""
    file = files.named("MLmodel")
    if file is None:
        return
    model = read_yaml_mapping(file.path)
    metadata = model.get("metadata")
    if isinstance(metadata, Mapping):
        yield from _card_mentions(metadata, "MLmodel: metadata.", inferred)
    flavors = model.get("flavors")
    flavor = flavors.get("transformers") if isinstance(flavors, Mapping) else None
    name = flavor.get("source_model_name") if isinstance(flavor, Mapping) else None
    if isinstance(flavor, Mapping) and isinstance(name, str) and _names_another(name, files):
        kind = RelationKind.ADAPTER_OF if flavor.get("peft_adaptor") else RelationKind.FINETUNED_FROM
        source = "MLmodel: flavors.transformers.source_model_name"
        yield _Mention(kind=kind, name=name, source=source, certain=False)


def _config_mentions(files: Files, config: Mapping[str, Value]) -> Iterator[_Mention]:
    """What the weights were loaded from when they were saved: the weakest word, often the model itself or a local folder."""
    name = config.get("_name_or_path")
    if isinstance(name, str) and _names_another(name, files):
        source = "config.json: _name_or_path"
        yield _Mention(kind=RelationKind.FINETUNED_FROM, name=name, source=source, certain=False)


def _names_another(name: str, files: Files) -> bool:
    """Whether ``name`` is of the form that the hub gives, and not this model's own."""
    if not _HUB_NAME.fullmatch(name) or _CHECKPOINT.fullmatch(name):
        return False
    own_cache = files.path.parent.parent.name == f"models--{name.replace('/', '--')}"
    return name.rpartition("/")[2] != files.path.name and not own_cache


def _dataset_mentions(files: Files) -> Iterator[_Mention]:
    """The sources in a dataset card. ``original`` and ``extended`` alone name none; ``extended|squad`` names squad."""
    for entry in _listed(_front_matter(files).get("source_datasets")):
        name = entry.removeprefix("extended|") if isinstance(entry, str) else entry
        if not (isinstance(name, str) and _NO_SOURCE.fullmatch(name)):
            yield _Mention(kind=RelationKind.DERIVED_FROM, name=name, source=f"{_CARD}: source_datasets")


def _front_matter(files: Files) -> Mapping[str, Value]:
    file = files.named(_CARD)
    return read_front_matter(file.path) if file else {}


def _object(files: Files, name: str) -> Mapping[str, Value]:
    file = files.named(name)
    return read_json_object(file.path) if file else {}


def _listed(value: Value) -> Sequence[Value]:
    """One value or several, as cards write either."""
    if value is None:
        return ()
    return value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
