"""Which reader reads which MLflow."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from provenance.errors import UsageError
from provenance.facts import adapter, canonical_json
from provenance.mlflow_link.adapter import EXPERIMENT
from provenance.mlflow_link.address import MlflowError, is_server, shown
from provenance.mlflow_link.history import sql
from provenance.mlflow_link.history.completion import ReadingProgress
from provenance.mlflow_link.history.embedded import embedded_archive
from provenance.mlflow_link.history.parents import wanted_keys
from provenance.mlflow_link.history.records import History
from provenance.mlflow_link.history.scan import Archive, Marks, scan
from provenance.mlflow_link.history.server import server_archive
from provenance.mlflow_link.port import RESUME, RefusedError
from provenance.relations import WEIGHT_KINDS, RelationKind

TIMEOUT_S = 60.0
"""How long a server may keep silent while it is read, in seconds: a page of runs takes it longer than one object."""


class Via(StrEnum):
    """How a history is read."""

    AUTO = "auto"
    API = "api"
    SQL = "sql"


def read_via(word: str) -> Via:
    """The way of reading that a word means.

    Raises:
        UsageError: There is no such way.
    """
    try:
        return Via(word)
    except ValueError as error:
        raise UsageError(f"a history can't be read via {word!r}", hint=f"Ways: {', '.join(Via)}.") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySource:
    """Which history is read, and how.

    Args:
        uri: The MLflow, as it is projected to.
        store: The database behind it, to be read in its stead.
        via: How it is read; unless said otherwise, by direct SQL where that can be.
        rescan: Whether the API is asked for everything, and not for what is new since the last scan.
        parent_tags: Further keys of parameters and tags that name a base model, and the relation that each states.
    """

    uri: str
    store: str | None = None
    via: Via = Via.AUTO
    rescan: bool = False
    parent_tags: Mapping[str, RelationKind | None] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.store is not None and self.via is Via.API:
            raise UsageError(
                "a store is read by SQL, and the API by its server", hint="Leave out one of the two."
            )
        if wrong := [kind for kind in self.parent_tags.values() if kind and kind not in WEIGHT_KINDS]:
            raise UsageError(
                f"{wrong[0]} is no relation to a base model",
                hint=f"Those are {', '.join(sorted(WEIGHT_KINDS))}.",
            )

    @property
    def name(self) -> str:
        """What is read, for people."""
        return f"the MLflow history of {sql.store_name(self.store or self.uri)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was read, and how.

    Args:
        history: What was read.
        via: How.
        scanned: How far a scan by the API came, for the next one; None where it was none.
        note: Why it was read otherwise than it might have been; empty where it was not.
    """

    history: History
    via: Via
    scanned: str | None = None
    note: str = ""


def read_history(
    source: HistorySource, scanned: str, progress: ReadingProgress, ours: Collection[str] = ()
) -> Read:
    """Reads a history.

    Args:
        source: Which, and how.
        scanned: How far the last scan by the API came; empty before the first.
        progress: See `ReadingProgress`.
        ours: What our own projection wrote, see `complete`.

    Raises:
        UsageError: It can't be read in the way that is asked for.
        MlflowError: It can't be read.
        MissingExtraError: PostgreSQL's driver is not installed.
    """
    store = source.store or source.uri
    is_needed = source.store is not None or source.via is Via.SQL
    note = ""
    if is_needed and not sql.is_store(store):
        raise UsageError(
            f"{sql.store_name(store)} is no database that can be read directly",
            hint="Name the one behind it: --store sqlite:///FILE or postgresql://USER@HOST/DATABASE.",
        )
    if source.via is not Via.API and sql.is_store(store):
        try:
            history = sql.read(store, wanted_keys(source.parent_tags), EXPERIMENT, progress, ours)
        except sql.UnknownRevisionError as error:
            if is_needed:
                raise
            note = f"{error.message}: read by its API"
        else:
            return Read(history=history, via=Via.SQL)
    history, marks = _scan(source, scanned, ours, progress)
    return Read(history=history, via=Via.API, scanned=adapter(Marks).dump_json(marks).decode(), note=note)


def _scan(
    source: HistorySource, scanned: str, ours: Collection[str], progress: ReadingProgress
) -> tuple[History, Marks]:
    basis = canonical_json(dict(source.parent_tags))
    since: Marks | None = adapter(Marks).validate_json(scanned) if scanned else None
    if since is not None and (source.rescan or since.basis != basis):  # other tags are read of old runs, too
        since = None
    try:
        with _archive(source) as archive:
            return scan(
                archive,
                own_experiment=EXPERIMENT,
                since=since,
                basis=basis,
                progress=progress,
                ours=ours,
            )
    except RefusedError as error:
        raise MlflowError(
            f"MLflow at {shown(source.uri)} can't be read: {error.message}", hint=error.hint
        ) from error
    except MlflowError as error:
        if error.hint == RESUME:
            error.hint = "Nothing was recorded. Type the command again once it can be reached."
        raise


@contextmanager
def _archive(source: HistorySource) -> Iterator[Archive]:
    keys = wanted_keys(source.parent_tags)
    if is_server(source.uri):
        with server_archive(source.uri, keys, TIMEOUT_S) as server:
            yield server
    else:
        with embedded_archive(source.uri, keys) as embedded:
            yield embedded
