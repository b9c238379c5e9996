"""The state of one tracked object, and the result of one frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from sam2_roto.errors import PromptError, RotoError

from .memory import ObjectMemory
from .policy import Policy
from .prompts import FramePrompt

RECENT = 16


class ObjectFrame(NamedTuple):
    """One object on one frame."""

    logits: Tensor
    """``[S/4, S/4]`` float32 mask logits over the whole plate; -1024 everywhere where the object is absent."""
    score: float
    """Logit of the object's presence; 0 or less means absent (left the picture, or fully hidden)."""
    iou: float
    """Predicted IoU of the mask, 0..1."""
    pointer: Tensor
    """``[width]`` object pointer."""
    prompted: bool
    """True where the artist gave the answer on this frame."""
    held: bool = False
    """True where a memory policy keeps the frame in mind for long."""

    @property
    def present(self) -> bool:
        """Whether the network sees the object on this frame."""
        return self.score > 0


class FrameResult(NamedTuple):
    """All objects on one frame."""

    frame: int
    objects: dict[str, ObjectFrame]


@dataclass
class TrackedObject:
    """Prompts, memory and the answers to prompts of one object; frames are positions in the clip."""

    name: str
    memory: ObjectMemory
    prompts: dict[int, FramePrompt] = field(default_factory=dict)
    answers: dict[int, ObjectFrame] = field(default_factory=dict)
    """Results on prompted frames, kept for good."""
    tracked: dict[int, int] = field(default_factory=dict)
    """Direction (1 or -1) of the last pass over each frame."""
    recent: dict[int, ObjectFrame] = field(default_factory=dict)
    """Results of the latest tracked frames, so that a click on one of them can refine it."""
    policy: Policy | None = None
    """Who is asked what to remember; None for the published way."""
    noted: tuple[int, int] | None = None
    """Frame up to which the policy has followed, and the direction of that pass."""

    def drawn(self, index: int, step: int) -> bool:
        """Whether a pass in direction ``step`` comes to a frame from a mask that a person drew."""
        behind = [place for place in self.prompts if (index - place) * step > 0]
        nearest = min(behind, key=lambda place: abs(index - place), default=None)
        return nearest is not None and self.prompts[nearest].mask is not None

    def note(self, index: int, result: ObjectFrame) -> None:
        """Keep a result until RECENT newer ones have come."""
        self.recent.pop(index, None)
        self.recent[index] = result
        if len(self.recent) > RECENT:
            del self.recent[next(iter(self.recent))]


def named(objects: Mapping[str, TrackedObject], name: str) -> TrackedObject:
    """The object of that name. Raises PromptError where there is none."""
    if name not in objects:
        raise PromptError(f"there is no object '{name}'; the objects are: {', '.join(objects) or 'none'}")
    return objects[name]


def pass_order(
    entries: Sequence[TrackedObject], frames: Sequence[int], start: int | None, stop: int | None, *, step: int
) -> range:
    """The positions that a pass in direction ``step`` goes through, of a clip of ``frames``, both ends included.

    It starts by default at the first prompted one and ends with the clip. Raises RotoError where the ends are swapped.
    """
    foremost = min if step > 0 else max
    first = foremost(index for entry in entries for index in entry.memory.prompted) if start is None else start
    last = (len(frames) - 1 if step > 0 else 0) if stop is None else stop
    if (last - first) * step < 0:
        raise RotoError(f"frame {frames[last]} lies behind the pass's first frame {frames[first]}; swap them")
    return range(first, last + step, step)


def check_prompted(entries: list[TrackedObject]) -> None:
    """Raise PromptError where there is nothing to track, or an object of which nothing was said."""
    if not entries:
        raise PromptError("there is nothing to track; give a click, a box or a mask first")
    for entry in entries:
        if not entry.memory.prompted:
            raise PromptError(f"the object '{entry.name}' has no prompt; give it a click, a box or a mask")
