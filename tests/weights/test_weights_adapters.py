"""Low-rank adapters: merged rows are those of PEFT's own merge; what is no plain LoRA is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from provenance.errors import ContentError
from provenance.weights.checkpoint import Checkpoint

# PEFT asks Transformers by a name that the latter has given up.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`:UserWarning"),
]


def llama() -> PreTrainedModel:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2,
        )
    )  # fmt: skip


def gpt2() -> PreTrainedModel:
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=40, n_positions=16, n_embd=16, n_layer=2, n_head=4))


def adapted(folder: Path, model: PreTrainedModel, config: LoraConfig) -> dict[str, np.ndarray]:
    """Saves a base and an adapter of it with random updates; returns the weights that PEFT merges them to."""
    model.save_pretrained(folder / "base")
    peft = get_peft_model(model, config)
    generator = torch.Generator().manual_seed(1)
    for parameter in peft.parameters():
        if parameter.requires_grad:
            parameter.data = torch.randn(parameter.shape, generator=generator) / 4
    peft.save_pretrained(folder / "adapter")
    return {name: value.detach().numpy() for name, value in peft.merge_and_unload().state_dict().items()}


LLAMA_TARGETS = ["q_proj", "v_proj", "down_proj"]
CASES = {
    "the usual": (llama, LoraConfig(r=4, lora_alpha=7, target_modules=LLAMA_TARGETS)),
    "divided by the root of the rank": (
        llama,
        LoraConfig(r=4, lora_alpha=7, use_rslora=True, target_modules=LLAMA_TARGETS),
    ),
    "ranks and alphas of their own": (
        llama,
        LoraConfig(
            r=4, lora_alpha=7, target_modules=LLAMA_TARGETS,
            rank_pattern={"q_proj": 2}, alpha_pattern={"layers.1.self_attn.v_proj": 3, "down_proj": 5},
        ),
    ),
    "a head that was trained whole": (
        llama,
        LoraConfig(r=4, target_modules=["q_proj"], modules_to_save=["lm_head"]),
    ),
    "a table of tokens": (llama, LoraConfig(r=4, lora_alpha=3, target_modules=["embed_tokens", "q_proj"])),
    "inputs x outputs": (gpt2, LoraConfig(r=4, target_modules=["c_attn", "c_proj"], fan_in_fan_out=True)),
    "biases": (gpt2, LoraConfig(r=4, target_modules=["c_attn"], fan_in_fan_out=True, bias="lora_only")),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_merged_rows_are_those_of_the_library(name: str, tmp_path: Path) -> None:
    make, config = CASES[name]
    expected = adapted(tmp_path, make(), config)
    base = Checkpoint.open(tmp_path / "base")
    checkpoint = Checkpoint.open(tmp_path / "adapter", base=tmp_path / "base")
    assert checkpoint.tensors.keys() == base.tensors.keys()
    assert checkpoint.hints == base.hints
    changed = 0
    for tensor in base.tensors:
        rows = checkpoint.rows(tensor)
        np.testing.assert_allclose(rows, expected[tensor], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(checkpoint.rows(tensor, 1, 3), rows[1:3])
        changed += not np.array_equal(rows, base.rows(tensor))
    assert changed >= 2


def test_without_a_base_the_adapter_is_its_own_tensors(tmp_path: Path) -> None:
    adapted(tmp_path, llama(), LoraConfig(r=4, target_modules=["q_proj"]))
    checkpoint = Checkpoint.open(tmp_path / "adapter")
    assert len(checkpoint.tensors) == 4
    assert all(".lora_" in name for name in checkpoint.tensors)


REFUSED = {
    "another kind of adapter": ({"peft_type": "IA3"}, "speaks of no LoRA"),
    "DoRA": ({"use_dora": True}, "sets use_dora"),
    "a bias of the update": ({"lora_bias": True}, "sets lora_bias"),
    "alphas by regular expressions": ({"alpha_pattern": {"(a+)+b": 3}}, "holds regular expressions"),
    "an alpha that is no number": ({"lora_alpha": "8"}, "gives no numbers for alpha"),
    "alphas that are no table": ({"alpha_pattern": [3]}, "gives no numbers for alpha"),
    "an unreadable one": (None, "is missing or speaks of no LoRA"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_configuration_of_no_plain_lora_is_refused(name: str, tmp_path: Path) -> None:
    change, message = REFUSED[name]
    adapted(tmp_path, llama(), LoraConfig(r=4, target_modules=["q_proj"]))
    path = tmp_path / "adapter" / "adapter_config.json"
    path.write_text("{" if change is None else json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ContentError, match=message) as caught:
        Checkpoint.open(tmp_path / "adapter", base=tmp_path / "base")
    assert "merge_and_unload" in str(caught.value.hint)


def test_the_magnitudes_of_dora_are_refused_whatever_the_configuration_says(tmp_path: Path) -> None:
    adapted(tmp_path, llama(), LoraConfig(r=4, target_modules=["q_proj"], use_dora=True))
    path = tmp_path / "adapter" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"use_dora": False}))
    with pytest.raises(ContentError, match=r"lora_magnitude_vector.* is no part of a plain LoRA"):
        Checkpoint.open(tmp_path / "adapter", base=tmp_path / "base")


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    adapted(tmp_path, llama(), LoraConfig(r=4, target_modules=["q_proj"]))
    gpt2().save_pretrained(tmp_path / "other")
    with pytest.raises(ContentError, match="which the base does not have"):
        Checkpoint.open(tmp_path / "adapter", base=tmp_path / "other")


def test_a_model_that_is_no_adapter_takes_no_base(tmp_path: Path) -> None:
    llama().save_pretrained(tmp_path / "base")
    with pytest.raises(ContentError, match="speaks of no LoRA"):
        Checkpoint.open(tmp_path / "base", base=tmp_path / "base")
