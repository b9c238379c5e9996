"""A matte carried on beyond the frame, so that nothing done to its edge bends where the object leaves the picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_BACK = 4
"""Rows over which the direction of an edge is measured."""

_STEEPEST = 6.0
"""Pixels along the border for each pixel outwards, at most."""


def extended(alpha: Tensor, margin: int, sides: tuple[bool, bool, bool, bool] = (True, True, True, True)) -> Tensor:
    """Alpha ``[H, W]`` with ``margin`` more pixels beyond the chosen sides (left, top, right, bottom).

    Every edge that meets the border goes on in the direction that it has there; what is 0 or 1 at the border stays so
    where no edge comes by.
    """
    left, top, right, bottom = sides
    if top:
        alpha = _above(alpha, margin)
    if bottom:
        alpha = _above(alpha.flip(0), margin).flip(0)
    if left:
        alpha = _above(alpha.mT, margin).mT
    if right:
        alpha = _above(alpha.mT.flip(0), margin).flip(0).mT
    return alpha


def _above(alpha: Tensor, margin: int) -> Tensor:
    """``margin`` rows put before the first: the first row, each part of it shifted along the edge that is nearest."""
    width = alpha.shape[1]
    edges, slopes = _crossings(alpha)
    if not edges.numel():
        return torch.cat([alpha[:1].expand(margin, width), alpha])
    place = torch.arange(width, device=alpha.device, dtype=torch.float32)
    steps = torch.arange(margin, 0, -1, device=alpha.device, dtype=torch.float32)[:, None]
    moved = edges + slopes * steps
    nearest = (place[None, :, None] - moved[:, None]).abs().argmin(-1)
    source = place - slopes[nearest] * steps
    grid = torch.stack([(source + 0.5) * (2 / width) - 1, torch.zeros_like(source)], dim=-1)
    rows = F.grid_sample(alpha[None, None, :1], grid[None], mode="bilinear", padding_mode="border", align_corners=False)
    return torch.cat([rows[0, 0], alpha])


def _crossings(alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Where the first row crosses 0.5, in pixels, and how far that place moves for each row upwards."""
    first = _places(alpha[0])
    back = min(_BACK, alpha.shape[0] - 1)
    slopes = torch.zeros_like(first[0])
    if back > 0 and first[0].numel():
        later, rising = _places(alpha[back])
        for index in range(first[0].numel()):
            same = later[rising == first[1][index]]
            if same.numel():
                away = first[0][index] - same
                slopes[index] = away[away.abs().argmin()] / back
    return first[0], torch.where(slopes.abs() > _STEEPEST, 0.0, slopes)


def _places(row: Tensor) -> tuple[Tensor, Tensor]:
    """The crossings of 0.5 along a row, interpolated, and whether alpha rises there."""
    level = row - 0.5
    at = ((level[:-1] > 0) != (level[1:] > 0)).nonzero()[:, 0]
    return at + level[at] / (level[at] - level[at + 1]), level[at + 1] > 0
