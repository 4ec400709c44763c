"""The objects of MLflow that the projection writes, as plain values.

Each `Desired` is one object; `Links` is what one run says of its inputs and outputs. A *subject* is what an object is to us, and
the memory of what was projected goes by it; a *key* is what it is found by in MLflow.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from provenance.digests import digest_bytes
from provenance.evidence import Evidence
from provenance.facts import adapter, canonical_json

PREFIX = "provenance."
"""Tags that begin so belong to the projection on every object that it made: there, what it does not want is removed."""
KEY_TAG = "provenance.key"
NAME_TAG = "provenance.name"
NOTE_TAG = "mlflow.note.content"
"""Where MLflow keeps the description of a run or logged model."""

_OURS_ON_THEIRS = re.compile(
    r"provenance\.(id|status|partial|unknown|system_prompt|shortened|(risk|flag)\..+)"
)


def is_ours_on_theirs(key: str) -> bool:
    """Whether a tag of this key, on an object that others made, can be ours.

    Only such a tag is removed there when it is not wanted: people put tags of their own beside ours, under our prefix too.
    """
    return _OURS_ON_THEIRS.fullmatch(key) is not None


Pictures: TypeAlias = Callable[[Evidence], Mapping[str, Callable[[], bytes]]]
"""What shows a test: file name to what draws the PNG. Asking costs nothing, drawing takes time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One value of a metric; a list of figures becomes steps."""

    key: str
    value: float
    step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run: the record of an artifact, or an audit.

    Args:
        subject: What it is to us; the memory of what was projected goes by it.
        about: The artifact or evidence that it shows, to look at again when it could not be written; no part of its state.
        key: What it is found by in MLflow.
        name: Its name, for people.
        began_at: Its time in MLflow.
        tags: Its tags.
        metrics: Its figures; they never change.
        texts: Artifact files, path to text.
        pictures: Artifact files that are drawn when they are written, path to what draws the PNG; what they show never changes.
    """

    subject: str
    about: str
    key: str
    name: str
    began_at: datetime
    tags: Mapping[str, str] = field(hash=False)
    metrics: tuple[Measurement, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict, hash=False)
    pictures: Mapping[str, Callable[[], bytes]] = field(default_factory=dict, hash=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedModel:
    """A logged model whose weights are not in MLflow.

    Args:
        subject: As in `Run`.
        about: As in `Run`.
        key: As in `Run`.
        name: Its name, for people.
        kind: ``model`` or ``teacher``, shown as its type.
        run: Subject of the record run.
        params: How a teacher sampled; they never change.
        tags: Its tags.
    """

    subject: str
    about: str
    key: str
    name: str
    kind: str
    run: str
    params: Mapping[str, str] = field(hash=False)
    tags: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredModel:
    """A name in MLflow's registry, which the versions of one name share.

    Args:
        subject: As in `Run`.
        about: As in `Run`; of the artifacts that share the name, any.
        names: Names to take, best first: the first that is free or ours.
        true_name: The name of the artifacts, by which ours are told from others'.
    """

    subject: str
    about: str
    names: tuple[str, ...]
    true_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """A registered version.

    Args:
        subject: As in `Run`.
        about: As in `Run`.
        key: As in `Run`.
        registered: Subject of the registered model.
        model: Subject of the logged model that it stands for.
        run: Subject of the record run.
        tags: Its tags.
        description: Markdown.
    """

    subject: str
    about: str
    key: str
    registered: str
    model: str
    run: str
    tags: Mapping[str, str] = field(hash=False)
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetInput:
    """A dataset as a run's input.

    Args:
        name: Its name and version.
        digest: The beginning of its digest, of the length that MLflow takes.
        profile: JSON that MLflow shows: the row count.
        tags: Tags of this use, the role (context) and the whole digest among them.
    """

    name: str
    digest: str
    profile: str | None
    tags: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Inputs and outputs of a run; links are only ever added.

    Args:
        subject: As in `Run`.
        about: As in `Run`.
        run: Subject of the run.
        datasets: Datasets that went in.
        models: Subjects of the logged models that went in.
        outputs: Subjects of the logged models that came out.
    """

    subject: str
    about: str
    run: str
    datasets: tuple[DatasetInput, ...] = ()
    models: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


class AdoptedKind(StrEnum):
    """What an object that tells where an artifact stands is in MLflow. A run is none: it may have made several artifacts, whose tags would fight."""

    VERSION = "version"
    LOGGED_MODEL = "logged-model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What we say on an object that others made: our tags, and our words between marks in its description.

    Nothing is created for it, and everything else on it stays as it is; see `is_ours_on_theirs` and
    `provenance.mlflow_link.text.within`.

    Args:
        subject: As in `Run`; never that of an object that we make, so that no id of theirs is ever taken for one of ours.
        about: As in `Run`.
        kind: What it is in MLflow.
        external_id: MLflow's own name for it: ``name/3`` of a version, ``m-...`` of a logged model.
        tags: Our tags; never a key, by which an object would pass for one that we made.
        words: Markdown.
        made_at_ms: When the version was made that the artifact is, in milliseconds since 1970; None where that is not known.
    """

    subject: str
    about: str
    kind: AdoptedKind
    external_id: str
    tags: Mapping[str, str] = field(hash=False)
    words: str
    made_at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """An object of ours that told where an artifact stands, until one that others made was bound to it: it only points there now.

    It is written where MLflow was told of it, and never created.

    Args:
        subject: As in `Run`; the same as when it told.
        about: As in `Run`.
        kind: What it is in MLflow.
        tags: All our tags.
        words: Its description, Markdown.
    """

    subject: str
    about: str
    kind: AdoptedKind
    tags: Mapping[str, str] = field(hash=False)
    words: str


Desired: TypeAlias = Run | LoggedModel | RegisteredModel | ModelVersion | Adopted | Superseded | Links
"""One object of MLflow."""

ORDER: tuple[type[Desired], ...] = (
    Run,
    LoggedModel,
    RegisteredModel,
    ModelVersion,
    Adopted,
    Superseded,
    Links,
)
"""What is written first: an object refers only to those of earlier types."""


def state_digest(desired: Desired) -> str:
    """A fingerprint of an object's whole desired state; of a picture its name counts, since drawing it takes time."""
    value = adapter(type(desired)).dump_python(desired, mode="json", exclude={"about", "pictures"})
    if isinstance(desired, Run) and desired.pictures:
        value["pictures"] = sorted(desired.pictures)
    return digest_bytes(canonical_json(value).encode()).hex
