"""Tracking a small or distant object in a window that follows it, so that the network sees it at the plate's scale.

The network sees a whole plate at a small part of its size: of an object of 30 pixels in 1920 little is left at 384.
A window shows the network a part of the plate, as large as it needs to be, pixel for pixel. Windows lie on the plate's
pixels, have one of a few sizes, and are decided from what was seen on the two frames behind alone: a run that was
interrupted decides the same again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .guide import LOOK_BACK
from .objects import ObjectFrame
from .source import LOOK_AHEAD, FrameSource
from .window import Box, Window, extent_of, window_about, zoom_for, zoom_near

_KEPT = (0.15, 0.6)  # the shares between which a window's size stays
_PICTURES = LOOK_BACK + 1  # plates kept
_LOST = 4  # frames without the object after which a larger window looks for it


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
        self._pictures: dict[int, NDArray[np.uint8]] = {}
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
        return self.look(frame).taken(self._picture(frame))

    def through(self, frame: int, other: int) -> NDArray[np.uint8]:
        """A frame through the window of ``other``."""
        return self.look(other).taken(self._picture(frame))

    def views(self, frames: Iterable[int], look_ahead: int = LOOK_AHEAD) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """The windows' parts of frames, each decided when it is asked for."""
        for frame, view in self._source.views(frames, look_ahead):
            yield frame, self.look(frame).taken(self._keep(frame, view))

    def _picture(self, frame: int) -> NDArray[np.uint8]:
        """The whole plate of a frame."""
        return self._pictures[frame] if frame in self._pictures else self._keep(frame, self._source.view(frame))

    def _keep(self, frame: int, view: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Keep a plate for as long as motion from it may be asked for."""
        self._pictures[frame] = view
        while len(self._pictures) > _PICTURES:
            del self._pictures[next(iter(self._pictures))]
        return view

    def known(self, frame: int) -> bool:
        """Whether the frame's window is settled."""
        return frame in self._windows or self._seen(frame) is not None

    def look(self, frame: int) -> Window:
        """Take the frame's window into use."""
        self._now = self.window(frame)
        return self._now

    def window(self, frame: int) -> Window:
        """The frame's window: that of before, or one decided by the frames behind."""
        if frame not in self._windows:
            known = self._seen(frame)
            self._windows[frame] = known[0] if known else self._following(frame)
        return self._windows[frame]

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
