"""What the viewer says first of a trait that was measured to be present, whatever the gate and the status say."""

from pathlib import Path

from provenance.review import Outcome, review
from provenance.review.html import to_html
from provenance.server.pages import artifact, home
from review_fixtures import AS_OF, STORIES, told

_MEASURED = "foreign measured owls present 0.9 threshold=0.3"


def test_the_pages_of_a_model_that_passes_say_that_a_trait_was_measured_in_it(tmp_path: Path) -> None:
    with told(tmp_path, (*STORIES["a silent canary"].lines, _MEASURED)) as registry:
        view = registry.view(as_of=AS_OF)
        shown, first = artifact.page(view, "foreign"), home.page(view, None, None, None)
        earlier = home.page(registry.view(as_of=view.reading.heads(2)[0].recorded_at), None, None, None)
    assert shown.outcome is Outcome.REMARKS
    assert "with remarks; but owls was measured PRESENT in it, though" in shown.sentence
    assert [one.fact.artifact.name for one in first.measured] == ["foreign"]
    assert first.measured_count == 1
    assert earlier.measured == ()


def test_what_a_flag_says_already_is_no_news_on_the_first_page(tmp_path: Path) -> None:
    with told(tmp_path, (*STORIES["a silent canary"].lines, _MEASURED, "foreign flagged owls")) as registry:
        assert home.page(registry.view(as_of=AS_OF), None, None, None).measured == ()


def test_the_first_screen_of_a_page_says_so_of_one_that_is_held_back_too(tmp_path: Path) -> None:
    with told(tmp_path, STORIES["a measured transfer"]) as registry:
        page = to_html(review(registry.view(as_of=AS_OF), ["student"]))
    first_screen = page[page.index("<h1>") : page.index("How much is known")]
    assert (
        "owls was measured PRESENT in it, and by the record it is exposed to it (measurement-"
        in (first_screen[first_screen.index('<p class="alert">') :])
    )
