"""The carried prior: it moves with the picture, and says nothing where the flow is in doubt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from sam2_roto import build_model
from sam2_roto.model import Prediction
from sam2_roto.tracking import ArraySource, FramePrompt, Tracker
from sam2_roto.tracking.guide import LIMIT, LOOK_BACK, Guide, carry, keep_detail, motion
from sam2_roto.tracking.memory import ObjectMemory
from sam2_roto.tracking.objects import TrackedObject

SIZE, CELLS = 128, 32


def _disc(x: float, y: float) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(CELLS), torch.arange(CELLS), indexing="ij")
    return (8.0 - ((columns - x) ** 2 + (rows - y) ** 2).sqrt()) * 4


def test_logits_follow_an_offset_in_cells() -> None:
    moved = torch.zeros(1, 3, CELLS, CELLS)
    moved[:, 0], moved[:, 1], moved[:, 2] = -3.0, 2.0, 1.0
    carried = carry(_disc(12, 16)[None, None], moved)
    assert torch.allclose(carried[0, 0, 4:-4, 4:-4], _disc(15, 14).clamp(-LIMIT, LIMIT)[4:-4, 4:-4], atol=1e-4)


def test_doubt_draws_logits_to_nothing_and_absence_is_bounded() -> None:
    moved = torch.zeros(1, 3, CELLS, CELLS)
    moved[:, 2, :, : CELLS // 2] = 1.0
    carried = carry(torch.full((2, 1, CELLS, CELLS), -1024.0), moved)
    assert torch.equal(carried[..., : CELLS // 2], torch.full((2, 1, CELLS, CELLS // 2), -LIMIT))
    assert not carried[..., CELLS // 2 :].any()


def test_motion_is_measured_in_cells_and_trusted() -> None:
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.uniform(0, 255, (1, 1, 32, 32)).astype(np.float32))
    fine = torch.nn.functional.interpolate(coarse, size=(SIZE, SIZE), mode="bicubic").clamp(0, 255)
    there = fine[0, 0].numpy().astype(np.uint8)
    here = np.roll(there, (0, 8), axis=(0, 1))
    inner = motion(here, there, CELLS)[:, 6:-6, 6:-6]
    assert torch.allclose(inner[0].mean(), torch.tensor(-8 * CELLS / SIZE), atol=0.05)
    assert abs(float(inner[1].mean())) < 0.05
    assert float(inner[2].mean()) > 0.9


@pytest.mark.parametrize("seen", [True, False])
def test_the_tracker_carries_the_masks_of_objects_that_were_seen(seen: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    model = build_model("nano", image_size=64).eval()
    model.config = replace(model.config, recognition=None)
    views = np.random.default_rng(0).integers(0, 255, (3, 60, 100, 3), dtype=np.uint8)
    tracker = Tracker(model, ArraySource(views))
    tracker.prompt("a", 0, FramePrompt(points=((40.0, 30.0, True),)))
    tracker.objects["a"].answers[0] = tracker.objects["a"].answers[0]._replace(score=1.0 if seen else -1.0)
    told: list[bool] = []
    decode = model.decode

    def noted(*words: Any, **named: Any) -> Any:
        told.append(named.get("mask") is not None)
        return decode(*words, **named)

    monkeypatch.setattr(model, "decode", noted)
    list(tracker.propagate(stop=1))
    assert told == [seen]


def test_an_object_that_was_given_up_is_looked_for_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    model = build_model("nano", image_size=64).eval()
    model.config = replace(model.config, recognition=None)
    views = np.random.default_rng(0).integers(0, 255, (LOOK_BACK + 4, 60, 100, 3), dtype=np.uint8)
    tracker = Tracker(model, ArraySource(views))
    tracker.prompt("a", 0, FramePrompt(points=((40.0, 30.0, True),)))
    tracker.objects["a"].answers[0] = tracker.objects["a"].answers[0]._replace(score=1.0)
    told: list[bool] = []
    decode = model.decode

    def given_up(*words: Any, **named: Any) -> Any:
        told.append(named.get("mask") is not None)
        found = decode(*words, **named)
        return found._replace(score=torch.full_like(found.score, -5.0))

    monkeypatch.setattr(model, "decode", given_up)
    assert not any(result.objects["a"].present for result in tracker.propagate(1))
    assert told == [True] * LOOK_BACK + [False] * 3


def test_one_that_was_gone_for_long_is_not_told_of_its_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    model = build_model("nano", image_size=64).eval()
    views = np.random.default_rng(0).integers(0, 255, (LOOK_BACK + 5, 60, 100, 3), dtype=np.uint8)
    tracker = Tracker(model, ArraySource(views))
    tracker.prompt("a", 0, FramePrompt(points=((40.0, 30.0, True),)))
    tracker.objects["a"].answers[0] = tracker.objects["a"].answers[0]._replace(score=1.0)
    read: list[int] = []
    decode, condition = model.decode, model.condition
    monkeypatch.setattr(model, "decode", lambda *a, **b: decode(*a, **b)._replace(score=torch.full((1, 1), -5.0)))
    monkeypatch.setattr(
        model, "condition", lambda top, memory: (read.append(memory.spatial.shape[1]), condition(top, memory))[1]
    )
    list(tracker.propagate(1))
    assert read[: LOOK_BACK + 1] == [*range(1, LOOK_BACK + 2)]
    assert read[LOOK_BACK + 1 :: 2] == [1] * 4  # looked for once more, with what was marked alone
    assert not tracker.objects["a"].memory.showing


def test_the_guide_points_to_pictures_that_it_has_seen() -> None:
    views = np.random.default_rng(0).integers(0, 255, (LOOK_BACK + 3, SIZE, SIZE, 3), dtype=np.uint8)
    source, asked = ArraySource(views), Mock()
    guide = Guide(Mock(view=asked), SIZE, CELLS)
    for frame, view in enumerate(views):
        guide.see(frame, view)
    last = len(views) - 1
    for back in range(1, LOOK_BACK + 1):
        alone = Guide(source, SIZE, CELLS)
        alone.see(last, views[last])
        masks = _disc(20, 12)[None]
        moved = guide.toward(last - back, last, masks, [[(0.2, 0.1)]])
        assert moved.shape == (1, 3, CELLS, CELLS)
        assert torch.equal(moved, alone.toward(last - back, last, masks, [[(0.2, 0.1)]]))
    asked.assert_not_called()


def _prediction(logits: torch.Tensor, score: float = 5.0) -> Prediction:
    rows = len(logits)
    return Prediction(logits, torch.ones(rows), torch.full((rows,), score), torch.zeros(rows, 4))


def test_detail_of_a_drawn_mask_is_kept_where_both_agree() -> None:
    drawn = torch.full((1, 1, CELLS, CELLS), -LIMIT)
    drawn[..., 4:28] = LIMIT
    slit = drawn.clone()
    slit[..., 16] = -LIMIT
    seen = drawn.clone()
    seen[..., 16] = 1.0  # the slit is thinner than what the network can draw
    assert torch.equal(keep_detail(_prediction(seen), slit, [True]).logits > 0, slit > 0)
    assert torch.equal(keep_detail(_prediction(seen), slit, [False]).logits, seen)
    gone = torch.full_like(seen, -1024.0)
    assert torch.equal(keep_detail(_prediction(gone, -5.0), slit, [True]).logits, gone)


def test_where_both_differ_what_is_seen_counts() -> None:
    seen, elsewhere = _disc(9, 9)[None, None], _disc(24, 24)[None, None].clamp(-LIMIT, LIMIT)
    kept = keep_detail(_prediction(seen), elsewhere, [True]).logits
    wrong = (kept > 0) != (seen > 0)
    assert wrong.float().mean() < 0.01
    assert torch.allclose(
        keep_detail(_prediction(seen), 0 * seen, [True]).logits[0, 0, 9, 9], seen.clamp(max=LIMIT)[0, 0, 9, 9], atol=0.1
    )


def test_a_pass_knows_whether_it_comes_from_a_drawn_mask() -> None:
    memory = ObjectMemory(build_model("nano", image_size=64).config, torch.device("cpu"), torch.float32)
    entry = TrackedObject("a", memory)
    assert not entry.drawn(5, 1)
    entry.prompts = {0: FramePrompt(mask=np.ones((4, 4), bool)), 8: FramePrompt(points=((1.0, 1.0, True),))}
    assert [entry.drawn(index, 1) for index in (1, 7, 8, 9, 20)] == [True, True, True, False, False]
    assert [entry.drawn(index, -1) for index in (7, 1)] == [False, False]
