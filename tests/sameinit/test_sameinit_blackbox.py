"""Black-box comparisons on constructed answers: who answers like whom is known before."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from provenance.errors import ContentError, UsageError
from provenance.evidence import Verdict
from provenance.sameinit.blackbox import Behaviour, BlackBox, ResponseLimits, compare_responses
from provenance.sameinit.blackbox.responses import read_responses
from provenance.sameinit.blackbox.statistics import duel, interactions, shared_beginning, top_agreement

CHOICES = 4


def recorded(
    path: Path, answers: Sequence[int], logprobs: Sequence[Mapping[str, float]] | None = None
) -> Path:
    rows: list[dict[str, object]] = [
        {"prompt": f"question {i}", "response": f"answer {answer}"} for i, answer in enumerate(answers)
    ]
    if logprobs is not None:
        rows = [row | {"logprobs": dict(values)} for row, values in zip(rows, logprobs, strict=True)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def answers_of(rng: np.random.Generator, likely: np.ndarray, habit: float) -> np.ndarray:
    """A model that gives the likely answer with a chance of ``habit``, and any answer otherwise."""
    return np.where(rng.random(len(likely)) < habit, likely, rng.integers(0, CHOICES, len(likely)))


def world(folder: Path, seed: int, *, kept: float, controls: int = 6, prompts: int = 400) -> list[Path]:
    """A, B that gives A's answer with a chance of ``kept``, and controls; all are equally good at the task."""
    rng = np.random.default_rng(seed)
    likely = rng.integers(0, CHOICES, prompts)
    a, fresh = answers_of(rng, likely, 0.5), answers_of(rng, likely, 0.5)
    b = np.where(rng.random(prompts) < kept, a, fresh)
    models = [a, b, *(answers_of(rng, likely, 0.5) for _ in range(controls))]
    return [recorded(folder / f"{seed}-{i}.jsonl", model) for i, model in enumerate(models)]


def compared(paths: Sequence[Path]) -> BlackBox:
    return compare_responses(paths[0], paths[1], paths[2:])


def test_a_copy_that_kept_most_answers_is_matched(tmp_path: Path) -> None:
    found = compared(world(tmp_path, 1, kept=0.7))
    assert found.behaviour is Behaviour.MATCHED
    assert found.reason.startswith("behaviourally matched (p = ")
    assert "against 6 controls" in found.reason
    assert found.decisive == "text"
    text = found.tests[1]
    assert text.log10_p is not None
    assert text.log10_p < -3
    assert text.rank_log10_p == pytest.approx(-math.log10(28))
    assert text.rank_kind == "conformal N=27 other pairs of 8 models"


def test_a_stranger_is_not_matched(tmp_path: Path) -> None:
    found = compared(world(tmp_path, 2, kept=0.0, prompts=800))
    assert found.behaviour is Behaviour.NOT_MATCHED
    assert found.reason.startswith("behaviourally not matched")


def test_no_outcome_says_anything_of_initialisations(tmp_path: Path) -> None:
    for seed, kept in ((3, 1.0), (4, 0.0)):
        found = compared(world(tmp_path, seed, kept=kept))
        assert found.verdict is Verdict.INCONCLUSIVE
        assert found.reason.endswith("initialisation unknown")
    with pytest.raises(ValueError, match="answers alone never decide"):
        replace(found, verdict=Verdict.SAME_INIT)


def test_exchanging_a_and_b_changes_nothing_else(tmp_path: Path) -> None:
    for seed, kept in ((5, 0.4), (6, 0.0)):
        paths = world(tmp_path, seed, kept=kept)
        one, other = compared(paths), compared([paths[1], paths[0], *paths[2:]])
        assert (one.behaviour, one.reason) == (other.behaviour, other.reason)
        assert [test.log10_p for test in one.tests] == [test.log10_p for test in other.tests]
        assert set(one.tests[1].rivals) == set(other.tests[1].rivals)


def test_the_order_of_controls_changes_nothing(tmp_path: Path) -> None:
    paths = world(tmp_path, 7, kept=0.4)
    one, other = compared(paths), compared([*paths[:2], *reversed(paths[2:])])
    assert (one.behaviour, one.reason) == (other.behaviour, other.reason)


def test_strangers_are_matched_no_more_often_than_the_level_says(tmp_path: Path) -> None:
    """Calibration over whole comparisons: 9 strangers, of whom two are called A and B."""
    outcomes = [
        compared(world(tmp_path, 100 + seed, kept=0.0, controls=7, prompts=120)) for seed in range(60)
    ]
    ranks = np.array([10 ** one.tests[1].rank_log10_p for one in outcomes])
    assert not any(one.behaviour is Behaviour.MATCHED for one in outcomes)
    for level in (0.05, 0.2, 0.5):
        assert np.mean(ranks <= level) <= level + 3 * math.sqrt(level / 60)


def test_a_pair_that_is_the_nearest_of_strangers_is_not_matched_by_prompts_alone(tmp_path: Path) -> None:
    """With three controls one pair of ten is the nearest: many prompts make that certain, and it means little."""
    found = compared(world(tmp_path, 8, kept=0.7, controls=3))
    assert found.behaviour is Behaviour.INCONCLUSIVE
    assert "3 can't give less than 0.1 over models, and 0.05 is needed" in found.reason


