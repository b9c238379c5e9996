"""Signed distance to the edge of a matte, in plate pixels, exact to a small part of a pixel.

A binary distance transform knows an edge only to half a pixel. Here the edge is the 0.5 contour of alpha, found by
linear interpolation along rows and columns, and the distance transform is separable (Saito & Toriwaki 1994): first
along one axis, then the lower envelope of parabolas along the other, within a stated reach. Everything is shifts and
minima, so the same lines run on a CPU and on a GPU.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_STRAIGHT = 1.5  # crossings of a row and a column this near belong to one edge, which is straight at that scale


def signed_distance(alpha: Tensor, reach: float) -> Tensor:
    """Distance of every pixel to the 0.5 contour of alpha: positive inside, negative outside.

    Args:
        alpha: float ``[..., H, W]``, 0 to 1.
        reach: distances up to this many pixels are exact to 0.15 px; larger ones are at least ``reach``.

    Returns:
        float32 ``[..., H, W]`` in pixels, within ±(reach + 2). The frame's border is no edge.
    """
    if reach <= 0:
        raise ValueError(f"the reach must be positive, got {reach}")
    level = alpha.float() - 0.5
    far = math.ceil(reach) + 2.0
    vertical = _axis_distance(level.mT, far).mT
    horizontal = _axis_distance(level, far)
    near = (vertical < _STRAIGHT) & (horizontal < _STRAIGHT)
    altitude = vertical * horizontal * torch.rsqrt(vertical**2 + horizontal**2 + 1e-12)
    across = _envelope(vertical**2, far)
    down = _envelope((horizontal**2).mT, far).mT
    distance = torch.minimum(across, down).sqrt_()
    return torch.where(near, altitude, distance).copysign_(level)


def edge_box(alpha: Tensor, margin: int) -> tuple[int, int, int, int] | None:
    """The pixels ``(x0, y0, x1, y1)`` within ``margin`` of any edge of alpha ``[H, W]``; None where it has none."""
    inside = alpha > 0.5
    rows = (inside != inside[:, :1]).any(1)
    rows[1:] |= (inside[1:] != inside[:-1]).any(1)
    columns = (inside != inside[:1]).any(0)
    columns[1:] |= (inside[:, 1:] != inside[:, :-1]).any(0)
    ys, xs = rows.nonzero(), columns.nonzero()
    if not ys.numel() and not xs.numel():
        return None
    height, width = alpha.shape
    y0, y1 = _span(ys, height, margin)
    x0, x1 = _span(xs, width, margin)
    return x0, y0, x1, y1


def _span(marked: Tensor, length: int, margin: int) -> tuple[int, int]:
    if not marked.numel():
        return 0, length
    return max(0, int(marked[0]) - margin - 1), min(length, int(marked[-1]) + margin + 1)


def _axis_distance(level: Tensor, far: float) -> Tensor:
    """Distance along the last axis to the nearest sign change of ``[..., n]``, at most ``far``."""
    first, second = level[..., :-1], level[..., 1:]
    crosses = (first > 0) != (second > 0)
    fraction = first / torch.where(crosses, first - second, torch.ones_like(first))
    ahead = torch.full_like(level, far)
    behind = torch.full_like(level, far)
    ahead[..., :-1] = torch.where(crosses, fraction, ahead[..., :-1])
    behind[..., 1:] = torch.where(crosses, 1 - fraction, behind[..., 1:])
    step = 1
    while step < min(far, level.shape[-1]):  # a cone's minimum over n neighbours, doubled each time
        ahead[..., :-step] = torch.minimum(ahead[..., :-step], ahead[..., step:] + step)
        behind[..., step:] = torch.minimum(behind[..., step:], behind[..., :-step] + step)
        step *= 2
    return torch.minimum(ahead, behind)


def _envelope(squared: Tensor, far: float) -> Tensor:
    """The minimum over k of ``squared[..., x + k] + k²`` for \\|k\\| below ``far``."""
    squared = squared.contiguous()
    lowest = squared.clone()
    for k in range(1, min(int(far), squared.shape[-1])):
        candidate = squared + k * k
        torch.minimum(lowest[..., k:], candidate[..., :-k], out=lowest[..., k:])
        torch.minimum(lowest[..., :-k], candidate[..., k:], out=lowest[..., :-k])
    return lowest
