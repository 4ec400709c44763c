"""What is known of one exposure: do the trait's origin and the student share an initialisation, and what did canaries find?

Both are judged between the trait's origin and the student, never between the student and the model in between. What speaks for a
transfer counts wherever it was measured; what speaks against it counts only where it speaks of the origin itself, or of what the
origin has its whole initialisation from (see `provenance.lineage.kinship`). Then the basis says ``derived through families``.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.evidence import Evidence, Verdict
from provenance.facts import Recorded
from provenance.lineage.canary_figures import has_power, measured_share
from provenance.lineage.evidence_index import is_stale
from provenance.lineage.kinship import Kindred
from provenance.lineage.relatives import Kin, Kinship
from provenance.relations import RelationKind
from provenance.risk.policy import Init

_WRITING = {RelationKind.GENERATED_BY, RelationKind.REWRITTEN_BY}
"""The ways of leaving a mark that canaries are run for."""


class Compatibility(IntEnum):
    """Whether a hidden trait of the origin can be expected to take in the student, most worrying first."""

    SAME = 0
    DISPUTED = 1
    UNKNOWN = 2
    INDEPENDENT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class InitFinding:
    """How the initialisations of an origin and a student compare.

    Args:
        compatibility: For the status.
        init: For the score.
        basis: What it rests on, in words.
        tests: The evidence that decided it, the deciding one first.
    """

    compatibility: Compatibility
    init: Init
    basis: str
    tests: tuple[Recorded[Evidence], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a trait was found.

    Args:
        artifact: The flagged artifact.
        models: The model or models behind it: itself, or what embodies a teacher; none for a dataset.
    """

    artifact: ArtifactId
    models: tuple[ArtifactId, ...]

    @classmethod
    def of(cls, kindred: Kindred, artifact: ArtifactId) -> "Origin":
        """The origin of a flag on an artifact."""
        if artifact.kind is ArtifactKind.MODEL:
            return cls(artifact=artifact, models=(artifact,))
        return cls(artifact=artifact, models=embodiments(kindred, artifact))


def embodiments(kindred: Kindred, artifact: ArtifactId) -> tuple[ArtifactId, ...]:
    """The models that embody a teacher, in order of their names."""
    return tuple(
        relation.parent
        for relation in kindred.lineage.parents(artifact)
        if relation.kind is RelationKind.EMBODIED_BY
    )


@dataclass(frozen=True, slots=True)
class _Start:
    """What a student's training began from.

    Args:
        sound: Starting weights that the student's own weights do not contradict; itself where none are known.
        denied: Starting weights that the record claims and the weights deny, with the test.
    """

    sound: tuple[ArtifactId, ...]
    denied: tuple[tuple[ArtifactId, Recorded[Evidence]], ...]

    @classmethod
    def of(cls, kindred: Kindred, student: ArtifactId) -> "_Start":
        """The starting weights of a student."""
        links = kindred.weight_parents(student)
        denied = {link.parent: test for link in links if (test := kindred.contradiction(link)) is not None}
        starts = dict.fromkeys(link.parent for link in links) or {student: None}
        return cls(tuple(one for one in starts if one not in denied), tuple(denied.items()))


def compare_init(kindred: Kindred, origin: Origin, student: ArtifactId) -> InitFinding:
    """The most worrying comparison of any of the origin's models with the student's starting weights."""
    start = _Start.of(kindred, student)
    findings = [_compare(kindred, model, student, start) for model in origin.models]
    if not findings:
        return InitFinding(
            compatibility=Compatibility.UNKNOWN,
            init=Init.UNKNOWN,
            basis=f"the initialisation behind {origin.artifact} is not known",
        )
    return min(findings, key=_worry)


def _compare(kindred: Kindred, model: ArtifactId, student: ArtifactId, start: _Start) -> InitFinding:
    """Compares one model of the origin with a student: what is measured, what is recorded, what is denied, what is left."""
    candidates = tuple(dict.fromkeys((*start.sound, student)))
    known = kindred.evidence.tests_of(model)
    tests = {one: known[one] for one in candidates if one in known}
    found = [
        *(_measured(model, one, test) for one, test in tests.items() if _says(test, Verdict.SAME_INIT)),
        *_recorded(kindred, model, student, candidates, tests),
    ]
    if found:
        return min(found, key=_worry)
    if (disputed := _denied(kindred, model, student)) is not None:
        return disputed
    inconclusive = tuple(test for test in tests.values() if _says(test, Verdict.INCONCLUSIVE))
    if not inconclusive and (independent := _independent(kindred, model, student, start, tests)) is not None:
        return independent
    said = "the same-init test is inconclusive" if inconclusive else "no same-init test"
    return InitFinding(
        compatibility=Compatibility.UNKNOWN,
        init=Init.UNKNOWN,
        basis=f"{said} between {model} and {_listed(start.sound or (student,))}",
        tests=inconclusive,
    )


