"""What is known of one exposure: do the trait's origin and the student share an initialisation, and what did canaries find?

Both are judged between the trait's origin and the student, never between the student and the model in between. What speaks for a
transfer counts wherever it was measured; what speaks against it counts only where it speaks of the origin itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.evidence import Evidence, Verdict
from provenance.facts import Recorded
from provenance.lineage.kinship import Kindred, Kinship
from provenance.relations import RelationKind
from provenance.risk.policy import Init


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
        denied = {
            relation.parent: test
            for relation in kindred.weight_parents(student)
            if (test := kindred.contradiction(relation)) is not None
        }
        sound = tuple(one for one in kindred.starting_weights(student) if one not in denied)
        return cls(sound, tuple(denied.items()))


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
    tests = {one: test for one in candidates if (test := kindred.evidence.same_init(model, one)) is not None}
    found = [
        *(_measured(model, one, test) for one, test in tests.items() if _says(test, Verdict.SAME_INIT)),
        *_recorded(kindred, model, student, start, tests),
        *_denied(kindred, model, start),
    ]
    if found:
        return min(found, key=_worry)
    independent = {one: test for one, test in tests.items() if _says(test, Verdict.INDEPENDENT)}
    if student in independent or (not start.denied and independent.keys() >= set(start.sound)):
        deciding = independent if student not in independent else {student: independent[student]}
        return InitFinding(
            compatibility=Compatibility.INDEPENDENT,
            init=Init.DIFFERENT,
            basis=f"measured to be independent of {model}: {_listed(deciding)}",
            tests=tuple(deciding.values()),
        )
    inconclusive = tuple(test for test in tests.values() if _says(test, Verdict.INCONCLUSIVE))
    said = "the same-init test is inconclusive" if inconclusive else "no same-init test"
    return InitFinding(
        compatibility=Compatibility.UNKNOWN,
        init=Init.UNKNOWN,
        basis=f"{said} between {model} and {_listed(start.sound or (student,))}",
        tests=inconclusive,
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
    start: _Start,
    tests: dict[ArtifactId, Recorded[Evidence]],
) -> Iterator[InitFinding]:
    """What the record says of sound starting weights where no test confirms it, and whether a test denies it."""
    for one in start.sound:
        kin = kindred.kin(model, one)
        if kin is None or (one in tests and _says(tests[one], Verdict.SAME_INIT)):
            continue
        dissent = tuple(
            test
            for other in dict.fromkeys((one, student))
            if (test := tests.get(other)) is not None and _says(test, Verdict.INDEPENDENT)
        )
        if dissent:
            yield InitFinding(
                compatibility=Compatibility.DISPUTED,
                init=Init.UNKNOWN,
                basis=f"disputed: by record {one} shares the initialisation of {model}, by weights it does not",
                tests=dissent,
            )
            continue
        by = "by record" if kin.measured is None else "by a test of their relatives"
        yield InitFinding(
            compatibility=Compatibility.SAME,
            init=Init.SAME if kin.kinship is Kinship.SAME else Init.DIVERGED,
            basis=f"same initialisation {by}: {kin.through}",
            tests=() if kin.measured is None else (kin.measured,),
        )


def _denied(kindred: Kindred, model: ArtifactId, start: _Start) -> Iterator[InitFinding]:
    """Starting weights that are kin to the origin, but that the student's weights deny."""
    for one, test in start.denied:
        measured = kindred.evidence.same_init(model, one)
        if kindred.kin(model, one) is not None or (
            measured is not None and _says(measured, Verdict.SAME_INIT)
        ):
            yield InitFinding(
                compatibility=Compatibility.DISPUTED,
                init=Init.UNKNOWN,
                basis=f"disputed: by record it started from {one}, by weights it did not",
                tests=(test,),
            )


@dataclass(frozen=True, slots=True)
class CanaryFinding:
    """What canaries say of one exposure.

    Args:
        test: The canary that stands.
        ratio: The transfer ratio of a transfer, in [0, 1]; None where none was measured. A ratio of what was not detected is noise
            around zero, and no finite experiment shows that nothing can pass: the prior stands.
    """

    test: Recorded[Evidence]
    ratio: float | None


def hear_canaries(
    kindred: Kindred, origin: Origin, author: ArtifactId | None, student: ArtifactId
) -> CanaryFinding | None:
    """The canary that stands for a student and a trait, whose data a teacher of its own (the author) may have relayed.

    A transfer or an inconclusive outcome counts from the origin and from the author, to the student or its starting weights. That
    nothing was detected counts only from the origin (or from a teacher that the flagged model embodies), and only to the
    student or to all of its starting weights.
    """
    behind = () if author is None else embodiments(kindred, author)
    witnesses = dict.fromkeys((origin.artifact, *origin.models))
    accusers = dict.fromkeys((*witnesses, *(() if author is None else (author, *behind))))
    if kindred.evidence.canary_teachers.isdisjoint(accusers):
        return None
    if author is not None and origin.artifact in behind:
        witnesses[author] = None
    start = _Start.of(kindred, student)
    heard = [
        test
        for teacher in accusers
        for one in dict.fromkeys((student, *start.sound))
        if (test := kindred.evidence.canary(teacher, one)) is not None
    ]
    transfers = [_heard(test) for test in heard if _says(test, Verdict.TRANSFERS)]
    if transfers:
        return max(
            transfers, key=lambda one: (1.0 if one.ratio is None else one.ratio, one.test.fact.tested_at)
        )
    for teacher in witnesses:
        silent = _silence(kindred, teacher, student, start)
        if silent is not None:
            return CanaryFinding(silent, None)
    doubts = [test for test in heard if _says(test, Verdict.INCONCLUSIVE)]
    return CanaryFinding(doubts[0], None) if doubts else None


def _silence(
    kindred: Kindred, teacher: ArtifactId, student: ArtifactId, start: _Start
) -> Recorded[Evidence] | None:
    """The canary that found nothing in the student, or in each of its starting weights."""

    def silent(one: ArtifactId) -> Recorded[Evidence] | None:
        test = kindred.evidence.canary(teacher, one)
        return test if test is not None and _says(test, Verdict.NOT_DETECTED) else None

    if (own := silent(student)) is not None:
        return own
    found = [test for one in start.sound if (test := silent(one)) is not None]
    return found[0] if found and not start.denied and len(found) == len(start.sound) else None


def _heard(test: Recorded[Evidence]) -> CanaryFinding:
    ratio = test.fact.result.get("transfer_ratio")
    if isinstance(ratio, bool) or not isinstance(ratio, int | float):
        return CanaryFinding(test, None)
    return CanaryFinding(test, min(1.0, max(0.0, float(ratio))))


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
