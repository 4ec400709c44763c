"""The one door: everything that the command line does, it does by a method of `Registry`.

    from provenance import Registry

    registry = Registry.init("here")
    registry.register_model("./base", name="base", from_scratch=True)

A method that records runs in one transaction and returns what it recorded; a method that asks takes ``as_of`` and is a function of
the facts recorded until then.
"""

import getpass
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from provenance import home
from provenance.artifacts import Artifact, ArtifactId, ArtifactKind, Generation, Reference
from provenance.errors import ConflictError, ContentError, UnknownReferenceError, UsageError
from provenance.evidence import Evidence
from provenance.facts import Recorded, Snapshot
from provenance.relations import RelationKind
from provenance.traits import Block, Clearance, Flag, Severity, Trait, Withdrawal

if TYPE_CHECKING:
    from provenance.audit import Outcome, Task
    from provenance.digests import Progress
    from provenance.lineage import Lineage
    from provenance.mlflow_link import SyncReport
    from provenance.registration import Parent, Registration, Request
    from provenance.render import Picture
    from provenance.risk import Check, Impact, Policy, RiskReport
    from provenance.store import Head, Ledger, Transaction, Verification

Ref = str | ArtifactId
"""An artifact, as typed (``name``, ``kind:name@version``, beginning of a digest) or as known."""


