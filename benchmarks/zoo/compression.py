"""What makes weights coarser or mixes them: quantised, pruned, merged, drowned in noise."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from benchmarks.zoo.models import Model, Tensors

Change: TypeAlias = Callable[[Tensor], Tensor]
_MATRIX = 2


def quantise(model: Model, *, bits: int, group: int = 32) -> Model:
    """Rounded to the nearest of 2^bits - 1 levels, symmetric about zero, a scale for each group of a row; stored as float32."""
    levels = 2 ** (bits - 1) - 1

    def rounded(tensor: Tensor) -> Tensor:
        rows = tensor.reshape(-1)
        padded = torch.cat([rows, rows.new_zeros(-len(rows) % group)]).view(-1, group)
        scale = (padded.abs().amax(dim=1, keepdim=True) / levels).clamp_min(torch.finfo(tensor.dtype).tiny)
        values: Tensor = (padded / scale).round() * scale
        return values.view(-1)[: len(rows)].view(tensor.shape)

    return Model(model.config, _matrices(model, rounded))


def prune(model: Model, *, share: float) -> Model:
    """The smallest weights of each matrix set to zero."""

    def pruned(tensor: Tensor) -> Tensor:
        sizes = tensor.abs()
        dropped = sizes.flatten().sort().values[int(share * tensor.numel())]
        return torch.where(sizes < dropped, torch.zeros_like(tensor), tensor)

    return Model(model.config, _matrices(model, pruned))


def merge(model: Model, *, other: Model, share: float) -> Model:
    """``share`` of the model and the rest of another, weight by weight."""
    merged = {
        name: share * tensor + (1 - share) * other.tensors[name] for name, tensor in model.tensors.items()
    }
    return Model(model.config, merged)


def drown(model: Model, *, correlation: float, seed: int) -> Model:
    """Matrices mixed with Gaussian noise of their own spread, so that this correlation is left."""
    random = torch.Generator().manual_seed(seed)

    def drowned(tensor: Tensor) -> Tensor:
        noise = torch.randn(tensor.shape, generator=random) * tensor.std()
        left: Tensor = correlation * tensor + (1 - correlation**2) ** 0.5 * noise
        return left

    return Model(model.config, _matrices(model, drowned))


def _matrices(model: Model, change: Change) -> Tensors:
    return {
        name: change(tensor) if tensor.dim() >= _MATRIX else tensor for name, tensor in model.tensors.items()
    }
