"""Which frame of the plate is shown on which frame of the timeline. Knows nothing of Blender.

Blender's own rules, as seen in 4.5 and 5.0: a strip's content is numbered from 0; the place on the timeline, counted
from the content's start, times the pace gives the number, rounded half up; a strobe rounds down before that. Since 5.0,
places between two numbers share the picture that was read first for one of them, as the strip plays forward. Frames
that were trimmed off the file itself (``animation_offset_start``) come before number 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .errors import SceneError

_NUMBER = re.compile(r"(-?\d+)(?=\.[^.]+$)")


@dataclass(frozen=True)
class FrameMap:
    """The plate's frame numbers for consecutive frames of the timeline, of which ``first`` is the first."""

    first: int
    plates: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.plates:
            raise SceneError("The strip shows no frame of its file; lengthen it.")

    @property
    def last(self) -> int:
        """The last frame of the timeline."""
        return self.first + len(self.plates) - 1

    @property
    def plate_range(self) -> tuple[int, int]:
        """The lowest and the highest frame of the plate that is shown."""
        return min(self.plates), max(self.plates)

    @property
    def steady(self) -> bool:
        """Whether each frame of the timeline shows the plate's next frame."""
        return all(after - before == 1 for before, after in zip(self.plates, self.plates[1:], strict=False))

    def plate(self, timeline: int) -> int:
        """The plate's frame shown on a frame of the timeline. Raises SceneError where the strip is not there."""
        if not self.first <= timeline <= self.last:
            raise SceneError(
                f"Frame {timeline} is outside the strip, which lasts from {self.first} to {self.last}; go into it."
            )
        return self.plates[timeline - self.first]

    def timelines(self, plate: int) -> list[int]:
        """The frames of the timeline that show a frame of the plate; none where it is trimmed off."""
        return [self.first + index for index, shown in enumerate(self.plates) if shown == plate]


@dataclass(frozen=True)
class StripTiming:
    """A movie strip's times, in frames of the timeline unless said otherwise.

    Attributes:
        start: where the content begins, including what is trimmed off by handles.
        first: the first frame that is seen.
        end: the frame after the last that is seen.
        length: how long the whole content is on the timeline.
        content: frames of the file that the content has.
        skipped: frames of the file before the content, trimmed off for good.
        rate: frames of the file for each frame of the timeline, by the two frame rates.
        keys: retiming keys.
        reverse: whether it runs backwards.
        strobe: shows every so manyth frame only, where above 1.
        shares: whether places between two numbers share a picture, as since 5.0.
    """

    start: float
    first: int
    end: int
    length: int
    content: int
    skipped: int = 0
    rate: float = 1.0
    keys: tuple[int, ...] = ()
    reverse: bool = False
    strobe: float = 1.0
    shares: bool = False

    @property
    def pace(self) -> float:
        """Frames of the file for each frame of the timeline. Raises SceneError where it changes along the strip."""
        if len(self.keys) > 2:
            raise SceneError(
                "The strip's speed changes along the way, and Blender does not say how;"
                " cut it where the speed changes, or give it one speed."
            )
        if len(self.keys) == 2 and self.keys[0] < self.keys[1]:
            span = self.keys[1] - self.keys[0]
            # The last key lies on the content's last frame before 5.0, and on the frame after it since.
            return (self.content if span >= self.length else self.content - 1) / span
        return 1.0 if self.length == self.content else self.rate

    def numbers(self, places: Iterable[float]) -> list[int]:
        """The frames of the file, counted from 0, that are shown on these places of the timeline, one after another."""
        read: dict[int, int] = {}
        shown = []
        for place in places:
            exact = self._exact(place)
            number = min(math.floor(exact + 0.5), self.content - 1)
            shown.append(self.skipped + (read.setdefault(math.floor(exact), number) if self.shares else number))
        return shown

    def _exact(self, timeline: float) -> float:
        place = self.start + self.length - 1 - timeline if self.reverse else timeline - self.start
        exact = max(place, 0.0) * self.pace
        return exact - math.fmod(exact, self.strobe) if self.strobe > 1 else exact


