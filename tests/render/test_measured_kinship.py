"""Measured kinship in a diagram: a line that no relation stands for."""

import re

from lineage_fixtures import model, snapshot
from provenance.lineage import Kindred, Lineage
from provenance.render import Picture, Scope, picture, to_dot, to_mermaid
from provenance.render.pictures import Mark

LINES = (
    "base from_scratch",
    "student finetuned_from other",
    "other from_scratch",
    "base same_init student SAME_INIT",
)


def drawn(*lines: str, refs: tuple[str, ...] = ("student",)) -> Picture:
    kindred = Kindred.of(Lineage.of(snapshot(*lines)))
    return picture(kindred, None, Scope(refs=tuple(map(model, refs))), head="0" * 64)


def test_kinship_that_no_record_explains_is_drawn_with_the_model_at_its_other_end() -> None:
    found = drawn(*LINES)
    (edge,) = [edge for edge in found.edges if edge.measured]
    assert (edge.parent, edge.child, edge.kind) == ("model base@1", "model student@1", None)
    assert [one.text for one in edge.findings] == ["same init"]
    assert "model base@1" in {node.id for node in found.nodes}
    assert Mark.MEASURED in {entry.sign for entry in found.legend}


def test_it_is_a_double_line_without_a_head() -> None:
    found = drawn(*LINES)
    (line,) = re.findall(r'"model base@1" -> "model student@1" \[.*', to_dot(found))
    assert "dir=none" in line
    assert ":invis:" in line
    ids = {name: key for key, name in re.findall(r'(n\d)\("model<br/>(\w+)@1', to_mermaid(found))}
    assert f"{ids['base']} ===|" in to_mermaid(found)


def test_kinship_that_the_record_explains_is_not_drawn_again() -> None:
    found = drawn(*LINES, "base finetuned_from other", refs=("student", "base"))
    assert not [edge for edge in found.edges if edge.measured]
    assert Mark.MEASURED not in {entry.sign for entry in found.legend}


def test_an_edge_says_that_independence_is_derived() -> None:
    found = drawn(
        "base from_scratch", "tuned finetuned_from base", "owl embodied_by tuned", "rows generated_by owl",
        "student finetuned_from other", "other from_scratch", "student trained_on rows", "base same_init other INDEPENDENT",
    )  # fmt: skip
    texts = [one.text for edge in found.edges for one in edge.findings]
    assert "independent init, derived through families" in texts
