"""The tracker as a segmenter, on a small network of random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from sam2_roto import FramePrompt, Tracker, load_model
from sam2_roto.evaluation.segmenter import TrackerSegmenter
from sam2_roto.mattes import Choke, MatteRecipe
from sam2_roto.mattes.masks import object_masks
from sam2_roto.model import SAM2
from sam2_roto.tracking import ArraySource
from sam2_roto.tracking.answers import answer_prompts

BALL = FramePrompt(points=((24, 32, True),))
BOX = FramePrompt(box=(55, 40, 75, 58))
BESIDE = FramePrompt(points=((80, 10, False),))


@pytest.fixture(scope="module")
def model(random_weights: Path) -> SAM2:
    return load_model(str(random_weights), "cpu", 64)


@pytest.fixture
def source(shot_views: NDArray[np.uint8]) -> ArraySource:
    return ArraySource(shot_views, first=100)


def test_masks_are_the_published_ones_where_objects_may_overlap() -> None:
    logits = torch.randn(4, 12, 16)
    upsampled = F.interpolate(logits[:, None], size=(30, 50), mode="bilinear", align_corners=False)[:, 0]
    assert torch.equal(object_masks(logits, (30, 50)), upsampled > 0)


def test_the_surer_object_wins_where_they_may_not() -> None:
    logits = torch.randn(5, 12, 16).half()
    logits[3] = -1024
    upsampled = F.interpolate(logits[:, None].float(), size=(30, 50), mode="bilinear", align_corners=False)[:, 0]
    winner = upsampled.argmax(0)
    expected = torch.stack([(upsampled[index] > 0) & (winner == index) for index in range(5)])
    found = object_masks(logits, (30, 50), exclusive=True)
    assert torch.equal(found, expected)
    assert not found[3].any()
    assert int(found.sum(0).max()) == 1


def test_each_object_from_its_first_frame_on(model: SAM2, source: ArraySource) -> None:
    told: list[tuple[int, int]] = []
    segmenter = TrackerSegmenter(model, progress=lambda done, total: told.append((done, total)))
    found = dict(segmenter(source, {"ball": {102: BALL}, "box": {110: BOX}}))
    assert list(found) == list(range(102, 120))
    assert told == [(done, 18) for done in range(1, 19)]
    assert [frame for frame, masks in found.items() if "ball" in masks] == list(range(102, 120))
    assert [frame for frame, masks in found.items() if "box" in masks] == list(range(110, 120))
    for masks in found.values():
        assert all(mask.shape == (64, 96) and mask.dtype == np.bool_ for mask in masks.values())


def test_objects_share_no_pixel_unless_they_may(model: SAM2, source: ArraySource) -> None:
    said = {"ball": {100: BALL}, "box": {100: BOX}}
    shared = {
        exclusive: sum(
            int((masks["ball"] & masks["box"]).sum())
            for _, masks in TrackerSegmenter(model, exclusive=exclusive)(source, said)
        )
        for exclusive in (True, False)
    }
    assert shared[True] == 0
    assert shared[False] > 0


def test_a_recipe_is_what_is_measured(model: SAM2, source: ArraySource) -> None:
    said = {"ball": {100: BALL}, "box": {105: BOX}}
    plain = dict(TrackerSegmenter(model, exclusive=False)(source, said))
    hard = dict(TrackerSegmenter(model, exclusive=False, recipe=MatteRecipe.preset("hard"))(source, said))
    choked = dict(TrackerSegmenter(model, exclusive=False, recipe=MatteRecipe(steps=(Choke(3.0),)))(source, said))
    assert list(hard) == list(plain)
    for frame, masks in plain.items():
        assert hard[frame].keys() == masks.keys()
        for name, mask in masks.items():
            assert (hard[frame][name] != mask).mean() < 0.1  # the matte's edge is smoothed
            assert not (choked[frame][name] & ~hard[frame][name]).any()
    assert sum(mask.sum() for masks in choked.values() for mask in masks.values()) < sum(
        mask.sum() for masks in hard.values() for mask in masks.values()
    )


def test_mattes_share_no_pixel_unless_they_may(model: SAM2, source: ArraySource) -> None:
    said = {"ball": {100: BALL}, "box": {100: BOX}}
    segmenter = TrackerSegmenter(model, recipe=MatteRecipe.preset("default"))
    assert not any((masks["ball"] & masks["box"]).any() for _, masks in segmenter(source, said))


def test_an_object_that_is_not_seen_has_no_mask(model: SAM2, source: ArraySource) -> None:
    bias = model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias
    kept = bias.data.clone()
    bias.data.fill_(-50)
    try:
        assert all(masks == {} for _, masks in TrackerSegmenter(model)(source, {"ball": {100: BALL}}))
    finally:
        bias.data.copy_(kept)


def test_clicks_on_later_frames_correct_what_was_tracked(model: SAM2, source: ArraySource) -> None:
    """The answer to a correction is the one that a person gets who tracks, looks, and clicks."""
    by_hand = Tracker(model, source)
    by_hand.prompt("ball", 105, BALL)
    for _ in by_hand.propagate(105, 112):
        continue
    expected = by_hand.prompt("ball", 112, BESIDE)
    for _ in by_hand.propagate(105, 102, reverse=True):
        continue
    before = by_hand.prompt("ball", 102, BESIDE)
    answers = answer_prompts(Tracker(model, source), {"ball": {105: BALL, 112: BESIDE, 102: BESIDE}})
    assert sorted(answers["ball"]) == [102, 105, 112]
    assert torch.equal(answers["ball"][112].logits, expected.logits)
    assert torch.equal(answers["ball"][102].logits, before.logits)
    alone = Tracker(model, source).prompt("ball", 112, BESIDE)
    assert not torch.allclose(answers["ball"][112].logits, alone.logits, atol=1e-3)


def test_boxes_and_masks_on_later_frames_need_no_tracking(model: SAM2, source: ArraySource) -> None:
    told: list[tuple[int, int]] = []
    said = {"ball": {100: BALL, 110: BOX}}
    answers = answer_prompts(Tracker(model, source), said, lambda done, total: told.append((done, total)))
    assert told == []
    alone = Tracker(model, source).prompt("ball", 110, BOX)
    assert torch.equal(answers["ball"][110].logits, alone.logits)


def test_small_objects_may_have_windows_of_their_own(model: SAM2, source: ArraySource) -> None:
    small = {"ball": {100: FramePrompt(box=(18, 26, 30, 38))}, "all": {104: FramePrompt(box=(2, 2, 90, 60))}}
    whole, close = (dict(TrackerSegmenter(model, crop=crop)(source, small)) for crop in (False, True))
    assert list(close) == list(whole) == list(range(100, 120))
    assert [frame for frame in close if "all" in close[frame]] == [frame for frame in whole if "all" in whole[frame]]
    shapes = {mask.shape for masks in close.values() for mask in masks.values()}
    assert shapes == {(source.height, source.width)}
    assert any("ball" in close[frame] and (close[frame]["ball"] != whole[frame].get("ball")).any() for frame in close)
