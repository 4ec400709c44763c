"""The stories that reviews are tested with come out as they are told, and the same in every run."""

from pathlib import Path

import pytest

from lineage_fixtures import model
from review_fixtures import AS_OF, HOSTILE_NAMES, STORIES, hostile, told


@pytest.mark.parametrize("name", STORIES)
def test_a_story_comes_out_as_it_is_told(name: str, tmp_path: Path) -> None:
    story = STORIES[name]
    with told(tmp_path, story) as registry:
        view = registry.view(as_of=AS_OF)
        assert tuple(one.status for one in view.risks(story.asked).artifacts) == story.statuses
        assert tuple(one.passed for one in view.check(story.asked)) == story.passed
        assert registry.verify().ok


def test_a_story_has_the_same_digests_in_every_run(tmp_path: Path) -> None:
    heads = []
    for folder in ("one", "other"):
        with told(tmp_path / folder, STORIES["a measured transfer"]) as registry:
            heads.append(registry.head().digest)
    assert heads[0] == heads[1]


def test_the_hostile_registry_reads_as_it_was_written(tmp_path: Path) -> None:
    with hostile(tmp_path) as registry:
        assert registry.verify().ok
        view = registry.view(as_of=AS_OF)
        names = {one.fact.id for one in view.artifacts()}
        assert names.issuperset(map(model, HOSTILE_NAMES))
        assert not any(one.passed for one in view.check([str(model(HOSTILE_NAMES[0]))]))
