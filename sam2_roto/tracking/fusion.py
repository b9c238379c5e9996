"""Fusing a forward and a backward pass between two keyframes by confidence, distance, and where they landed.

Either pass is exact on the keyframe it starts from and drifts with distance. Its error is taken to grow evenly from
nothing there to what it misses the other keyframe by, and its weight falls with the square of that, and with its own
confidence. On a keyframe the pass that starts there is taken as it is, so that what the artist settled is never changed
from the other side.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sam2_roto.model.sam2 import ABSENT_LOGIT

from .objects import ObjectFrame

KNEE = 8.0
"""Logits are clamped to this before they are averaged, so that the certainty of a lost pass has no special weight."""

NEAR_MISS = 0.1
"""Passes that miss by less than this all count as alike."""

Misses = tuple[float, float]
"""1 less the IoU of the forward pass with the later keyframe, and of the backward pass with the earlier one, 0..1."""

UNKNOWN: Misses = (1.0, 1.0)
"""Where it is not known how far the passes missed."""


def fuse(
    forward: Tensor,
    backward: Tensor,
    position: float,
    forward_score: float,
    backward_score: float,
    *,
    forward_iou: float = 1.0,
    backward_iou: float = 1.0,
    misses: Misses = UNKNOWN,
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
        misses: how far the passes landed from the other keyframe; only their ratio counts.

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
    if fuse_scores(position, forward_score, backward_score, misses) <= 0:
        return torch.full_like(forward, ABSENT_LOGIT, dtype=torch.float32)
    if min(forward_score, backward_score) <= 0:
        return (forward if forward_score > 0 else backward).float()
    nearness = _nearness(position, misses)
    ahead = _weight(nearness[0], forward_score, forward_iou)
    behind = _weight(nearness[1], backward_score, backward_iou)
    share = behind / (ahead + behind)
    first, second = (logits.float().clamp(-KNEE, KNEE) for logits in (forward, backward))
    return torch.lerp(first, second, share)


def fuse_scores(position: float, forward_score: float, backward_score: float, misses: Misses = UNKNOWN) -> float:
    """Logit of the object's presence by both passes: the nearer one counts more, none beyond ±KNEE."""
    if position in (0, 1):
        return backward_score if position else forward_score
    ahead, behind = _nearness(position, misses)
    forward, backward = (max(-KNEE, min(KNEE, score)) for score in (forward_score, backward_score))
    return (ahead * forward + behind * backward) / (ahead + behind)


def fuse_frames(forward: ObjectFrame, backward: ObjectFrame, position: float, misses: Misses = UNKNOWN) -> ObjectFrame:
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
        misses=misses,
    )
    agreement = 1 - disagreement(forward.logits, backward.logits)
    iou = (forward.iou * (1 - position) + backward.iou * position) * (0.5 + 0.5 * agreement)
    score = fuse_scores(position, forward.score, backward.score, misses)
    return ObjectFrame(logits, score, iou, nearer.pointer, prompted=False)


def forward_leads(forward: ObjectFrame, backward: ObjectFrame, position: float, misses: Misses = UNKNOWN) -> bool:
    """Whether the forward pass counts for more at ``position``; where the other sees something alone, it does not.

    Where the leading pass is sure that nothing is, the fused mask has nothing either.
    """
    if forward.present != backward.present:
        return forward.present
    nearness = _nearness(position, misses)
    ahead = _weight(nearness[0], forward.score, forward.iou)
    return ahead >= _weight(nearness[1], backward.score, backward.iou)


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


def _nearness(position: float, misses: Misses) -> tuple[float, float]:
    """What distance and misses leave of the two passes' weights."""
    ahead, behind = (max(miss, NEAR_MISS) for miss in misses)
    return ((1 - position) / ahead) ** 2, (position / behind) ** 2


def _weight(nearness: float, score: float, iou: float) -> float:
    """Weight of a pass by its nearness and its confidence."""
    return nearness / (1 + math.exp(-score)) * max(iou, 0.05)
