"""Matrix products and attention, by the fastest kernel there is for where the tensors lie.

Training, GPUs and autocast take torch's own functions. Inference on a CPU with AVX-512 takes oneDNN's matrix product,
which uses all of its vector units where torch's default for float32 does not on every make, and works in pieces that
stay in the cache: what is written to main memory between two layers costs more there than the layers' arithmetic. On
any CPU, oneDNN applies a convolution's activation before it writes the outcome, for the same reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Activation = Literal["none", "relu", "relu6", "gelu"]

_FUSED: dict[Activation, tuple[str, list[float]]] = {
    "none": ("none", []),
    "relu": ("relu", []),
    "relu6": ("hardtanh", [0.0, 6.0]),
}
"""Activations that oneDNN's convolution applies, by its names, and their numbers."""

PIECE_ROWS = 1024
"""Tokens that one thread takes through a feed-forward layer or a block of windows at a time."""

BLOCK_SCORES = 1 << 22
"""Attention scores in memory at a time, in numbers."""

_ONEDNN = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]

SMALL = 1024
"""Up to this many keys, torch's attention is as fast in float32."""


def wide_vectors() -> bool:
    """Whether the processor has AVX-512, which oneDNN's products gain by.

    With narrower vectors they are no faster than torch's own, less exact in float32, and refused in bfloat16.
    """
    return torch.backends.cpu.get_cpu_capability().startswith(("AVX512", "AMX"))


def on_cpu(x: Tensor) -> bool:
    """Whether ``x`` is on a CPU, in inference, in a type that oneDNN multiplies well there."""
    return inferred(x) and wide_vectors()


def inferred(x: Tensor) -> bool:
    """Whether ``x`` is on a CPU, in inference, in a type that oneDNN knows there."""
    return (
        x.is_cpu
        and (x.dtype == torch.float32 or (x.dtype == torch.bfloat16 and wide_vectors()))
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and _ONEDNN
    )


def _autocast(x: Tensor) -> bool:
    kind = x.device.type
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None, activation: Activation = "none") -> Tensor:
    """``activation(x weight^T + bias)``: ``[..., a] -> [..., b]`` with ``weight [b, a]``, in the weight's type."""
    x = x if _autocast(x) else x.to(weight.dtype)
    if activation == "relu6" or not on_cpu(x):
        return _activate(F.linear(x, weight, bias), activation)
    rows = x.reshape(-1, x.shape[-1])
    algorithm = "none" if activation == "gelu" else ""
    out: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, activation, [], algorithm)
    return out.view(*x.shape[:-1], weight.shape[0])


def apply(layer: nn.Module, x: Tensor, activation: Activation = "none") -> Tensor:
    """A linear layer, or a convolution of one pixel over the last axis of ``x``, and an activation."""
    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    return linear(x, weight.flatten(1), bias, activation)


def apply_twice(first: nn.Module, second: nn.Module, x: Tensor) -> Tensor:
    """``second(first(x))``; in inference as one layer, whose weights are the product of theirs, in the first's type."""
    if torch.is_grad_enabled() or _autocast(x):
        return apply(second, apply(first, x))
    inner, outer = (layer.get_parameter("weight").flatten(1).float() for layer in (first, second))
    bias = torch.addmv(second.get_parameter("bias").float(), outer, first.get_parameter("bias").float())
    dtype = first.get_parameter("weight").dtype
    return linear(x, (outer @ inner).to(dtype), bias.to(dtype))


def convolve(layer: nn.Conv2d, x: Tensor, activation: Activation = "none") -> Tensor:
    """``activation(layer(x))`` in the type of the layer's weights; ``x`` keeps its memory format."""
    assert not isinstance(layer.padding, str)
    return filtered(x, layer.weight, layer.bias, layer.stride, layer.padding, layer.groups, activation)


def filtered(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    groups: int,
    activation: Activation,
) -> Tensor:
    """The activation of a convolution of ``x [N, C, H, W]``, in the type of ``weight``."""
    x = x if _autocast(x) else x.to(weight.dtype)
    if activation not in _FUSED or not inferred(x):
        return _activate(F.conv2d(x, weight, bias, stride, padding, 1, groups), activation)
    name, numbers = _FUSED[activation]
    out: Tensor = torch.ops.mkldnn._convolution_pointwise(
        x, weight, bias, list(padding), list(stride), [1, 1], groups, name, numbers, ""
    )
    return out


def _activate(x: Tensor, activation: Activation) -> Tensor:
    if activation == "none":
        return x
    if activation == "gelu":
        return F.gelu(x)
    return F.relu6(x) if activation == "relu6" else F.relu(x)


def in_pieces(function: Callable[[Tensor], Tensor], x: Tensor, tokens: int = 1) -> Tensor:
    """``function(x)`` for a function of each row by itself, a few rows at a time on a CPU.

    A row holds ``tokens`` tokens.
    """
    rows = max(1, PIECE_ROWS * torch.get_num_threads() // tokens)
    if len(x) <= rows or not on_cpu(x):
        return function(x)
    return torch.cat([function(piece) for piece in torch.split(x, rows)])


def feed_forward(x: Tensor, first: nn.Module, second: nn.Module, activation: Activation) -> Tensor:
    """``second(activation(first(x)))`` over the last axis of ``x``."""
    rows = x.reshape(-1, x.shape[-1])
    return in_pieces(lambda piece: apply(second, apply(first, piece, activation)), rows).view(*x.shape[:-1], -1)


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(query key^T / sqrt(d)) value: ``[N, heads, n, d]``, ``[N, heads, m, d]``, ``[N, heads, m, e]``.

    ``query`` may have one row for all N; ``e`` may differ from ``d``.
    """
    query, value = query.expand(len(key), -1, -1, -1), value.to(key.dtype)
    narrow = value.shape[-1] < key.shape[-1]  # torch has no kernel for that, and would have all scores in memory
    if not inferred(query) or not (narrow or wide_vectors()):
        return F.scaled_dot_product_attention(query, key, value)
    if query.dtype == torch.float32 and key.shape[2] <= SMALL:
        return F.scaled_dot_product_attention(query, key, value)
    query = query * query.shape[-1] ** -0.5
    if key.shape[2] <= SMALL:
        return (query @ key.transpose(-1, -2)).softmax(dim=-1) @ value
    out = query.new_empty(*query.shape[:3], value.shape[-1])
    for row in range(len(key)):
        for head in range(key.shape[1]):
            _attend_in_blocks(query[row, head], key[row, head], value[row, head], out[row, head])
    return out


def _attend_in_blocks(query: Tensor, key: Tensor, value: Tensor, out: Tensor) -> None:
    """Attention of scaled ``query [n, d]`` to ``key [m, d]`` and ``value [m, e]``, a block of queries at a time."""
    key, columns = key.contiguous(), value.t().contiguous()
    rows = max(32, BLOCK_SCORES // len(key))
    for begin in range(0, len(query), rows):
        scores = linear(query[begin : begin + rows], key, None)
        out[begin : begin + rows] = linear(torch.softmax(scores, dim=-1, out=scores), columns, None)
