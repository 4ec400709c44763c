"""The catalogue: artifacts by name, alias and digest, the nearest names, and lists in pages, on both databases."""

from collections.abc import Iterator

import pytest

from lineage_fixtures import content_of, dataset, model, recorded_facts, teacher
from provenance.artifacts import Alias, Artifact, ArtifactId, ArtifactKind, Generation
from provenance.errors import UnknownReferenceError
from provenance.facts import Fact
from provenance.references import choose
from provenance.store import Ledger, Reading


@pytest.fixture
def ledger(store_url: str) -> Iterator[Ledger]:
    opened = Ledger.open(store_url, create=True)
    yield opened
    opened.close()


def reading_of(ledger: Ledger, *facts: Fact) -> Reading:
    with ledger.transaction("tester") as transaction:
        for fact in facts:
            transaction.append(fact)
    return ledger.at()


def found(reading: Reading, reference: str) -> list[str]:
    return [str(one.id) for one in reading.find(reference)]


def test_an_own_name_comes_before_an_alias_and_an_alias_before_a_digest(ledger: Ledger) -> None:
    one, other = (Artifact(id=model(name), content=content_of(model(name))) for name in ("one", "other"))
    assert one.content is not None
    digits = one.content.digest.hex[:8]
    reading = reading_of(
        ledger,
        one,
        other,
        Alias(name="one", artifact=other.id),
        Alias(name="uno", artifact=one.id),
        Alias(name=digits, artifact=other.id),
    )
    assert found(reading, "one") == ["model:one@1"]
    assert found(reading, "uno") == ["model:one@1"]
    assert found(reading, digits) == ["model:other@1"]
    assert found(reading, f"blake3:{digits}") == ["model:one@1"]
    for no_digest in (digits[:5], f"{digits}zz", f"{digits}{'0' * 64}", "\udcff" + digits):
        assert found(reading, f"blake3:{no_digest}") == []


def test_an_alias_is_taken_as_it_is_written_and_agrees_with_the_kind_and_version_that_were_typed(
    ledger: Ledger,
) -> None:
    reading = reading_of(
        ledger,
        Artifact(id=model("org/new", "2")),
        Artifact(id=dataset("org/rows")),
        Alias(name="Org/Old", artifact=model("org/new", "2")),
        Alias(name="Org/Old", artifact=model("org/new", "2")),
        Alias(name="Org/Old", artifact=dataset("org/rows")),
    )
    assert found(reading, "Org/Old") == ["model:org/new@2", "dataset:org/rows@1"]
    assert found(reading, "model:Org/Old") == found(reading, "Org/Old@2") == ["model:org/new@2"]
    assert found(reading, "org/old") == found(reading, "Org/Old@3") == []
    assert choose("Org/Old", reading.find("Org/Old"), reading.names, ArtifactKind.DATASET) == dataset(
        "org/rows"
    )
    with pytest.raises(UnknownReferenceError, match=r"may mean dataset:org/rows@1, model:org/new@2"):
        choose("Org/Old", reading.find("Org/Old"), reading.names)


TYPED = {
    "unsloth/llama-3-8b": "unsloth/lama-3-8b",
    "org/Mistral-7B": "Mistral-7b",
    "100%_done": "100%_dome",
    "plain": "plane",
}


@pytest.mark.parametrize("meant", TYPED)
def test_the_nearest_names_are_told_among_more_than_are_ever_compared(ledger: Ledger, meant: str) -> None:
    crowd = [Artifact(id=model(f"crowd/member-{place:04}")) for place in range(1200)]
    reading = reading_of(ledger, *crowd, *(Artifact(id=model(name)) for name in TYPED))
    assert len(reading.names(TYPED[meant])) < len(crowd)
    with pytest.raises(UnknownReferenceError, match="is registered") as refused:
        choose(TYPED[meant], (), reading.names)
    assert f"model:{meant}@1" in str(refused.value.hint)


def test_where_nothing_is_like_it_the_hint_says_how_to_list(ledger: Ledger) -> None:
    reading = reading_of(ledger, Artifact(id=model("base")))
    with pytest.raises(UnknownReferenceError, match="no model 'zzzzzz' is registered") as refused:
        choose("zzzzzz", (), reading.names, ArtifactKind.MODEL)
    assert refused.value.hint == "`provenance ls` lists what is recorded."


# --- pages -----------------------------------------------------------------------------------------------------------

STRANGE = ("B", "a", "a_b", "axb", "A/b", "ä", "z[1]", "z1", "50%", "😀")


def listed(reading: Reading, **filters: object) -> list[str]:
    return [str(one.fact.id) for one in reading.page(**filters)]  # type: ignore[arg-type]


