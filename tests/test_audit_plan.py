"""Which canaries an audit owes: only those that run on the channel of the edge."""

import pytest

from lineage_fixtures import model, snapshot, teacher
from provenance import audit
from provenance.errors import UnknownReferenceError
from provenance.evidence import TestKind
from provenance.holdings import Holdings

BEHIND = ("base from_scratch", "owl embodied_by base", "pupil finetuned_from other", "other from_scratch")


@pytest.mark.parametrize(
    ("lines", "owed"),
    [
        (("rows generated_by owl", "pupil trained_on rows"), True),
        (("rows rewritten_by owl", "pupil trained_on rows"), True),
        (("rows selected_by owl", "pupil trained_on rows"), False),
        (("pupil distilled_from owl",), False),
        (("rows generated_by owl", "rows selected_by owl", "pupil trained_on rows"), True),
        (("rows generated_by owl", "pupil trained_on rows", "pupil distilled_from owl"), True),
    ],
)
def test_a_canary_is_owed_only_where_the_teacher_wrote_rows(lines: tuple[str, ...], *, owed: bool) -> None:
    tasks = audit.plan(snapshot(*BEHIND, *lines), [model("pupil")])
    assert any(task.test is TestKind.CANARY for task in tasks) == owed
    assert sum(task.test is TestKind.SAME_INIT for task in tasks) == 2


@pytest.mark.parametrize(
    "lines", [("rows selected_by owl", "pupil trained_on rows"), ("pupil distilled_from owl",)]
)
def test_asking_for_a_canary_that_would_say_nothing_says_why(lines: tuple[str, ...]) -> None:
    with pytest.raises(UnknownReferenceError, match=r"no canary .* (selected_by|distilled_from)"):
        audit.canary_task(snapshot(*BEHIND, *lines), teacher("owl"), model("pupil"))


def test_no_canary_trains_a_start_that_the_weights_deny() -> None:
    state = snapshot(
        *BEHIND, "rows generated_by owl", "pupil trained_on rows", "other same_init pupil INDEPENDENT"
    )
    found = audit.run(audit.canary_task(state, teacher("owl"), model("pupil")), Holdings(state))
    assert isinstance(found, audit.NotTestable)
    assert "the weights deny" in found.reason
