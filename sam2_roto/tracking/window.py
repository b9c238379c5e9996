"""The window through which the network sees a small or distant object: pixels of the plate, and logits laid on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .prompts import FramePrompt

OUTSIDE = -32.0
"""Logit of the plate outside a window."""

CLOSEST = -3
"""Sides of windows are the side of the network's picture times powers of √2; this is the least of the powers."""

SHARE = 0.35
"""Part of a window's side that an object takes up when the window is chosen for it; best on generated clips."""

FLECKS = 0.1
"""Part of an object that its smallest pieces may make up together and not be asked where a window should be."""

MARGIN = 0.1
"""Part of a window's side, at its edges, in which a click asks for a window of its own."""

_T = TypeVar("_T", bound=np.generic)

Box = tuple[float, float, float, float]


class Window(NamedTuple):
    """Pixels of the plate: left, top, width, height; inside the plate."""

    x: int
    y: int
    width: int
    height: int

    @property
    def longest(self) -> int:
        """Its longer side in pixels."""
        return max(self.width, self.height)

    def taken(self, view: NDArray[_T]) -> NDArray[_T]:
        """Its part of a picture ``[H, W, 3]`` or a mask ``[H, W]``, as a view."""
        return view[self.y : self.y + self.height, self.x : self.x + self.width]

    def prompt(self, said: FramePrompt) -> FramePrompt:
        """What was said of the plate, in the window's own pixels; what lies outside is moved to its edge."""
        if said.mask is not None:
            return replace(said, mask=self.taken(said.mask))
        points = tuple((*self._inside(x, y), positive) for x, y, positive in said.points)
        box = None if said.box is None else (*self._inside(*said.box[:2]), *self._inside(*said.box[2:]))
        return replace(said, points=points, box=box)

    def _inside(self, x: float, y: float) -> tuple[float, float]:
        return min(max(x - self.x, 0.0), self.width - 1.0), min(max(y - self.y, 0.0), self.height - 1.0)

    def box_of(self, logits: Tensor) -> Box | None:
        """The box round what is positive in the window's logits ``[h, w]``, in the plate's pixels; None if nothing.

        Flecks, the least of its pieces that are less than ``FLECKS`` of it together, do not count.
        """
        pieces = _pieces((logits > 0).cpu().numpy())
        if not len(pieces):
            return None
        (left, top), (right, bottom) = pieces[:, :2].min(axis=0), pieces[:, 2:].max(axis=0)
        return self.on_plate((left, top, right, bottom), logits.shape)

    def on_plate(self, box: Box, shape: Sequence[int]) -> Box:
        """A box in cells of the window's logits ``shape`` (h, w), in the plate's pixels."""
        across, down = self.width / shape[1], self.height / shape[0]
        left, top, right, bottom = box
        return self.x + across * left, self.y + down * top, self.x + across * right, self.y + down * bottom

    def area(self, cells: int, shape: Sequence[int]) -> float:
        """What so many cells of the window's logits ``shape`` (h, w) cover, in the plate's pixels."""
        return cells * self.width * self.height / (shape[0] * shape[1])

    def spread(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """The window's logits on a grid over the whole plate of ``size`` (H, W), whose cells are as large as they were.

        float32 ``[h, w]``; exact where the window's edges lie on cells, interpolated linearly elsewhere, and
        ``OUTSIDE`` beyond.
        """
        rows, columns = (
            max(1, round(plate * cells / length))
            for plate, cells, length in zip(size, logits.shape, (self.height, self.width), strict=True)
        )
        down = _laid(self.y, self.height, logits.shape[0], size[0], _middles(0, size[0], rows))
        across = _laid(self.x, self.width, logits.shape[1], size[1], _middles(0, size[1], columns))
        return _across(logits, down, across)

    def seen_through(self, other: Window, logits: Tensor, cells: int, plate: tuple[int, int]) -> Tensor:
        """The window's logits as they lie in another one: float32 ``[…, cells, cells]``, ``OUTSIDE`` beyond this one.

        Interpolated linearly, and averaged where the other's cells are larger. ``plate`` is its width and height.
        """
        down, across = (
            _laid(
                start, length, count, whole, _middles(there, extent, cells), max(1.0, extent * count / cells / length)
            )
            for start, length, count, whole, there, extent in (
                (self.y, self.height, logits.shape[-2], plate[1], other.y, other.height),
                (self.x, self.width, logits.shape[-1], plate[0], other.x, other.width),
            )
        )
        return _across(logits, down, across)

    def shows(self, x: float, y: float, plate: tuple[int, int]) -> bool:
        """Whether a place of the plate lies well inside: no nearer to an edge than ``MARGIN``, but for the plate's."""
        return all(
            (not start or start + MARGIN * length <= at)
            and (start + length == whole or at < start + (1 - MARGIN) * length)
            for at, start, length, whole in ((x, self.x, self.width, plate[0]), (y, self.y, self.height, plate[1]))
        )


def _pieces(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Boxes ``[N, 4]`` (left, top, right, bottom) of the pieces of a mask ``[h, w]``, largest first, without flecks."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    left, top, width, height, area = stats[1:][np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")].T
    larger = area.cumsum() - area
    boxes: NDArray[np.int64] = np.stack((left, top, left + width, top + height), axis=1).astype(np.int64)
    kept: NDArray[np.bool_] = larger < (1 - FLECKS) * area.sum()
    return boxes[kept]


