"""The one door: everything that the command line does, it does by a method of `Registry`.

    from provenance import Registry

    registry = Registry.init("here")
    registry.register_model("./base", name="base", from_scratch=True)

A method that records runs in one transaction and returns what it recorded; a method that asks takes ``as_of`` and is a function of
the facts recorded until then.
"""

import getpass
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from provenance import home
from provenance.artifacts import ArtifactId, ArtifactKind, Generation
from provenance.errors import ProvenanceError, UsageError
from provenance.examination import Ref
from provenance.references import choose
from provenance.relations import WEIGHT_KINDS, RelationKind
from provenance.reporting import Reporting

if TYPE_CHECKING:
    from provenance.differences import Diff, RegistryDiff
    from provenance.intake import ContentProgress
    from provenance.registration import Registration
    from provenance.request import Parent, Request
    from provenance.risk import Check, ExplainedRisks, Policy, RiskReport
    from provenance.status import Owed, RegistryStatus
    from provenance.store import Head, Ledger
    from provenance.view import View


class Registry(Reporting):
    """An open registry.

    Args:
        ledger: Its record.
        where: Its place and settings.
        actor: Who is recorded with every fact.
    """

    def __init__(self, ledger: "Ledger", where: home.Home, *, actor: str) -> None:
        super().__init__(ledger, actor=actor)
        self.home = where

    # --- opening -------------------------------------------------------------------------------------------------------

    @classmethod
    def init(
        cls,
        directory: str | Path = ".",
        *,
        store: str = "sqlite",
        mlflow: str | None = None,
        viewer: str | None = None,
        actor: str | None = None,
    ) -> Self:
        """Makes a registry in a folder, or opens the one that is there; see `provenance.home.making`."""
        from provenance.store import Ledger

        # A registry whose database is gone is not quietly begun anew.
        is_new = not home.exists(Path(directory))
        with home.making(Path(directory), store=store, mlflow=mlflow, viewer=viewer) as where:
            ledger = Ledger.open(where.store_url, create=is_new)
        return cls(ledger, where, actor=actor or _login())

    @classmethod
    def open(
        cls, where: str | Path | None = None, *, actor: str | None = None, read_only: bool = False
    ) -> Self:
        """Opens a registry, if told so only to be asked; see `provenance.home.find` for how it is found."""
        from provenance.store import Ledger

        found = home.find(where)
        ledger = Ledger.open(found.store_url, read_only=read_only)
        return cls(ledger, found, actor=actor or _login())

    @cached_property
    def policy(self) -> "Policy":
        """The policy that its answers are given under unless told otherwise: the environment's, its own, or the default one.

        Raises:
            PolicyError: The file has no meaning.
        """
        from provenance.risk import Policy

        return Policy.load(self.home.policy_file)

    def close(self) -> None:
        """Gives the database connections back."""
        self._ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def mlflow_trouble(self) -> ProvenanceError | None:
        """Why its MLflow server can't be written to just now, by asking it once; None where it can, or where MLflow is a database."""
        from provenance.mlflow_link.greeting import trouble_with

        return trouble_with(self.home.mlflow_uri) if self.home.mlflow_uri else None

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
        progress: "ContentProgress | None" = None,
    ) -> "Registration":
        """Records a model: its files' content (or its name alone), its parents, and what its card says of its ancestry.

        Args:
            path: A folder or file; None for a model with no files at hand.
            name: ``name`` or ``name@version``.
            parents: Its declared parents.
            from_scratch: Its weights were initialised at random: ancestry by weights begins here.
            metadata: Free words.
            sha256: Whether to digest by SHA-256 too.
            progress: Told how many bytes were read, of how many.
        """
        request = _request(ArtifactKind.MODEL, name, parents, metadata, declared_root=from_scratch)
        return self.register([request.reading(path, sha256=sha256, progress=progress)])[0]

    def register_dataset(
        self,
        path: str | Path | None = None,
        *,
        name: str,
        parents: Sequence["Parent"] = (),
        authored: bool = False,
        metadata: Mapping[str, str] | None = None,
        sha256: bool = False,
        progress: "ContentProgress | None" = None,
    ) -> "Registration":
        """Records a dataset; ``authored`` says that no model had a part in it. For the rest see `register_model`."""
        request = _request(ArtifactKind.DATASET, name, parents, metadata, declared_root=authored)
        return self.register([request.reading(path, sha256=sha256, progress=progress)])[0]

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
        from provenance.request import Parent

        parents = [Parent(kind=RelationKind.EMBODIED_BY, reference=one) for one in (model, *adapters)]
        generation = Generation(system_prompt=system_prompt, sampling=dict(sampling or {}))
        return self.register(
            [_request(ArtifactKind.TEACHER, name, parents, metadata, generation=generation)]
        )[0]

    def register_manifest(
        self, path: str | Path, *, progress: "ContentProgress | None" = None
    ) -> "tuple[Registration, ...]":
        """Records what a manifest lists, all or nothing; see docs/manifest.md."""
        from provenance.request import requests_of

        return self.register(requests_of(Path(path), progress=progress))

    def register(self, requests: Sequence["Request"]) -> "tuple[Registration, ...]":
        """Records many at once, all or nothing; they may name each other in any order.

        Then looks into the weights of the models among them, and records what those say; see `provenance.discovery`. An MLflow server
        is told of it at once, as far as a second goes; see `mlflow_note`.
        """
        from provenance import registration

        with self.mlflow_together() as registered:
            with self._ledger.transaction(self.actor) as transaction:
                found = registration.register(transaction, requests)
            registered.extend(one.artifact for one in found)
            return self._inspection.registered(requests, found)

    def rehearse(self, requests: Sequence["Request"]) -> "tuple[Registration, ...]":
        """What `register` would say of some requests before it looks into weights, and what it would raise; records nothing."""
        from provenance import registration

        with self._ledger.transaction(self.actor) as transaction:
            found = registration.register(transaction, requests)
            transaction.discard()
        return found

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
        from provenance.request import Parent

        verb = _relation_kind(kind)
        lower = self.resolve(child, verb.rule.child)
        request = Parent(
            kind=verb,
            reference=str(parent),
            share=share,
            clean_fraction=clean_fraction,
            filters=tuple(filters),
            resolves=resolves,
        )
        models = [lower] if lower.kind is ArtifactKind.MODEL and verb in WEIGHT_KINDS else []
        with self.mlflow_together() as registered:
            with self._ledger.transaction(self.actor) as transaction:
                found = registration.relate(transaction, lower, request)
            registered.append(lower)
            return self._inspection.discover([found], models)[0]

    # --- asking --------------------------------------------------------------------------------------------------------

    def view(self, *, as_of: datetime | None = None, policy: "Policy | None" = None) -> "View":
        """All that was known at a date (default: now), under a policy (default: the registry's own), to be asked anything."""
        from provenance.view import View

        # Looked up first: an import that ends meanwhile is told of, and one that begins has not recorded anything.
        unfinished = bool(self._ledger.imports().all())
        reading = self._ledger.at(as_of)
        is_now = as_of is None or as_of >= reading.head.now
        return View(reading, policy or self.policy, unfinished=unfinished and is_now)

    def resolve(self, ref: Ref, kind: ArtifactKind | None = None) -> ArtifactId:
        """The artifact that a reference means now.

        Raises:
            UnknownReferenceError: None, or several; the message lists the nearest names.
        """
        return choose(str(ref), self._ledger.find(str(ref)), self._ledger.names, kind)

    def names(self) -> tuple[ArtifactId, ...]:
        """The identities of all artifacts, in order."""
        return self._ledger.names()

    def risks(self, refs: Iterable[Ref] | None = None, *, trait: str | None = None) -> "RiskReport":
        """What artifacts may have inherited, as known now; all of them when ``refs`` is None. See `View.risks`."""
        return self.view().risks(refs, trait=trait)

    def why(self, ref: Ref, trait: str) -> "ExplainedRisks":
        """Where an artifact stands with one trait, with the witness paths. See `View.why`."""
        return self.view().why(ref, trait)

    def check(self, refs: Iterable[Ref]) -> "tuple[Check, ...]":
        """The release gate, as known now. See `View.check`."""
        return self.view().check(refs)

    def diff(
        self,
        refs: Iterable[Ref] | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        trait: str | None = None,
        policy: "Policy | None" = None,
        policy_before: "Policy | None" = None,
    ) -> "Diff":
        """Which standings changed between two dates, or under another policy, and by which record; see `provenance.differences`.

        Args:
            refs: Which artifacts; None for all.
            since: The earlier date; None for the later one, to compare policies.
            until: The later date; None for now.
            trait: Only this trait.
            policy: The policy from ``since`` on; None for the registry's own.
            policy_before: The policy at ``since``; None for the same.
        """
        from provenance.differences import between_dates

        now = self.view(as_of=until, policy=policy)
        then = self.view(as_of=since or now.reading.moment)
        asked = None if refs is None else [now.resolve(ref) for ref in refs]
        before = policy_before or now.policy
        return between_dates(then.reading, now.reading, before, now.policy, asked=asked, trait=trait)

    def diff_with(
        self,
        other: "Registry",
        refs: Iterable[Ref] | None = None,
        *,
        as_of: datetime | None = None,
        trait: str | None = None,
        policy: "Policy | None" = None,
    ) -> "RegistryDiff":
        """What differs between this registry and another, under one policy (default: this one's own); see `provenance.differences`."""
        from provenance.differences import between_registries

        here = self.view(as_of=as_of, policy=policy)
        there = other.view(as_of=here.reading.moment)
        asked = None if refs is None else [here.resolve(ref) for ref in refs]
        return between_registries(here.reading, there.reading, here.policy, asked=asked, trait=trait)

    def head(self) -> "Head":
        """The end of the ledger's chain."""
        return self._ledger.head()

    def status(self, *, as_of: datetime | None = None) -> "RegistryStatus":
        """How the registry stands, or stood: what it holds and, unless it is large, what is owed; see `provenance.status`."""
        from provenance.status import WORKED_OUT_UP_TO, RegistryStatus

        view = self.view(as_of=as_of)
        head = view.reading.head
        return RegistryStatus.of(
            view.reading.counts(),
            name=self.home.name,
            head=head,
            mlflow=self.home.mlflow_name,
            owed=self._owed(view, is_now=as_of is None) if head.entries <= WORKED_OUT_UP_TO else None,
            lag=self.mlflow_status() if self.home.mlflow_uri and as_of is None else None,
            unfinished_imports=self.unfinished_imports() if as_of is None else (),
        )

    def _owed(self, view: "View", *, is_now: bool) -> "Owed":
        """What is owed, for which the whole registry is looked at; what is told of sketches is told of now alone."""
        from provenance import audit
        from provenance.sameinit.sketch_method import METHOD
        from provenance.status import Owed

        tests = len(audit.plan(view.kindred, view.snapshot.artifacts))
        return Owed(tests=tests, unsketched=len(view.reading.unsketched(METHOD)) if is_now else None)


def _request(
    kind: ArtifactKind,
    name: str,
    parents: Sequence["Parent"],
    metadata: Mapping[str, str] | None,
    **fields: bool | Generation,
) -> "Request":
    from provenance.request import Request

    return Request.named(kind, name, parents=tuple(parents), metadata=dict(metadata or {}), **fields)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user in the container
        return "unknown"


def _relation_kind(kind: RelationKind | str) -> RelationKind:
    try:
        return RelationKind(kind)
    except ValueError as error:
        raise UsageError(
            f"there is no relation {kind!r}", hint=f"Relations: {', '.join(RelationKind)}."
        ) from error
