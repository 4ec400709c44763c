"""What the report and the viewer have in common: words of others stay words, and a status looks as it does in diagrams."""

from datetime import UTC, datetime

import pytest
from jinja2 import UndefinedError

from provenance.artifacts import ArtifactId
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.pages import environment, stylesheet, zoom_script
from provenance.render.styles import PAINTS
from provenance.risk import Check, Status, Violation

MODEL = ArtifactId.parse("model:org/student@2")
MACROS = "status, verdict, artifact, record, words, said, scroll, diagram, gate, outcome, route, risk_table, evidence"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def filled(template: str, **known: object) -> str:
    """A template with the macros, filled; artifacts have pages and records have none."""
    source = f"{{% from 'macros.html' import {MACROS} with context %}}{template}"
    made = environment("provenance.pages").from_string(source)
    return made.render(href=lambda target: f"/artifacts/{target}" if ":" in target else None, **known)


def checked(*, violations: tuple[Violation, ...] = (), reported: tuple[Violation, ...] = ()) -> Check:
    return Check(
        artifact=MODEL,
        as_of=NOON,
        policy_digest="blake3:00",
        passed=not violations,
        violations=violations,
        reported=reported,
    )


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("\" onload='x'", "&#34; onload=&#39;x&#39;"),
        ("owl\u202etxt.exe", "owl\\u202etxt.exe"),
        ("two\nlines\u2028three", "two\\nlines\\u2028three"),
        ("\x1b[2Jgone\x00", "\\x1b[2Jgone\\x00"),
        ("{{ href }} {% raw %}", "{{ href }} {% raw %}"),
        ("בית 🦉", "בית 🦉"),
    ],
)
def test_words_of_others_are_shown_as_words(said: str, shown: str) -> None:
    assert filled("{{ words(text) }}", text=said) == f"<bdi>{shown}</bdi>"
    assert filled('<p title="{{ text }}">', text=said) == f'<p title="{shown}">'


def test_words_from_right_to_left_do_not_draw_in_the_sentence_around_them() -> None:
    said = filled("{{ said(text) }}", text="model:בית קטן@1 holds 2 of “<b>” back")
    assert said == "model:<bdi>בית קטן</bdi>@1 holds 2 of “&lt;b&gt;” back"


def test_a_text_of_several_lines_keeps_these_and_nothing_else_that_is_invisible() -> None:
    assert filled("{{ text|lines }}", text="a: <1>\nb: \u202e2") == "a: &lt;1&gt;\nb: \\u202e2"


def test_a_name_that_a_template_does_not_know_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'unheard' is undefined"):
        filled("{{ unheard }}")


@pytest.mark.parametrize("status", Status)
def test_a_status_is_told_by_colour_sign_and_word_as_in_diagrams(status: Status) -> None:
    badge = filled("{{ status(value) }}", value=status)
    paint = PAINTS[status]
    assert badge.endswith(f'<span aria-hidden="true">{paint.sign}</span> {status}</span>')
    assert f".status-{status} {{ background: {paint.fill}; color: {paint.text}; }}" in stylesheet()


def test_an_artifact_is_a_link_where_it_has_a_place_and_plain_words_elsewhere() -> None:
    linked = filled("{{ artifact(identity) }}", identity=MODEL)
    assert linked == (
        '<a class="artifact" href="/artifacts/model:org/student@2">'
        '<span class="kind">model:</span><bdi>org/student</bdi><span class="version">@<bdi>2</bdi></span></a>'
    )
    assert filled("{{ record('flag-7') }}") == '<span class="record">flag-7</span>'


def test_an_identity_reads_the_same_in_one_piece_as_on_record() -> None:
    shown = filled("{{ artifact(identity) }}", identity=ArtifactId.parse("dataset:a & b@x-y"))
    assert (
        '<span class="kind">dataset:</span><bdi>a &amp; b</bdi><span class="version">@<bdi>x-y</bdi></span>'
        in shown
    )


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (checked(violations=(Violation(kind="risk", message="owl"),)), "held back"),
        (checked(violations=(Violation(kind="unknown", message="no parent"),)), "not known"),
        (checked(reported=(Violation(kind="unknown", message="no parent"),)), "passes with remarks"),
        (checked(), "passes"),
    ],
)
def test_what_the_gate_says_tells_what_is_bad_from_what_is_not_known(check: Check, said: str) -> None:
    assert f"</span> {said}</span>" in filled("{{ outcome(check) }}", check=check)


def test_a_test_that_found_nothing_is_never_told_without_what_it_would_have_found() -> None:
    test = Evidence(
        test=TestKind.CANARY,
        parent=ArtifactId.parse("teacher:owl@1"),
        child=MODEL,
        verdict=Verdict.NOT_DETECTED,
        method="planted-canary@2",
        result={"effect": 0.01, "ci_low": -0.1, "ci_high": 0.1, "mde": 0.13},
        tested_at=NOON,
    )
    told = filled("{{ evidence('evidence-3', test) }}", test=test)
    assert "an effect of 0.13 nats would have been seen" in told
    assert "<dt>does not mean</dt><dd><b>It does not say that nothing ever passes" in told


def test_what_is_wider_than_a_page_scrolls_in_a_box_that_the_keyboard_reaches() -> None:
    for drawn in (
        filled("{% call scroll('Risks') %}<table></table>{% endcall %}"),
        filled("{{ diagram('<svg></svg>', 'Risks') }}"),
    ):
        assert 'role="region" tabindex="0" aria-label="Risks"' in drawn


def test_style_and_script_ask_nothing_of_a_network() -> None:
    for text in (stylesheet(), zoom_script()):
        assert not any(sign in text for sign in ("http", "@import", "url(", "fetch", "eval", "innerHTML"))
