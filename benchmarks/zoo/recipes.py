"""How a model is made, as data: an architecture, a seed, and steps, each of which makes one model of another."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, Union

Option: TypeAlias = Union[str, int, float, "Recipe"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done to a model.

    Args:
        action: A name in `benchmarks.zoo.building.ACTIONS`.
        options: What it takes, by name, in order of the names; other models as their recipes.
    """

    action: str
    options: tuple[tuple[str, Option], ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A model that can be made again.

    Args:
        architecture: A name in `benchmarks.zoo.models.ARCHITECTURES`.
        width: Of the residual stream, or of the hidden layers.
        seed: Of the initialisation.
        steps: What is done to it afterwards.
    """

    architecture: str
    width: int
    seed: int
    steps: tuple[Step, ...] = ()

    def then(self, action: str, **options: Option) -> "Recipe":
        """The recipe with one more step."""
        return replace(self, steps=(*self.steps, Step(action, tuple(sorted(options.items())))))

    def before(self) -> "Recipe":
        """The recipe without its last step."""
        return replace(self, steps=self.steps[:-1])

    def needs(self) -> Iterator["Recipe"]:
        """The models that the last step takes."""
        if self.steps:
            yield self.before()
            yield from (value for _, value in self.steps[-1].options if isinstance(value, Recipe))

    def depth(self) -> int:
        """How many models have to be made one after the other before this one."""
        return max((1 + needed.depth() for needed in self.needs()), default=0)

    def document(self, versions: Mapping[str, str]) -> dict[str, Any]:
        """The recipe as JSON values, with the version of the code behind each action (`""`: the architectures)."""
        steps = [
            {
                "action": step.action,
                "version": versions[step.action],
                "options": {
                    name: value.document(versions) if isinstance(value, Recipe) else value
                    for name, value in step.options
                },
            }
            for step in self.steps
        ]
        return {
            "architecture": self.architecture,
            "width": self.width,
            "seed": self.seed,
            "version": versions[""],
            "steps": steps,
        }

    def digest(self, versions: Mapping[str, str]) -> str:
        """Names the model: of canonical JSON, so that equal recipes have equal digests in every process."""
        canonical = json.dumps(self.document(versions), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:32]
