"""Losses against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from sam2_roto.training.losses import LossWeights, dice_loss, focal_loss, frame_loss, mask_iou


def test_focal_loss_of_two_pixels() -> None:
    logits = torch.tensor([[[0.0, math.log(3.0)]]])
    truth = torch.tensor([[[1.0, 0.0]]])
    sure = 0.25 * 0.5**2 * math.log(2.0)
    wrong = 0.75 * 0.75**2 * math.log(4.0)
    assert focal_loss(logits, truth).item() == pytest.approx((sure + wrong) / 2, rel=1e-5)


def test_dice_loss_is_smoothed_by_one_pixel() -> None:
    truth = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    logits = torch.tensor([[[100.0, -100.0], [100.0, -100.0]]])
    assert dice_loss(logits, truth).item() == pytest.approx(1 - 3 / 5)
    assert dice_loss(torch.where(truth > 0, 100.0, -100.0), truth).item() == pytest.approx(0.0)


def test_mask_iou_of_empty_masks_is_one() -> None:
    empty = torch.zeros(2, 4, 4, dtype=torch.bool)
    half = empty.clone()
    half[1, :2] = True
    assert mask_iou(empty, half).tolist() == [1.0, 0.0]
    assert mask_iou(half, half).tolist() == [1.0, 1.0]


def one_row(present: bool) -> tuple[torch.Tensor, ...]:
    truth = torch.zeros(1, 4, 4)
    truth[0, :2] = float(present)
    good, empty = torch.where(truth > 0, 20.0, -20.0), torch.full((1, 4, 4), -20.0)
    logits = torch.stack([empty, good, empty], dim=1)
    return logits, torch.tensor([[0.3, 0.9, 0.0]]), torch.tensor([[0.0]]), truth, torch.tensor([present])


def test_only_the_best_mask_is_charged_but_every_iou() -> None:
    loss = frame_loss(*one_row(True), LossWeights())
    assert loss.focal.item() == pytest.approx(0.0, abs=1e-6)
    assert loss.dice.item() == pytest.approx(0.0, abs=1e-6)
    assert loss.iou.item() == pytest.approx((0.3 + 0.1 + 0.0) / 3)
    assert loss.presence.item() == pytest.approx(math.log(2.0))
    assert loss.total.item() == pytest.approx(0.4 / 3 + math.log(2.0), abs=1e-5)


def test_an_absent_object_is_charged_for_presence_alone() -> None:
    logits, iou, score, truth, present = one_row(False)
    loss = frame_loss(logits + 30.0, iou, score + 2.0, truth, present, LossWeights())
    assert (loss.focal.item(), loss.dice.item(), loss.iou.item()) == (0.0, 0.0, 0.0)
    assert loss.total.item() == pytest.approx(math.log(1 + math.exp(2.0)))


def test_gradient_reaches_the_best_mask_alone() -> None:
    logits, *rest = one_row(True)
    logits = (logits / 20.0).requires_grad_()
    frame_loss(logits, *rest, LossWeights()).total.backward()
    assert logits.grad is not None
    assert (logits.grad.flatten(2).abs().sum(-1) > 0).tolist() == [[False, True, False]]
