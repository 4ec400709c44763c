"""A training as it is announced: checked as far as it can be before it begins, so that nothing of it can be wrong hours later."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.artifacts import DEFAULT_VERSION, ArtifactKind
from provenance.errors import ConflictError
from provenance.relations import RelationKind
from provenance.tracking.ancestry import Parents, ancestry

if TYPE_CHECKING:
    from provenance.intake import Claim
    from provenance.registry import Registry
    from provenance.request import Request

NEXT = "next"
"""The version that means the first number that is free: ``student@next``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a training is to be registered as.

    Args:
        registry: The registry's folder or database URL: it is opened again at the end, which may be days away.
        registry_name: The registry, for people.
        folder: Its folder, where it has one.
        actor: Who is recorded.
        request: The model, without its files.
        unregistered: Parents that are to be registered together with it.
        counts_up: Whether its version is the first that is free, rather than a given one.
    """

    registry: Path | str
    registry_name: str
    folder: Path | None
    actor: str
    request: "Request"
    unregistered: "tuple[Request, ...]"
    counts_up: bool


def plan(
    registry: "Registry",
    name: str,
    given: Mapping[RelationKind, Parents],
    *,
    from_scratch: bool,
    metadata: Mapping[str, str],
    inferred: "tuple[Claim, ...]" = (),
) -> Plan:
    """Checks an announcement by a rehearsal: everything that registering would find wrong now, it finds.

    Args:
        registry: Where it is to be registered.
        name: What the model is to be called.
        given: Its parents.
        from_scratch: Whether its weights are initialised at random.
        metadata: What is remembered of it.
        inferred: Parents that the training itself names, not the script; such as by the model's configuration.

    Raises:
        ConflictError: The name is taken, or the relations can't hold together.
        ContentError: The name is no name, or a parent's files can't be read.
        UnknownReferenceError: A parent is not registered.
        UsageError: The call makes no sense.
    """
    from provenance.request import Request

    parents = ancestry(registry, given)
    request = Request.named(
        ArtifactKind.MODEL,
        name,
        parents=parents.parents,
        claims=inferred,
        declared_root=from_scratch,
        metadata=dict(metadata),
    )
    counts_up = request.version == NEXT
    request = replace(request, version=free_version(registry, request, counts_up=counts_up))
    registry.rehearse([*parents.unregistered, request])
    return Plan(
        registry=registry.home.folder or registry.home.store_url,
        registry_name=registry.home.name,
        folder=registry.home.folder,
        actor=registry.actor,
        request=request,
        unregistered=parents.unregistered,
        counts_up=counts_up,
    )


def free_version(registry: "Registry", request: "Request", *, counts_up: bool) -> str:
    """The version that a model gets: the one that was given, or the first number that is free.

    Raises:
        ConflictError: The one that was given is taken.
    """
    taken = taken_versions(registry, request)
    if counts_up:
        return str(max((int(one) for one in taken if one.isdecimal()), default=0) + 1)
    version = request.version or DEFAULT_VERSION
    if version in taken:
        raise ConflictError(
            f"{request.kind}:{request.name}@{version} is registered already, and a training makes another model",
            hint=f"Give it a version of its own, or the first that is free: {request.name}@{NEXT}.",
        )
    return version


def taken_versions(registry: "Registry", request: "Request") -> frozenset[str]:
    """The versions of a request's name that are registered."""
    found = registry.view().reading.find(request.name)
    return frozenset(
        one.id.version for one in found if (one.id.kind, one.id.name) == (request.kind, request.name)
    )
