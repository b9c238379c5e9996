"""Time: which frame of its input a node shows. Frame numbers are whole, and those of the node's own output."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from compositing.errors import GraphError
from compositing.footage.frames import FrameRange
from compositing.graph.regions import Settings

TimeRule = Callable[[int, Settings, FrameRange | None], int]
"""``rule(frame, settings, range of the input)``: the frame of the input; a range of None is endless"""

FramesRule = Callable[[Settings, FrameRange | None], FrameRange | None]


def shift(frame: int, _frames: FrameRange | None, by: int) -> int:
    """The input ``by`` frames later."""
    return frame - by


def hold(_frame: int, _frames: FrameRange | None, frame: int) -> int:
    """One frame of the input on every frame."""
    return frame


def clamp(frame: int, frames: FrameRange | None) -> int:
    """The first frame before the input begins, the last after it has ended."""
    return frame if frames is None else min(max(frame, frames.first), frames.last)


def loop(frame: int, frames: FrameRange | None) -> int:
    """The input over and over, before its first frame too."""
    return frame if frames is None else frames.first + (frame - frames.first) % len(frames)


def retime(frame: int, frames: FrameRange | None, speed: float) -> int:
    """The input ``speed`` times as fast about its first frame; the nearest frame is taken, halves are rounded down.

    For footage of another rate the speed is its rate over the rate wanted.
    """
    if not 0 < speed < math.inf:
        raise GraphError(f"A speed of {speed} is not possible; give a number above 0.")
    first = 0 if frames is None else frames.first
    return first + math.ceil((frame - first) * speed - 0.5)


def with_settings(rule: Callable[..., int]) -> TimeRule:
    """The rule with its settings as a mapping."""

    def called(frame: int, settings: Any, frames: FrameRange | None) -> int:
        return rule(frame, frames, **settings)

    return called


def shifted(settings: Settings, frames: FrameRange | None) -> FrameRange | None:
    """The range of a shifted input."""
    by = int(settings["by"])
    return None if frames is None else FrameRange(frames.first + by, frames.last + by)


def endless(_settings: Settings, _frames: FrameRange | None) -> None:
    """There is a picture on every frame."""


def retimed(settings: Settings, frames: FrameRange | None) -> FrameRange | None:
    """The frames whose nearest frame of the input is there."""
    if frames is None:
        return None
    last = frames.first + math.floor((len(frames) - 0.5) / float(settings["speed"]))
    while retime(last, frames, float(settings["speed"])) > frames.last:
        last -= 1
    return FrameRange(frames.first, last)
