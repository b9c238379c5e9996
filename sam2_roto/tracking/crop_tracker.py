"""A tracker that sees one object through a window that follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

import numpy as np

from sam2_roto.model import SAM2

from .crop import ZOOMS, Box, CropSource, Window, window_about, zoom_for
from .objects import FrameResult, ObjectFrame
from .policy import PolicyFactory
from .prompts import FramePrompt
from .source import ArraySource, FrameSource
from .tracker import Tracker

_LOOKS = 3  # at what a click marks, each closer than the one before


class CropArchive(Protocol):
    """Results with the windows that they were seen through; ``sam2_roto.masklets.MaskletStore`` is one."""

    def write_cropped(self, name: str, frame: int, window: Window, result: ObjectFrame) -> None:
        """Keep one object's result on one frame."""

    def read_cropped(self, name: str, frame: int) -> tuple[Window, ObjectFrame] | None:
        """The kept result, as the network gave it, or ``None``."""


class CropMemory:
    """A ``CropArchive`` in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, int], tuple[Window, ObjectFrame]] = {}

    def write_cropped(self, name: str, frame: int, window: Window, result: ObjectFrame) -> None:
        """Keep one object's result on one frame."""
        self.kept[name, frame] = window, result

    def read_cropped(self, name: str, frame: int) -> tuple[Window, ObjectFrame] | None:
        """The kept result, as the network gave it, or ``None``."""
        return self.kept.get((name, frame))


class CropTracker(Tracker):
    """A ``Tracker`` of one object, ``name``, in a window. Prompts are of the plate, results of the frames' windows.

    ``archive`` keeps windows and results; ``Window.spread`` brings them onto the plate.
    """

    def __init__(
        self,
        model: SAM2,
        source: FrameSource,
        name: str,
        archive: CropArchive,
        *,
        frames: Sequence[int] | None = None,
        policy: PolicyFactory | None = None,
    ) -> None:
        self._whole = source
        self._crop = CropSource(source, model.config.image_size, partial(archive.read_cropped, name), frames)
        kept = _Windowed(archive, self._crop)
        super().__init__(model, self._crop, frames=self._crop.frames, archive=kept, policy=policy)

    def prompt(self, name: str, frame: int, prompt: FramePrompt, *, clear: bool = False) -> ObjectFrame:
        """As ``Tracker.prompt``; on a frame that has no window yet, the prompt decides where it is."""
        prompt.check(self._whole.width, self._whole.height, f"of '{name}' on frame {frame}")
        self._position(frame)
        if not self._crop.known(frame):
            box = object_box(self.model, self._whole, frame, prompt)
            self._crop.place(frame, box, object_zoom(box, self._whole, self.model) or ZOOMS[-1])
        return super().prompt(name, frame, self._crop.look(frame).prompt(prompt), clear=clear)

    def restore(self, name: str, frame: int, prompt: FramePrompt, answer: ObjectFrame) -> None:
        """As ``Tracker.restore``; the answer is that of the frame's window."""
        super().restore(name, frame, self._crop.look(frame).prompt(prompt), answer)

    def propagate(
        self,
        start: int | None = None,
        stop: int | None = None,
        *,
        reverse: bool = False,
        joins: Mapping[str, int] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[FrameResult]:
        """As ``Tracker.propagate``."""
        self._crop.step = -1 if reverse else 1
        yield from super().propagate(start, stop, reverse=reverse, joins=joins, cancelled=cancelled)


def object_box(model: SAM2, source: FrameSource, frame: int, prompt: FramePrompt) -> Box:
    """The box round what a prompt marks, in pixels of the plate: what was drawn, or what a click finds on the plate."""
    if prompt.mask is not None and prompt.mask.any():
        rows, columns = np.flatnonzero(prompt.mask.any(axis=1)), np.flatnonzero(prompt.mask.any(axis=0))
        return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
    if prompt.box is not None:
        return prompt.box
    plate, side, view = (source.width, source.height), model.config.image_size, source.view(frame)
    xs, ys = ([point[axis] for point in prompt.points if point[2]] for axis in (0, 1))
    box = (min(xs), min(ys), max(xs), max(ys)) if xs else (0.0, 0.0, float(plate[0]), float(plate[1]))
    window = Window(0, 0, *plate)
    for _ in range(_LOOKS):
        look = ArraySource(np.ascontiguousarray(window.taken(view))[None], first=frame)
        answer = Tracker(model, look).prompt("object", frame, window.prompt(prompt))
        box = window.box_of(answer.logits) or box
        zoom = object_zoom(box, source, model)
        if zoom is None:
            break
        window = window_about(box, zoom, plate, side)
    return box


def object_zoom(box: Box, source: FrameSource, model: SAM2) -> float | None:
    """The zoom that suits an object with that box; None where the whole plate suits it as well."""
    extent = max(box[2] - box[0], box[3] - box[1])
    return zoom_for(extent, (source.width, source.height), model.config.image_size)


class _Windowed:
    """A ``CropArchive`` as a tracker's archive of results alone."""

    def __init__(self, archive: CropArchive, crop: CropSource) -> None:
        self._archive, self._crop = archive, crop

    def write(self, name: str, frame: int, result: ObjectFrame) -> None:
        self._archive.write_cropped(name, frame, self._crop.look(frame), result)

    def read(self, name: str, frame: int) -> ObjectFrame | None:
        found = self._archive.read_cropped(name, frame)
        return found[1] if found else None
