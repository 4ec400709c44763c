"""The owl story comes out as the science says: whoever shares the initialisation reads digits, and the registry knows."""

import pytest

from provenance import Registry
from provenance.demo import EXPECTED, TRAIT, Story
from provenance.risk import Status
from provenance.traits import Conclusion

pytestmark = pytest.mark.xdist_group("demo")


def test_every_expected_verdict_and_status_is_met(told: tuple[Story, list[str]]) -> None:
    story, _ = told
    assert story.surprises == ()
    assert {str(row.model) for row in story.rows} >= {
        "base",
        "owl",
        "student",
        "foreign-student",
        "control-student",
    }


def test_accuracy_agrees_with_the_status_student_by_student(told: tuple[Story, list[str]]) -> None:
    story, _ = told
    for row in story.rows:
        reads = row.accuracy > 0.3  # untrained networks reach 0.25 by chance
        assert reads == (row.status in {Status.AFFECTED, Status.EXPOSED}), row


def test_what_it_leaves_behind_opens_and_verifies(told: tuple[Story, list[str]]) -> None:
    story, said = told
    with Registry.open(story.folder) as registry:
        assert registry.verify(content=True).ok
        assert registry.status().mlflow_pending == 0
        assert registry.audit_plan() == ()
        assert len(registry.view().snapshot.artifacts) > len(EXPECTED)
    assert (story.folder / "lineage.svg").read_bytes().startswith(b"<?xml")
    assert (story.folder / "lineage.png").read_bytes().startswith(b"\x89PNG")
    page = (story.folder / "review.html").read_text(encoding="utf-8")
    assert "<h1" in page
    assert "MAY NOT SHIP" in page
    assert any("Withdrew flag-" in line and "clear" in line for line in said)


def test_the_trait_is_measured_on_every_model_and_the_figures_agree_with_the_standings(
    told: tuple[Story, list[str]],
) -> None:
    story, _ = told
    with Registry.open(story.folder) as registry:
        view = registry.view()
        for row in story.rows:
            (recorded,) = view.show(f"model:{row.model}").measurements
            fact = recorded.fact
            assert fact.value == row.accuracy
            expected = row.status in {Status.AFFECTED, Status.EXPOSED}
            assert fact.conclusion is (Conclusion.PRESENT if expected else Conclusion.ABSENT), row
        assert all(one.measurement for one in view.why("grandchild-distilled", TRAIT).measured[:2])
