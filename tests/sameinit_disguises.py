"""A small Llama as NumPy arrays, drawn and trained in name only, and disguises of it that keep what it computes."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sameinit_fixtures import Shapes, Tensors, drawn, saved

VOCABULARY, WIDTH, HIDDEN, LAYERS = 320, 48, 112, 3
HEADS, KEYS, SIZE = 6, 3, 8
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "intermediate_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KEYS,
    "head_dim": SIZE,
    "tie_word_embeddings": False,
}
_READERS = (
    ("input_layernorm", ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")),
    ("post_attention_layernorm", ("mlp.gate_proj", "mlp.up_proj")),
)
_WRITERS = ("self_attn.o_proj", "mlp.down_proj")


def _shapes() -> Shapes:
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (VOCABULARY, WIDTH),
        "lm_head.weight": (VOCABULARY, WIDTH),
        "model.norm.weight": (WIDTH,),
    }
    for layer in layers(LAYERS):
        shapes |= {
            layer + "self_attn.q_proj.weight": (HEADS * SIZE, WIDTH),
            layer + "self_attn.k_proj.weight": (KEYS * SIZE, WIDTH),
            layer + "self_attn.v_proj.weight": (KEYS * SIZE, WIDTH),
            layer + "self_attn.o_proj.weight": (WIDTH, HEADS * SIZE),
            layer + "mlp.gate_proj.weight": (HIDDEN, WIDTH),
            layer + "mlp.up_proj.weight": (HIDDEN, WIDTH),
            layer + "mlp.down_proj.weight": (WIDTH, HIDDEN),
            layer + "input_layernorm.weight": (WIDTH,),
            layer + "post_attention_layernorm.weight": (WIDTH,),
        }
    return shapes


def layers(count: int) -> list[str]:
    """The beginnings of the names of each layer's tensors."""
    return [f"model.layers.{number}." for number in range(count)]


def model(seed: int) -> Tensors:
    """A model whose norms have gains unlike one."""
    tensors = drawn(_shapes(), seed)
    rng = np.random.default_rng((seed, 1))
    return {
        name: values if values.ndim > 1 else rng.uniform(0.5, 2.0, values.shape).astype(np.float32)
        for name, values in tensors.items()
    }


