"""Objects that come back are found by what shows them, and what is like them is left out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.loading import load_model
from sam2_roto.mattes import mask_from_logits
from sam2_roto.model import NANO, ImageFeatures
from sam2_roto.model.mask_decoder import Decoded
from sam2_roto.tracking import ArraySource, FramePrompt, Tracker
from sam2_roto.tracking.objects import ObjectFrame
from sam2_roto.tracking.recognition import Marks, marks_of
from sam2_roto.tracking.returning import returned

CELLS = 48
SURE, DOUBTFUL = (-1.5, 0.0, 2.0, 2.0, 2.0), (-1.0, 0.0, 1.0, 1.0, 1.0)


def _features(seed: int = 0) -> ImageFeatures:
    """Noise, with one thing on the left and another on the right."""
    generator = torch.Generator().manual_seed(seed)
    levels = []
    for channels, side in ((4, CELLS), (6, CELLS // 2), (8, CELLS // 4)):
        level = torch.randn(1, channels, side, side, generator=generator)
        level[:, 0, :, : side // 4] += 9.0
        level[:, 1, :, -(side // 4) :] += 9.0
        levels.append(level)
    return ImageFeatures(*levels)


def _mask(first: int, stop: int) -> Tensor:
    logits = torch.full((CELLS, CELLS), -20.0)
    logits[:, first:stop] = 20.0
    return logits


LEFT, RIGHT, NOTHING = _mask(0, CELLS // 4), _mask(CELLS - CELLS // 4, CELLS), _mask(0, 0)


def _marks() -> Marks:
    marks = marks_of(NANO, _features(), ObjectFrame(LEFT, 5.0, 0.9, torch.zeros(1), prompted=True))
    assert marks is not None
    return marks


def _offer(mask: Tensor, score: float = 4.0) -> Decoded:
    """Three masks, of which the second is believed."""
    logits = torch.stack((RIGHT, mask, RIGHT))[None]
    return Decoded(logits, torch.tensor([[0.1, 0.9, 0.2]]), torch.full((1, 1), score), torch.arange(3.0).view(1, 3, 1))


def test_pieces_that_are_something_else_are_taken_out() -> None:
    both = torch.maximum(LEFT, RIGHT)
    found = returned(SURE, _offer(both), _features(1), [_marks()])
    assert found is not None
    assert torch.equal(found.logits[0, 0] > 0, LEFT > 0)
    assert torch.equal(found.logits[0, 0].abs(), both.abs())
    assert (found.iou.item(), found.score.item(), found.tokens.item()) == (pytest.approx(0.9), 4.0, 1.0)


@pytest.mark.parametrize("mask", [RIGHT, NOTHING])
def test_nothing_but_something_else_is_no_return(mask: Tensor) -> None:
    assert returned(SURE, _offer(mask), _features(1), [_marks()]) is None


def test_one_has_to_be_sure_of_what_returns() -> None:
    assert returned(SURE, _offer(LEFT), _features(1), [_marks()]) is not None
    assert returned(DOUBTFUL, _offer(LEFT), _features(1), [_marks()]) is None
    assert returned(SURE, _offer(LEFT, score=-1.0), _features(1), [_marks()]) is None


def _texture(seed: int, side: int, grain: int, tint: tuple[float, float, float]) -> NDArray[np.uint8]:
    values = np.random.default_rng(seed).uniform(60, 255, (side // grain, side // grain, 3)).astype(np.float32)
    return (cv2.resize(values, (side, side), interpolation=cv2.INTER_CUBIC) * tint).clip(0, 255).astype(np.uint8)


def _laid(view: NDArray[np.uint8], thing: NDArray[np.uint8], left: int, top: int) -> None:
    """A disc of ``thing`` on a view, as far as it is in it."""
    disc = np.zeros((50, 50, 1), np.uint8)
    cv2.circle(disc, (25, 25), 24, 1, -1)
    place = view[top : top + 50, left : left + 50]
    width = place.shape[1]
    place[:] = np.where(disc[:, :width], thing[:, :width], place)


def test_what_was_gone_for_long_is_found_where_it_comes_back() -> None:
    frames = np.stack([_texture(0, 192, 24, (0.6, 0.6, 0.6))] * 20)
    thing, other = _texture(1, 50, 10, (1.0, 0.5, 0.3)), _texture(2, 50, 10, (0.3, 0.9, 0.5))
    places = {frame: 100 + 40 * frame for frame in range(3)} | {frame: 4 * (frame - 13) for frame in range(14, 20)}
    for frame, view in enumerate(frames):
        _laid(view, other, 120, 120)
        if frame in places:
            _laid(view, thing, places[frame], 20)
    tracker = Tracker(load_model("nano", device="cpu"), ArraySource(frames))
    tracker.prompt("goes", 0, FramePrompt(box=(100.0, 20.0, 150.0, 70.0)))
    seen = {result.frame: result.objects["goes"] for result in tracker.propagate()}
    assert not any(seen[frame].present for frame in range(4, 14))
    truth = np.zeros((192, 192), np.uint8)
    cv2.circle(truth, (places[19] + 25, 45), 24, 1, -1)
    mask = mask_from_logits(seen[19].logits, (192, 192)).numpy()
    assert (mask & (truth > 0)).sum() / (mask | (truth > 0)).sum() > 0.7
