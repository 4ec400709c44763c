"""What MLflow should hold, as plain values: a function of the facts and the risks, and of nothing else.

Which objects an artifact becomes:

==========  ===================================================================================================
model       a record run, a logged model without weights, a registered model (one for each name) and a version of it
teacher     a record run and a logged model: nobody can deploy a teacher, so it has no place among the registered models,
            but a logged model can be a run's input, which makes it visible wherever it had a hand in the data
dataset     a record run, which carries the dataset as an input (MLflow knows datasets in no other way)
evidence    an audit run, with the audited artifacts as its inputs
==========  ===================================================================================================

A record run has the parents as its inputs and, but for a dataset, the logged model as its output.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind
from provenance.evidence import Evidence
from provenance.facts import Recorded, Snapshot, canonical_json, to_json, utc_text
from provenance.mlflow_link.description import describe
from provenance.mlflow_link.objects import (
    KEY_TAG,
    NAME_TAG,
    NOTE_TAG,
    ORDER,
    DatasetInput,
    Desired,
    Links,
    LoggedModel,
    Measurement,
    ModelVersion,
    RegisteredModel,
    Run,
)
from provenance.mlflow_link.text import (
    DATASET_DIGEST_LENGTH,
    INPUT_TAG_LIMIT,
    PARAM_LIMIT,
    REGISTRY_LIMIT,
    RUN_TAG_LIMIT,
    code,
    fit_tags,
    key_part,
    logged_name,
    lookup_key,
    registered_names,
    shorten,
)
from provenance.relations import Relation, RelationKind
from provenance.risk.report import ArtifactRisks, RiskReport
from provenance.traits import Flag

MAX_MEASUREMENTS = 1000
"""Metrics of one audit run, as many as MLflow takes in one call; all figures are in the evidence."""

_CONTEXT: Mapping[RelationKind, str] = {
    RelationKind.TRAINED_ON: "training",
    RelationKind.DERIVED_FROM: "source",
}
_SELF_CONTEXT = "recorded"
_AUDIT_CONTEXT = "audited"


def desired(snapshot: Snapshot, report: RiskReport) -> tuple[Desired, ...]:
    """Everything that MLflow should hold, each object after those that it refers to.

    Args:
        snapshot: The facts.
        report: The risks of its artifacts. One that is not in the report is projected without a status.
    """
    risks = {entry.artifact: entry for entry in report.artifacts}
    relations: dict[ArtifactId, dict[object, Relation]] = {}
    for recorded in snapshot.all(Relation):
        relations.setdefault(recorded.fact.child, {})[recorded.fact.key] = recorded.fact
    flags: dict[ArtifactId, list[Recorded[Flag]]] = {}
    for flag in snapshot.standing_flags:
        flags.setdefault(flag.fact.artifact, []).append(flag)
    objects: dict[str, Desired] = {}
    for id_, artifact in snapshot.artifacts.items():
        entry = _Entry(
            snapshot=snapshot,
            report=report,
            recorded=artifact,
            relations=tuple(relations.get(id_, {}).values()),
            flags=tuple(flags.get(id_, ())),
            risks=risks.get(id_),
        )
        objects |= {item.subject: item for item in entry.objects()}
    for evidence in snapshot.all(Evidence):
        objects |= {item.subject: item for item in _audit(snapshot, evidence)}
    return tuple(sorted(objects.values(), key=lambda item: ORDER.index(type(item))))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One artifact with what is known of it, on the way to the objects that show it."""

    snapshot: Snapshot
    report: RiskReport
    recorded: Recorded[Artifact]
    relations: tuple[Relation, ...]
    flags: tuple[Recorded[Flag], ...]
    risks: ArtifactRisks | None

    def objects(self) -> Iterator[Desired]:
        id_ = self.recorded.fact.id
        identity, standing = self._identity(), self._standing()
        description = describe(self.risks, self.relations)
        note = {NOTE_TAG: description}
        if id_.kind is ArtifactKind.DATASET:
            yield self._run(*fit_tags(identity | standing | note, RUN_TAG_LIMIT))
            yield self._links(datasets=(_dataset_input(self.snapshot, id_, _SELF_CONTEXT),))
            return
        if id_.kind is ArtifactKind.TEACHER:
            tags, whole = fit_tags(identity | standing | self._generation() | note, REGISTRY_LIMIT)
            yield self._logged_model(tags)
        else:
            tags, whole = fit_tags(identity | standing, REGISTRY_LIMIT)
            yield self._logged_model(fit_tags(identity, REGISTRY_LIMIT)[0])
            yield RegisteredModel(subject=_name_of(id_), names=registered_names(id_.name), true_name=id_.name)
            yield self._version(tags, shorten(description, REGISTRY_LIMIT))
            if len(description) > REGISTRY_LIMIT:
                whole["whole/description.md"] = description
        yield self._run(fit_tags(identity, RUN_TAG_LIMIT)[0], whole)
        yield self._links(outputs=(_logged(id_),))

    def _identity(self) -> dict[str, str]:
        """What never changes, and the relations, to which more may come."""
        artifact = self.recorded.fact
        tags = {
            KEY_TAG: _artifact_key(artifact),
            "provenance.id": str(artifact.id),
            "provenance.kind": artifact.id.kind.value,
            NAME_TAG: artifact.id.name,
            "provenance.version": artifact.id.version,
        }
        if artifact.content is not None:
            tags["provenance.digest"] = str(artifact.content.digest)
        if self.relations:
            tags["provenance.relations"] = "\n".join(f"{item.kind} {item.parent}" for item in self.relations)
        return tags

    def _standing(self) -> dict[str, str]:
        """Flags on the artifact itself and effective risks: what goes again when a flag is withdrawn."""
        tags = {
            f"provenance.flag.{flag.id}": f"{flag.fact.trait}, confidence {flag.fact.confidence:.2g}"
            for flag in self.flags
        }
        if self.risks is None:
            return tags
        tags["provenance.status"] = self.risks.status.value
        tags["provenance.policy"] = self.report.policy_digest
        if self.report.partial:
            tags["provenance.partial"] = "true"
        if self.risks.unknown:
            tags["provenance.unknown"] = "\n".join(self.risks.unknown)
        # The report has the worst first, so that turned round the worst of a trait is written last.
        for risk in reversed(self.risks.risks):
            tags[f"provenance.risk.{key_part(risk.trait)}"] = (
                f"{risk.status}, severity {risk.severity}, score {risk.score:.2g}, {risk.flag} on {risk.origin}"
            )
        return tags

    def _generation(self) -> dict[str, str]:
        generation = self.recorded.fact.generation
        prompt = generation.system_prompt if generation is not None else None
        return {} if prompt is None else {"provenance.system_prompt": prompt}

    def _run(self, tags: Mapping[str, str], whole: Mapping[str, str]) -> Run:
        artifact = self.recorded.fact
        return Run(
            subject=_record(artifact.id),
            key=_artifact_key(artifact),
            name=str(artifact.id),
            began_at=self.recorded.recorded_at,
            tags={**_source(self.recorded.actor), **tags},
            texts=whole,
        )

    def _logged_model(self, tags: Mapping[str, str]) -> LoggedModel:
        artifact = self.recorded.fact
        sampling = artifact.generation.sampling if artifact.generation is not None else {}
        return LoggedModel(
            subject=_logged(artifact.id),
            key=_artifact_key(artifact),
            name=logged_name(artifact.id.name),
            kind=artifact.id.kind.value,
            run=_record(artifact.id),
            params={key_part(key): shorten(value, PARAM_LIMIT) for key, value in sampling.items()},
            tags=tags,
        )

    def _version(self, tags: Mapping[str, str], description: str) -> ModelVersion:
        artifact = self.recorded.fact
        return ModelVersion(
            subject=f"version {artifact.id}",
            key=_artifact_key(artifact),
            registered=_name_of(artifact.id),
            model=_logged(artifact.id),
            run=_record(artifact.id),
            tags=tags,
            description=description,
        )

    def _links(self, datasets: tuple[DatasetInput, ...] = (), outputs: tuple[str, ...] = ()) -> Links:
        id_ = self.recorded.fact.id
        parents = ((relation.parent, _CONTEXT.get(relation.kind, "")) for relation in self.relations)
        links = _linked(self.snapshot, f"links of {id_}", _record(id_), parents)
        return Links(
            subject=links.subject,
            run=links.run,
            datasets=datasets + links.datasets,
            models=links.models,
            outputs=outputs,
        )


