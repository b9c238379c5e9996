"""Small layers that several parts of the network share."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import kernels


class LayerNorm2d(nn.Module):
    """Layer norm over the channels of ``[N, C, H, W]``, each pixel on its own."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``x [N, C, H, W]``; the result lies channels-last in memory."""
        last = F.layer_norm(x.movedim(1, -1).to(self.weight.dtype), self.weight.shape, self.weight, self.bias, self.eps)
        return last.movedim(-1, 1)


class MLP(nn.Module):
    """Linear layers with an activation between them: ``[..., widths[0]] -> [..., widths[-1]]``."""

    def __init__(self, *widths: int, activation: kernels.Activation = "relu") -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers to the last axis of ``x``."""
        *inner, first, last = self.layers
        for layer in inner:
            x = kernels.apply(layer, x, self.activation)
        return kernels.feed_forward(x, first, last, self.activation)
