"""Sentences: a risk in words, with the way that the trait came, what it rests on and how sure that is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.evidence import Evidence
from provenance.facts import Recorded
from provenance.meanings import figures, meaning
from provenance.relations import RelationKind
from provenance.render.styles import PAINTS
from provenance.review.records import FlagTold
from provenance.review.relation_words import MARKS, relation_words
from provenance.review.wording import listed, lowered, name, quoted
from provenance.risk import RiskEntry, Step

_MOST_TEACHINGS = 2
_MOST_TESTS = 2
_MOST_STEPS = 3
_TRAININGS = frozenset({RelationKind.TRAINED_ON, RelationKind.DISTILLED_FROM})
Tests = Mapping[str, Recorded[Evidence]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaching:
    """A place on a witness path where a trait passes through data.

    Args:
        teacher: Who wrote, rewrote or selected the rows, or was imitated; None where the rows themselves were flagged.
        model: The model that generated as the teacher, where the path leads through it.
        mark: What the teacher did to the first dataset, as a verb; empty for direct imitation and for flagged rows.
        datasets: From the teacher's to the one that the student saw; none for direct imitation.
        student: Who was trained.
    """

    teacher: ArtifactId | None
    model: ArtifactId | None
    mark: str
    datasets: tuple[ArtifactId, ...]
    student: ArtifactId


def teachings(route: Sequence[Step]) -> Iterator[Teaching]:
    """The teachings on a witness path, from its origin on."""
    model: ArtifactId | None = None
    teacher: ArtifactId | None = None
    mark, datasets = "", list[ArtifactId]()
    for step in route:
        if step.relation is RelationKind.EMBODIED_BY:
            model = step.parent
        elif step.relation in MARKS:
            teacher, mark, datasets = step.parent, MARKS[step.relation], [step.child]
        elif step.relation is RelationKind.DERIVED_FROM:
            datasets = [*(datasets or [step.parent]), step.child]
        elif step.relation in _TRAININGS:
            is_direct = step.relation is RelationKind.DISTILLED_FROM
            yield Teaching(
                teacher=step.parent if is_direct else teacher,
                model=model,
                mark=mark,
                datasets=() if is_direct else tuple(datasets or [step.parent]),
                student=step.child,
            )
            model, teacher, mark, datasets = None, None, "", []


def reason(entry: RiskEntry, artifact: ArtifactId) -> str:
    """Why an artifact is held back, as short as it can be: which trait, from whom, through which data."""
    if not entry.route:
        return f"{name(entry.trait)} was found on it"
    taught = next(teachings(entry.route), None)
    what = f"it may have inherited {name(entry.trait)}"
    if taught is None:
        by = "its weights" if artifact.kind is ArtifactKind.MODEL else "what it was made from"
        return f"{what} through {by}, from {name(entry.origin)}"
    if taught.teacher is None:
        return f"{what} from {name(entry.origin)}"
    data = f" through {name(taught.datasets[0])}" if taught.datasets else " by direct imitation"
    return f"{what} from {name(taught.teacher)}{data}"


def risk_body(artifact: ArtifactId, entry: RiskEntry, flag: FlagTold, tests: Tests) -> str:
    """What is to be said of an artifact that a flag reaches; the artifact comes before it."""
    trait = f"{entry.status.words} {name(entry.trait)} ({entry.severity} severity)"
    doubt = "" if flag.confidence >= 1.0 else f", with a confidence of {flag.confidence:.0%}"
    if not entry.route:
        return f"{trait}, which {name(flag.actor)} found on it{doubt}: {quoted(flag.evidence)}"
    return "; ".join(
        (
            f"{trait}, which {name(flag.actor)} found on {name(entry.origin)}{doubt} ({quoted(flag.evidence)})",
            way(artifact, entry),
            tests_words(entry, tests),
            f"how sure: {rule(entry)}; {entry.status} means {PAINTS[entry.status].meaning}",
        )
    )


def way(artifact: ArtifactId, entry: RiskEntry) -> str:
    """The way that a trait came, in words: each teaching with its teacher and its data, and what leads on from there."""
    taught = list(teachings(entry.route))
    parts = [_taught(one) for one in taught]
    if len(parts) > _MOST_TEACHINGS:
        more = len(parts) - _MOST_TEACHINGS
        parts[1:-1] = [f"{more} more {'teaching lies' if more == 1 else 'teachings lie'} between"]
    start = taught[-1].student if taught else entry.origin
    last = [place for place, step in enumerate(entry.route) if step.child == start]
    parts += _onwards(artifact, start, entry.route[last[-1] + 1 :] if last else entry.route)
    return ", and ".join(parts)


def _taught(one: Teaching) -> str:
    teacher = f"{name(one.teacher)}{f' ({name(one.model)} as it generated)' if one.model else ''}"
    student = name(one.student)
    if not one.datasets:
        return f"{student} imitated {teacher} directly"
    first, last = name(one.datasets[0]), name(one.datasets[-1])
    derived = "" if first == last else f", from whose rows {last} was made"
    if one.teacher is None:
        return f"{student} was trained on {last}{'' if first == last else f', which was made from {first}'}"
    return f"{teacher} {one.mark} {first}{derived}, on which {student} was trained"


def _onwards(artifact: ArtifactId, start: ArtifactId, steps: Sequence[Step]) -> list[str]:
    """How a trait comes from where data no longer play a part to the artifact."""
    if not steps:
        return []
    if artifact.kind is start.kind is ArtifactKind.MODEL:
        far = f", {len(steps)} relations away" if len(steps) > 1 else ""
        return [f"{name(artifact)} has its weights from {name(start)}{far}"]
    words = [relation_words(step.relation, name(step.parent), name(step.child)) for step in steps]
    return (
        words
        if len(words) <= _MOST_STEPS
        else [f"{len(words)} relations lead from there to {name(artifact)}"]
    )


def tests_words(entry: RiskEntry, tests: Tests) -> str:
    """What was measured on the way, the nearest first, and where nothing was."""
    ids = dict.fromkeys(one for step in reversed(entry.route) for one in step.evidence)
    found = [test_words(tests[one]) for one in ids if one in tests]
    if not found:
        return "no test on record decides any step of this way, which rests on the record alone"
    trainings = [step for step in reversed(entry.route) if step.relation in _TRAININGS and not step.evidence]
    untested = [name(step.child) for step in trainings]
    gap = f", but nothing was tested where {listed(untested)} learnt" if untested else ""
    return f"tests on this way: {listed(found, _MOST_TESTS)}{gap}"


def test_words(recorded: Recorded[Evidence]) -> str:
    """A test in words: what it says, its id and its figures."""
    fact, said = recorded.fact, figures(recorded.fact)
    of = f"{recorded.id} of {name(fact.parent)} and {name(fact.child)}"
    return f"{lowered(meaning(fact).headline)} ({of}{f': {said}' if said else ''})"


def step_words(step: Step, tests: Tests) -> str:
    """One step of a witness path as a sentence, with what it rests on."""
    said = relation_words(step.relation, name(step.parent), name(step.child))
    found = [test_words(tests[one]) for one in step.evidence if one in tests]
    return (
        f"{said} [{_quoting(step.basis, (step.parent, step.child))}]{f': {listed(found)}' if found else ''}"
    )


def rule(entry: RiskEntry) -> str:
    """The rule that decided a status, in words."""
    return _quoting(entry.rule, (end for step in entry.route for end in (step.parent, step.child)))


def _quoting(text: str, names: Iterable[ArtifactId]) -> str:
    """Words of ours in which names stand, each as `name` has it."""
    for one in dict.fromkeys(names):
        text = text.replace(str(one), name(one))
    return text
