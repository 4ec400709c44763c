"""A review as Markdown for a pull request, with its diagram as Mermaid.

Words of others show as the text that they are: nothing in them is markup, mentions anybody or links anywhere. The question that the
review answers stands in a comment at the end, so that the text can be compared later with what a registry says, see
`provenance.review.verifying`.
"""

from collections.abc import Iterator
from dataclasses import replace

from provenance.errors import ContentError
from provenance.evidence import TestKind, Verdict
from provenance.meanings import Meaning
from provenance.moments import told
from provenance.render import Picture, to_mermaid
from provenance.render.wording import short_digest
from provenance.review.content import Changes, Review, Risk
from provenance.review.markdown_writing import code, fenced, folded, heading, left_out, shown, table, until
from provenance.review.question import Question
from provenance.review.records import ChainMember, Decision, EdgeTest, EdgeTold, FlagTold, Member
from provenance.review.sealing import read_data, without_markup

_SEAL, _UNSEAL = "<!-- provenance review: ", " -->"
_MOST_DIAGRAM = 15_000  # characters
_MOST_RISKS = 8
_MOST_ROWS = 25  # of a table: a pull request takes 65,536 characters, and a page or JSON tells more
_NOTHING = "Nothing on record."


def to_markdown(review: Review) -> str:
    """The review as Markdown: the same review, the same text.

    Of what there is much of less is listed than in the review, and how much is left out.
    """
    review = _shortened(review)
    sections = (
        _first_screen(review),
        _risks(review),
        _diagram(review),
        _chains(review),
        _edges(review),
        _meanings(review),
        _unknowns(review),
        _decisions(review),
        _owed(review),
        _flags(review),
        _changes(review.changes),
        _traits(review),
        _policy(review),
        _lineage(review),
        _verified_by(review),
    )
    return "\n".join(line for section in sections for line in section)


def _shortened(review: Review) -> Review:
    contents = replace(review.contents, members=review.contents.members.first(_MOST_ROWS))
    few = {
        name: getattr(review, name).first(_MOST_ROWS)
        for name in ("ruled", "edges", "other_tests", "unknowns", "decisions", "owed", "flags")
    }
    return replace(review, risks=review.risks.first(_MOST_RISKS), contents=contents, **few)


def question_within(text: str) -> Question:
    """The question of a review that was written as Markdown.

    Raises:
        ContentError: The text names none, or several.
    """
    _, *rest = text.split(_SEAL)
    if len(rest) != 1 or _UNSEAL not in rest[0]:
        raise ContentError(
            "this text holds no seal of a review, or is cut short",
            hint="Hand in the whole file: the last line is a comment that names the question.",
        )
    return Question.read(read_data(rest[0].partition(_UNSEAL)[0]))


# --- sections ----------------------------------------------------------------------------------------------------------


def _first_screen(review: Review) -> Iterator[str]:
    yield f"# {shown(review.headline)}"
    yield ""
    if review.partial:
        why = "an import is not finished" if review.unfinished else "ancestors are named and not recorded"
        yield from (f"> **Partial answer**: {why}, so this may not be all.", "")
    if review.trait is not None:
        yield from (
            f"> Only {shown(review.trait)} is looked at below; the verdict is about every trait.",
            "",
        )
    yield from table(
        ("verdict", "artifact", "in one sentence"),
        (
            (f"**{one.outcome.upper()}**", code(one.artifact), shown(one.sentence))
            for one in review.ruled.items
        ),
    )
    yield from left_out(review.ruled, "artifacts, the worst first")
    if review.ruled.total > 1:
        counts = ", ".join(f"{count} {outcome}" for outcome, count in review.counts.items() if count)
        yield from (f"All artifacts asked about: {counts}.", "")
    yield f"As of {told(review.as_of)}, under the policy `{short_digest(review.policy.digest)}`."
    yield ""


def _risks(review: Review) -> Iterator[str]:
    yield from heading("What may have been inherited")
    if not review.risks.total:
        yield from ("No flag on record reaches any of these artifacts.", "")
    else:
        yield from (
            "For each flag, one way that it comes, the worst. Other ways may carry it too.",
            "",
        )
    for risk in review.risks.items:
        yield from _risk(risk)
    yield from left_out(review.risks, "risks, what holds back first")


def _risk(risk: Risk) -> Iterator[str]:
    gate = "holds it back" if risk.holds_back else "does not hold it back"
    yield f"- **{risk.entry.status.upper()}**, which {gate}: {shown(risk.sentence)}"
    half = len(risk.steps.items) // 2
    for place, step in enumerate(risk.steps.items):
        if risk.steps.left_out and place == half:
            yield f"    - … {risk.steps.left_out} steps between are not shown …"
        yield f"    - {shown(step.words)}"
    yield ""


