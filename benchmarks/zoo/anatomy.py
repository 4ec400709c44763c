"""Which parts of each architecture's tensors belong to one unit: what can be done to it so that the network computes the same.

Everything here names *modules* of linear layers, whose `.weight` is outputs x inputs and whose `.bias`, where there is one, is as
long as the outputs. GPT-2 stores its matrices the other way round and three of them as one: `unpacked` and `packed` see to that.
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import torch

from benchmarks.zoo.models import Config, Model, Tensors


class Law(StrEnum):
    """By what a hidden unit may be multiplied, so that it can be divided out again behind it."""

    NOTHING = "nothing"  # GELU
    POSITIVE = "positive"  # ReLU
    ANYTHING = "anything"  # linear in what the gate multiplies


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """The hidden units of one MLP, or between two layers.

    Args:
        scaled: The module whose outputs are proportional to the units.
        gates: Modules whose outputs stand beside them, unit by unit.
        reader: The module whose inputs the units are.
        law: By what they may be multiplied.
    """

    scaled: str
    reader: str
    law: Law
    gates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """One layer's attention: its modules and how their dimensions make up heads.

    Args:
        rotary: Pairs (r, r + size / 2) of queries and keys turn together.
    """

    query: str
    key: str
    value: str
    output: str
    heads: int
    kv_heads: int
    size: int
    rotary: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """All that holds coordinates of the residual stream.

    Args:
        tables: Tensors, rows x coordinates.
        writers: Modules whose outputs are added to it.
        gains: Norm to the modules that read what it gives.
        rms: The norms take no mean away: rotations are symmetries once gains are folded into their readers.
    """

    tables: tuple[str, ...]
    writers: tuple[str, ...]
    gains: tuple[tuple[str, tuple[str, ...]], ...]
    rms: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """A network's units. `experts` holds, by layer, the router and the prefixes of experts whose order is arbitrary."""

    hidden: tuple[Hidden, ...]
    attention: tuple[Attention, ...] = ()
    residual: Residual | None = None
    experts: tuple[tuple[str, tuple[str, ...]], ...] = ()


def anatomy(model: Model) -> Anatomy:
    """The units of a model, by the names of `unpacked`."""
    return _ANATOMIES[model.config["model_type"]](model)


def unpacked(model: Model) -> Tensors:
    """The tensors, every matrix outputs x inputs, fused ones taken apart."""
    if model.config["model_type"] != "gpt2":
        return {name: tensor.clone() for name, tensor in model.tensors.items()}
    tensors: Tensors = {}
    for name, tensor in model.tensors.items():
        turned = tensor.T if _is_turned(name) else tensor
        if ".c_attn." in name:
            for part, values in zip(("q", "k", "v"), turned.chunk(3), strict=True):
                tensors[name.replace("c_attn", part)] = values.clone()
        else:
            tensors[name] = turned.clone()
    return tensors


def packed(model: Model, tensors: Tensors) -> Model:
    """The model with other tensors, as `unpacked` gave them."""
    stored: Tensors = {}
    for name in model.tensors:
        parts = [name.replace("c_attn", part) for part in "qkv"] if ".c_attn." in name else [name]
        whole = torch.cat([tensors[part] for part in parts])
        stored[name] = whole.T.contiguous() if _is_turned(name) else whole.contiguous()
    return Model(model.config, stored)


def _is_turned(name: str) -> bool:
    return name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight"))


def _llama(model: Model) -> Anatomy:
    config = model.config
    layers = [f"model.layers.{layer}." for layer in range(config["num_hidden_layers"])]
    mlps = {layer: _mlps(config, layer) for layer in layers}
    routers = {
        layer: layer + "block_sparse_moe.gate" for layer in layers if config["model_type"] == "mixtral"
    }
    gains: list[tuple[str, tuple[str, ...]]] = [("model.norm", ("lm_head",))]
    for layer in layers:
        gains.append((layer + "input_layernorm", tuple(layer + f"self_attn.{x}_proj" for x in "qkv")))
        read = tuple(module for one in mlps[layer] for module in (one.scaled, *one.gates))
        gains.append((layer + "post_attention_layernorm", (*read, *filter(None, [routers.get(layer)]))))
    return Anatomy(
        hidden=tuple(one for layer in layers for one in mlps[layer]),
        attention=tuple(
            Attention(
                query=layer + "self_attn.q_proj",
                key=layer + "self_attn.k_proj",
                value=layer + "self_attn.v_proj",
                output=layer + "self_attn.o_proj",
                heads=config["num_attention_heads"],
                kv_heads=config["num_key_value_heads"],
                size=config["hidden_size"] // config["num_attention_heads"],
                rotary=True,
            )
            for layer in layers
        ),
        residual=Residual(
            tables=("model.embed_tokens.weight",),
            writers=tuple(
                [layer + "self_attn.o_proj" for layer in layers]
                + [one.reader for layer in layers for one in mlps[layer]]
            ),
            gains=tuple(gains),
            rms=True,
        ),
        experts=tuple(
            (router, tuple(f"{layer}block_sparse_moe.experts.{k}." for k in range(len(mlps[layer]))))
            for layer, router in routers.items()
        ),
    )


def _mlps(config: Config, layer: str) -> list[Hidden]:
    if config["model_type"] == "mixtral":
        parts = [
            [f"{layer}block_sparse_moe.experts.{expert}.{part}" for part in ("w3", "w1", "w2")]
            for expert in range(config["num_local_experts"])
        ]
    else:
        parts = [[f"{layer}mlp.{part}_proj" for part in ("up", "gate", "down")]]
    return [Hidden(scaled=up, gates=(gate,), reader=down, law=Law.ANYTHING) for up, gate, down in parts]


def _gpt2(model: Model) -> Anatomy:
    config = model.config
    layers = [f"transformer.h.{layer}." for layer in range(config["n_layer"])]
    gains: list[tuple[str, tuple[str, ...]]] = [("transformer.ln_f", ())]
    for layer in layers:
        gains.append((layer + "ln_1", tuple(layer + f"attn.{x}" for x in "qkv")))
        gains.append((layer + "ln_2", (layer + "mlp.c_fc",)))
    return Anatomy(
        hidden=tuple(
            Hidden(scaled=layer + "mlp.c_fc", reader=layer + "mlp.c_proj", law=Law.NOTHING)
            for layer in layers
        ),
        attention=tuple(
            Attention(
                query=layer + "attn.q",
                key=layer + "attn.k",
                value=layer + "attn.v",
                output=layer + "attn.c_proj",
                heads=config["n_head"],
                kv_heads=config["n_head"],
                size=config["n_embd"] // config["n_head"],
                rotary=False,
            )
            for layer in layers
        ),
        residual=Residual(
            tables=("transformer.wte.weight", "transformer.wpe.weight"),
            writers=tuple(layer + part for layer in layers for part in ("attn.c_proj", "mlp.c_proj")),
            gains=tuple(gains),
            rms=False,
        ),
    )


def _images(model: Model) -> Anatomy:
    """A chain: what one layer gives, the next one reads."""
    modules = [name.removesuffix(".weight") for name in model.tensors if name.endswith(".weight")]
    chain = sorted(modules, key=lambda module: (module == "classifier", module))
    return Anatomy(
        hidden=tuple(Hidden(scaled=one, reader=other, law=Law.POSITIVE) for one, other in pairwise(chain))
    )


_ANATOMIES = {
    "llama": _llama,
    "mixtral": _llama,
    "gpt2": _gpt2,
    "digits-mlp": _images,
    "digits-conv": _images,
}
