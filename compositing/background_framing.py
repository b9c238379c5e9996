"""A frame of another shape that follows an object: its path is smooth, and never leaves the plate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from compositing.graph.node import Keys
from compositing.image import Image, Window
from compositing.operations.alpha import matte_plane

Points = NDArray[np.float64]


def centre(matte: Image) -> tuple[float, float] | None:
    """The middle of what a matte shows, in pixels of the plate; None where it shows nothing (under 16 pixels)."""
    plane = matte_plane(matte).nan_to_num(0.0).clamp(0, 1).double()
    across, down = plane.sum(0).cpu().numpy(), plane.sum(1).cpu().numpy()
    total = across.sum()
    if total < 16:
        return None
    x = (across * (np.arange(len(across)) + 0.5)).sum() / total + matte.data.x0
    y = (down * (np.arange(len(down)) + 0.5)).sum() / total + matte.data.y0
    return float(x), float(y)


def follow(centres: Mapping[int, tuple[float, float] | None], plate: Window, aspect: float, width: float) -> Keys:
    """Boxes (x0, y0, x1, y1) of the largest size with that aspect (width over height) that the plate holds.

    ``centres`` are the object's by frame; where it is not seen they are taken from the frames around. ``width`` is the
    deviation, in frames, of the window over which the path is smoothed. An object that is never seen leaves the frame
    in the middle.
    """
    across = min(plate.width, plate.height * aspect)
    down = across / aspect
    middle = ((plate.x0 + plate.x1) / 2, (plate.y0 + plate.y1) / 2)
    path = smoothed(np.array(list(centres)), _whole(centres, middle), width)
    x0 = np.clip(path[:, 0] - across / 2, plate.x0, plate.x1 - across)
    y0 = np.clip(path[:, 1] - down / 2, plate.y0, plate.y1 - down)
    boxes = zip(centres, x0.tolist(), y0.tolist(), strict=True)
    return Keys({frame: (x, y, x + across, y + down) for frame, x, y in boxes})


def smoothed(frames: NDArray[np.integer], path: Points, width: float) -> Points:
    """A path ``[N, 2]`` smoothed by local lines with gaussian weights: no lag, and none at its ends either."""
    if width <= 0 or len(frames) < 3:
        return path
    away = (frames[None, :] - frames[:, None]).astype(np.float64)
    weight = np.exp(-0.5 * (away / width) ** 2)
    total, first, second = weight.sum(1), (weight * away).sum(1), (weight * away**2).sum(1)
    level, slope = weight @ path, (weight * away) @ path
    spread = total * second - first**2
    return np.asarray((second[:, None] * level - first[:, None] * slope) / spread[:, None], np.float64)


def _whole(centres: Mapping[int, tuple[float, float] | None], middle: tuple[float, float]) -> Points:
    """The path ``[N, 2]`` with its gaps filled."""
    seen = {frame: point for frame, point in centres.items() if point is not None}
    if not seen:
        return np.tile(np.array(middle), (len(centres), 1))
    points = np.array(list(seen.values()))
    return np.stack([np.interp(list(centres), list(seen), points[:, axis]) for axis in (0, 1)], axis=1)
