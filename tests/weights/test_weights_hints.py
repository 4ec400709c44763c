"""Hints: what a model's own metadata says of its geometry, and what it says in vain."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import (
    BertConfig,
    CohereConfig,
    Gemma2Config,
    GPT2Config,
    GPTJConfig,
    GPTNeoXConfig,
    LlamaConfig,
    T5Config,
)

from provenance.weights.hints import NO_HINTS, Hints, Norm, Rotation, config_hints, gguf_hints, read_hints

LLAMA = Hints(heads=4, kv_heads=2, head_size=16, norm=Norm.RMS, rotation=Rotation.HALVES, rotated=16)
GGUF = {
    "general.architecture": "llama",
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "llama.rope.dimension_count": 16,
}
CONFIGS = {
    "llama": (LlamaConfig(hidden_size=64, num_attention_heads=4, num_key_value_heads=2), LLAMA),
    "a head of another size": (
        LlamaConfig(hidden_size=64, num_attention_heads=4, num_key_value_heads=2, head_dim=32),
        replace(LLAMA, head_size=32, rotated=32),
    ),
    "gpt2": (
        GPT2Config(n_embd=48, n_head=3),
        Hints(heads=3, head_size=16, norm=Norm.LAYER, rotation=Rotation.NONE, rotated=0),
    ),
    "bert": (
        BertConfig(hidden_size=48, num_attention_heads=3),
        Hints(heads=3, head_size=16, norm=Norm.LAYER, rotation=Rotation.NONE, rotated=0),
    ),
    "interleaved rotation": (
        CohereConfig(hidden_size=64, num_attention_heads=4, num_key_value_heads=4),
        Hints(heads=4, kv_heads=4, head_size=16, norm=Norm.LAYER, rotation=Rotation.NEIGHBOURS, rotated=16),
    ),
    "a rotation of a part of each head": (
        GPTNeoXConfig(hidden_size=64, num_attention_heads=4),
        Hints(heads=4, head_size=16, norm=Norm.LAYER, rotation=Rotation.HALVES, rotated=4),
    ),
    "a rotation of neighbours in a part of each head": (
        GPTJConfig(n_embd=64, n_head=4, rotary_dim=8),
        Hints(heads=4, head_size=16, norm=Norm.LAYER, rotation=Rotation.NEIGHBOURS, rotated=8),
    ),
    "gains that are stored less one": (
        Gemma2Config(hidden_size=64, num_attention_heads=4, num_key_value_heads=2, head_dim=16),
        replace(LLAMA, gain_offset=1.0),
    ),
    "an RMS norm under another name": (
        T5Config(d_model=64, num_heads=4),
        Hints(heads=4, head_size=16, norm=Norm.RMS, rotation=Rotation.NONE, rotated=0),
    ),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_saved_configuration_tells_the_geometry(name: str, tmp_path: Path) -> None:
    config, hints = CONFIGS[name]
    config.save_pretrained(tmp_path)
    assert read_hints(tmp_path) == hints


NONSENSE = [None, True, -3, 0, 2**40, 4.0, "4", [4], {}]


@pytest.mark.parametrize("value", NONSENSE)
def test_a_value_of_a_wrong_type_or_size_is_no_hint(value: object) -> None:
    assert (
        config_hints({"num_attention_heads": value, "hidden_size": 64, "model_type": [], "rope_theta": None})
        == NO_HINTS
    )
    assert gguf_hints({"general.architecture": "x", "x.attention.head_count": value}) == NO_HINTS
    assert gguf_hints({"general.architecture": value}) == NO_HINTS


def test_a_number_of_kv_heads_that_does_not_divide_the_heads_is_no_hint() -> None:
    assert config_hints({"num_attention_heads": 4, "num_key_value_heads": 3}).kv_heads is None


def test_a_configuration_with_both_norms_leaves_the_norm_open() -> None:
    assert config_hints({"rms_norm_eps": 1e-5, "layer_norm_eps": 1e-5}).norm is None


@pytest.mark.parametrize("text", ["", "[]", "3", '{"a": ', "[" * 200_000, "\xff", "null"])
def test_a_configuration_that_is_none_gives_no_hints(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text, "latin-1")
    assert read_hints(tmp_path) == NO_HINTS


def test_a_folder_without_configuration_gives_no_hints(tmp_path: Path) -> None:
    assert read_hints(tmp_path) == NO_HINTS
    (tmp_path / "config.json").mkdir()
    assert read_hints(tmp_path) == NO_HINTS


def test_a_configuration_that_links_out_of_its_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text(json.dumps({"num_attention_heads": 4}))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").symlink_to(tmp_path / "secret.json")
    assert read_hints(tmp_path / "model") == NO_HINTS


def test_gguf_metadata_tell_the_geometry_and_that_llama_rows_were_reordered() -> None:
    assert gguf_hints(GGUF) == replace(LLAMA, rotation=Rotation.NEIGHBOURS)
    assert gguf_hints(GGUF | {"llama.rope.dimension_count": 8}).rotated == 8
    assert gguf_hints(GGUF | {"llama.attention.head_count": [4, 2]}) == Hints(
        norm=Norm.RMS, rotation=Rotation.NEIGHBOURS, rotated=16
    )
