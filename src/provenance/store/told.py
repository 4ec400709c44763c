"""What is remembered of another system that was told of the ledger, as plain values; see `provenance.store.projection`."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Up to where the other system was told everything that it takes.

    Args:
        position: The last fact whose effects it holds.
        head: Digest of the transaction that recorded this fact.
        moment: What had expired by then; aware, UTC.
        basis: A digest of all that the projection rests on besides the facts and the bindings.
        bindings: The number of the last binding that it took into account.
    """

    position: int
    head: str
    moment: datetime
    basis: str
    bindings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An object that the other system would not take.

    Args:
        subject: Which.
        about: The artifact or the evidence that it shows.
        message: Why, in the other system's words, when it was last tried.
        since: When it was tried first; aware, UTC.
        attempts: How often it was tried.
    """

    subject: str
    about: str
    message: str
    since: datetime
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """The objects of an artifact in MLflow that others made, imported or captured; the projection adopts them and makes none of its own.

    Args:
        version: A registered version, ``name/number``.
        model_id: A logged model, ``m-...``.
        run_id: The run that made it.
        made_at_ms: When the version was made there, in milliseconds since 1970: a number that was deleted is given again.
    """

    version: str | None = None
    model_id: str | None = None
    run_id: str | None = None
    made_at_ms: int | None = None

    def completed(self, later: "Binding") -> "Binding":
        """This one with what a later one says; what that leaves open stays as it is."""
        is_same = later.version in {None, self.version}
        return Binding(
            version=later.version or self.version,
            model_id=later.model_id or self.model_id,
            run_id=later.run_id or self.run_id,
            made_at_ms=later.made_at_ms or (self.made_at_ms if is_same else None),
        )
