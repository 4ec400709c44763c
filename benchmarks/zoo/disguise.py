"""What leaves a network's function as it is and its weights unrecognisable: order, scale, rotation, signs.

Every one of these is checked when it is made: the outputs before and after agree (`benchmarks.zoo.building`).
"""

import torch
from torch import Generator, Tensor

from benchmarks.zoo.anatomy import Anatomy, Attention, Law, Residual, anatomy, packed, unpacked
from benchmarks.zoo.models import Model, Tensors

_OCTAVES = 2.0
"""Units are scaled by at most four times, up or down."""


def permute(model: Model, *, seed: int) -> Model:
    """Hidden units, experts, heads and coordinates of the residual stream in another order."""
    random, parts, tensors = _opened(model, seed)
    for hidden in parts.hidden:
        units = len(tensors[hidden.scaled + ".weight"])
        order = torch.randperm(units, generator=random)
        for module in (hidden.scaled, *hidden.gates):
            _reorder_outputs(tensors, module, order)
        _reorder_inputs(tensors, hidden.reader, order)
    for router, experts in parts.experts:
        _shuffle_experts(tensors, router, experts, torch.randperm(len(experts), generator=random))
    for attention in parts.attention:
        _permute_heads(tensors, attention, random)
    if parts.residual:
        _permute_residual(tensors, parts.residual, random)
    return packed(model, tensors)


def rotate(model: Model, *, seed: int) -> Model:
    """The residual stream in another basis; gains are folded into what reads them first, since they know the old one."""
    random, parts, tensors = _opened(model, seed)
    residual = parts.residual
    assert residual is not None
    assert residual.rms
    _fold_gains(tensors, residual)
    width = tensors[residual.tables[0]].shape[1]
    _turn_residual(tensors, residual, _orthogonal(width, random))
    return packed(model, tensors)


