"""Small models with the names and shapes of real ones, drawn and disturbed in NumPy."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

Tensors = dict[str, np.ndarray]
Shapes = Mapping[str, tuple[int, ...]]

WIDTH, HIDDEN, TOKENS, LAYERS = 64, 160, 80, 2


def llama(values: int = WIDTH) -> Shapes:
    """Names and shapes; fewer ``values`` than the width is grouped-query attention."""
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (TOKENS, WIDTH),
        "model.norm.weight": (WIDTH,),
        "lm_head.weight": (TOKENS, WIDTH),
    }
    for i in range(LAYERS):
        layer = f"model.layers.{i}."
        shapes |= {
            layer + "self_attn.q_proj.weight": (WIDTH, WIDTH),
            layer + "self_attn.k_proj.weight": (values, WIDTH),
            layer + "self_attn.v_proj.weight": (values, WIDTH),
            layer + "self_attn.o_proj.weight": (WIDTH, WIDTH),
            layer + "mlp.gate_proj.weight": (HIDDEN, WIDTH),
            layer + "mlp.up_proj.weight": (HIDDEN, WIDTH),
            layer + "mlp.down_proj.weight": (WIDTH, HIDDEN),
            layer + "input_layernorm.weight": (WIDTH,),
        }
    return shapes


def gpt2(*, transposed: bool) -> Shapes:
    def linear(outputs: int, inputs: int) -> tuple[int, int]:
        return (inputs, outputs) if transposed else (outputs, inputs)

    shapes: dict[str, tuple[int, ...]] = {"wte.weight": (TOKENS, WIDTH), "wpe.weight": (40, WIDTH)}
    for i in range(LAYERS):
        shapes |= {
            f"h.{i}.attn.c_attn.weight": linear(3 * WIDTH, WIDTH),
            f"h.{i}.attn.c_proj.weight": linear(WIDTH, WIDTH),
            f"h.{i}.mlp.c_fc.weight": linear(HIDDEN, WIDTH),
            f"h.{i}.mlp.c_proj.weight": linear(WIDTH, HIDDEN),
            f"h.{i}.ln_1.weight": (WIDTH,),
        }
    return shapes


def bert() -> Shapes:
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (TOKENS, WIDTH),
        "embeddings.position_embeddings.weight": (40, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
    }
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}."
        for name in ("query", "key", "value"):
            shapes[f"{layer}attention.self.{name}.weight"] = (WIDTH, WIDTH)
        shapes |= {
            layer + "attention.output.dense.weight": (WIDTH, WIDTH),
            layer + "intermediate.dense.weight": (HIDDEN, WIDTH),
            layer + "output.dense.weight": (WIDTH, HIDDEN),
        }
    return shapes


ARCHITECTURES: Mapping[str, Shapes] = {
    "llama": llama(),
    "llama-grouped": llama(values=32),
    "gpt2": gpt2(transposed=True),
    "gpt2-linear": gpt2(transposed=False),
    "bert": bert(),
    "mlp": {
        "layers.0.weight": (64, 16),
        "layers.0.bias": (64,),
        "layers.1.weight": (64, 64),
        "layers.2.weight": (10, 64),
    },
}


def drawn(shapes: Shapes, seed: int) -> Tensors:
    """A fresh initialisation: normal matrices, gains of one, biases of zero."""
    rng = np.random.default_rng(seed)
    return {
        name: (0.02 * rng.standard_normal(shape)).astype(np.float32)
        if len(shape) > 1
        else np.full(shape, 0.0 if name.endswith("bias") else 1.0, np.float32)
        for name, shape in shapes.items()
    }


def moved(tensors: Tensors, seed: int, correlation: float) -> Tensors:
    """The same tensors with noise, so that old and new correlate as told: a stand-in for training."""
    rng = np.random.default_rng(seed)
    return {
        name: (
            correlation * values + np.sqrt(1 - correlation**2) * 0.02 * rng.standard_normal(values.shape)
        ).astype(np.float32)
        for name, values in tensors.items()
    }


def saved(tensors: Tensors, path: Path) -> Path:
    """Writes a checkpoint and returns its path."""
    save_file({name: np.ascontiguousarray(values) for name, values in tensors.items()}, path)
    return path
