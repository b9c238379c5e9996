"""A tracker that sees one object through a window that follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from sam2_roto.model import SAM2

from .crop import CropSource
from .guide import LIMIT, View
from .looks import first_look
from .objects import FrameResult, ObjectFrame
from .policy import PolicyFactory
from .prompts import FramePrompt
from .source import FrameSource
from .tracker import Tracker
from .window import Window


class CropArchive(Protocol):
    """Results with the windows that they were seen through; ``sam2_roto.masklets.MaskletStore`` is one."""

    def write_cropped(self, name: str, frame: int, window: Window, result: ObjectFrame) -> None:
        """Keep one object's result on one frame."""

    def read_cropped(self, name: str, frame: int) -> tuple[Window, ObjectFrame] | None:
        """The kept result, as the network gave it, or ``None``."""


class CropMemory:
    """A ``CropArchive`` in memory: of all results, or of the prompted ones and the ``latest`` others."""

    def __init__(self, latest: int | None = None) -> None:
        self.kept: dict[tuple[str, int], tuple[Window, ObjectFrame]] = {}
        self._latest = latest
        self._passing: dict[tuple[str, int], None] = {}  # those that will be dropped, the oldest first

    def write_cropped(self, name: str, frame: int, window: Window, result: ObjectFrame) -> None:
        """Keep one object's result on one frame."""
        key = name, frame
        self.kept[key] = window, result
        self._passing.pop(key, None)
        if self._latest is None or result.prompted:
            return
        self._passing[key] = None
        while len(self._passing) > self._latest:
            oldest = next(iter(self._passing))
            del self._passing[oldest], self.kept[oldest]

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
            window, prompt, _ = first_look(self.model, self._whole, frame, prompt)
            self._crop.place(frame, window)
        return super().prompt(name, frame, self._crop.look(frame).prompt(prompt), clear=clear)

    def look(self, frame: int, window: Window | None) -> None:
        """Show the network ``frame``, on which the first prompt will be, through this window."""
        self._crop.place(frame, window)

    def on_plate(self, result: FrameResult) -> FrameResult:
        """A result of this tracker with logits over the whole plate, outside of the window ``OUTSIDE``."""
        window, size = self._crop.look(result.frame), (self._whole.height, self._whole.width)
        spread = {
            name: found._replace(logits=window.spread(found.logits, size)) for name, found in result.objects.items()
        }
        return FrameResult(result.frame, spread)

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

    def _window(self, index: int) -> Window:
        return self._crop.window(self.frames[index])

    def _look_back(self, there: int, here: int) -> View | None:
        """Frame ``there`` through the window of ``here``, so that motion is that of the plate, not of the window."""
        return None if self._crop.look(there) == self._crop.look(here) else self._crop.through(there, here)

    def _from_here(self, logits: Tensor, there: int, here: int) -> Tensor:
        """What was seen through the window of ``there`` as it lies in that of ``here``; beyond it, nothing is said."""
        before, window = self._crop.look(there), self._crop.look(here)
        if before == window:
            return logits
        known = logits.float().clamp(-LIMIT, LIMIT)
        laid = before.seen_through(window, known, len(logits), (self._whole.width, self._whole.height))
        return torch.where(laid < -LIMIT, 0.0, laid)


class _Windowed:
    """A ``CropArchive`` as a tracker's archive of results alone."""

    def __init__(self, archive: CropArchive, crop: CropSource) -> None:
        self._archive, self._crop = archive, crop

    def write(self, name: str, frame: int, result: ObjectFrame) -> None:
        self._archive.write_cropped(name, frame, self._crop.look(frame), result)

    def read(self, name: str, frame: int) -> ObjectFrame | None:
        found = self._archive.read_cropped(name, frame)
        return found[1] if found else None
