"""Distillation: the embedded model's features should tell what a published model's features tell.

What is compared is not the features as such, since both differ in width, but how much of the teacher's can be read off
ours by the best linear map. That map is the least-squares one over the latest pictures, found anew at every step, so
that nothing of it has to be learnt or stored. After MobileSAM (arXiv:2306.14289), which learns the features themselves.
"""

from __future__ import annotations

import torch
from torch import Tensor

MEMORY = 0.98
"""How much of the moments over earlier pictures is kept at each step."""
RIDGE = 1e-3
LEAST_VARIANCE = 1e-6


class Distillation:
    """Compares features; keeps running ``moments`` of both sides, float64 [C + 1 + D, C + 1 + D]."""

    def __init__(self, moments: Tensor | None = None) -> None:
        """Begin, or go on from the ``moments`` of an earlier one."""
        self.moments = moments

    def loss(self, ours: Tensor, theirs: Tensor) -> Tensor:
        """The part of the teacher's variance, 0..1, that ours does not explain.

        Args:
            ours: float [N, C, h, w], which gradients reach.
            theirs: float [N, D, h, w], of the same pictures.
        """
        with torch.autocast(ours.device.type, enabled=False):
            x, y = (side.float().movedim(1, -1).flatten(0, 2) for side in (ours, theirs))
            x = torch.cat([x, x.new_ones(len(x), 1)], dim=1)
            weight, variance = self._solve(x.detach(), y)
            return ((x @ weight - y) ** 2 / variance).mean()

    @torch.no_grad()
    def _solve(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Take in tokens x [K, C + 1] and y [K, D]; gives the map [C + 1, D] and the variance of y [D]."""
        both = torch.cat([x, y], dim=1).double()
        moments = both.T @ both / len(both)
        if self.moments is not None:
            moments = self.moments.to(moments).lerp(moments, 1.0 - MEMORY)
        self.moments, width = moments, x.shape[1]
        inner, outer = moments[:width, :width], moments[:width, width:]
        inner = inner + torch.eye(width, dtype=inner.dtype, device=inner.device) * inner.diagonal().mean() * RIDGE
        variance = moments[width:, width:].diagonal() - moments[width - 1, width:] ** 2
        return torch.linalg.solve(inner, outer).float(), variance.clamp(min=LEAST_VARIANCE).float()
