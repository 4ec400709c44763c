"""ancestors, descendants, roots, path, common, exposures, family."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from provenance.artifacts import ArtifactKind
from provenance.errors import UsageError
from provenance.relations import RelationKind
from provenance_cli.listing import COUNT, Columns, Listing, listing_options
from provenance_cli.options import (
    as_of_option,
    json_option,
    kinds_option,
    open_registry,
    read_kinds,
    registry_options,
)
from provenance_cli.output import as_data, note, print_csv, print_json, say

if TYPE_CHECKING:
    from provenance.artifacts import ArtifactId
    from provenance.lineage import CommonAncestor, Exposure, Member, Relative
    from provenance.relations import Link

_MOST_PATHS = 100

_depth_option = click.option("--depth", type=COUNT, help="No further than this many relations.")
_relations_option = click.option(
    "--relation",
    "relations",
    multiple=True,
    type=click.Choice([kind.value for kind in RelationKind]),
    metavar="KIND",
    help="Follow only this relation.",
)


def _relations(words: tuple[str, ...]) -> set[RelationKind] | None:
    return {RelationKind(word) for word in words} or None


# --- walks -------------------------------------------------------------------------------------------------------------

_ANCESTORS: "Columns[Relative]" = Columns(
    headers=("depth", "artifact", "relation", "child"),
    row=lambda one, _whole: (one.depth, one.artifact, one.via.kind, one.via.child),
    key=lambda one: one.artifact,
)
_DESCENDANTS: "Columns[Relative]" = Columns(
    headers=("depth", "artifact", "relation", "parent"),
    row=lambda one, _whole: (one.depth, one.artifact, one.via.kind, one.via.parent),
    key=lambda one: one.artifact,
)


def _relatives_command(name: str, summary: str, columns: "Columns[Relative]") -> click.Command:
    """`ancestors` and `descendants` are one command in two directions."""

    @click.command(name, help=f"{summary} Python: View.{name}().")
    @click.argument("ref")
    @_depth_option
    @kinds_option
    @_relations_option
    @listing_options
    @registry_options
    @as_of_option
    def command(
        ref: str,
        depth: int | None,
        kinds: tuple[str, ...],
        relations: tuple[str, ...],
        listing: Listing,
        registry: str | None,
        actor: str | None,
        as_of: datetime | None,
    ) -> None:
        with open_registry(registry, actor) as opened:
            view = opened.view(as_of=as_of)
            artifact = view.resolve(ref)
            walk: Callable[..., tuple[Relative, ...]] = getattr(view, name)
            found = walk(artifact, depth=depth, kinds=read_kinds(kinds), relations=_relations(relations))
            listing.print(listing.rest(found, columns, view.resolve), columns)
        note(f"{len(found)} {name} of {artifact}")

    return command


ancestors = _relatives_command("ancestors", "List what REF comes from, nearest first.", _ANCESTORS)
descendants = _relatives_command("descendants", "List what comes from REF, nearest first.", _DESCENDANTS)

_ROOTS: "Columns[ArtifactId]" = Columns(
    headers=("root",), row=lambda one, _whole: (one,), key=lambda one: one
)


@click.command()
@click.argument("ref")
@_depth_option
@kinds_option
@_relations_option
@listing_options
@registry_options
@as_of_option
def roots(
    ref: str,
    depth: int | None,
    kinds: tuple[str, ...],
    relations: tuple[str, ...],
    listing: Listing,
    registry: str | None,
    actor: str | None,
    as_of: datetime | None,
) -> None:
    """List where the ancestry of REF begins. Python: View.roots()."""
    with open_registry(registry, actor) as opened:
        view = opened.view(as_of=as_of)
        found = view.roots(ref, depth=depth, kinds=read_kinds(kinds), relations=_relations(relations))
        listing.print(listing.rest(found, _ROOTS, view.resolve), _ROOTS)


_COMMON: "Columns[CommonAncestor]" = Columns(
    headers=("artifact", "depths", "lowest"),
    row=lambda one, _whole: (one.artifact, " ".join(map(str, one.depths)), "yes" if one.lowest else "no"),
    key=lambda one: one.artifact,
)


@click.command()
@click.argument("refs", nargs=-1, required=True)
@kinds_option
@click.option("--lowest", is_flag=True, help="Only those from which no other common ancestor descends.")
@listing_options
@registry_options
@as_of_option
def common(
    refs: tuple[str, ...],
    kinds: tuple[str, ...],
    lowest: bool,
    listing: Listing,
    registry: str | None,
    actor: str | None,
    as_of: datetime | None,
) -> None:
    """List what all of REFS come from, nearest first; an artifact counts as its own ancestor. Python: View.common()."""
    with open_registry(registry, actor) as opened:
        view = opened.view(as_of=as_of)
        wanted = read_kinds(kinds)
        found = [
            one
            for one in view.common(refs)
            if (one.lowest or not lowest) and (wanted is None or one.artifact.kind in wanted)
        ]
        listing.print(listing.rest(found, _COMMON, view.resolve), _COMMON)


# --- paths -------------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("ancestor")
@click.argument("descendant")
@click.option("--all", "everything", is_flag=True, help="Every simple path, shortest first.")
@click.option(
    "--limit",
    type=COUNT,
    metavar="N",
    help=f"With --all, at most so many; default: {_MOST_PATHS}.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@registry_options
@as_of_option
@json_option
def path(
    ancestor: str,
    descendant: str,
    everything: bool,
    limit: int | None,
    as_csv: bool,
    registry: str | None,
    actor: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Show the shortest path from ANCESTOR down to DESCENDANT, or all. Python: View.path(), View.paths()."""
    if limit is not None and not everything:
        raise UsageError("--limit says how many of --all")
    if as_csv and as_json:
        raise UsageError("say --csv or --json, not both")
    most = (limit or _MOST_PATHS) if everything else 1
    with open_registry(registry, actor) as opened:
        view = opened.view(as_of=as_of)
        upper, lower = view.resolve(ancestor), view.resolve(descendant)
        if everything:
            found = view.paths(upper, lower, limit=most + 1)
        else:
            shortest = view.path(upper, lower)
            found = () if shortest is None else (shortest,)
    shown = found[:most]
    if as_json:
        data = [[as_data(link) for link in way] for way in shown]
        print_json(data if everything else (data or [[]])[0])
    elif as_csv:
        print_csv(("path", "step", "parent", "relation", "child"), _path_rows(shown))
    else:
        _print_paths(upper, shown)
    if not found:
        note(f"no path leads from {upper} to {lower}")
    if len(found) > most:
        note(f"more than {most} paths lead there: --limit N shows more")
    raise click.exceptions.Exit(0 if found else 3)


