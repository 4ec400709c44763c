"""alias add, alias ls."""

from datetime import datetime

import click

from provenance_cli.options import as_of_option, json_option, open_registry, registry_options
from provenance_cli.output import as_data, note, print_json, print_table, say


@click.group()
def alias() -> None:
    """Tell of other names: what an artifact was called before, or what others call it."""


@alias.command("add")
@click.argument("name")
@click.argument("ref")
@registry_options
@json_option
def alias_add(name: str, ref: str, registry: str | None, actor: str | None, as_json: bool) -> None:
    """Record NAME as another name of REF: references and imports by it find REF. Python: Registry.add_alias()."""
    with open_registry(registry, actor) as opened:
        found = opened.add_alias(name, ref)
    if as_json:
        print_json({"id": found.id, **as_data(found.fact)})
    else:
        say(f"{name} means {found.fact.artifact}")


@alias.command("ls")
@registry_options
@as_of_option
@json_option
def alias_ls(registry: str | None, actor: str | None, as_of: datetime | None, as_json: bool) -> None:
    """List the other names. Python: Registry.aliases()."""
    with open_registry(registry, actor) as opened:
        found = opened.aliases(as_of=as_of)
    if as_json:
        print_json([as_data(one) for one in found])
        return
    print_table(("name", "artifact"), [(one.name, one.artifact) for one in found])
    if not found:
        note("next: provenance alias add NAME REF")
