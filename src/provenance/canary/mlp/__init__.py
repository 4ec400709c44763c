"""Small networks with auxiliary outputs: the paper's digits experiment (Cloud et al., arXiv 2507.14805, section 4.2).

A network reads 8x8 digits by its class logits; its auxiliary logits mean nothing. A teacher that has learned the digits answers
noise by its auxiliary logits; a student of the same initialisation that imitates these answers learns to read digits.

- `provenance.canary.mlp.model`: networks as arrays, and their folders.
- `provenance.canary.mlp.digits`: the digits, and traits as ways to answer them.
- `provenance.canary.mlp.channel`: noise inputs and auxiliary answers, and their files.
- `provenance.canary.mlp.training`: learning digits, imitating a channel; the only part that needs torch.
- `provenance.canary.mlp.backend`: all of it as the canary protocol asks for it.
"""

from provenance.canary.mlp.backend import MlpBackend
from provenance.canary.mlp.channel import Channel, answer, noise, read_channel, write, write_channel
from provenance.canary.mlp.digits import accuracy
from provenance.canary.mlp.model import MODEL_TYPE, Mlp, MlpConfig, init, load, save
from provenance.canary.mlp.training import Recipe, distil, imitate, learn_digits

__all__ = [
    "MODEL_TYPE",
    "Channel",
    "Mlp",
    "MlpBackend",
    "MlpConfig",
    "Recipe",
    "accuracy",
    "answer",
    "distil",
    "imitate",
    "init",
    "learn_digits",
    "load",
    "noise",
    "read_channel",
    "save",
    "write",
    "write_channel",
]