def test_a_list_is_in_the_order_of_the_identities_text_and_comes_in_pages(ledger: Ledger) -> None:
    artifacts = [Artifact(id=model(name, version)) for name in STRANGE for version in ("1", "10", "2")]
    reading = reading_of(ledger, *artifacts, Artifact(id=dataset("zz")))
    expected = sorted(["dataset:zz@1", *(str(one.id) for one in artifacts)])
    assert listed(reading) == [str(one) for one in reading.names()] == expected
    pages: list[str] = []
    while page := listed(reading, after=ArtifactId.parse(pages[-1]) if pages else None, limit=7):
        pages += page
        assert len(page) <= 7
    assert pages == expected
    assert listed(reading, after=model("b"), limit=1) == ["model:z1@1"]  # what it comes after is not recorded


@pytest.mark.parametrize(
    ("pattern", "matching"),
    [
        ("a*", ["a", "a_b", "axb"]),
        ("a_?", ["a_b"]),
        ("a?b", ["a_b", "axb"]),
        ("?", ["B", "a", "ä", "😀"]),
        ("z[1]", ["z[1]"]),
        ("50%", ["50%"]),
        ("*/*", ["A/b"]),
        ("b", []),
        ("*", sorted(STRANGE)),
        ("model:a_*", ["a_b"]),
        ("*:a?b@1", ["a_b", "axb"]),
        ("a*@1", []),
        ("dataset:*", []),
    ],
)
def test_in_a_pattern_only_the_star_and_the_question_mark_have_a_meaning(
    ledger: Ledger, pattern: str, matching: list[str]
) -> None:
    reading = reading_of(ledger, *(Artifact(id=model(name)) for name in STRANGE))
    assert listed(reading, pattern=pattern) == [f"model:{name}@1" for name in matching]


def test_a_list_is_narrowed_by_kind_words_flags_and_names(ledger: Ledger) -> None:
    facts = [one.fact for one in recorded_facts(
        "base from_scratch", "owl embodied_by base", "numbers generated_by owl",
        "base flagged owls", "numbers flagged owls", "base flagged cats", "base withdrawn owls",
    )]  # fmt: skip
    said = {"2024": "yes", "a.b": 'say "hi"', "format": "gguf"}
    reading = reading_of(
        ledger,
        *facts,
        Artifact(id=model("told"), metadata=said),
        Artifact(id=model("other"), metadata={"2024": "no"}, content=content_of(model("other"))),
        Artifact(id=teacher("also"), generation=Generation(system_prompt="x"), metadata={"2024": "yes"}),
    )
    assert listed(reading, kinds=[ArtifactKind.DATASET]) == ["dataset:numbers@1"]
    assert listed(reading, kinds=[ArtifactKind.TEACHER, ArtifactKind.DATASET]) == [
        "dataset:numbers@1",
        "teacher:also@1",
        "teacher:owl@1",
    ]
    assert listed(reading, metadata={"2024": "yes"}) == ["model:told@1", "teacher:also@1"]
    assert listed(reading, metadata={"2024": "yes", "a.b": 'say "hi"'}) == ["model:told@1"]
    assert listed(reading, metadata={"format": "safetensors"}) == listed(reading, metadata={"": "yes"}) == []
    assert listed(reading, flagged="owls") == ["dataset:numbers@1"]
    assert listed(reading, flagged="cats") == ["model:base@1"]
    assert listed(reading, flagged="nothing") == []
    assert listed(reading, among=[model("told"), model("nobody"), dataset("numbers")]) == [
        "dataset:numbers@1",
        "model:told@1",
    ]
    assert listed(reading, flagged="owls", among=[model("told")]) == listed(reading, among=[]) == []


@pytest.mark.parametrize("text", ["\udcff*", "a\0b"])
def test_what_no_record_can_hold_matches_nothing(ledger: Ledger, text: str) -> None:
    reading = reading_of(ledger, Artifact(id=model("a"), metadata={"k": "v"}))
    assert listed(reading, pattern=text) == listed(reading, metadata={"k": text}) == []
    assert listed(reading, metadata={text: "v"}) == listed(reading, flagged=text) == []
    with pytest.raises(UnknownReferenceError, match="no artifact 'blake3:"):
        choose(f"blake3:{text}", reading.find(f"blake3:{text}"), reading.names)


def test_facts_and_artifacts_are_counted_by_type_and_kind(ledger: Ledger) -> None:
    facts = [one.fact for one in recorded_facts("base", "owl embodied_by base", "owl flagged owls")]
    assert reading_of(ledger, *facts).counts() == {
        "artifact": 2,
        "flag": 1,
        "model": 1,
        "relation": 1,
        "teacher": 1,
        "trait": 1,
    }
