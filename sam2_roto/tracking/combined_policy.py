"""``combined``: the choice of ``motion``, and the memories of both it and ``distractor``."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from sam2_roto.model import ModelConfig

from .distractor_policy import DistractorPolicy
from .motion_policy import MotionPolicy
from .policy import Candidates, Reading

if TYPE_CHECKING:
    from .objects import ObjectFrame


class CombinedPolicy:
    """Motion chooses and says which frames are read again; frames on which a distractor showed are held besides.

    What was hidden is found again by ``motion``'s frames, which never show it gone; among look-alikes it is told apart
    by those of ``distractor``.
    """

    RECENT = 3
    """Most trusted frames read, the last one among them."""

    def __init__(self, config: ModelConfig) -> None:
        self._timeless = config.memories - 1
        self._motion, self._distractor = MotionPolicy(config), DistractorPolicy(config)

    @property
    def held(self) -> Collection[int]:
        """The latest trusted frames, and those with a distractor."""
        return {*self._motion.held, *self._distractor.told}

    def begin(self, frame: int, step: int, answer: ObjectFrame) -> None:
        """Begin both."""
        self._motion.begin(frame, step, answer)
        self._distractor.begin(frame, step, answer)

    def read(self, frame: int, remembered: Collection[int]) -> Reading:
        """The last frame, the latest trusted ones, and those with a distractor."""
        reading = self._motion.read(frame, remembered)
        recent = reading.spatial[: self.RECENT]
        known = {other for other, _ in recent}
        told = [other for other in self._distractor.told if other in remembered and other not in known]
        return Reading([*recent, *((other, self._timeless) for other in told)], reading.pointers)

    def choose(self, seen: Candidates) -> int:
        """As ``motion`` does."""
        return self._motion.choose(seen)

    def note(self, frame: int, result: ObjectFrame, seen: Candidates | None) -> bool:
        """Tell both; a frame is held for long where ``distractor`` says so."""
        self._motion.note(frame, result, seen)
        return self._distractor.note(frame, result, seen)
