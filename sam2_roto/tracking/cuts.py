"""Cuts: where one take ends and another begins, hard or by a dissolve, found in one streaming pass.

Pictures are looked at small and grey, normalised so that their brightness and contrast do not matter (flashes, fades of
the light). Two frames are compared by what optical flow between them leaves unexplained, and by their colours.

- A hard cut is where none of the frames just before resembles any of those just after. A flash, a whip of the camera or
  a damaged frame leaves some pair alike.
- A dissolve, or a fade through black or white, is a stretch whose ends are unlike, while every frame in it is a mix of
  the two ends with shares that run from one to the other. A pan's frames are no mix of its ends.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from .source import FrameSource

Picture = npt.NDArray[np.uint8]
Grey = npt.NDArray[np.float32]

WIDTH, HEIGHT = 96, 54
"""Size at which pictures are compared."""

REACH = 3
"""Frames on either side of a hard cut that are compared; flashes up to one frame shorter are no cut."""

SPANS = (8, 12, 20, 32)
"""Lengths of the stretches that are tried for a dissolve, in frames."""

UNLIKE = 0.45
"""Least difference of two frames of different takes."""

UNUSUAL = 1.8
"""A hard cut differs this many times more than neighbours did before it, so that a busy take is not cut to pieces."""

DISSOLVED = 1.3
"""The same of a dissolve's ends, against two frames as far apart before it."""

UNMIXED = 1.5
"""What the unmixed part of the pictures between takes from the difference of a dissolve's ends."""

MOVING = 0.15
"""What the difference of two frames as far apart before the dissolve takes from it."""

FADE = 0.1
"""What a fade takes from it, whose frames tell little of the takes."""

DISSOLVED = 0.38
"""Least that must be left of it."""

STEADY = 0.85
"""Least correlation of a dissolve's shares with time."""

BETWEEN = 4
"""Least frames of a dissolve that are neither end."""

FADED = 0.06
"""Part of the ends' pattern that is left, at most, where a fade is darkest."""

_COARSE = (24, 14)
_PLAIN = 4.0  # grey levels of spread below which a picture has no pattern
_SAME = 0.02  # difference of colours below which no cut is looked for


class Cut(NamedTuple):
    """The border between two takes."""

    frame: int
    """First frame of the later take; in a dissolve, the first that shows more of it."""
    kind: Literal["cut", "dissolve"]
    start: int
    """First frame that shows anything of the later take."""
    stop: int
    """First frame that shows nothing more of the earlier one."""
    strength: float
    """How unlike the takes are, 0..1."""


class Glance(NamedTuple):
    """What is kept of a frame."""

    frame: int
    grey: Grey
    """``[HEIGHT, WIDTH]`` 0..255."""
    coarse: Grey
    """``[14 · 24 · 3]`` colours of a tiny picture, mean removed."""
    colours: Grey
    """Histogram of 4 × 4 × 4 colours, as shares."""


