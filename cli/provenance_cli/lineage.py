"""ls, show, ancestors, descendants, roots, path, exposures, family."""

from collections.abc import Callable
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from provenance.artifacts import ArtifactKind
from provenance.relations import RelationKind
from provenance_cli.options import as_of_option, json_option, open_registry, registry_options
from provenance_cli.output import as_data, note, print_json, print_table, say, size

if TYPE_CHECKING:
    from provenance.lineage import Member, Relative

_kinds_option = click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in ArtifactKind]),
    help="Only of this kind.",
)


@click.command()
@click.argument("pattern", default="*")
@_kinds_option
@registry_options
@as_of_option
@json_option
def ls(
    pattern: str,
    kinds: tuple[str, ...],
    registry: str | None,
    actor: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """List what is recorded; PATTERN is a name with * and ?. Python: View.snapshot."""
    with open_registry(registry, actor) as opened:
        snapshot = opened.view(as_of=as_of).snapshot
    found = [
        recorded
        for artifact, recorded in sorted(snapshot.artifacts.items())
        if fnmatchcase(artifact.name, pattern) and (not kinds or artifact.kind.value in kinds)
    ]
    if as_json:
        print_json(
            [
                {**as_data(one.fact), "actor": one.actor, "registered_at": as_data(one.recorded_at)}
                for one in found
            ]
        )
        return
    rows = []
    for recorded in found:
        content = recorded.fact.content
        what = (content.format, size(content.size_bytes), content.digest.short) if content else ("", "", "")
        rows.append((recorded.fact.id, *what, f"{recorded.recorded_at:%Y-%m-%d %H:%M}", recorded.actor))
    print_table(("artifact", "format", "size", "digest", "registered", "by"), rows)


@click.command()
@click.argument("ref")
@registry_options
@as_of_option
@json_option
def show(ref: str, registry: str | None, actor: str | None, as_of: datetime | None, as_json: bool) -> None:
    """Show one artifact: content, parents, children, flags, evidence. Python: View.show()."""
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
    lines = [("location", found.location)] if found.location else []
    lines += [("root", "its ancestry begins here, as declared")] if found.artifact.declared_root else []
    if generation := found.artifact.generation:
        lines += [("prompt", generation.system_prompt or "none")]
        lines += [("sampling", f"{key}={value}") for key, value in generation.sampling.items()]
    lines += [("meta", f"{key}={value}") for key, value in found.artifact.metadata.items()]
    lines += [("parent", f"{relation.kind} {relation.parent}") for relation in found.parents]
    lines += [("child", f"{relation.child} {relation.kind}") for relation in found.children]
    lines += [("missing", gap) for gap in found.gaps]
    lines += [(one.id, f"{one.fact.trait}: {one.fact.evidence}") for one in found.flags]
    for one in found.evidence:
        evidence = one.fact
        lines += [
            (one.id, f"{evidence.test} {evidence.parent} -> {evidence.child}: {evidence.verdict.value}")
        ]
    for name, text in lines:
        say(f"  {name:<9} {text}")


def _relatives_command(name: str, summary: str) -> click.Command:
    """`ancestors` and `descendants` are one command in two directions."""

    @click.command(name, help=f"{summary} Python: Lineage.{name}().")
    @click.argument("ref")
    @click.option("--depth", type=click.IntRange(min=1), help="No further than this many relations.")
    @_kinds_option
    @click.option(
        "--relation",
        "relations",
        multiple=True,
        type=click.Choice([kind.value for kind in RelationKind]),
        metavar="KIND",
        help="Follow only this relation.",
    )
    @registry_options
    @as_of_option
    @json_option
    def command(
        ref: str,
        depth: int | None,
        kinds: tuple[str, ...],
        relations: tuple[str, ...],
        registry: str | None,
        actor: str | None,
        as_of: datetime | None,
        as_json: bool,
    ) -> None:
        with open_registry(registry, actor) as opened:
            view = opened.view(as_of=as_of)
        artifact = view.resolve(ref)
        walk: Callable[..., tuple[Relative, ...]] = getattr(view.lineage, name)
        found = walk(
            artifact,
            depth=depth,
            kinds={ArtifactKind(kind) for kind in kinds} or None,
            relations={RelationKind(kind) for kind in relations} or None,
        )
        if as_json:
            print_json([as_data(one) for one in found])
            return
        print_table(("depth", "artifact", "by"), [(one.depth, one.artifact, one.via) for one in found])
        note(f"{len(found)} {name} of {artifact}")

    return command


ancestors = _relatives_command("ancestors", "List what REF comes from, nearest first.")
descendants = _relatives_command("descendants", "List what comes from REF, nearest first.")


def _listing_command(
    name: str, summary: str, headers: tuple[str, ...], row: Callable[[Any], tuple[object, ...]]
) -> click.Command:
    """Commands that ask one question of one artifact's lineage and list the answers."""

    @click.command(name, help=summary)
    @click.argument("ref")
    @registry_options
    @as_of_option
    @json_option
    def command(
        ref: str, registry: str | None, actor: str | None, as_of: datetime | None, as_json: bool
    ) -> None:
        with open_registry(registry, actor) as opened:
            found = getattr(opened.view(as_of=as_of), name)(ref)
        if as_json:
            print_json([as_data(one) for one in found])
            return
        print_table(headers, [row(one) for one in found])

    return command


roots = _listing_command(
    "roots", "List where the ancestry of REF begins. Python: View.roots().", ("root",), lambda one: (one,)
)
family = _listing_command(
    "family",
    "List the models that share an initialisation with REF, and say whether a record or a test makes them kin, and how "
    "close: `same` are a model, its ancestors and its descendants, and copies of these; `diverged` were trained apart. Python: View.family().",
    ("model", "kinship", "through", "by"),
    lambda one: (one.artifact, one.kinship, one.through, _why_kin(one)),
)


def _why_kin(member: "Member") -> str:
    """What joins a member of a family to the model that was asked about."""
    if member.evidence is None:
        return "record"
    p = "" if member.log10_p is None else f", p = 10^{member.log10_p:.0f}"
    return f"{member.evidence} ({member.measured or 'kin'}{p})"


exposures = _listing_command(
    "exposures",
    "List the teachers whose hand was in what REF was trained on, or the students that REF reached. "
    "Python: View.exposures().",
    ("teacher", "how", "student", "through"),
    lambda one: (one.teacher, one.how, one.student, ", ".join(map(str, one.datasets)) or "directly"),
)


@click.command()
@click.argument("ancestor")
@click.argument("descendant")
@registry_options
@as_of_option
@json_option
def path(
    ancestor: str,
    descendant: str,
    registry: str | None,
    actor: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Show the shortest path from ANCESTOR down to DESCENDANT. Python: Lineage.path()."""
    with open_registry(registry, actor) as opened:
        view = opened.view(as_of=as_of)
    upper, lower = view.resolve(ancestor), view.resolve(descendant)
    found = view.lineage.path(upper, lower)
    if as_json:
        print_json([as_data(one) for one in found or ()])
    elif found is None:
        note(f"no path leads from {upper} to {lower}")
    else:
        say(str(upper))
        for relation in found:
            say(f"  -> {relation.child}  ({relation.kind})")
    raise click.exceptions.Exit(0 if found is not None else 3)
