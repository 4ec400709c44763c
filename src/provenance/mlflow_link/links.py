"""What went into a run and what came out of it."""

from collections.abc import Iterable

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind
from provenance.facts import Snapshot, canonical_json
from provenance.mlflow_link.objects import DatasetInput, Links
from provenance.mlflow_link.subjects import Bindings, key_of, logged
from provenance.mlflow_link.text import DATASET_DIGEST_LENGTH, INPUT_TAG_LIMIT, fit_tags


def links(
    snapshot: Snapshot,
    bindings: Bindings,
    *,
    run: str,
    about: str,
    parents: Iterable[tuple[ArtifactId, str]],
    recorded: tuple[DatasetInput, ...] = (),
    outputs: tuple[str, ...] = (),
) -> Links:
    """Links of a run to artifacts.

    Args:
        snapshot: The facts. An artifact that they don't hold has no object in MLflow, and gets no link.
        bindings: What others made.
        run: Subject of the run.
        about: The artifact or evidence that the run shows.
        parents: What went in, and the role in which a dataset did.
        recorded: Datasets that the run itself is the record of.
        outputs: Subjects of the logged models that came out.
    """
    known = [(parent, role) for parent, role in parents if parent in snapshot.artifacts]
    datasets = (
        dataset_input(snapshot.artifacts[parent].fact, role)
        for parent, role in known
        if parent.kind is ArtifactKind.DATASET
    )
    models = (logged(parent, bindings) for parent, _ in known if parent.kind is not ArtifactKind.DATASET)
    return Links(
        subject=f"links of {about}",
        about=about,
        run=run,
        datasets=(*recorded, *datasets),
        models=tuple(dict.fromkeys(subject for subject in models if subject is not None)),
        outputs=outputs,
    )


def dataset_input(artifact: Artifact, role: str) -> DatasetInput:
    """A dataset as a run's input, the same object to MLflow in whichever run it goes.

    Args:
        artifact: The dataset.
        role: What it was to the run, which MLflow shows as its context: ``training``, ``source``, ...
    """
    content = artifact.content
    digest = content.digest.hex if content is not None else key_of(artifact, "")  # which no standing goes by
    tags = {"mlflow.data.context": role, "provenance.id": str(artifact.id)}
    if content is not None:
        tags["provenance.digest"] = str(content.digest)
    rows = content.rows if content is not None else None
    return DatasetInput(
        name=f"{artifact.id.name}@{artifact.id.version}",
        digest=digest[:DATASET_DIGEST_LENGTH],
        profile=canonical_json({"num_rows": rows}) if rows is not None else None,
        tags=fit_tags(tags, INPUT_TAG_LIMIT)[0],
    )
