"""Where the tracker asks an object's memory policy; objects without one are tracked as published, unasked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.model.mask_decoder import Decoded

from .memory import FrameMemory, Recall
from .objects import ObjectFrame, TrackedObject
from .policy import Candidates
from .window import Window

View = NDArray[np.uint8]


class Belief(NamedTuple):
    """Which candidate of each row is believed, and what was on offer."""

    best: Tensor | None
    """``[B]`` indices; None where no one had anything to say."""
    seen: Sequence[Candidates | None]


def read(entry: TrackedObject, index: int, step: int, *, lost: bool = False) -> Recall:
    """What an object looks back at from a frame.

    One that was ``lost`` looks at what shows it alone: memories of its absence would say that it is absent.
    """
    memory = entry.memory
    known = memory.showing if lost else memory.tracked
    if entry.policy is not None:
        return memory.recall(index, step, entry.policy.read(index, known))
    return memory.recall(index, step, memory.reading(index, step, known) if lost else None)


def believe(
    entries: Sequence[TrackedObject], decoded: Decoded, index: int, step: int, view: View, window: Window
) -> Belief:
    """Ask each row's policy which of its candidates is the object."""
    if all(entry.policy is None for entry in entries):
        return Belief(None, [None] * len(entries))
    logits, iou, score = (part.float().cpu().numpy() for part in (decoded.logits, decoded.iou, decoded.score))
    seen = [
        Candidates(index, step, view, window, logits[row], iou[row], float(score[row, 0]))
        for row in range(len(entries))
    ]
    best = [_choice(entry, offer) for entry, offer in zip(entries, seen, strict=True)]
    return Belief(torch.tensor(best, device=decoded.iou.device), seen)


def note(
    entry: TrackedObject, index: int, step: int, result: ObjectFrame, window: Window, seen: Candidates | None
) -> ObjectFrame:
    """Tell the policy what came of a frame, and keep in memory what it wants held."""
    if entry.policy is None:
        return result
    result = result._replace(held=entry.policy.note(index, result, window, seen))
    entry.memory.hold(entry.policy.held)
    entry.noted = (index, step)
    return result


def take_up(
    entry: TrackedObject,
    index: int,
    step: int,
    known: Callable[[int], ObjectFrame | None],
    relive: Callable[[int, ObjectFrame], FrameMemory],
    window: Callable[[int], Window],
) -> None:
    """Bring an object's policy to where a pass reaches ``index``.

    A policy starts anew at every prompted frame. Where a pass begins elsewhere, the policy goes once more through the
    results since the nearest prompted frame behind, ``known`` by index, and what it holds is remembered again by
    ``relive``. So a pass that is taken up ends as one that was never left.
    """
    policy = entry.policy
    if policy is None or (entry.noted == (index - step, step) and index not in entry.answers):
        return
    behind = [frame for frame in entry.answers if (index - frame) * step >= 0]
    start = min(behind or entry.answers, key=lambda frame: abs(index - frame))
    policy.begin(start, step, entry.answers[start], window(start))
    results = {frame: known(frame) for frame in range(start + step, index, step)} if behind else {}
    for frame, result in results.items():
        if result is not None:
            policy.note(frame, result, window(frame), None)
    for frame in policy.held:
        kept = results.get(frame)
        if kept is not None and frame not in entry.memory:
            entry.memory.hold_as(frame, relive(frame, kept))
    entry.memory.hold(policy.held)
    entry.noted = (index if index in entry.answers else index - step, step)


def _choice(entry: TrackedObject, seen: Candidates) -> int:
    return int(seen.iou.argmax()) if entry.policy is None else entry.policy.choose(seen)
