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

_SUB = 4  # bits of a pixel that a corner is drawn to


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
    canvas = np.zeros(size, np.uint8)
    corners = np.round((np.asarray(points, np.float64) - 0.5) * 2**_SUB).astype(np.int32)
    cv2.fillPoly(canvas, [corners], 255, lineType=cv2.LINE_AA, shift=_SUB)
    alpha = torch.from_numpy(canvas).float().div_(255)
    return feather(alpha, softness / 2, softness / 2) if softness > 0 else alpha


def held(alpha: Tensor, garbage: Tensor | None = None, core: Tensor | None = None) -> Tensor:
    """Alpha, nothing of it where ``garbage`` is 1 and all of it where ``core`` is 1 (the core wins); all ``[H, W]``."""
    if garbage is not None:
        alpha = alpha * (1 - garbage.to(alpha.device))
    return alpha if core is None else torch.maximum(alpha, core.to(alpha.device))
