"""What a model answered, as recorded: prompts, responses, and log-probabilities where the interface gave them."""

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance.errors import ContentError
from provenance.sameinit.blackbox.records import line_error, records

FIELDS = {"prompt": True, "response": True, "logprobs": False}
EXCESS_MASS = 0.01
"""How much more than 1 the probabilities of one position may add up to: interfaces round."""
LEAST_LOGPROB = -1e300
"""What lies below is no log-probability; interfaces write -9999 for "none at all"."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered to one prompt.

    Args:
        words: The response in Unicode form NFC, split at white space.
        probabilities: Token to probability at the first position, of the tokens that were recorded; None where none were.
    """

    words: tuple[str, ...]
    probabilities: Mapping[str, float] | None


@dataclass(frozen=True, slots=True)
class Responses:
    """What a model answered.

    Args:
        path: Where it is recorded.
        answers: Prompt to answer.
    """

    path: Path
    answers: Mapping[str, Answer]


def read_responses(path: Path) -> Responses:
    """Reads the recorded answers of one model.

    Each line of the file is an object: ``prompt`` and ``response`` are text, ``logprobs`` (if there are any) is an object of token to natural
    log-probability of the first token of the response, or a list of such objects, one a position, of which the first counts: later
    positions continue each model's own beginning, and are not comparable.

    Raises:
        ContentError: The file can't be read, holds nothing, or has a line that is not as described; the message names the line.
    """
    answers: dict[str, Answer] = {}
    lines: dict[str, int] = {}
    for number, row in records(path, FIELDS):
        for name in ("prompt", "response"):
            if not isinstance(row[name], str):
                raise line_error(path, number, f"{name!r} has to be text")
        prompt = row["prompt"]
        if prompt in answers:
            raise line_error(path, number, f"the same prompt as in line {lines[prompt]}")
        try:
            probabilities = _probabilities(row.get("logprobs"))
        except ValueError as error:
            raise line_error(path, number, str(error)) from error
        words = unicodedata.normalize("NFC", row["response"]).split()
        answers[prompt], lines[prompt] = Answer(tuple(words), probabilities), number
    if not answers:
        raise ContentError(f"{path} holds no responses", hint="docs/black-box.md describes the format.")
    return Responses(path, answers)


def _probabilities(logprobs: Any) -> Mapping[str, float] | None:  # noqa: ANN401 - whatever stands in the file
    """Probabilities of the first position.

    Raises:
        ValueError: They are none.
    """
    first = logprobs[:1] and logprobs[0] if isinstance(logprobs, list) else logprobs
    if first is None or first in ([], {}):
        return None
    if not isinstance(first, dict):
        raise ValueError("'logprobs' has to be an object of token to log-probability, or a list of them")  # noqa: TRY004 - a line's value
    for token, value in first.items():
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not LEAST_LOGPROB <= value <= EXCESS_MASS
        ):
            raise ValueError(
                f"the log-probability of {token!a} has to be a number of at most 0, got {value!a}"
            )
    found = {token: math.exp(value) for token, value in first.items()}
    total = math.fsum(found.values())
    if total > 1 + EXCESS_MASS:
        raise ValueError(f"the probabilities add up to {total:.3f}")
    return {token: value / max(total, 1.0) for token, value in found.items()}
