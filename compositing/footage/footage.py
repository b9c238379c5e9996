"""What every kind of footage offers: numbered frames, their colour, and pictures by frame number."""

from __future__ import annotations

import bisect
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from compositing.closing import Closing
from compositing.errors import FrameRangeError, MissingFrameError
from compositing.footage.frames import gaps, spell
from compositing.image import Image
from compositing.primaries import Chromaticities

View = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ColorInfo:
    """How the code values of a plate are read.

    ``space`` is a colour space name of the OCIO config, or one that ``compositing.color`` adds. ``matrix``, ``range``
    and ``transfer`` are a movie's tags as they were decided ("bt709", "limited", ...), None for image sequences.
    ``guessed`` is True where the file did not say and no one else did; ``reason`` explains the decision in a sentence.
    """

    space: str
    guessed: bool
    reason: str
    matrix: str | None = None
    range: str | None = None
    transfer: str | None = None


class Footage(Closing):
    """A movie or an image sequence, addressed by its own frame numbers.

    ``width`` and ``height`` are those of the display window, in pixels as stored (``pixel_aspect`` is not applied).
    ``to_rec709`` is a matrix ``[3, 3]`` where R, G and B have primaries that no colour space of the config has, else
    None: it makes what ``read`` gives what ``color.space`` says. ``view`` and graphs apply it.
    ``frames`` are the numbers that exist, ascending; ``notes`` are sentences on what was decided or found wanting.
    Use it as a context manager, or call ``close``. One footage object belongs to one thread; ``views`` prefetches in
    its own.
    """

    path: Path
    width: int
    height: int
    frames: Sequence[int]
    rate: Fraction | None
    pixel_aspect: float
    color: ColorInfo
    chromaticities: Chromaticities | None
    to_rec709: Tensor | None = None
    metadata: Mapping[str, object]
    notes: list[str]

    @property
    def files(self) -> Sequence[Path]:
        """The files that are read."""
        return (self.path,)

    @property
    def first(self) -> int:
        """The lowest frame number."""
        return self.frames[0]

    @property
    def last(self) -> int:
        """The highest frame number."""
        return self.frames[-1]

    @property
    def missing(self) -> list[int]:
        """Numbers between first and last that have no picture."""
        return [frame for gap in gaps(self.frames) for frame in gap]

    @abstractmethod
    def read(self, frame: int) -> Image:
        """The plate untouched: float32 in its own colour space (and primaries), with its own channels and windows."""

    @abstractmethod
    def view(self, frame: int) -> View:
        """The display window as 8-bit sRGB ``[H, W, 3]``, for people and networks to look at."""

    @abstractmethod
    def timecode(self, frame: int) -> str | None:
        """``HH:MM:SS:FF`` (``;FF`` for drop frame) of that frame, or None where the footage has none."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and buffers."""

    def views(self, frames: Iterable[int], look_ahead: int = 4) -> Iterator[tuple[int, View]]:
        """``(frame, view)`` in the order asked for, at most ``look_ahead`` pictures decoded in advance."""
        return prefetch(self.view, frames, look_ahead)

    def check(self, frame: int) -> None:
        """Raises FrameRangeError outside the footage, MissingFrameError in a gap of its numbering."""
        if not self.first <= frame <= self.last:
            raise FrameRangeError(
                f"Frame {frame} is outside {self.path.name}, which has the frames {self.first}-{self.last}; "
                "frame numbers are the footage's own."
            )
        if self.frames[bisect.bisect_left(self.frames, frame)] != frame:
            raise MissingFrameError(
                f"Frame {frame} of {self.path.name} is missing (frames {self.first}-{self.last}, without "
                f"{spell(gaps(self.frames))}); supply the file or leave the frame out."
            )

    def __len__(self) -> int:
        return len(self.frames)


def prefetch(
    load: Callable[[int], View], frames: Iterable[int], look_ahead: int, workers: int = 1
) -> Iterator[tuple[int, View]]:
    """``(frame, load(frame))`` in order, computed by threads that run at most ``look_ahead`` frames ahead."""
    pending: deque[tuple[int, Future[View]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="footage") as pool:
        try:
            for frame in frames:
                pending.append((frame, pool.submit(load, frame)))
                if len(pending) > look_ahead:
                    ready, future = pending.popleft()
                    yield ready, future.result()
            while pending:
                ready, future = pending.popleft()
                yield ready, future.result()
        finally:
            for _, future in pending:
                future.cancel()
