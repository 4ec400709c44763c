"""Models of another shape, made of a model's parts: other vocabularies, depths and experts; parts that are taken over."""

import re
from collections.abc import Sequence

import torch

from benchmarks.zoo.models import ARCHITECTURES, Model, Tensors

_LAYER = re.compile(r"(.*\.(?:layers|h)\.)(\d+)(\..*)")
_DEPTH = {"llama": "num_hidden_layers", "mixtral": "num_hidden_layers", "gpt2": "n_layer"}
_TABLES = {
    "embedding": ("model.embed_tokens.weight", "transformer.wte.weight"),
    "head": ("lm_head.weight",),
}
_EXPERT_PARTS = {"gate_proj": "w1", "up_proj": "w3", "down_proj": "w2"}
_ROUTER_SPREAD = 0.02


def extend_vocabulary(model: Model, *, tokens: int, seed: int) -> Model:
    """More tokens at the end, each the mean of the others and a little noise, as is usual."""
    random = torch.Generator().manual_seed(seed)
    tensors = dict(model.tensors)
    for name in _present(model, "embedding") + _present(model, "head"):
        table = tensors[name]
        added = table.mean(0) + 0.1 * table.std() * torch.randn(tokens, table.shape[1], generator=random)
        tensors[name] = torch.cat([table, added])
    return Model({**model.config, "vocab_size": model.config["vocab_size"] + tokens}, tensors)


def upscale(model: Model) -> Model:
    """Deeper: all layers but the last quarter, then all but the first (SOLAR, arXiv 2312.15166)."""
    depth = model.config[_DEPTH[model.config["model_type"]]]
    quarter = depth // 4
    return _with_layers(model, [*range(depth - quarter), *range(quarter, depth)])


def drop_layer(model: Model) -> Model:
    """Shallower by one layer of the middle."""
    depth = model.config[_DEPTH[model.config["model_type"]]]
    return _with_layers(model, [layer for layer in range(depth) if layer != depth // 2])


def upcycle(model: Model, *, seed: int) -> Model:
    """A mixture of experts, each of which begins as the dense model's MLP (arXiv 2212.05055), with a router that is drawn."""
    random = torch.Generator().manual_seed(seed)
    config = {
        **ARCHITECTURES["mixtral"](model.config["hidden_size"]),
        "num_hidden_layers": model.config["num_hidden_layers"],
    }
    experts, tensors = range(config["num_local_experts"]), {}
    for name, tensor in model.tensors.items():
        place, dense, part = name.partition("mlp.")
        if not dense:
            tensors[name] = tensor
            continue
        expert_part = _EXPERT_PARTS[part.removesuffix(".weight")]
        for expert in experts:
            tensors[f"{place}block_sparse_moe.experts.{expert}.{expert_part}.weight"] = tensor
        router = torch.randn(len(experts), config["hidden_size"], generator=random)
        tensors[f"{place}block_sparse_moe.gate.weight"] = _ROUTER_SPREAD * router
    return Model(config, tensors)


def adopt(model: Model, *, part: str, other: Model) -> Model:
    """The model with another's ``embedding`` or ``head``."""
    return Model(model.config, model.tensors | {name: other.tensors[name] for name in _present(model, part)})


def excerpt(model: Model, *, first: int, layers: int) -> Model:
    """Some layers alone, without tables of tokens or positions: one part of a model to be set against another."""
    shorter = _with_layers(model, range(first, first + layers))
    return Model(
        shorter.config, {name: tensor for name, tensor in shorter.tensors.items() if _LAYER.fullmatch(name)}
    )


def _present(model: Model, part: str) -> list[str]:
    return [name for name in _TABLES[part] if name in model.tensors]


def _with_layers(model: Model, order: Sequence[int]) -> Model:
    tensors: Tensors = {}
    for name, tensor in model.tensors.items():
        match = _LAYER.fullmatch(name)
        if match is None:
            tensors[name] = tensor
            continue
        for place, layer in enumerate(order):
            if layer == int(match[2]):
                tensors[f"{match[1]}{place}{match[3]}"] = tensor
    return Model({**model.config, _DEPTH[model.config["model_type"]]: len(order)}, tensors)
