"""Memory encoder: a frame's features and the object's mask, fused into a spatial memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import kernels
from .config import ModelConfig
from .layers import LayerNorm2d

STEPS = 4
"""Halvings from the picture to the grid of stride 16."""


class MaskDownsampler(nn.Module):
    """Four strided convolutions from ``[B, 1, S, S]`` to ``[B, width, S/16, S/16]``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for _ in range(STEPS):
            layers += [
                nn.Conv2d(channels, channels * 4, kernel_size=3, stride=2, padding=1),
                LayerNorm2d(channels * 4),
                nn.GELU(),
            ]
            channels *= 4
        layers.append(nn.Conv2d(channels, width, kernel_size=1))
        self.encoder = nn.Sequential(*layers)

    def forward(self, mask: Tensor) -> Tensor:
        """Encode the scaled mask ``[B, 1, S, S]``."""
        for layer in self.encoder:
            mask = kernels.convolve(layer, mask) if isinstance(layer, nn.Conv2d) else layer(mask)
        return mask


class FuserBlock(nn.Module):
    """A ConvNeXt block (arXiv:2201.03545) with layer scale."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, kernel_size=7, padding=3, groups=width)
        self.norm = LayerNorm2d(width)
        self.pwconv1 = nn.Linear(width, 4 * width)
        self.pwconv2 = nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(torch.full((width,), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, width, h, w]`` to the same shape."""
        y = self.norm(kernels.convolve(self.dwconv, x)).permute(0, 2, 3, 1)
        y = self.gamma * kernels.feed_forward(y, self.pwconv1, self.pwconv2, "gelu")
        return x + y.permute(0, 3, 1, 2)


class Fuser(nn.Module):
    """Two ConvNeXt blocks."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(FuserBlock(width) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, width, h, w]`` to the same shape."""
        for layer in self.layers:
            x = layer(x)
        return x


class MemoryEncoder(nn.Module):
    """Mask and features in, spatial memory out."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.mask_downsampler = MaskDownsampler(config.width)
        self.pix_feat_proj = nn.Conv2d(config.width, config.width, kernel_size=1)
        self.fuser = Fuser(config.width)
        self.out_proj = nn.Conv2d(config.width, config.memory_width, kernel_size=1)

    def forward(self, top: Tensor, mask: Tensor) -> Tensor:
        """Fuse features ``[B or 1, width, h, w]`` and the scaled mask ``[B, 1, S, S]``: ``[B, memory_width, h, w]``."""
        both = kernels.convolve(self.pix_feat_proj, top) + self.mask_downsampler(mask)
        return kernels.convolve(self.out_proj, self.fuser(both))
