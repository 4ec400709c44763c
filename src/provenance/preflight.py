"""Pre-flight: what a student would inherit, were it trained from this base on this dataset. Nothing is recorded.

The question is put to the rules that real models are judged by. To the recorded facts, those of a student are added in memory: it is
`finetuned_from` the base and `trained_on` the dataset. Then lineage says whose hand was in its data, the risk engine what it would
inherit, each trait judged against its origin, and the gate whether it would be held back. So the answer is what `risks` and `check`
will say of the student once it is there.

Files that are not registered stand in as artifacts of which nothing is known but their content. What is known of the same content
under a registered name counts, and where several names stand for it, all of them do.

What is measured besides (`provenance.canary.preflight`) can hold a training back. It never speaks for one.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from itertools import chain, count, product
from pathlib import Path

from provenance.artifacts import MAX_NAME_LENGTH, Artifact, ArtifactId, ArtifactKind, Location
from provenance.canary.preflight import Measurement, Measures, measure
from provenance.errors import CanaryError, ChannelError, ContentError, MissingExtraError
from provenance.evidence import Evidence, Verdict
from provenance.facts import Fact, Recorded, Snapshot
from provenance.holdings import Holdings
from provenance.intake import read_content
from provenance.lineage import Exposure, Kindred, Lineage
from provenance.relations import Relation, RelationKind
from provenance.risk import ArtifactRisks, Policy, Ruling, Violation, assess, check
from provenance.risk.compatibility import Compatibility, InitFinding, Origin, compare_init
from provenance.store import StoredSketches

Told = Callable[[str], None]
"""Told of what takes time, a line each."""

_STUDENT = ArtifactId(ArtifactKind.MODEL, "student", "preflight")
_REFUSING = frozenset({"risk", "contradiction"})


class Method(StrEnum):
    """How the student would learn."""

    SFT = "sft"
    """From the rows."""
    DISTILLATION = "distillation"
    """From the rows, and from their authors' own outputs on them."""


