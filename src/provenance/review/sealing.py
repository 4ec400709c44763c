"""Sealing: a review as JSON with a digest of itself, and reading one back without believing anything in it.

The digest says that a document is whole, and nothing more: whoever edits a review can digest it anew. Only a registry can say that a
review is what it says of itself, see `provenance.review.verifying`.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from provenance.digests import digest_bytes
from provenance.errors import ContentError
from provenance.facts import adapter, canonical_json
from provenance.review.content import Review

SCRIPT = '<script type="application/json" id="review">'
"""What stands before the review in a page; ``</script>`` stands behind it."""
_MOST_DIGITS = 40
_REASONS: Mapping[type[Exception], str] = {
    RecursionError: "nested too deeply",
    UnicodeEncodeError: "half a character stands in it",
}
"""What is wrong with a text, where the error itself says so in words of the language."""
_NO_MARKUP = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "<>&"})


def sealed(review: Review) -> Review:
    """The review with its digest."""
    return replace(review, digest=digest_of(as_data(review)))


def digest_of(data: dict[str, Any]) -> str:
    """The digest of a review's data: of everything but the digest that stands in it."""
    rest = {name: value for name, value in data.items() if name != "digest"}
    return str(digest_bytes(canonical_json(rest).encode()))


def as_data(review: Review) -> dict[str, Any]:
    """The review as plain data."""
    data: dict[str, Any] = adapter(Review).dump_python(review, mode="json")
    return data


def to_json(review: Review) -> str:
    """The review as a JSON document."""
    return json.dumps(as_data(review), indent=2, ensure_ascii=False) + "\n"


def without_markup(data: object) -> str:
    """Plain data as JSON in ASCII in which nothing can be taken for markup, nor turn the way that a text is read."""
    return _without_markup(data, sort_keys=True)


def embeddable(review: Review) -> str:
    """The review as JSON that may stand in a page's script element.

    The page shows counts in the order of the review, worst first, and has to be made again of what is read from here.
    """
    return _without_markup(as_data(review), sort_keys=False)


def _without_markup(data: object, *, sort_keys: bool) -> str:
    text = json.dumps(data, sort_keys=sort_keys, separators=(",", ":"), allow_nan=False)
    return text.translate(_NO_MARKUP)


def embedded(page: str) -> dict[str, Any]:
    """The data of the review that stands in a page.

    Raises:
        ContentError: None does, or several do.
    """
    _, *rest = page.split(SCRIPT)
    if len(rest) != 1 or "</script>" not in rest[0]:
        raise ContentError("this page holds no review, or is cut short", hint="Ask for the whole file again.")
    return read_data(rest[0].partition("</script>")[0])


def read_data(text: str) -> dict[str, Any]:
    """Reads a JSON object in which every key stands once.

    Raises:
        ContentError: It is no such object.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a key stands twice in one object")
        return found

    def no_number(word: str) -> object:
        raise ValueError(f"{word} is no JSON")

    def number(word: str) -> int:
        if len(word) > _MOST_DIGITS:
            raise ValueError("a number is too long to be one of a review")
        return int(word)

    try:
        data = json.loads(text, object_pairs_hook=once, parse_constant=no_number, parse_int=number)
        if "\\ud" in text.lower():  # half a pair is no character: nothing could be digested
            json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        reason = _REASONS.get(type(error)) or str(error)
        raise ContentError(f"no review can be read from this: {reason}") from error
    if not isinstance(data, dict):
        raise ContentError("no review can be read from this: it is no JSON object")
    return data


def parsed(data: dict[str, Any]) -> Review:
    """The review that some data is.

    Raises:
        ContentError: It is none, or none of this version's.
    """
    from pydantic import ValidationError

    try:
        review: Review = adapter(Review).validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise ContentError(f"this is no review of this version: {where}: {first['msg']}") from error
    return review
