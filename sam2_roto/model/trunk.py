"""Hiera, the image trunk (arXiv:2306.00989), with the window arrangement of SAM 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import kernels
from .config import ModelConfig
from .derived import Derived
from .layers import MLP

NORM_EPS = 1e-6


def _pool(x: Tensor) -> Tensor:
    """Maximum over 2×2 tokens of ``[N, H, W, C]``."""
    upper, lower = x[:, ::2], x[:, 1::2]
    rows = torch.maximum(upper, lower)
    return torch.maximum(rows[:, :, ::2], rows[:, :, 1::2])


def _to_windows(x: Tensor, window: int) -> Tensor:
    """Cut ``[N, H, W, C]`` into ``[N * windows, window, window, C]``, padded with zeros at the far edges.

    A window of 0 leaves the picture whole.
    """
    if window == 0:
        return x
    n, height, width, channels = x.shape
    x = F.pad(x, (0, 0, 0, -width % window, 0, -height % window))
    rows, columns = x.shape[1] // window, x.shape[2] // window
    x = x.view(n, rows, window, columns, window, channels)
    return x.transpose(2, 3).reshape(n * rows * columns, window, window, channels)


def _from_windows(x: Tensor, window: int, height: int, width: int) -> Tensor:
    """Join what ``_to_windows`` cut, and drop the padding: ``[N, height, width, C]``."""
    if window == 0:
        return x
    rows, columns = -(-height // window), -(-width // window)
    x = x.view(-1, rows, columns, window, window, x.shape[-1]).transpose(2, 3)
    return x.reshape(-1, rows * window, columns * window, x.shape[-1])[:, :height, :width]


def _cut(window: int, side: int) -> int:
    """The windows in which tokens are kept for a block: its own where they tile the grid, else 0 (rows of the grid)."""
    return window if window and side % window == 0 else 0


class WindowAttention(nn.Module):
    """Self-attention over each picture or window, with the queries pooled where a stage begins."""

    def __init__(self, channels: int, channels_out: int, heads: int, pooled: bool) -> None:
        super().__init__()
        self.heads = heads
        self.pooled = pooled
        self.qkv = nn.Linear(channels, 3 * channels_out)
        self.proj = nn.Linear(channels_out, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Attend within ``x [N, H, W, C]``; gives ``[N, H', W', C']``, half the side where pooled."""
        n, height, width, _ = x.shape
        query, key, value = kernels.apply(self.qkv, x).chunk(3, dim=-1)
        if self.pooled:
            query = _pool(query)
            height, width = height // 2, width // 2

        def heads(t: Tensor) -> Tensor:
            return t.reshape(n, -1, self.heads, t.shape[-1] // self.heads).transpose(1, 2)

        out = kernels.attention(heads(query), heads(key), heads(value))
        return kernels.apply(self.proj, out.transpose(1, 2).reshape(n, height, width, -1))


class Block(nn.Module):
    """One transformer block; the first of a stage doubles the channels and halves the grid."""

    def __init__(self, channels: int, channels_out: int, heads: int, window: int, pooled: bool) -> None:
        super().__init__()
        self.window = window
        self.pooled = pooled
        self.anywhere = window == 0 and not pooled
        """Whether the order of the tokens does not matter."""
        self.norm1 = nn.LayerNorm(channels, eps=NORM_EPS)
        self.attn = WindowAttention(channels, channels_out, heads, pooled)
        self.norm2 = nn.LayerNorm(channels_out, eps=NORM_EPS)
        self.mlp = MLP(channels_out, 4 * channels_out, channels_out, activation="gelu")
        if channels != channels_out:
            self.proj = nn.Linear(channels, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, H, W, C]`` to ``[N, H', W', C']``."""
        shortcut = x
        x = self.norm1(x)
        if self.pooled:
            shortcut = _pool(kernels.apply(self.proj, x))
        x = shortcut + self._attend(x, shortcut.shape[1], shortcut.shape[2])
        return x + self.mlp(self.norm2(x))

    def _attend(self, x: Tensor, height: int, width: int) -> Tensor:
        if self.window == 0 or x.shape[1:3] == (self.window, self.window):
            return self.attn(x)
        out = self.attn(_to_windows(x, self.window))
        return _from_windows(out, self.window // 2 if self.pooled else self.window, height, width)


class PatchEmbed(nn.Module):
    """Overlapping 7×7 patches with stride 4."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, channels, kernel_size=7, stride=4, padding=3)

    def forward(self, images: Tensor) -> Tensor:
        """Map ``images [N, 3, S, S]`` to tokens ``[N, S/4, S/4, C]``."""
        return kernels.convolve(self.proj, images).permute(0, 2, 3, 1)


class Trunk(nn.Module):
    """Four stages of blocks; gives the features at the end of each.

    Between blocks of equal windows the tokens stay ordered by window, since no layer but the windows asks where a token
    lies; a block of windows can then be done a few windows at a time.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        channels = config.embed_dim
        window = config.windows[0]
        self.patch_embed = PatchEmbed(channels)
        self.pos_embed = nn.Parameter(torch.zeros(1, channels, config.background, config.background))
        self.pos_embed_window = nn.Parameter(torch.zeros(1, channels, window, window))
        for embedding in (self.pos_embed, self.pos_embed_window):
            nn.init.trunc_normal_(embedding, std=0.02)
        self.blocks = nn.ModuleList(_blocks(config))
        self.stage_ends = [sum(config.blocks[: stage + 1]) - 1 for stage in range(4)]
        self._position = Derived()

    def forward(self, images: Tensor) -> list[Tensor]:
        """Encode normalised ``images [N, 3, S, S]``: ``[N, C_i, S/2^(i+2), S/2^(i+2)]`` for stages i = 0..3."""
        x = self.patch_embed(images)
        side = x.shape[1]
        weights = (self.pos_embed, self.pos_embed_window)
        x = x + self._position.get(weights, side, lambda: self._embed_position(side, side))
        stages, cut = [], 0
        for index, block in enumerate(cast("Sequence[Block]", self.blocks)):
            wanted = cut if block.anywhere else _cut(block.window, side)
            if wanted != cut:
                x, cut = _to_windows(_from_windows(x, cut, side, side), wanted), wanted
            if block.anywhere:
                x = block(x.reshape(len(images), side, side, -1)).reshape(x.shape)
            else:
                x = kernels.in_pieces(block, x, tokens=cut * cut) if cut else block(x)
            if block.pooled:
                side, cut = side // 2, cut // 2
            if index in self.stage_ends:
                stages.append(_from_windows(x, cut, side, side).permute(0, 3, 1, 2))
        return stages

    def _embed_position(self, height: int, width: int) -> Tensor:
        background = F.interpolate(self.pos_embed, size=(height, width), mode="bicubic")
        window = self.pos_embed_window.shape[-1]
        tiles = self.pos_embed_window.tile(1, 1, height // window, width // window)
        return (background + tiles).permute(0, 2, 3, 1)


def _blocks(config: ModelConfig) -> list[Block]:
    """The blocks in order. A stage's first block still attends in the windows of the stage before, then pools."""
    blocks: list[Block] = []
    channels, heads = config.embed_dim, config.heads
    for stage, count in enumerate(config.blocks):
        for position in range(count):
            pooled = stage > 0 and position == 0
            window = 0 if len(blocks) in config.global_blocks else config.windows[stage - 1 if pooled else stage]
            if pooled:
                heads *= 2
            blocks.append(Block(channels, channels * 2 if pooled else channels, heads, window, pooled))
            if pooled:
                channels *= 2
    return blocks
