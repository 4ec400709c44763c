"""Verdicts: what the gate says of each artifact, in one sentence; and of all of them, in another."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from provenance.artifacts import ArtifactId
from provenance.review.content import Outcome
from provenance.review.records import Decision, EdgeTotals, FlagTold, Seen, Standing
from provenance.review.sentences import Tests, reason, risk_body, rule, tests_words
from provenance.review.wording import listed, name, quoted
from provenance.risk import ArtifactRisks, Check, RiskEntry, Status, Violation
from provenance.risk.gate import is_only_unknown

_LIMIT = "a trait that nobody looked for does not show here"
_MOST_SEEN = 2  # measurements told in a sentence
_PARTIAL = "this answer is partial, since part of the ancestry could not be looked at"
_PASSES, _SHARED = "A PLANTED TRAIT PASSES", "the models share their initialisation"
_KINDS: Mapping[str, str] = {
    "contradiction": "the weights contradict what is recorded of its ancestry",
    "unknown": "its ancestry is incomplete",
    "partial": "part of its ancestry could not be looked at",
}
"""What the kinds of violation that are about no trait say."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Case:
    """All that a verdict's sentence rests on.

    Args:
        check: The gate's answer.
        risks: What the artifact may have inherited.
        flags: The flags of the lineage, by id.
        decided: Its blocks and clearances, by id.
        tests: Its tests, by id.
        totals: How the tests stand on the edges above the artifact.
        seen: Measurements that found a trait in the artifact itself, then in artifacts above it that nobody flagged.
        past_flags: How many flags above it count no longer.
        partial: Whether something could not be looked at.
    """

    check: Check
    risks: ArtifactRisks
    flags: Mapping[str, FlagTold]
    decided: Mapping[str, Decision]
    tests: Tests
    totals: Callable[[], EdgeTotals]
    seen: tuple[Seen, ...]
    past_flags: int
    partial: bool

    @property
    def artifact(self) -> ArtifactId:
        """Which artifact."""
        return self.check.artifact

    @property
    def outcome(self) -> Outcome:
        """The verdict in a word."""
        if not self.check.passed:
            return Outcome.NOT_KNOWN if is_only_unknown((self.check,)) else Outcome.HELD_BACK
        remarked = self.check.reported or self.seen or self.partial
        return Outcome.REMARKS if remarked else Outcome.PASSES

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        return f"{name(self.artifact)} {'; '.join(_SENTENCES[self.outcome](self))}."

    @property
    def cause(self) -> RiskEntry | None:
        """The risk that holds the artifact back first; None where it is something else that does, or nothing."""
        return next(filter(None, map(self.entry, self.check.violations)), None)

    def reaching(self) -> Iterator[str]:
        """Each thing that holds it back, and each that is remarked on, as a sentence."""
        for violation in (*self.check.violations, *self.check.reported):
            entry = self.entry(violation)
            if entry is None:
                yield f"{violation.kind}: {quoted(violation.message)}"
            else:
                yield f"{name(self.artifact)} {self._body(entry)}"

    def entry(self, violation: Violation) -> RiskEntry | None:
        """The risk that a violation is about; None where it is about something else."""
        found = (
            entry
            for entry in self.risks.risks
            if (entry.flag, entry.trait) == (violation.flag, violation.trait)
        )
        return next(found, None)

    def _body(self, entry: RiskEntry) -> str:
        return risk_body(self.artifact, entry, self.flags[entry.flag], self.tests)

    def measured(self) -> Iterator[str]:
        """Each trait that was measured to be present in it or above it, with the figures."""
        for one in self.seen:
            told = one.measurement
            yield f"{self.seen_words(one)} ({told.id}: {quoted(told.words)})"

    def seen_words(self, one: Seen) -> str:
        """Where a trait was measured to be present, and what the record says of that."""
        if one.artifact != self.artifact:
            return f"{name(one.trait)} was measured PRESENT in {name(one.artifact)} above it, and nobody flagged that"
        reached = [entry.status for entry in self.risks.risks if entry.trait == one.trait]
        if not reached:
            return f"{name(one.trait)} was measured PRESENT in it, and no standing flag says so"
        status = min(reached, key=lambda found: found.rank)
        though = "and" if status.rank <= Status.SUSPECTED.rank else "though"
        return f"{name(one.trait)} was measured PRESENT in it, {though} by the record it {status.words} it"

    # --- the sentences -------------------------------------------------------------------------------------------------

    def held_back(self) -> Iterator[str]:
        """Why it may not ship."""
        more = len(self.check.violations) - 1
        cause = self.cause
        if cause is None:
            first = next(one for one in self.check.violations if one.kind not in {"unknown", "partial"})
            yield f"may not ship: a recorded relation of its ancestry is contradicted: {quoted(first.message)}"
        else:
            yield f"may not ship: it {self._body(cause)}"
        yield from self._measured()
        if more:
            yield f"{more} more {'reason holds' if more == 1 else 'reasons hold'} it back"
        yield from self._partial()

    def not_known(self) -> Iterator[str]:
        """Why it can't be told whether it may ship, and what is known to reach it all the same."""
        missing = [quoted(one.message) for one in self.check.violations if one.kind == "unknown"]
        yield f"may not ship yet, since too little is known: {listed(missing, 1) or _PARTIAL}"
        if missing:
            yield from self._partial()
        yield from self._measured()
        yield from self._remarked()
        yield from self._reach()

    def remarks(self) -> Iterator[str]:
        """What is to be said of one that the policy lets through."""
        yield "may ship under this policy, with remarks"
        yield from self._partial()
        yield from self._measured()
        yield from self._remarked()
        yield from self._reach()
        yield from self._grounds()

    def passes(self) -> Iterator[str]:
        """What a pass rests on."""
        yield "may ship under this policy"
        yield from self._reach()
        yield from self._grounds()

    def _partial(self) -> Iterator[str]:
        if self.partial:
            yield _PARTIAL

    def _measured(self) -> Iterator[str]:
        if found := list(self.measured()):
            yield f"but {listed(found, _MOST_SEEN)}"

    def _remarked(self) -> Iterator[str]:
        """What the policy lets through and wants to be said: the first of it, and how much more there is."""
        remarks = [
            f"it {self._body(entry)}"
            if (entry := self.entry(one))
            else f"{_KINDS[one.kind]}: {quoted(one.message)}"
            for one in self.check.reported
        ]
        if remarks:
            yield f"the policy lets through that {remarks[0]}"
        if more := len(remarks) - 1 if remarks else 0:
            yield f"{more} more {'remark is' if more == 1 else 'remarks are'} listed below"

    def _reach(self) -> Iterator[str]:
        """What of flags reaches it without holding it back, and what is stopped on its way."""
        refused = {(one.flag, one.trait) for one in (*self.check.violations, *self.check.reported)}
        let = [entry for entry in self.risks.risks if (entry.flag, entry.trait) not in refused]
        if not self.risks.risks:
            stopped = ", for those above it are stopped on their way" if self.risks.stopped else ""
            yield f"no standing flag reaches it{stopped}"
        elif let:
            words = [
                f"it {one.status.words} {name(one.trait)} ({rule(one)}; {tests_words(one, self.tests)})"
                for one in let
            ]
            yield f"{listed(words, 1)}, which the policy lets through"
        if self.past_flags:
            yield f"flags above it that were withdrawn or have expired: {self.past_flags}"
        if decided := self.decisions():
            yield f"this rests on what people decided: {listed(decided, 1)}"

    def decisions(self) -> list[str]:
        """What people decided that keeps a trait from it, with who did and until when."""
        stopped = [one.by for one in self.risks.stopped]
        cleared = {entry.trait for entry in self.risks.risks if entry.status is Status.CLEARED}
        heard = [
            one.id
            for one in self.decided.values()
            if one.parent is None
            and one.artifact == self.artifact
            and one.trait in cleared
            and one.standing is Standing.STANDS
        ]
        return [
            _decision(self.decided[one]) for one in dict.fromkeys((*stopped, *heard)) if one in self.decided
        ]

    def _grounds(self) -> Iterator[str]:
        """What is known of its ancestry, what was tested, and what a pass does not say."""
        if self.risks.unknown:
            yield f"its ancestry is incomplete: {listed([quoted(gap) for gap in self.risks.unknown], 1)}"
        else:
            roots = [name(root.partition(": ")[0]) for root in self.risks.roots]
            yield f"its recorded ancestry is complete{f' and begins with {listed(roots)}' if roots else ''}"
        yield _tested(self.totals())
        yield _LIMIT