def _middles(start: int, length: int, cells: int) -> Tensor:
    """Where on the plate the cells of a length of it have their middles."""
    return start + (torch.arange(cells, dtype=torch.float64) + 0.5) * length / cells


def _laid(start: int, length: int, cells: int, plate: int, middles: Tensor, reach: float = 1.0) -> Tensor:
    """The matrix ``[middles, cells]`` that lays a window's cells on places of the plate; rows beyond them are 0.

    ``reach`` is the distance in cells at which one has no say any more.
    """
    place = (middles - start) * cells / length - 0.5
    at_border = ((place < 0) & (start == 0)) | ((place > cells - 1) & (start + length == plate))
    place = torch.where(at_border, place.clamp(0, cells - 1), place)
    shares = (1 - (place[:, None] - torch.arange(cells)).abs() / reach).clamp(min=0) / reach
    return shares.float()


def _across(logits: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Logits laid by the matrices of both ways, ``OUTSIDE`` where they say nothing."""
    place = logits.device
    return OUTSIDE + down.to(place) @ (logits.float() - OUTSIDE) @ across.to(place).T


def zoom_for(extent: float, plate: tuple[int, int], image_size: int, share: float = SHARE) -> float | None:
    """The zoom at which an object of ``extent`` pixels takes up about ``share`` of a window's side.

    None where such a window is the whole plate. ``plate`` is its width and height.
    """
    zoom = zoom_near(extent / share / image_size)
    return zoom if zoom * image_size < max(plate) else None


def zoom_near(zoom: float, more: int = 0) -> float:
    """The power of √2 that is nearest to a zoom, or one so many steps above; not below the closest of all."""
    power = round(2 * math.log2(max(zoom, 1e-6))) + more
    return math.sqrt(2) ** max(CLOSEST, power)


def extent_of(box: Box) -> float:
    """The longer side of a box."""
    return max(box[2] - box[0], box[3] - box[1])


def window_about(box: Box, zoom: float, plate: tuple[int, int], image_size: int) -> Window:
    """The window about the middle of a box, on cells of its logits where the border of the plate lets it."""
    side, cell = round(zoom * image_size), max(1, round(4 * zoom))
    edges = []
    for low, high, size in ((box[0], box[2], plate[0]), (box[1], box[3], plate[1])):
        start = round(((low + high) / 2 - side / 2) / cell) * cell
        edges.append((min(max(start, 0), max(size - side, 0)), min(side, size)))
    (x, width), (y, height) = edges
    return Window(x, y, width, height)


def reaching(window: Window, places: Sequence[tuple[float, float]], plate: tuple[int, int], side: int) -> Window | None:
    """The window, or one about ``places`` (x, y) that do not lie well inside, of its size or the least that holds them.

    None where that is the whole plate; ``side`` is that of the network's picture.
    """
    if all(window.shows(x, y, plate) for x, y in places):
        return window
    xs, ys = zip(*places, strict=True)
    zoom = max(window.width, window.height) / side
    while zoom * side < max(plate):
        found = window_about((min(xs), min(ys), max(xs), max(ys)), zoom, plate, side)
        if all(found.shows(x, y, plate) for x, y in places):
            return found
        zoom = zoom_near(zoom, +1)
    return None
