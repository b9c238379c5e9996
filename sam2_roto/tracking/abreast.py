"""Trackers side by side: one for the objects that share the whole plate, and one for each that has its own window."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import cast

from .crop_tracker import CropTracker
from .objects import FrameResult
from .tracker import Tracker


@dataclass(frozen=True)
class Lane:
    """A tracker, and the frame of its objects' first prompts by name."""

    tracker: Tracker
    firsts: Mapping[str, int]

    def on_plate(self, result: FrameResult) -> FrameResult:
        """A result of the tracker, with logits over the whole plate."""
        return self.tracker.on_plate(result) if isinstance(self.tracker, CropTracker) else result

    def begin(self, frames: Sequence[int], reverse: bool) -> int | None:
        """Of the frames of a pass, in its order, the first on which any of its objects is followed, or ``None``."""
        first, last = frames[0], frames[-1]
        if reverse:
            start = min(first, max(self.firsts.values()))
            return start if start >= last else None
        start = max(first, min(self.firsts.values()))
        return start if start <= last else None


Passed = list[tuple[Lane, FrameResult]]
"""What the lanes that took part found on one frame, as their trackers saw it."""


def abreast(lanes: Iterable[Lane], frames: Sequence[int], *, reverse: bool) -> Generator[tuple[int, Passed]]:
    """Track consecutive ``frames`` in all lanes; gives each frame as soon as all that take part are past it."""
    with ExitStack() as stack:
        under_way = []
        for lane in lanes:
            start = lane.begin(frames, reverse)
            if start is not None:
                results = lane.tracker.propagate(start, frames[-1], reverse=reverse, joins=lane.firsts)
                stack.enter_context(closing(cast("Generator[FrameResult]", results)))  # else threads outlive an error
                under_way.append((lane, frames.index(start), results))
        for place, frame in enumerate(frames):
            yield frame, [(lane, next(results)) for lane, start, results in under_way if place >= start]
