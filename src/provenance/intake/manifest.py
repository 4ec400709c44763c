"""Manifests: many artifacts and their relations in one YAML file, for ``provenance register -f``.

The keys are the options of the command line with underscores; docs/manifest.md shows them all. Parsing reads the whole file and
reports everything that is wrong with it at once, by line. It does not say whether the references lead anywhere: that is the
registry's to know.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from provenance.artifacts import DEFAULT_VERSION, ArtifactId, ArtifactKind, Generation, Reference
from provenance.digests import DigestAlgorithm
from provenance.errors import ContentError
from provenance.intake.claims import Claim, claimed_name
from provenance.intake.documents import Value, YamlList, YamlMapping, parse_yaml, read_text
from provenance.intake.fields import Fields, Problems, described
from provenance.intake.files import shown
from provenance.relations import RULES, WEIGHT_KINDS, RelationKind

MAX_MANIFEST_BYTES = 100_000_000
MAX_PROMPT_BYTES = 1_000_000

SECTIONS: Mapping[str, ArtifactKind] = {f"{kind}s": kind for kind in ArtifactKind}
"""The keys at the top of a manifest."""

ROOT_KEYS: Mapping[ArtifactKind, str] = {ArtifactKind.MODEL: "from_scratch", ArtifactKind.DATASET: "authored"}
"""The key by which a model or dataset declares that ancestry begins with it."""

OWN_KEYS: Mapping[ArtifactKind, frozenset[str]] = {
    ArtifactKind.MODEL: frozenset({"name", "path", "meta", "from_scratch", "unresolved"}),
    ArtifactKind.DATASET: frozenset({"name", "path", "meta", "authored", "filter"}),
    ArtifactKind.TEACHER: frozenset({"name", "meta", "system_prompt", "sampling"}),
}
"""The keys of an entry that name no parents."""

RELATION_KEYS: Mapping[ArtifactKind, Mapping[str, RelationKind]] = {
    ArtifactKind.MODEL: {
        kind.value: kind for kind in RelationKind if RULES[kind].child is ArtifactKind.MODEL
    },
    ArtifactKind.DATASET: {
        kind.value: kind for kind in RelationKind if RULES[kind].child is ArtifactKind.DATASET
    },
    ArtifactKind.TEACHER: {"model": RelationKind.EMBODIED_BY, "adapter": RelationKind.EMBODIED_BY},
}
"""The keys of an entry that name parents."""

FRACTION_KEYS: Mapping[RelationKind, str] = {
    RelationKind.TRAINED_ON: "clean",
    RelationKind.MERGED_FROM: "share",
    RelationKind.DERIVED_FROM: "share",
}
"""The number in [0, 1] that may stand beside a parent."""

_Parent: TypeAlias = tuple[Value, Value, int]
"""A reference, the fraction beside it or None, and their line; neither of them checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRelation:
    """A relation from an entry to a parent, in the terms of `provenance.relations.Relation`.

    Args:
        kind: The verb.
        reference: The parent: what `Reference.parse` reads, or a digest.
        share: The parent's share of a merge or mix, in [0, 1].
        clean_fraction: Of a training, the fraction of clean rows, in [0, 1].
        filters: What was removed from the data on the way, in words.
        line: Where it stands in the manifest.
    """

    kind: RelationKind
    reference: str
    share: float | None = None
    clean_fraction: float | None = None
    filters: tuple[str, ...] = ()
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One artifact of a manifest, in the terms of `provenance.artifacts.Artifact`.

    Args:
        id: Its identity; the version is ``1`` where none is given.
        path: Its file or folder, absolute; None for an artifact known by name.
        relations: Its parents.
        claims: Ancestors known by name alone, to be looked up as a card's are.
        declared_root: Whether it is ``from_scratch`` or ``authored``.
        generation: Of a teacher, how it generated.
        metadata: The registrant's words.
        line: Where it begins in the manifest.
    """

    id: ArtifactId
    path: Path | None = None
    relations: tuple[EntryRelation, ...] = ()
    claims: tuple[Claim, ...] = ()
    declared_root: bool = False
    generation: Generation | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a manifest says.

    Args:
        path: The file.
        entries: Its artifacts: models, then datasets, then teachers, each in the order of the file; a child may stand before its
            parents.
    """

    path: Path
    entries: tuple[Entry, ...]

    def at(self, line: int) -> str:
        """A place in it, as messages begin: ``manifest.yaml:12``."""
        return f"{shown(self.path)}:{line}"


