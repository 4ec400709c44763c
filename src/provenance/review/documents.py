"""Documents: the forms in which a review is written, and the reading of a file in whichever of them it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from provenance.errors import ContentError
from provenance.review.content import Review
from provenance.review.markdown import question_within, to_markdown
from provenance.review.question import Question
from provenance.review.sealing import SCRIPT, embedded, read_data, to_json
from provenance.view import View

MOST_BYTES = 64 << 20
"""Of a file that is read as a report; those that are written here are a fraction of it."""


class Form(StrEnum):
    """How a review is written, by extension."""

    HTML = "html"
    MARKDOWN = "md"
    JSON = "json"


def _to_html(view: View, review: Review) -> str:
    from provenance.review.drawings import drawings
    from provenance.review.html import to_html

    return to_html(review, drawings(view, review))


_WRITERS: Mapping[Form, Callable[[View, Review], str]] = {
    Form.HTML: _to_html,
    Form.MARKDOWN: lambda _, review: to_markdown(review),
    Form.JSON: lambda _, review: to_json(review),
}


def written(form: Form, view: View, review: Review) -> str:
    """A review in one of the forms.

    Args:
        form: Which.
        view: The view that the review was made from, for the pictures of its tests.
        review: The review.

    Raises:
        MissingExtraError: A page is asked for, and Graphviz, which draws its diagrams, is not installed.
        ProvenanceError: Graphviz failed.
    """
    return _WRITERS[form](view, review)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file that claims to be a review.

    Args:
        form: How it is written.
        text: All of it.
        question: The question that it claims to answer.
        data: The data of the review that it claims to be; None of Markdown, which holds none.
    """

    form: Form
    text: str
    question: Question
    data: Mapping[str, Any] | None


def read(path: Path) -> Document:
    """Reads a file by what stands in it, whatever its name; nothing that it says is believed.

    Raises:
        ContentError: It can't be read, or is no review.
    """
    text = _text_of(path)
    try:
        if text.lstrip().startswith("{"):
            data = read_data(text)
            return Document(form=Form.JSON, text=text, question=Question.within(data), data=data)
        if SCRIPT in text or text.lstrip()[:9].lower() == "<!doctype":
            data = embedded(text)
            return Document(form=Form.HTML, text=text, question=Question.within(data), data=data)
        return Document(form=Form.MARKDOWN, text=text, question=question_within(text), data=None)
    except ContentError as error:
        raise ContentError(f"{path}: {error.message}", hint=error.hint) from error


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ContentError(f"cannot read {path}: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise ContentError(f"{path} is larger than {MOST_BYTES >> 20} MiB: no report is")
    try:
        return content.decode().replace("\r\n", "\n")  # as some hosts and version controls write it
    except UnicodeDecodeError as error:
        raise ContentError(f"{path} is no report: it is no text in UTF-8 ({error.reason})") from error
