"""Dense optical flow between two pictures (dense inverse search, arXiv:1603.03590, as in OpenCV), and its use."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def gray(picture: Array) -> Array:
    """Luma (Rec.601) ``uint8 [H, W]`` of ``picture [H, W, 3]``, uint8 RGB."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))


def dense_flow(here: Array, there: Array, *, quick: bool = False) -> Array:
    """Where the pixels of ``here`` are found in ``there`` (both uint8 ``[H, W]``): offsets (x, y) in pixels.

    ``quick`` searches coarser patches, in a quarter of the time. Returns float32 ``[H, W, 2]``. Sides below 32 pixels
    give no motion: the search has nothing to hold on to.
    """
    if min(here.shape) < 32:
        return np.zeros((*here.shape, 2), np.float32)
    # A search keeps buffers between calls, so threads must not share one.
    preset = cv2.DISOPTICAL_FLOW_PRESET_FAST if quick else cv2.DISOPTICAL_FLOW_PRESET_MEDIUM
    search = cv2.DISOpticalFlow.create(preset)
    return np.asarray(search.calc(here, there, np.zeros((*here.shape, 2), np.float32)), np.float32)


def seen_from(picture: Array, flow: Array) -> Array:
    """``picture [H, W]`` or ``[H, W, C]`` float32, taken along ``flow [H, W, 2]``; the border is repeated."""
    height, width = flow.shape[:2]
    columns = np.arange(width, dtype=np.float32) + flow[..., 0]
    rows = np.arange(height, dtype=np.float32)[:, None] + flow[..., 1]
    return np.asarray(cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def doubt(flow: Array, back: Array) -> Array:
    """How far from its start a pixel ends that goes along ``flow`` and ``back`` again: float32 ``[H, W]``, pixels.

    Large where a pixel is hidden in the other picture, or was not found.
    """
    ends = np.square(seen_from(back, flow) + flow)
    # OpenCV's magnitude rounds the last bit by where in memory the numbers lie, so that no two runs are equal.
    return np.asarray(np.sqrt(ends[..., 0] + ends[..., 1]))
