"""Looking for the cuts of a shot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compositing.footage import Footage
from compositing.footage.frames import FrameRange
from sam2_roto.job import Progress
from sam2_roto.tracking.cuts import find_cuts

from .document import Cut


def detect(footage: Footage, frames: FrameRange, progress: Progress) -> tuple[Cut, ...]:
    """The cuts and dissolves within ``frames``; reads every picture once."""

    def counted(numbers: Iterable[int]) -> Iterator[int]:
        for done, frame in enumerate(numbers, start=1):
            progress("cuts", done, len(frames))
            yield frame

    found = find_cuts(footage, counted(frames))
    return tuple(Cut(cut.frame, cut.kind) for cut in found if cut.frame > frames.first)
