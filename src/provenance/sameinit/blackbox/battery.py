"""From recorded responses to one result: who answers like whom, tested against controls, and judged."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from provenance.errors import ContentError, UsageError
from provenance.evidence import Verdict
from provenance.sameinit.blackbox.responses import Answer, Responses, read_responses
from provenance.sameinit.blackbox.result import Behaviour, BlackBox, ResponseLimits, ResponseTest, Rival
from provenance.sameinit.blackbox.statistics import duel, interactions, shared_beginning, top_agreement
from provenance.sameinit.conformal import conformal_p

DEFAULT_LIMITS = ResponseLimits()
ASSUMPTIONS = (
    "the prompts were drawn independently of each other, and chosen before the responses were seen",
    "the controls are independent of A, of B and of each other, and were made as strangers to these are: for the same task, as able",
    "all models were asked in the same way: one template, one way of sampling",
)
UNKNOWN = "initialisation unknown"
LEAST_CONTROLS = 2
"""Below, there is no pair of strangers to set beside A and B."""

_Score = Callable[[Answer, Answer], float]


class _Statistic(NamedTuple):
    """A way to set two answers side by side, and what it needs of each."""

    name: str
    score: _Score
    takes: Callable[[Answer], bool]


def _text_score(one: Answer, other: Answer) -> float:
    return shared_beginning(one.words, other.words)


def _top_score(one: Answer, other: Answer) -> float:
    return top_agreement(one.probabilities or {}, other.probabilities or {})


STATISTICS = (
    _Statistic("top-k", _top_score, lambda answer: answer.probabilities is not None),
    _Statistic("text", _text_score, lambda _: True),
)
"""In order of precedence: the outcome rests on the first that has enough prompts; the other stands beside it, never combined."""


def compare_responses(
    a: Path, b: Path, controls: Sequence[Path], *, limits: ResponseLimits = DEFAULT_LIMITS
) -> BlackBox:
    """Says whether two models answer alike, beyond what strangers do.

    `MATCHED` takes two p-values, of unlike kind:

    1. *Over prompts, exact.* Null hypothesis: to each of the two models some control is as near as the other one, in that the prompts
       on which the other one is the nearer are no more than those on which the control is. Each control is tested by `duel`. A
       model has to be nearer to the other than to *all* of them, so that the largest p-value is valid as it is (R. L. Berger,
       Technometrics 24 (1982), the intersection-union test); A and B may each take that part, so that the lesser counts, twice.
    2. *Over models, conformal.* Null hypothesis: A, B and the N controls are exchangeable models. Then each of the C(N + 2, 2) pairs is as
       likely as any other to be the nearest by `interactions`, and p = rank of (A, B) / C(N + 2, 2). Five controls give 1/21 at
       best, three 1/10, and two 1/3: of four models, each pair ties with the other two.

    The first alone would call one of N + 2 strangers matched: some pair is the nearest, and enough prompts always tell. `NOT_MATCHED` needs a
    control that rivals A at B's side, and one that rivals B at A's: an upper bound on the share of prompts on which A and B are the
    nearer is at most ``limits.share``, at a confidence of 1 - ``limits.level`` by Bonferroni over all.

    Source: I. Nikolic, T. Baluta, P. Saxena, arXiv 2502.00706, where the child is set beside the parent and the controls. Deviations: exact
    paired tests in place of z-tests; both models take the part of the child, so that exchanging them changes nothing; all
    controls have to be beaten; the rank over models.

    Args:
        a: Recorded responses of the one model, see `read_responses`.
        b: Those of the other.
        controls: Those of models known to be independent of both.
        limits: What an outcome takes.

    Raises:
        ContentError: A recording can't be read, or has no prompt in common with the others.
        UsageError: There are fewer than two controls, or a recording is named twice.
    """
    paths = (a, b, *controls)
    if len(controls) < LEAST_CONTROLS:
        raise UsageError(
            f"a black-box comparison needs at least {LEAST_CONTROLS} controls, got {len(controls)}",
            hint="Record what five independent models answer to the same prompts.",
        )
    if twice := [path for path in paths if sum(path.resolve() == other.resolve() for other in paths) > 1]:
        raise UsageError(f"{twice[0]} is named twice: each recording has one part in a comparison")
    models = [read_responses(path) for path in paths]
    shared = _shared_prompts(models)
    tests = tuple(_test(statistic, models, shared, limits) for statistic in STATISTICS)
    decisive = next((test for test in tests if test.untestable is None), None)
    behaviour, reason = _judge(decisive, tests, len(controls), limits)
    return BlackBox(
        a=str(a),
        b=str(b),
        controls=tuple(map(str, controls)),
        verdict=Verdict.INCONCLUSIVE,
        behaviour=behaviour,
        decisive=decisive.name if decisive else None,
        tests=tests,
        left_out=len(set().union(*(model.answers for model in models))) - len(shared),
        assumptions=ASSUMPTIONS,
        reason=f"{reason}; {UNKNOWN}",
        method=limits.method,
    )


def _shared_prompts(models: Sequence[Responses]) -> Sequence[str]:
    """The prompts that all models answered, in order."""
    shared = set(models[0].answers)
    for model in models[1:]:
        common = shared & model.answers.keys()
        if not common:
            raise ContentError(
                f"{model.path} answers no prompt that all recordings before it answer, such as {min(shared)[:60]!a}",
                hint="Ask all models the same prompts, letter by letter.",
            )
        shared = common
    return sorted(shared)


def _test(
    statistic: _Statistic, models: Sequence[Responses], shared: Sequence[str], limits: ResponseLimits
) -> ResponseTest:
    prompts = [prompt for prompt in shared if all(statistic.takes(model.answers[prompt]) for model in models)]
    if len(prompts) < limits.prompts:
        return ResponseTest(
            name=statistic.name,
            untestable=f"all models have it for {len(prompts)} prompts, and {limits.prompts} are needed",
        )
    scores = {
        (i, j): np.array(
            [statistic.score(models[i].answers[prompt], models[j].answers[prompt]) for prompt in prompts]
        )
        for i, j in combinations(range(len(models)), 2)
    }
    means = np.zeros((len(models), len(models)))
    for (i, j), values in scores.items():
        means[i, j] = means[j, i] = values.mean()
    ties = interactions(means)
    others = [float(ties[pair]) for pair in scores if pair != (0, 1)]
    rivals = _rivals(models, scores, limits)
    return ResponseTest(
        name=statistic.name,
        prompts=len(prompts),
        agreement=float(means[0, 1]),
        rivals=rivals,
        log10_p=_nearer_than_all(rivals),
        rank_log10_p=conformal_p(float(ties[0, 1]), others),
        rank_kind=f"conformal N={len(others)} other pairs of {len(models)} models",
    )


def _nearer_than_all(rivals: Sequence[Rival]) -> float:
    """log10 of the p-value that to each of the two models some control is as near as the other one."""
    largest = [max(rival.log10_p for rival in side) for side in _sides(rivals)]
    return min(0.0, min(largest) + math.log10(len(largest)))


def _sides(rivals: Sequence[Rival]) -> Sequence[Sequence[Rival]]:
    """The rivals of B at A's side, and of A at B's."""
    return tuple(
        [rival for rival in rivals if rival.against == side]
        for side in sorted({one.against for one in rivals})
    )


def _rivals(
    models: Sequence[Responses],
    scores: Mapping[tuple[int, int], npt.NDArray[np.float64]],
    limits: ResponseLimits,
) -> tuple[Rival, ...]:
    places = [(against, control) for control in range(2, len(models)) for against in (0, 1)]
    found = []
    for place in places:
        outcome = duel(scores[0, 1], scores[place], limits.level / len(places))
        found.append(
            Rival(
                control=str(models[place[1]].path),
                against=str(models[place[0]].path),
                agreement=float(scores[place].mean()),
                nearer=outcome.nearer,
                farther=outcome.farther,
                log10_p=outcome.log10_p,
                most=outcome.most,
            )
        )
    return tuple(found)


def _judge(
    test: ResponseTest | None, tests: Sequence[ResponseTest], controls: int, limits: ResponseLimits
) -> tuple[Behaviour, str]:
    """What the decisive test amounts to, in words."""
    if test is None or test.log10_p is None or test.rank_log10_p is None:
        return Behaviour.INCONCLUSIVE, f"too few prompts: {tests[-1].untestable}"
    nearest = [min(side, key=lambda one: (one.most, one.control)) for side in _sides(test.rivals)]
    if all(rival.most <= limits.share for rival in nearest):
        rivals = " and ".join(f"{rival.control} is about as near to {rival.against}" for rival in nearest)
        return Behaviour.NOT_MATCHED, (
            f"behaviourally not matched: {rivals} as the other one is (agreement {test.agreement:.3f} on {test.prompts} prompts, {test.name})"
        )
    p = f"p = {_shown(test.log10_p)} over {test.prompts} prompts and {_shown(test.rank_log10_p)} over models"
    ranks_first = test.rank_log10_p <= math.log10(limits.level)
    if ranks_first and test.log10_p <= math.log10(limits.alpha):
        return Behaviour.MATCHED, f"behaviourally matched ({p}, against {controls} controls, {test.name})"
    least = 2 / ((controls + 2) * (controls + 1))
    if least > limits.level:
        return Behaviour.INCONCLUSIVE, (
            f"too few controls: {controls} can't give less than {least:.2g} over models, and {limits.level:g} is needed ({p})"
        )
    return (
        Behaviour.INCONCLUSIVE,
        f"neither behaviourally matched nor rivalled by controls on both sides ({p})",
    )


def _shown(log10_p: float) -> str:
    return f"{10**log10_p:.2g}" if log10_p > -4 else f"10^{log10_p:.1f}"  # noqa: PLR2004 - four places read well