def _diagram(review: Review) -> Iterator[str]:
    yield from heading("Diagram")
    yield from _mermaid(review.critical)
    if review.picture != review.critical:
        yield from folded("The whole lineage", _mermaid(review.picture))


def _mermaid(picture: Picture) -> Iterator[str]:
    drawn = to_mermaid(picture)
    if len(drawn) > _MOST_DIAGRAM:
        yield from ("The diagram is too large to be drawn here: the HTML report has it.", "")
        return
    yield from fenced(drawn, "mermaid")


def _chains(review: Review) -> Iterator[str]:
    yield from heading("The traits, measured along the way")
    if not review.chains.total:
        yield from ("No trait is at risk, and none was measured.", "")
    for chain in review.chains.items:
        yield from (
            f"**{shown(chain.trait)}**: {chain.unmeasured} of {chain.members.total} were not measured.",
            "",
        )
        yield from table(
            ("artifact", "status", "measured on the artifact itself"),
            ((code(one.artifact), one.status.upper(), _measured(one)) for one in chain.members.items),
        )
        yield from left_out(chain.members, "artifacts, from the origins down")
    yield from left_out(review.chains, "traits")


def _measured(member: ChainMember) -> str:
    found = (
        f"{one.conclusion.upper()} ({one.standing}): {shown(one.words)}, {one.id}" for one in member.measured
    )
    return "; ".join(found) or "**not measured**"


def _edges(review: Review) -> Iterator[str]:
    totals = review.edge_totals
    yield from heading("Every relation and its tests")
    yield (
        f"Of {totals.edges} relations, {totals.testable} can be tested: {totals.settled} are settled "
        f"(on {totals.transfers} of them a planted trait passes, on {totals.shared} the models share their initialisation), "
        f"{totals.inconclusive} inconclusive, {totals.untested} untested, {totals.disputed} disputed by the weights. "
        f"{totals.stale} tests are stale, {totals.expired} expired."
    )
    yield ""
    rows = (row for edge in review.edges.items for row in _edge(edge))
    yield from table(("relation", "test", "counts", "says", "figures", "method and date"), rows)
    yield from left_out(review.edges, "relations, those on the way of a trait first")
    if review.other_tests.total:
        yield from ("Tests that no relation above asked for:", "")
        yield from table(
            ("pair", "test", "counts", "says", "figures", "method and date"),
            ((_pair(one), *_test(one)) for one in review.other_tests.items),
        )
        yield from left_out(review.other_tests, "tests, the newest first")


def _edge(edge: EdgeTold) -> Iterator[tuple[str, ...]]:
    words = f"{shown(edge.words)}{' **(on the way of a trait)**' if edge.on_route else ''}"
    if not edge.tests.items:
        yield (words, "", "", edge.untestable, "", "")
    for test in edge.tests.items:
        own = {test.parent, test.child} <= {edge.parent, edge.child}
        yield (words if own else f"{words}: {_pair(test)}", *_test(test))
    if edge.tests.left_out:
        yield (words, "", "", f"{edge.tests.left_out} more tests are not listed", "", "")


def _test(test: EdgeTest) -> tuple[str, ...]:
    owed = "" if test.owed is None else f"; a test is owed ({test.owed})"
    ran = (
        "" if test.tested_at is None else f"{code(test.method)}, {told(test.tested_at)}, {shown(test.actor)}"
    )
    return (
        f"{test.test} {test.evidence or ''}".strip(),
        f"**{test.standing.upper()}**{owed}",
        shown(test.meaning.headline),
        shown(test.figures),
        ran,
    )


def _pair(test: EdgeTest) -> str:
    return f"{code(test.parent)} and {code(test.child)}"


def _meanings(review: Review) -> Iterator[str]:
    found: dict[tuple[TestKind, Verdict | None], Meaning] = {}
    tests = (*(one for edge in review.edges.items for one in edge.tests.items), *review.other_tests.items)
    for test in tests:
        found.setdefault((test.test, test.verdict), test.meaning)
    if found:
        yield from heading("How these tests are to be read")
        yield from table(
            ("says", "means", "does not mean"),
            ((shown(one.headline), shown(one.means), shown(one.means_not)) for one in found.values()),
        )


def _unknowns(review: Review) -> Iterator[str]:
    yield from heading("What is not known")
    yield from table(
        ("missing", "what would close it"),
        ((shown(one.gap), shown(one.closes)) for one in review.unknowns.items),
        otherwise="Nothing is missing in the recorded ancestry.",
    )
    yield from left_out(review.unknowns, "gaps")


def _decisions(review: Review) -> Iterator[str]:
    yield from heading("Blocks and clearances")
    yield from table(
        ("decision", "counts", "what it does", "evidence and reason", "who and when", "until"),
        map(_decision, review.decisions.items),
        otherwise=_NOTHING,
    )
    yield from left_out(review.decisions, "decisions, what stands first")