def test_a_control_that_is_kin_of_both_keeps_b_from_being_matched(tmp_path: Path) -> None:
    paths = world(tmp_path, 9, kept=0.7)
    first = json.loads("[" + paths[0].read_text().strip().replace("\n", ",") + "]")
    sibling = [int(row["response"].split()[1]) for row in first]
    sibling[::10] = [(answer + 1) % CHOICES for answer in sibling[::10]]
    found = compared([*paths, recorded(tmp_path / "sibling.jsonl", sibling)])
    assert found.behaviour is Behaviour.INCONCLUSIVE
    assert "neither behaviourally matched nor rivalled" in found.reason


def test_prompts_that_all_answer_alike_tell_nothing(tmp_path: Path) -> None:
    found = compared([recorded(tmp_path / f"{i}.jsonl", [0] * 300) for i in range(8)])
    assert found.behaviour is Behaviour.INCONCLUSIVE


def test_few_prompts_tell_nothing(tmp_path: Path) -> None:
    found = compared(world(tmp_path, 10, kept=1.0, prompts=40))
    assert found.behaviour is Behaviour.INCONCLUSIVE
    assert found.decisive is None
    assert "all models have it for 40 prompts, and 50 are needed" in found.reason


def test_log_probabilities_decide_where_all_models_have_them(tmp_path: Path) -> None:
    """All give the same answers; only the log-probabilities of A and B are alike."""
    rng = np.random.default_rng(11)
    common = rng.normal(size=(200, 6))
    own = [common + 0.7 * rng.normal(size=common.shape) for _ in range(8)]
    own[1] = own[0] + 0.2 * rng.normal(size=common.shape)
    paths = []
    for i, logits in enumerate(own):
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        top = [{str(token): row[token] for token in np.argsort(row)[-3:]} for row in logs]
        paths.append(recorded(tmp_path / f"{i}.jsonl", [0] * 200, top))
    found = compared(paths)
    assert (found.decisive, found.behaviour) == ("top-k", Behaviour.MATCHED)
    assert found.tests[1].log10_p == 0.0


def test_prompts_that_some_model_was_not_asked_are_counted(tmp_path: Path) -> None:
    paths = world(tmp_path, 12, kept=0.7)
    lines = paths[3].read_text().splitlines()
    paths[3].write_text("\n".join(lines[25:]))
    found = compared(paths)
    assert (found.left_out, found.tests[1].prompts) == (25, 375)


def test_the_document_is_json(tmp_path: Path) -> None:
    document = json.loads(json.dumps(compared(world(tmp_path, 13, kept=0.7)).document()))
    assert document["behaviour"] == "MATCHED"
    assert document["verdict"] == "INCONCLUSIVE"
    assert document["tests"][0]["untestable"].startswith("all models have it for 0 prompts")
    assert document["method"] == "blackbox/duels-pairs(alpha=0.001,level=0.05,share=0.6,prompts=50)@1"


def test_a_model_s_own_level_of_agreement_does_not_make_a_pair() -> None:
    """Agreement that adds up from two models' levels ties nobody to anybody."""
    levels = np.array([0.1, 0.3, 0.2, 0.25, 0.05])
    agreement = np.add.outer(levels, levels)
    assert interactions(agreement) == pytest.approx(np.zeros((5, 5)))
    agreement[1, 4] = agreement[4, 1] = agreement[1, 4] + 0.1
    found = interactions(agreement)
    assert found[1, 4] == pytest.approx(0.1)
    assert found.max() == found[1, 4]
    order = np.array([3, 1, 0, 4, 2])
    assert interactions(agreement[np.ix_(order, order)]) == pytest.approx(found[np.ix_(order, order)])


def test_an_outcome_has_no_truth_value() -> None:
    with pytest.raises(TypeError, match="no truth value"):
        bool(Behaviour.MATCHED)


def test_recordings_that_share_no_prompt_are_an_error(tmp_path: Path) -> None:
    paths = world(tmp_path, 14, kept=0.7)
    paths[4].write_text('{"prompt": "another", "response": "x"}\n')
    with pytest.raises(ContentError, match=r"14-4\.jsonl answers no prompt .* such as 'question 0'"):
        compared(paths)


