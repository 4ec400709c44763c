"""What there is to say of a policy before it is applied: what holds and why, what is odd about it, and where trust begins."""

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from provenance.artifacts import DEFAULT_VERSION, ArtifactId, ArtifactKind
from provenance.lineage.gaps import Trust
from provenance.risk.policy import Policy
from provenance.risk.policy_file import Problem, Setting, read
from provenance.risk.policy_keys import REFUSABLE, Ruling
from provenance.risk.report import Status
from provenance.traits import Severity

Names: TypeAlias = Callable[[], Iterable[ArtifactId]]
_MOST_EXAMPLES = 5
_WILDCARDS = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedRoots:
    """What one entry of ``roots.trusted`` trusts.

    Args:
        pattern: The entry.
        count: How many artifacts bear such a name; None where no registry was at hand.
        examples: The first of them by name.
    """

    pattern: str
    count: int | None = None
    examples: tuple[ArtifactId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReport:
    """The answer to `policy show`: what applies.

    Args:
        digest: Digest of the policy, as reports name it.
        file: The policy file; None where the default policy applies.
        settings: Every key with its value and where that is from.
        trusted: Where trust begins by name.
    """

    digest: str
    file: str | None
    settings: tuple[Setting, ...]
    trusted: tuple[TrustedRoots, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCheck:
    """The answer to `policy check`.

    Args:
        file: The file in question.
        ok: Whether it can be applied.
        digest: Digest of the policy; None where it can't be applied.
        problems: What keeps it from being applied.
        warnings: What is allowed, and seldom meant.
    """

    file: str
    ok: bool
    digest: str | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def describe(policy: Policy, path: Path | None, names: Names | None = None) -> PolicyReport:
    """What applies under a policy, and where trust begins.

    Args:
        policy: The policy.
        path: The file that it was read from; None for the default policy.
        names: Lists all artifacts of a registry; None where none is at hand.
    """
    return PolicyReport(
        digest=policy.digest,
        file=None if path is None else str(path),
        settings=policy.settings,
        trusted=trusted_roots(policy.trust, names),
    )


def trusted_roots(trust: Trust, names: Names | None) -> tuple[TrustedRoots, ...]:
    """What each trusted name or pattern means among the artifacts of a registry."""
    if names is None or not trust.trusted:
        return tuple(TrustedRoots(pattern=pattern) for pattern in trust.trusted)
    by_text: dict[str, list[ArtifactId]] = {}
    for artifact in names():
        for text in (str(artifact), artifact.name):
            by_text.setdefault(text, []).append(artifact)
    return tuple(_covered(pattern, by_text) for pattern in trust.trusted)


def _covered(pattern: str, by_text: Mapping[str, Sequence[ArtifactId]]) -> TrustedRoots:
    """What a name or pattern covers; as `Trust.covers` has it, by one look where it holds no wildcard."""
    if not _WILDCARDS & set(pattern):
        texts = [pattern] if pattern in by_text else []
    else:
        matches = re.compile(fnmatch.translate(pattern)).match
        texts = [text for text in by_text if matches(text)]
    covered = sorted({artifact for text in texts for artifact in by_text[text]}, key=str)
    return TrustedRoots(pattern=pattern, count=len(covered), examples=tuple(covered[:_MOST_EXAMPLES]))


def review(path: Path, names: Names | None = None) -> PolicyCheck:
    """What is wrong with a policy file, and what is odd about it.

    Args:
        path: The file.
        names: Lists all artifacts of a registry, so that trust in nobody is noticed; None where none is at hand.
    """
    problems = tuple(read(path).problems)
    if problems:
        return PolicyCheck(file=str(path), ok=False, digest=None, problems=problems, warnings=())
    policy = Policy.load(path)
    known = tuple(names()) if names is not None and policy.trust.trusted else ()
    trusted = trusted_roots(policy.trust, None if names is None else lambda: known)
    settings = {setting.key: setting for setting in policy.settings}
    warnings = tuple(
        Problem(file=settings[key].file or str(path), line=settings[key].line, message=message)
        for key, message in (*_warnings(policy), *_odd_trust(trusted, len(known)))
    )
    return PolicyCheck(file=str(path), ok=True, digest=policy.digest, problems=(), warnings=warnings)


def _warnings(policy: Policy) -> Iterator[tuple[str, str]]:
    """Each key that says something odd, and what is odd about it."""
    yield from _odd_factors(policy)
    for key in ("gate.unknown", "gate.partial", "gate.contradictions"):
        if getattr(policy, key.removeprefix("gate.")) is Ruling.IGNORE:
            yield key, f'{key} = "ignore" lets it pass without a word; "report" would say so'
    yield from _odd_refusals(policy)


_MADE_UP = (("qzkw", "hxjd"), ("qzkw/vbnm", "hxjd/plok"), ("qz-kw", "hx-jd"))
"""Names that nobody has given, by how they are made: an entry that covers such a pair names nobody."""


def _odd_trust(trusted: Iterable[TrustedRoots], registered: int) -> Iterator[tuple[str, str]]:
    """The entries that trust nobody, or hardly tell anybody from others."""
    for one in trusted:
        said = ""
        if _trusts_anybody(one.pattern):
            said = "trusts whatever is registered"
        elif one.count == 0:
            said = "is the name of nothing in the registry"
        elif _WILDCARDS & set(one.pattern) and one.count is not None and 2 * one.count > registered > 1:
            said = f"trusts {one.count} of the {registered} artifacts in the registry"
        if said:
            yield "roots.trusted", f"roots.trusted: {one.pattern!r} {said}"


def _trusts_anybody(pattern: str) -> bool:
    """Whether a pattern covers every name of some form, of any kind of artifact."""
    covers = Trust(trusted=(pattern,)).covers
    return any(
        all(covers(ArtifactId(kind, name, DEFAULT_VERSION)) for name in names)
        for kind in ArtifactKind
        for names in _MADE_UP
    )


def _odd_factors(policy: Policy) -> Iterator[tuple[str, str]]:
    for setting in policy.settings:
        if setting.value == 0.0 and isinstance(setting.value, float):
            yield setting.key, f"{setting.key} = 0 ranks what may have passed behind everything else"
        elif (
            setting.key in {"exposure.prior.unknown", "exposure.init.unknown"}
            and setting.value != setting.default
        ):
            yield setting.key, f"{setting.key} below 1 gives credit for what nobody tested"


def _odd_refusals(policy: Policy) -> Iterator[tuple[str, str]]:
    for severity in Severity:
        key, refused = f"gate.refuse.{severity}", policy.refuse[severity]
        if Status.AFFECTED not in refused:
            yield key, f"{key} lets affected pass: an artifact on which the trait was found"
        mildest = max((status.rank for status in refused), default=0)
        worse = [status for status in REFUSABLE[1:mildest] if status not in refused]
        if worse:
            yield (
                key,
                f"{key} lets {', '.join(worse)} pass and refuses {REFUSABLE[mildest]}, which is less than that",
            )
    for milder, graver in pairwise(Severity):
        if missing := sorted(policy.refuse[milder] - policy.refuse[graver]):
            yield (
                f"gate.refuse.{graver}",
                f"gate.refuse.{graver} lets {', '.join(missing)} pass, which gate.refuse.{milder} does not",
            )
