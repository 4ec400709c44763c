"""The architectures, and a model as one value: its configuration and its tensors, named as on disk."""

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from benchmarks.zoo.data import CLASSES, SIDE, VOCABULARY

Config: TypeAlias = Mapping[str, Any]
Tensors: TypeAlias = dict[str, Tensor]

WEIGHTS, CONFIG = "model.safetensors", "config.json"
CONTEXT = 64
_HEADS, _KV_HEADS = 4, 2
_EXPERTS, _CHOSEN = 4, 2
_KERNEL = 3


@dataclass(frozen=True, slots=True)
class Model:
    """A model between two steps.

    Args:
        config: What shapes alone do not tell, as in its `config.json`.
        tensors: Name to weights, float32.
    """

    config: Config
    tensors: Tensors

    @classmethod
    def load(cls, folder: Path) -> "Model":
        """Reads a model folder."""
        return cls(json.loads((folder / CONFIG).read_text()), load_file(folder / WEIGHTS))

    def save(self, folder: Path) -> None:
        """Writes a model folder."""
        told = {**self.config, **_SAID_BY_TRANSFORMERS.get(self.config["model_type"], {})}
        (folder / CONFIG).write_text(json.dumps(told, indent=1, sort_keys=True))
        tensors = {name: tensor.detach().contiguous().clone() for name, tensor in self.tensors.items()}
        save_file(tensors, folder / WEIGHTS, {"format": "pt"})

    @property
    def is_language(self) -> bool:
        """Whether it reads tokens, and not images."""
        return self.config["model_type"] in LANGUAGE

    def module(self) -> nn.Module:
        """The network, ready to run or train."""
        if not self.is_language:
            network = _IMAGE[self.config["model_type"]](self.config["width"])
            network.load_state_dict(self.tensors)
            return network
        network_class, config = _language(self.config)
        loaded: nn.Module = network_class.from_pretrained(None, config=config, state_dict=dict(self.tensors))
        return loaded.train()

    def of(self, network: nn.Module, **changed: int) -> "Model":
        """The model whose network this now is."""
        return Model({**self.config, **changed}, _tensors(network))


def outputs(network: nn.Module, inputs: Tensor) -> Tensor:
    """Logits: of each next token, or of each class."""
    is_text = inputs.dtype is torch.long
    logits: Tensor = network(input_ids=inputs, use_cache=False).logits if is_text else network(inputs)
    return logits


def fresh(architecture: str, width: int, seed: int) -> Model:
    """A model at its initialisation."""
    config = ARCHITECTURES[architecture](width)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if config["model_type"] in LANGUAGE:
            network_class, parsed = _language(config)
            network = network_class(parsed)
        else:
            network = _IMAGE[config["model_type"]](width)
    return Model(config, _tensors(network))


def _language(config: Config) -> tuple[Any, Any]:
    import transformers

    logging: Any = transformers.utils.logging
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    config_class, network_class = (getattr(transformers, name) for name in LANGUAGE[config["model_type"]])
    return network_class, config_class(
        **{name: value for name, value in config.items() if name != "model_type"}
    )


def _tensors(network: Any) -> Tensors:  # noqa: ANN401 - of torch, or of transformers
    state = network.state_dict()
    if hasattr(network, "config"):
        from transformers.core_model_loading import revert_weight_conversion

        state = revert_weight_conversion(network, state)
        if network.config.tie_word_embeddings:
            state.pop("lm_head.weight")
    return {name: tensor.detach().clone() for name, tensor in state.items()}


def _mlp(width: int) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(SIDE * SIDE, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, CLASSES),
    )


def _convolutional(width: int) -> nn.Module:
    features = nn.Sequential(
        nn.Conv2d(1, width, _KERNEL, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, _KERNEL, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(2 * width, 2 * width, _KERNEL, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    return nn.Sequential(OrderedDict(features=features, classifier=nn.Linear(2 * width, CLASSES)))


_IMAGE: Mapping[str, Callable[[int], nn.Module]] = {"digits-mlp": _mlp, "digits-conv": _convolutional}
LANGUAGE = {
    "llama": ("LlamaConfig", "LlamaForCausalLM"),
    "gpt2": ("GPT2Config", "GPT2LMHeadModel"),
    "mixtral": ("MixtralConfig", "MixtralForCausalLM"),
}
"""Model type to the names of its configuration and of its network in `transformers`."""
_LLAMA_DEFAULTS: Config = {"rms_norm_eps": 1e-6, "rope_theta": 10000.0}
_SAID_BY_TRANSFORMERS: Mapping[str, Config] = {
    "llama": _LLAMA_DEFAULTS,
    "mixtral": {**_LLAMA_DEFAULTS, "rms_norm_eps": 1e-5, "rope_theta": 1e6},
    "gpt2": {"layer_norm_epsilon": 1e-5},
}
"""Defaults that `transformers` writes beside what was chosen."""
_NO_TOKENS = {"bos_token_id": None, "eos_token_id": None}


def _llama(width: int) -> Config:
    return _NO_TOKENS | {
        "model_type": "llama",
        "vocab_size": VOCABULARY,
        "hidden_size": width,
        "intermediate_size": width * 5 // 2,
        "num_hidden_layers": _layers(width),
        "num_attention_heads": _HEADS,
        "num_key_value_heads": _KV_HEADS,
        "max_position_embeddings": CONTEXT,
        "tie_word_embeddings": False,
    }


def _mixtral(width: int) -> Config:
    experts = {"num_local_experts": _EXPERTS, "num_experts_per_tok": _CHOSEN}
    return {**_llama(width), "model_type": "mixtral", "num_hidden_layers": 2, **experts}


def _gpt2(width: int) -> Config:
    return _NO_TOKENS | {
        "model_type": "gpt2",
        "vocab_size": VOCABULARY,
        "n_embd": width,
        "n_layer": _layers(width),
        "n_head": _HEADS,
        "n_positions": CONTEXT,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "tie_word_embeddings": True,
    }


def _layers(width: int) -> int:
    """The narrow ones are deeper, so that depth and width both vary."""
    return 4 if width <= CONTEXT else 2


ARCHITECTURES: Mapping[str, Callable[[int], Config]] = {
    "llama": _llama,
    "gpt2": _gpt2,
    "mixtral": _mixtral,
    "mlp": lambda width: {"model_type": "digits-mlp", "width": width},
    "conv": lambda width: {"model_type": "digits-conv", "width": width},
}
"""Name to the configuration of a width."""
