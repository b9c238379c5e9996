"""Pictures for people: the plate with its objects tinted and outlined, as a picture and as a movie."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from compositing.footage.writer import MovieWriter
from sam2_roto.boxes import box_of
from sam2_roto.export.exr import Matte

View = NDArray[np.uint8]
Color = tuple[int, int, int]

_COLORS: tuple[Color, ...] = (
    (255, 92, 57),
    (38, 166, 255),
    (255, 205, 40),
    (88, 214, 110),
    (205, 110, 255),
    (0, 210, 200),
    (255, 120, 190),
    (170, 190, 60),
)


def object_color(index: int) -> Color:
    """The RGB colour of the object at that place in the shot's list; neighbours are easy to tell apart."""
    if index < len(_COLORS):
        return _COLORS[index]
    red, green, blue = colorsys.hsv_to_rgb(index * 0.618034 % 1.0, 0.7, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def overlay(view: View, mattes: Sequence[Matte], *, tint: float = 0.45) -> View:
    """The plate with each object tinted by its alpha and outlined along its 0.5 contour.

    Args:
        view: uint8 ``[H, W, 3]``.
        mattes: alpha ``[H, W]``, 0 to 1, in the shot's order of objects.
        tint: how much of the colour covers an opaque object, 0 to 1.
    """
    picture = view.copy()
    thickness = max(1, round(view.shape[0] / 360))
    for index, matte in enumerate(mattes):
        box = _box(matte, 2 * thickness)
        if box is not None:
            picture[box] = _tinted(picture[box], matte[box], object_color(index), tint, thickness)
    return picture


class OverlayMovie:
    """An H.264 movie of the overlay, fed frame by frame; nothing of a frame is kept once it is written.

    Args:
        path: the movie; it appears under its name when it is whole.
        objects: the names of the objects, in the shot's order.
        rate: frames per second; 24 where the plate has none.

    Use it as a context manager. Raises OutputError where the movie cannot be written.
    """

    def __init__(self, path: Path, objects: Sequence[str], rate: Fraction | None = None) -> None:
        self._objects = tuple(objects)
        self._movie = MovieWriter(path, rate or Fraction(24), crf=20, options={"preset": "veryfast"})

    def write(self, view: View, mattes: Mapping[str, Matte]) -> View:
        """Append one frame; objects left out are absent. Returns the picture as it was drawn."""
        empty = np.zeros(view.shape[:2], np.float32)
        picture = overlay(view, [mattes.get(name, empty) for name in self._objects])
        self._movie.write(picture)
        return picture

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._movie.close()
        else:
            self._movie.abandon()


def _box(matte: Matte, margin: int) -> tuple[slice, slice] | None:
    box = box_of(matte)
    if box is None:
        return None
    left, top, right, bottom = box
    return slice(max(0, top - margin), bottom + margin), slice(max(0, left - margin), right + margin)


def _tinted(picture: View, matte: Matte, color: Color, tint: float, thickness: int) -> View:
    alpha = np.ascontiguousarray(matte, dtype=np.float32)
    blurred = cv2.blur(alpha, (2 * thickness + 1, 2 * thickness + 1), borderType=cv2.BORDER_REPLICATE)
    line = np.clip(2.4 * (0.9 - np.abs(2 * blurred - 1)), 0, 1)
    cover = np.maximum(tint * alpha, line)[..., None]
    mixed = picture + cover * (np.array(color, np.float32) - picture)
    return np.asarray(mixed + 0.5, np.uint8)
