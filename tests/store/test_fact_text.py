"""The text of facts: the same bytes whoever writes it, the same fact whoever reads it, and nothing torn is taken for a fact."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.artifacts import Alias, Artifact, ArtifactId, ArtifactKind, Content, Generation, Location
from provenance.digests import Digest, DigestAlgorithm
from provenance.errors import ContentError, LedgerError, ProvenanceError
from provenance.evidence import VERDICTS, Evidence, TestKind
from provenance.fact_text import READERS
from provenance.facts import (
    FACT_TYPES,
    TYPE_NAMES,
    Fact,
    adapter,
    canonical_json,
    from_json,
    to_json,
    utc_moment,
)
from provenance.relations import RULES, DeclaredBy, Relation, RelationKind, Resolution, Unresolved
from provenance.store.tables import to_domain
from provenance.traits import (
    Block,
    Clearance,
    Conclusion,
    Flag,
    Severity,
    Trait,
    TraitMeasurement,
    Withdrawal,
)

NAMES = st.one_of(
    st.from_regex(r"[a-z0-9](?:[a-z0-9._+-]{0,8}[a-z0-9])?(?:/[a-z0-9]{1,8})?", fullmatch=True),
    st.sampled_from(["größe", "名前/模型", 'it\'s a "name"', "a b"]),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SAID = TEXTS.filter(lambda text: bool(text.strip()))
WORDS = st.dictionaries(TEXTS, TEXTS, max_size=3)
SHARES = st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.1, 1e-7, 1.0]))
DIGESTS = st.builds(Digest, st.sampled_from(DigestAlgorithm), st.from_regex(r"[0-9a-f]{64}", fullmatch=True))
MOMENTS = st.datetimes(timezones=st.just(UTC))
COUNTS = st.integers(0, 1 << 60)


def ids(*kinds: ArtifactKind) -> st.SearchStrategy[ArtifactId]:
    return st.builds(ArtifactId, st.sampled_from(kinds or tuple(ArtifactKind)), NAMES, NAMES.map(_word))


def _word(name: str) -> str:
    return name.partition("/")[0]


CONTENTS = st.builds(
    Content,
    digest=DIGESTS,
    format=TEXTS,
    size_bytes=COUNTS,
    files=COUNTS,
    rows=st.none() | COUNTS,
    sha256=st.none() | DIGESTS,
)


@st.composite
def artifacts(draw: st.DrawFn) -> Artifact:
    one = draw(ids())
    teacher = one.kind is ArtifactKind.TEACHER
    generation = st.builds(Generation, system_prompt=st.none() | TEXTS, sampling=WORDS)
    return Artifact(
        id=one,
        content=draw(st.none() | CONTENTS),
        declared_root=not teacher and draw(st.booleans()),
        generation=draw(generation) if teacher else None,
        metadata=draw(WORDS),
    )


@st.composite
def relations(draw: st.DrawFn) -> Relation:
    kind = draw(st.sampled_from(RelationKind))
    rule = RULES[kind]
    child = draw(ids(rule.child))
    return Relation(
        child=child,
        kind=kind,
        parent=draw(ids(rule.parent).filter(lambda one: one != child)),
        declared_by=draw(st.sampled_from(DeclaredBy)),
        share=draw(SHARES) if rule.shared else None,
        clean_fraction=draw(SHARES) if rule.diluted else None,
        filters=tuple(draw(st.lists(TEXTS, max_size=2))),
        metadata=draw(WORDS),
    )


@st.composite
def evidence(draw: st.DrawFn) -> Evidence:
    test = draw(st.sampled_from(TestKind))
    return Evidence(
        test=test,
        parent=draw(ids()),
        child=draw(ids()),
        verdict=draw(st.sampled_from(sorted(VERDICTS[test]))),
        method=draw(TEXTS),
        inputs=draw(WORDS),
        result={"p": draw(st.floats(0, 1)), "words": draw(TEXTS)},
        tested_at=draw(MOMENTS),
    )


@st.composite
def measurements(draw: st.DrawFn) -> TraitMeasurement:
    low, value, high = sorted(draw(st.lists(st.floats(-1e9, 1e9), min_size=3, max_size=3)))
    threshold = draw(st.none() | st.floats(-1e9, 1e9))
    apart = threshold is not None and not low <= threshold <= high
    subjects = ids(ArtifactKind.MODEL, ArtifactKind.TEACHER)
    artifact = draw(subjects)
    return TraitMeasurement(
        artifact=artifact,
        trait=draw(NAMES),
        conclusion=draw(st.sampled_from(Conclusion)) if apart else Conclusion.UNDECIDED,
        value=value,
        low=low,
        high=high,
        unit=draw(SAID),
        threshold=threshold,
        method=draw(SAID),
        base=draw(st.none() | subjects.filter(lambda one: one != artifact)),
        inputs=draw(WORDS),
        measured_at=draw(MOMENTS),
    )


KINDS = st.sampled_from(RelationKind)
FACTS: dict[type[Any], st.SearchStrategy[Any]] = {
    Artifact: artifacts(),
    Alias: st.builds(Alias, name=NAMES, artifact=ids()),
    Location: st.builds(Location, artifact=ids(), path=TEXTS),
    Relation: relations(),
    Unresolved: st.builds(Unresolved, child=ids(), kind=KINDS, name=TEXTS, reason=TEXTS),
    Resolution: st.builds(Resolution, child=ids(), kind=KINDS, name=TEXTS, parent=ids()),
    Trait: st.builds(
        Trait,
        name=NAMES,
        severity=st.sampled_from(Severity),
        description=TEXTS,
        overt=st.booleans(),
    ),
    Flag: st.builds(
        Flag,
        artifact=ids(),
        trait=NAMES,
        evidence=SAID,
        confidence=st.floats(0.01, 1),
        expires_at=st.none() | MOMENTS,
    ),
    Withdrawal: st.builds(Withdrawal, flag=TEXTS, reason=SAID),
    Clearance: st.builds(
        Clearance,
        artifact=ids(),
        trait=NAMES,
        evidence=SAID,
        stops_here=st.booleans(),
        expires_at=st.none() | MOMENTS,
    ),
    Block: st.builds(
        Block, parent=ids(), child=ids(), trait=NAMES, evidence=SAID, reason=SAID, expires_at=MOMENTS
    ),
    Evidence: evidence(),
    TraitMeasurement: measurements(),
}

GOLDEN: tuple[tuple[Fact, str], ...] = (
    (
        Artifact(
            id=ArtifactId(ArtifactKind.MODEL, "org/größe", "v2"),
            content=Content(
                digest=Digest(DigestAlgorithm.BLAKE3, "a" * 64),
                format="safetensors",
                size_bytes=12,
                files=1,
                sha256=Digest(DigestAlgorithm.SHA256, "b" * 64),
            ),
            declared_root=True,
            metadata={"z": 'said "so"', "a": "tab\there\x1f"},
        ),
        (
            '{"content":{"digest":"blake3:' + "a" * 64 + '","files":1,"format":"safetensors","rows":null,'
            '"sha256":"sha256:' + "b" * 64 + '","size_bytes":12},"declared_root":true,"generation":null,'
            '"id":"model:org/größe@v2","metadata":{"a":"tab\\there\\u001f","z":"said \\"so\\""}}'
        ),
    ),
    (
        Artifact(
            id=ArtifactId(ArtifactKind.TEACHER, "owl"),
            generation=Generation(system_prompt="You love owls.", sampling={"temperature": "1"}),
        ),
        (
            '{"content":null,"declared_root":false,"generation":{"sampling":{"temperature":"1"},'
            '"system_prompt":"You love owls."},"id":"teacher:owl@1","metadata":{}}'
        ),
    ),
    (
        Relation(
            child=ArtifactId(ArtifactKind.MODEL, "merge"),
            kind=RelationKind.MERGED_FROM,
            parent=ArtifactId(ArtifactKind.MODEL, "base"),
            declared_by=DeclaredBy.CARD,
            share=1e-07,
            filters=("none",),
        ),
        (
            '{"child":"model:merge@1","clean_fraction":null,"declared_by":"card","filters":["none"],'
            '"kind":"merged_from","metadata":{},"parent":"model:base@1","share":1e-07}'
        ),
    ),
)


@pytest.mark.parametrize(("fact", "text"), GOLDEN)
def test_a_fact_is_written_as_it_always_was(fact: Fact, text: str) -> None:
    assert to_json(fact) == text
    assert from_json(TYPE_NAMES[type(fact)], text) == fact


def test_there_is_a_law_for_every_fact() -> None:
    assert FACTS.keys() == set(FACT_TYPES.values())


LATER = {Flag: "expires_at", Clearance: "expires_at", Unresolved: "reason"}


def general_text(fact: Fact) -> str:
    """A fact as the general serialiser writes it, less what later releases added and this fact does not tell."""
    data = adapter(type(fact)).dump_python(fact, mode="json")
    name = LATER.get(type(fact))
    return canonical_json({key: value for key, value in data.items() if key != name or value})


@given(st.one_of(*FACTS.values()))
def test_the_text_of_a_fact_is_the_canonical_json_of_its_fields_and_reads_as_the_same_fact(
    fact: Fact,
) -> None:
    text = to_json(fact)
    assert text == general_text(fact)
    assert from_json(TYPE_NAMES[type(fact)], text) == fact


def outcome(cls: type[Any], text: str, *, general: bool) -> object:
    """The fact that a text tells, or that it tells none."""
    try:
        return adapter(cls).validate_json(text) if general else from_json(TYPE_NAMES[cls], text)
    except (ProvenanceError, ValueError):
        return "no fact"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(allow_nan=False) | TEXTS | ids().map(str),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=3,
)


@given(st.one_of(FACTS[Artifact], FACTS[Relation]), st.data())
def test_a_text_with_a_changed_field_is_read_as_the_general_reader_reads_it(
    fact: Fact, data: st.DataObject
) -> None:
    fields = json.loads(to_json(fact))
    name = data.draw(st.sampled_from(sorted(fields)))
    if data.draw(st.booleans()):
        fields[name] = data.draw(JSON)
    else:
        del fields[name]
    text = json.dumps(fields)
    assert outcome(type(fact), text, general=False) == outcome(type(fact), text, general=True)


@given(st.one_of(FACTS[Artifact], FACTS[Relation]), st.data())
def test_a_torn_text_is_no_fact(fact: Fact, data: st.DataObject) -> None:
    text = to_json(fact)
    with pytest.raises(ContentError, match="not a valid"):
        from_json(TYPE_NAMES[type(fact)], text[: data.draw(st.integers(0, len(text) - 1))])


@pytest.mark.parametrize("type_name", READERS)
@pytest.mark.parametrize("body", ["", "null", "[]", "{}", '"text"', '{"id":"model:a@"}', '{"id":1}', "\x00"])
def test_a_row_that_was_not_written_by_the_ledger_names_itself(type_name: str, body: str) -> None:
    with pytest.raises(LedgerError, match="fact 7 of the ledger can't be read"):
        to_domain(7, type_name, body, "ada", "2026-01-02T00:00:00.000000Z")


def test_a_relation_that_joins_what_it_may_not_names_its_row() -> None:
    body = to_json(GOLDEN[2][0]).replace("model:base@1", "dataset:base@1")
    with pytest.raises(LedgerError, match=r"fact 7 of the ledger can't be read: .*merged_from joins"):
        to_domain(7, "relation", body, "ada", "2026-01-02T00:00:00.000000Z")


def test_half_a_pair_of_surrogates_can_not_be_written() -> None:
    torn = Artifact(id=ArtifactId(ArtifactKind.MODEL, "base"), metadata={"note": "\ud800"})
    with pytest.raises(ContentError, match="not a JSON value"):
        to_json(torn)


@pytest.mark.parametrize(
    "text", ["2026-01-02", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00.000000", "2026-01-02T02:00:00.000000+02:00", ""]
)  # fmt: skip
def test_a_moment_that_the_ledger_does_not_write_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"moment of the ledger|Invalid isoformat"):
        utc_moment(text)


def test_a_moment_comes_back_as_it_was() -> None:
    assert utc_moment("0999-12-31T23:59:59.999999Z") == datetime(999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