def _path_rows(ways: "Sequence[tuple[Link, ...]]") -> list[tuple[object, ...]]:
    return [
        (number, step, link.parent, link.kind, link.child)
        for number, way in enumerate(ways, 1)
        for step, link in enumerate(way, 1)
    ]


def _print_paths(upper: "ArtifactId", ways: "Sequence[tuple[Link, ...]]") -> None:
    for way in ways:
        say(str(upper))
        for link in way:
            say(f"  -> {link.child}  ({link.kind})")


# --- exposures and families --------------------------------------------------------------------------------------------

_EXPOSED = ("teacher", "how", "student", "through")


def _exposure_row(one: "Exposure", _whole: bool) -> tuple[object, ...]:
    return (one.teacher, one.how, one.student, ", ".join(map(str, one.datasets)) or "directly")


_TEACHERS: "Columns[Exposure]" = Columns(headers=_EXPOSED, row=_exposure_row, key=lambda one: one.teacher)
_STUDENTS: "Columns[Exposure]" = Columns(headers=_EXPOSED, row=_exposure_row, key=lambda one: one.student)


@click.command()
@click.argument("ref")
@click.option(
    "--as",
    "role",
    type=click.Choice(["student", "teacher"]),
    help="Which end REF is; default: a model is a student, a teacher a teacher. Of a model as teacher: whom the teachers that "
    "embody it reached; of a teacher as student: whose hand was in its models.",
)
@listing_options
@registry_options
@as_of_option
def exposures(
    ref: str,
    role: str | None,
    listing: Listing,
    registry: str | None,
    actor: str | None,
    as_of: datetime | None,
) -> None:
    """List the teachers whose hand was in what REF was trained on, or the students that REF reached.

    --after names one of those teachers, or students. Python: View.exposures().
    """
    from provenance.lineage_view import Role

    with open_registry(registry, actor) as opened:
        view = opened.view(as_of=as_of)
        artifact = view.resolve(ref)
        found = view.exposures(artifact, role=None if role is None else Role(role))
        reached = role == "teacher" or (role is None and artifact.kind is ArtifactKind.TEACHER)
        columns = _STUDENTS if reached else _TEACHERS
        listing.print(listing.rest(found, columns, view.resolve), columns)


def _why_kin(member: "Member") -> str:
    """What joins a member of a family to the model that was asked about."""
    if member.evidence is None:
        return "record"
    p = "" if member.log10_p is None else f", p = 10^{member.log10_p:.0f}"
    return f"{member.evidence} ({member.measured or 'kin'}{p})"


_MEMBERS: "Columns[Member]" = Columns(
    headers=("model", "kinship", "through", "by"),
    row=lambda one, _whole: (one.artifact, one.kinship, one.through, _why_kin(one)),
    key=lambda one: one.artifact,
)


@click.command()
@click.argument("ref")
@listing_options
@registry_options
@as_of_option
def family(
    ref: str, listing: Listing, registry: str | None, actor: str | None, as_of: datetime | None
) -> None:
    """List the models that share an initialisation with REF, and say whether a record or a test makes them kin.

    And how close: `same` are a model, its ancestors and its descendants, and copies of these; `diverged` were trained
    apart. Python: View.family().
    """
    with open_registry(registry, actor) as opened:
        view = opened.view(as_of=as_of)
        found = view.family(ref)
        listing.print(listing.rest(found, _MEMBERS, view.resolve), _MEMBERS)
