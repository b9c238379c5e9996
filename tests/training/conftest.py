"""A source of clips that anyone can follow."""

from __future__ import annotations

import numpy as np
import torch

from sam2_roto.training.data import ClipOrder
from sam2_roto.training.scenes import Scene

CPU = torch.device("cpu")


def squares(order: ClipOrder) -> Scene:
    """A square on its way, by its seed."""
    size, frames = order.size, order.frames
    rng = np.random.default_rng(order.seed)
    labels = np.zeros((frames, size, size), np.uint8)
    left, top = rng.integers(size // 8, size // 3, 2)
    for frame in range(frames):
        labels[frame, top : top + size // 2, left + frame : left + frame + size // 2] = 1
    colours = rng.integers(0, 255, (2, 3)).astype(np.uint8)
    return Scene(colours[labels], labels)