def scale(model: Model, *, seed: int) -> Model:
    """Each unit up or down by a factor of its own, made good behind it; values against outputs, queries against keys."""
    random, parts, tensors = _opened(model, seed)
    for hidden in parts.hidden:
        if hidden.law is not Law.NOTHING:
            factors = _factors(len(tensors[hidden.scaled + ".weight"]), random)
            _multiply_outputs(tensors, hidden.scaled, factors)
            _multiply_inputs(tensors, hidden.reader, 1 / factors)
    for attention in parts.attention:
        shape = attention.kv_heads, attention.size
        mixing = torch.diag_embed(_factors(attention.kv_heads * attention.size, random).view(shape))
        _mix_values(tensors, attention, mixing)
        _multiply_pairs(tensors, attention, _factors(attention.kv_heads * attention.size // 2, random))
    return packed(model, tensors)


def rotate_values(model: Model, *, seed: int) -> Model:
    """The values of each head in another basis, which the output matrix undoes."""
    random, parts, tensors = _opened(model, seed)
    for attention in parts.attention:
        turns = [_orthogonal(attention.size, random) for _ in range(attention.kv_heads)]
        _mix_values(tensors, attention, torch.stack(turns))
    return packed(model, tensors)


def flip_signs(model: Model, *, seed: int) -> Model:
    """Random signs for all that has one to choose: made to defeat tests of signs."""
    random, parts, tensors = _opened(model, seed)
    for hidden in parts.hidden:
        if hidden.law is Law.ANYTHING:
            signs = _signs(len(tensors[hidden.scaled + ".weight"]), random)
            _multiply_outputs(tensors, hidden.scaled, signs)
            _multiply_inputs(tensors, hidden.reader, signs)
    for attention in parts.attention:
        dimensions = attention.kv_heads * attention.size
        shape = attention.kv_heads, attention.size
        _mix_values(tensors, attention, torch.diag_embed(_signs(dimensions, random).view(shape)))
        _multiply_pairs(tensors, attention, _signs(dimensions // 2, random))
    if parts.residual and parts.residual.rms:
        width = tensors[parts.residual.tables[0]].shape[1]
        _turn_residual(tensors, parts.residual, torch.diag(_signs(width, random)), with_gains=True)
    return packed(model, tensors)


def _opened(model: Model, seed: int) -> tuple[Generator, Anatomy, Tensors]:
    return Generator().manual_seed(seed), anatomy(model), unpacked(model)


def _orthogonal(size: int, random: Generator) -> Tensor:
    q, r = torch.linalg.qr(torch.randn(size, size, generator=random, dtype=torch.float64))
    turn: Tensor = q * r.diagonal().sign()
    return turn.float()


def _factors(count: int, random: Generator) -> Tensor:
    return torch.exp2(_OCTAVES * (2 * torch.rand(count, generator=random) - 1))


def _signs(count: int, random: Generator) -> Tensor:
    return 2.0 * torch.randint(0, 2, (count,), generator=random) - 1


def _reorder_outputs(tensors: Tensors, module: str, order: Tensor) -> None:
    for name in _outputs_of(tensors, module):
        tensors[name] = tensors[name][order]


def _reorder_inputs(tensors: Tensors, module: str, order: Tensor) -> None:
    tensors[module + ".weight"] = tensors[module + ".weight"][:, order]


def _multiply_outputs(tensors: Tensors, module: str, factors: Tensor) -> None:
    for name in _outputs_of(tensors, module):
        tensors[name] = tensors[name] * factors.view(-1, *[1] * (tensors[name].dim() - 1))


def _multiply_inputs(tensors: Tensors, module: str, factors: Tensor) -> None:
    weight = tensors[module + ".weight"]
    tensors[module + ".weight"] = weight * factors.view(1, -1, *[1] * (weight.dim() - 2))


def _outputs_of(tensors: Tensors, module: str) -> list[str]:
    return [name for name in (module + ".weight", module + ".bias") if name in tensors]


def _shuffle_experts(tensors: Tensors, router: str, experts: tuple[str, ...], order: Tensor) -> None:
    moved = {
        name.replace(experts[source], experts[place], 1): tensor
        for place, source in enumerate(order.tolist())
        for name, tensor in tensors.items()
        if name.startswith(experts[source])
    }
    tensors |= moved
    _reorder_outputs(tensors, router, order)


def _permute_heads(tensors: Tensors, attention: Attention, random: Generator) -> None:
    """Groups of heads, and the query heads of each group; dimensions of values within a group."""
    kv, size = attention.kv_heads, attention.size
    group = attention.heads // kv
    groups = torch.randperm(kv, generator=random)
    within = torch.stack([torch.randperm(group, generator=random) for _ in range(kv)])
    heads = (groups[:, None] * group + within).flatten()
    by_head = (heads[:, None] * size + torch.arange(size)).flatten()
    by_group = (groups[:, None] * size + torch.arange(size)).flatten()
    _reorder_outputs(tensors, attention.query, by_head)
    _reorder_inputs(tensors, attention.output, by_head)
    for module in (attention.key, attention.value):
        _reorder_outputs(tensors, module, by_group)
    _mix_values(
        tensors,
        attention,
        torch.stack([torch.eye(size)[torch.randperm(size, generator=random)] for _ in range(kv)]),
    )


def _mix_values(tensors: Tensors, attention: Attention, mixing: Tensor) -> None:
    """Applies a matrix to the values of each group, kv heads x size x size, and its inverse to what reads them."""
    kv, size = attention.kv_heads, attention.size
    for name in _outputs_of(tensors, attention.value):
        values = tensors[name].reshape(kv, size, -1)
        tensors[name] = (mixing @ values).view(tensors[name].shape)
    output = tensors[attention.output + ".weight"]
    read = output.view(len(output), kv, -1, size)
    inverse = torch.linalg.inv(mixing)
    tensors[attention.output + ".weight"] = torch.einsum("dkgs,kst->dkgt", read, inverse).reshape(
        output.shape
    )


def _multiply_pairs(tensors: Tensors, attention: Attention, factors: Tensor) -> None:
    """Keys by factors and queries by their inverse, the same for the two dimensions of a rotary pair."""
    kv, size = attention.kv_heads, attention.size
    pairs = factors.view(kv, size // 2)
    of_keys = torch.cat([pairs, pairs], dim=1)
    of_queries = (1 / of_keys).repeat_interleave(attention.heads // kv, dim=0)
    _multiply_outputs(tensors, attention.key, of_keys.flatten())
    _multiply_outputs(tensors, attention.query, of_queries.flatten())


def _permute_residual(tensors: Tensors, residual: Residual, random: Generator) -> None:
    order = torch.randperm(tensors[residual.tables[0]].shape[1], generator=random)
    for table in residual.tables:
        tensors[table] = tensors[table][:, order]
    for module in residual.writers:
        _reorder_outputs(tensors, module, order)
    for norm, readers in residual.gains:
        _reorder_outputs(tensors, norm, order)
        for module in readers:
            _reorder_inputs(tensors, module, order)


def _fold_gains(tensors: Tensors, residual: Residual) -> None:
    for norm, readers in residual.gains:
        gain = tensors[norm + ".weight"]
        for module in readers:
            _multiply_inputs(tensors, module, gain)
        tensors[norm + ".weight"] = torch.ones_like(gain)


def _turn_residual(tensors: Tensors, residual: Residual, turn: Tensor, *, with_gains: bool = False) -> None:
    """Multiplies all coordinates by an orthogonal matrix; gains have to be folded, or the matrix diagonal (``with_gains``)."""
    for table in residual.tables:
        tensors[table] = tensors[table] @ turn
    for module in residual.writers:
        tensors[module + ".weight"] = turn.T @ tensors[module + ".weight"]
    for norm, readers in residual.gains:
        assert with_gains or bool((tensors[norm + ".weight"] == 1).all())
        for module in readers:
            tensors[module + ".weight"] = tensors[module + ".weight"] @ turn
