"""``distractor``: distractor-aware memory (DAM4SAM, CVPR 2025, arXiv:2411.17576), written from the paper."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sam2_roto.model import ModelConfig

from .kalman import box_iou, mask_box
from .policy import Candidates, Mask, Reading, latest
from .window import Window

if TYPE_CHECKING:
    from .objects import ObjectFrame


class DistractorPolicy:
    """Sparse recent memory, and up to four frames on which a distractor showed (DAM4SAM).

    A frame is held where the mask is sure (predicted IoU), of its usual area, and another candidate, joined with the
    mask, would have had quite another box: there the network could tell the object from something like it.
    """

    EVERY = 5
    """Of the recent frames, one in so many is read, and the last one."""
    RECENT, HELD = 3, 3
    """Most recent frames read, and most frames held besides the prompted ones."""
    SURE, USUAL, APART, PAUSE = 0.8, 0.2, 0.7, 5
    """Least predicted IoU; largest change of area; box IoU that tells another thing; frames between two held."""

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._held: deque[int] = deque(maxlen=self.HELD)
        self._visible: deque[int] = deque(maxlen=self.RECENT)
        self._areas: deque[float] = deque(maxlen=10)
        self._start = self._last = 0
        self._step = 1

    @property
    def held(self) -> Collection[int]:
        """Frames with a distractor, and the sparse recent ones."""
        return {*self._held, *self._visible}

    def begin(self, frame: int, step: int, answer: ObjectFrame, window: Window) -> None:
        """Forget all frames but the prompted one."""
        self._held.clear()
        self._visible.clear()
        self._areas.clear()
        self._areas.append(_area(answer, window))
        self._start = self._last = frame
        self._step = step

    def read(self, frame: int, remembered: Collection[int]) -> Reading:
        """The last frame, sparse frames behind it, and the held ones."""
        sparse = [other for other in reversed(self._visible) if other != frame - self._step]
        recent = [other for other in (frame - self._step, *sparse) if other in remembered][: self.RECENT]
        spatial = [(other, slot) for slot, other in enumerate(recent)]
        timeless = [(other, self._config.memories - 1) for other in self._held if other in remembered]
        timeless = [pair for pair in timeless if pair[0] not in recent]
        return Reading(spatial + timeless, latest(frame, self._step, self._config.pointers, remembered))

    def choose(self, seen: Candidates) -> int:
        """The candidate of best predicted IoU."""
        return int(seen.iou.argmax())

    def note(self, frame: int, result: ObjectFrame, window: Window, seen: Candidates | None) -> bool:
        """Hold the frame where a distractor was told from the object."""
        area = _area(result, window)
        held = result.held if seen is None else self._tells(frame, result, area, seen)
        if held:
            self._held.append(frame)
            self._last = frame
        if result.present:
            self._areas.append(area)
            if (frame - self._start) % self.EVERY == 0:
                self._visible.append(frame)
        return held

    def _tells(self, frame: int, result: ObjectFrame, area: float, seen: Candidates) -> bool:
        usual = float(np.median(self._areas))
        steady = abs(area - usual) <= self.USUAL * usual
        rested = abs(frame - self._last) > self.PAUSE
        if not (result.present and result.iou > self.SURE and steady and rested):
            return False
        chosen = self.choose(seen)
        masks = seen.logits > 0
        others = [mask for index, mask in enumerate(masks) if index != chosen]
        return any(_joined_iou(masks[chosen], other) <= self.APART for other in others)


def _area(result: ObjectFrame, window: Window) -> float:
    """In the plate's pixels: a closer window does not make the object larger."""
    return window.area(int((result.logits > 0).sum()), result.logits.shape)


def _joined_iou(chosen: Mask, other: Mask) -> float:
    """Box IoU of the chosen mask with itself joined by the largest piece that only the other mask has."""
    extra = (other & ~chosen).astype(np.uint8)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(extra, connectivity=8)
    box = mask_box(chosen)
    if count < 2 or box is None:
        return 1.0
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    joined = mask_box(chosen | (pieces == largest))
    return 0.0 if joined is None else box_iou(box, joined)
