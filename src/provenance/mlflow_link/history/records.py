"""What an MLflow knows of lineage, as plain records: both readers hand on the same for the same store.

Texts are as they stand in MLflow, and nothing of them is to be trusted. Moments are milliseconds since 1970, UTC.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote

DELETED = "deleted"
"""The lifecycle stage of what was deleted and is still in the store."""
ROLE_TAG = "mlflow.data.context"
"""The tag of an input in which a dataset's role stands."""
PENDING = "PENDING"
"""The status of a logged model that is not complete."""
PROMPT_TAG = "mlflow.prompt.is_prompt"
"""The tag of a registered version that is a prompt, and no model."""
LONGEST_SOURCE = 1000
"""As many characters of a dataset's source are read."""

NO_TRAINING = frozenset({"eval", "evaluation", "val", "valid", "validation", "dev", "test", "testing"})
"""Roles of a dataset that nothing was trained on."""

_MODEL = re.compile(r"models:/(m-[0-9a-f]{32})(?:/.*)?")
_PLACE = re.compile(r"/models/(m-[0-9a-f]{32})/artifacts(?:/|$)")


class Dataset(NamedTuple):
    """A dataset as an input of a run.

    Args:
        name: Its name there.
        digest: Its digest there: at most 36 characters, of whatever its writer took for one.
        role: What it went in as (MLflow calls it context); None where that was not said.
        source_type: What sort of place it came from.
        source: Which place.
    """

    name: str
    digest: str
    role: str | None
    source_type: str
    source: str

    @property
    def use(self) -> str:
        """Its role, in letters that don't differ by case; empty for none."""
        return (self.role or "").strip().lower()


class Run(NamedTuple):
    """A run.

    Args:
        id: Its id.
        experiment: The id of its experiment.
        started_ms: When it began.
        ended_ms: When it ended; 0 before that.
        deleted: Whether it was deleted.
        words: Those of its parameters and tags that were asked for; of one key, the tag.
        datasets: Its dataset inputs.
        inputs: Ids of its model inputs; told of runs that made a model, and empty for others.
        outputs: Ids of its model outputs.
    """

    id: str
    experiment: str
    started_ms: int
    ended_ms: int
    deleted: bool
    words: Mapping[str, str]
    datasets: tuple[Dataset, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class LoggedModel(NamedTuple):
    """A logged model.

    Args:
        id: Its id, ``m-...``.
        name: Its name.
        experiment: The id of its experiment.
        run: The id of the run that logged it, if any did.
        created_ms: When.
        status: ``READY``, or how far it came.
        place: Where its files are, by MLflow's own account.
        words: As in `Run`.
    """

    id: str
    name: str
    experiment: str
    run: str | None
    created_ms: int
    status: str
    place: str
    words: Mapping[str, str]


class Version(NamedTuple):
    """A registered version.

    Args:
        name: The name of its registered model.
        number: Its number.
        created_ms: When it was registered.
        source: Where its files are said to be.
        run: The id of its run, if it names one.
        stage: Its stage; ``None``, in letters, for none.
        status: ``READY``, or how far it came.
        aliases: Its aliases, in order.
        words: As in `Run`; a version has tags only.
    """

    name: str
    number: int
    created_ms: int
    source: str
    run: str | None
    stage: str
    status: str
    aliases: tuple[str, ...]
    words: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What was read of an MLflow.

    Args:
        experiments: The name of each experiment, by its id.
        runs: Runs by id.
        models: Logged models by id; a deleted one is not among them.
        versions: Registered versions, in order of name and number.
        deleted_experiments: How many experiments were passed over with all their runs, since they were deleted.
        own_experiments: The ids of those that hold what projections write, which were passed over, too.
        places: Where the files of some further logged models are, by their ids: of those that versions which were read before name.
        looked_for: Of what is not everything, the ids of the runs and logged models that were looked for, whether or not they are there.
            None for everything.
    """

    experiments: Mapping[str, str]
    runs: Mapping[str, Run]
    models: Mapping[str, LoggedModel]
    versions: tuple[Version, ...]
    deleted_experiments: int
    own_experiments: frozenset[str]
    places: Mapping[str, str] = field(default_factory=dict)
    looked_for: frozenset[str] | None = None

    @property
    def whole(self) -> bool:
        """Whether that is everything; otherwise it is what is new, and what that refers to."""
        return self.looked_for is None

    def is_known_of(self, ids: Iterable[str | None]) -> bool:
        """Whether everything is known that MLflow tells of some runs and logged models; None is nobody's id."""
        return self.looked_for is None or {one for one in ids if one is not None} <= self.looked_for

    def model_of(self, source: str) -> str | None:
        """The id of the logged model that a version's source is: by its id, or as a place among that very model's files.

        What only looks like the place of a model's files is somebody else's.
        """
        named = model_named(source)
        if named is None or _MODEL.fullmatch(source):
            return named
        model = self.models.get(named)
        place = (model.place if model is not None else self.places.get(named, "")).rstrip("/")
        return named if place and f"{source}/".startswith(f"{place}/") else None


def model_named(source: str) -> str | None:
    """The id of the logged model that a version's source names, or may be among the files of."""
    if ".." in unquote(source):
        return None
    found = _MODEL.fullmatch(source) or _PLACE.search(source)
    return found[1] if found is not None else None
