"""A source of clips that anyone can follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from sam2_roto.training.data import ClipOrder

CPU = torch.device("cpu")


@dataclass
class Square:
    """A clip of a square on its way."""

    frames: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]


def squares(order: ClipOrder) -> Square:
    """The clip of a seed."""
    size, frames = order.size, order.frames
    rng = np.random.default_rng(order.seed)
    labels = np.zeros((frames, size, size), np.uint8)
    left, top = rng.integers(size // 8, size // 3, 2)
    for frame in range(frames):
        labels[frame, top : top + size // 2, left + frame : left + frame + size // 2] = 1
    colours = rng.integers(0, 255, (2, 3)).astype(np.uint8)
    return Square(colours[labels], labels)
