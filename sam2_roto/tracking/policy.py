"""The contract of memory policies: which candidate is believed, which frames are remembered, which memories are read.

``plain`` is the published tracker, which asks no one. The others need no training:

- ``distractor`` (``distractor_policy.py``): recent memory is sparse, and frames on which another thing almost became
  the mask are remembered for long.
- ``motion`` (``motion_policy.py``): a Kalman filter of the box has a say in the choice, and frames that were doubtful
  are not read again.

To add one: write a class with the three methods and the property of ``Policy``, and name it in ``policies.py``. There
is one instance for each object, and frames are positions in the clip, counted from 0. In a pass the tracker calls, for
every frame that is not prompted: ``read`` (what to look at), ``choose`` (which of the decoded masks), ``note`` (what
came of it). ``Candidates.view`` is the picture, for policies that look at it, such as one that follows optical flow.
All state must follow from the calls since ``begin``, so that a pass can be taken up again where it was left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from sam2_roto.model import ModelConfig

from .window import Window

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
    """The picture, uint8 RGB ``[H, W, 3]``; of the window, where the object is seen through one."""
    window: Window
    """The part of the plate that logits and picture show."""
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

    def begin(self, frame: int, step: int, answer: ObjectFrame, window: Window) -> None:
        """Forget all: a pass in direction ``step`` leaves the prompted ``frame``, where ``answer`` was settled.

        ``window`` is the part of the plate that it shows; it may be another one from frame to frame.
        """

    def read(self, frame: int, remembered: Collection[int]) -> Reading:
        """What ``frame`` looks at, out of the ``remembered`` tracked frames."""

    def choose(self, seen: Candidates) -> int:
        """Index of the candidate that is believed."""

    def note(self, frame: int, result: ObjectFrame, window: Window, seen: Candidates | None) -> bool:
        """Take in what came of a frame in its window, and say whether it is held from now on.

        ``seen`` is None where the result was tracked earlier; ``result.held`` then is what was said at that time.
        """


PolicyFactory = Callable[[ModelConfig], Policy]


def latest(frame: int, step: int, count: int, remembered: Collection[int]) -> list[int]:
    """The remembered ones of the ``count - 1`` frames just behind ``frame``, nearest first."""
    return [other for back in range(1, count) if (other := frame - step * back) in remembered]
