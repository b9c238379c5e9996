"""Roto splines: closed Bézier shapes whose points keep their order and number from key to key.

Coordinates are pixels of the plate, x to the right and y downwards, with 0, 0 at the upper left corner of the frame
(so the centre of the first pixel is 0.5, 0.5).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""``[N, 3, 2]``: of each point its incoming handle, itself, its outgoing handle; x and y, all absolute."""

_LINES = 4  # lines across each pixel along which coverage is found when a shape is drawn


@dataclass(frozen=True)
class Shape:
    """A closed Bézier shape over time.

    Attributes:
        name: of the shape, unique in its spline.
        keys: frame to points; every key has the same number of points, in the same order. Between keys every
            coordinate moves in a straight line. The shape is there from its first key to its last.
        hole: whether it is cut out of the others.
    """

    name: str
    keys: Mapping[int, Points]
    hole: bool = False

    @property
    def first(self) -> int:
        return min(self.keys)

    @property
    def last(self) -> int:
        return max(self.keys)

    def at(self, frame: int) -> Points | None:
        """The points on that frame, or None where the shape is not there."""
        if not self.first <= frame <= self.last:
            return None
        frames = sorted(self.keys)
        before = frames[bisect_right(frames, frame) - 1]
        if before == frame:
            return self.keys[frame]
        after = frames[bisect_right(frames, frame)]
        part = (frame - before) / (after - before)
        return self.keys[before] * (1 - part) + self.keys[after] * part


@dataclass(frozen=True)
class Spline:
    """The shapes of one object on a plate of ``width`` by ``height`` pixels, for ``frames`` (first, last).

    ``tolerance`` is the mean distance in pixels between a matte's edge and the drawn shapes that was allowed, and
    ``error`` the largest that any frame has.
    """

    name: str
    width: int
    height: int
    frames: tuple[int, int]
    shapes: tuple[Shape, ...]
    tolerance: float
    error: float

    @property
    def keyframes(self) -> list[int]:
        """Frames on which any shape has a key, ascending."""
        return sorted({frame for shape in self.shapes for frame in shape.keys})

    def draw(self, frame: int) -> NDArray[np.float32]:
        """The matte ``[H, W]``, 0 to 1, antialiased, that the shapes make on that frame."""
        alpha = np.zeros((self.height, self.width), np.float32)
        found = [(shape, shape.at(frame)) for shape in self.shapes]
        outlines = [(polyline(points), shape.hole) for shape, points in found if points is not None]
        box = bounds([outline for outline, _ in outlines], self.width, self.height)
        if box is not None:
            x0, y0, x1, y1 = box
            alpha[y0:y1, x0:x1] = fill(outlines, box)
        return alpha


Box = tuple[int, int, int, int]


def polyline(points: Points, steps: int = 12) -> NDArray[np.float64]:
    """A closed Bézier as ``[N * steps, 2]`` places along it."""
    places: Points = np.einsum("sk,nkc->nsc", bernstein(np.arange(steps) / steps), spans(points))
    return places.reshape(-1, 2)


def spans(points: Points) -> Points:
    """From each point to the next: point, outgoing handle, incoming handle, point; ``[..., N, 4, 2]``."""
    ends = np.roll(points, -1, axis=-3)
    return np.stack([points[..., 1, :], points[..., 2, :], ends[..., 0, :], ends[..., 1, :]], axis=-2)


def bernstein(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cubic Bernstein polynomials ``[n, 4]`` at ``places``, 0 to 1."""
    u, v = places[:, None], 1 - places[:, None]
    return np.concatenate([v**3, 3 * u * v**2, 3 * u**2 * v, u**3], axis=1)


def bounds(outlines: list[NDArray[np.float64]], width: int, height: int) -> Box | None:
    """The pixels x0, y0, x1, y1 of the frame that the outlines may touch; None where they are outside, or none."""
    if not outlines:
        return None
    low = np.min([outline.min(axis=0) for outline in outlines], axis=0)
    high = np.max([outline.max(axis=0) for outline in outlines], axis=0)
    x0, y0 = max(0, math.floor(low[0]) - 1), max(0, math.floor(low[1]) - 1)
    x1, y1 = min(width, math.ceil(high[0]) + 1), min(height, math.ceil(high[1]) + 1)
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def fill(outlines: list[tuple[NDArray[np.float64], bool]], box: Box) -> NDArray[np.float32]:
    """Coverage of the box's pixels by closed outlines, holes (True) cut out of the others: ``[y1 - y0, x1 - x0]``."""
    total = np.zeros((box[3] - box[1], box[2] - box[0]))
    for outline, hole in outlines:
        coverage = np.abs(_winding(outline, box)).clip(0, 1)
        total += -coverage if hole else coverage
    return total.clip(0, 1).astype(np.float32)


def _winding(outline: NDArray[np.float64], box: Box) -> NDArray[np.float64]:
    """How often the outline runs round each pixel, parts of pixels counted; exact along ``_LINES`` lines in each.

    Where the outline crosses a line, everything to the right changes by one; a running sum adds the changes up.
    """
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    start = (outline - (x0, y0)) * (1, _LINES)
    stop = np.roll(start, -1, axis=0)
    above, below = (np.ceil(ends[:, 1] - 0.5).clip(0, height * _LINES).astype(np.int64) for ends in (start, stop))
    crossed = np.abs(below - above)
    edge = np.repeat(np.arange(len(start)), crossed)
    line = np.arange(len(edge)) - np.repeat(crossed.cumsum() - crossed, crossed) + np.minimum(above, below)[edge]
    fall = stop[edge] - start[edge]
    x = start[edge, 0] + (line + 0.5 - start[edge, 1]) * fall[:, 0] / fall[:, 1]
    x = x.clip(0, width)
    column = np.floor(x).astype(np.int64)
    place = line // _LINES * (width + 2) + column
    sign = np.sign(fall[:, 1]) / _LINES
    inside = x - column
    changes = np.bincount(place, sign * (1 - inside), height * (width + 2))
    changes += np.bincount(place + 1, sign * inside, height * (width + 2))
    return np.asarray(changes.reshape(height, width + 2).cumsum(axis=1)[:, :width])
