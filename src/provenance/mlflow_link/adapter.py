"""Writes to one MLflow, each of them idempotent: looked for before it is created, and found again by what stood in that call.

It does not matter here whether it is a server or an embedded store: `provenance.mlflow_link.port` is all that is used of either.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from provenance.errors import ProvenanceError
from provenance.mlflow_link.address import MlflowError, is_server
from provenance.mlflow_link.credentials import denied
from provenance.mlflow_link.embedded import embedded_port
from provenance.mlflow_link.experiment import EXPERIMENT, Experiment
from provenance.mlflow_link.objects import (
    KEY_TAG,
    NAME_TAG,
    NOTE_TAG,
    PREFIX,
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
from provenance.mlflow_link.places import Place, model_place, run_place, version_place
from provenance.mlflow_link.port import (
    ForbiddenError,
    FoundModel,
    FoundRun,
    FoundVersion,
    MissingError,
    Page,
    Port,
    RefusedError,
    TakenError,
)
from provenance.mlflow_link.rest import rest_port
from provenance.mlflow_link.text import lookup_key

__all__ = ["EXPERIMENT", "Mlflow", "MlflowError", "RefusedError", "Written", "connect"]

FILES_TAG = f"{PREFIX}files"
"""A fingerprint of the files of a run; set when all of them are there."""

Found = TypeVar("Found", FoundRun, FoundModel, FoundVersion)

_MOST_PER_CALL = 1000
"""Metrics and tags that MLflow takes in one call."""
_READS_PER_PAGE = 10
"""As many objects, read one by one, are taken to cost what a page of a search costs."""
_EXTERNAL = {"mlflow.model.isExternal": "true"}
"""How MLflow marks a logged model whose weights it does not hold."""
_OURS = (Run, LoggedModel, Links)
"""What lies in our own experiment: who may not write one of them may not write any."""


@dataclass(frozen=True, slots=True)
class Written:
    """An object that MLflow has acknowledged.

    Args:
        external_id: MLflow's own name for it.
        created: Whether it was not there before.
    """

    external_id: str
    created: bool


@contextmanager
def connect(uri: str, timeout_s: float = 15.0) -> "Iterator[Mlflow]":
    """Opens one MLflow. What is set for it in this process is set back afterwards.

    Args:
        uri: ``sqlite:///path/mlflow.db`` or ``http(s)://host``.
        timeout_s: How long a server may keep silent, in seconds.

    Raises:
        UsageError: The URI is neither.
        MlflowError: It can't be opened or does not answer, or is of a version that is not supported.
    """
    with rest_port(uri, timeout_s) if is_server(uri) else embedded_port(uri) as port:
        yield Mlflow(port, uri, Experiment(port, uri))


class Mlflow:
    """One open MLflow.

    Args:
        port: What speaks to it.
        uri: Where it is.
        experiment: The experiment of the projection.
    """

    def __init__(self, port: Port, uri: str, experiment: Experiment) -> None:
        self._port = port
        self._uri = uri
        self.experiment = experiment
        self._read: dict[tuple[type[Desired], str], FoundRun | FoundModel | FoundVersion] = {}
        self._unlinked: set[str] = set()

    @property
    def calls(self) -> int:
        """Calls to MLflow that were made, those of opening it among them."""
        return self._port.calls

    def prefetch(self, wanted: Iterable[Desired]) -> None:
        """Reads many objects that are to be written page by page, where that costs less than reading one by one.

        What is not among them is still looked for on its own before it is created.

        Args:
            wanted: The objects.

        Raises:
            MlflowError: MLflow does not answer.
        """
        keys: dict[type[Desired], set[str]] = {}
        for item in wanted:
            if isinstance(item, (Run, LoggedModel, ModelVersion)):
                keys.setdefault(type(item), set()).add(item.key)
        with suppress(RefusedError):  # Then they are read one by one.
            self._pages(Run, keys, lambda token: self._port.runs(self.experiment.id, None, token))
            self._pages(
                LoggedModel, keys, lambda token: self._port.logged_models(self.experiment.id, None, token)
            )
            self._pages(ModelVersion, keys, lambda token: self._port.versions(None, None, token))

    def write(self, desired: Desired, external_id: str | None, ids: Mapping[str, str]) -> Written:
        """Creates an object or brings it up to date; doing it twice is the same as once.

        Args:
            desired: The object.
            external_id: MLflow's own name for it, if known from before.
            ids: Subject to external id of the objects that it may refer to.

        Raises:
            MissingError: One that it refers to is gone from MLflow, though it was there before.
            RefusedError: MLflow does not take this object, or one that it refers to is not there yet.
            MlflowError: MLflow does not answer, or permits us nothing.
        """
        try:
            return self._write(desired, external_id, ids)
        except ForbiddenError as error:
            if isinstance(desired, _OURS):
                raise denied(self._uri, error.message) from error
            raise

    def _write(  # noqa: PLR0911 - one for each type of object
        self, desired: Desired, external_id: str | None, ids: Mapping[str, str]
    ) -> Written:
        match desired:
            case Run():
                return self._run(desired, external_id)
            case LoggedModel():
                return self._logged_model(desired, external_id, ids)
            case RegisteredModel():
                return self._registered_model(desired, external_id)
            case ModelVersion():
                return self._model_version(desired, external_id, ids)
            case Adopted():
                return self._adopted(desired)
            case Superseded():
                return self._superseded(desired, external_id)
            case Links():
                return self._links(desired, ids)

    def _run(self, desired: Run, external_id: str | None) -> Written:
        began_ms = int(desired.began_at.timestamp() * 1000)
        found = self._found(
            desired,
            external_id,
            self._run_by_id,
            lambda: self._port.runs(self.experiment.id, desired.key),
        )
        run = found or self._port.create_run(self.experiment.id, desired)
        if found is None:
            self._unlinked.add(run.run_id)
        files = {FILES_TAG: _fingerprint(desired)} if desired.texts or desired.pictures else {}
        # With an empty memory nothing is taken on trust: somebody may have deleted a file.
        if files and (external_id is None or run.tags.get(FILES_TAG) != files[FILES_TAG]):
            self._put_files(run, desired)
        if desired.metrics and not run.finished:
            said = files if len(desired.metrics) < _MOST_PER_CALL else {}
            self._port.log(run.run_id, began_ms, desired.metrics, said)
            run = replace(run, tags={**run.tags, **said})
        run_place(self._port, run, began_ms).show({**desired.tags, **files})
        if not run.finished:
            self._port.finish_run(run.run_id, began_ms)
        return Written(run.run_id, found is None)

    def _put_files(self, run: FoundRun, desired: Run) -> None:
        for path, text in desired.texts.items():
            self._port.put_file(run, path, text.encode())
        for path, draw in desired.pictures.items():
            try:
                content = draw()
            except ProvenanceError as error:
                raise RefusedError(f"{path} can't be drawn: {error.message}", hint=error.hint) from error
            self._port.put_file(run, path, content)

    def _logged_model(self, desired: LoggedModel, external_id: str | None, ids: Mapping[str, str]) -> Written:
        found = self._found(
            desired,
            external_id,
            self._port.logged_model,
            lambda: self._port.logged_models(self.experiment.id, desired.key),
        )
        model = found or self._port.create_logged_model(
            self.experiment.id, replace(desired, tags={**desired.tags, **_EXTERNAL}), _id(ids, desired.run)
        )
        model_place(self._port, model).show(desired.tags)
        if not model.ready:
            self._port.finish_logged_model(model.model_id)
        return Written(model.model_id, found is None)

    def _registered_model(self, desired: RegisteredModel, external_id: str | None) -> Written:
        known = (external_id,) if external_id in desired.names else ()
        for name in dict.fromkeys((*known, *desired.names)):
            there = self._port.registered_model(name) if name in known else None
            if there is None:
                try:
                    self._port.create_registered_model(name, {NAME_TAG: desired.true_name})
                except TakenError:
                    there = self._port.registered_model(name) or {}
                else:
                    return Written(name, created=True)
            if there.get(NAME_TAG) == desired.true_name:
                return Written(name, created=False)
        raise RefusedError(
            f"the registered model {desired.names[-1]!r} exists in MLflow and is somebody else's",
            hint=f"Rename it there, or give it the tag {NAME_TAG} = {desired.true_name}.",
        )

    def _model_version(
        self, desired: ModelVersion, external_id: str | None, ids: Mapping[str, str]
    ) -> Written:
        name = _id(ids, desired.registered)
        # Only under our own name: the key on a version of somebody else's is forged, or was copied.
        found = self._found(
            desired,
            external_id,
            self._our_version,
            lambda: self._port.versions(name, desired.key),
            under=f"{name}/",
        )
        version = found or self._port.create_version(
            name, _id(ids, desired.model), _id(ids, desired.run), desired.tags, desired.description
        )
        version_place(self._port, version).show(desired.tags, desired.description)
        return Written(_external_id(version), found is None)

    def _adopted(self, desired: Adopted) -> Written:
        found = self._by_kind(desired.kind, desired.external_id)
        if found is None:
            raise RefusedError(
                f"the {desired.kind} {desired.external_id!r} is gone from MLflow",
                hint="It was made by others, so it is not made again. The ledger keeps what it knows of it.",
            )
        if isinstance(found, FoundVersion) and desired.made_at_ms not in {None, found.made_at_ms}:
            raise RefusedError(
                f"the version {desired.external_id!r} was deleted in MLflow and made anew: it is not {desired.about!r}",
                hint="Run `provenance mlflow import`: what bears that number now is another artifact.",
            )
        self._place(found).adopt(desired)
        return Written(desired.external_id, created=False)

    def _superseded(self, desired: Superseded, external_id: str | None) -> Written:
        if external_id is None:
            raise RefusedError(f"the {desired.kind} of ours of {desired.about!r} is not known")
        found = self._by_kind(desired.kind, external_id)
        # One that is gone tells nothing any more.
        if found is not None and KEY_TAG in found.tags:
            if isinstance(found, FoundVersion):
                self._place(found).show(desired.tags, desired.words)
            else:
                self._place(found).show({**desired.tags, NOTE_TAG: desired.words})
        return Written(external_id, created=False)

    def _links(self, desired: Links, ids: Mapping[str, str]) -> Written:
        run_id = _id(ids, desired.run)
        inputs = [_id(ids, subject) for subject in desired.models]
        outputs = [_id(ids, subject) for subject in desired.outputs]
        datasets = desired.datasets
        if known := run_id not in self._unlinked:
            run = self._port.run(run_id)
            if run is None or not run.active:
                raise MissingError(f"waits for the {desired.run!r}, which is gone from MLflow")
            datasets = tuple(item for item in datasets if (item.name, item.digest) not in run.datasets)
            inputs = [model_id for model_id in inputs if model_id not in run.inputs]
            outputs = [model_id for model_id in outputs if model_id not in run.outputs]
            known = bool(run.datasets or run.inputs or run.outputs)
        if datasets or inputs:
            self._port.link(run_id, datasets, inputs)
        if outputs:
            self._port.link_outputs(run_id, outputs)
        self._unlinked.discard(run_id)
        return Written(run_id, created=not known)

    def _found(
        self,
        desired: Run | LoggedModel | ModelVersion,
        external_id: str | None,
        by_id: Callable[[str], Found | None],
        by_key: Callable[[], Page[Found]],
        under: str = "",
    ) -> Found | None:
        """The object that is there already: by its id where that is known and still holds, otherwise by its key."""
        read = self._read.pop((type(desired), desired.key), None)
        if read is not None:
            its_id = _external_id(read)
            if external_id == its_id or (external_id is None and its_id.startswith(under)):
                return read  # type: ignore[return-value]  # what is read of a type of object is found of that type
        found = by_id(external_id) if external_id is not None else None
        return found if found is not None else next(iter(by_key().found), None)

    def _pages(
        self,
        kind: type[Desired],
        keys: Mapping[type[Desired], set[str]],
        search: Callable[[str | None], Page[FoundRun | FoundModel | FoundVersion]],
    ) -> None:
        missing, token = set(keys.get(kind, ())), None
        for _ in range(len(missing) // _READS_PER_PAGE):
            page = search(token)
            for found in page.found:
                if (key := found.tags.get(KEY_TAG)) in missing:
                    self._read[kind, key] = found
                    missing.remove(key)
            token = page.next_token
            if token is None or not missing:
                return

    def _run_by_id(self, run_id: str) -> FoundRun | None:
        run = self._port.run(run_id)
        return run if run is not None and run.active else None

    def _version_by_id(self, external_id: str) -> FoundVersion | None:
        name, _, number = external_id.rpartition("/")
        return self._port.version(name, number)

    def _our_version(self, external_id: str) -> FoundVersion | None:
        """As above, and None where the number was given to somebody else's since."""
        version = self._version_by_id(external_id)
        return version if version is not None and KEY_TAG in version.tags else None

    def _place(self, found: FoundVersion | FoundModel) -> Place:
        return (
            version_place(self._port, found)
            if isinstance(found, FoundVersion)
            else model_place(self._port, found)
        )

    def _by_kind(self, kind: AdoptedKind, external_id: str) -> FoundVersion | FoundModel | None:
        if kind is AdoptedKind.VERSION:
            return self._version_by_id(external_id)
        return self._port.logged_model(external_id)


def _external_id(found: FoundRun | FoundModel | FoundVersion) -> str:
    match found:
        case FoundRun():
            return found.run_id
        case FoundModel():
            return found.model_id
        case FoundVersion():
            return f"{found.name}/{found.number}"


def _id(ids: Mapping[str, str], subject: str) -> str:
    if subject not in ids:
        raise RefusedError(f"waits for the {subject!r}, which is not in MLflow yet")
    return ids[subject]


def _fingerprint(run: Run) -> str:
    """Of a run's files; what a picture shows never changes."""
    return lookup_key(*sorted(run.pictures), *(f"{path}\n{text}" for path, text in sorted(run.texts.items())))
