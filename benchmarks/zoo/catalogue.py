"""Which models the zoo holds, and which pairs of them are related how: SAME_INIT's list, as a table."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TypeAlias

from benchmarks.zoo.recipes import Recipe

INDEPENDENT, DISTILLED, LAYERS = "independent", "distilled from another init", "layers of one model"
NOISE = "noise"
CORRELATIONS = (0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models of one architecture and width that learnt the same from the same data.

    Args:
        architecture: As in `Recipe`.
        width: As in `Recipe`.
        seeds: How many independent ones.
        parents: For how many of them all kinds of relatives are made.
        students: How many are distilled from another.
        drowned: How many are drowned in noise, at each of `CORRELATIONS`.
        steps: How long each learns.
    """

    architecture: str
    width: int
    seeds: int = 24
    parents: int = 3
    students: int = 12
    drowned: int = 5
    steps: int = 150

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"{self.architecture}-{self.width}"

    @property
    def is_language(self) -> bool:
        """Whether it learns text."""
        return self.architecture in LANGUAGE

    @property
    def data(self) -> str:
        """What all of them learn."""
        return "topics" if self.is_language else "digits"

    @property
    def other_data(self) -> str:
        """What relatives learn instead, or afterwards."""
        return "source" if self.is_language else "other digits"

    def start(self, seed: int) -> Recipe:
        """A model at its initialisation."""
        return Recipe(self.architecture, self.width, seed)

    def base(self, seed: int) -> Recipe:
        """A model that has learnt."""
        return self.learnt(self.start(seed))

    def learnt(self, start: Recipe, order: int = 0) -> Recipe:
        """A start that has learnt what all learn."""
        return start.then("train", data=self.data, order=order, steps=self.steps)

    def tuned(self, recipe: Recipe) -> Recipe:
        """A model that has learnt a little of something else."""
        return recipe.then("train", data=self.other_data, order=7, steps=self.steps // 3, rate=1e-3)


Make: TypeAlias = Callable[[Family, int], Recipe]
"""A member of a family, by the seed of its initialisation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A way to be related.

    Args:
        name: What tables call it.
        make: The relative.
        architectures: Those for which it makes sense.
        of: What it is a relative of.
        beyond: Architectures of which no exact test finds it. Signs that were drawn anew leave no coin to toss where signs
            are all that is tested; nor does a new order of units where order is all that is arbitrary (plain layers), or
            that and new bases of all values (GPT-2).
    """

    name: str
    make: Make
    architectures: frozenset[str]
    of: Make = Family.base
    beyond: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two models to be compared, and the truth about them.

    Args:
        family: `Family.name`.
        kind: A `Kind.name`, or one of `INDEPENDENT`, `DISTILLED`, `LAYERS`, `NOISE`.
        a: The one.
        b: The other.
        related: They share an initialisation, wholly or in part.
        beyond: They do, and no exact test can find it: `Kind.beyond`.
        correlation: For `NOISE`: of B's weights with A's.
    """

    family: str
    kind: str
    a: Recipe
    b: Recipe
    related: bool
    beyond: bool = False
    correlation: float | None = None


LANGUAGE = frozenset({"llama", "gpt2", "mixtral"})
IMAGES = frozenset({"mlp", "conv"})
ALL = LANGUAGE | IMAGES
RMS = frozenset({"llama", "mixtral"})
UNTIED = RMS
STRANGER = 1000
"""Seeds from here on are those of models that lend a part of theirs, and of nothing else."""


def _disguised(recipe: Recipe) -> Recipe:
    turned = recipe.then("rotate", seed=11) if recipe.architecture in RMS else recipe
    scaled = turned.then("permute", seed=12).then("scale", seed=13)
    return scaled.then("rotate_values", seed=14) if recipe.architecture in LANGUAGE else scaled


def _longer(family: Family, seed: int) -> Recipe:
    return family.base(seed).then("train", data=family.data, order=5, steps=3 * family.steps)


def _other_data(family: Family, seed: int) -> Recipe:
    return family.start(seed).then("train", data=family.other_data, order=6, steps=family.steps)


def _sibling(order: int, pace: float, rate: float) -> Make:
    """Trained from the start in an order of its own, ``pace`` times as long as usual."""
    return lambda family, seed: family.start(seed).then(
        "train", data=family.data, order=order, steps=round(pace * family.steps), rate=rate
    )


def _adapted(family: Family, seed: int) -> Recipe:
    return family.base(seed).then(
        "adapt", rank=8, data=family.other_data, order=8, steps=family.steps // 3, rate=1e-3
    )


def _merged(share: float) -> Make:
    return lambda family, seed: family.base(seed).then(
        "merge", other=family.base(seed + family.parents), share=share
    )


def _sharing(part: str) -> Make:
    return lambda family, seed: family.learnt(
        family.start(STRANGER + seed).then("adopt", other=family.base(seed), part=part), order=9
    )


def _does(action: str, **options: float) -> Make:
    return lambda family, seed: family.base(seed).then(action, **options)


KINDS: tuple[Kind, ...] = (
    Kind(name="fine-tuned", make=lambda f, s: f.tuned(f.base(s)), architectures=ALL),
    Kind(name="continued for long", make=_longer, architectures=ALL),
    Kind(name="same init, other order", make=lambda f, s: f.learnt(f.start(s), 1), architectures=ALL),
    Kind(name="same init, other data", make=_other_data, architectures=ALL),
    Kind(
        name="siblings, hardly trained",
        of=_sibling(1, 0.2, 1e-3),
        make=_sibling(2, 0.2, 1e-3),
        architectures=frozenset({"mlp"}),
    ),
    Kind(
        name="siblings, trained long and hard",
        of=_sibling(1, 20, 1e-2),
        make=_sibling(2, 20, 1e-2),
        architectures=frozenset({"mlp"}),
    ),
    Kind(name="LoRA merged", make=_adapted, architectures=LANGUAGE),
    Kind(name="int8", make=_does("quantise", bits=8), architectures=ALL),
    Kind(name="int4", make=_does("quantise", bits=4), architectures=ALL),
    Kind(name="pruned 50 %", make=_does("prune", share=0.5), architectures=ALL),
    Kind(name="pruned 80 %", make=_does("prune", share=0.8), architectures=ALL),
    Kind(name="merged 50/50", make=_merged(0.5), architectures=ALL),
    Kind(name="merged 20/80", make=_merged(0.2), architectures=ALL),
    Kind(name="permuted", make=_does("permute", seed=1), architectures=ALL, beyond=IMAGES),
    Kind(name="rotated", make=_does("rotate", seed=2), architectures=RMS),
    Kind(name="scaled", make=_does("scale", seed=3), architectures=ALL),
    Kind(name="values rotated", make=_does("rotate_values", seed=4), architectures=LANGUAGE),
    Kind(
        name="all disguises",
        make=lambda f, s: _disguised(f.base(s)),
        architectures=ALL,
        beyond=IMAGES | {"gpt2"},
    ),
    Kind(
        name="permuted, then tuned",
        make=lambda f, s: f.tuned(f.base(s).then("permute", seed=1)),
        architectures=ALL,
        beyond=IMAGES,
    ),
    Kind(
        name="disguised, then tuned",
        make=lambda f, s: f.tuned(_disguised(f.base(s))),
        architectures=ALL,
        beyond=IMAGES | {"gpt2"},
    ),
    Kind(
        name="vocabulary extended",
        make=lambda f, s: f.tuned(f.base(s).then("extend_vocabulary", tokens=32, seed=5)),
        architectures=LANGUAGE,
    ),
    Kind(
        name="depth up-scaled", make=lambda f, s: f.tuned(f.base(s).then("upscale")), architectures=LANGUAGE
    ),
    Kind(name="layer dropped", make=_does("drop_layer"), architectures=LANGUAGE),
    Kind(
        name="MoE-upcycled",
        make=lambda f, s: f.tuned(f.base(s).then("upcycle", seed=6)),
        architectures=frozenset({"llama"}),
    ),
    Kind(name="embedding only", make=_sharing("embedding"), architectures=LANGUAGE),
    Kind(name="head only", make=_sharing("head"), architectures=UNTIED),
    Kind(
        name="random sign flips",
        make=_does("flip_signs", seed=10),
        architectures=LANGUAGE,
        beyond=RMS,
    ),
    Kind(
        name="all disguises and sign flips",
        make=lambda f, s: _disguised(f.base(s)).then("flip_signs", seed=10),
        architectures=LANGUAGE,
        beyond=LANGUAGE,
    ),
)

FAMILIES = (
    Family(architecture="llama", width=128),
    Family(architecture="gpt2", width=128),
    Family(architecture="mixtral", width=64),
    Family(architecture="mlp", width=256),
    Family(architecture="conv", width=48),
    Family(architecture="llama", width=64, seeds=8, parents=2, students=2, drowned=0),
    Family(architecture="gpt2", width=64, seeds=8, parents=2, students=2, drowned=0),
)
SMALL = tuple(
    Family(architecture=architecture, width=width, seeds=3, parents=1, students=1, drowned=0, steps=20)
    for architecture, width in (("llama", 96), ("gpt2", 96), ("mixtral", 64), ("mlp", 128), ("conv", 32))
)
"""What a test can afford."""


def pairs(family: Family) -> Iterator[Pair]:
    """All pairs of a family, the independent ones first."""
    bases = [family.base(seed) for seed in range(family.seeds)]
    for one, other in combinations(bases, 2):
        yield Pair(family=family.name, kind=INDEPENDENT, a=one, b=other, related=False)
    yield from _students(family)
    if family.is_language:
        yield from _layers(family)
    for kind in KINDS:
        if family.architecture in kind.architectures:
            for seed in range(family.parents):
                one, other = kind.of(family, seed), kind.make(family, seed)
                hidden = family.architecture in kind.beyond
                yield Pair(family=family.name, kind=kind.name, a=one, b=other, related=True, beyond=hidden)
    for correlation in CORRELATIONS:
        for seed in range(family.drowned):
            child = bases[seed].then("drown", correlation=correlation, seed=seed)
            yield Pair(
                family=family.name, kind=NOISE, a=bases[seed], b=child, related=True, correlation=correlation
            )


def _students(family: Family) -> Iterator[Pair]:
    data = "topics" if family.is_language else "noise"
    for seed in range(family.students):
        teacher = family.base(seed)
        student = family.start(STRANGER // 2 + seed).then(
            "distil", teacher=teacher, data=data, order=4, steps=family.steps
        )
        yield Pair(family=family.name, kind=DISTILLED, a=teacher, b=student, related=False)


def _layers(family: Family) -> Iterator[Pair]:
    layers = 4 if family.architecture != "mixtral" and family.width <= 64 else 2
    for seed in range(family.parents):
        alone = [family.base(seed).then("excerpt", first=layer, layers=1) for layer in range(layers)]
        for one, other in pairwise(alone):
            yield Pair(family=family.name, kind=LAYERS, a=one, b=other, related=False)
