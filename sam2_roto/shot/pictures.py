"""Painted masks: strokes drawn at the plate's resolution, and masks kept as PNG under the digest of their content."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sam2_roto.errors import PromptError, ShotError

from .document import Stroke
from .durable import keep

Alpha = NDArray[np.float32]
View = NDArray[np.uint8]
Path2D = NDArray[np.int32]
"""Points of a line ``[N, 1, 2]`` in parts of a sample, as OpenCV draws them."""

MASKS = "masks"
"""Folder of painted masks in a shot."""

_SHIFT = 4
_SAMPLES = 4


def keep_mask(folder: Path, mask: NDArray[Any], size: tuple[int, int]) -> str:
    """Keep a mask, bool or 0..1 ``[H, W]``, in 8 bits; gives its digest. Raises PromptError where it does not fit."""
    width, height = size
    if mask.shape != (height, width):
        found = "×".join(map(str, mask.shape[::-1]))
        raise PromptError(f"the mask is {found} pixels, but the plate is {width}×{height}; give one of its size")
    values = np.asarray(mask, np.float32)
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise PromptError("the mask has values outside 0..1; give coverage, 0 beside the object and 1 on it")
    file = io.BytesIO()
    Image.fromarray((values * 255 + 0.5).astype(np.uint8)).save(file, "PNG", compress_level=3)
    masks = folder / MASKS
    masks.mkdir(exist_ok=True)
    return keep(masks, file.getvalue(), ".png")


def read_mask(folder: Path, digest: str) -> Alpha:
    """The kept mask as coverage 0..1, float32 ``[H, W]``; ShotError where it is gone or damaged."""
    path = folder / MASKS / f"{digest}.png"
    try:
        with Image.open(path) as picture:
            return np.asarray(picture, np.float32) / np.float32(255)
    except OSError as error:
        raise ShotError(f"the painted mask {path} is gone or damaged; take it from a copy of the shot") from error


def enclosed(outline: Sequence[tuple[float, float]], size: tuple[int, int]) -> Alpha:
    """Coverage within a closed outline on a plate of (H, W) pixels; PromptError where it holds nothing."""

    def fill(large: View, path: Path2D) -> None:
        cv2.fillPoly(large, [path], 255, cv2.LINE_8, _SHIFT)

    cover = _drawn(outline, 1, size, fill) if len(outline) > 2 else np.zeros(size, np.float32)
    if not cover.any():
        raise PromptError("the lasso holds no pixel of the plate; draw round the object")
    return cover


def paint(base: Alpha, strokes: Iterable[Stroke]) -> Alpha:
    """``base [H, W]`` with the strokes over it, each with an antialiased edge, in their order."""
    painted = base.copy()
    for stroke in strokes:
        cover = _cover(stroke, (base.shape[0], base.shape[1]))
        painted = np.maximum(painted, cover) if stroke.positive else np.minimum(painted, 1 - cover)
    return painted


def _cover(stroke: Stroke, shape: tuple[int, int]) -> Alpha:
    """Coverage of one stroke."""
    radius = stroke.radius * _SAMPLES

    def draw(large: View, path: Path2D) -> None:
        cv2.polylines(large, [path], False, 255, max(1, round(2 * radius)), cv2.LINE_8, _SHIFT)
        for point in path[:, 0]:
            centre = (int(point[0]), int(point[1]))
            cv2.circle(large, centre, round(radius * 2**_SHIFT), 255, cv2.FILLED, cv2.LINE_8, _SHIFT)

    return _drawn(stroke.points, stroke.radius + 1, shape, draw)


def _drawn(
    line: Sequence[tuple[float, float]],
    margin: float,
    shape: tuple[int, int],
    draw: Callable[[View, Path2D], None],
) -> Alpha:
    """Coverage of what is drawn along a line: at four times the size within its own rectangle, and averaged."""
    height, width = shape
    points = np.array(line, np.float64) + 0.5  # a pixel's number is its centre
    x0, y0 = np.maximum(np.floor(points.min(0) - margin), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(points.max(0) + margin), (width, height)).astype(int)
    cover = np.zeros(shape, np.float32)
    if x0 >= x1 or y0 >= y1:
        return cover
    large = np.zeros(((y1 - y0) * _SAMPLES, (x1 - x0) * _SAMPLES), np.uint8)
    scaled = ((points - (x0, y0)) * _SAMPLES - 0.5) * 2**_SHIFT
    draw(large, np.round(scaled).astype(np.int32).reshape(-1, 1, 2))
    small = cv2.resize(large, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    cover[y0:y1, x0:x1] = np.asarray(small, np.float32) / 255
    return cover