_SENTENCES: Mapping[Outcome, Callable[[Case], Iterator[str]]] = {
    Outcome.HELD_BACK: Case.held_back,
    Outcome.NOT_KNOWN: Case.not_known,
    Outcome.REMARKS: Case.remarks,
    Outcome.PASSES: Case.passes,
}


def _tested(totals: EdgeTotals) -> str:
    """How many of the edges above it were tested, and on how many of them what was found is no good news."""
    if not totals.testable:
        return "there is nothing above it that a test could settle"
    if not totals.settled:
        which = "the one relation" if totals.testable == 1 else f"any of the {totals.testable} relations"
        return f"no test settles {which} above it that a test can settle"
    found = [
        (count, words) for count, words in ((totals.transfers, _PASSES), (totals.shared, _SHARED)) if count
    ]
    if totals.testable == 1:
        how = "".join(f": {words}" for _, words in found)
        return f"a test settles the one relation above it that a test can settle{how}"
    how = f": {' and '.join(f'on {count} of them {words}' for count, words in found)}" if found else ""
    return f"tests settle {totals.settled} of the {totals.testable} relations above it that a test can settle{how}"


def _decision(one: Decision) -> str:
    end = "" if one.expires_at is None else f", until {one.expires_at:%Y-%m-%d}"
    return f"{one.words} ({one.id} of {name(one.actor)}{end}: {quoted(one.reason or one.evidence)})"


