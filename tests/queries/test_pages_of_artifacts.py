"""Pages of artifacts: one order everywhere, in every database, with or without a survey."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from told_registries import STORY, forbid_the_whole, tell

from provenance import Registry
from provenance.risk import Status
from provenance.view import View
from statements import statements

AWKWARD = ("a", "B", "b", "a-b", "ab", "a_b", "a%b", "a[b]", "A B", "zé", "日本", "x/y")
"""Names that collations, patterns and escapes are known to treat in ways of their own."""


@pytest.fixture
def awkward(store_url: str, tmp_path: Path) -> Iterator[View]:
    with Registry.init(tmp_path / "here", store=store_url, actor="tester") as registry:
        for name in AWKWARD:
            registry.register_model(name=name, from_scratch=True)
        yield registry.view()


def names(view: View, pattern: str = "*", **filters: object) -> list[str]:
    return [one.fact.id.name for one in view.artifacts(pattern, **filters)]  # type: ignore[arg-type]


def test_the_order_is_that_of_the_characters(awkward: View) -> None:
    assert names(awkward) == sorted(AWKWARD, key=lambda name: f"model:{name}@1")
    assert names(awkward) == names(awkward, statuses=[Status.CLEAR])
    surveyed = awkward.survey().artifacts()
    assert [one.name for one in surveyed] == names(awkward)


def test_pages_meet_without_a_gap(awkward: View) -> None:
    whole = names(awkward)
    for statuses in ((), (Status.CLEAR,)):
        found: list[str] = []
        while page := awkward.artifacts(
            statuses=statuses, after=f"model:{found[-1]}@1" if found else None, limit=5
        ):
            found += [one.fact.id.name for one in page]
        assert found == whole


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("a?b", ["a%b", "a-b", "a_b"]), ("a[b]", ["a[b]"]), ("a_b", ["a_b"]), ("a%b", ["a%b"]), ("b", ["b"])],
)
def test_in_a_pattern_only_stars_and_question_marks_mean_something(
    awkward: View, pattern: str, expected: list[str]
) -> None:
    assert names(awkward, pattern) == expected
    assert names(awkward, pattern, statuses=[Status.CLEAR]) == expected


def test_a_page_reads_a_page(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(registry, *STORY)
    view = registry.view()
    forbid_the_whole(monkeypatch)
    with statements() as sent:
        assert len(view.artifacts(limit=2)) == 2
    assert len(sent) == 1
    assert "LIMIT ?" in sent[0]