class CutDetector:
    """Takes frames one at a time, and tells each cut some frames after it; memory is bounded."""

    def __init__(self) -> None:
        self._seen: deque[Glance] = deque(maxlen=2 * max(SPANS) + 2 * REACH)
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._last = -1
        self._pending: Cut | None = None
        self._differences: dict[tuple[int, int], float] = {}

    def push(self, frame: int, view: Picture) -> list[Cut]:
        """Take the next frame, uint8 RGB ``[H, W, 3]``; the cuts that are certain from here on, in order."""
        self._seen.append(glance(frame, view))
        return self._look(0)

    def close(self) -> list[Cut]:
        """The cuts among the last frames."""
        found = [cut for ahead in range(1, REACH) for cut in self._look(ahead)]
        return [*found, *self._settle()]

    def _look(self, ended: int) -> list[Cut]:
        """Cuts that the newest frame makes certain; ``ended`` frames would have followed it."""
        hard = self._hard(REACH - ended)
        if hard is not None:
            earlier = [] if self._pending is None or self._pending.stop >= hard.start else self._settle()
            self._pending, self._last = None, hard.frame
            return [*earlier, hard]
        if ended:
            return []
        found = self._gradual()
        if found is None:
            waited = self._pending is not None and self._seen[-1].frame > self._pending.stop + max(SPANS)
            return self._settle() if waited else []
        self._pending = found if self._pending is None else _stronger(self._pending, found)
        return []

    def _settle(self) -> list[Cut]:
        found, self._pending = self._pending, None
        if found is None:
            return []
        self._last = found.stop
        return [found]

    def _hard(self, after: int) -> Cut | None:
        """A hard cut before the last ``after`` frames."""
        frames = list(self._seen)
        if after < 1 or len(frames) <= after:
            return None
        split = len(frames) - after
        first, second = frames[split - 1], frames[split]
        before = [glance_ for glance_ in frames[max(0, split - REACH) : split] if glance_.frame > self._last - 1]
        if not before or self.difference(first, second) < max(UNLIKE, UNUSUAL * self._usual(before)):
            return None
        pairs = [(one, other) for one in before for other in frames[split:]]
        strength = min(self.difference(one, other) for one, other in pairs)
        if strength < UNLIKE:
            return None
        return Cut(second.frame, "cut", second.frame, second.frame, strength)

    def _usual(self, before: list[Glance]) -> float:
        """The middle difference of neighbours before a cut."""
        pairs = itertools.pairwise(before)
        return float(np.median([self.difference(*pair) for pair in pairs])) if len(before) > 1 else 0.0

    def _gradual(self) -> Cut | None:
        """The likeliest dissolve that ends on the newest frame."""
        frames = [glance_ for glance_ in self._seen if glance_.frame >= self._last]
        found = [cut for span in SPANS if span < len(frames) and (cut := self._dissolve(frames, span))]
        return max(found, key=lambda cut: cut.strength, default=None)

    def _dissolve(self, frames: list[Glance], span: int) -> Cut | None:
        """A dissolve or a fade over the last ``span`` frames."""
        begin = len(frames) - 1 - span
        first, last = frames[begin], frames[-1]
        if _correlation(first.coarse, last.coarse) > 1 - UNLIKE**2:
            return None
        mix = mix_of(frames[begin:])
        if not (mix.faded or mix.steady):
            return None
        moving = self.difference(frames[max(0, begin - span)], first)
        taken = UNMIXED * mix.unmixed + MOVING * moving if mix.steady else FADE
        left = self.difference(first, last) - taken
        if left < DISSOLVED:
            return None
        turn = begin + (int(np.argmax(mix.shares > 0.5)) if mix.steady else mix.darkest)
        return Cut(frames[turn].frame, "dissolve", frames[begin + 1].frame, last.frame, left)

    def difference(self, first: Glance, second: Glance) -> float:
        """How unlike two frames are, 0..1: what flow leaves unexplained, and the colours."""
        key = (first.frame, second.frame)
        if key not in self._differences:
            if len(self._differences) > 64 * REACH:
                self._differences.clear()
            self._differences[key] = _unlike(self._flow, first, second)
        return self._differences[key]


def find_cuts(source: FrameSource, frames: Iterable[int] | None = None) -> Iterator[Cut]:
    """All cuts of a clip, each some frames after it; frames are read once, and few are kept."""
    detector = CutDetector()
    for frame, view in source.views(source.frames if frames is None else frames):
        yield from detector.push(frame, view)
    yield from detector.close()