@dataclass(frozen=True)
class SpeedEffect:
    """A Speed Control strip over a movie strip, with settings that do not move.

    Attributes:
        first: the first frame on which it is seen.
        end: the frame after the last.
        kind: Blender's name: ``STRETCH``, ``MULTIPLY``, ``LENGTH`` or ``FRAME_NUMBER``.
        value: the factor, the percentage of the length, or the frame number; no part in ``STRETCH``.
    """

    first: int
    end: int
    kind: str
    value: float = 1.0

    def place(self, timeline: int, below: StripTiming) -> float:
        """Where on the timeline the strip ``below`` would be seen as it is seen through the effect."""
        hidden = below.first - below.start
        passed = timeline - self.first
        moved = {
            "STRETCH": passed * (below.length - hidden) / max(self.end - self.first, 1),
            "MULTIPLY": passed * self.value,
            "LENGTH": below.length * self.value / 100,
            "FRAME_NUMBER": self.value,
        }
        if self.kind not in moved:
            raise SceneError(f"The Speed Control '{self.kind}' is not known; use Stretch or Multiply.")
        return below.start + min(max(math.floor(hidden + moved[self.kind] + 0.5), 0), below.length - 1)


def strip_map(timing: StripTiming, effect: SpeedEffect | None = None, file_first: int = 0) -> FrameMap:
    """What a movie strip shows, alone or through a Speed Control. ``file_first`` numbers the file's first frame."""
    if effect is None:
        first, places = timing.first, [float(frame) for frame in range(timing.first, timing.end)]
    else:
        first, places = effect.first, [effect.place(frame, timing) for frame in range(effect.first, effect.end)]
    return FrameMap(first, tuple(file_first + number for number in timing.numbers(places)))


def clip_map(start: int, number: int, length: int) -> FrameMap:
    """What a movie clip or an image node shows: ``length`` frames from ``number``, on the timeline from ``start``."""
    return FrameMap(start, tuple(range(number, number + length)))


def files_map(first: int, names: Sequence[str]) -> FrameMap:
    """What an image strip shows: the file of each frame of the timeline. Raises SceneError without numbers."""
    return FrameMap(first, tuple(number_of(name) for name in names))


def number_of(name: str) -> int:
    """The frame number in a file's name. Raises SceneError where there is none."""
    return int(_cut(name)[1])


def pattern_of(name: str) -> str:
    """The name of a whole sequence, ``plate.%04d.exr``, from one of its files. Raises SceneError without a number."""
    return patterns_of([name]).pop()


def patterns_of(names: Sequence[str], beside: Sequence[str] = ()) -> set[str]:
    """The names of the sequences that files are of. Raises SceneError where one has no number.

    How wide numbers are is told by all files of a sequence, also by those of ``beside``.
    """
    numbers: dict[tuple[str, str], list[str]] = {}
    for name in (*names, *filter(_NUMBER.search, beside)):
        head, number, tail = _cut(name)
        numbers.setdefault((head, tail), []).append(number)
    wanted = {(head, tail) for head, _, tail in map(_cut, names)}
    return {f"{head}{_place(numbers[head, tail])}{tail}" for head, tail in wanted}


def _place(numbers: Sequence[str]) -> str:
    """What stands for numbers: ``%04d`` where they are filled up with zeros or of one length, else ``%d``."""
    width = min(map(len, numbers))
    filled = any(number.lstrip("-").startswith("0") for number in numbers)
    fixed = width > 1 and (filled or all(len(number) == width for number in numbers))
    return f"%0{width}d" if fixed else "%d"


def _cut(name: str) -> tuple[str, str, str]:
    """A file's name before its frame number, the number, and what follows. Raises SceneError without a number."""
    found = _NUMBER.search(name)
    if found is None:
        raise SceneError(f"{name} has no frame number in its name; use a numbered sequence or a movie.")
    begin = found.start()
    if name[begin] == "-" and begin and name[begin - 1].isalnum():
        begin += 1  # in "plate-0001.exr" the hyphen is no sign
    return name[:begin], name[begin : found.end()], name[found.end() :]
