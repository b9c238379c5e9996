"""Attention with separate projections, plain for the decoder and rotary for the memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        out = F.scaled_dot_product_attention(query, key, value)
        return self.out_proj(out.transpose(1, 2).flatten(2))

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend from ``query [N, n, width]`` to ``key`` and ``value [N, m, key_width]``: ``[N, n, width]``."""
        return self._attend(
            self._split(self.q_proj(query)), self._split(self.k_proj(key)), self._split(self.v_proj(value))
        )


class RotaryAttention(Attention):
    """Attention whose queries and spatial keys are turned by their place on the grid."""

    def forward(  # type: ignore[override]
        self, query: Tensor, key: Tensor, value: Tensor, table: Tensor, unplaced: int = 0
    ) -> Tensor:
        """Attend with rotary encoding.

        ``table [2, n, inner / heads / 2]`` holds the angles of one grid of n places; ``key`` may hold several grids one
        after the other, then ``unplaced`` tokens (object pointers) that have no place and are not turned.
        """
        q = rotate(self._split(self.q_proj(query)), table)
        k = self._split(self.k_proj(key))
        placed = k.shape[2] - unplaced
        grids = k[:, :, :placed].reshape(*k.shape[:2], -1, table.shape[1], k.shape[3])
        turned = rotate(grids, table).flatten(2, 3)
        k = turned if unplaced == 0 else torch.cat((turned, k[:, :, placed:]), dim=2)
        return self._attend(q, k, self._split(self.v_proj(value)))
