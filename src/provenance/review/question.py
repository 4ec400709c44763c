"""The question that a review answers, which is all that is needed to answer it again from the same ledger."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from provenance.artifacts import ArtifactId
from provenance.digests import DIGEST_PATTERN
from provenance.errors import ConflictError, ContentError, LedgerError
from provenance.facts import adapter
from provenance.review.changes import Baseline
from provenance.review.content import Review
from provenance.review.gathering import review
from provenance.risk import Policy
from provenance.risk.policy_keys import Value
from provenance.store import Ledger, Reading
from provenance.view import View

_VERSION = re.compile(r"[0-9A-Za-z.+!-]{1,40}")
_DIGEST = re.compile(DIGEST_PATTERN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What a review was compared with.

    Args:
        at: The earlier date.
        policy: Every key of the policy at that date.
        review: Digest of the earlier review; None where it was only a date.
    """

    at: datetime
    policy: Mapping[str, Value] = field(hash=False)
    review: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was asked, of which ledger, under which policy.

    Args:
        asked: The artifacts.
        trait: The one trait; None for all.
        as_of: The date.
        unfinished: Whether an import was begun and not finished: no ledger holds that.
        policy: Every key of the policy.
        since: What it was compared with; None for nothing.
        head: Digest of the ledger's last transaction that was known.
        first: Digest of its first one.
        software: Version of the program that answered.
        digest: Digest of the answer.
    """

    asked: tuple[ArtifactId, ...]
    trait: str | None
    as_of: datetime
    unfinished: bool
    policy: Mapping[str, Value] = field(hash=False)
    since: Since | None
    head: str
    first: str
    software: str
    digest: str

    @classmethod
    def of(cls, found: Review) -> Self:
        """The question that a review answers."""
        before = found.changes
        since = (
            None
            if before is None
            else Since(at=before.since, policy=before.policy.settings, review=before.review)
        )
        return cls(
            asked=found.asked,
            trait=found.trait,
            as_of=found.as_of,
            unfinished=found.unfinished,
            policy=found.policy.settings,
            since=since,
            head=found.ledger.head,
            first=found.ledger.first,
            software=found.software,
            digest=found.digest,
        )

    @classmethod
    def within(cls, data: Mapping[str, Any]) -> Self:
        """The question that a review's data names, whatever else stands there.

        Raises:
            ContentError: It names none.
        """
        try:
            before, ledger = data["changes"], data["ledger"]
            since = before and {
                "at": before["since"],
                "policy": before["policy"]["settings"],
                "review": before["review"],
            }
            named = {
                name: data[name] for name in ("asked", "trait", "as_of", "unfinished", "software", "digest")
            }
            policy = data["policy"]["settings"]
            marks = {name: ledger[name] for name in ("head", "first")}
        except KeyError as error:
            raise ContentError(f"this is no review: it lacks {error}") from error
        except (TypeError, IndexError) as error:
            raise ContentError("this is no review: its parts are not those of one") from error
        return cls.read({**named, **marks, "policy": policy, "since": since})

    @classmethod
    def read(cls, data: object) -> Self:
        """Reads a question back.

        Raises:
            ContentError: It is none.
        """
        from pydantic import ValidationError

        try:
            found: Self = adapter(cls).validate_python(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "it"
            raise ContentError(f"this is no review: {where}: {first['msg']}") from error
        if not found.asked or not all(map(_is_dated, found.moments)):
            raise ContentError("this is no review: it names no artifact, or a date without a time zone")
        # Words that no ledger can confirm may at least say nothing else than what they are for.
        earlier = None if found.since is None else found.since.review
        if not _VERSION.fullmatch(found.software) or not (earlier is None or _DIGEST.fullmatch(earlier)):
            raise ContentError("this is no review: its version or the digest of an earlier review is none")
        return found

    def data(self) -> dict[str, Any]:
        """The question as plain data."""
        data: dict[str, Any] = adapter(type(self)).dump_python(self, mode="json")
        return data

    @property
    def moments(self) -> tuple[datetime, ...]:
        """The dates that it names."""
        return (self.as_of,) if self.since is None else (self.as_of, self.since.at)

    def reading(self, ledger: Ledger) -> Reading | None:
        """What the ledger knew when the question was asked; None where its chain does not hold the head.

        Raises:
            ConflictError: It is another registry's ledger.
        """
        heads = ledger.at().heads(2)
        begins = heads[0].digest if heads else "nothing"
        if begins != self.first:
            raise ConflictError(
                f"this report is of another registry: its ledger begins with {self.first[:12]}, and this one's with {begins[:12]}",
                hint="Name the registry that it was made from with --registry.",
            )
        return ledger.when_last(self.head, self.as_of)

    def view(self, reading: Reading) -> View:
        """The view that the question was asked of.

        Raises:
            PolicyError: The policy has no meaning to this version.
        """
        return View(reading, Policy.of(self.policy), unfinished=self.unfinished)

    def answer(self, view: View) -> Review:
        """The review that answers it.

        Raises:
            PolicyError: The earlier policy has no meaning to this version.
            ProvenanceError: It can't be answered from what is known.
        """
        since = None
        if self.since is not None:
            since = Baseline(at=self.since.at, policy=Policy.of(self.since.policy), review=self.since.review)
        return review(view, self.asked, trait=self.trait, since=since)


def _is_dated(moment: datetime) -> bool:
    """Whether a moment has a time zone, and one that leads to no year out of the calendar."""
    try:
        return moment.tzinfo is not None and moment.astimezone(UTC).tzinfo is UTC
    except OverflowError:
        return False


def baseline(ledger: Ledger, earlier: datetime | Review | Question, policy: Policy) -> Baseline:
    """What a new review is to be compared with.

    Args:
        ledger: The ledger of the new review.
        earlier: A date, or an earlier review, which has to be of the same ledger.
        policy: The policy at the date; an earlier review names its own.

    Raises:
        ConflictError: The earlier review is of another registry.
        LedgerError: The chain does not hold the earlier review's head.
        PolicyError: Its policy has no meaning to this version.
    """
    if isinstance(earlier, datetime):
        return Baseline(at=earlier, policy=policy)
    question = Question.of(earlier) if isinstance(earlier, Review) else earlier
    if question.reading(ledger) is None:
        raise LedgerError(
            f"the ledger does not hold the head of the earlier report, {question.head[:12]}",
            hint="Run `provenance verify --report` on it, and `provenance verify`.",
        )
    return Baseline(at=question.as_of, policy=Policy.of(question.policy), review=question.digest)
