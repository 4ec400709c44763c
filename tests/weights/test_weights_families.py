"""Families of architectures: what their rows claim of real networks holds for what those compute."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from provenance.weights.checkpoint import Checkpoint
from provenance.weights.families import FAMILIES, Positions, Role
from provenance.weights.hints import Hints, Norm, Rotation, config_hints
from provenance.weights.network import Network
from provenance.weights.recognition import recognise
from provenance.weights.roles import Layout, Matrix, Slot

transformers.logging.set_verbosity_error()

SIZES = {
    "vocab_size": 40,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 16,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
GROUPED = {"num_key_value_heads": 2, "head_dim": 8}
EXPERTS = {
    "num_experts": 4,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 24,
    "shared_expert_intermediate_size": 40,
}
ENCODER_DECODER = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "decoder_start_token_id": 0,
}
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}


@dataclass(frozen=True)
class Case:
    family: str
    settings: Mapping[str, object]
    roles: frozenset[Role] = frozenset()
    head: str = "AutoModelForCausalLM"


GATED = frozenset({Role.QUERY, Role.KEY, Role.VALUE, Role.OUTPUT, Role.GATE, Role.UP, Role.DOWN})
PLAIN = frozenset({Role.QUERY, Role.KEY, Role.VALUE, Role.OUTPUT, Role.HIDDEN_IN, Role.HIDDEN_OUT})
CASES = {
    "llama": Case("llama", GROUPED, GATED),
    "phi3": Case("llama", GROUPED, GATED),
    "mixtral": Case("llama", GROUPED | EXPERTS, GATED | {Role.ROUTER}),
    "qwen2_moe": Case("llama", GROUPED | EXPERTS, GATED | {Role.ROUTER}),
    "gpt_oss": Case("gpt-oss", GROUPED | EXPERTS, PLAIN | {Role.ROUTER}),
    "gemma2": Case("gemma2", GROUPED, GATED),
    "olmo2": Case("olmo2", GROUPED, GATED),
    "cohere": Case("llama", GROUPED, GATED),
    "starcoder2": Case("starcoder2", GROUPED, PLAIN),
    "gpt2": Case("gpt2", {"n_embd": 32, "n_head": 4, "n_layer": 2}, PLAIN),
    "gpt_bigcode": Case("gpt2-linear", {"n_embd": 32, "n_head": 4, "n_layer": 2}, PLAIN),
    "gpt_neox": Case("gpt-neox", {"rotary_pct": 0.5}, PLAIN),
    "gptj": Case("gptj", {"n_embd": 32, "n_head": 4, "n_layer": 2, "rotary_dim": 4}, PLAIN),
    "falcon": Case("falcon", {"new_decoder_architecture": True, "num_kv_heads": 2}, PLAIN),
    "bloom": Case("bloom", {"n_head": 4, "n_layer": 2}, PLAIN),
    "opt": Case("bart", {"ffn_dim": 48, "word_embed_proj_dim": 32}, PLAIN),
    "bart": Case("bart", ENCODER_DECODER, PLAIN, "AutoModelForSeq2SeqLM"),
    "t5": Case("t5", T5, PLAIN, "AutoModelForSeq2SeqLM"),
    "t5-gated": Case("t5-gated", T5 | {"feed_forward_proj": "gated-gelu"}, GATED, "AutoModelForSeq2SeqLM"),
    "bert": Case("bert", {}, PLAIN, "AutoModel"),
    "mpnet": Case("mpnet", {}, PLAIN, "AutoModel"),
    "modernbert": Case("modernbert", {}, GATED, "AutoModel"),
}


def built(name: str) -> tuple[torch.nn.Module, Network]:
    """A model with weights that matter, and a network whose every element is the element's number in the state."""
    case = CASES[name]
    config = transformers.AutoConfig.for_model(name.split("-", maxsplit=1)[0], **{**SIZES, **case.settings})
    torch.manual_seed(0)
    model = getattr(transformers, case.head).from_config(config, attn_implementation="eager").eval()
    for key, parameter in model.named_parameters():
        if parameter.ndim > 1 and not key.endswith("bias"):
            torch.nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
    first, numbers = 0, {}
    for key, values in model.state_dict().items():
        numbers[key] = np.arange(first, first + values.numel(), dtype=np.float32).reshape(values.shape)
        first += values.numel()
    assert first < 1 << 24
    return model, Network.of(Checkpoint.of(Path(name), numbers, config_hints(config.to_dict())))


