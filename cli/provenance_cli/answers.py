"""Answers that only the command line gives: what `--json` prints of what was recorded just now."""

from dataclasses import dataclass

from provenance.findings import Finding, Flagging
from provenance.risk import Change
from provenance.traits import Flag


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagAnswer:
    """The answer to `flag`.

    Args:
        flag: Id of the flag.
        artifact: What was flagged.
        trait: With which trait.
        reached: Number of artifacts downstream that it reaches.
        changed: The artifacts whose status it changed, worst first.
        recorded: Whether it was recorded now: False for a dry run, and where the same stood already.
    """

    flag: str
    artifact: str
    trait: str
    reached: int
    changed: tuple[Change, ...]
    recorded: bool

    @classmethod
    def of(cls, finding: Finding[Flag], *, dry_run: bool) -> "FlagAnswer":
        """What there is to say of a flag."""
        fact = finding.recorded.fact
        return cls(
            flag=finding.recorded.id,
            artifact=str(fact.artifact),
            trait=fact.trait,
            reached=len(finding.reached),
            changed=finding.changed,
            recorded=finding.created and not dry_run,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggingAnswer:
    """The answer to `flag --from`.

    Args:
        flags: Ids of the flags, in the order of the file.
        created: How many of them are new; the others stood already.
        changed: The artifacts whose status they changed, trait by trait, worst first.
        recorded: Whether anything was recorded now: False for a dry run, and where all stood already.
    """

    flags: tuple[str, ...]
    created: int
    changed: tuple[Change, ...]
    recorded: bool

    @classmethod
    def of(cls, flagging: Flagging, *, dry_run: bool) -> "FlaggingAnswer":
        """What there is to say of many flags."""
        return cls(
            flags=tuple(one.id for one in flagging.recorded),
            created=flagging.created,
            changed=flagging.changed,
            recorded=flagging.created > 0 and not dry_run,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingAnswer:
    """The answer to `withdraw`, `clear` and `block`.

    Args:
        id: Id of what was recorded.
        changed: The artifacts whose status it changed, worst first.
        recorded: Whether it was recorded now: False for a dry run, and where the same stood already.
    """

    id: str
    changed: tuple[Change, ...]
    recorded: bool
