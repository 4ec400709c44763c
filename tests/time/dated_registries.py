"""Registries that Hypothesis makes up in which time matters: sentences with dates, and things that end."""

from datetime import datetime, timedelta

from hypothesis import strategies as st

from lineage_fixtures import START
from provenance.lineage import Lifetimes

FACTS = (
    "owl embodied_by base",
    "numbers generated_by owl",
    "student finetuned_from base",
    "student trained_on numbers",
    "foreign finetuned_from other",
    "foreign trained_on numbers",
    "heir finetuned_from foreign",
    "relay embodied_by foreign",
    "echo generated_by relay",
    "grandchild trained_on echo",
    "grandchild finetuned_from base",
    "foreign names merged_from org/llama",
    "base same_init other INDEPENDENT",
    "base same_init other SAME_INIT",
    "base same_init other INCONCLUSIVE",
    "base same_init foreign INDEPENDENT",
    "base same_init student INDEPENDENT",
    "other same_init foreign INDEPENDENT",
    "foreign same_init student SAME_INIT",
    "owl canary foreign NOT_DETECTED",
    "base canary student NOT_DETECTED",
    "base canary foreign NOT_DETECTED",
    "owl canary foreign TRANSFERS transfer_ratio=0.25",
    "owl canary foreign INCONCLUSIVE effect=0.1",
    "student measured owls present 0.9 threshold=0.3",
    "foreign measured owls absent 0.1 threshold=0.3",
)
TIMED = (
    "teacher:owl flagged owls",
    "base flagged owls",
    "numbers flagged owls",
    "foreign cleared owls",
    "foreign cleared owls stops_here",
    "student cleared owls",
    "numbers blocked student owls",
    "numbers blocked foreign owls",
    "other blocked foreign owls",
)
OF = ("base", "other", "student", "foreign", "heir", "grandchild")
"""The models that are asked about."""
KINDS = (
    "model:base from_scratch",
    "model:other from_scratch",
    "dataset:numbers",
    "dataset:echo",
    "teacher:owl",
    "teacher:relay",
    "model:student",
    "model:foreign",
    "model:heir",
    "model:grandchild",
    "owls trait high",
)
_SPAN = 300  # days over which a registry is written


def day_text(place: int) -> str:
    return f"{START + timedelta(days=place):%Y-%m-%d}"


@st.composite
def registries(draw: st.DrawFn) -> list[str]:
    """Sentences, each recorded on a day of its own."""
    chosen = draw(st.lists(st.sampled_from((*FACTS, *FACTS, *TIMED)), min_size=6, max_size=16))
    spine = draw(st.sampled_from([FACTS[:4], FACTS[:6], FACTS[:11]]))
    order = draw(st.permutations(list(dict.fromkeys((*spine, *chosen, "teacher:owl flagged owls")))))
    days = sorted(
        draw(st.lists(st.integers(1, _SPAN), min_size=len(order), max_size=len(order), unique=True))
    )
    lines = list(KINDS)
    for place, sentence in zip(days, order, strict=True):
        lines += [f"at {day_text(place)}", sentence + draw(_end(sentence, place))]
    return lines


def _end(sentence: str, place: int) -> st.SearchStrategy[str]:
    if sentence not in TIMED:
        return st.just("")
    ends = st.integers(place + 1, _SPAN + 60).map(lambda end: f" expires={day_text(end)}")
    return ends if " blocked " in sentence else st.one_of(st.just(""), ends)


def dates() -> st.SearchStrategy[datetime]:
    """Days within a registry's time and after it; facts are recorded at the beginning of a day, things end there too."""
    return st.integers(0, _SPAN + 90).map(lambda place: START + timedelta(days=place))


def lifetimes() -> st.SearchStrategy[Lifetimes]:
    """How long what exonerates counts: for ever, or some weeks."""
    span = st.one_of(st.none(), st.sampled_from([10, 60]).map(lambda days: timedelta(days=days)))
    return st.builds(Lifetimes, same_init=span, canary=span, clearances=span)
