"""Memory policies: which candidate mask is believed, which frames are remembered, and which memories are read.

``plain`` is the published tracker. The others need no training:

- ``distractor``: distractor-aware memory (DAM4SAM, CVPR 2025, arXiv:2411.17576), written from the paper. Recent memory
  is sparse, and frames on which another thing almost became the mask are remembered for long.
- ``motion``: motion-aware selection (SAMURAI, arXiv:2411.11922), written from the paper. A Kalman filter of the box has
  a say in the choice, and frames that were doubtful are not read again.

To add one: write a class with the three methods and the property of ``Policy``, and name it in ``POLICIES``. There is
one instance for each object, and frames are positions in the clip, counted from 0. In a pass the tracker calls, for
every frame that is not prompted: ``read`` (what to look at), ``choose`` (which of the decoded masks), ``note`` (what
came of it). ``Candidates.view`` is the picture, for policies that look at it, such as one that follows optical flow.
All state must follow from the calls since ``begin``, so that a pass can be taken up again where it was left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, NamedTuple, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from sam2_roto.errors import PromptError
from sam2_roto.model import ModelConfig

from .kalman import BoxFilter, box_iou, mask_box

if TYPE_CHECKING:
    from .objects import ObjectFrame

Mask = npt.NDArray[np.bool_]


class Candidates(NamedTuple):
    """What the decoder offers for one object on one frame, on the CPU."""

    frame: int
    """Position in the clip."""
    step: int
    """Direction of the pass, 1 or -1."""
    view: npt.NDArray[np.uint8]
    """The picture, uint8 RGB ``[H, W, 3]``."""
    logits: npt.NDArray[np.float32]
    """``[M, S/4, S/4]``, not silenced where the object is absent."""
    iou: npt.NDArray[np.float32]
    """``[M]`` predicted IoU."""
    score: float
    """Logit of the object's presence."""


class Reading(NamedTuple):
    """What one frame looks at besides the prompted frames, which are always read."""

    spatial: list[tuple[int, int]]
    """Frame and temporal slot of each spatial memory: 0 is the latest, ``memories - 1`` is timeless."""
    pointers: list[int]
    """Frames whose pointers are read."""


class Policy(Protocol):
    """How one object's memory is used; see the module's words on adding one."""

    @property
    def held(self) -> Collection[int]:
        """Frames whose memory is kept beyond the latest ones, bounded in number."""

    def begin(self, frame: int, step: int, answer: ObjectFrame) -> None:
        """Forget all: a pass in direction ``step`` leaves the prompted ``frame``, where ``answer`` was settled."""

    def read(self, frame: int, remembered: Collection[int]) -> Reading:
        """What ``frame`` looks at, out of the ``remembered`` tracked frames."""

    def choose(self, seen: Candidates) -> int:
        """Index of the candidate that is believed."""

    def note(self, frame: int, result: ObjectFrame, seen: Candidates | None) -> bool:
        """Take in what came of a frame, and say whether it is held from now on.

        ``seen`` is None where the result was tracked earlier; ``result.held`` then is what was said at that time.
        """


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
        self._areas: deque[int] = deque(maxlen=10)
        self._start = self._last = 0
        self._step = 1

    @property
    def held(self) -> Collection[int]:
        """Frames with a distractor, and the sparse recent ones."""
        return {*self._held, *self._visible}

    def begin(self, frame: int, step: int, answer: ObjectFrame) -> None:
        """Forget all frames but the prompted one."""
        self._held.clear()
        self._visible.clear()
        self._areas.clear()
        self._areas.append(_area(answer))
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

    def note(self, frame: int, result: ObjectFrame, seen: Candidates | None) -> bool:
        """Hold the frame where a distractor was told from the object."""
        held = result.held if seen is None else self._tells(frame, result, seen)
        if held:
            self._held.append(frame)
            self._last = frame
        if result.present:
            self._areas.append(_area(result))
            if (frame - self._start) % self.EVERY == 0:
                self._visible.append(frame)
        return held

    def _tells(self, frame: int, result: ObjectFrame, seen: Candidates) -> bool:
        usual = float(np.median(self._areas))
        steady = abs(_area(result) - usual) <= self.USUAL * usual
        rested = abs(frame - self._last) > self.PAUSE
        if not (result.present and result.iou > self.SURE and steady and rested):
            return False
        chosen = self.choose(seen)
        masks = seen.logits > 0
        others = [mask for index, mask in enumerate(masks) if index != chosen]
        return any(_joined_iou(masks[chosen], other) <= self.APART for other in others)


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
        self._expected: tuple[float, float, float, float] | None = None
        self._predicted_for: int | None = None

    @property
    def held(self) -> Collection[int]:
        """The latest frames that were trusted."""
        return tuple(self._trusted)

    def begin(self, frame: int, step: int, answer: ObjectFrame) -> None:
        """Start the filter on the box that the artist settled."""
        box = mask_box((answer.logits > 0).cpu().numpy())
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
        places = np.array([_overlap(mask, self._expected) for mask in seen.logits > 0])
        return int((self.WEIGHT * places + (1 - self.WEIGHT) * seen.iou).argmax())

    def note(self, frame: int, result: ObjectFrame, seen: Candidates | None) -> bool:  # noqa: ARG002
        """Follow the box, and trust the frame where it is sure and in its place."""
        self._predict(frame)
        box = mask_box((result.logits > 0).cpu().numpy()) if result.present else None
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


PolicyFactory = Callable[[ModelConfig], Policy]

POLICIES: dict[str, PolicyFactory | None] = {"plain": None, "distractor": DistractorPolicy, "motion": MotionPolicy}
"""By name; None is the published tracker, which asks no one."""

DEFAULT_POLICY = "distractor"
"""The best one in `benchmarks/policies.py` (docs/tracking.md)."""


def find_policy(name: str) -> PolicyFactory | None:
    """What makes the policy of that name for one object; PromptError where there is none."""
    if name not in POLICIES:
        raise PromptError(f"there is no memory policy '{name}'; use one of {', '.join(POLICIES)}")
    return POLICIES[name]


def latest(frame: int, step: int, count: int, remembered: Collection[int]) -> list[int]:
    """The remembered ones of the ``count - 1`` frames just behind ``frame``, nearest first."""
    return [other for back in range(1, count) if (other := frame - step * back) in remembered]


def _area(result: ObjectFrame) -> int:
    return int((result.logits > 0).sum())


def _overlap(mask: Mask, expected: tuple[float, float, float, float]) -> float:
    box = mask_box(mask)
    return 0.0 if box is None else box_iou(box, expected)


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