def _decision(one: Decision) -> tuple[str, ...]:
    reason = "" if one.reason is None else f"; {shown(one.reason)}"
    return (
        one.id,
        f"**{one.standing.upper()}**",
        shown(one.words),
        f"{shown(one.evidence)}{reason}",
        f"{shown(one.actor)}, {told(one.decided_at)}",
        until(one.expires_at),
    )


def _owed(review: Review) -> Iterator[str]:
    yield from heading("Tests owed")
    yield from table(
        ("test", "of", "state", "because"),
        (
            (one.test, f"{code(one.parent)} and {code(one.child)}", one.state, shown(one.because))
            for one in review.owed.items
        ),
        otherwise="No test is owed on these relations.",
    )
    yield from left_out(review.owed, "tests, where the most may be inherited first")


def _flags(review: Review) -> Iterator[str]:
    yield from heading("Flags, and what became of them")
    yield from table(
        ("flag", "counts", "trait", "found on", "what was seen", "who and when", "until"),
        map(_flag, review.flags.items),
        otherwise=_NOTHING,
    )
    yield from left_out(review.flags, "flags, the oldest first")


def _flag(one: FlagTold) -> tuple[str, ...]:
    taken_back = (
        ""
        if one.withdrawn_at is None
        else f": withdrawn by {shown(one.withdrawn_by)}, {told(one.withdrawn_at)}: {shown(one.reason)}"
    )
    return (
        one.id,
        f"**{one.standing.upper()}**{taken_back}",
        shown(one.trait),
        code(one.artifact),
        f"{shown(one.evidence)} (confidence {one.confidence:.0%})",
        f"{shown(one.actor)}, {told(one.flagged_at)}",
        until(one.expires_at),
    )


def _changes(changes: Changes | None) -> Iterator[str]:
    if changes is None:
        return
    report = "" if changes.review is None else f", the report `{short_digest(changes.review)}`"
    yield from heading(f"Changes since {told(changes.since)}{report}")
    for one in changes.outcomes:
        yield f"- {code(one.artifact)}: the gate said {'nothing yet' if one.outcome is None else one.outcome.upper()} then."
    yield ""
    rows = (
        (
            code(one.artifact),
            shown(one.trait or "its ancestry"),
            f"{one.before or 'not recorded'} → {one.after or 'not recorded'}",
            "; ".join(
                f"{shown(cause.record or '')} {shown(cause.says)}"
                for turn in one.turns
                for cause in turn.causes
            ),
        )
        for one in changes.diff.differences
    )
    yield from table(("artifact", "trait", "standing", "by"), rows, otherwise="No standing changed.")
    if left_out := changes.total - len(changes.diff.differences):
        yield from (f"*{left_out} more changes are not listed.*", "")
    if changes.diff.partial:
        yield from ("*Not every change could be looked at.*", "")


def _traits(review: Review) -> Iterator[str]:
    yield from heading("The traits")
    rows = (
        (shown(one.name), one.severity, "overt" if one.overt else "covert", shown(one.description))
        for one in review.traits
    )
    yield from table(("trait", "severity", "carried", "what it is"), rows, otherwise="None occurs here.")


def _policy(review: Review) -> Iterator[str]:
    yield from heading("The policy")
    changed = ", ".join(f"`{key}`" for key in review.policy.changed) or "nothing"
    yield from (f"`{review.policy.digest}`; it changes {changed} of the policy that ships.", "")
    yield from folded("Every key", fenced(review.policy.text, "toml"))


def _lineage(review: Review) -> Iterator[str]:
    contents = review.contents
    yield from heading("What the lineage consists of")
    yield (
        f"{contents.members.total} artifacts, of which {contents.without} have no content on record; digest of all `{contents.digest}`."
    )
    yield ""
    members = table(("artifact", "content", "registered"), map(_member, contents.members.items))
    yield from folded("Every artifact", (*members, *left_out(contents.members, "artifacts, by name")))


def _member(one: Member) -> tuple[str, ...]:
    by = "never" if one.registered_at is None else f"{told(one.registered_at)} by {shown(one.actor)}"
    return (code(one.artifact), f"`{one.digest}`" if one.digest else "none on record", by)


def _verified_by(review: Review) -> Iterator[str]:
    ledger = review.ledger
    yield from heading("How this can be verified")
    yield (
        f"Ledger: transaction {ledger.number}, {ledger.entries} facts, head `{ledger.head}`. Review: `{review.digest}`. "
        f"Written by provenance {shown(review.software)}. `provenance verify --report FILE` says whether the registry still says the same."
    )
    yield ""
    yield f"{_SEAL}{without_markup(Question.of(review).data())}{_UNSEAL}"
    yield ""
