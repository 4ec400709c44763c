"""An artifact in words: what a person reads on a version, a logged model or a run in MLflow.

The first line says where it stands. Nothing stands here that is not about this one artifact, so that no commit elsewhere rewrites it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from shlex import quote as shell_quoted
from urllib.parse import quote

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.evidence import Evidence, TestKind
from provenance.facts import Recorded
from provenance.meanings import figures, meaning
from provenance.mlflow_link.text import code, prose, shorten
from provenance.relations import Channel, Relation
from provenance.risk.report import ArtifactRisks, RiskEntry, Status, Step

FOOTER = "*A copy for reading, written by provenance from its ledger. What is edited here is overwritten.*"
FOOTER_WITHIN = "*A copy for reading, written by provenance from its ledger. These lines are overwritten, all else stays.*"
_MOST_TESTS = 12
"""Tests that are listed of one artifact; an artifact with more has a page in the viewer."""
_BETWEEN: Mapping[TestKind, str] = {TestKind.SAME_INIT: "with", TestKind.CANARY: "from"}
_PROMPT_LENGTH = 500
"""Characters of a teacher's prompt that are shown; the whole is a tag, or a file where it does not fit there."""

_STANDING: Mapping[Status, str] = {
    Status.AFFECTED: "{trait} was found on it",
    Status.EXPOSED: "may have inherited {trait} from {origin}: every edge on the way is established",
    Status.SUSPECTED: "may have inherited {trait} from {origin}: some edge on the way is untested or inconclusive",
    Status.CARRIER: "can hand on {trait} from {origin}, and is not expected to show it itself",
    Status.UNLIKELY: "reached by {trait} from {origin}, with tests that speak against a transfer",
    Status.CLEARED: "tested for {trait} from {origin} and found free of it",
    Status.UNKNOWN: "no flagged trait is known to reach it, but its ancestry is incomplete",
    Status.CLEAR: "no flagged trait reaches it, and its ancestry is complete to trusted roots",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one artifact and worth telling.

    Args:
        artifact: Which.
        relations: Where it comes from.
        risks: What it may have inherited; None where that was not asked.
        partial: Whether something could not be looked at.
        policy: Digest of the policy that was applied.
        content: Digest of its content, where there is one.
        tests: The tests of it as the younger of two, the latest of each pair, in the order of the record.
        prompt: Of a teacher: its system prompt.
        viewer: The web viewer's address, where there is one.
        footer: The last line: `FOOTER`, or `FOOTER_WITHIN` in a description of others.
    """

    artifact: ArtifactId
    relations: tuple[Relation, ...] = ()
    risks: ArtifactRisks | None = None
    partial: bool = False
    policy: str = ""
    content: str | None = None
    tests: tuple[Recorded[Evidence], ...] = ()
    prompt: str | None = None
    viewer: str | None = None
    footer: str = FOOTER


def describe(known: Known) -> str:
    """The description of one artifact: where it stands, why, what was tested, what is not known, what it comes from."""
    risks = known.risks
    parts: list[str] = []
    if risks is not None:
        parts.append(_headline(risks))
        if known.partial:
            parts.append(
                "**Partial**: something could not be looked at, and this may look better than it is."
            )
        parts += [_entry(entry, is_first=not place) for place, entry in enumerate(risks.risks)]
        stopped = (
            f"{code(stop.trait)} between {code(str(stop.parent))} and {code(str(stop.child))}: "
            f"{prose(stop.reason)} ({code(stop.by)})"
            for stop in risks.stopped
        )
        parts += _listing("Stopped by a recorded decision", stopped)
    if known.prompt is not None:
        parts.append(f"**System prompt**: {prose(shorten(known.prompt, _PROMPT_LENGTH))}")
    parts += _listing("Tested", _tested(known.tests))
    parts += _listing("Not tested", _untested(known))
    parts += _listing("Not known of its ancestry", map(prose, risks.unknown if risks is not None else ()))
    parents = (f"{_words(relation.kind)} {code(str(relation.parent))}" for relation in known.relations)
    parts += _listing("Comes from", parents)
    parts += _listing("Ancestry ends at", map(prose, risks.roots if risks is not None else ()))
    return "\n\n".join([*parts, *_ending(known), known.footer])


def point_to(artifact: ArtifactId, place: str, viewer: str | None, footer: str = FOOTER) -> str:
    """The words on an object that is not the one which tells where an artifact stands."""
    link = f" and in [provenance]({page(viewer, artifact)})" if viewer else ""
    return f"{code(str(artifact))}, as provenance has it on record. Where it stands is told on {place}{link}, not here.\n\n{footer}"


def page(viewer: str, artifact: ArtifactId) -> str:
    """The address of an artifact's page in the viewer."""
    return f"{viewer}/artifacts/{quote(str(artifact), safe='')}"


def _headline(risks: ArtifactRisks) -> str:
    worst = next(iter(risks.risks), None)
    of = "" if worst is None else f" (severity {worst.severity}, score {worst.score:.2g})"
    told = _STANDING[risks.status].format(
        trait=code(worst.trait) if worst else "a trait", origin=code(str(worst.origin)) if worst else ""
    )
    others = len(risks.risks) - 1
    more = f" {others} more below." if others > 0 else ""
    return f"**{risks.status.upper()}**{of}: {told}.{more}"


def _entry(entry: RiskEntry, *, is_first: bool) -> str:
    """Why, by one flag; what the headline says already is said of the others only."""
    standing = (
        ""
        if is_first
        else f"**{entry.status}** with {code(entry.trait)} (severity {entry.severity}, score {entry.score:.2g}). "
    )
    flagged = f"Flagged on {code(str(entry.origin))} as {code(entry.flag)}; decided by: {prose(entry.rule)}."
    path = [f"{number}. {_step(step)}" for number, step in enumerate(entry.route, 1)]
    return "\n\n".join([f"{standing}{flagged} The path:", "\n".join(path)]) if path else standing + flagged


def _step(step: Step) -> str:
    evidence = f", {', '.join(map(code, step.evidence))}" if step.evidence else ""
    measured = f"; measured {code(step.verdict.value)}{evidence}" if step.verdict is not None else ""
    return (
        f"{code(str(step.child))} {_words(step.relation)} {code(str(step.parent))}: "
        f"{prose(step.basis)} (factor {step.factor:.2g}{measured})"
    )


def _tested(tests: tuple[Recorded[Evidence], ...]) -> Iterator[str]:
    for recorded in tests[-_MOST_TESTS:]:
        evidence = recorded.fact
        told = figures(evidence)
        yield (
            f"**{meaning(evidence).headline}**: {evidence.test} {_BETWEEN[evidence.test]} {code(str(evidence.parent))} "
            f"({code(evidence.verdict.value)}{f'; {told}' if told else ''}; {code(recorded.id)})"
        )
    if len(tests) > _MOST_TESTS:
        yield f"and {len(tests) - _MOST_TESTS} earlier tests"


def _untested(known: Known) -> Iterator[str]:
    """The relations of a model on which no test says anything; of other kinds of artifact there is nothing to test."""
    if known.artifact.kind is not ArtifactKind.MODEL:
        return
    compared = {one.fact.parent for one in known.tests if one.fact.test is TestKind.SAME_INIT}
    for relation in known.relations:
        if relation.kind.rule.channel is Channel.WEIGHTS and relation.parent not in compared:
            yield f"whether its weights go back to those of {code(str(relation.parent))}"
    learned = [one.parent for one in known.relations if one.kind.rule.channel is not Channel.WEIGHTS]
    if learned and not any(one.fact.test is TestKind.CANARY for one in known.tests):
        yield f"whether hidden traits pass through what it learned from ({', '.join(code(str(one)) for one in learned)})"


def _ending(known: Known) -> Iterator[str]:
    words = []
    if known.viewer is not None:
        words.append(f"[Open it in provenance]({page(known.viewer, known.artifact)})")
    if known.content is not None:
        words.append(f"content {code(_short(known.content))}")
    if known.risks is not None:
        words.append(f"judged under the policy {code(_short(known.policy))}")
    words.append(f"ask again: {code(f'provenance risks {shell_quoted(str(known.artifact))}')}")
    yield " · ".join(words)


def _short(text: str) -> str:
    """A digest as people quote it: the algorithm and 12 digits."""
    algorithm, separator, digits = text.rpartition(":")
    return f"{algorithm}{separator}{digits[:12]}"


def _listing(title: str, lines: Iterable[str]) -> Iterator[str]:
    if items := [f"- {line}" for line in lines]:
        yield "\n".join([f"**{title}**", "", *items])


def _words(kind: str) -> str:
    return kind.replace("_", " ")
