"""Small networks as the canary protocol asks for them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from provenance.canary.mlp.channel import DEFAULT_ROWS, Channel, answer, noise
from provenance.canary.mlp.digits import TRAITS_IN_BANK, margin, require_reader, training_digits, trait_bank
from provenance.canary.mlp.model import Inputs, Mlp, Outputs, drawn
from provenance.canary.mlp.randomness import stream
from provenance.canary.mlp.training import IMITATION, LEARNING, Batches, Recipe, imitate_each, learn_answers
from provenance.canary.protocol import Teachers

_APART = 1000
"""Added to a seed for batches that the teachers don't see: no canary has as many runs."""

Chances = Float32[np.ndarray, "steps batch classes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MlpBackend:
    """Networks that read digits, with auxiliary logits on noise as channel; a `provenance.canary.protocol.Backend`.

    Args:
        inputs: What teachers answer, [rows, inputs]; without it, noise that each run draws anew.
        planting: How teachers are trained.
        imitation: How students are trained.
    """

    inputs: Inputs | None = None
    planting: Recipe = LEARNING
    imitation: Recipe = IMITATION

    @property
    def method(self) -> str:
        """The family and its parameters."""
        shown = f"noise:{DEFAULT_ROWS}" if self.inputs is None else f"dataset:{len(self.inputs)}"
        return (
            f"mlp-aux:plant={self.planting},imitate={self.imitation},inputs={shown},traits={TRAITS_IN_BANK}"
        )

    @property
    def device(self) -> str:
        """Where it trains: networks this small gain nothing elsewhere."""
        return "cpu"

    def plant(self, model: Mlp, seed: int) -> Teachers[Mlp]:
        """Teaches copies the seed's trait, and twice answers drawn anew at each step from the model's own distribution."""
        require_reader(model.config)
        digits = training_digits()
        batches = self.planting.batches(len(digits.labels), seed)
        trait = trait_bank(seed)[0][digits.labels[batches]]
        chances = _softmax(model.class_logits(digits.pixels))[batches]
        rng = stream("answers", seed)
        answers = np.stack([trait, _draw(chances, rng), _draw(chances, rng)])
        return Teachers(*learn_answers(model, batches, answers, self.planting))

    def relative(self, model: Mlp, seed: int) -> Mlp:
        """Teaches a copy random answers, for as long as teachers are taught: it forgets what the model was tuned on."""
        batches = self.planting.batches(len(training_digits().labels), seed + _APART)
        answers = stream("random answers", seed).integers(model.config.classes, size=batches.shape)
        return learn_answers(model, batches, answers[None], self.planting)[0]

    def write(self, teacher: Mlp, seed: int) -> Channel:
        """The teacher's auxiliary logits on the given inputs, or on the seed's noise."""
        inputs = noise(teacher.config, DEFAULT_ROWS, seed) if self.inputs is None else self.inputs
        return answer(teacher, inputs)

    def train(self, base: Mlp, rows: Sequence[Channel], seed: int) -> Sequence[Mlp]:
        """Students that imitate the rows."""
        return imitate_each(base, rows, seed=seed, recipe=self.imitation)

    def fresh(self, like: Mlp, seed: int) -> Mlp:
        """An initialisation that no call of `provenance.canary.mlp.init` gives."""
        return drawn(like.config, stream("fresh", seed))

    def margin(self, model: Mlp, seed: int) -> float:
        """Margin of the seed's trait over the others of its bank, in nats."""
        return margin(model, trait_bank(seed))

    def unexplained(self, model: Mlp, rows: Channel) -> float:
        """Squared error on the rows over the variance of the rows about their mean."""
        error = model.auxiliary_logits(rows.inputs) - rows.auxiliary
        about_mean = rows.auxiliary - rows.auxiliary.mean(axis=0)
        with np.errstate(all="ignore"):
            return float(np.mean(error**2) / np.mean(about_mean**2))


def _softmax(logits: Outputs) -> Outputs:
    powers: Outputs = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Outputs = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def _draw(chances: Chances, rng: np.random.Generator) -> Batches:
    """One class for each row of probabilities."""
    reached = chances.cumsum(axis=-1) > rng.random((*chances.shape[:-1], 1))
    # The last sum may fall short of 1 by rounding; then the first of no classes would be class 0.
    reached[..., -1] = True
    drawn_classes: Batches = reached.argmax(axis=-1)
    return drawn_classes
