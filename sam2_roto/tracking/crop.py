"""Tracking a small or distant object in a window that follows it, so that the network sees it at the plate's scale.

The network sees a whole plate at a small part of its size: of an object of 30 pixels in 1920 little is left at 384.
A window shows the network a part of the plate, as large as it needs to be, pixel for pixel. Windows lie on the plate's
pixels, have one of a few sizes, and are decided from what was seen on the two frames behind alone: a run that was
interrupted decides the same again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .objects import ObjectFrame
from .prompts import FramePrompt
from .source import LOOK_AHEAD, FrameSource

OUTSIDE = -32.0
"""Logit of the plate outside a window."""

CLOSEST = -3
"""Sides of windows are the side of the network's picture times powers of √2; this is the least of the powers."""

SHARE = 0.35
"""Part of a window's side that an object takes up when the window is chosen for it; best on generated clips."""

MARGIN = 0.1
"""Part of a window's side, at its edges, in which a click asks for a window of its own."""

_KEPT = (0.15, 0.6)  # the shares between which a window's size stays
_LOST = 4  # frames without the object after which a larger window looks for it

_T = TypeVar("_T", bound=np.generic)

Box = tuple[float, float, float, float]


class Window(NamedTuple):
    """Pixels of the plate: left, top, width, height; inside the plate."""

    x: int
    y: int
    width: int
    height: int

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
        """The box round what is positive in the window's logits ``[h, w]``, in the plate's pixels; None if nothing."""
        rows, columns = ((logits > 0).any(dim).nonzero().flatten() for dim in (1, 0))
        if rows.numel() == 0:
            return None
        across, down = self.width / logits.shape[1], self.height / logits.shape[0]
        left, right = self.x + across * int(columns[0]), self.x + across * (int(columns[-1]) + 1)
        return left, self.y + down * int(rows[0]), right, self.y + down * (int(rows[-1]) + 1)

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
        """The window's logits as they lie in another one: float32 ``[cells, cells]``, ``OUTSIDE`` beyond this one.

        Interpolated linearly, and averaged where the other's cells are larger. ``plate`` is its width and height.
        """
        down, across = (
            _laid(
                start, length, count, whole, _middles(there, extent, cells), max(1.0, extent * count / cells / length)
            )
            for start, length, count, whole, there, extent in (
                (self.y, self.height, logits.shape[0], plate[1], other.y, other.height),
                (self.x, self.width, logits.shape[1], plate[0], other.x, other.width),
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


class CropSource:
    """A clip seen through a window that follows one object; a ``FrameSource`` whose size is that of the window in use.

    Args:
        source: the whole clip.
        image_size: side of the network's square picture.
        seen: the window and the result of a frame, where the object was answered or tracked there before.
        frames: those of the clip that are tracked; all by default.
    """

    def __init__(
        self,
        source: FrameSource,
        image_size: int,
        seen: Callable[[int], tuple[Window, ObjectFrame] | None],
        frames: Sequence[int] | None = None,
    ) -> None:
        self._source, self._image_size, self._seen = source, image_size, seen
        self.frames: Sequence[int] = list(source.frames if frames is None else frames)
        self.step = 1
        """Direction of the pass: 1 or -1."""
        self._windows: dict[int, Window] = {}
        self._plate = source.width, source.height
        self._now = Window(0, 0, *self._plate)

    @property
    def width(self) -> int:
        return self._now.width

    @property
    def height(self) -> int:
        return self._now.height

    def view(self, frame: int) -> NDArray[np.uint8]:
        """The window's part of a frame."""
        return self.look(frame).taken(self._source.view(frame))

    def views(self, frames: Iterable[int], look_ahead: int = LOOK_AHEAD) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """The windows' parts of frames, each decided when it is asked for."""
        for frame, view in self._source.views(frames, look_ahead):
            yield frame, self.look(frame).taken(view)

    def known(self, frame: int) -> bool:
        """Whether the frame's window is settled."""
        return frame in self._windows or self._seen(frame) is not None

    def look(self, frame: int) -> Window:
        """Take the frame's window into use: that of before, or one decided by the frames behind."""
        if frame not in self._windows:
            known = self._seen(frame)
            self._windows[frame] = known[0] if known else self._following(frame)
        self._now = self._windows[frame]
        return self._now

    def place(self, frame: int, window: Window | None) -> None:
        """Settle the frame's window, the whole plate where ``None``, and take it into use."""
        self._windows[frame] = self._now = window or Window(0, 0, *self._plate)

    def _following(self, frame: int) -> Window:
        """The window where the object will be, if it goes on as it did."""
        place = self.frames.index(frame)
        behind = [self._behind(place, back) for back in range(1, _LOST + 1)]
        latest = behind[0]
        if latest is None:
            return self._now
        window, result = latest
        zoom = self._zoom(window)
        box = window.box_of(result.logits) if result.present else None
        if box is None:
            lost = all(entry and not entry[1].present and entry[0].width == window.width for entry in behind)
            return self._round(_box(window), self._zoom(window, +2) if lost else zoom)
        extent = extent_of(box)
        if not _KEPT[0] <= extent / (zoom * self._image_size) <= _KEPT[1]:
            zoom = zoom_for(extent, self._plate, self._image_size) or self._whole
        earlier = behind[1]
        before = earlier[0].box_of(earlier[1].logits) if earlier and earlier[1].present else None
        return self._round(_ahead(box, before), zoom)

    def _behind(self, place: int, back: int) -> tuple[Window, ObjectFrame] | None:
        there = place - self.step * back
        return self._seen(self.frames[there]) if 0 <= there < len(self.frames) else None

    @property
    def _whole(self) -> float:
        """The zoom that shows the whole plate."""
        return max(self._plate) / self._image_size

    def _zoom(self, window: Window, more: int = 0) -> float:
        """The zoom of a window, or one that is larger by so many steps."""
        zoom = max(window.width, window.height) / self._image_size
        return zoom if zoom >= self._whole else min(zoom_near(zoom, more), self._whole)

    def _round(self, box: Box, zoom: float) -> Window:
        return window_about(box, zoom, self._plate, self._image_size)


def _ahead(box: Box, before: Box | None) -> Box:
    """Where a box will be next, if its middle goes on as it did."""
    if before is None:
        return box
    x = (box[0] + box[2] - before[0] - before[2]) / 2
    y = (box[1] + box[3] - before[1] - before[3]) / 2
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y


def _box(window: Window) -> Box:
    return window.x, window.y, window.x + window.width, window.y + window.height
