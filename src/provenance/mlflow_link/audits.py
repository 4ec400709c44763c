"""A test as an audit run: figures as metrics, the evidence and its pictures as files, the verdict in words."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import TypeGuard

from provenance.evidence import Evidence, TestKind
from provenance.facts import Recorded, Snapshot, to_json, utc_text
from provenance.meanings import figures, meaning
from provenance.mlflow_link.links import links
from provenance.mlflow_link.objects import KEY_TAG, NOTE_TAG, Desired, Measurement, Pictures, Run
from provenance.mlflow_link.subjects import Bindings, source_tags
from provenance.mlflow_link.text import (
    RUN_NAME_LIMIT,
    RUN_TAG_LIMIT,
    code,
    fit_key,
    fit_tags,
    key_part,
    lookup_key,
    prose,
    shorten,
)

MAX_MEASUREMENTS = 1000
"""Metrics of one audit run, as many as MLflow takes in one call; all figures are in the evidence."""

_AUDITED = "audited"


def audit(
    snapshot: Snapshot, recorded: Recorded[Evidence], bindings: Bindings, pictures: Pictures
) -> Iterator[Desired]:
    """The run that shows one test, and its links to what was tested."""
    evidence = recorded.fact
    measured = tuple(_measurements(evidence.result))
    drawn = pictures(evidence)
    tags, _ = fit_tags(
        {
            **source_tags(recorded.actor),
            KEY_TAG: _key(recorded),
            "provenance.id": recorded.id,
            "provenance.kind": "evidence",
            "provenance.test": evidence.test.value,
            "provenance.verdict": evidence.verdict.value,
            "provenance.parent": str(evidence.parent),
            "provenance.child": str(evidence.child),
            NOTE_TAG: _note(evidence, tuple(drawn)),
        },
        RUN_TAG_LIMIT,
    )
    if len(measured) > MAX_MEASUREMENTS:
        tags["provenance.metrics_left_out"] = f"{len(measured) - MAX_MEASUREMENTS}; all are in evidence.json"
    subject = f"audit {recorded.id}"
    yield Run(
        subject=subject,
        about=recorded.id,
        key=tags[KEY_TAG],
        name=shorten(f"{evidence.test} {evidence.child}", RUN_NAME_LIMIT),
        began_at=evidence.tested_at,
        tags=tags,
        metrics=measured[:MAX_MEASUREMENTS],
        texts={"evidence.json": _document(recorded)},
        pictures=drawn,
    )
    ends = ((end, _AUDITED) for end in (evidence.parent, evidence.child))
    yield links(snapshot, bindings, run=subject, about=recorded.id, parents=ends)


def _key(recorded: Recorded[Evidence]) -> str:
    evidence = recorded.fact
    ends, tested_at = (str(evidence.parent), str(evidence.child)), utc_text(evidence.tested_at)
    return lookup_key(recorded.id, *ends, evidence.method, tested_at)


def _note(evidence: Evidence, pictures: tuple[str, ...]) -> str:
    """The run's description: the verdict as a title, what it means and what it does not, what it rests on."""
    read, told, reason = meaning(evidence), figures(evidence), evidence.result.get("reason")
    parent, child = code(str(evidence.parent)), code(str(evidence.child))
    ends = f"from {parent} to {child}" if evidence.test is TestKind.CANARY else f"{parent} and {child}"
    why = f": {prose(reason)}" if isinstance(reason, str) and reason else ""
    files = ", ".join(map(code, (*pictures, "evidence.json")))
    return "\n\n".join(
        [
            f"**{read.headline}** ({code(evidence.verdict.value)}): {evidence.test}, {ends}.",
            f"**What it means.** {read.means}",
            f"**What it does not mean.** {read.means_not}",
            *([f"**What it rests on.** {told[:1].upper()}{told[1:]}{why}."] if told or why else ()),
            f"Method: {prose(evidence.method)}. To see more, open the artifacts: {files}.",
        ]
    )


def _document(recorded: Recorded[Evidence]) -> str:
    document = {
        "id": recorded.id,
        "actor": recorded.actor,
        "recorded_at": utc_text(recorded.recorded_at),
        "evidence": json.loads(to_json(recorded.fact)),
    }
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _measurements(value: object, path: str = "") -> Iterator[Measurement]:
    """Every figure in a test's result: nested names are joined by dots, lists of figures become steps."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _measurements(inner, f"{path}.{key_part(str(key))}" if path else key_part(str(key)))
    elif isinstance(value, (list, tuple)):
        for step, inner in enumerate(value):
            if _is_figure(inner):
                yield Measurement(key=fit_key(path), value=float(inner), step=step)
    elif _is_figure(value):
        yield Measurement(key=fit_key(path), value=float(value))


def _is_figure(value: object) -> TypeGuard[int | float]:
    """A number that a metric can hold; a truth value is none."""
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    )
