"""``motion``: motion-aware selection (SAMURAI, arXiv:2411.11922), written from the paper."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from sam2_roto.model import ModelConfig

from .kalman import Box, BoxFilter, box_iou, mask_box
from .policy import Candidates, Mask, Reading, latest
from .window import Window

if TYPE_CHECKING:
    from .objects import ObjectFrame


class MotionPolicy:
    """A Kalman filter of the box helps to choose, and doubtful frames are not read again (SAMURAI)."""

    STABLE = 15
    """Frames in a row that the filter must have followed before it has a say."""
    WEIGHT = 0.25
    """Its say; the rest is the predicted IoU's."""
    FOLLOWED = 0.3
    """Least predicted IoU of a frame that the filter follows."""
    SURE = 0.5
    """Least predicted IoU of a frame that is read again."""

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._filter: BoxFilter | None = None
        self._stable = 0
        self._trusted: deque[int] = deque(maxlen=config.memories - 1)
        self._step = 1
        self._expected: Box | None = None
        self._predicted_for: int | None = None

    @property
    def held(self) -> Collection[int]:
        """The latest frames that were trusted."""
        return tuple(self._trusted)

    def begin(self, frame: int, step: int, answer: ObjectFrame, window: Window) -> None:
        """Start the filter on the box that the artist settled."""
        box = _box(_mask(answer), window)
        self._filter = None if box is None else BoxFilter(box)
        self._expected = None
        self._stable, self._step, self._predicted_for = 0, step, frame
        self._trusted.clear()

    def read(self, frame: int, remembered: Collection[int]) -> Reading:
        """The last frame, and the latest trusted ones behind it."""
        last = frame - self._step
        trusted = [other for other in reversed(self._trusted) if other != last]
        recent = [other for other in (last, *trusted) if other in remembered][: self._config.memories - 1]
        spatial = [(other, slot) for slot, other in enumerate(recent)]
        return Reading(spatial, latest(frame, self._step, self._config.pointers, remembered))

    def choose(self, seen: Candidates) -> int:
        """The candidate of best predicted IoU and place, once the filter is trusted."""
        self._predict(seen.frame)
        if self._stable < self.STABLE or self._expected is None:
            return int(seen.iou.argmax())
        places = np.array([_overlap(_box(mask, seen.window), self._expected) for mask in seen.logits > 0])
        return int((self.WEIGHT * places + (1 - self.WEIGHT) * seen.iou).argmax())

    def note(self, frame: int, result: ObjectFrame, window: Window, seen: Candidates | None) -> bool:  # noqa: ARG002
        """Follow the box, and trust the frame where it is sure and in its place."""
        self._predict(frame)
        box = _box(_mask(result), window) if result.present else None
        if box is None or result.iou <= self.FOLLOWED:
            self._stable = 0
            return False
        in_place = self._expected is None or box_iou(box, self._expected) > 0
        if self._filter is None:
            self._filter = BoxFilter(box)
        else:
            self._filter.update(box)
        self._stable += 1
        trusted = result.iou > self.SURE and in_place
        if trusted:
            self._trusted.append(frame)
        return trusted

    def _predict(self, frame: int) -> None:
        """The box expected on ``frame``, worked out once."""
        if self._filter is not None and self._predicted_for != frame:
            self._expected = self._filter.predict()
        self._predicted_for = frame


def _mask(result: ObjectFrame) -> Mask:
    return np.asarray((result.logits > 0).cpu().numpy())


def _box(mask: Mask, window: Window) -> Box | None:
    """The box of a mask in the plate's pixels: a window that moves does not move it."""
    box = mask_box(mask)
    return None if box is None else window.on_plate(box, mask.shape)


def _overlap(box: Box | None, expected: Box) -> float:
    return 0.0 if box is None else box_iou(box, expected)
