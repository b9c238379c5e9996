"""Segment everything, against an independent calculation on a network of stand-in weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sam2_roto import ImagePredictor, load_model
from sam2_roto.automatic import (
    Everything,
    Proposal,
    crop_boxes,
    pick,
    point_grid,
    segment_everything,
    stability_score,
    suppress,
)
from sam2_roto.evaluation.golden import Golden
from sam2_roto.model import SAM2
from sam2_roto.tracking.source import prepare

SIDE = 5
HEIGHT, WIDTH = 90, 160


def bilinear(logits: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """Upsampling written out: sample centres, edge cells repeated."""
    rows = ((np.arange(height) + 0.5) * logits.shape[0] / height - 0.5).clip(0, logits.shape[0] - 1)
    columns = ((np.arange(width) + 0.5) * logits.shape[1] / width - 0.5).clip(0, logits.shape[1] - 1)
    top, left = rows.astype(int), columns.astype(int)
    bottom, right = np.minimum(top + 1, logits.shape[0] - 1), np.minimum(left + 1, logits.shape[1] - 1)
    down, along = (rows - top)[:, None], columns - left
    upper = logits[top][:, left] * (1 - along) + logits[top][:, right] * along
    lower = logits[bottom][:, left] * (1 - along) + logits[bottom][:, right] * along
    return np.asarray(upper * (1 - down) + lower * down)


def middle_gap(values: list[float]) -> float:
    """A threshold that no value is near: the widest gap of the middle half."""
    ordered = sorted(values)
    inner = range(len(ordered) // 4, 3 * len(ordered) // 4)
    best = max(inner, key=lambda index: ordered[index + 1] - ordered[index])
    return (ordered[best] + ordered[best + 1]) / 2


def every_candidate(model: SAM2, view: NDArray[np.uint8]) -> list[dict[str, Any]]:
    """Each point decoded for itself, each mask scored pixel by pixel."""
    size = model.config.image_size
    features = model.encode_image(prepare(view, size))
    found = []
    for row in range(SIDE):
        for column in range(SIDE):
            x, y = (column + 0.5) / SIDE, (row + 0.5) / SIDE
            points = (torch.tensor([[[x * size, y * size]]]), torch.tensor([[1]]))
            decoded = model.decode(model.condition(features.top, None), features, points)
            for candidate in range(3):
                full = bilinear(decoded.logits[0, candidate].double().numpy(), *view.shape[:2])
                inner, outer = int((full > 1).sum()), int((full > -1).sum())
                where = np.argwhere(full > 0)
                if not len(where):
                    continue
                low, high = where.min(axis=0), where.max(axis=0)
                found.append(
                    {
                        "iou": float(decoded.iou[0, candidate]),
                        "stability": inner / outer if outer else 0.0,
                        "mask": full > 0,
                        "box": (int(low[1]), int(low[0]), int(high[1]), int(high[0])),
                        "point": (x * view.shape[1], y * view.shape[0]),
                    }
                )
    return found


def overlap(first: tuple[int, ...], second: tuple[int, ...]) -> float:
    wide = max(0, min(first[2], second[2]) - max(first[0], second[0]))
    tall = max(0, min(first[3], second[3]) - max(first[1], second[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    total = sum(areas) - wide * tall
    return wide * tall / total if total else 0.0


def survivors(found: list[dict[str, Any]], most: float) -> list[dict[str, Any]]:
    """Suppression by the definition: who overlaps a better one that stayed goes."""
    stayed: list[dict[str, Any]] = []
    for entry in sorted(found, key=lambda entry: -entry["iou"]):
        if all(overlap(entry["box"], other["box"]) <= most for other in stayed):
            stayed.append(entry)
    return stayed


def test_equals_the_published_procedure(shared_dir: Path) -> None:
    golden = Golden(shared_dir / "reference" / "golden" / "sam2.1_hiera_small_256_salt4.npz")
    model = golden.model()
    view = np.ascontiguousarray(golden.views()[0][:HEIGHT, :WIDTH])
    with torch.inference_mode():
        found = every_candidate(model, view)
    iou = middle_gap([entry["iou"] for entry in found])
    sure = [entry for entry in found if entry["iou"] > iou]
    stability = middle_gap([entry["stability"] for entry in sure])
    stable = [entry for entry in sure if entry["stability"] >= stability]
    expected = survivors(stable, 0.7)
    settings = Everything(points_per_side=SIDE, points_per_batch=7, iou=iou, stability=stability)
    proposals = segment_everything(model, view, settings)
    assert 0 < len(expected) < len(stable) < len(sure) < len(found)
    assert len(proposals) == len(expected)
    for proposal, entry in zip(proposals, expected, strict=True):
        assert proposal.iou == pytest.approx(entry["iou"], abs=1e-4)
        assert proposal.stability == pytest.approx(entry["stability"], abs=1e-3)
        assert proposal.point == pytest.approx(entry["point"])
        assert np.mean(proposal.full((HEIGHT, WIDTH)) != entry["mask"]) < 1e-3
        assert proposal.box == pytest.approx((*entry["box"][:2], entry["box"][2] + 1, entry["box"][3] + 1), abs=1)


def test_points_lie_at_the_centres_of_cells() -> None:
    assert point_grid(2).tolist() == [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]


def test_crops_cover_the_picture_and_overlap() -> None:
    boxes = crop_boxes((100, 150), 2, 0.3)
    assert [layer for _, layer in boxes] == [0] + [1] * 4 + [2] * 16
    for layer in (1, 2):
        seen = np.zeros((100, 150), int)
        for left, top, right, bottom in (box for box, found in boxes if found == layer):
            seen[top:bottom, left:right] += 1
        assert seen.min() == 1
        assert seen.max() >= 4


def test_stability_is_the_iou_of_two_thresholds() -> None:
    logits = torch.tensor([[2.0, 0.5, -0.5, -3.0], [2.0, 2.0, 2.0, -2.0]])
    assert float(stability_score(logits, 1.0)) == pytest.approx(4 / 6)
    assert float(stability_score(torch.full((2, 2), -5.0), 1.0)) == 0


def test_suppression_keeps_the_best_of_those_that_overlap() -> None:
    boxes = [(0, 0, 11, 11), (1, 0, 12, 11), (30, 30, 41, 41), (0, 0, 41, 41)]
    assert suppress(boxes, [0.5, 0.9, 0.1, 0.2], 0.7) == [1, 3, 2]
    assert suppress([], [], 0.7) == []


@pytest.fixture(scope="module")
def model(random_weights: Path) -> SAM2:
    return load_model(str(random_weights), "cpu", 64)


def test_crops_are_told_in_the_picture(model: SAM2, shot_views: NDArray[np.uint8]) -> None:
    anything = Everything(points_per_side=3, iou=0.0, stability=0.0, crop_layers=1)
    found = segment_everything(model, shot_views[0], anything)
    assert found
    for proposal in found:
        left, top, right, bottom = proposal.box
        assert 0 <= left < right <= 96
        assert 0 <= top < bottom <= 64
        assert proposal.mask.shape == (bottom - top, right - left)
        assert proposal.full((64, 96)).sum() == proposal.area
        assert proposal.crop[0] <= proposal.point[0] < proposal.crop[2]
    assert [proposal.iou for proposal in found] == sorted((p.iou for p in found), reverse=True)


def test_the_smallest_under_the_pointer_is_picked() -> None:
    def square(left: int, side: int) -> Proposal:
        box = (left, 0, left + side, side)
        return Proposal(np.ones((side, side), np.bool_), box, 0.9, 1.0, (0.0, 0.0), (0, 0, 50, 50))

    large, small = square(0, 20), square(5, 5)
    assert pick([large, small], 6, 2) is small
    assert pick([large, small], 15, 15) is large
    assert pick([large, small], 40, 2) is None


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        Everything(points_per_side=0)


def test_hover_shows_what_a_click_would_select(model: SAM2, shot_views: NDArray[np.uint8]) -> None:
    predictor = ImagePredictor(model)
    predictor.set_image(shot_views[0])
    found = predictor.predict([(24.0, 32.0, True)])
    assert (predictor.hover(24, 32) == found.masks()[found.best]).all()
    assert predictor.hover(24, 32, longest=48).shape == (32, 48)


def test_each_point_is_answered_for_itself(
    model: SAM2, shot_views: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = ImagePredictor(model)
    predictor.set_image(shot_views[0])
    monkeypatch.setattr(model, "config", replace(model.config, heeds_clicks=False))  # a grid of points is no one's word
    logits, iou = predictor.predict_each(np.array([[24.0, 32.0], [70.0, 48.0]]))
    alone = predictor.predict([(70.0, 48.0, True)])
    torch.testing.assert_close(logits[1], alone.logits, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(iou[1], alone.iou, atol=1e-4, rtol=1e-3)
