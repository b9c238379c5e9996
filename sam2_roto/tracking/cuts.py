"""Cuts: where one take ends and another begins, hard or by a dissolve, found in one streaming pass.

- A hard cut is where none of the frames just before resembles any of those just after. A flash, a whip of the camera or
  a damaged frame leaves some pair alike.
- A dissolve, or a fade through black or white, is a stretch whose ends are unlike, as are the frames beyond them, while
  nowhere in it a frame is unlike its neighbour. Where two takes lie over each other, detail and contrast are less than
  at the ends (the variance of a mix of two pictures is a parabola in their shares; Alattar, 1993). A pan keeps them,
  its frames are no mixes of its ends, and neighbours are alike only where motion is followed. A logistic model weighs
  these signs; ``benchmarks/cuts.py`` tells how well it does.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from .glance import Comparer, Glance, Picture, correlation, glance
from .source import FrameSource

REACH = 6
"""Frames on either side of a hard cut that are compared; what is gone in fewer frames is no cut."""

UNLIKE = 0.8
"""Least difference of two frames of different takes."""

CHANGED = 0.6
"""Least difference of the ends of a stretch that is looked at as a dissolve, and of the frames beyond them."""

CORRELATED = 0.85
"""Most that the ends correlate, as tiny pictures."""

UNMIXED = 0.5
"""Most that frames between them differ from mixes of the ends, as a part of these."""

UNUSUAL = 1.6
"""A hard cut differs this many times more than neighbours did before it, so that a busy take is not cut to pieces."""

SPANS: Mapping[int, int] = {8: 1, 12: 2, 20: 3, 32: 4}
"""Lengths of the stretches that are tried for a dissolve, in frames, and how many frames apart they are tried."""

BEYOND = (4, 8)
"""Frames before and after a dissolve that have to be unlike as well."""

APART = 6
"""Least frames between a dissolve and another cut; what is found nearer is the same one."""

WEIGHTS: Mapping[str, float] = {
    "ends": 1.12,
    "detail": -2.53,
    "contrast": 0.54,
    "middle": 2.64,
    "beyond": 1.38,
    "step": -1.27,
    "residual": -0.15,
    "moved": -15.08,
    "length": 0.48,
}
BIAS = -7.54
"""Of the logistic model, as fitted on 17 reels of ``benchmarks/cuts.py`` from other takes than it measures on."""

SURE = 0.0
"""Least logit of a dissolve."""


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
    """How unlike the takes are, or how sure a dissolve is, 0..1."""


class CutDetector:
    """Takes frames one at a time, and tells each cut some frames after it; memory is bounded.

    A hard cut is told after six frames, a dissolve after about fifty, so that it may come after a later hard cut.
    """

    def __init__(self) -> None:
        self._seen: deque[Glance] = deque(maxlen=max(SPANS) + 2 * max(BEYOND) + REACH)
        self._compare = Comparer()
        self._hard_cuts: deque[int] = deque(maxlen=max(SPANS) + 2 * max(BEYOND))
        self._candidates: list[Cut] = []
        self._settled = -1

    def push(self, frame: int, view: Picture) -> list[Cut]:
        """Take the next frame, uint8 RGB ``[H, W, 3]``; the cuts that are certain from here on."""
        self._seen.append(glance(frame, view))
        found = self._hard(REACH)
        self._look(len(self._seen) - 1 - max(BEYOND))
        return found + self._settle(frame - max(BEYOND) - max(SPANS) - APART)

    def close(self) -> list[Cut]:
        """The cuts among the last frames."""
        found = [cut for after in range(REACH - 1, 0, -1) for cut in self._hard(after)]
        for last in range(max(0, len(self._seen) - max(BEYOND)), len(self._seen)):
            self._look(last)
        return found + self._settle(None)

    def _hard(self, after: int) -> list[Cut]:
        """A hard cut before the last ``after`` frames."""
        frames = list(self._seen)
        split = len(frames) - after
        if split < 1:
            return []
        first, second = frames[split - 1], frames[split]
        latest = self._hard_cuts[-1] if self._hard_cuts else first.frame - REACH
        before = [kept for kept in frames[max(0, split - REACH) : split] if kept.frame >= latest]
        unlike = self._compare.unlike
        usual = float(np.median([unlike(*pair) for pair in itertools.pairwise(before)] or [0.0]))
        if not before or unlike(first, second) < max(UNLIKE, UNUSUAL * usual):
            return []
        strength = min(unlike(one, other) for one in before for other in frames[split:])
        if strength < UNLIKE:
            return []
        self._hard_cuts.append(second.frame)
        return [Cut(second.frame, "cut", second.frame, second.frame, strength)]

    def _look(self, last: int) -> None:
        """Look for dissolves that end on the frame at ``last``, within the take that it belongs to."""
        if last < 1:
            return
        frames, end = list(self._seen), self._seen[last].frame
        begin = max((cut for cut in self._hard_cuts if cut <= end), default=frames[0].frame)
        stop = min((cut for cut in self._hard_cuts if cut > end), default=frames[-1].frame + 1)
        take = [kept for kept in frames if begin <= kept.frame < stop]
        place = next(index for index, kept in enumerate(take) if kept.frame == end)
        for span, stride in SPANS.items():
            cut = self._dissolve(take, place - span, place) if span <= place and end % stride == 0 else None
            if cut:
                self._candidates.append(cut)

    def _dissolve(self, take: list[Glance], begin: int, end: int) -> Cut | None:
        """A dissolve or a fade from one frame of a take to another, if it looks like one."""
        first, last = take[begin], take[end]
        if correlation(first.coarse, last.coarse) > CORRELATED:
            return None
        mix = mix_of(take[begin : end + 1])
        before, after = take[max(begin - max(BEYOND), 0)], take[min(end + max(BEYOND), len(take) - 1)]
        if mix.residual > UNMIXED or _faded(first, before) or _faded(last, after):
            return None
        if self._compare.unlike(first, last) < CHANGED or self._beyond(take, begin, end) < CHANGED:
            return None
        turn = begin + mix.turn
        logit = BIAS + sum(WEIGHTS[name] * value for name, value in self._signs(take, begin, mix, end).items())
        if logit < SURE:
            return None
        return Cut(take[turn].frame, "dissolve", take[begin + 1].frame, last.frame, 1 / (1 + math.exp(-logit)))

    def _signs(self, take: list[Glance], begin: int, mix: Mix, end: int) -> dict[str, float]:
        """What speaks for a dissolve, and against one."""
        unlike, inside = self._compare.unlike, take[begin : end + 1]
        turn = begin + mix.turn
        first, middle, last = take[begin], take[turn], take[end]
        around = take[max(begin + 1, turn - 1) : min(end - 1, turn + 1) + 1]
        detail = float(np.mean([kept.detail for kept in around])) / max((first.detail + last.detail) / 2, 1e-3)
        contrast = min(kept.contrast for kept in inside) / max((first.contrast + last.contrast) / 2, 1e-3)
        steps = [self._compare.likeness(one, other) for one, other in itertools.pairwise(inside)]
        return {
            "ends": -math.log(1.02 - unlike(first, last)),
            "detail": min(detail, 1.5),
            "contrast": contrast,
            "middle": min(unlike(first, middle), unlike(middle, last)),
            "beyond": -math.log(1.02 - self._beyond(take, begin, end)),
            "step": max(step.unlike for step in steps),
            "moved": float(np.mean([step.moved for step in steps])),
            "residual": math.log(mix.residual + 0.02),
            "length": math.log2((end - begin) / min(SPANS)),
        }

    def _beyond(self, take: list[Glance], begin: int, end: int) -> float:
        """How unlike the frames beyond the ends are, at the least: what comes back was no cut."""
        pairs = [(take[max(begin - away, 0)], take[min(end + away, len(take) - 1)]) for away in BEYOND]
        return min(self._compare.unlike(*pair) for pair in pairs)

    def _settle(self, until: int | None) -> list[Cut]:
        """The dissolves that nothing later can change; of overlapping finds the surest, and none beside a hard cut."""
        chosen: list[Cut] = []
        for cut in sorted(self._candidates, key=lambda cut: -cut.strength):
            if any(cut.start - APART <= hard <= cut.stop + APART for hard in self._hard_cuts):
                continue
            if all(cut.stop < other.start - APART or cut.start > other.stop + APART for other in chosen):
                chosen.append(cut)
        ready = sorted(cut for cut in chosen if until is None or cut.stop <= until)
        found = [cut for cut in ready if cut.start > self._settled]
        if ready:
            self._settled = max(self._settled, ready[-1].stop + APART)
        self._candidates = [cut for cut in self._candidates if until is not None and cut.stop > until]
        return found


def find_cuts(source: FrameSource, frames: Iterable[int] | None = None) -> Iterator[Cut]:
    """All cuts of a clip, each some frames after it; frames are read once, and few are kept."""
    detector = CutDetector()
    for frame, view in source.views(source.frames if frames is None else frames):
        yield from detector.push(frame, view)
    yield from detector.close()


def _faded(end: Glance, beyond: Glance) -> bool:
    """Whether the end of a stretch is in the middle of a fade, so that a longer one is to be looked for."""
    return end.contrast < beyond.contrast / 2


class Mix(NamedTuple):
    """How well the frames of a stretch are mixes of its first and its last."""

    turn: int
    """The frame that is nearest to half of each; neither end."""
    residual: float
    """What the mixes leave, as a part of the pattern of the ends."""


def mix_of(frames: list[Glance]) -> Mix:
    """Fit each frame as a · first + b · last, neither below 0, all of zero mean, so that brightness does not matter."""
    patterns = np.stack([kept.coarse for kept in frames], axis=1).astype(np.float64)
    ends = patterns[:, [0, -1]]
    parts: npt.NDArray[np.float64] = np.linalg.lstsq(ends, patterns, rcond=None)[0].clip(0, None)
    total = parts.sum(axis=0)
    shares = np.divide(parts[1], total, out=np.full(len(frames), 0.5), where=total > 1e-6)
    left = float(np.square(patterns - ends @ parts)[:, 1:-1].mean())
    return Mix(1 + int(np.abs(shares[1:-1] - 0.5).argmin()), left / max(float(np.square(ends).mean()), 1e-6))