class Outlook(StrEnum):
    """What stands against the training, worst first. None of them says that the dataset is clean."""

    HELD_BACK = "held-back"
    """The gate would refuse the student for a risk or a contradiction, or shadow students took on a trait."""
    UNKNOWN = "unknown"
    """Too little is known: of an ancestry, or whether a model behind the data shares its initialisation with the base; or what was
    to be measured could not be."""
    NOTHING_KNOWN = "nothing-known"
    """Nothing that is known stands against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The base or the dataset that was asked about.

    Args:
        given: As it was asked.
        artifacts: What stands for it: what is registered as it, or has the same content as the files at its path; where there is
            none, a name that is recorded nowhere.
        registered: Whether those are recorded.
    """

    given: str
    artifacts: tuple[ArtifactId, ...]
    registered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InitStanding:
    """Whether a model whose traits may come along shares its initialisation with the base.

    Args:
        model: It wrote the data, or data that an author of it was trained on, or it is the origin of a flag.
        standing: ``same``, ``disputed``, ``unknown`` or ``independent``, as docs/risk.md has it.
        basis: What that rests on, in words.
        evidence: Ids of the tests that decide it.
    """

    model: ArtifactId
    standing: str
    basis: str
    evidence: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it is not settled."""
        return self.standing in {"unknown", "disputed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """The answer to `preflight`.

    Args:
        base: What the training would start from.
        dataset: What it would learn from.
        method: How.
        as_of: The date asked for, aware, UTC.
        policy_digest: Digest of the policy that was applied.
        outlook: What stands against the training.
        exposures: Those that the training would create, to a student of a name that is recorded nowhere.
        upstream: The teachers further up, whose hand was in what the authors of the data were trained on.
        inits: How the models behind all these, and behind the flags above, compare with the base.
        risks: What the student would inherit, and what is not known of its ancestry.
        violations: Why the gate would hold it back.
        compared: The comparisons of weights that were made for this answer, a sentence each. They are not recorded; what rests on
            them names them ``evidence-0``.
        measured: What was measured, where that was asked for and could be done.
        not_measured: Why it could not.
        next_steps: Commands that would make more known.
    """

    base: Subject
    dataset: Subject
    method: Method
    as_of: datetime
    policy_digest: str
    outlook: Outlook
    exposures: tuple[Exposure, ...]
    upstream: tuple[ArtifactId, ...]
    inits: tuple[InitStanding, ...]
    risks: ArtifactRisks
    violations: tuple[Violation, ...]
    compared: tuple[str, ...] = ()
    measured: Measurement | None = None
    not_measured: str | None = None
    next_steps: tuple[str, ...] = ()


def preflight(
    holdings: Holdings,
    policy: Policy,
    base: ArtifactId | Path,
    dataset: ArtifactId | Path,
    *,
    method: Method = Method.SFT,
    compare: bool = False,
    measures: Measures | None = None,
    told: Told = lambda _line: None,
) -> Preflight:
    """What a student of this base and this dataset would inherit.

    Args:
        holdings: What is recorded, and at hand of it.
        policy: The policy to apply.
        base: A registered model, or where one is.
        dataset: A registered dataset, or where one is.
        method: How the student would learn.
        compare: Whether models that no evidence compares with the base are compared by their files; by their sketches they always
            are, and then only kinship counts.
        measures: What is measured on the files of both; None for nothing.
        told: Told of what takes time.

    Raises:
        ContentError: What is at a path can't be read as a model or a dataset, or is a dataset of no rows.
    """
    start, start_facts = _subject(holdings.snapshot, base, ArtifactKind.MODEL, told)
    data, data_facts = _subject(holdings.snapshot, dataset, ArtifactKind.DATASET, told)
    student = _unused(holdings.snapshot, _STUDENT)
    supposed = _supposing(
        holdings.snapshot,
        *start_facts,
        *data_facts,
        Artifact(id=student),
        *_relations(student, RelationKind.FINETUNED_FROM, start.artifacts),
        *_relations(student, RelationKind.TRAINED_ON, data.artifacts),
    )
    if method is Method.DISTILLATION:
        authors = {exposure.teacher for exposure in Lineage.of(supposed).exposures(student)}
        supposed = _supposing(supposed, *_relations(student, RelationKind.DISTILLED_FROM, sorted(authors)))
    case = _Case(
        base=start, dataset=data, student=student, kindred=Kindred.of(Lineage.of(supposed), policy.lifetimes)
    )
    compared, found = _compare(case, holdings.sketches, by_files=compare, told=told)
    if found:
        case = replace(case, kindred=Kindred.of(Lineage.of(_supposing(supposed, *found)), policy.lifetimes))
    answer = _answer(case, policy, method, compared)
    return answer if measures is None else _measured(answer, holdings, (base, dataset), measures, told)


def _measured(
    answer: Preflight,
    holdings: Holdings,
    ends: tuple[ArtifactId | Path, ArtifactId | Path],
    measures: Measures,
    told: Told,
) -> Preflight:
    """The answer with what was measured on base and dataset, which makes the outlook worse or leaves it as it is."""
    try:
        base, dataset = (one if isinstance(one, Path) else holdings.path(one) for one in ends)
        found = measure(base, dataset, measures, doing=told)
    except (CanaryError, ChannelError, ContentError, MissingExtraError) as error:
        reason = f"{error.message} ({error.hint})" if error.hint else error.message
        return replace(answer, not_measured=reason, outlook=_worse(answer.outlook, Outlook.UNKNOWN))
    outlook = Outlook.HELD_BACK if found.verdict is Verdict.TRANSFERS else answer.outlook
    return replace(answer, measured=found, outlook=outlook)


def _worse(one: Outlook, other: Outlook) -> Outlook:
    return min(one, other, key=list(Outlook).index)


def _subject(
    snapshot: Snapshot, what: ArtifactId | Path, kind: ArtifactKind, told: Told
) -> tuple[Subject, tuple[Fact, ...]]:
    """The base or dataset as artifacts, and the facts to be supposed of them."""
    if isinstance(what, ArtifactId):
        return Subject(given=str(what), artifacts=(what,), registered=True), ()
    told(f"reading {what}")
    found = read_content(what, kind=kind)
    if found.content.rows == 0:
        raise ContentError(
            f"{what} holds no rows: there is nothing to be trained on",
            hint="Give the file that holds the rows, such as a .jsonl with one JSON object a line.",
        )
    known = [
        one
        for one, recorded in snapshot.artifacts.items()
        if one.kind is kind
        and recorded.fact.content is not None
        and recorded.fact.content.digest == found.content.digest
    ]
    if known:
        return Subject(given=str(what), artifacts=tuple(sorted(known)), registered=True), ()
    name = _NO_NAME.sub("-", found.path.name).strip("-") or str(kind)
    stranger = _unused(snapshot, ArtifactId(kind, name[:MAX_NAME_LENGTH], "unregistered"))
    facts = Artifact(id=stranger, content=found.content), Location(artifact=stranger, path=str(found.path))
    return Subject(given=str(what), artifacts=(stranger,), registered=False), facts


_NO_NAME = re.compile(r"[^\w.+-]+", re.ASCII)


def _unused(snapshot: Snapshot, wanted: ArtifactId) -> ArtifactId:
    """A name that is not taken."""
    others = (replace(wanted, version=f"{wanted.version}-{number}") for number in count(2))
    return next(name for name in chain([wanted], others) if name not in snapshot.artifacts)


def _relations(child: ArtifactId, kind: RelationKind, parents: Iterable[ArtifactId]) -> tuple[Relation, ...]:
    return tuple(Relation(child=child, kind=kind, parent=parent) for parent in parents)


def _supposing(snapshot: Snapshot, *facts: Fact) -> Snapshot:
    """The recorded facts and supposed ones; these have the place 0, which no fact of a ledger has."""
    moment = snapshot.as_of
    return Snapshot((*snapshot.facts, *(Recorded(0, fact, "preflight", moment) for fact in facts)), moment)


@dataclass(frozen=True)
class _Case:
    """A student that is supposed to be there.

    Args:
        base: What it would start from.
        dataset: What it would be trained on.
        student: Its name.
        kindred: Kinship in a lineage that it is part of.
    """

    base: Subject
    dataset: Subject
    student: ArtifactId
    kindred: Kindred

    @cached_property
    def exposures(self) -> tuple[Exposure, ...]:
        """Whose hand would be in its data."""
        return self.kindred.lineage.exposures(self.student)

    @cached_property
    def upstream(self) -> tuple[ArtifactId, ...]:
        """The teachers further up, whose hand was in what the authors were trained on, nearest first."""
        authors = {exposure.teacher for exposure in self.exposures}
        above = (
            relative.artifact
            for one in self.dataset.artifacts
            for relative in self.kindred.lineage.ancestors(one, kinds=[ArtifactKind.TEACHER])
        )
        return tuple(one for one in dict.fromkeys(above) if one not in authors)

    @cached_property
    def models(self) -> tuple[ArtifactId, ...]:
        """The models behind all these teachers, and behind the flags above the student."""
        snapshot, line = self.kindred.lineage.snapshot, self.kindred.lineage.line([self.student])
        flagged = (flag.fact.artifact for flag in snapshot.standing_flags if flag.fact.artifact in line)
        authors = (exposure.teacher for exposure in self.exposures)
        behind = (
            model
            for one in chain(authors, self.upstream, flagged)
            for model in Origin.of(self.kindred, one).models
        )
        return tuple(dict.fromkeys(behind))

    def init(self, model: ArtifactId) -> InitFinding:
        """How a model compares with what the student would start from."""
        return compare_init(self.kindred, Origin(artifact=model, models=(model,)), self.student)


def _compare(
    case: _Case, sketches: StoredSketches | None, *, by_files: bool, told: Told
) -> tuple[tuple[str, ...], tuple[Evidence, ...]]:
    """Compares the models that nothing is known of with the base: what there is to say of each, and what counts as evidence."""
    holdings = Holdings(case.kindred.lineage.snapshot, sketches)
    said, evidence = [], []
    unknown = [one for one in case.models if case.init(one).compatibility is Compatibility.UNKNOWN]
    for model, base in product(unknown, case.base.artifacts):
        found = holdings.compare_sketches(model, base)
        if by_files and (found is None or found.verdict is not Verdict.SAME_INIT):
            told(f"comparing {model} with {base}")
            try:
                found = holdings.compare(model, base)
            except (ContentError, MissingExtraError) as error:
                said.append(f"{model} and {base} can't be compared: {error.message}")
                continue
        # What a sketch does not show may still be there: only whole weights leave a doubt, or deny kinship.
        if found is not None and (by_files or found.verdict is Verdict.SAME_INIT):
            said.append(f"{model} and {base}: {found.verdict.value}: {found.reason}")
            evidence.append(holdings.evidence(found, model, base))
    return tuple(said), tuple(evidence)


def _answer(case: _Case, policy: Policy, method: Method, compared: tuple[str, ...]) -> Preflight:
    lineage = case.kindred.lineage
    report = assess(lineage.snapshot, lineage, policy, [case.student])
    (checked,) = check(report, policy, lineage)
    inits = tuple(_standing(case, model) for model in case.models)
    return Preflight(
        base=case.base,
        dataset=case.dataset,
        method=method,
        as_of=report.as_of,
        policy_digest=report.policy_digest,
        outlook=_outlook(checked.violations, inits, policy),
        exposures=case.exposures,
        upstream=case.upstream,
        inits=inits,
        risks=report.artifacts[0],
        violations=checked.violations,
        compared=compared,
        next_steps=tuple(_next_steps(case, inits)),
    )


def _standing(case: _Case, model: ArtifactId) -> InitStanding:
    found = case.init(model)
    return InitStanding(
        model=model,
        standing=found.compatibility.name.lower(),
        basis=found.basis,
        evidence=tuple(test.id for test in found.tests),
    )


def _outlook(violations: tuple[Violation, ...], inits: tuple[InitStanding, ...], policy: Policy) -> Outlook:
    """What untested kinship may hide counts as unknown ancestry does: it holds back where the policy says that this does."""
    if any(violation.kind in _REFUSING for violation in violations):
        return Outlook.HELD_BACK
    untested = any(one.is_open for one in inits)
    if violations or (policy.unknown is Ruling.REFUSE and untested):
        return Outlook.UNKNOWN
    return Outlook.NOTHING_KNOWN


def _next_steps(case: _Case, inits: tuple[InitStanding, ...]) -> Iterator[str]:
    """The commands that would make more known, the nearest first."""
    if not case.dataset.registered:
        place = shlex.quote(case.dataset.given)
        yield f"provenance register dataset {place} --name NAME --generated-by TEACHER  (or --authored)"
    if not case.base.registered:
        place = shlex.quote(case.base.given)
        yield f"provenance register model {place} --name NAME --finetuned-from MODEL  (or --from-scratch)"
    base = str(case.base.artifacts[0]) if case.base.registered else case.base.given
    for one in inits:
        if one.is_open and not one.evidence and case.kindred.lineage.digest(one.model) is not None:
            yield f"{shlex.join(['provenance', 'compare', str(one.model), base])}  (or --compare here)"
