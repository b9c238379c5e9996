"""Attention with separate projections, plain for the decoder and rotary for the memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import kernels
from .position import rotate


class Attention(nn.Module):
    """Multi-head attention whose inner width may be smaller than its outer one."""

    def __init__(self, width: int, heads: int, inner: int | None = None, key_width: int | None = None) -> None:
        super().__init__()
        inner = inner or width
        self.heads = heads
        self.q_proj = nn.Linear(width, inner)
        self.k_proj = nn.Linear(key_width or width, inner)
        self.v_proj = nn.Linear(key_width or width, inner)
        self.out_proj = nn.Linear(inner, width)

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend from ``query [N, n, width]`` to ``key`` and ``value [N, m, key_width]``: ``[N, n, width]``."""
        q, k, v = (
            self._split(kernels.apply(layer, x))
            for layer, x in ((self.q_proj, query), (self.k_proj, key), (self.v_proj, value))
        )
        return kernels.apply(self.out_proj, kernels.attention(q, k, v).transpose(1, 2).flatten(2))


class RotaryAttention(Attention):
    """Attention of one head whose queries and spatial keys are turned by their place on the grid."""

    def __init__(self, width: int, key_width: int | None = None) -> None:
        super().__init__(width, heads=1, key_width=key_width)
        self.narrow = key_width is not None and key_width < width

    def forward(  # type: ignore[override]
        self, query: Tensor, key: Tensor, value: Tensor, table: Tensor, unplaced: int = 0
    ) -> Tensor:
        """Attend with rotary encoding; ``query`` may have one row for all of ``key``'s.

        ``table [n, inner / 2, 2]`` holds the turns of one grid of n places; ``key`` may hold several grids one after
        the other, then ``unplaced`` tokens (object pointers) that have no place and are not turned.
        """
        q = rotate(self._split(kernels.apply(self.q_proj, query)), table)
        k = self._split(kernels.apply(self.k_proj, key))
        placed = k.shape[2] - unplaced
        grids = k[:, :, :placed].reshape(*k.shape[:2], -1, table.shape[0], k.shape[3])
        turned = rotate(grids, table).flatten(2, 3)
        k = turned if unplaced == 0 else torch.cat((turned, k[:, :, placed:]), dim=2)
        if self.narrow and kernels.inferred(k):
            # The weights of attention sum to one, so the values may be averaged first and projected then.
            mean = kernels.attention(q, k, value[:, None])
            return kernels.apply_twice(self.v_proj, self.out_proj, mean[:, 0])
        v = self._split(kernels.apply(self.v_proj, value))
        return kernels.apply(self.out_proj, kernels.attention(q, k, v)[:, 0])
