"""Short figures, short names, harmless text."""

from dataclasses import replace

import pytest

from lineage_fixtures import END, model
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.render.pictures import Tone
from provenance.render.styles import PAINTS
from provenance.render.wording import (
    columns,
    counted,
    finding,
    short_digest,
    shortened,
    shown,
    tone,
    visible,
    wrapped,
)
from provenance.risk.report import Status


def told(verdict: Verdict, **result: object) -> str:
    test = TestKind.CANARY if verdict in {Verdict.TRANSFERS, Verdict.NOT_DETECTED} else TestKind.SAME_INIT
    evidence = Evidence(
        test=test,
        parent=model("a"),
        child=model("b"),
        verdict=verdict,
        method="m@1",
        result=result,
        tested_at=END,
    )
    return finding(evidence).text


@pytest.mark.parametrize(
    ("verdict", "result", "text"),
    [
        (Verdict.SAME_INIT, {"log10_p": -301, "aligned_cosine": 0.981}, "same init p<1e-300, cos 0.98"),
        (Verdict.SAME_INIT, {"log10_p": -5.5}, "same init p=3.2e-06"),
        (Verdict.SAME_INIT, {"kinship": "derived", "log10_p": -5}, "same init p=1e-05"),
        (Verdict.SAME_INIT, {"kinship": "partial(head)"}, "same init partial(head)"),
        (Verdict.SAME_INIT, {}, "same init"),
        (Verdict.SAME_INIT, {"log10_p": 400}, "same init p=1"),
        (Verdict.SAME_INIT, {"log10_p": float("nan")}, "same init"),
        (Verdict.INDEPENDENT, {"log10_p": -0.3, "rho_min": 0.05}, "independent init p=0.5, detects cos 0.05"),
        (Verdict.INCONCLUSIVE, {"log10_p": -0.3}, "same init INCONCLUSIVE"),
        (
            Verdict.TRANSFERS,
            {"effect": 3.1, "ci_low": 2.8, "ci_high": 3.4},
            "canary TRANSFERS +3.1 [2.8, 3.4]",
        ),
        (Verdict.TRANSFERS, {"effect": None, "ci_low": "?", "ci_high": True}, "canary TRANSFERS"),
        (Verdict.NOT_DETECTED, {"effect": -0.1, "mde": 0.5}, "canary NOT_DETECTED -0.1, detects 0.5"),
    ],
)
def test_a_test_is_told_in_its_verdict_and_the_figures_it_has(
    verdict: Verdict, result: dict[str, object], text: str
) -> None:
    assert told(verdict, **result) == text


@pytest.mark.parametrize("verdict", [Verdict.INDEPENDENT, Verdict.NOT_DETECTED])
def test_what_found_nothing_and_does_not_say_its_power_eases_nothing(verdict: Verdict) -> None:
    test = TestKind.CANARY if verdict is Verdict.NOT_DETECTED else TestKind.SAME_INIT
    bare = Evidence(
        test=test, parent=model("a"), child=model("b"), verdict=verdict, method="m@1", tested_at=END
    )
    found = finding(bare)
    assert (found.tone, found.text.endswith(", power not stated")) == (Tone.OPEN, True)
    powered = replace(bare, result={"mde": 0.5, "rho_min": 0.02})
    assert finding(powered).tone is Tone.EASES
    assert tone(verdict) is Tone.EASES
    assert tone(Verdict.INCONCLUSIVE) is Tone.OPEN


def test_no_status_shares_its_sign() -> None:
    signs = [PAINTS[status].sign for status in Status]
    assert len(set(signs)) == len(Status)
    assert all(len(sign) == 1 for sign in signs)


def test_an_inconclusive_canary_is_open_and_not_good_news() -> None:
    evidence = Evidence(
        test=TestKind.CANARY,
        parent=model("a"),
        child=model("b"),
        verdict=Verdict.INCONCLUSIVE,
        method="m@1",
        tested_at=END,
    )
    assert finding(evidence).text == "canary INCONCLUSIVE"
    assert finding(evidence).tone is Tone.OPEN


def test_a_long_name_loses_its_middle_and_keeps_both_ends() -> None:
    name = "organisation/" + "x" * 170 + "-final-v2@12"
    short = shortened(name)
    assert columns(short) <= 56
    assert short.startswith("organisation/")
    assert short.endswith("-final-v2@12")
    assert "…" in short


def test_a_name_is_broken_after_a_sign_that_parts_words() -> None:
    assert wrapped("meta-research/llama-9-instruct-turbo@1") == ("meta-research/llama-9-", "instruct-turbo@1")


def test_a_sentence_is_broken_at_a_space() -> None:
    assert wrapped("nobody says who wrote it-at-all today") == ("nobody says who wrote", "it-at-all today")


def test_a_word_without_signs_is_broken_where_the_line_ends_and_wide_letters_count_twice() -> None:
    assert wrapped("日" * 20) == ("日" * 14, "日" * 6)


def test_what_has_no_glyph_becomes_a_replacement_character_and_lines_become_one() -> None:
    assert visible("a\nb\x1b[31m\u202e\ud800c") == "a b\ufffd[31m\ufffd\ufffdc"


def test_words_that_are_read_from_the_right_are_set_apart_and_turn_no_others() -> None:
    assert shown("model:שדה@1") == "model:\u2067שדה\u2069@1"
    assert shown("a שדה רחב b") == "a \u2067שדה רחב\u2069 b"
    assert shown("plain-1") == "plain-1"


def test_a_digest_is_quoted_by_its_algorithm_and_twelve_digits() -> None:
    assert short_digest("blake3:" + "a" * 64) == "blake3:" + "a" * 12
    assert short_digest("a" * 64) == "a" * 12


def test_nouns_follow_their_numbers() -> None:
    assert [counted(number, "child", "children") for number in (0, 1, 2)] == [
        "no children",
        "1 child",
        "2 children",
    ]


def test_statuses_grow_lighter_from_the_worst_to_the_best_so_that_grey_prints_keep_the_order() -> None:
    lightness = [_lightness(PAINTS[status].fill) for status in Status]
    assert lightness == sorted(lightness)
    assert len(set(lightness)) == len(lightness)


def test_text_on_every_status_has_the_contrast_that_accessibility_asks_for() -> None:
    for paint in PAINTS.values():
        light, dark = sorted((_luminance(paint.fill), _luminance(paint.text)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def _lightness(colour: str) -> float:
    """Grey value of ITU-R BT.601, what a conversion to grey shows."""
    red, green, blue = _channels(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def _luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _channels(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
