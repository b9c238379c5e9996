"""Losses of SAM 2 for one decoded frame.

Source: the SAM 2 paper (Ravi et al. 2024, section on training) and its published recipe: 20 x focal + dice on the best
mask, L1 on the predicted IoU of every mask, cross-entropy on object presence. Focal loss: Lin et al. 2017; dice:
Milletari et al. 2016.

Truth may be soft (coverage, 0..1), so that a mask averaged down to the logits' size still says where its edge lies.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class LossWeights:
    """Weight and form of each term; the published values.

    ``alpha`` weighs the object's pixels against the others in the focal loss, ``gamma`` is its exponent. With
    ``iou_entropy`` the predicted IoU is judged by cross-entropy, not by L1: a network that starts from nothing first
    learns that every IoU is zero, and L1 behind a sigmoid hardly brings it back from there.
    """

    focal: float = 20.0
    dice: float = 1.0
    iou: float = 1.0
    presence: float = 1.0
    alpha: float = 0.25
    gamma: float = 2.0
    iou_entropy: bool = False


@dataclass(frozen=True)
class FrameLoss:
    """Terms of one decoded frame, each a scalar tensor averaged over objects; ``total`` is their weighted sum."""

    total: Tensor
    focal: Tensor
    dice: Tensor
    iou: Tensor
    presence: Tensor


def focal_loss(logits: Tensor, truth: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Focal loss per mask: [..., H, W] logits and truth (0..1) -> [...], the mean over pixels."""
    probability = torch.sigmoid(logits)
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    missed = probability + truth - 2.0 * probability * truth
    weight = alpha * truth + (1.0 - alpha) * (1.0 - truth)
    return (weight * missed.pow(gamma) * entropy).mean(dim=(-2, -1))


def dice_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Dice loss per mask, smoothed by one pixel: [..., H, W] logits and truth (0..1) -> [...], in 0..1."""
    probability = torch.sigmoid(logits)
    overlap = (probability * truth).sum(dim=(-2, -1))
    total = probability.sum(dim=(-2, -1)) + truth.sum(dim=(-2, -1))
    return 1.0 - (2.0 * overlap + 1.0) / (total + 1.0)


def mask_iou(predicted: Tensor, truth: Tensor) -> Tensor:
    """Intersection over union of boolean masks [..., H, W] -> [...] float; 1 where both are empty."""
    intersection = (predicted & truth).sum(dim=(-2, -1)).float()
    union = (predicted | truth).sum(dim=(-2, -1)).float()
    return torch.where(union > 0, intersection / union.clamp(min=1.0), torch.ones_like(union))


def frame_loss(
    logits: Tensor, iou: Tensor, score: Tensor, truth: Tensor, present: Tensor, weights: LossWeights
) -> FrameLoss:
    """Loss of one decoded frame.

    Args:
        logits: [R, M, H, W], the M candidate masks of R objects.
        iou: [R, M], their predicted IoU.
        score: [R, 1], logit of the object being present.
        truth: [R, H, W], coverage 0..1, of the same size as the logits.
        present: [R] bool; where false the mask and IoU terms are zero.
        weights: weight of each term.
    """
    logits, iou, score = logits.float(), iou.float(), score.float()
    target = truth.float()[:, None].expand_as(logits)
    focal, dice = focal_loss(logits, target, weights.alpha, weights.gamma), dice_loss(logits, target)
    with torch.no_grad():
        best = (weights.focal * focal + weights.dice * dice).argmin(dim=1, keepdim=True)
        actual = mask_iou(logits > 0, target > 0.5)
    shown = present.float()
    focal_term = (focal.gather(1, best)[:, 0] * shown).mean()
    dice_term = (dice.gather(1, best)[:, 0] * shown).mean()
    judged = F.binary_cross_entropy(iou, actual, reduction="none") if weights.iou_entropy else (iou - actual).abs()
    iou_term = (judged.mean(dim=1) * shown).mean()
    presence_term = F.binary_cross_entropy_with_logits(score[:, 0], shown)
    total = (
        weights.focal * focal_term
        + weights.dice * dice_term
        + weights.iou * iou_term
        + weights.presence * presence_term
    )
    return FrameLoss(total, focal_term, dice_term, iou_term, presence_term)
