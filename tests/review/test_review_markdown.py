"""A review as Markdown: the same content, fit for a pull request, in which words of others are words."""

import re
from pathlib import Path

import pytest

from provenance.errors import ContentError
from provenance.review import Baseline, review
from provenance.review.markdown import question_within, to_markdown
from provenance.review.markdown_writing import code, shown
from provenance.review.question import Question
from review_fixtures import AS_OF, STORIES, hostile, told


@pytest.mark.parametrize("name", STORIES)
def test_the_verdict_comes_first_and_the_question_last(name: str, tmp_path: Path) -> None:
    story = STORIES[name]
    with told(tmp_path, story) as registry:
        found = review(registry.view(as_of=AS_OF), story.asked)
    text = to_markdown(found)
    assert text.startswith(f"# {shown(found.headline)}\n")
    assert text.endswith(" -->\n")
    assert question_within(text) == Question.of(found)


def test_everything_that_a_review_says_stands_there(tmp_path: Path) -> None:
    story = STORIES["two teachers and three traits"]
    with told(tmp_path, story) as registry:
        view = registry.view(as_of=AS_OF)
        since = Baseline(at=view.snapshot.facts[5].recorded_at, policy=view.policy)
        found = review(view, story.asked, since=since)
    text = to_markdown(found)
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == [
        "What may have been inherited",
        "Diagram",
        "The traits, measured along the way",
        "Every relation and its tests",
        "How these tests are to be read",
        "What is not known",
        "Blocks and clearances",
        "Tests owed",
        "Flags, and what became of them",
        "Changes since 2026-01-01 00:00 UTC",
        "The traits",
        "The policy",
        "What the lineage consists of",
        "How this can be verified",
    ]
    for risk in found.risks.items:
        assert shown(risk.sentence) in text
        for step in risk.steps.items:
            assert shown(step.words) in text
    for flag in found.flags.items:
        assert f"| {flag.id} |" in text
    for member in found.contents.members.items:
        assert code(member.artifact) in text
    assert found.contents.digest in text
    assert "```mermaid" in text


def test_one_way_is_told_of_several_and_the_others_are_owned_to(tmp_path: Path) -> None:
    with told(tmp_path / "one", STORIES["a measured transfer"]) as registry:
        carried = to_markdown(review(registry.view(as_of=AS_OF), STORIES["a measured transfer"].asked))
    with told(tmp_path / "none", STORIES["no trait at all"]) as registry:
        nothing = to_markdown(review(registry.view(as_of=AS_OF), STORIES["no trait at all"].asked))
    assert "Other ways may carry it too." in carried
    assert "Other ways" not in nothing


def test_what_is_cut_says_how_much_is_left_out(tmp_path: Path) -> None:
    story = STORIES["a relay of 200 nodes"]
    with told(tmp_path, story) as registry:
        text = to_markdown(review(registry.view(as_of=AS_OF), story.asked))
    assert "    - … 36 steps between are not shown …" in text
    assert "*The first 60 of " in text


def test_no_word_of_others_is_markup_mentions_anybody_or_leads_anywhere(tmp_path: Path) -> None:
    with hostile(tmp_path) as registry:
        view = registry.view(as_of=AS_OF)
        text = to_markdown(review(view, [one.fact.id for one in view.artifacts()]))
    outside = re.sub(r"^(`{3,})mermaid\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    body = outside.rpartition("<!-- provenance review: ")[0].replace("<!-- -->", "")
    body = re.sub(r"`[^`\n]*`", "code", body.replace(r"\`", ""))
    assert set(re.findall(r"</?([a-z]+)", body)) == {"details", "summary"}
    assert "](" not in body.replace("\\](", "")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066\u2067\u200b\ufeff]", text)
    for line in body.splitlines():
        if line.startswith("| ") and "model:" in line:
            assert line.endswith(" |")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("@security-team look", "@<!-- -->security-team look"),
        ("model:student@1", "model:student@1"),
        ("fixes #12", "fixes \\#<!-- -->12"),
        ("https://evil.example", "https:<!-- -->//evil.example"),
        ("www.evil.example", "www.<!-- -->evil.example"),
        (":skull:", ":<!-- -->skull:"),
        ("[a](b) *c* _d_ `e` |f| $g$", r"\[a\](b) \*c\* \_d\_ \`e\` \|f\| \$g\$"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("one\ntwo\u202e", r"one\\ntwo\\u202e"),
        ("“ינשוף” may ship", "\u2068“ינשוף”\u2069 may ship"),
    ],
)
def test_words_show_as_they_are(words: str, expected: str) -> None:
    assert shown(words) == expected


def test_code_holds_names_whatever_is_in_them() -> None:
    assert code("a|b") == r"`a\|b`"
    assert code("a`b") == r"a\`b"
    assert code("ינשוף") == "\u2068`ינשוף`\u2069"


def test_a_seal_that_is_none_is_an_error() -> None:
    with pytest.raises(ContentError, match="this text holds no seal of a review, or is cut short"):
        question_within("# All MAY SHIP")
    with pytest.raises(ContentError, match="no review can be read from this"):
        question_within("<!-- provenance review: {'a': 1} -->")
    with pytest.raises(ContentError, match=r"this is no review: asked: Field required"):
        question_within('<!-- provenance review: {"trait": null} -->')
