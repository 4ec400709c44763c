"""register and relate."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provenance.artifacts import ArtifactKind
from provenance.errors import UsageError
from provenance.relations import RULES, RelationKind
from provenance_cli.options import (
    json_option,
    key_values,
    open_registry,
    read_text,
    registry_options,
)
from provenance_cli.output import as_data, byte_progress, note, print_json, say, warn

if TYPE_CHECKING:
    from provenance.registration import Registration
    from provenance.registry import Registry
    from provenance.request import Parent

F = TypeVar("F", bound=Callable[..., Any])

_WITH_SHARE = frozenset({RelationKind.MERGED_FROM, RelationKind.DERIVED_FROM})


def _parent_options(child: ArtifactKind) -> Callable[[F], F]:
    """One repeatable option for each relation that a kind of artifact can have."""

    def add(function: F) -> F:
        for kind in reversed([kind for kind, rule in RULES.items() if rule.child is child]):
            metavar = "REF"
            if kind in _WITH_SHARE:
                metavar = "REF=SHARE" if kind is RelationKind.MERGED_FROM else "REF[=SHARE]"
            elif kind is RelationKind.TRAINED_ON:
                metavar = "REF[:clean=F]"
            option = click.option(
                f"--{kind.value.replace('_', '-')}",
                kind.value,
                multiple=True,
                metavar=metavar,
                help=f"{kind.rule.meaning[0].upper()}{kind.rule.meaning[1:]}.",
            )
            function = option(function)
        return function

    return add


def _parents(typed: Mapping[str, tuple[str, ...]], filters: tuple[str, ...] = ()) -> "tuple[Parent, ...]":
    """Reads the words of the relation options.

    Raises:
        UsageError: Something was filtered out of nothing.
    """
    if filters and not any(typed.values()):
        raise UsageError(
            "--filter says what was removed on the way from a parent, and no parent is named",
            hint="Name one, such as --generated-by REF or --derived-from REF.",
        )
    return tuple(
        _parent(RelationKind(kind), word, filters) for kind, words in typed.items() for word in words
    )


def _parent(kind: RelationKind, word: str, filters: tuple[str, ...]) -> "Parent":
    from provenance.request import Parent

    reference, share, clean = word, None, None
    if kind is RelationKind.TRAINED_ON and ":clean=" in word:
        reference, _, text = word.rpartition(":clean=")
        clean = _fraction(text, word)
    elif kind in _WITH_SHARE and "=" in word:
        reference, _, text = word.rpartition("=")
        share = _fraction(text, word)
    return Parent(kind=kind, reference=reference, share=share, clean_fraction=clean, filters=filters)


def _fraction(text: str, word: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not 0 <= number <= 1:
        raise UsageError(f"{text!r} in {word!r} is no number between 0 and 1")
    return number


@click.group(invoke_without_command=True)
@click.option(
    "-f", "--file", "manifest", type=click.Path(exists=True, dir_okay=False), help="A manifest of many."
)
@registry_options
@json_option
@click.pass_context
def register(
    ctx: click.Context, manifest: str | None, registry: str | None, actor: str | None, as_json: bool
) -> None:
    """Record models, datasets and teachers; or many at once with -f MANIFEST.yaml, all or nothing.

    Python: Registry.register_model(), register_dataset(), register_teacher(), register_manifest().
    """
    if ctx.invoked_subcommand is not None:
        if manifest:
            raise UsageError("-f registers a manifest, and takes no further command")
        if registry or actor or as_json:
            raise UsageError(
                f"--registry, --actor and --json stand behind `register {ctx.invoked_subcommand}`",
                hint=f"provenance register {ctx.invoked_subcommand} ... --registry DIR",
            )
        return
    if manifest is None:
        raise UsageError(
            "say what to register", hint="provenance register model|dataset|teacher ..., or -f MANIFEST.yaml"
        )
    with open_registry(registry, actor) as opened, _recording(opened):
        with byte_progress("reading") as progress:
            found = opened.register_manifest(manifest, progress=progress)
        for warning in (warning for one in found for warning in one.warnings):
            warn(warning)
        if as_json:
            print_json([as_data(one) for one in found])
            return
        for one in found:
            _print(one)
        say(f"{sum(one.created for one in found)} new of {len(found)} artifacts")


@register.command()
@click.argument("path", required=False, type=click.Path())
@click.option("--name", required=True, metavar="N[@V]", help="Name, with a version if it is not the first.")
@_parent_options(ArtifactKind.MODEL)
@click.option(
    "--from-scratch", is_flag=True, help="The weights were initialised at random: ancestry begins here."
)
@click.option("--meta", multiple=True, metavar="K=V", help="A free word to remember.")
@click.option("--sha256", is_flag=True, help="Digest by SHA-256 too.")
@click.option("--audit", is_flag=True, help="Run the tests that its edges lack, right away.")
@registry_options
@json_option
def model(
    path: str | None,
    name: str,
    from_scratch: bool,
    meta: tuple[str, ...],
    sha256: bool,
    audit: bool,
    registry: str | None,
    actor: str | None,
    as_json: bool,
    **typed: tuple[str, ...],
) -> None:
    """Record a model from a folder or file, or by name alone. Python: Registry.register_model().

    Its weights are set beside its declared parents' and all registered models': what is found is recorded as evidence, and what the
    record does not tell is a warning.
    """
    with open_registry(registry, actor) as opened:
        with _recording(opened):
            with byte_progress(f"reading {path}") as progress:
                found = opened.register_model(
                    path,
                    name=name,
                    parents=_parents(typed),
                    from_scratch=from_scratch,
                    metadata=key_values(meta, "--meta"),
                    sha256=sha256,
                    progress=progress,
                )
            if not (audit and as_json):
                _report(found, as_json=as_json)
        if not audit:
            return
        from provenance_cli.audit import print_outcomes, run_audit

        outcomes = run_audit(opened, [found.artifact])
    if as_json:
        print_json({**as_data(found), "audit": [as_data(one) for one in outcomes]})
        _warn(found)
    else:
        print_outcomes(outcomes)


@register.command()
@click.argument("path", required=False, type=click.Path())
@click.option("--name", required=True, metavar="N[@V]", help="Name, with a version if it is not the first.")
@_parent_options(ArtifactKind.DATASET)
@click.option(
    "--filter", "filters", multiple=True, metavar="TEXT", help="What was removed from it, in words."
)
@click.option("--authored", is_flag=True, help="No model had a part in it: ancestry begins here.")
@click.option("--meta", multiple=True, metavar="K=V", help="A free word to remember.")
@click.option("--sha256", is_flag=True, help="Digest by SHA-256 too.")
@registry_options
@json_option
def dataset(
    path: str | None,
    name: str,
    filters: tuple[str, ...],
    authored: bool,
    meta: tuple[str, ...],
    sha256: bool,
    registry: str | None,
    actor: str | None,
    as_json: bool,
    **typed: tuple[str, ...],
) -> None:
    """Record a dataset from a file or folder, or by name alone. Python: Registry.register_dataset()."""
    with open_registry(registry, actor) as opened, _recording(opened):
        with byte_progress(f"reading {path}") as progress:
            found = opened.register_dataset(
                path,
                name=name,
                parents=_parents(typed, filters),
                authored=authored,
                metadata=key_values(meta, "--meta"),
                sha256=sha256,
                progress=progress,
            )
        _report(found, as_json=as_json)


@register.command()
@click.option("--name", required=True, metavar="N[@V]", help="Name, with a version if it is not the first.")
@click.option("--model", "model_ref", required=True, metavar="REF", help="The model that generated.")
@click.option("--system-prompt", metavar="TEXT|@FILE", help="The prompt that it was given.")
@click.option("--adapter", "adapters", multiple=True, metavar="REF", help="An adapter that was applied.")
@click.option("--sampling", multiple=True, metavar="K=V", help="A decoding setting, such as temperature=1.0.")
@click.option("--meta", multiple=True, metavar="K=V", help="A free word to remember.")
@registry_options
@json_option
def teacher(
    name: str,
    model_ref: str,
    system_prompt: str | None,
    adapters: tuple[str, ...],
    sampling: tuple[str, ...],
    meta: tuple[str, ...],
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Record a teacher: a model as it generated. Python: Registry.register_teacher()."""
    with open_registry(registry, actor) as opened, _recording(opened):
        found = opened.register_teacher(
            name=name,
            model=model_ref,
            adapters=adapters,
            system_prompt=read_text(system_prompt) if system_prompt is not None else None,
            sampling=key_values(sampling, "--sampling"),
            metadata=key_values(meta, "--meta"),
        )
        _report(found, as_json=as_json)


