"""What the columns and words of a table mean: a TOML file, or ``KEY=VALUE`` words, over what the header lets guess.

    child = "target"                    # columns by their names; without a header, by their numbers from 1
    parent = "source"
    relation = "edge"
    [relations]                         # a word of the relation's column, and what it means; "" leaves its rows out
    finetuned = "finetuned_from"

`KEYS` lists every key.
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from provenance.artifacts import ArtifactKind
from provenance.errors import ContentError, UsageError
from provenance.intake.claims import CARD_RELATIONS
from provenance.intake.files import shown
from provenance.relations import RelationKind

GUIDE = "docs/importing.md shows every key of a mapping."

_K = RelationKind
RELATION_WORDS: Mapping[str, RelationKind] = {
    **{kind.value: kind for kind in RelationKind},
    **CARD_RELATIONS,
    "finetuned": _K.FINETUNED_FROM,
    "fine-tune": _K.FINETUNED_FROM,
    "fine-tuned": _K.FINETUNED_FROM,
    "merged": _K.MERGED_FROM,
    "quantize": _K.QUANTIZED_FROM,
    "quantization": _K.QUANTIZED_FROM,
    "lora": _K.ADAPTER_OF,
    "pruned": _K.PRUNED_FROM,
    "converted": _K.CONVERTED_FROM,
    "distilled": _K.DISTILLED_FROM,
    "generated": _K.GENERATED_BY,
    "derived": _K.DERIVED_FROM,
    "dataset": _K.TRAINED_ON,
}
"""Words for relations that need no mapping, in lower case."""

UNSAID = ("unresolved", "unknown")
"""Words of a kinds' column by which a table says that it does not know."""

KIND_WORDS: Mapping[str, ArtifactKind | None] = {
    **{kind.value: kind for kind in ArtifactKind},
    **dict.fromkeys(UNSAID),
}
"""Words for kinds of artifact that need no mapping, in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMapping:
    """What the columns and words of tables mean.

    Args:
        child: Column of the child's name; None to guess it by the header.
        parent: Column of the parent's name; None to guess it.
        relation: Column of the relation's word; None to guess it, and to do without where nothing is like one.
        child_kind: Column of the child's kind; as for `relation`.
        parent_kind: Column of the parent's kind; as for `relation`.
        default: The relation of rows that state none, where the kinds of both ends do not tell.
        header: Whether the first line names the columns.
        delimiter: What stands between cells; None for a tab in ``.tsv`` files and a comma in others.
        relations: Words of the relation's column; None leaves a word's rows out.
        kinds: Words of the kinds' columns; None for what is no artifact.
        name: Column of the name in a list of nodes; None to guess it.
        kind: Column of the kind in a list of nodes; None to guess it; without one, nodes are models.
    """

    child: str | None = None
    parent: str | None = None
    relation: str | None = None
    child_kind: str | None = None
    parent_kind: str | None = None
    default: RelationKind | None = None
    header: bool = True
    delimiter: str | None = None
    relations: Mapping[str, RelationKind | None] = field(default_factory=lambda: dict(RELATION_WORDS))
    kinds: Mapping[str, ArtifactKind | None] = field(default_factory=lambda: dict(KIND_WORDS))
    name: str | None = None
    kind: str | None = None

    def changed(self, words: Mapping[str, Any]) -> "TableMapping":
        """This mapping with other words for some keys, see `KEYS`.

        Raises:
            ContentError: A key is unknown, or its value has no meaning.
        """
        changes: dict[str, Any] = {}
        for key, value in words.items():
            table = _TABLES.get(key)
            if table is not None:
                if not isinstance(value, Mapping):
                    raise ContentError(f"{key} has to be a table of words, as in {key}.WORD=KIND")
                read = {word.lower(): _kind(f"{key}.{word}", one, table) for word, one in value.items()}
                changes[key] = {**getattr(self, key), **read}
            else:
                changes[key] = _value(key, value)
        return replace(self, **changes)


_TABLES: Mapping[str, type[RelationKind] | type[ArtifactKind]] = {
    "relations": RelationKind,
    "kinds": ArtifactKind,
}
_COLUMNS = ("child", "parent", "relation", "child_kind", "parent_kind", "name", "kind")
KEYS = (*_COLUMNS, "default", "header", "delimiter", *_TABLES)
"""Every key of a mapping."""

ECOSYSTEM = TableMapping(kinds={**KIND_WORDS, "application": None})
"""The ecosystem graphs of Stanford CRFM: an application is no artifact."""


def read_mapping(path: Path) -> Mapping[str, Any]:
    """The keys of a mapping's file.

    Raises:
        ContentError: It can't be read as TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ContentError(f"cannot read {shown(path)}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ContentError(f"{shown(path)} is no mapping: {error}", hint=GUIDE) from error


def mapping_words(pairs: Sequence[str]) -> Mapping[str, Any]:
    """The keys of ``KEY=VALUE`` words; ``relations.WORD=KIND`` is a word of a table.

    Raises:
        UsageError: A word has no ``=``, or tells of a key as a table that has a value.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise UsageError(f"--map takes a file or KEY=VALUE; got {pair!r}", hint=GUIDE)
        table, dot, word = key.partition(".")
        if not dot:
            found[key] = value
        elif isinstance(found.setdefault(table, {}), dict):
            found[table][word] = value
        else:
            raise UsageError(f"--map {pair}: {table} is {found[table]!r} already", hint=GUIDE)
    return found


def _value(key: str, value: object) -> object:
    """What a key outside the tables means by a value."""
    if key not in KEYS:
        nearest = difflib.get_close_matches(key, KEYS, n=1)
        raise ContentError(
            f"a mapping has no key {key!r}"
            + (f"; did you mean {nearest[0]!r}?" if nearest else f"; known are {', '.join(KEYS)}"),
            hint=GUIDE,
        )
    if key == "default":
        return _kind(key, value, RelationKind)
    if key == "header":
        if str(value).lower() not in {"true", "false"}:
            raise ContentError(f"header is true or false, not {value!r}", hint=GUIDE)
        return str(value).lower() == "true"
    if key == "delimiter" and (not isinstance(value, str) or len(value.replace("\\t", "\t")) != 1):
        raise ContentError(f"a delimiter is one sign, or \\t; not {value!r}", hint=GUIDE)
    if not isinstance(value, str | int):
        raise ContentError(f"{key} names a column, and {value!r} is none", hint=GUIDE)
    return str(value).replace("\\t", "\t")


def _kind(
    key: str, value: object, table: type[RelationKind] | type[ArtifactKind]
) -> RelationKind | ArtifactKind | None:
    if value == "":
        return None
    if not isinstance(value, str) or value not in set(table):
        raise ContentError(f"{key}: there is no {value!r}; known are {', '.join(table)}", hint=GUIDE)
    return table(value)