def headline(cases: Sequence[Case], *, partial: bool) -> str:
    """May they ship: the whole in one sentence, the worst first."""
    words = _of_one(cases[0]) if len(cases) == 1 else _of_many(cases)
    return f"PARTIAL ANSWER: {words}" if partial else words


def _of_one(case: Case) -> str:
    return f"{name(case.artifact)} {_HEADLINES[case.outcome](case)}."


def _held_back(case: Case) -> str:
    cause = case.cause
    if cause is None:
        return f"MAY NOT SHIP: {_KINDS['contradiction']}"
    own = any(one.artifact == case.artifact and one.trait == cause.trait for one in case.seen)
    seen = f", and {name(cause.trait)} was measured PRESENT in it" if own and cause.route else ""
    if any(one.kind == "contradiction" for one in case.check.violations):
        seen += f"; and {_KINDS['contradiction']}"
    return f"MAY NOT SHIP: {reason(cause, case.artifact)}{seen}"


def _not_known(case: Case) -> str:
    known = [_seen(case), *(f"it {one.status.words} {name(one.trait)}" for one in _remarked(case)[:1])]
    besides = "".join(f", and {one}" for one in known if one)
    return f"MAY NOT SHIP YET: too little is known of where it comes from{besides}"


def _seen(case: Case) -> str:
    """The first trait that was measured to be present, and how many more were; empty where none was."""
    more = len(case.seen) - 1
    beside = f" (and {more} more {'was' if more == 1 else 'were'} so)" if more > 0 else ""
    return f"{case.seen_words(case.seen[0])}{beside}" if case.seen else ""


def _remarked(case: Case) -> list[RiskEntry]:
    return [entry for one in case.check.reported if (entry := case.entry(one)) is not None]


def _remarks(case: Case) -> str:
    entries = _remarked(case)
    if case.seen:
        why = _seen(case)
    elif entries:
        why = f"it {entries[0].status.words} {name(entries[0].trait)}, which the policy lets through"
    else:
        kinds = [one.kind for one in case.check.reported]
        why = f"{_KINDS[kinds[0] if kinds else 'partial']}, which the policy lets through"
    decided = "; and this rests on what people decided" if case.decisions() else ""
    return f"MAY SHIP, WITH REMARKS: {why}{decided}"


def _passes(case: Case) -> str:
    if decided := case.decisions():
        return f"MAY SHIP, on what people decided: {listed(decided, 1)}"
    if reaching := case.risks.risks:
        return f"MAY SHIP: {name(reaching[0].trait)} reaches it, and it {reaching[0].status.words} it"
    return f"MAY SHIP: no standing flag reaches it; {_tested(case.totals())}"


_HEADLINES: Mapping[Outcome, Callable[[Case], str]] = {
    Outcome.HELD_BACK: _held_back,
    Outcome.NOT_KNOWN: _not_known,
    Outcome.REMARKS: _remarks,
    Outcome.PASSES: _passes,
}


def _of_many(cases: Sequence[Case]) -> str:
    stopped = [case for case in cases if not case.outcome.may_ship]
    shipping = [case for case in cases if case.outcome.may_ship]
    seen = [name(case.artifact) for case in shipping if case.seen]
    measured = f"; BUT a trait was measured PRESENT in, or above, {listed(seen)}" if seen else ""
    if stopped:
        unknown = sum(case.outcome is Outcome.NOT_KNOWN for case in stopped)
        names = listed([name(case.artifact) for case in stopped])
        how = _all(len(cases)) if not shipping else f"{len(stopped)} of {len(cases)}"
        why = _share(unknown, len(stopped), "because too little is known")
        return f"{how} artifacts MAY NOT SHIP: {names}{why}{measured}."
    remarks = _share(sum(case.outcome is Outcome.REMARKS for case in cases), len(cases), "with remarks")
    decided = _share(sum(bool(case.decisions()) for case in cases), len(cases), "on what people decided")
    reached = sum(bool(case.risks.risks) for case in cases)
    flags = f"standing flags reach {reached} of them" if reached else "no standing flag reaches any of them"
    return f"{_all(len(cases))} artifacts MAY SHIP{remarks}{decided}: {flags}{measured}."


def _all(count: int) -> str:
    return "Both" if count == 2 else f"All {count}"  # noqa: PLR2004 - of which two are called both


def _share(count: int, total: int, words: str) -> str:
    """How many of some it is said of; nothing where it is of none."""
    if not count:
        return ""
    return (
        f", {_all(total).partition(' ')[0].lower()} {words}"
        if count == total > 1
        else f", {count} of them {words}"
    )