def _independent(
    kindred: Kindred,
    model: ArtifactId,
    student: ArtifactId,
    start: _Start,
    tests: Mapping[ArtifactId, Recorded[Evidence]],
) -> InitFinding | None:
    """Independence of the student or of all its starting weights, by tests of the very pairs or else of their families."""
    measured = {one: (test,) for one, test in tests.items() if _says(test, Verdict.INDEPENDENT)}
    derived = {one: found for one in (*start.sound, student) if (found := kindred.independence(model, one))}
    # A start that the weights deny is none, so that nothing but the student's own weights can speak for it.
    enough = ((student,), *([] if start.denied else [start.sound]))
    for known, how in ((measured, "measured to be"), (derived | measured, "derived through families:")):
        deciding = next((ones for ones in enough if known.keys() >= set(ones)), None)
        if deciding is not None:
            found = tuple(dict.fromkeys(test for one in deciding for test in known[one]))
            since = "" if known is measured else f", by {_told(found)}"
            return InitFinding(
                compatibility=Compatibility.INDEPENDENT,
                init=Init.DIFFERENT,
                basis=f"{how} independent of {model}: {_listed(deciding)}{since}",
                tests=found,
            )
    return None


def _told(tests: Iterable[Recorded[Evidence]]) -> str:
    """Some tests, each with what it says of which pair."""
    return ", ".join(
        f"{one.id} ({one.fact.parent} and {one.fact.child}: {one.fact.verdict.value})" for one in tests
    )


def _measured(model: ArtifactId, other: ArtifactId, test: Recorded[Evidence]) -> InitFinding:
    return InitFinding(
        compatibility=Compatibility.SAME,
        init=_init_of(test.fact),
        basis=f"measured to share the initialisation of {model}: {other}",
        tests=(test,),
    )


def _recorded(
    kindred: Kindred,
    model: ArtifactId,
    student: ArtifactId,
    candidates: tuple[ArtifactId, ...],
    tests: dict[ArtifactId, Recorded[Evidence]],
) -> Iterator[InitFinding]:
    """What the record says of sound starting weights and of the student where no test confirms it, and whether a test denies it."""
    for one in candidates:
        kin = kindred.kin(model, one)
        if kin is None or (one in tests and _says(tests[one], Verdict.SAME_INIT)):
            continue
        # The student has its kin from its starting weights, so a test of any of those speaks of the student's too.
        dissent = tuple(
            test
            for other in (candidates if one == student else (one, student))
            if (test := tests.get(other)) is not None and _says(test, Verdict.INDEPENDENT)
        )
        if dissent:
            yield InitFinding(
                compatibility=Compatibility.DISPUTED,
                init=Init.UNKNOWN,
                basis=f"disputed: {one} is kin to {model} {_by(kin)}, by a test of the pair it is not",
                tests=dissent,
            )
            continue
        yield InitFinding(
            compatibility=Compatibility.SAME,
            init=Init.SAME if kin.kinship is Kinship.SAME else Init.DIVERGED,
            basis=f"same initialisation by record: {kin.through}"
            if kin.measured is None
            else f"derived through families: kin to {model}: {one}, by {_told([kin.measured])}",
            tests=() if kin.measured is None else (kin.measured,),
        )


def _by(kin: Kin) -> str:
    return "by record" if kin.measured is None else "by a test of their relatives"


def _denied(kindred: Kindred, model: ArtifactId, student: ArtifactId) -> InitFinding | None:
    """Kinship that rests on weights relations of which the weights deny one or more, wherever it stands in either's ancestry."""
    kin = kindred.as_declared.kin(model, student)
    if kin is None:
        return None
    denials = (*kindred.contradictions_above(student), *kindred.contradictions_above(model))
    return InitFinding(
        compatibility=Compatibility.DISPUTED,
        init=Init.UNKNOWN,
        basis=f"disputed: kin to {model} {_by(kin)} ({kin.through}), but the weights deny a relation on the way",
        tests=tuple(dict.fromkeys(denials)) or (() if kin.measured is None else (kin.measured,)),
    )