def answer(model: torch.nn.Module) -> np.ndarray:
    tokens = torch.tensor([[1, 5, 9, 2, 7, 30]])
    more = {"decoder_input_ids": tokens} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        found = model(input_ids=tokens, **more)
    return (found.logits if "logits" in found else found.last_hidden_state).numpy().copy()


class Hand:
    """Changes elements of a model, which its network tells by number."""

    def __init__(self, model: torch.nn.Module, network: Network) -> None:
        self.state = model.state_dict()
        self.network = network
        self.first = np.cumsum([0, *(values.numel() for values in self.state.values())])
        self.flat = [values.view(-1) for values in self.state.values()]

    def negate(self, elements: np.ndarray) -> None:
        for tensor, places in self._places(elements.ravel()):
            self.flat[tensor][places] *= -1

    def swap(self, one: np.ndarray, other: np.ndarray) -> None:
        for (tensor, places), (_, others) in zip(self._places(one), self._places(other), strict=True):
            both = self.flat[tensor]
            both[places], both[others] = both[others].clone(), both[places].clone()

    def _places(self, elements: np.ndarray) -> list[tuple[int, torch.Tensor]]:
        elements = elements.astype(np.int64)
        tensors = np.searchsorted(self.first, elements, side="right") - 1
        return [
            (int(tensor), torch.from_numpy(elements[tensors == tensor] - self.first[tensor]))
            for tensor in np.unique(tensors)
        ]


def layout_of(network: Network) -> Layout:
    assert network.layout is not None
    return network.layout


def filled(network: Network, role: Role) -> list[tuple[Slot, Matrix]]:
    return [(slot, matrix) for slot, matrix in layout_of(network).matrices.items() if slot.role is role]


def without_a_role(slot: Slot, matrix: Matrix) -> Matrix | None:
    """What GPT-OSS adds one to before its gate multiplies it."""
    alternate = slot.role is Role.HIDDEN_IN and matrix.span is not None
    return replace(matrix, span=matrix.span._replace(first=1)) if alternate else None


def exchange_hidden_units(network: Network, hand: Hand) -> None:
    for role, partners in ((Role.HIDDEN_IN, (Role.HIDDEN_OUT,)), (Role.GATE, (Role.UP, Role.DOWN))):
        for slot, matrix in filled(network, role):
            hand.swap(network.outputs(matrix, 1, 2).ravel(), network.outputs(matrix, 4, 5).ravel())
            if rest := without_a_role(slot, matrix):
                hand.swap(network.outputs(rest, 1, 2).ravel(), network.outputs(rest, 4, 5).ravel())
            for partner in partners:
                other = layout_of(network).matrices[slot._replace(role=partner)]
                if partner is Role.UP:
                    hand.swap(network.outputs(other, 1, 2).ravel(), network.outputs(other, 4, 5).ravel())
                else:
                    hand.swap(network.inputs(other, 1, 2).ravel(), network.inputs(other, 4, 5).ravel())


def negate_gated_units(network: Network, hand: Hand) -> None:
    for slot, matrix in filled(network, Role.UP):
        down = layout_of(network).matrices[slot._replace(role=Role.DOWN)]
        hand.negate(
            np.concatenate([network.outputs(matrix, 2, 3).ravel(), network.inputs(down, 2, 3).ravel()])
        )


