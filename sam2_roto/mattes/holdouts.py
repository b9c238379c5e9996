"""Garbage and core mattes: shapes drawn by hand that keep things out of a matte, or in it."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from sam2_roto.mattes.edges import feather

Points = tuple[tuple[float, float], ...]
Keys = tuple[tuple[int, Points], ...]

_FINE = 4  # by which each pixel is divided to measure its coverage
_SUB = 4  # bits of such a part that a corner is drawn to


def shape_at(keys: Keys, frame: int) -> Points:
    """The polygon on a frame: between two keyframes each point moves straight; before and after them it stays."""
    frames = [key[0] for key in keys]
    after = bisect.bisect_right(frames, frame)
    if after == 0 or after == len(keys):
        return keys[max(0, after - 1)][1]
    (first, start), (last, stop) = keys[after - 1], keys[after]
    share = (frame - first) / (last - first)
    return tuple((x + share * (u - x), y + share * (v - y)) for (x, y), (u, v) in zip(start, stop, strict=True))


def polygon_alpha(points: Sequence[tuple[float, float]], size: tuple[int, int], softness: float = 0.0) -> Tensor:
    """Coverage of a polygon on a plate of ``size`` (H, W): float32, 0 to 1; its edge is ``softness`` pixels wide.

    Points are in pixels of the plate, the upper left corner of the first pixel being 0, 0.
    """
    alpha = torch.zeros(size)
    corners = np.asarray(points, np.float64)
    (x0, y0), (x1, y1) = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int)
    left, top, right, bottom = max(0, x0), max(0, y0), min(size[1], x1), min(size[0], y1)
    if left >= right or top >= bottom:
        return alpha
    canvas = np.zeros((_FINE * (bottom - top), _FINE * (right - left)), np.uint8)
    inner = _FINE * (corners - (left, top)) - 0.5
    cv2.fillPoly(canvas, [np.round(inner * 2**_SUB).astype(np.int32)], 255, shift=_SUB)
    drawn = cv2.resize(canvas, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    alpha[top:bottom, left:right] = torch.from_numpy(drawn.astype(np.float32) / 255)
    return feather(alpha, softness / 2, softness / 2) if softness > 0 else alpha


def held(alpha: Tensor, garbage: Tensor | None = None, core: Tensor | None = None) -> Tensor:
    """Alpha, nothing of it where ``garbage`` is 1 and all of it where ``core`` is 1 (the core wins); all ``[H, W]``."""
    if garbage is not None:
        alpha = alpha * (1 - garbage.to(alpha.device))
    return alpha if core is None else torch.maximum(alpha, core.to(alpha.device))