def glance(frame: int, view: Picture) -> Glance:
    """What is kept of a picture, uint8 RGB ``[H, W, 3]``."""
    small = cv2.resize(view, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    coarse = cv2.resize(small, _COARSE, interpolation=cv2.INTER_AREA).ravel().astype(np.float32)
    bins = (np.asarray(small, np.int64) // 64) @ np.array([16, 4, 1])
    colours = np.bincount(bins.ravel(), minlength=64).astype(np.float32) / bins.size
    return Glance(frame, grey, coarse - coarse.mean(), colours)


class Mix(NamedTuple):
    """How the frames of a stretch are made of its first and its last."""

    shares: npt.NDArray[np.float64]
    """Share of the last in each, 0..1."""
    unmixed: float
    """Mean part of the frames between that is no mix."""
    contrast: npt.NDArray[np.float64]
    """Strength of each frame's pattern, against the ends'."""

    @property
    def steady(self) -> bool:
        """Whether the shares run from one end to the other, over several frames."""
        time = np.arange(len(self.shares)) - (len(self.shares) - 1) / 2
        sizes = float(np.linalg.norm(time) * np.linalg.norm(self.shares - self.shares.mean()))
        between = np.count_nonzero(_between(self.shares))
        return bool(between >= BETWEEN and time @ self.shares >= STEADY * max(sizes, 1e-6))

    @property
    def darkest(self) -> int:
        """Where the pattern is weakest; in a fade, the first frame of the later take."""
        return int(self.contrast.argmin())

    @property
    def faded(self) -> bool:
        """Whether the pattern vanishes between the ends, and does so over several frames on both sides."""
        low = self.darkest
        return bool(
            self.contrast[low] < FADED
            and BETWEEN <= low + 1 < len(self.contrast) - BETWEEN + 1
            and np.abs(np.diff(np.sqrt(self.contrast))).max() < 0.5
        )


def mix_of(frames: list[Glance]) -> Mix:
    """Fit each frame as a · first + b · last, both of zero mean, so that brightness does not matter."""
    ends = np.stack([frames[0].coarse, frames[-1].coarse], axis=1).astype(np.float64)
    patterns = np.stack([glance_.coarse for glance_ in frames], axis=1).astype(np.float64)
    parts, *_ = np.linalg.lstsq(ends, patterns, rcond=None)
    whole = max(float(np.square(ends).sum(axis=0).mean()), 1e-6)
    rest = np.square(patterns - ends @ parts).sum(axis=0) / whole
    parts = parts.clip(0, None)
    total = parts.sum(axis=0)
    shares = np.divide(parts[1], total, out=np.full(len(frames), 0.5), where=total > 1e-6)
    between = _between(shares)
    unmixed = float(rest[between].mean()) if between.any() else 1.0
    return Mix(shares, unmixed, np.square(patterns).sum(axis=0) / whole)


def _between(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    return np.asarray((shares > 0.15) & (shares < 0.85))


def _unlike(flow: Any, first: Glance, second: Glance) -> float:
    """Geometric mean of the differences of pattern, as flow leaves it, and of colours; brightness alone is neither."""
    colours = 1 - float(np.minimum(first.colours, second.colours).sum())
    if colours < _SAME:
        return 0.0
    pattern = 1 - max(_followed(flow, first.grey, second.grey), _correlation(first.coarse, second.coarse), 0.0)
    return float(np.sqrt(min(2 * colours, 1.0) * pattern))


def _followed(flow: Any, first: Grey, second: Grey) -> float:
    """Correlation of the second picture with the first, moved along the flow between them; 0 for plain pictures."""
    one, other = _normal(first), _normal(second)
    if one is None or other is None:
        return 0.0
    motion = flow.calc(other, one, None)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    warped = cv2.remap(
        one, columns + motion[..., 0], rows + motion[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return _correlation(warped.ravel().astype(np.float32) - 128, other.ravel().astype(np.float32) - 128)


def _normal(grey: Grey) -> Picture | None:
    """Grey levels of mean 128 and fixed contrast; None for a plain picture."""
    spread = float(grey.std())
    if spread < _PLAIN:
        return None
    levels: Picture = ((grey - grey.mean()) * (48 / spread) + 128).clip(0, 255).astype(np.uint8)
    return levels


def _correlation(first: Grey, second: Grey) -> float:
    sizes = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / sizes if sizes > 1e-6 else 0.0


def _stronger(first: Cut, second: Cut) -> Cut:
    """Of two overlapping finds of one dissolve, the better."""
    return second if second.strength > first.strength else first
