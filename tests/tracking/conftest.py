"""What several tests of tracking look at."""

from __future__ import annotations

import torch

from sam2_roto.model import ImageFeatures

CELLS = 48


def two_things(part: int, seed: int = 0) -> ImageFeatures:
    """Noise, with one thing on the left and another on the right, each one in ``part`` of the picture's width.

    They differ from the noise and from each other.
    """
    generator = torch.Generator().manual_seed(seed)
    levels = []
    for channels, side in ((4, CELLS), (6, CELLS // 2), (8, CELLS // 4)):
        level = torch.randn(1, channels, side, side, generator=generator)
        level[:, 0, :, : side // part] += 9.0
        level[:, 1, :, -(side // part) :] += 9.0
        levels.append(level)
    return ImageFeatures(*levels)
