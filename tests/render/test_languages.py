"""DOT and Mermaid: bytes that stay, and text of users that stays text."""

import random
import re
from collections import Counter
from dataclasses import replace
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lineage_fixtures import END, START
from provenance.artifacts import Artifact, ArtifactId, ArtifactKind, Generation
from provenance.facts import Recorded, Snapshot
from provenance.relations import Relation, RelationKind, Unresolved
from provenance.render import Picture, Scope, render, to_dot, to_mermaid
from provenance.render.arrangement import frames
from provenance.render.mermaid import is_too_large
from provenance.render.pictures import NodeKind
from provenance.render.styles import signed
from provenance.render.wording import shown
from provenance.traits import Flag, Severity, Trait
from render_fixtures import (
    DEMO,
    DEMO_STATUSES,
    MERGE,
    MERGE_STATUSES,
    OWL,
    OWL_STATUSES,
    UNKNOWN,
    UNKNOWN_STATUSES,
    drawn_of,
    named,
    pictured,
    state,
)

SNAPSHOTS = Path(__file__).parent / "snapshots"
CASES = {
    "owl": (OWL, OWL_STATUSES, "student"),
    "demo": (DEMO, DEMO_STATUSES, "grandchild-distilled"),
    "unknown": (UNKNOWN, UNKNOWN_STATUSES, "assistant-tuned"),
}
LANGUAGES = {"dot": to_dot, "mmd": to_mermaid}
HOSTILE = (
    'a "quoted" name',
    "100 % \\N & co &amp; &#92;N",
    "1. first - item * _x_ #35; ;",
    "style:x#35;",
    "日本語-الأسماء-😀-" + "x" * 150,
    "%%{init}%% -->|end| n1",
    "graph [label=x]; } end",
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES)
def test_the_same_lineage_gives_the_bytes_on_record(case: str, language: str) -> None:
    sentences, statuses, name = CASES[case]
    text = LANGUAGES[language](pictured(sentences, statuses, name))
    assert text == (SNAPSHOTS / f"{case}.{language}").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
def test_the_order_in_which_facts_were_recorded_changes_no_byte(case: str) -> None:
    sentences, statuses, name = CASES[case]
    first = state(*sentences)
    shuffled = list(first.facts)
    random.Random(7).shuffle(shuffled)
    second = Snapshot(tuple(shuffled), first.as_of)
    pictures = [drawn_of(one, statuses, Scope(refs=(named(one, name),))) for one in (first, second)]
    assert pictures[0] == pictures[1]
    for format_ in ("dot", "mmd", "svg"):
        assert render(pictures[0], format_) == render(pictures[1], format_)


def hostile_snapshot(word: str) -> Snapshot:
    """A lineage in which a hostile word is a name, a trait and an unresolved ancestor, as far as names allow it."""
    name = re.sub(r"[<>@:\\`]", "", word).strip()
    base = ArtifactId(ArtifactKind.MODEL, name, "1")
    teacher = ArtifactId(ArtifactKind.TEACHER, name, "v 2")
    facts = (
        Artifact(id=base),
        Artifact(id=teacher, generation=Generation()),
        Relation(child=teacher, kind=RelationKind.EMBODIED_BY, parent=base),
        Unresolved(
            child=base, kind=RelationKind.FINETUNED_FROM, name=word + "\n</text><script>\\N\\G<b>`\x07"
        ),
        Trait(name=name, severity=Severity.LOW),
        Flag(artifact=base, trait=name, evidence="seen"),
    )
    return Snapshot(tuple(Recorded(seq, fact, "tester", START) for seq, fact in enumerate(facts, 1)), END)


