"""Dates and moments as people write them."""

from datetime import UTC, date, datetime, time

from provenance.errors import ContentError


def read_moment(text: str) -> datetime:
    """A date or a moment in ISO form; without a zone it is UTC, and a bare date means its last microsecond.

    Raises:
        ContentError: It is neither.
    """
    try:
        moment = _end_of_day(text) or datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:  # the latter: a zone that leads out of the calendar
        raise ContentError(
            f"{text!r} is no date", hint="Write 2026-11-22 or 2026-11-22T10:00:00Z."
        ) from error


def _end_of_day(text: str) -> datetime | None:
    """The last microsecond of a bare date; None where a time stands beside it."""
    try:
        return datetime.combine(date.fromisoformat(text), time.max)
    except ValueError:
        return None


def told(moment: datetime) -> str:
    """A moment for people, to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