def _audit(snapshot: Snapshot, recorded: Recorded[Evidence]) -> Iterator[Desired]:
    evidence = recorded.fact
    measured = tuple(_measurements(evidence.result))
    document = {
        "id": recorded.id,
        "actor": recorded.actor,
        "recorded_at": utc_text(recorded.recorded_at),
        "evidence": json.loads(to_json(evidence)),
    }
    ends, tested_at = (str(evidence.parent), str(evidence.child)), utc_text(evidence.tested_at)
    key = lookup_key(recorded.id, *ends, evidence.method, tested_at)
    tags, _ = fit_tags(
        {
            **_source(recorded.actor),
            KEY_TAG: key,
            "provenance.id": recorded.id,
            "provenance.kind": "evidence",
            "provenance.test": evidence.test.value,
            "provenance.verdict": evidence.verdict.value,
            "provenance.parent": str(evidence.parent),
            "provenance.child": str(evidence.child),
            "provenance.method": evidence.method,
            NOTE_TAG: f"**{evidence.verdict.value}**: {evidence.test} test of {code(str(evidence.child))} "
            f"against {code(str(evidence.parent))}. Everything that it rests on is in `evidence.json`.",
        },
        RUN_TAG_LIMIT,
    )
    if len(measured) > MAX_MEASUREMENTS:
        tags["provenance.metrics_left_out"] = f"{len(measured) - MAX_MEASUREMENTS}; all are in evidence.json"
    subject = f"audit {recorded.id}"
    yield Run(
        subject=subject,
        key=key,
        name=f"{evidence.test} {evidence.child}",
        began_at=evidence.tested_at,
        tags=tags,
        metrics=measured[:MAX_MEASUREMENTS],
        texts={"evidence.json": json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"},
    )
    audited = ((end, _AUDIT_CONTEXT) for end in (evidence.parent, evidence.child))
    yield _linked(snapshot, f"links of {recorded.id}", subject, audited)


def _linked(snapshot: Snapshot, subject: str, run: str, parents: Iterable[tuple[ArtifactId, str]]) -> Links:
    """Links to artifacts with the role in which each went in; a parent that was never recorded has no object."""
    known = [(parent, role) for parent, role in parents if parent in snapshot.artifacts]
    return Links(
        subject=subject,
        run=run,
        datasets=tuple(
            _dataset_input(snapshot, parent, role)
            for parent, role in known
            if parent.kind is ArtifactKind.DATASET
        ),
        models=tuple(
            dict.fromkeys(_logged(parent) for parent, _ in known if parent.kind is not ArtifactKind.DATASET)
        ),
    )


def _dataset_input(snapshot: Snapshot, id_: ArtifactId, role: str) -> DatasetInput:
    artifact = snapshot.artifacts[id_].fact
    content = artifact.content
    digest = content.digest.hex if content is not None else _artifact_key(artifact)
    tags = {"mlflow.data.context": role, "provenance.id": str(id_)}
    if content is not None:
        tags["provenance.digest"] = str(content.digest)
    rows = content.rows if content is not None else None
    profile = canonical_json({"num_rows": rows}) if rows is not None else None
    return DatasetInput(
        name=f"{id_.name}@{id_.version}",
        digest=digest[:DATASET_DIGEST_LENGTH],
        profile=profile,
        tags=fit_tags(tags, INPUT_TAG_LIMIT)[0],
    )


def _measurements(value: object, path: str = "") -> Iterator[Measurement]:
    """Every figure in a test's result: nested names are joined by dots, lists of figures become steps."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _measurements(inner, f"{path}.{key_part(str(key))}" if path else key_part(str(key)))
    elif isinstance(value, (list, tuple)):
        for step, inner in enumerate(value):
            if _is_figure(inner):
                yield Measurement(key=path[:250], value=float(inner), step=step)
    elif _is_figure(value):
        yield Measurement(key=path[:250], value=float(value))


def _is_figure(value: object) -> TypeGuard[int | float]:
    """A number that a metric can hold; a truth value is none."""
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    )


def _artifact_key(artifact: Artifact) -> str:
    """Content is part of it: the same name with other content, from another registry, is another object."""
    return lookup_key(str(artifact.id), str(artifact.content.digest) if artifact.content is not None else "")


def _source(actor: str) -> dict[str, str]:
    return {"mlflow.user": actor, "mlflow.source.name": "provenance"}


def _record(id_: ArtifactId) -> str:
    return f"record of {id_}"


def _logged(id_: ArtifactId) -> str:
    return f"logged {id_}"


def _name_of(id_: ArtifactId) -> str:
    return f"registered name {id_.name}"
