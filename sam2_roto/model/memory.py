"""What an object remembers, assembled into tokens for memory attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor


class SpatialMemory(NamedTuple):
    """The memory of one frame for a batch of objects."""

    features: Tensor
    """``[B, memory_width, h, w]``."""
    slot: int
    """Temporal slot: 0 for the frame before, counting back; the last slot for prompted frames."""


class Pointer(NamedTuple):
    """An object pointer of one frame for a batch of objects."""

    vector: Tensor
    """``[B, width]``."""
    distance: int
    """Frames between it and the current frame, positive into the past (as seen by the pass)."""


class Memory(NamedTuple):
    """Spatial memories and pointers of a batch of objects, as seen from one frame."""

    spatial: Sequence[SpatialMemory]
    pointers: Sequence[Pointer]
    span: int
    """Distances are divided by ``span``: the smaller of clip length and most pointers, minus one."""
