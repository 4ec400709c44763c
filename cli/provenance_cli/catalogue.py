"""ls, show: what is recorded."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from provenance_cli.listing import Columns, Listing, listing_options, tell_of_survey
from provenance_cli.options import (
    as_of_option,
    json_option,
    key_values,
    kinds_option,
    open_registry,
    policy_option,
    read_kinds,
    read_policy,
    read_statuses,
    registry_options,
)
from provenance_cli.output import as_data, print_json, say, size

if TYPE_CHECKING:
    from provenance.artifacts import Artifact
    from provenance.description import Description
    from provenance.facts import Recorded

_MOST_CHILDREN = 20  # shown of one artifact; a base model has thousands


def _artifact_row(recorded: "Recorded[Artifact]", whole: bool) -> tuple[object, ...]:
    content = recorded.fact.content
    what: tuple[object, ...] = ("", "", "")
    if content:
        bytes_ = content.size_bytes if whole else size(content.size_bytes)
        what = (content.format, bytes_, content.digest if whole else content.digest.short)
    moment = recorded.recorded_at.isoformat() if whole else f"{recorded.recorded_at:%Y-%m-%d %H:%M}"
    return (recorded.fact.id, *what, moment, recorded.actor)


def _artifact_data(recorded: "Recorded[Artifact]") -> Any:  # noqa: ANN401 - whatever JSON the type has
    from provenance.answers import ListedArtifact

    return as_data(ListedArtifact.of(recorded))


_ARTIFACTS: "Columns[Recorded[Artifact]]" = Columns(
    headers=("artifact", "format", "size", "digest", "registered", "by"),
    row=_artifact_row,
    key=lambda one: one.fact.id,
    data=_artifact_data,
)


@click.command()
@click.argument("pattern", default="*")
@kinds_option
@click.option(
    "--meta", "metadata", multiple=True, metavar="K=V", help="Only with this word; several must all be there."
)
@click.option(
    "--trait",
    metavar="T",
    help="Only what is flagged with this trait; with --status, where it stands with it.",
)
@click.option(
    "--status", "statuses", multiple=True, metavar="S", help="Only of this status by inherited risk."
)
@listing_options
@policy_option
@registry_options
@as_of_option
def ls(
    pattern: str,
    kinds: tuple[str, ...],
    metadata: tuple[str, ...],
    trait: str | None,
    statuses: tuple[str, ...],
    listing: Listing,
    policy: str | None,
    registry: str | None,
    actor: str | None,
    as_of: datetime | None,
) -> None:
    """List what is recorded, in order of names; PATTERN is a name with * and ?, or kind:name@version with them.

    Python: View.artifacts().
    """
    wanted = read_statuses(statuses)
    with open_registry(registry, actor) as opened:
        view = opened.view(as_of=as_of, policy=read_policy(policy))
        if wanted:
            tell_of_survey(view)
        found = view.artifacts(
            pattern,
            kinds=read_kinds(kinds) or (),
            metadata=key_values(metadata, "--meta"),
            trait=trait,
            statuses=wanted,
            after=listing.after,
            limit=listing.sought,
        )
    listing.print(found, _ARTIFACTS)


@click.command()
@click.argument("ref")
@registry_options
@as_of_option
@json_option
def show(ref: str, registry: str | None, actor: str | None, as_of: datetime | None, as_json: bool) -> None:
    """Show one artifact: content, names, parents, children, findings, evidence. Python: View.show()."""
    with open_registry(registry, actor) as opened:
        found = opened.view(as_of=as_of).show(ref)
    if as_json:
        print_json(found)
        return
    content = found.artifact.content
    say(f"{found.artifact.id}  registered {found.registered_at:%Y-%m-%d %H:%M} UTC by {found.actor}")
    if content:
        rows = f", {content.rows} rows" if content.rows is not None else ""
        say(f"  content   {content.format}, {content.files} files, {size(content.size_bytes)}{rows}")
        say(f"  digest    {content.digest}")
    for name, text in (*_recorded_of(found), *_found_of(found)):
        say(f"  {name:<9} {text}")


def _recorded_of(found: "Description") -> list[tuple[str, object]]:
    """What was said of an artifact when it was registered, and where it stands in the lineage."""
    lines: list[tuple[str, object]] = [("location", found.location)] if found.location else []
    lines += [("alias", name) for name in found.aliases]
    lines += [("root", "its ancestry begins here, as declared")] if found.artifact.declared_root else []
    if generation := found.artifact.generation:
        lines += [("prompt", generation.system_prompt or "none")]
        lines += [("sampling", f"{key}={value}") for key, value in generation.sampling.items()]
    lines += [("meta", f"{key}={value}") for key, value in found.artifact.metadata.items()]
    lines += [("parent", f"{relation.kind} {relation.parent}") for relation in found.parents]
    lines += [("child", f"{relation.child} {relation.kind}") for relation in found.children[:_MOST_CHILDREN]]
    if (more := len(found.children) - _MOST_CHILDREN) > 0:
        lines += [("child", f"{more} more: provenance descendants {found.artifact.id} --depth 1")]
    return lines


def _found_of(found: "Description") -> list[tuple[str, object]]:
    """What is missing, and what people and tests found."""
    from provenance.meanings import measured

    lines: list[tuple[str, object]] = [("missing", gap) for gap in found.gaps]
    lines += [(one.id, f"{one.fact.trait}: {one.fact.evidence}") for one in found.flags]
    lines += [(one.id, f"{one.fact.trait}: {one.fact.evidence}") for one in found.clearances]
    lines += [
        (one.id, f"{one.fact.parent} -> {one.fact.child}, {one.fact.trait}: {one.fact.reason}")
        for one in found.blocks
    ]
    lines += [
        (one.id, f"{one.fact.test} {one.fact.parent} -> {one.fact.child}: {one.fact.verdict.value}")
        for one in found.evidence
    ]
    lines += [
        (one.id, f"{one.fact.trait} {one.fact.conclusion.upper()}: {measured(one.fact)}")
        for one in found.measurements
    ]
    return lines
