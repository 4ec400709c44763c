"""Choosing the artifact that a reference means, or saying why none can be chosen."""

import difflib
from collections.abc import Callable, Iterable
from datetime import datetime

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind, Generation, Reference
from provenance.errors import UnknownReferenceError
from provenance.moments import told

SHORTEST_PREFIX = 6
"""Fewer digits of a digest are taken for a name mistyped."""

PLAIN = Generation()
"""How a bare model generates: no prompt, default settings."""


def is_digest(text: str) -> bool:
    """Whether a reference is written as the beginning of a content digest, ``blake3:4f21``."""
    return text.startswith("blake3:")


def choose(
    text: str,
    candidates: Iterable[Artifact],
    near: Callable[[str], Iterable[ArtifactId]],
    kind: ArtifactKind | None = None,
    *,
    as_of: datetime | None = None,
) -> ArtifactId:
    """The one candidate that a reference means.

    Where a model and the plain teacher that the registry made of it share a name, the model is meant.

    Args:
        text: The reference as typed.
        candidates: Artifacts of that name, or those that it is another name of, or whose digest begins so.
        near: Tells what a mistyped name may have meant, such as `Reading.names`; asked only for an error's hint.
        kind: The kind that is asked for; None for any.
        as_of: The date that is asked about; None for now.

    Raises:
        UnknownReferenceError: None fits, or several do.
    """
    reference = None if is_digest(text) else Reference.parse(text)
    found = [
        one
        for one in candidates
        if reference is None or one.id.name != reference.name or reference.matches(one.id)
    ]
    fitting = [one for one in found if kind in {None, one.id.kind}]
    models = {(one.id.name, one.id.version) for one in fitting if one.id.kind is ArtifactKind.MODEL}
    meant = [
        one.id for one in fitting if one.generation != PLAIN or (one.id.name, one.id.version) not in models
    ]
    if len(meant) == 1:
        return meant[0]
    if meant:
        listing = ", ".join(map(str, sorted(meant)))
        raise UnknownReferenceError(f"{text!r} may mean {listing}", hint="Write kind:name@version in full.")
    if found:
        raise UnknownReferenceError(f"{text!r} is a {found[0].id.kind}, and a {kind} is asked for")
    registered = "is registered" if as_of is None else f"was registered as of {told(as_of)}"
    raise UnknownReferenceError(f"no {kind or 'artifact'} {text!r} {registered}", hint=_nearest(text, near))


def _nearest(text: str, near: Callable[[str], Iterable[ArtifactId]]) -> str:
    wanted = text.partition(":")[2] if text.partition(":")[0] in set(ArtifactKind) else text
    wanted = wanted.rpartition("@")[0] or wanted
    identities = {one.name: one for one in near(wanted)}
    nearest = difflib.get_close_matches(wanted, identities, n=3, cutoff=0.5)
    if not nearest:
        return "`provenance ls` lists what is recorded."
    return f"Nearest: {', '.join(str(identities[name]) for name in nearest)}."
