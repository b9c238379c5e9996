"""Memory attention: the current frame's features look at the object's past."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from . import kernels
from .attention import RotaryAttention
from .config import ModelConfig
from .position import axial_rotary

INPUT_POSITION_SCALE = 0.1


class MemoryTokens(NamedTuple):
    """What a batch of objects remembers, ready to be attended to."""

    values: Tensor
    """``[B, n, memory_width]``: spatial memories one after the other, then pointer tokens."""
    position: Tensor
    """``[B, n, memory_width]``: position in space and time, added to the keys alone."""
    pointer_tokens: int
    """How many tokens at the end are parts of pointers."""


class MemoryLayer(nn.Module):
    """Self-attention, attention to the memory, feed-forward; each normalised before and added after."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.self_attn = RotaryAttention(width)
        self.cross_attn_image = RotaryAttention(width, key_width=config.memory_width)
        self.linear1 = nn.Linear(width, config.memory_mlp)
        self.linear2 = nn.Linear(config.memory_mlp, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)

    def forward(self, x: Tensor, memory: MemoryTokens, keys: Tensor, table: Tensor) -> Tensor:
        """Map ``x [B or 1, n, width]`` to ``[B, n, width]``."""
        y = self.norm1(x)
        x = x + self.self_attn(y, y, y, table)
        x = x + self.cross_attn_image(self.norm2(x), keys, memory.values, table, memory.pointer_tokens)
        return x + kernels.feed_forward(self.norm3(x), self.linear1, self.linear2, "relu")


class MemoryAttention(nn.Module):
    """A stack of memory layers over the features of one frame."""

    table: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(MemoryLayer(config) for _ in range(config.memory_layers))
        self.norm = nn.LayerNorm(config.width)
        self.register_buffer("table", axial_rotary(config.width, config.grid), persistent=False)

    def forward(self, top: Tensor, position: Tensor, memory: MemoryTokens) -> Tensor:
        """Condition ``top [B or 1, width, h, w]`` (``position [1, width, h, w]``) on the memory of B objects.

        Until the first layer has seen the memory, what one row holds is true for all objects.
        """
        x = (top + INPUT_POSITION_SCALE * position).flatten(2).transpose(1, 2)
        keys = memory.values + memory.position
        for layer in self.layers:
            x = layer(x, memory, keys, self.table)
        x = self.norm(x).transpose(1, 2)
        return x.unflatten(2, top.shape[-2:])