_RELATION_HELP = "\n\n".join(
    f"{kind}: {rule.child} <- {rule.parent}, {rule.meaning}." for kind, rule in RULES.items()
)


@click.command(
    help=f"Add the relation CHILD KIND PARENT. Python: Registry.relate().\n\nKinds:\n\n{_RELATION_HELP}"
)
@click.argument("child")
@click.argument("kind", type=click.Choice([kind.value for kind in RelationKind]), metavar="KIND")
@click.argument("parent")
@click.option("--share", type=click.FloatRange(0, 1), help="Weight in a merge, or fraction of rows.")
@click.option("--clean", type=click.FloatRange(0, 1), help="Fraction of rows free of any teacher's hand.")
@click.option(
    "--filter", "filters", multiple=True, metavar="TEXT", help="What was removed on the way, in words."
)
@click.option("--resolves", metavar="NAME", help="The name under which a card spoke of this parent.")
@registry_options
@json_option
def relate(
    child: str,
    kind: str,
    parent: str,
    share: float | None,
    clean: float | None,
    filters: tuple[str, ...],
    resolves: str | None,
    registry: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Add a relation between registered artifacts."""
    with open_registry(registry, actor) as opened, _recording(opened):
        found = opened.relate(
            child, kind, parent, share=share, clean_fraction=clean, filters=filters, resolves=resolves
        )
        _report(found, as_json=as_json)


@contextmanager
def _recording(opened: "Registry") -> Iterator[None]:
    """Around what is recorded and said; an MLflow server is told afterwards, and an interrupt then is none of the record."""
    is_said = False
    try:
        with opened.mlflow_together():
            yield
            is_said = True
    except KeyboardInterrupt:
        if not is_said:
            raise
        note("interrupted while MLflow was told; `provenance mlflow sync` writes the rest")
    if opened.mlflow_note is not None:
        note(opened.mlflow_note)


def _report(found: "Registration", *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        _print(found)
    _warn(found)


def _warn(found: "Registration") -> None:
    for warning in found.warnings:
        warn(warning)


def _print(found: "Registration") -> None:
    words = "registered" if found.created else "already registered" if not found.relations else "recorded"
    say(f"{words} {found.artifact}" + (f"  {found.digest[:19]}" if found.digest else ""))
    for relation in found.relations:
        source = "" if relation.declared_by == "registrant" else "  (as its card says)"
        say(f"  {relation.kind} {relation.parent}{source}")
    if found.evidence:
        say(f"  weights tested: {', '.join(found.evidence)}")
    if not found.created and not found.relations and not found.evidence:
        note("nothing new was recorded")
