"""Architecture families as data: which tensor plays which role.

A pattern is the end of a tensor's name, so that whatever stands before it (``bert.``, ``model.decoder.``) is the tensor's tower and
two exports of one model still meet; ``{i}`` stands for a number. Adding a family is adding a row.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from provenance.weights.hints import Norm


class Role(StrEnum):
    """The part that a matrix plays."""

    EMBEDDING = "embedding"  # tokens x residual
    POSITION = "position"  # positions x residual
    HEAD = "head"  # tokens x residual
    QUERY = "query"
    KEY = "key"
    VALUE = "value"
    OUTPUT = "output"  # of attention, back to the residual stream
    GATE = "gate"  # of a gated MLP: what the non-linearity sees
    UP = "up"  # of a gated MLP: what the gate multiplies
    DOWN = "down"
    HIDDEN_IN = "hidden-in"  # of a plain MLP
    HIDDEN_OUT = "hidden-out"
    STACKED = "stacked"  # one of a stack of plain layers
    SERIES = "series"  # one of a series of plain layers that skip connections may run past
    ROUTER = "router"  # experts x residual
    INPUT_GATE = "input-gate"  # of an LSTM, by what the cell takes in
    FORGET_GATE = "forget-gate"
    CELL_GATE = "cell-gate"
    OUTPUT_GATE = "output-gate"
    RESET_GATE = "reset-gate"  # of a GRU
    UPDATE_GATE = "update-gate"
    NEW_GATE = "new-gate"
    NORM_ATTENTION = "norm-attention"  # gains (vectors) on what attention reads
    NORM_MLP = "norm-mlp"  # on what the MLP reads
    NORM_FINAL = "norm-final"  # on what the head reads


@dataclass(frozen=True)
class Pattern:
    """One tensor name and what it means.

    Args:
        suffix: The end of the name, ``{i}`` for a number.
        role: What the tensor does.
        out_axis: The axis of its outputs: 0 for a linear layer, 1 for GPT-2's transposed ``Conv1D``.
        chunk: ``(k, n)`` when the role is the k-th of n equal parts along the output axis of a fused tensor.
    """

    suffix: str
    role: Role
    out_axis: int = 0
    chunk: tuple[int, int] = (0, 1)

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """Matches a whole name; group 1 is the tower, the others are the numbers."""
        return re.compile(r"(?:(.*)\.)?" + re.escape(self.suffix).replace(r"\{i\}", r"(\d{1,6})"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models that name and wire their tensors alike.

    Args:
        name: What people call it.
        rotary: Positions enter by rotation, and not by a table that is added to the residual stream.
        norm: How the residual stream is normalised, where all members do it alike.
        patterns: The tensors.
    """

    name: str
    rotary: bool = False
    norm: Norm | None = None
    patterns: tuple[Pattern, ...]


def _gpt2(name: str, out_axis: int) -> Family:
    layer = "h.{i}."
    return Family(
        name=name,
        patterns=(
            Pattern("wte.weight", Role.EMBEDDING),
            Pattern("wpe.weight", Role.POSITION),
            Pattern("lm_head.weight", Role.HEAD),
            Pattern(layer + "attn.c_attn.weight", Role.QUERY, out_axis, (0, 3)),
            Pattern(layer + "attn.c_attn.weight", Role.KEY, out_axis, (1, 3)),
            Pattern(layer + "attn.c_attn.weight", Role.VALUE, out_axis, (2, 3)),
            Pattern(layer + "attn.c_proj.weight", Role.OUTPUT, out_axis),
            Pattern(layer + "mlp.c_fc.weight", Role.HIDDEN_IN, out_axis),
            Pattern(layer + "mlp.c_proj.weight", Role.HIDDEN_OUT, out_axis),
        ),
    )


