"""Which frame of the footage MLT shows at each position of a producer.

A position counts frames of the project. The numbers are computed as MLT 7 computes them, in double precision and in the
same order, so that ties fall on the same side: ``producer_avformat.c``, ``producer_timewarp.c``, ``link_timeremap.c``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from host_adapters.mlt.errors import ProjectError
from host_adapters.mlt.times import frames_of

_KEY = re.compile(r"([\d:.,]+)(\|?)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class TimeMap:
    """A time remapping: ``keys`` are position, seconds of the source, and whether these stay until the next key."""

    keys: tuple[tuple[int, float, bool], ...]

    @classmethod
    def parse(cls, text: str, rate: Fraction) -> TimeMap:
        """Read MLT's animation string, in a project of ``rate``.

        Raises ProjectError for curves other than straight lines and steps.
        """
        keys = []
        for item in filter(None, map(str.strip, text.split(";"))):
            found = _KEY.fullmatch(item)
            if found is None:
                raise ProjectError(f"the time remapping '{item}' is a curve that is not followed here; make it linear")
            when, stays, value = found.groups()
            keys.append((frames_of(when, rate), _seconds(value, rate), bool(stays)))
        if not keys:
            raise ProjectError("a time remapping has no keyframes; set one, or remove the remapping")
        return cls(tuple(sorted(keys)))

    def seconds(self, position: int) -> float:
        """Seconds of the source at a position."""
        before = [key for key in self.keys if key[0] <= position]
        after = [key for key in self.keys if key[0] > position]
        if not before:
            return after[0][1]
        start, first, stays = before[-1]
        if not after or stays:
            return first
        stop, last, _ = after[0]
        return first + (last - first) * ((position - start) / (stop - start))


@dataclass(frozen=True)
class Timing:
    """How positions become frames of the footage, counted from 0.

    Attributes:
        project: frames per second of the project.
        source: frames per second of the footage; None for pictures, which are shown one per position.
        speed: of a ``timewarp`` producer; below 0 it runs backwards from ``last``.
        last: the producer's last position.
        remap: a time remapping, where there is one.
        hold: positions for which a picture of a sequence is shown (``ttl``).
        offset: the producer's own in point, which MLT adds to every position.
    """

    project: Fraction
    source: Fraction | None
    speed: float = 1.0
    last: int = 0
    remap: TimeMap | None = None
    hold: int = 1
    offset: int = 0

    def frame(self, position: int) -> int:
        """The frame shown at ``position``."""
        position += self.offset
        if self.remap is not None:
            rate = float(self.source or self.project)
            return math.floor(self.remap.seconds(position) * rate)
        place = self.last - position if self.speed < 0 else position
        if self.source is None:
            return place // self.hold
        return int(place / self._clock() * float(self.source) + 0.5)

    def _clock(self) -> float:
        """Frames per second in which the source is asked for pictures; ``timewarp`` cuts it to a whole numerator."""
        if abs(self.speed) == 1.0:
            return self.project.numerator / self.project.denominator
        scale = 1000 if self.project.numerator < 1000 else 1
        return int(self.project.numerator * scale / abs(self.speed)) / (self.project.denominator * scale)


def _seconds(text: str, rate: Fraction) -> float:
    if ":" in text:
        return frames_of(text, rate) / float(rate)
    try:
        return float(text)
    except ValueError as error:
        raise ProjectError(f"'{text}' in a time remapping is no number of seconds; set the keyframe anew") from error