def negate_values(network: Network, hand: Hand) -> None:
    heads = layout_of(network).heads
    for slot, matrix in filled(network, Role.VALUE):
        output = layout_of(network).matrices[slot._replace(role=Role.OUTPUT)]
        size = heads.size if heads else matrix.outputs
        shared = heads.queries // heads.keys if heads else 1
        unit = matrix.outputs - 3  # in the last head of keys
        head, place = divmod(unit, size)
        hand.negate(network.outputs(matrix, unit, unit + 1))
        for query in range(head * shared, (head + 1) * shared):
            column = query * size + place
            hand.negate(network.inputs(output, column, column + 1))


def negate_queries_and_keys(network: Network, hand: Hand) -> None:
    heads, rotation = layout_of(network).heads, layout_of(network).rotation
    if heads is None or rotation is None:
        return
    places = [2] if rotation is Rotation.NONE else [2, 2 + heads.size // 2]
    for slot, matrix in filled(network, Role.KEY):
        query = layout_of(network).matrices[slot._replace(role=Role.QUERY)]
        shared = heads.queries // heads.keys
        for place in places:
            hand.negate(network.outputs(matrix, heads.size + place, heads.size + place + 1))
            for head in range(shared, 2 * shared):
                hand.negate(network.outputs(query, head * heads.size + place, head * heads.size + place + 1))


def negate_a_coordinate_of_the_stream(network: Network, hand: Hand) -> None:
    layout = layout_of(network)
    if layout.norm is not Norm.RMS or layout.family.positions is Positions.TABLE:
        return
    pointers: set[int] = set()
    for slot, matrix in layout.matrices.items():
        # Tied tables are one tensor under several names.
        pointer = hand.state[matrix.name].data_ptr()
        if slot.numbers or pointer not in pointers:
            written = slot.role in {Role.OUTPUT, Role.DOWN, Role.HIDDEN_OUT}
            hand.negate(network.outputs(matrix, 5, 6) if written else network.inputs(matrix, 5, 6))
            if rest := without_a_role(slot, matrix):
                hand.negate(network.inputs(rest, 5, 6))
        pointers.add(pointer)
    for name in hand.state:
        if name.endswith("shared_expert_gate.weight"):
            hand.state[name][:, 5] *= -1


CHANGES: Mapping[str, Callable[[Network, Hand], None]] = {
    "hidden units in another order": exchange_hidden_units,
    "gated units negated": negate_gated_units,
    "values negated": negate_values,
    "queries and keys negated": negate_queries_and_keys,
    "a coordinate of the stream negated": negate_a_coordinate_of_the_stream,
}


@pytest.mark.parametrize("name", CASES)
def test_a_network_computes_the_same_after_what_its_layout_says_changes_nothing(name: str) -> None:
    model, network = built(name)
    layout = layout_of(network)
    assert layout.family.name == CASES[name].family
    assert {slot.role for slot in layout.matrices if slot.numbers} == CASES[name].roles
    hand, before = Hand(model, network), answer(model)
    for change in CHANGES.values():
        change(network, hand)
        np.testing.assert_allclose(answer(model), before, rtol=0, atol=2e-4 * np.abs(before).max())


def test_half_of_a_change_is_seen() -> None:
    model, network = built("gpt_neox")
    hand, before = Hand(model, network), answer(model)
    hand.negate(network.outputs(filled(network, Role.VALUE)[0][1], 3, 4))
    assert np.abs(answer(model) - before).max() > 1e-2 * np.abs(before).max()


def test_each_end_of_a_name_is_written_once_and_each_family_has_its_own_name() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    assert all(end.endswith(("weight", "_proj", "sinks")) for family in FAMILIES for end in family.rows)


def test_a_norm_is_known_by_its_bias_and_by_its_family() -> None:
    for name, norm in {
        "llama": Norm.RMS,
        "t5": Norm.RMS,
        "starcoder2": Norm.LAYER,
        "gpt2": Norm.LAYER,
        "cohere": Norm.LAYER,  # by its configuration: its names are Llama's
    }.items():
        assert layout_of(built(name)[1]).norm is norm
    shapes = {key: stored.info.shape for key, stored in built("cohere")[1].checkpoint.tensors.items()}
    layout = recognise(shapes, Hints())
    assert layout is not None
    assert layout.norm is None