class Registry:
    """An open registry.

    Args:
        ledger: Its record.
        where: Its place and settings.
        actor: Who is recorded with every fact.
    """

    def __init__(self, ledger: "Ledger", where: home.Home, *, actor: str) -> None:
        self._ledger = ledger
        self.home = where
        self.actor = actor

    # --- opening -------------------------------------------------------------------------------------------------------

    @classmethod
    def init(
        cls,
        directory: str | Path = ".",
        *,
        store: str = "sqlite",
        mlflow: str | None = None,
        actor: str | None = None,
    ) -> Self:
        """Makes a registry in a folder, or opens the one that is there; see `provenance.home.create`."""
        from provenance.store import Ledger

        where = home.create(Path(directory), store=store, mlflow=mlflow)
        return cls(Ledger.open(where.store_url, create=True), where, actor=actor or _login())

    @classmethod
    def open(cls, where: str | Path | None = None, *, actor: str | None = None) -> Self:
        """Opens a registry; see `provenance.home.find` for how it is found."""
        from provenance.store import Ledger

        found = home.find(where)
        return cls(Ledger.open(found.store_url), found, actor=actor or _login())

    def close(self) -> None:
        """Gives the database connections back."""
        self._ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- registering ---------------------------------------------------------------------------------------------------

    def register_model(
        self,
        path: str | Path | None = None,
        *,
        name: str,
        parents: Sequence["Parent"] = (),
        from_scratch: bool = False,
        metadata: Mapping[str, str] | None = None,
        sha256: bool = False,
        progress: "Progress | None" = None,
    ) -> "Registration":
        """Records a model: its files' content (or its name alone), its parents, and what its card says of its ancestry.

        Args:
            path: A folder or file; None for a model with no files at hand.
            name: ``name`` or ``name@version``.
            parents: Its declared parents.
            from_scratch: Its weights were initialised at random: ancestry by weights begins here.
            metadata: Free words.
            sha256: Whether to digest by SHA-256 too.
            progress: Told how many further bytes were read.
        """
        request = self._request(
            ArtifactKind.MODEL, path, name, parents, from_scratch, metadata, sha256, progress
        )
        return self.register([request])[0]

    def register_dataset(
        self,
        path: str | Path | None = None,
        *,
        name: str,
        parents: Sequence["Parent"] = (),
        authored: bool = False,
        metadata: Mapping[str, str] | None = None,
        sha256: bool = False,
        progress: "Progress | None" = None,
    ) -> "Registration":
        """Records a dataset; ``authored`` says that no model had a part in it. For the rest see `register_model`."""
        request = self._request(
            ArtifactKind.DATASET, path, name, parents, authored, metadata, sha256, progress
        )
        return self.register([request])[0]

    def register_teacher(
        self,
        *,
        name: str,
        model: str,
        adapters: Sequence[str] = (),
        system_prompt: str | None = None,
        sampling: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> "Registration":
        """Records a teacher: a model as it generated, with its prompt, adapters and decoding settings."""
        from provenance.registration import Parent, Request

        bare, version = _name_and_version(name)
        embodied = tuple(Parent(kind=RelationKind.EMBODIED_BY, reference=one) for one in (model, *adapters))
        generation = Generation(system_prompt=system_prompt, sampling=dict(sampling or {}))
        request = Request(
            kind=ArtifactKind.TEACHER,
            name=bare,
            version=version,
            parents=embodied,
            generation=generation,
            metadata=dict(metadata or {}),
        )
        return self.register([request])[0]

    def register(self, requests: Sequence["Request"]) -> "tuple[Registration, ...]":
        """Records many at once, all or nothing; they may name each other in any order."""
        from provenance import registration

        with self._ledger.transaction(self.actor) as transaction:
            return registration.register(transaction, requests)

    def relate(
        self,
        child: Ref,
        kind: RelationKind | str,
        parent: Ref,
        *,
        share: float | None = None,
        clean_fraction: float | None = None,
        filters: Sequence[str] = (),
        resolves: str | None = None,
    ) -> "Registration":
        """Adds a relation between registered artifacts."""
        from provenance import registration

        verb = _relation_kind(kind)
        lower = self.resolve(child, verb.rule.child)
        request = registration.Parent(
            kind=verb,
            reference=str(parent),
            share=share,
            clean_fraction=clean_fraction,
            filters=tuple(filters),
            resolves=resolves,
        )
        with self._ledger.transaction(self.actor) as transaction:
            return registration.relate(transaction, lower, request)

    # --- traits and findings -------------------------------------------------------------------------------------------

    def add_trait(
        self, name: str, *, severity: Severity | str, description: str = "", overt: bool = False
    ) -> Recorded[Trait]:
        """Records a trait, or returns the one recorded with the same words.

        Raises:
            ConflictError: The name stands for something else already.
        """
        trait = Trait(name=name, severity=Severity(severity), description=description, overt=overt)
        with self._ledger.transaction(self.actor) as transaction:
            known = transaction.about("trait", [name])
            if known and known[0].fact != trait:
                raise ConflictError(
                    f"the trait {name} is recorded with severity {known[0].fact.severity}, overt {known[0].fact.overt} "
                    f"and the description {known[0].fact.description!r}",
                    hint="What is recorded stays; give the other trait another name.",
                )
            return known[0] if known else transaction.append(trait)

    def flag(self, ref: Ref, trait: str, *, evidence: str, confidence: float = 1.0) -> Recorded[Flag]:
        """Records that an artifact was found to have a trait; the same finding twice is one flag."""
        flag = Flag(artifact=self.resolve(ref), trait=trait, evidence=evidence, confidence=confidence)
        with self._ledger.transaction(self.actor) as transaction:
            _require_trait(transaction, trait)
            same = [one for one in transaction.about("flag", [str(flag.artifact)]) if one.fact == flag]
            standing = [one for one in same if not transaction.about("withdrawal", [one.id])]
            return standing[-1] if standing else transaction.append(flag)

    def withdraw(self, flag: str, *, reason: str) -> Recorded[Withdrawal]:
        """Takes a flag back. Withdrawing it again returns the first withdrawal.

        Raises:
            UnknownReferenceError: There is no such flag.
        """
        withdrawal = Withdrawal(flag=flag, reason=reason)
        with self._ledger.transaction(self.actor) as transaction:
            digits = flag.removeprefix("flag-")
            found = transaction.get(int(digits)) if digits.isdigit() and len(digits) < 12 else None  # noqa: PLR2004
            if found is None or found.id != flag:
                standing = [one.id for one in transaction.snapshot().standing_flags]
                listing = f"Standing flags: {', '.join(standing)}." if standing else "No flag stands."
                raise UnknownReferenceError(f"there is no flag {flag!r}", hint=listing)
            known = transaction.about("withdrawal", [flag])
            return known[0] if known else transaction.append(withdrawal)

    def clear(self, ref: Ref, trait: str, *, evidence: str, stops_here: bool = False) -> Recorded[Clearance]:
        """Records a test that found an artifact free of a trait."""
        clearance = Clearance(
            artifact=self.resolve(ref), trait=trait, evidence=evidence, stops_here=stops_here
        )
        with self._ledger.transaction(self.actor) as transaction:
            _require_trait(transaction, trait)
            return transaction.append(clearance)

    def block(
        self, parent: Ref, child: Ref, trait: str, *, evidence: str, reason: str, expires_at: datetime
    ) -> Recorded[Block]:
        """Records that the edges from ``parent`` to ``child`` do not carry a trait, until a date.

        Raises:
            ConflictError: There is no such edge.
        """
        upper, lower = self.resolve(parent), self.resolve(child)
        block = Block(
            parent=upper, child=lower, trait=trait, evidence=evidence, reason=reason, expires_at=expires_at
        )
        with self._ledger.transaction(self.actor) as transaction:
            _require_trait(transaction, trait)
            edges = transaction.relations_of([lower])
            if not any(relation.parent == upper for relation in edges):
                parents = ", ".join(str(relation.parent) for relation in edges) or "none"
                raise ConflictError(
                    f"no relation leads from {upper} to {lower}",
                    hint=f"The recorded parents of {lower}: {parents}.",
                )
            return transaction.append(block)

    def record(self, evidence: Evidence) -> Recorded[Evidence]:
        """Records the result of a test that was run elsewhere."""
        with self._ledger.transaction(self.actor) as transaction:
            known = transaction.artifacts({evidence.parent, evidence.child})
            for end in (evidence.parent, evidence.child):
                if end not in known:
                    raise UnknownReferenceError(f"{end} is not registered")
            return transaction.append(evidence)

    # --- asking --------------------------------------------------------------------------------------------------------

    def resolve(self, ref: Ref, kind: ArtifactKind | None = None) -> ArtifactId:
        """The artifact that a reference means.

        Where a model and the plain teacher that the registry made of it share a name, the model is meant.

        Raises:
            UnknownReferenceError: None, or several; the message lists the nearest names.
        """
        from provenance.registration import ambiguous, unknown

        if isinstance(ref, ArtifactId):
            ref = str(ref)
        found = self._ledger.find(Reference.parse(ref)) if not _is_digest(ref) else ()
        found = tuple(one for one in found if kind in {None, one.kind})
        if len(found) > 1:
            models = {(one.name, one.version) for one in found if one.kind is ArtifactKind.MODEL}
            found = tuple(
                one
                for one in found
                if not ((one.name, one.version) in models and self._is_plain_teacher(one))
            )
        if not found and len(ref) >= _SHORTEST_PREFIX:
            found = self._ledger.find_digest(ref)
        if len(found) == 1:
            return found[0]
        raise ambiguous(ref, found) if found else unknown(ref, self._ledger.names(), kind)

    def snapshot(self, as_of: datetime | None = None) -> Snapshot:
        """Every fact recorded up to a date."""
        return self._ledger.snapshot(as_of)

    def get(self, ref: Ref) -> Recorded[Artifact]:
        """One artifact, as recorded."""
        return self.snapshot().artifacts[self.resolve(ref)]

    def lineage(self, as_of: datetime | None = None) -> "Lineage":
        """The graph of all artifacts and relations recorded up to a date."""
        from provenance.lineage import Lineage

        return Lineage.of(self.snapshot(as_of))

    def risks(
        self,
        refs: Iterable[Ref] | None = None,
        *,
        policy: "Policy | None" = None,
        as_of: datetime | None = None,
    ) -> "RiskReport":
        """What artifacts may have inherited; all of them when ``refs`` is None."""
        from provenance.lineage import Lineage
        from provenance.risk import Policy, assess

        snapshot = self.snapshot(as_of)
        wanted = sorted(snapshot.artifacts) if refs is None else self._known(snapshot, refs)
        return assess(snapshot, Lineage.of(snapshot), policy or Policy.default(), wanted)

    def impact(
        self,
        ref: Ref,
        *,
        trait: str | None = None,
        policy: "Policy | None" = None,
        as_of: datetime | None = None,
    ) -> "Impact":
        """What is downstream of an artifact, and where it would stand were the artifact flagged."""
        from provenance.lineage import Lineage
        from provenance.risk import Policy, impact

        snapshot = self.snapshot(as_of)
        (source,) = self._known(snapshot, [ref])
        return impact(snapshot, Lineage.of(snapshot), policy or Policy.default(), source, trait)

    def check(
        self, refs: Iterable[Ref], *, policy: "Policy | None" = None, as_of: datetime | None = None
    ) -> "tuple[Check, ...]":
        """The release gate: whether anything holds each artifact back."""
        from provenance.lineage import Lineage
        from provenance.risk import Policy, assess, check

        snapshot, chosen = self.snapshot(as_of), policy or Policy.default()
        lineage = Lineage.of(snapshot)
        report = assess(snapshot, lineage, chosen, self._known(snapshot, refs))
        return check(report, snapshot, lineage, chosen)

    def verify(self, expected_head: str | None = None) -> "Verification":
        """Walks the ledger's chain; see `provenance.store.verification`."""
        return self._ledger.verify(expected_head)

    def head(self) -> "Head":
        """The end of the ledger's chain."""
        return self._ledger.head()

    # --- testing edges -------------------------------------------------------------------------------------------------

    def audit_plan(self, refs: Iterable[Ref] | None = None) -> "tuple[Task, ...]":
        """The tests that the edges above some artifacts (all, by default) still lack."""
        from provenance import audit

        snapshot = self.snapshot()
        wanted = sorted(snapshot.artifacts) if refs is None else self._known(snapshot, refs)
        return audit.plan(snapshot, wanted)

    def audit(
        self, tasks: Iterable["Task"], *, seeds: int = 5, done: Callable[["Outcome"], None] | None = None
    ) -> "tuple[Outcome, ...]":
        """Runs tests and records each result as soon as it is there.

        Args:
            tasks: From `audit_plan`.
            seeds: Training runs of each canary.
            done: Told each outcome as it comes.
        """
        from provenance import audit

        snapshot = self.snapshot()
        outcomes = []
        for task in tasks:
            evidence = audit.run(task, snapshot, seeds=seeds)
            outcome = audit.Outcome(
                task=task,
                recorded=self.record(evidence) if isinstance(evidence, Evidence) else None,
                reason=None if isinstance(evidence, Evidence) else evidence.reason,
            )
            outcomes.append(outcome)
            if done:
                done(outcome)
        return tuple(outcomes)

    def location(self, ref: Ref) -> Path:
        """Where an artifact's content was last seen.

        Raises:
            ContentError: It has none, or it is no longer there.
        """
        artifact = self.resolve(ref)
        path = self.snapshot().locations.get(artifact)
        if path is None or not Path(path).exists():
            where = f"was last seen in {path}" if path else "was registered by name only"
            raise ContentError(
                f"the content of {artifact} is not at hand: it {where}",
                hint="Register the same content from where it is now; the same artifact gets the new place.",
            )
        return Path(path)

    # --- handing on ----------------------------------------------------------------------------------------------------

    def picture(
        self,
        refs: Iterable[Ref],
        *,
        direction: str = "both",
        depth: int | None = None,
        trait: str | None = None,
        policy: "Policy | None" = None,
        as_of: datetime | None = None,
    ) -> "Picture":
        """The diagram of the lineage around some artifacts; see `provenance.render`."""
        from provenance.lineage import Lineage
        from provenance.render import Direction, picture
        from provenance.risk import Policy, assess

        snapshot = self.snapshot(as_of)
        lineage = Lineage.of(snapshot)
        report = assess(snapshot, lineage, policy or Policy.default(), sorted(snapshot.artifacts))
        return picture(
            snapshot,
            lineage,
            report,
            self._known(snapshot, refs),
            direction=Direction(direction),
            depth=depth,
            trait=trait,
            head=self.head().digest,
        )

    def mlflow_sync(
        self, uri: str | None = None, progress: Callable[[int, int], None] | None = None
    ) -> "SyncReport":
        """Projects everything that MLflow was not told yet; see `provenance.mlflow_link`."""
        from provenance.lineage import Lineage
        from provenance.mlflow_link import sync

        target, snapshot = self.mlflow_uri(uri), self.snapshot()
        state = self._ledger.projection(target)
        return sync(snapshot, Lineage.of(snapshot), self.risks(), uri=target, state=state, progress=progress)

    def mlflow_pending(self, uri: str | None = None) -> int:
        """How many objects MLflow was not told of in their present state. Does not load mlflow."""
        from provenance.mlflow_link import plan

        return len(plan(self.snapshot(), self.risks(), self._ledger.projection(self.mlflow_uri(uri))))

    def mlflow_uri(self, uri: str | None = None) -> str:
        """The MLflow that is meant.

        Raises:
            UsageError: None is configured.
        """
        found = uri or self.home.mlflow_uri
        if found is None:
            raise UsageError(
                f"the registry {self.home.name} has no MLflow", hint="Name one with --mlflow URI."
            )
        return found

    # --- inside --------------------------------------------------------------------------------------------------------

    def _known(self, snapshot: Snapshot, refs: Iterable[Ref]) -> tuple[ArtifactId, ...]:
        found = tuple(self.resolve(ref) for ref in refs)
        for artifact in found:
            if artifact not in snapshot.artifacts:
                raise UnknownReferenceError(
                    f"{artifact} was not registered yet on {snapshot.as_of:%Y-%m-%d %H:%M} UTC"
                )
        return found

    def _is_plain_teacher(self, artifact: ArtifactId) -> bool:
        if artifact.kind is not ArtifactKind.TEACHER:
            return False
        return self.snapshot().artifacts[artifact].fact.generation == Generation()

    def _request(  # the options of both kinds of artifact that have content
        self,
        kind: ArtifactKind,
        path: str | Path | None,
        name: str,
        parents: Sequence["Parent"],
        declared_root: bool,
        metadata: Mapping[str, str] | None,
        sha256: bool,
        progress: "Progress | None",
    ) -> "Request":
        from provenance.intake import read_content
        from provenance.registration import Request

        bare, version = _name_and_version(name)
        intake = (
            read_content(Path(path), kind=kind, sha256=sha256, progress=progress)
            if path is not None
            else None
        )
        return Request(
            kind=kind,
            name=bare,
            version=version,
            content=intake.content if intake else None,
            path=str(Path(path).resolve()) if path is not None else None,
            parents=tuple(parents),
            claims=intake.claims if intake else (),
            notes=intake.warnings if intake else (),
            declared_root=declared_root,
            metadata=dict(metadata or {}),
        )


_SHORTEST_PREFIX = 6
"""Fewer digits of a digest are taken for a name mistyped."""


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user in the container
        return "unknown"


def _name_and_version(text: str) -> tuple[str, str | None]:
    reference = Reference.parse(text)
    if reference.kind is not None:
        raise UsageError(f"a name has no kind before it: {text!r}", hint=f"Write {text.partition(':')[2]!r}.")
    return reference.name, reference.version


def _is_digest(text: str) -> bool:
    return text.startswith(("blake3:", "sha256:"))


def _relation_kind(kind: RelationKind | str) -> RelationKind:
    try:
        return RelationKind(kind)
    except ValueError as error:
        raise UsageError(
            f"there is no relation {kind!r}", hint=f"Relations: {', '.join(RelationKind)}."
        ) from error


def _require_trait(transaction: "Transaction", trait: str) -> None:
    if not transaction.about("trait", [trait]):
        known = ", ".join(transaction.snapshot().traits) or "none"
        raise UnknownReferenceError(
            f"there is no trait {trait!r}",
            hint=f"Make it with `provenance trait add {trait} --severity ...`. Known: {known}.",
        )