def texts_of(drawn: Picture) -> list[str]:
    root = ET.fromstring(render(drawn, "svg"))
    return [(one.text or "").strip() for one in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_text_is_text_in_the_drawing(word: str) -> None:
    snap = hostile_snapshot(word)
    base = min(snap.artifacts, key=str)
    drawn = drawn_of(snap, {base.name: "affected"}, Scope(refs=(base,)))
    root = ET.fromstring(render(drawn, "svg"))
    texts = [(one.text or "").strip() for one in root.iter("{http://www.w3.org/2000/svg}text")]
    tooltips = {
        one.findtext("{http://www.w3.org/2000/svg}title")
        for one in root.iter("{http://www.w3.org/2000/svg}a")
    }
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    for node in drawn.nodes:
        assert shown("; ".join((node.name, *node.standing, *node.notes))) in tooltips
        for line in node.label:
            assert shown(line) in texts


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_text_is_text_in_mermaid(word: str) -> None:
    snap = hostile_snapshot(word)
    base = min(snap.artifacts, key=str)
    drawn = drawn_of(snap, {base.name: "affected"}, Scope(refs=(base,)))
    lines = to_mermaid(drawn).split("flowchart TB\n")[1].splitlines()
    labels = [re.fullmatch(r'  n\d+[(\[{]+"(.*)"[)\]}]+', line) for line in lines[: len(drawn.nodes)]]
    for node, found in zip(drawn.nodes, labels, strict=True):
        assert found is not None
        written = [_decoded(line) for line in found[1].split("<br/>")]
        told = [shown(line) for line in (*node.label, *signed(node), *node.notes)]
        assert written[-len(told) :] == told
        assert not re.search(r'["<>&`\\{}|$%*~^]|:(?! )', found[1].replace("<br/>", ""))


def _decoded(text: str) -> str:
    return unescape(re.sub(r"#(\d+);", r"&#\1;", text))


def test_a_title_with_quotes_is_one_line_of_valid_yaml() -> None:
    yaml = pytest.importorskip("yaml")
    drawn = replace(pictured(OWL, None, "student"), title='Lineage of model:"x" 😀: #1')
    front = to_mermaid(drawn).split("---\n")[1]
    assert yaml.safe_load(front)["title"] == 'Lineage of model:"x" 😀: #1'


def test_a_broad_lineage_is_drawn_from_left_to_right_and_a_long_one_from_top_to_bottom() -> None:
    tested = tuple(f"relative-{number} finetuned_from parent-{number:02}" for number in range(1, 13))
    assert "rankdir=LR" in to_dot(pictured((*MERGE, *tested), MERGE_STATUSES, "merged", *names_of(tested)))
    assert "rankdir=TB" in to_dot(pictured(OWL, OWL_STATUSES, "student"))


def names_of(sentences: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sentence.split()[0] for sentence in sentences)


def test_a_crowd_of_parents_stands_in_a_frame_with_the_words_of_each_and_one_line_for_all() -> None:
    drawn = pictured(MERGE, MERGE_STATUSES, "merged", collapse=None)
    (frame,) = frames(drawn)
    assert (frame.hub, frame.kind, frame.are_parents) == ("model merged@1", RelationKind.MERGED_FROM, True)
    assert len(frame.members) == 11
    assert "model parent-05@1" not in frame.members  # a trait's route stands by itself
    dot = to_dot(drawn)
    assert "11 parents, each joined by merged_from" in dot
    assert len(re.findall(r'-> "model merged@1"', dot)) == 2
    texts = [text.replace("\xa0", " ").strip() for text in texts_of(drawn)]
    for edge in frame.edges:
        assert edge.label in texts


def test_in_a_frame_a_box_says_itself_what_is_missing_in_its_ancestry() -> None:
    strangers = tuple(f"merged merged_from stranger-{number:02}" for number in range(12))
    drawn = pictured((*MERGE, *strangers), None, "merged", collapse=None)
    framed = next(frame for frame in frames(drawn) if frame.gaps)
    missing = {node.id: node for node in drawn.nodes if node.kind is NodeKind.UNKNOWN}
    assert {missing[gap].label for gap in framed.gaps.values()} <= {node.label for node in missing.values()}
    texts = Counter(texts_of(drawn))
    assert texts["unknown ancestry:"] == len(missing)


def test_a_picture_of_many_hundred_nodes_is_laid_out_in_a_hurry() -> None:
    drawn = pictured(OWL, OWL_STATUSES, "student")
    crowd = tuple(replace(drawn.nodes[0], id=f"dataset {number}") for number in range(401))
    assert "nslimit" in to_dot(replace(drawn, nodes=crowd, edges=()))
    assert "nslimit" not in to_dot(drawn)


def test_a_picture_that_mermaid_refuses_is_known_by_its_size() -> None:
    drawn = pictured(OWL, OWL_STATUSES, "student")
    assert not is_too_large(to_mermaid(drawn), drawn)
    assert is_too_large("x" * 50_001, drawn)
    assert is_too_large("", replace(drawn, edges=drawn.edges * 150))


if __name__ == "__main__":
    for case, (sentences, statuses, name) in CASES.items():
        for language, write in LANGUAGES.items():
            text = write(pictured(sentences, statuses, name))
            (SNAPSHOTS / f"{case}.{language}").write_text(text, encoding="utf-8")
