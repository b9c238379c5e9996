"""Frame ranges as people write them: ``1001-1060``, ``-5-20``, ``7``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

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


def runs(frames: Iterable[int]) -> list[FrameRange]:
    """Ascending frame numbers as unbroken ranges: ``[1, 2, 3, 7]`` gives 1-3 and 7."""
    found: list[FrameRange] = []
    for frame in frames:
        if found and found[-1].last == frame - 1:
            found[-1] = FrameRange(found[-1].first, frame)
        else:
            found.append(FrameRange(frame, frame))
    return found


def gaps(frames: Iterable[int]) -> list[FrameRange]:
    """The ranges between ascending frame numbers that they leave out."""
    there = runs(frames)
    return [FrameRange(before.last + 1, after.first - 1) for before, after in pairwise(there)]


def spell(ranges: Sequence[FrameRange], most: int = 6) -> str:
    """Ranges in few words: ``"1-3, 7"``, cut after ``most`` of them."""
    told = ", ".join(map(str, ranges[:most]))
    return told if len(ranges) <= most else f"{told} and {len(ranges) - most} more"


def summarise(frames: Iterable[int]) -> str:
    """Ascending frame numbers in few words: ``[1, 2, 3, 7]`` becomes ``"1-3, 7"``."""
    return spell(runs(frames))
