"""Bands round a matte's edge: where it is sure of itself, and where strands may be."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.boxes import box_of

Array = NDArray[Any]
Box = tuple[int, int, int, int]

FLOOR = 0.02
"""Alpha this near to 0 or 1 counts as 0 or 1."""

GAP = 4
"""Pixels between two pieces that still count as one."""


def trimap(alpha: Tensor, inner: float, outer: float) -> Tensor:
    """1 surely inside, 0 surely outside and 0.5 unknown: ``[H, W]`` float32.

    Unknown is what lies within ``inner`` pixels inwards and ``outer`` pixels outwards of anything soft.
    """
    values = alpha.cpu().numpy()
    solid = depth(values >= 1 - FLOOR) > inner
    empty = depth(values <= FLOOR) > outer
    return torch.from_numpy(np.where(solid, 1, np.where(empty, 0, 0.5)).astype(np.float32)).to(alpha.device)


def joined(found: Array, near: Array) -> Array:
    """What is found in one piece with what lies ``near`` the matte, gaps of a few pixels left aside; else 0."""
    count, labels = pieces(near | (found > 2 * FLOOR))
    kept = np.zeros(count, bool)
    kept[labels[near]] = True
    return np.where(kept[labels], found, 0).astype(np.float32)


def pieces(mask: Array) -> tuple[int, Array]:
    """How many pieces a mask has, and each pixel's: int32 ``[h, w]``; gaps of a few pixels (GAP) join them."""
    return cv2.connectedComponents(cv2.dilate(mask.astype(np.uint8), np.ones((GAP + 1, GAP + 1), np.uint8)))


def near_matte(matte: Array, outer: float) -> Array:
    """Where the matte is not empty, and ``outer`` pixels round it."""
    return np.asarray(depth(matte <= FLOOR) <= outer)


def depth(mask: Array) -> Array:
    """Pixels to the nearest one that is not in the mask: float32 ``[h, w]``; 0 outside of it."""
    return np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def unknown_box(regions: Array) -> Box | None:
    """The pixels x0, y0, x1, y1 round the unknown ones of a trimap, and two more; None where there are none."""
    return box_round(regions == 0.5, 2)


def box_round(mask: Array, margin: int) -> Box | None:
    """The pixels x0, y0, x1, y1 round a mask, and ``margin`` more; None where it is empty."""
    box = box_of(mask)
    if box is None:
        return None
    height, width = mask.shape
    x0, y0, x1, y1 = box
    return max(0, x0 - margin), max(0, y0 - margin), min(width, x1 + margin), min(height, y1 + margin)