def read_manifest(path: Path) -> Manifest:
    """Reads a manifest.

    Raises:
        ContentError: It can't be read or is no YAML; or it has keys, values or references that mean nothing, every one of them
            named with its line.
    """
    document = parse_yaml(read_text(path, MAX_MANIFEST_BYTES), path)
    if not isinstance(document, YamlMapping):
        raise ContentError(
            f"{shown(path)} is no manifest: at its top it needs {', '.join(SECTIONS)}, or some of them"
        )
    problems = Problems(path)
    entries = tuple(_Parser(path.absolute().parent, problems).entries(document))
    problems.raise_all()
    return Manifest(path=path, entries=entries)


class _Parser:
    """Turns the document into entries; what it notes as a problem leaves a gap, which nobody sees since the problems are raised."""

    def __init__(self, folder: Path, problems: Problems) -> None:
        self._folder = folder
        self._problems = problems
        self._lines: dict[ArtifactId, int] = {}

    def entries(self, document: YamlMapping) -> Iterator[Entry]:
        """The artifacts of all sections."""
        sections = Fields(document, self._problems)
        sections.check_keys(SECTIONS, "at the top of a manifest")
        for section, kind in SECTIONS.items():
            if section not in sections:
                continue
            listed, line = sections.value(section)
            if not isinstance(listed, YamlList):
                self._problems.add(
                    line, f"{section}: expected a list of artifacts, found {described(listed)}"
                )
                continue
            for value, place in zip(listed, listed.lines, strict=True):
                if isinstance(value, YamlMapping):
                    yield from self._entry(kind, Fields(value, self._problems), place)
                else:
                    self._problems.add(
                        place, f"expected a {kind} with at least a name, found {described(value)}"
                    )

    def _entry(self, kind: ArtifactKind, fields: Fields, line: int) -> Iterator[Entry]:
        fields.check_keys(OWN_KEYS[kind] | RELATION_KEYS[kind].keys(), f"of a {kind}")
        identity = self._identity(kind, fields, line)
        relations = tuple(self._relations(kind, fields))
        claims = tuple(self._claims(fields)) if kind is ArtifactKind.MODEL else ()
        path, metadata = self._path(fields), fields.words("meta")
        declared_root = kind in ROOT_KEYS and fields.truth(ROOT_KEYS[kind])
        if declared_root and kind is ArtifactKind.MODEL:
            self._check_scratch(relations)
        self._check_claims(claims, relations, line, declared_root=declared_root)
        generation = None
        if kind is ArtifactKind.TEACHER:
            generation = Generation(system_prompt=self._prompt(fields), sampling=fields.words("sampling"))
            if "model" not in fields:
                self._problems.add(line, "a teacher needs `model`, the model that generated as it")
        if identity is not None:
            yield Entry(
                id=identity,
                path=path,
                relations=relations,
                claims=claims,
                declared_root=declared_root,
                generation=generation,
                metadata=metadata,
                line=line,
            )

    def _identity(self, kind: ArtifactKind, fields: Fields, line: int) -> ArtifactId | None:
        if "name" not in fields:
            self._problems.add(line, f"a {kind} needs a name")
        text = fields.text("name")
        if text is None:
            return None
        name, separator, version = text.rpartition("@")
        try:
            identity = (
                ArtifactId(kind, name, version) if separator else ArtifactId(kind, text, DEFAULT_VERSION)
            )
        except ContentError as error:
            self._problems.add(fields.value("name")[1], error.message)
            return None
        first = self._lines.setdefault(identity, line)
        if first != line:
            self._problems.add(line, f"{identity} stands here a second time; first in line {first}")
        return identity

    def _path(self, fields: Fields) -> Path | None:
        text = fields.text("path")
        if text is None:
            return None
        path = self._folder / text
        if not text or "\0" in text or not os.access(path, os.R_OK):
            self._problems.add(
                fields.value("path")[1], f"path: no such file or folder, or not readable: {shown(path)}"
            )
        return path

    def _prompt(self, fields: Fields) -> str | None:
        """The system prompt, or what the file holds that it names after ``@``."""
        text = fields.text("system_prompt")
        if text is None or not text.startswith("@"):
            return text
        try:
            return read_text(self._folder / text[1:].replace("\0", "\ufffd"), MAX_PROMPT_BYTES)
        except ContentError as error:
            self._problems.add(fields.value("system_prompt")[1], f"system_prompt: {error.message}")
            return None

    def _check_scratch(self, relations: tuple[EntryRelation, ...]) -> None:
        for relation in relations:
            if relation.kind in WEIGHT_KINDS:
                self._problems.add(
                    relation.line, f"{relation.kind}: a model from_scratch has its weights from no other"
                )

    def _check_claims(
        self,
        claims: tuple[Claim, ...],
        relations: tuple[EntryRelation, ...],
        line: int,
        *,
        declared_root: bool,
    ) -> None:
        """A gap that what is said beside it would hide is none that anybody meant."""
        is_said = declared_root or any(one.kind in WEIGHT_KINDS for one in relations)
        if is_said and any(one.kind in WEIGHT_KINDS for one in claims):
            self._problems.add(
                line, "unresolved: it is said where the weights come from; leave one of the two out"
            )

    def _claims(self, fields: Fields) -> Iterator[Claim]:
        """Ancestors known by name alone: ``unresolved: {finetuned_from: NAME}``."""
        if "unresolved" not in fields:
            return
        value, line = fields.value("unresolved")
        if not isinstance(value, YamlMapping):
            self._problems.add(
                line, f"unresolved: expected a mapping from relations to names, found {described(value)}"
            )
            return
        named = Fields(value, self._problems)
        known = RELATION_KEYS[ArtifactKind.MODEL]
        named.check_keys(known, "of what is unresolved")
        for key in (key for key in value if key in known):
            for name in named.texts(key):
                try:
                    yield Claim(kind=known[key], name=claimed_name(name), source="the manifest")
                except ContentError as error:
                    self._problems.add(value.lines[key], f"unresolved.{key}: {error.message}")

    def _relations(self, kind: ArtifactKind, fields: Fields) -> Iterator[EntryRelation]:
        filters = fields.texts("filter")
        origin: RelationKind | None = None
        for key, relation in RELATION_KEYS[kind].items():
            if key not in fields:
                continue
            fraction_key = FRACTION_KEYS.get(relation)
            for reference, number, line in self._parents(key, fraction_key, *fields.value(key)):
                text, fraction = self._reference(key, reference, line), self._fraction(key, number, line)
                if relation.rule.only_parent and origin is not None:
                    self._problems.add(
                        line, f"{key}: the weights already come from another parent, by {origin}"
                    )
                origin = relation if relation.rule.only_parent else origin
                if text is not None:
                    yield EntryRelation(
                        kind=relation,
                        reference=text,
                        share=fraction if fraction_key == "share" else None,
                        clean_fraction=fraction if fraction_key == "clean" else None,
                        filters=filters,
                        line=line,
                    )

    def _parents(self, key: str, fraction_key: str | None, value: Value, line: int) -> Iterator[_Parent]:
        """The parents in one field: ``REF``, ``{ref: REF, share: 0.5}``, a list of those, or ``{REF: share}``."""
        if isinstance(value, YamlList):
            for item, place in zip(value, value.lines, strict=True):
                if isinstance(item, YamlList):
                    self._problems.add(place, f"{key}: expected a reference, found a list within a list")
                else:
                    yield from self._parents(key, fraction_key, item, place)
        elif isinstance(value, YamlMapping) and "ref" in value:
            known = ("ref", fraction_key) if fraction_key else ("ref",)
            Fields(value, self._problems).check_keys(known, f"beside a reference of {key}")
            yield value["ref"], value.get(fraction_key or ""), line
        elif isinstance(value, YamlMapping) and fraction_key == "share":
            yield from ((reference, share, value.lines[reference]) for reference, share in value.items())
        elif isinstance(value, YamlMapping):
            self._problems.add(line, f"{key}: a mapping needs `ref`, as in `{{ref: NAME}}`")
        else:
            yield value, None, line

    def _reference(self, key: str, value: Value, line: int) -> str | None:
        if not isinstance(value, str):
            self._problems.add(line, f"{key}: expected a reference, found {described(value)}")
            return None
        if value.partition(":")[0] in set(DigestAlgorithm):
            return value
        try:
            Reference.parse(value)
        except ContentError as error:
            self._problems.add(line, f"{key}: {error.message}")
            return None
        return value

    def _fraction(self, key: str, value: Value, line: int) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            self._problems.add(line, f"{key}: expected a number from 0 to 1, found {described(value)}")
            return None
        return float(value)
