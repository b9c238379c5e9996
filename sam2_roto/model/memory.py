"""What a batch of objects remembers, as seen from one frame."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Memory(NamedTuple):
    """Spatial memories and object pointers; each object (row) may remember other frames than its neighbours."""

    spatial: Tensor
    """``[B, n, memory_width, h, w]``: spatial memories, in any order."""
    slots: Tensor
    """``[B or 1, n]`` int64 temporal slots: 0 for the frame just before (in the direction of the pass), counting back;
    the last slot (``config.memories - 1``) for prompted frames."""
    pointers: Tensor
    """``[B, m, width]``; m may be 0."""
    distances: Tensor
    """``[B or 1, m]`` frames between a pointer and the current frame, positive into the past of the pass."""
    span: int
    """Distances are divided by ``span``: the smaller of clip length and most pointers, minus one."""