FAMILIES: tuple[Family, ...] = (
    Family(
        name="llama",
        rotary=True,
        norm=Norm.RMS,
        patterns=(
            Pattern("embed_tokens.weight", Role.EMBEDDING),
            Pattern("lm_head.weight", Role.HEAD),
            Pattern("layers.{i}.self_attn.q_proj.weight", Role.QUERY),
            Pattern("layers.{i}.self_attn.k_proj.weight", Role.KEY),
            Pattern("layers.{i}.self_attn.v_proj.weight", Role.VALUE),
            Pattern("layers.{i}.self_attn.o_proj.weight", Role.OUTPUT),
            Pattern("layers.{i}.mlp.gate_proj.weight", Role.GATE),
            Pattern("layers.{i}.mlp.up_proj.weight", Role.UP),
            Pattern("layers.{i}.mlp.gate_up_proj.weight", Role.GATE, chunk=(0, 2)),
            Pattern("layers.{i}.mlp.gate_up_proj.weight", Role.UP, chunk=(1, 2)),
            Pattern("layers.{i}.mlp.down_proj.weight", Role.DOWN),
            Pattern("layers.{i}.mlp.experts.{i}.gate_proj.weight", Role.GATE),
            Pattern("layers.{i}.mlp.experts.{i}.up_proj.weight", Role.UP),
            Pattern("layers.{i}.mlp.experts.{i}.down_proj.weight", Role.DOWN),
            Pattern("layers.{i}.block_sparse_moe.experts.{i}.w1.weight", Role.GATE),
            Pattern("layers.{i}.block_sparse_moe.experts.{i}.w3.weight", Role.UP),
            Pattern("layers.{i}.block_sparse_moe.experts.{i}.w2.weight", Role.DOWN),
            Pattern("layers.{i}.input_layernorm.weight", Role.NORM_ATTENTION),
            Pattern("layers.{i}.post_attention_layernorm.weight", Role.NORM_MLP),
            Pattern("norm.weight", Role.NORM_FINAL),
        ),
    ),
    Family(
        name="llama-original",
        rotary=True,
        patterns=(
            Pattern("tok_embeddings.weight", Role.EMBEDDING),
            Pattern("output.weight", Role.HEAD),
            Pattern("layers.{i}.attention.wq.weight", Role.QUERY),
            Pattern("layers.{i}.attention.wk.weight", Role.KEY),
            Pattern("layers.{i}.attention.wv.weight", Role.VALUE),
            Pattern("layers.{i}.attention.wo.weight", Role.OUTPUT),
            Pattern("layers.{i}.feed_forward.w1.weight", Role.GATE),
            Pattern("layers.{i}.feed_forward.w3.weight", Role.UP),
            Pattern("layers.{i}.feed_forward.w2.weight", Role.DOWN),
        ),
    ),
    _gpt2("gpt2", out_axis=1),
    _gpt2("gpt2-linear", out_axis=0),
    Family(
        name="bert",
        patterns=(
            Pattern("embeddings.word_embeddings.weight", Role.EMBEDDING),
            Pattern("embeddings.position_embeddings.weight", Role.POSITION),
            Pattern("layer.{i}.attention.self.query.weight", Role.QUERY),
            Pattern("layer.{i}.attention.self.key.weight", Role.KEY),
            Pattern("layer.{i}.attention.self.value.weight", Role.VALUE),
            Pattern("layer.{i}.attention.output.dense.weight", Role.OUTPUT),
            Pattern("layer.{i}.intermediate.dense.weight", Role.HIDDEN_IN),
            Pattern("layer.{i}.output.dense.weight", Role.HIDDEN_OUT),
        ),
    ),
    Family(
        name="distilbert",
        patterns=(
            Pattern("embeddings.word_embeddings.weight", Role.EMBEDDING),
            Pattern("embeddings.position_embeddings.weight", Role.POSITION),
            Pattern("layer.{i}.attention.q_lin.weight", Role.QUERY),
            Pattern("layer.{i}.attention.k_lin.weight", Role.KEY),
            Pattern("layer.{i}.attention.v_lin.weight", Role.VALUE),
            Pattern("layer.{i}.attention.out_lin.weight", Role.OUTPUT),
            Pattern("layer.{i}.ffn.lin1.weight", Role.HIDDEN_IN),
            Pattern("layer.{i}.ffn.lin2.weight", Role.HIDDEN_OUT),
        ),
    ),
    # OPT, BART, Whisper and kin: encoder and decoder are towers. How their positions enter differs.
    Family(
        name="bart",
        patterns=(
            Pattern("layers.{i}.self_attn.q_proj.weight", Role.QUERY),
            Pattern("layers.{i}.self_attn.k_proj.weight", Role.KEY),
            Pattern("layers.{i}.self_attn.v_proj.weight", Role.VALUE),
            Pattern("layers.{i}.self_attn.out_proj.weight", Role.OUTPUT),
            Pattern("layers.{i}.fc1.weight", Role.HIDDEN_IN),
            Pattern("layers.{i}.fc2.weight", Role.HIDDEN_OUT),
        ),
    ),
)
"""Every family that is recognised by name. Whatever is none of them may still be a stack of plain layers."""
