"""One artifact as the objects that show it, or as what is said on those that others made for it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provenance.artifacts import Artifact, ArtifactKind
from provenance.evidence import Evidence
from provenance.facts import Recorded, Snapshot
from provenance.mlflow_link.description import FOOTER, FOOTER_WITHIN, Known, describe, point_to
from provenance.mlflow_link.links import dataset_input, links
from provenance.mlflow_link.objects import (
    KEY_TAG,
    NOTE_TAG,
    Adopted,
    AdoptedKind,
    Desired,
    Links,
    LoggedModel,
    ModelVersion,
    RegisteredModel,
    Run,
    Superseded,
)
from provenance.mlflow_link.subjects import (
    Bindings,
    adopted_logged,
    adopted_version,
    is_adopted,
    key_of,
    our_logged,
    our_version,
    record_of,
    registered_name,
    source_tags,
    telling,
)
from provenance.mlflow_link.text import (
    PARAM_LIMIT,
    REGISTRY_LIMIT,
    RUN_NAME_LIMIT,
    RUN_TAG_LIMIT,
    code,
    fit_tags,
    key_part,
    logged_name,
    registered_names,
    shorten,
    shorten_lines,
)
from provenance.relations import Relation, RelationKind
from provenance.risk.report import ArtifactRisks, RiskReport
from provenance.traits import Flag

_CONTEXT: Mapping[RelationKind, str] = {
    RelationKind.TRAINED_ON: "training",
    RelationKind.DERIVED_FROM: "source",
}
_SELF_CONTEXT = "recorded"
_VERSION_TELLS, _MODEL_TELLS = "its registered version", "its logged model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One artifact with what is known of it.

    Args:
        snapshot: The facts, for what its parents are.
        report: The answer that its risks are from.
        bindings: What others made.
        registry: What tells the registry from others.
        viewer: The web viewer's address, where there is one.
        recorded: The artifact.
        relations: Its parents.
        flags: Standing flags on itself.
        risks: Where it stands; None where that was not asked.
        tests: Tests of it as the younger of two, the latest of each pair.
    """

    snapshot: Snapshot
    report: RiskReport
    bindings: Bindings
    registry: str
    viewer: str | None
    recorded: Recorded[Artifact]
    relations: tuple[Relation, ...]
    flags: tuple[Recorded[Flag], ...]
    risks: ArtifactRisks | None
    tests: tuple[Recorded[Evidence], ...]

    def objects(self) -> Iterator[Desired]:
        """What MLflow should hold of it."""
        id_ = self.recorded.fact.id
        if is_adopted(self.bindings.get(id_)):
            yield from self._adopted()
        elif id_.kind is ArtifactKind.DATASET:
            yield from self._dataset()
        elif id_.kind is ArtifactKind.TEACHER:
            yield from self._teacher()
        else:
            yield from self._model()

    # --- ours ----------------------------------------------------------------------------------------------------------

    def _dataset(self) -> Iterator[Desired]:
        note = {NOTE_TAG: self._description()}
        yield self._run(*fit_tags(self._identity() | self._standing() | note, RUN_TAG_LIMIT))
        yield self._links()

    def _teacher(self) -> Iterator[Desired]:
        note = {NOTE_TAG: self._description()}
        tags, whole = fit_tags(
            self._identity() | self._standing() | self._generation() | note, REGISTRY_LIMIT
        )
        yield self._logged_model(tags)
        yield self._run(self._pointing(_MODEL_TELLS, RUN_TAG_LIMIT), whole)
        yield self._links()

    def _model(self) -> Iterator[Desired]:
        id_ = self.recorded.fact.id
        description = self._description()
        tags, whole = fit_tags(self._name() | {KEY_TAG: self._key} | self._standing(), REGISTRY_LIMIT)
        if len(description) > REGISTRY_LIMIT:
            whole["whole/description.md"] = description
        yield self._logged_model(self._pointing(_VERSION_TELLS, REGISTRY_LIMIT))
        yield RegisteredModel(
            subject=registered_name(id_), about=str(id_), names=registered_names(id_.name), true_name=id_.name
        )
        yield self._version(tags, shorten_lines(description, REGISTRY_LIMIT))
        yield self._run(self._pointing(_VERSION_TELLS, RUN_TAG_LIMIT), whole)
        yield self._links()

    def _run(self, tags: Mapping[str, str], whole: Mapping[str, str]) -> Run:
        artifact = self.recorded.fact
        return Run(
            subject=record_of(artifact.id),
            about=str(artifact.id),
            key=self._key,
            name=shorten(str(artifact.id), RUN_NAME_LIMIT),
            began_at=self.recorded.recorded_at,
            tags={**source_tags(self.recorded.actor), **tags},
            texts=whole,
        )

    def _logged_model(self, tags: Mapping[str, str]) -> LoggedModel:
        artifact = self.recorded.fact
        sampling = artifact.generation.sampling if artifact.generation is not None else {}
        return LoggedModel(
            subject=our_logged(artifact.id),
            about=str(artifact.id),
            key=self._key,
            name=logged_name(artifact.id.name),
            kind=artifact.id.kind.value,
            run=record_of(artifact.id),
            params={key_part(key): shorten(value, PARAM_LIMIT) for key, value in sampling.items()},
            tags=tags,
        )

    def _version(self, tags: Mapping[str, str], description: str) -> ModelVersion:
        artifact = self.recorded.fact
        return ModelVersion(
            subject=our_version(artifact.id),
            about=str(artifact.id),
            key=self._key,
            registered=registered_name(artifact.id),
            model=our_logged(artifact.id),
            run=record_of(artifact.id),
            tags=tags,
            description=description,
        )

    def _links(self) -> Links:
        artifact = self.recorded.fact
        is_data = artifact.id.kind is ArtifactKind.DATASET
        return links(
            self.snapshot,
            self.bindings,
            run=record_of(artifact.id),
            about=str(artifact.id),
            parents=((relation.parent, _CONTEXT.get(relation.kind, "")) for relation in self.relations),
            recorded=(dataset_input(artifact, _SELF_CONTEXT),) if is_data else (),
            outputs=() if is_data else (our_logged(artifact.id),),
        )

    # --- others' -------------------------------------------------------------------------------------------------------

    def _adopted(self) -> Iterator[Adopted | Superseded]:
        """What is said on others' version and logged model: all of it on the one that people deploy, a pointer on the others."""
        id_ = self.recorded.fact.id
        bound = self.bindings[id_]
        told = self._name() | self._standing() | self._generation()
        words = self._description(FOOTER_WITHIN)
        if bound.version is not None:
            yield Adopted(
                subject=adopted_version(id_),
                about=str(id_),
                kind=AdoptedKind.VERSION,
                external_id=bound.version,
                tags=fit_tags(told, REGISTRY_LIMIT)[0],
                words=words,
                made_at_ms=bound.made_at_ms,
            )
            told = self._name()
            words = point_to(id_, _VERSION_TELLS, self.viewer, FOOTER_WITHIN)
        if bound.model_id is not None:
            yield Adopted(
                subject=adopted_logged(id_),
                about=str(id_),
                kind=AdoptedKind.LOGGED_MODEL,
                external_id=bound.model_id,
                tags=fit_tags(told, REGISTRY_LIMIT)[0],
                words=words,
            )
        yield self._superseded(bound.version or bound.model_id or "")

    def _superseded(self, place: str) -> Superseded:
        id_ = self.recorded.fact.id
        is_version = id_.kind is ArtifactKind.MODEL
        return Superseded(
            subject=telling(id_),
            about=str(id_),
            kind=AdoptedKind.VERSION if is_version else AdoptedKind.LOGGED_MODEL,
            tags=self._name() | {KEY_TAG: self._key} if is_version else self._identity(),
            words=point_to(id_, code(place), self.viewer),
        )

    # --- tags and words ------------------------------------------------------------------------------------------------

    @property
    def _key(self) -> str:
        return key_of(self.recorded.fact, self.registry)

    def _identity(self) -> dict[str, str]:
        """What never changes, in full, on the objects that are ours."""
        artifact = self.recorded.fact
        tags = {
            "provenance.id": str(artifact.id),
            KEY_TAG: self._key,
            "provenance.kind": artifact.id.kind.value,
        }
        if artifact.content is not None:
            tags["provenance.digest"] = str(artifact.content.digest)
        return tags

    def _name(self) -> dict[str, str]:
        return {"provenance.id": str(self.recorded.fact.id)}

    def _pointing(self, place: str, limit: int) -> dict[str, str]:
        """The tags of an object of ours that leaves it to another to tell where the artifact stands."""
        note = {NOTE_TAG: point_to(self.recorded.fact.id, place, self.viewer)}
        return fit_tags(self._identity() | note, limit)[0]

    def _standing(self) -> dict[str, str]:
        """Flags on the artifact itself and effective risks: what goes again when a flag is withdrawn."""
        tags = {
            f"provenance.flag.{flag.id}": f"{flag.fact.trait} (confidence {flag.fact.confidence:.2g})"
            for flag in self.flags
        }
        if self.risks is None:
            return tags
        tags["provenance.status"] = self.risks.status.value
        if self.report.partial:
            tags["provenance.partial"] = "true"
        if self.risks.unknown:
            tags["provenance.unknown"] = str(len(self.risks.unknown))
        # The report has the worst first, so that turned round the worst of a trait is written last.
        for risk in reversed(self.risks.risks):
            tags[f"provenance.risk.{key_part(risk.trait)}"] = (
                f"{risk.status} ({risk.severity}) {risk.score:.2g}"
            )
        return tags

    def _generation(self) -> dict[str, str]:
        prompt = self._prompt()
        return {} if prompt is None else {"provenance.system_prompt": prompt}

    def _prompt(self) -> str | None:
        generation = self.recorded.fact.generation
        return generation.system_prompt if generation is not None else None

    def _description(self, footer: str = FOOTER) -> str:
        artifact = self.recorded.fact
        return describe(
            Known(
                artifact=artifact.id,
                relations=self.relations,
                risks=self.risks,
                partial=self.report.partial,
                policy=self.report.policy_digest,
                content=str(artifact.content.digest) if artifact.content is not None else None,
                tests=self.tests,
                prompt=self._prompt(),
                viewer=self.viewer,
                footer=footer,
            )
        )
