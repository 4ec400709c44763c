"""policy: what edges pass on, what the gate refuses, and where trust begins."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.errors import PolicyError, RegistryError, UsageError
from provenance_cli.options import (
    json_option,
    open_registry,
    policy_option,
    registry_options,
)
from provenance_cli.output import print_json, print_table, say, warn

if TYPE_CHECKING:
    from provenance.registry import Registry
    from provenance.risk.policy_file import Setting
    from provenance.risk.policy_keys import Value


@click.group()
def policy() -> None:
    """Show, check and explain what edges pass on, what the gate refuses, and where trust begins."""


@policy.command()
@policy_option
@registry_options
@json_option
def show(policy: str | None, registry: str | None, actor: str | None, as_json: bool) -> None:
    """Show what applies: every key with its value, where that is from, and whom the policy trusts.

    Without --policy it is the policy of the registry at hand. Python: Registry.policy, provenance.risk.policy_review.describe().
    """
    from provenance.risk import Policy
    from provenance.risk.policy_review import describe

    with _at_hand(registry, actor) as opened:
        path = _path(policy, opened)
        found = describe(Policy.load(path), path, opened.names if opened else None)
    if as_json:
        print_json(found)
        return
    say(f"policy {found.file or 'that ships'}, {found.digest[:19]}")
    rows = [(setting.key, _written(setting.value), _origin(setting)) for setting in found.settings]
    print_table(("key", "value", "from"), rows)
    for one in found.trusted:
        count = "" if one.count is None else f": {one.count} in the registry"
        more = ", ..." if one.count is not None and one.count > len(one.examples) else ""
        examples = f" ({', '.join(map(str, one.examples))}{more})" if one.examples else ""
        say(f"trust begins at {one.pattern}{count}{examples}")


@policy.command()
@click.argument("file", type=click.Path(), required=False)
@registry_options
@json_option
def check(file: str | None, registry: str | None, actor: str | None, as_json: bool) -> None:
    """Say all that is wrong with a policy FILE (default: the one that applies), and what is allowed and seldom meant.

    Exit 4 where it can't be applied. With a registry at hand, trusted names that nothing bears are among it. Python: provenance.risk.policy_review.review().
    """
    from provenance.risk import Policy
    from provenance.risk.policy_review import review

    with _at_hand(registry, actor) as opened:
        path = _path(file, opened)
        if path is None:
            raise UsageError(
                "no policy file applies here, only the policy that ships", hint="provenance policy check FILE"
            )
        found = review(path, opened.names if opened else None)
    if as_json:
        print_json(found)
        raise click.exceptions.Exit(0 if found.ok else PolicyError.exit_code)
    if not found.ok:
        Policy.load(path)  # its error lists every problem
    for one in found.warnings:
        warn(str(one))
    say(f"ok  {found.file}, {found.digest}")


@policy.command()
@click.argument("word")
@policy_option
@registry_options
@json_option
def explain(word: str, policy: str | None, registry: str | None, actor: str | None, as_json: bool) -> None:
    """Explain what the policy makes of WORD: a key or a table of keys, a status, a severity, or a kind of relation.

    What it makes of one recorded edge, `provenance why REF TRAIT` says. Python: provenance.risk.policy_explanation.explain_word().
    """
    from provenance.risk import Policy
    from provenance.risk.policy_explanation import explain_word

    with _at_hand(registry, actor) as opened:
        found = explain_word(Policy.load(_path(policy, opened)), word)
    if as_json:
        print_json(found)
        return
    is_key = found.word in {setting.key for setting in found.settings}
    say(
        f"{found.word}: {'a key of the policy' if is_key else found.text}"
    )  # what it means stands beside its value
    for ruling in found.rulings:
        say(f"  {ruling.severity}, {ruling.status}: {ruling.ruling}")
    for setting in found.settings:
        say(f"  {setting.key} = {_written(setting.value)}  ({_origin(setting)})")
        say(f"    {setting.meaning}; default {_written(setting.default)}: {setting.source}")


@contextmanager
def _at_hand(registry: str | None, actor: str | None) -> "Iterator[Registry | None]":
    """The registry that the options choose; None where none was named and there is none."""
    from provenance import home

    named = registry or (click.get_current_context().find_root().obj or {}).get("registry")
    try:
        home.find(named)
    except RegistryError:
        if named:
            raise
        yield None
        return
    with open_registry(registry, actor) as opened:
        yield opened


def _path(policy: str | None, opened: "Registry | None") -> Path | None:
    """The policy file that applies; None for the default policy."""
    from provenance import home

    if policy:
        return Path(policy)
    return home.policy_file() if opened is None else opened.home.policy_file


def _written(value: "Value") -> str:
    return f"[{', '.join(value)}]" if isinstance(value, list) else str(value)


def _origin(setting: "Setting") -> str:
    if setting.file is None:
        return "default"
    return setting.file if setting.line is None else f"{setting.file}:{setting.line}"
