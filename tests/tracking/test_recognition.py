"""Recognition: a tracked mask is the object's while it covers what the artist marked."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.loading import load_model
from sam2_roto.mattes import mask_from_logits
from sam2_roto.model import NANO, SAM2, ImageFeatures, ModelConfig
from sam2_roto.model.mask_decoder import Decoded
from sam2_roto.tracking import ArraySource, FramePrompt, Tracker
from sam2_roto.tracking.objects import ObjectFrame
from sam2_roto.tracking.recognition import Marks, covered, evidence, marks_of, recognised
from sam2_roto.tracking.returning import find_again, returned

from .conftest import CELLS, two_things

ASKED = replace(NANO, recognition=(-1.5, 0.0, 1.0, 1.0, 1.0))
BELIEVED = replace(NANO, recognition=None)


def _features(seed: int = 0) -> ImageFeatures:
    return two_things(4, seed)


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


NOTHING = _mask(0, 0)
SURELY, DOUBTFULLY = (-1.5, 0.0, 2.0, 2.0, 2.0), (-1.0, 0.0, 1.0, 1.0, 1.0)


def _three(mask: Tensor, score: float = 4.0) -> Decoded:
    """Three masks, of which the second is believed."""
    logits = torch.stack((RIGHT, mask, RIGHT))[None]
    return Decoded(logits, torch.tensor([[0.1, 0.9, 0.2]]), torch.full((1, 1), score), torch.arange(3.0).view(1, 3, 1))


def test_pieces_that_are_something_else_are_taken_out() -> None:
    both = torch.maximum(LEFT, RIGHT)
    found = returned(SURELY, _three(both), _features(1), [_marks(LEFT)])
    assert found is not None
    assert torch.equal(found.logits[0, 0] > 0, LEFT > 0)
    assert torch.equal(found.logits[0, 0].abs(), both.abs())
    assert (found.iou.item(), found.score.item(), found.tokens.item()) == (pytest.approx(0.9), 4.0, 1.0)


@pytest.mark.parametrize("mask", [RIGHT, NOTHING])
def test_nothing_but_something_else_is_no_return(mask: Tensor) -> None:
    assert returned(SURELY, _three(mask), _features(1), [_marks(LEFT)]) is None


def test_one_has_to_be_sure_of_what_returns() -> None:
    assert returned(SURELY, _three(LEFT), _features(1), [_marks(LEFT)]) is not None
    assert returned(DOUBTFULLY, _three(LEFT), _features(1), [_marks(LEFT)]) is None
    assert returned(SURELY, _three(LEFT, score=-1.0), _features(1), [_marks(LEFT)]) is None


def test_what_the_usual_memory_finds_again_has_to_be_sure_too() -> None:
    entry = Mock(memory=Mock(marked=[_marks(LEFT)]))
    nothing = Mock(return_value=_three(NOTHING))
    for weights, sure in ((SURELY, True), (DOUBTFULLY, False)):
        model = Mock(config=replace(NANO, recognition=weights), decode=nothing)
        again = find_again(model, [entry], _offer(LEFT), _features(1), Mock())
        assert bool(again.score > 0) is sure
    assert nothing.call_count == 1


def test_a_row_that_is_found_again_takes_the_place_of_all_its_masks() -> None:
    entries = [Mock(memory=Mock(marked=[_marks(LEFT)]))] * 2
    model = Mock(config=replace(NANO, recognition=SURELY), decode=Mock(return_value=_three(LEFT)))
    seen, gone = _three(LEFT), _three(RIGHT)
    both = Decoded(*(torch.cat(parts) for parts in zip(seen, gone, strict=True)))
    again = find_again(model, entries, both, _features(1), Mock())
    assert torch.equal(again.logits[0], seen.logits[0])
    assert torch.equal(again.logits[1] > 0, (LEFT > 0).expand(3, -1, -1))
    assert (again.score > 0).all()


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


def test_what_was_gone_for_long_is_found_where_it_comes_back(nano: SAM2) -> None:
    frames = np.stack([_texture(0, 192, 24, (0.6, 0.6, 0.6))] * 20)
    thing, other = _texture(1, 50, 10, (1.0, 0.5, 0.3)), _texture(2, 50, 10, (0.3, 0.9, 0.5))
    places = {frame: 100 + 40 * frame for frame in range(3)} | {frame: 4 * (frame - 13) for frame in range(14, 20)}
    for frame, view in enumerate(frames):
        _laid(view, other, 120, 120)
        if frame in places:
            _laid(view, thing, places[frame], 20)
    tracker = Tracker(nano, ArraySource(frames))
    tracker.prompt("goes", 0, FramePrompt(box=(100.0, 20.0, 150.0, 70.0)))
    seen = {result.frame: result.objects["goes"] for result in tracker.propagate()}
    assert not any(seen[frame].present for frame in range(4, 14))
    truth = np.zeros((192, 192), np.uint8)
    cv2.circle(truth, (places[19] + 25, 45), 24, 1, -1)
    mask = mask_from_logits(seen[19].logits, (192, 192)).numpy()
    assert (mask & (truth > 0)).sum() / (mask | (truth > 0)).sum() > 0.7
