"""Frame ranges as people write them: ``1001-1060``, ``-5-20``, ``7``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from compositing.errors import FrameRangeError

_RANGE = re.compile(r"\s*(-?\d+)\s*(?:-\s*(-?\d+)\s*)?")


@dataclass(frozen=True, slots=True, order=True)
class FrameRange:
    """The frames from ``first`` to ``last``, both included. Raises FrameRangeError where last comes before first."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise FrameRangeError(f"The range {self.first}-{self.last} ends before it begins; write the lower first.")

    @classmethod
    def parse(cls, text: str) -> FrameRange:
        """``"A-B"`` or ``"A"``; either number may be negative. Raises FrameRangeError for anything else."""
        match = _RANGE.fullmatch(text)
        if match is None:
            raise FrameRangeError(f"{text!r} is not a range of frames; write it as FIRST-LAST, for example 1001-1060.")
        first = int(match[1])
        return cls(first, first if match[2] is None else int(match[2]))

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.last + 1))

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __contains__(self, frame: object) -> bool:
        return isinstance(frame, int) and self.first <= frame <= self.last


def summarise(frames: list[int]) -> str:
    """Sorted frame numbers in few words: ``[1, 2, 3, 7]`` becomes ``"1-3, 7"``."""
    runs: list[FrameRange] = []
    for frame in frames:
        if runs and runs[-1].last == frame - 1:
            runs[-1] = FrameRange(runs[-1].first, frame)
        else:
            runs.append(FrameRange(frame, frame))
    return ", ".join(map(str, runs))
