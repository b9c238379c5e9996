"""Cuts: where one take ends and another begins, hard or by a dissolve, found in one streaming pass.

- A hard cut is where none of the frames just before resembles any of those just after. A flash, a whip of the camera or
  a damaged frame leaves some pair alike. The calmer the takes, the less it has to be.
- A dissolve, or a fade through black or white, is a stretch whose ends are unlike, as are the frames beyond them, while
  the frames between are mixes of the ends (``dissolve.py``). Of those that turn within each other the surest counts.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from .dissolve import BEYOND, SPANS, Stretch, stretch_of, weigh
from .glance import Comparer, Glance, Picture, glance
from .source import FrameSource

REACH = 6
"""Frames on either side of a hard cut that are compared; what is gone in fewer frames is no cut."""

UNLIKE = 0.7
"""Least difference of two frames of different takes."""

CALM = 0.6
"""The same where neither take moves; what moves raises it, up to the other."""

UNUSUAL = 1.5
"""A hard cut is this many times the greatest steps before and after it, so that a busy take is not cut to pieces."""

APART = 6
"""Least frames between a dissolve and another cut; what is found nearer is the same one."""

SURE = -0.25
"""Least logit of a dissolve; a little below even, since a missed cut spoils more than one too many."""


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

    def __init__(self, weigh: Callable[[Stretch], float] = weigh) -> None:
        self._weigh = weigh
        self._seen: deque[Glance] = deque(maxlen=max(SPANS) + 2 * max(BEYOND) + REACH)
        self._compare = Comparer()
        self._hard_cuts: deque[int] = deque(maxlen=max(SPANS) + 2 * max(BEYOND))
        self._candidates: list[Cut] = []
        self._told: deque[Cut] = deque(maxlen=2)

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
        later = frames[split : split + REACH]
        usual = self._usual(before, later)
        least = min(UNLIKE, CALM + usual / 3)
        unlike = self._compare.unlike
        if second.frame - latest < REACH or unlike(first, second) < max(least, UNUSUAL * usual):
            return []
        strength = min(unlike(one, other) for one in before for other in later)
        if strength < least:
            return []
        self._hard_cuts.append(second.frame)
        return [Cut(second.frame, "cut", second.frame, second.frame, strength)]

    def _usual(self, before: Sequence[Glance], later: Sequence[Glance]) -> float:
        """The greatest step before a cut and the greatest after it, their mean; a single frame has none to tell."""
        sides = [side for side in (before, later) if len(side) > 1]
        steps = (itertools.starmap(self._compare.unlike, itertools.pairwise(side)) for side in sides)
        return sum(map(max, steps)) / max(len(sides), 1)

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
            if span > place or end % stride:
                continue
            stretch = stretch_of(take, place - span, place, self._compare)
            logit = self._weigh(stretch) if stretch else -math.inf
            if stretch and logit >= SURE:
                strength = 1 / (1 + math.exp(-logit))
                self._candidates.append(Cut(stretch.turn, "dissolve", stretch.start, stretch.stop, strength))

    def _settle(self, until: int | None) -> list[Cut]:
        """The dissolves that nothing later can change; the surest find of each, and none beside a hard cut."""
        chosen = list(self._told)
        for cut in sorted(self._candidates, key=lambda cut: -cut.strength):
            beside = any(cut.start - APART <= hard <= cut.stop + APART for hard in self._hard_cuts)
            if not beside and not any(_same(cut, other) for other in chosen):
                chosen.append(cut)
        found = sorted(cut for cut in chosen[len(self._told) :] if until is None or cut.stop <= until)
        self._told.extend(found)
        self._candidates = [cut for cut in self._candidates if until is not None and cut.stop > until]
        return found


def _same(cut: Cut, other: Cut) -> bool:
    """Whether two finds are of one dissolve: one turns within the other. (That of the next may overlap it.)"""
    return any(one.start - APART <= two.frame <= one.stop + APART for one, two in ((cut, other), (other, cut)))


def find_cuts(source: FrameSource, frames: Iterable[int] | None = None) -> Iterator[Cut]:
    """All cuts of a clip, each some frames after it; frames are read once, and few are kept."""
    detector = CutDetector()
    for frame, view in source.views(source.frames if frames is None else frames):
        yield from detector.push(frame, view)
    yield from detector.close()
