"""Training: from scratch or further, through an adapter, after a teacher. AdamW, one thread, the same in every run."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from benchmarks.zoo.data import batches
from benchmarks.zoo.models import Model, outputs

Loss: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of a network's outputs, its inputs, and its targets."""
_ADAPTED = {
    "llama": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    "mixtral": ["q_proj", "k_proj", "v_proj", "o_proj"],
    "gpt2": ["c_attn", "c_proj", "c_fc"],
}


def train(model: Model, *, data: str, order: int, steps: int, rate: float = 3e-3) -> Model:
    """The model after some steps of learning."""
    network = model.module()
    _fit(network, batches(data, order, steps), rate, _likelihood)
    return model.of(network)


def distil(model: Model, *, teacher: Model, data: str, order: int, steps: int, rate: float = 3e-3) -> Model:
    """The model after some steps of imitating a teacher's probabilities."""
    network, taught = model.module(), teacher.module().eval()

    def divergence(logits: Tensor, inputs: Tensor, _: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = log_softmax(outputs(taught, inputs), dim=-1)
        found = log_softmax(logits, dim=-1)
        classes = found.shape[-1]
        return kl_div(
            found.reshape(-1, classes), wanted.reshape(-1, classes), log_target=True, reduction="batchmean"
        )

    _fit(network, batches(data, order, steps), rate, divergence)
    return model.of(network)


def adapt(model: Model, *, rank: int, data: str, order: int, steps: int, rate: float = 3e-3) -> Model:
    """The model with a low-rank adapter (LoRA) that was trained and merged."""
    from peft import LoraConfig, get_peft_model

    network: Any = model.module()
    kind = model.config["model_type"]
    with torch.random.fork_rng():
        torch.manual_seed(order)
        adapted = get_peft_model(
            network,
            LoraConfig(
                r=rank, lora_alpha=2 * rank, target_modules=_ADAPTED[kind], fan_in_fan_out=kind == "gpt2"
            ),
        )
    _fit(adapted, batches(data, order, steps), rate, _likelihood)
    return model.of(adapted.merge_and_unload())


def _likelihood(logits: Tensor, _: Tensor, targets: Tensor) -> Tensor:
    if targets.dim() == 1:
        return cross_entropy(logits, targets)
    return cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), targets[:, 1:].reshape(-1))


def _fit(network: nn.Module, shown: Iterable[tuple[Tensor, Tensor]], rate: float, loss: Loss) -> None:
    learnt = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learnt, lr=rate)
    for inputs, targets in shown:
        optimiser.zero_grad()
        torch.autograd.backward(loss(outputs(network, inputs), inputs, targets))
        optimiser.step()
