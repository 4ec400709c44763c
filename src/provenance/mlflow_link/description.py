"""Risks as Markdown: what a person reads on a model version, a teacher or a dataset in MLflow."""

from collections.abc import Iterable, Iterator

from provenance.mlflow_link.text import code, prose
from provenance.relations import Relation
from provenance.risk.report import ArtifactRisks, RiskEntry, Step

FOOTER = "*Written by provenance from its ledger. What is edited here will be overwritten.*"


def describe(risks: ArtifactRisks | None, relations: Iterable[Relation]) -> str:
    """The description of one artifact: where it stands, why, and what it comes from."""
    paragraphs: list[str] = []
    if risks is not None:
        paragraphs.append(f"Stands at **{risks.status}**.")
        paragraphs += [_entry(entry) for entry in risks.risks]
        stopped = (
            f"{code(stop.trait)} between {code(str(stop.parent))} and {code(str(stop.child))}: "
            f"{prose(stop.reason)} ({code(stop.by)})"
            for stop in risks.stopped
        )
        paragraphs += _listing("Stopped by a recorded decision", stopped)
        paragraphs += _listing("Not known of its ancestry", map(prose, risks.unknown))
    parents = (f"{_words(relation.kind)} {code(str(relation.parent))}" for relation in relations)
    paragraphs += _listing("Comes from", parents)
    return "\n\n".join([*paragraphs, FOOTER])


def _entry(entry: RiskEntry) -> str:
    head = (
        f"{code(entry.trait)}: **{entry.status}** (severity {entry.severity}, score {entry.score:.2g}) "
        f"by {code(entry.flag)} on {code(str(entry.origin))}: {prose(entry.rule)}"
    )
    path = [f"{number}. {_step(step)}" for number, step in enumerate(entry.route, 1)]
    return "\n\n".join([head, "\n".join(path)]) if path else head


def _step(step: Step) -> str:
    measured = f"; measured {code(step.verdict.value)}" if step.verdict is not None else ""
    evidence = f" ({', '.join(map(code, step.evidence))})" if step.evidence else ""
    return (
        f"{code(str(step.child))} {_words(step.relation)} {code(str(step.parent))}, factor {step.factor:.2g}: "
        f"{prose(step.basis)}{measured}{evidence}"
    )


def _listing(title: str, lines: Iterable[str]) -> Iterator[str]:
    if items := [f"- {line}" for line in lines]:
        yield "\n".join([f"{title}:", "", *items])


def _words(kind: str) -> str:
    return kind.replace("_", " ")
