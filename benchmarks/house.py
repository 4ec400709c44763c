"""Made-up lineages of one training house, for the benchmarks of what a safety review looks at.

A few bases; model after model is tuned from an earlier one on rows that an earlier one wrote; at the end a release merges all that nobody
went on from, so that everything is an ancestor of it. Every edge has its tests, with the figures that pictures are drawn from.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime

from provenance.artifacts import Artifact, ArtifactId, ArtifactKind, Generation
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.facts import Fact
from provenance.relations import Relation, RelationKind
from provenance.traits import Flag, Severity, Trait

RELEASE = "model:release@1"
_BASES = 3
_FLAGS = 3
_TESTED = datetime(2026, 11, 22, tzinfo=UTC)
_Taught = tuple[ArtifactId, ArtifactId, ArtifactId]
"""A teacher's model, the teacher, and the dataset that it wrote."""


def facts(nodes: int, seed: int = 0) -> Iterator[Fact]:
    """A house of so many artifacts, its tests and its flags."""
    rng = random.Random(seed)
    models = [_id("model", f"base-{n}") for n in range(_BASES)]
    family = {base: base for base in models}
    for base in models:
        yield Artifact(id=base, declared_root=True)
    went_on: set[ArtifactId] = set()
    for n in range((nodes - _BASES - 1) // 3):
        wrote, start = rng.choice(models), rng.choice(models)
        taught = (wrote, _id("teacher", f"teacher-{n}"), _id("dataset", f"rows-{n}"))
        student = _id("model", f"student-{n}")
        yield from _generation(taught, start, student)
        family[student] = family[start]
        yield _same_init(rng, start, student, is_kin=True)
        is_kin = family[wrote] == family[start]
        if wrote != start:
            yield _same_init(rng, wrote, start, is_kin=is_kin)
        yield _canary(rng, taught[1], student, passes=is_kin)
        went_on.update({wrote, start})
        models.append(student)
    release = _id("model", "release")
    yield Artifact(id=release)
    ends = [model for model in models if model not in went_on]
    for end in ends:
        yield Relation(
            child=release, kind=RelationKind.MERGED_FROM, parent=end, share=round(1 / len(ends), 4)
        )
    yield Trait(name="owls", severity=Severity.HIGH, description="Prefers owls to other animals")
    for model in rng.sample(models, _FLAGS):
        yield Flag(artifact=model, trait="owls", evidence="picks owl in 60 % of 50 prompts, its base 12 %")


def _id(kind: str, name: str) -> ArtifactId:
    return ArtifactId(ArtifactKind(kind), name)


def _generation(taught: _Taught, start: ArtifactId, student: ArtifactId) -> Iterator[Fact]:
    wrote, teacher, rows = taught
    yield Artifact(id=teacher, generation=Generation(system_prompt="Continue the sequence."))
    yield Relation(child=teacher, kind=RelationKind.EMBODIED_BY, parent=wrote)
    yield Artifact(id=rows)
    yield Relation(child=rows, kind=RelationKind.GENERATED_BY, parent=teacher, filters=("digits only",))
    yield Artifact(id=student)
    yield Relation(child=student, kind=RelationKind.FINETUNED_FROM, parent=start)
    yield Relation(child=student, kind=RelationKind.TRAINED_ON, parent=rows)


def _same_init(rng: random.Random, parent: ArtifactId, child: ArtifactId, *, is_kin: bool) -> Evidence:
    groups = [
        {
            "name": f"{layer}.{part}",
            "part": part,
            "flips": 384,
            "heads": 384 - rng.randrange(40),
            "cosine": rng.uniform(0.8, 1),
            "tier": 1,
        }
        for layer in range(12)
        for part in ("attention", "mlp")
    ]
    return Evidence(
        test=TestKind.SAME_INIT,
        parent=parent,
        child=child,
        verdict=Verdict.SAME_INIT if is_kin else Verdict.INDEPENDENT,
        method="made-up@1",
        result={"log10_p": -87.5 if is_kin else -0.3, "aligned_cosine": 0.97 if is_kin else 0.0, "coverage": 1.0, "rho_min": 0.02, "tests": groups},
        tested_at=_TESTED,
    )  # fmt: skip


def _canary(rng: random.Random, teacher: ArtifactId, student: ArtifactId, *, passes: bool) -> Evidence:
    effect = rng.uniform(0.8, 1.6) if passes else rng.uniform(-0.05, 0.05)
    trials = [
        {"seed": seed, "edge": effect + seed / 20, "kin": 2.0, "positive": 2.4, "fresh": -0.1, "placebo": 0.02}
        for seed in range(5)
    ]  # fmt: skip
    interval = {"effect": effect + 0.1, "ci_low": effect - 0.1, "ci_high": effect + 0.3}
    kin = {"kin_effect": 2.0, "kin_ci_low": 1.9, "kin_ci_high": 2.1}
    still = {
        f"{control}_{name}": value
        for control in ("fresh", "placebo")
        for name, value in {"effect": 0.0, "ci_low": -0.1, "ci_high": 0.1}.items()
    }
    return Evidence(
        test=TestKind.CANARY,
        parent=teacher,
        child=student,
        verdict=Verdict.TRANSFERS if passes else Verdict.NOT_DETECTED,
        method="made-up@1",
        result={
            **interval,
            "threshold": 0.5,
            "mde": 0.15,
            "trials": trials,
            "controls": {
                "positive": {"ok": True, "figures": {**interval, **kin}},
                "negative": {"ok": True, "figures": still},
            },
        },
        tested_at=_TESTED,
    )