@dataclass(frozen=True, slots=True)
class CanaryFinding:
    """What canaries say of one exposure.

    Args:
        test: The canary that stands.
        share: What a transfer measured, see `provenance.lineage.canary_figures.measured_share`; None where nothing was measured. A
            share of what was not detected is noise around zero, and no finite experiment shows that nothing can pass: the prior stands.
    """

    test: Recorded[Evidence]
    share: float | None


def hear_canaries(
    kindred: Kindred, origin: Origin, author: ArtifactId | None, student: ArtifactId
) -> CanaryFinding | None:
    """The canary that stands for a student and a trait, whose data a teacher of its own (the author) may have relayed.

    A transfer or an inconclusive outcome counts from the origin and from the author, to the student or its starting weights. That
    nothing was detected counts only where no other test is inconclusive; only from the origin, from a teacher that the flagged
    model embodies, or from every model of an ensemble; and only to the student or to all of its starting weights.
    """
    if not kindred.evidence.canary_teachers:
        return None
    behind = () if author is None else embodiments(kindred, author)
    accusers = dict.fromkeys(
        (origin.artifact, *origin.models, *(() if author is None else (author, *behind)))
    )
    if kindred.evidence.canary_teachers.isdisjoint(accusers):
        return None
    start = _Start.of(kindred, student)
    heard = [
        test
        for teacher in accusers
        for one in dict.fromkeys((student, *start.sound))
        if (test := kindred.evidence.canary(teacher, one)) is not None
    ]
    transfers = [
        CanaryFinding(test, measured_share(test.fact)) for test in heard if _says(test, Verdict.TRANSFERS)
    ]
    if transfers:
        return max(
            transfers, key=lambda one: (-1.0 if one.share is None else one.share, one.test.fact.tested_at)
        )
    # One test stands for each pair, so what is inconclusive here was settled by no other test of the same pair.
    doubts = [test for test in heard if _says(test, Verdict.INCONCLUSIVE)]
    if doubts:
        return CanaryFinding(doubts[0], None)
    whole = [origin.artifact, *([author] if author is not None and origin.artifact in behind else [])]
    for witnesses in (*((teacher,) for teacher in whole), origin.models):
        silent = [_silence(kindred, teacher, student, start) for teacher in witnesses]
        if silent and silent[0] is not None and None not in silent:
            return CanaryFinding(silent[0], None)
    return None


def _silence(
    kindred: Kindred, teacher: ArtifactId, student: ArtifactId, start: _Start
) -> Recorded[Evidence] | None:
    """The canary that found nothing in the student, or in each of its starting weights.

    A canary trains the recorded start. Where the student's weights deny that start, its silence is no one's; nor is it anyone's
    where by now something else is recorded than what the canary was run on, or where its figures don't say that it had power.
    """
    if start.denied:
        return None

    def silent(one: ArtifactId) -> Recorded[Evidence] | None:
        test = kindred.evidence.canary(teacher, one)
        if (
            test is None
            or not _says(test, Verdict.NOT_DETECTED)
            or not has_power(test.fact)
            or is_stale(test.fact, _trained(kindred, test.fact))
        ):
            return None
        return test

    if (own := silent(student)) is not None:
        return own
    found = [test for one in start.sound if (test := silent(one)) is not None]
    return found[0] if found and len(found) == len(start.sound) else None


def _trained(kindred: Kindred, canary: Evidence) -> dict[str, str]:
    """Artifact to content digest of all that a canary of the same pair would be run on now."""
    models = (
        (canary.parent,) if canary.parent.kind is ArtifactKind.MODEL else embodiments(kindred, canary.parent)
    )
    rows = (
        exposure.datasets[-1:]
        for exposure in kindred.lineage.exposures(canary.child)
        if exposure.teacher == canary.parent and exposure.how in _WRITING
    )
    on = (*models, *kindred.starting_weights(canary.child), *next(rows, ()))
    return {str(one): digest for one in on if (digest := kindred.lineage.digest(one)) is not None}


def _init_of(evidence: Evidence) -> Init:
    """What kind of shared initialisation a test found, by the words of SAME_INIT evidence."""
    kinship = str(evidence.result.get("kinship", ""))
    if kinship.startswith("partial"):
        return Init.PARTIAL
    return Init.DIVERGED if kinship == "same_init_diverged" else Init.SAME


_CLOSENESS = {init: place for place, init in enumerate(Init)}


def _worry(finding: InitFinding) -> tuple[int, int]:
    return (finding.compatibility, _CLOSENESS[finding.init])


def _says(test: Recorded[Evidence], verdict: Verdict) -> bool:
    return test.fact.verdict is verdict


def _listed(artifacts: Iterable[ArtifactId]) -> str:
    return ", ".join(map(str, artifacts))
