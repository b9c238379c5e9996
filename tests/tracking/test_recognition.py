"""Recognition: a tracked mask is the object's while it covers what the artist marked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from sam2_roto.loading import load_model
from sam2_roto.model import NANO, SAM2, ImageFeatures, ModelConfig
from sam2_roto.model.mask_decoder import Decoded
from sam2_roto.tracking import ArraySource, FramePrompt, Tracker
from sam2_roto.tracking.objects import ObjectFrame
from sam2_roto.tracking.recognition import Marks, covered, evidence, marks_of, recognised

CELLS = 48
ASKED = replace(NANO, recognition=(-1.5, 0.0, 1.0, 1.0, 1.0))
BELIEVED = replace(NANO, recognition=None)


def _features(seed: int = 0) -> ImageFeatures:
    """Noise, with one thing on the left and another on the right that differ from it and from each other."""
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


LEFT, RIGHT = _mask(0, CELLS // 4), _mask(CELLS - CELLS // 4, CELLS)


def _answer(logits: Tensor, score: float = 5.0, prompted: bool = True) -> ObjectFrame:
    return ObjectFrame(logits, score, 0.9, torch.zeros(1), prompted)


def _marks(logits: Tensor, seed: int = 0) -> Marks:
    marks = marks_of(ASKED, _features(seed), _answer(logits))
    assert marks is not None
    return marks


def _offer(*masks: Tensor, score: float = 4.0) -> Decoded:
    rows = len(masks)
    logits = torch.stack(masks)[:, None]
    return Decoded(logits, torch.ones(rows, 1), torch.full((rows, 1), score), torch.zeros(rows, 1, 1))


def test_means_are_those_under_the_mask() -> None:
    features = _features()
    for level, mean in zip(features, covered(features, torch.stack((LEFT, RIGHT))), strict=True):
        side = level.shape[-1]
        torch.testing.assert_close(mean[0], level[0, :, :, : side // 4].mean(dim=(1, 2)), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(mean[1], level[0, :, :, -(side // 4) :].mean(dim=(1, 2)), atol=1e-5, rtol=1e-5)


def test_the_picture_has_no_preferred_direction_where_marks_are_compared() -> None:
    for level, mark in zip(_features(), _marks(LEFT), strict=True):
        seen = (level[0].flatten(1).T - mark.middle) @ mark.whitener
        spread = seen.T @ seen / len(seen)
        torch.testing.assert_close(spread, torch.diag(spread.diag()), atol=1e-3, rtol=0)
        assert float(spread.diag().max()) < 1.0


@pytest.mark.parametrize(
    ("config", "answer"),
    [
        (BELIEVED, _answer(LEFT)),
        (ASKED, _answer(LEFT, score=-1.0)),
        (ASKED, _answer(LEFT, prompted=False)),
    ],
)
def test_who_is_believed_or_shows_nothing_has_no_marks(config: ModelConfig, answer: ObjectFrame) -> None:
    assert marks_of(config, _features(), answer) is None


def test_what_was_marked_is_alike_and_another_thing_is_not() -> None:
    found = evidence(_offer(LEFT, RIGHT), torch.zeros(2, dtype=torch.int64), _features(1), [[_marks(LEFT)]] * 2)
    assert found.shape == (2, 4)
    assert (found[:, 0] == 4.0).all()
    assert float(found[0, 1:].min()) > 0.8
    assert float(found[1, 1:].max()) < 0.3


def test_the_mark_that_is_most_alike_counts() -> None:
    best = torch.zeros(1, dtype=torch.int64)
    one = evidence(_offer(RIGHT), best, _features(1), [[_marks(RIGHT, 2)]])
    both = evidence(_offer(RIGHT), best, _features(1), [[_marks(LEFT), _marks(RIGHT, 2)]])
    torch.testing.assert_close(both, one)


def test_another_thing_is_taken_for_absence_and_nothing_else_changes() -> None:
    offer = _offer(LEFT, RIGHT)
    judged = recognised(ASKED, offer, None, _features(1), [[_marks(LEFT)], [_marks(LEFT)]])
    assert float(judged.score[0]) == 4.0
    assert float(judged.score[1]) < 0
    assert judged.logits is offer.logits
    assert judged.iou is offer.iou


def test_where_nothing_is_marked_nothing_is_compared() -> None:
    judged = recognised(ASKED, _offer(RIGHT), None, _features(1), [[]])
    assert float(judged.score) == 4.0


def test_an_absent_object_is_not_made_present() -> None:
    judged = recognised(ASKED, _offer(LEFT, score=-2.0), None, _features(1), [[_marks(LEFT)]])
    assert float(judged.score) == -2.0


def test_a_network_without_recognition_is_believed() -> None:
    offer = _offer(RIGHT)
    assert recognised(BELIEVED, offer, None, _features(1), [[_marks(LEFT)]]) is offer


@pytest.fixture(scope="module")
def nano() -> SAM2:
    return load_model("nano", device="cpu")


def test_what_left_the_picture_is_gone_and_what_stays_is_not(nano: SAM2) -> None:
    rng = np.random.default_rng(3)
    ground = rng.integers(60, 120, (12, 12, 3)).astype(np.uint8).repeat(16, axis=0).repeat(16, axis=1)
    frames = np.stack([ground] * 10)
    for frame, view in enumerate(frames):
        view[100:150, 20:70] = (230, 200, 40)  # stays
        left = 100 + 24 * frame
        view[20:70, left : left + 50] = (200, 40, 40)  # leaves by the right edge
    tracker = Tracker(nano, ArraySource(frames))
    for name, box in (("stays", (20.0, 100.0, 70.0, 150.0)), ("leaves", (100.0, 20.0, 150.0, 70.0))):
        tracker.prompt(name, 0, FramePrompt(box=box))
    seen = {result.frame: result.objects for result in tracker.propagate()}
    assert all(objects["stays"].present for objects in seen.values())
    assert all(seen[frame]["leaves"].present for frame in (0, 1))
    assert not any(seen[frame]["leaves"].present for frame in (6, 7, 8, 9))