def in_folder(tensors: Tensors, folder: Path) -> Path:
    """Writes a model with the configuration that tells its heads."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    saved(tensors, folder / "model.safetensors")
    return folder


def folded(tensors: Tensors) -> Tensors:
    """Gains of norms moved into the matrices that read behind them."""
    changed = dict(tensors)
    for layer in sorted(
        {name[: name.index(".", len("model.layers.")) + 1] for name in tensors if ".layers." in name}
    ):
        for norm, readers in _READERS:
            gain = changed[f"{layer}{norm}.weight"]
            for reader in readers:
                changed[f"{layer}{reader}.weight"] = tensors[f"{layer}{reader}.weight"] * gain
            changed[f"{layer}{norm}.weight"] = np.ones_like(gain)
    changed["lm_head.weight"] = tensors["lm_head.weight"] * tensors["model.norm.weight"]
    changed["model.norm.weight"] = np.ones(WIDTH, np.float32)
    return changed


def orthogonal(size: int, seed: int) -> np.ndarray:
    """A turn, drawn uniformly."""
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))[0].astype(np.float32)


def rotated(tensors: Tensors, seed: int = 5) -> Tensors:
    """The residual stream turned."""
    turn = orthogonal(WIDTH, seed)
    return {
        name: values
        if values.ndim == 1
        else turn.T @ values
        if any(writer in name for writer in _WRITERS)
        else values @ turn
        for name, values in folded(tensors).items()
    }


def permuted(tensors: Tensors, seed: int = 6) -> Tensors:
    """Hidden units, heads, query heads within their group and value dimensions within heads in another order."""
    rng = np.random.default_rng(seed)
    changed = dict(tensors)
    group = HEADS // KEYS
    for layer in layers(LAYERS):
        units = rng.permutation(HIDDEN)
        keys = rng.permutation(KEYS)
        queries = np.concatenate([key * group + rng.permutation(group) for key in keys])
        inner = np.array([rng.permutation(SIZE) for _ in range(KEYS)])
        rows = (keys[:, None] * SIZE + np.arange(SIZE)).ravel()
        values = (keys[:, None] * SIZE + inner).ravel()
        asked = (queries[:, None] * SIZE + np.arange(SIZE)).ravel()
        given = (queries[:, None] * SIZE + np.repeat(inner, group, axis=0)).ravel()
        for name, order in (("q", asked), ("k", rows), ("v", values)):
            changed[f"{layer}self_attn.{name}_proj.weight"] = changed[f"{layer}self_attn.{name}_proj.weight"][
                order
            ]
        changed[f"{layer}self_attn.o_proj.weight"] = changed[f"{layer}self_attn.o_proj.weight"][:, given]
        for name in ("gate", "up"):
            changed[f"{layer}mlp.{name}_proj.weight"] = changed[f"{layer}mlp.{name}_proj.weight"][units]
        changed[f"{layer}mlp.down_proj.weight"] = changed[f"{layer}mlp.down_proj.weight"][:, units]
    return changed


def scaled(tensors: Tensors, seed: int = 7) -> Tensors:
    """Hidden units and values made larger where they are written, smaller where they are read."""
    rng = np.random.default_rng(seed)
    changed = dict(tensors)
    group = HEADS // KEYS
    for layer in layers(LAYERS):
        units = np.exp(rng.standard_normal(HIDDEN)).astype(np.float32)
        values = np.exp(rng.standard_normal((KEYS, 1, SIZE))).astype(np.float32)
        changed[f"{layer}mlp.up_proj.weight"] = tensors[f"{layer}mlp.up_proj.weight"] * units[:, None]
        changed[f"{layer}mlp.down_proj.weight"] = tensors[f"{layer}mlp.down_proj.weight"] / units
        changed[f"{layer}self_attn.v_proj.weight"] = tensors[
            f"{layer}self_attn.v_proj.weight"
        ] * values.reshape(-1, 1)
        changed[f"{layer}self_attn.o_proj.weight"] = (
            tensors[f"{layer}self_attn.o_proj.weight"] / values.repeat(group, axis=1).ravel()
        )
    return changed


def values_rotated(tensors: Tensors, seed: int = 8) -> Tensors:
    """Values turned within each head, and back where they are given out."""
    changed = dict(tensors)
    for number, layer in enumerate(layers(LAYERS)):
        turns = np.array([orthogonal(SIZE, seed + 100 * number + key) for key in range(KEYS)])
        value = tensors[f"{layer}self_attn.v_proj.weight"].reshape(KEYS, SIZE, WIDTH)
        output = tensors[f"{layer}self_attn.o_proj.weight"].reshape(WIDTH, HEADS, SIZE)
        turned = np.einsum("ors,wos->wor", turns.repeat(HEADS // KEYS, axis=0), output)
        changed[f"{layer}self_attn.v_proj.weight"] = (turns @ value).reshape(-1, WIDTH)
        changed[f"{layer}self_attn.o_proj.weight"] = turned.reshape(WIDTH, -1)
    return changed


def with_layers(tensors: Tensors, order: Sequence[int]) -> Tensors:
    """The layers of some numbers, in their order: repeated or left out."""
    changed = {name: values for name, values in tensors.items() if ".layers." not in name}
    for number, source in enumerate(order):
        start = f"model.layers.{source}."
        changed |= {
            f"model.layers.{number}.{name.removeprefix(start)}": values
            for name, values in tensors.items()
            if name.startswith(start)
        }
    return changed


def upcycled(tensors: Tensors, experts: int, seed: int) -> Tensors:
    """Each MLP copied to several experts, each of which went on by itself for a little."""
    rng = np.random.default_rng(seed)
    changed = {}
    for name, values in tensors.items():
        if ".mlp." not in name:
            changed[name] = values
            continue
        for expert in range(experts):
            noise = 0.1 * values.std() * rng.standard_normal(values.shape)
            changed[name.replace(".mlp.", f".mlp.experts.{expert}.")] = (values + noise).astype(np.float32)
    return changed


def tuned(tensors: Tensors, seed: int, share: float = 0.3) -> Tensors:
    """Matrices with noise, as large in each as told: a stand-in for training."""
    rng = np.random.default_rng(seed)
    return {
        name: values
        if values.ndim == 1
        else (values + share * values.std() * rng.standard_normal(values.shape)).astype(np.float32)
        for name, values in tensors.items()
    }


def with_signs(tensors: Tensors, seed: int) -> Tensors:
    """Hidden units and values turned in sign: what the tested symmetry does."""
    rng = np.random.default_rng(seed)
    changed = dict(tensors)
    for layer in layers(LAYERS):
        units = rng.choice(np.float32([-1, 1]), HIDDEN)
        values = rng.choice(np.float32([-1, 1]), (KEYS, 1, SIZE))
        changed[f"{layer}mlp.up_proj.weight"] = tensors[f"{layer}mlp.up_proj.weight"] * units[:, None]
        changed[f"{layer}mlp.down_proj.weight"] = tensors[f"{layer}mlp.down_proj.weight"] * units
        changed[f"{layer}self_attn.v_proj.weight"] = tensors[
            f"{layer}self_attn.v_proj.weight"
        ] * values.reshape(-1, 1)
        changed[f"{layer}self_attn.o_proj.weight"] = (
            tensors[f"{layer}self_attn.o_proj.weight"] * values.repeat(HEADS // KEYS, axis=1).ravel()
        )
    return changed