def test_controls_are_needed_and_each_recording_has_one_part(tmp_path: Path) -> None:
    paths = world(tmp_path, 15, kept=0.7)
    with pytest.raises(UsageError, match="needs at least 2 controls, got 0"):
        compare_responses(paths[0], paths[1], [])
    with pytest.raises(UsageError, match=r"15-0\.jsonl is named twice"):
        compare_responses(paths[0], paths[1], [paths[2], paths[0]])


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"alpha": 0.0}, "alpha lies between 0 and 1"),
        ({"level": 1.0}, "level lies between 0 and 1"),
        ({"share": 0.4}, "share lies at or above 0.5"),
        ({"prompts": 0}, "at least one prompt"),
    ],
)
def test_limits_without_meaning_are_refused(limits: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ResponseLimits(**limits)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[1]", "expected an object in braces"),
        ("{", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"prompt": "p"}', "no field 'response'"),
        ('{"prompt": "p", "response": 3}', "'response' has to be text"),
        ('{"prompt": "question", "response": "r"}', "the same prompt as in line 1"),
        ('{"prompt": "p", "prompt": "q", "response": "r"}', "holds the same name twice"),
        ('{"prompt": "p", "response": "r", "logprob": {}}', "an unknown field 'logprob'"),
        ('{"prompt": "p", "response": "r", "logprobs": {"a": 0.5}}', "has to be a number of at most 0"),
        ('{"prompt": "p", "response": "r", "logprobs": {"a": NaN}}', "NaN is no number of JSON"),
        ('{"prompt": "p", "response": "r", "logprobs": {"a": -1e999}}', "has to be a number of at most 0"),
        ('{"prompt": "p", "response": "r", "logprobs": {"a": -0.1, "b": -0.2}}', "add up to 1.724"),
        ('{"prompt": "p", "response": "r", "logprobs": [-0.1]}', "has to be an object of token"),
    ],
)
def test_a_line_that_is_not_as_described_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"prompt": "question", "response": "r"}\n' + line + "\n")
    with pytest.raises(ContentError, match=rf"answers\.jsonl:2: .*{message}"):
        read_responses(path)


def test_bytes_that_are_no_text_are_named_by_their_line(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(b'{"prompt": "\xff", "response": "r"}\n')
    with pytest.raises(ContentError, match=r"answers\.jsonl:1: not UTF-8"):
        read_responses(path)
    with pytest.raises(ContentError, match="cannot read"):
        read_responses(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(ContentError, match="holds no responses"):
        read_responses(tmp_path / "empty.jsonl")


def test_log_probabilities_may_be_a_list_of_positions_of_which_the_first_counts(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(
        '{"prompt": "p", "response": "r", "logprobs": [{"a": -0.5, "b": -9999}, {"c": -1}]}\n'
        '{"prompt": "q", "response": "r", "logprobs": []}\n'
    )
    answers = read_responses(path).answers
    assert answers["p"].probabilities == pytest.approx({"a": math.exp(-0.5), "b": 0.0})
    assert answers["q"].probabilities is None


def test_responses_agree_from_their_beginning() -> None:
    assert shared_beginning(["yes"], ["yes"]) == 1.0
    assert shared_beginning([], []) == 1.0
    assert shared_beginning(["yes"], []) == 0.0
    assert shared_beginning(["a", "b"], ["a", "b", "c", "d"]) == 0.5
    assert shared_beginning(["x", "b", "c"], ["a", "b", "c"]) == 0.0


def test_agreement_of_whole_distributions_is_that_of_scipy() -> None:
    from scipy.spatial.distance import jensenshannon

    rng = np.random.default_rng(16)
    for p, q in rng.dirichlet(np.ones(5), size=(20, 2)):
        expected = 1 - jensenshannon(p, q, base=2) ** 2
        names = dict(enumerate("abcde"))
        found = top_agreement(
            {names[i]: float(value) for i, value in enumerate(p)},
            {names[i]: float(value) for i, value in enumerate(q)},
        )
        assert found == pytest.approx(expected)


def test_the_unknown_tail_is_completed_in_favour_of_agreement() -> None:
    rng = np.random.default_rng(17)
    for p, q in rng.dirichlet(np.ones(30), size=(40, 2)):
        whole = top_agreement(
            {str(i): float(value) for i, value in enumerate(p)},
            {str(i): float(value) for i, value in enumerate(q)},
        )
        lists = [{str(i): float(row[i]) for i in np.argsort(row)[-5:]} for row in (p, q)]
        assert whole - 1e-9 <= top_agreement(*lists) < 1.0
        assert top_agreement(*lists) == top_agreement(*reversed(lists))


def test_lists_without_a_common_token_do_not_agree() -> None:
    assert top_agreement({"a": 1.0}, {"b": 1.0}) == pytest.approx(0.0)
    assert top_agreement({"a": 0.99}, {"b": 0.99}) < 0.1


def test_a_duel_has_the_p_value_and_the_bound_of_scipy() -> None:
    pair, rival = np.array([1, 1, 1, 1, 0, 0.5]), np.array([0, 0, 0.5, 0, 1, 0.5])
    found = duel(pair, rival, 0.05)
    assert (found.nearer, found.farther) == (4, 1)
    expected = stats.binomtest(4, 5, alternative="greater").pvalue
    assert found.log10_p == pytest.approx(math.log10(expected))
    interval = stats.binomtest(4, 5, alternative="less").proportion_ci(0.95, "exact")
    assert found.most == pytest.approx(interval.high)


def test_a_duel_without_a_difference_says_nothing() -> None:
    found = duel(np.ones(9), np.ones(9), 0.05)
    assert (found.nearer, found.farther, found.log10_p, found.most) == (0, 0, 0.0, 1.0)
