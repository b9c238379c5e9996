"""Fusing a forward and a backward pass between two keyframes by what is known of their errors.

A pass starts with the doubt that there is about the answer on its keyframe, and drifts from there. Its error is taken
to grow evenly to what it misses the other keyframe by. Its weight falls with the square of that, and with its own
confidence. On a keyframe the pass that starts there is taken as it is, so that what the artist settled is never changed
from the other side.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from sam2_roto.model.sam2 import ABSENT_LOGIT

from .objects import ObjectFrame

KNEE = 8.0
"""Logits are clamped to this before they are averaged, so that the certainty of a lost pass has no special weight."""

NEAR_MISS = 0.1
"""Passes that miss by less than this all count as alike."""


class Drift(NamedTuple):
    """What is known of the error of a pass, as 1 less the IoU, 0..1."""

    start: float = 0.0
    """On the keyframe that it starts from; 0 for a mask that a person drew."""
    miss: float = 1.0
    """On the other keyframe, by the answer there; 1 where it is not known."""

    def after(self, way: float) -> float:
        """The error after a part of the way to the other keyframe, 0..1."""
        return self.start + max(self.miss, NEAR_MISS) * way


Drifts = tuple[Drift, Drift]
"""Of the forward and of the backward pass; only their ratio counts."""

UNKNOWN: Drifts = (Drift(), Drift())


def fuse(
    forward: Tensor,
    backward: Tensor,
    position: float,
    forward_score: float,
    backward_score: float,
    *,
    forward_iou: float = 1.0,
    backward_iou: float = 1.0,
    drifts: Drifts = UNKNOWN,
) -> Tensor:
    """One set of mask logits from those of two passes.

    Args:
        forward: ``[H, W]`` logits of the pass from the earlier keyframe; -1024 everywhere where it sees no object.
        backward: ``[H, W]`` logits of the pass from the later keyframe.
        position: 0 on the earlier keyframe to 1 on the later one.
        forward_score: logit of the object's presence in the pass; 0 or less means absent.
        backward_score: as ``forward_score``.
        forward_iou: predicted IoU of the pass, 0..1; 1 where it is not known.
        backward_iou: as ``forward_iou``.
        drifts: what is known of the errors of both.

    Returns:
        ``[H, W]`` float32: the keyframe's own logits at 0 and 1, -1024 everywhere where the object is taken as absent.

    Raises ValueError where the shapes differ or ``position`` lies outside 0..1.
    """
    if forward.shape != backward.shape or not 0 <= position <= 1:
        raise ValueError(
            f"two logits of one shape and 0..1 are needed, not {forward.shape}, {backward.shape}, {position}"
        )
    if position in (0, 1):
        return (backward if position else forward).float()
    if fuse_scores(position, forward_score, backward_score, drifts) <= 0:
        return torch.full_like(forward, ABSENT_LOGIT, dtype=torch.float32)
    if min(forward_score, backward_score) <= 0:
        return (forward if forward_score > 0 else backward).float()
    ahead, behind = _weights(position, drifts, (forward_score, backward_score), (forward_iou, backward_iou))
    share = behind / (ahead + behind)
    first, second = (logits.float().clamp(-KNEE, KNEE) for logits in (forward, backward))
    return torch.lerp(first, second, share)


def fuse_scores(position: float, forward_score: float, backward_score: float, drifts: Drifts = UNKNOWN) -> float:
    """Logit of the object's presence by both passes: the nearer one counts more, none beyond ±KNEE."""
    if position in (0, 1):
        return backward_score if position else forward_score
    ahead, behind = _nearness(position, drifts)
    forward, backward = (max(-KNEE, min(KNEE, score)) for score in (forward_score, backward_score))
    return (ahead * forward + behind * backward) / (ahead + behind)


def fuse_frames(forward: ObjectFrame, backward: ObjectFrame, position: float, drifts: Drifts = UNKNOWN) -> ObjectFrame:
    """One result from those of two passes on a frame; the artist's own answer is taken as it is.

    The pointer is the nearer pass's, the predicted IoU the weighted mean times the masks' agreement.
    """
    for given in (forward, backward):
        if given.prompted:
            return given
    nearer = forward if position < 0.5 else backward
    if position in (0, 1):
        return nearer
    logits = fuse(
        forward.logits,
        backward.logits,
        position,
        forward.score,
        backward.score,
        forward_iou=forward.iou,
        backward_iou=backward.iou,
        drifts=drifts,
    )
    agreement = 1 - disagreement(forward.logits, backward.logits)
    iou = (forward.iou * (1 - position) + backward.iou * position) * (0.5 + 0.5 * agreement)
    score = fuse_scores(position, forward.score, backward.score, drifts)
    return ObjectFrame(logits, score, iou, nearer.pointer, prompted=False)


def forward_leads(forward: ObjectFrame, backward: ObjectFrame, position: float, drifts: Drifts = UNKNOWN) -> bool:
    """Whether the forward pass counts for more at ``position``; where the other sees something alone, it does not.

    Where the leading pass is sure that nothing is, the fused mask has nothing either.
    """
    if forward.present != backward.present:
        return forward.present
    ahead, behind = _weights(position, drifts, (forward.score, backward.score), (forward.iou, backward.iou))
    return ahead >= behind


def missed(landed: ObjectFrame, answer: ObjectFrame) -> float:
    """How far a pass went astray that ``landed`` on a keyframe, by that keyframe's ``answer``: 1 less the IoU."""
    if landed.present and answer.present:
        return disagreement(landed.logits, answer.logits)
    return float(landed.present != answer.present)


def disagreement(forward: Tensor, backward: Tensor) -> float:
    """1 less the IoU of two masks given as logits ``[H, W]``; 0 where both are empty."""
    first, second = forward > 0, backward > 0
    union = int((first | second).sum())
    return 1 - int((first & second).sum()) / union if union else 0.0


def _nearness(position: float, drifts: Drifts) -> tuple[float, float]:
    """What distance leaves of the two passes' weights: each counts by the other's error."""
    forward, backward = drifts
    return backward.after(1 - position) ** 2, forward.after(position) ** 2


def _weights(
    position: float, drifts: Drifts, scores: tuple[float, float], ious: tuple[float, float]
) -> tuple[float, float]:
    """Weights of the forward and the backward pass, by nearness and confidence."""
    ahead, behind = (
        near / (1 + math.exp(-score)) * max(iou, 0.05)
        for near, score, iou in zip(_nearness(position, drifts), scores, ious, strict=True)
    )
    return ahead, behind
