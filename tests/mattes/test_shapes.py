"""Roto splines fitted to mattes that move, bend, split and have holes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sam2_roto.demo import demo_truth
from sam2_roto.errors import ExportError
from sam2_roto.mattes.shapes import Shape, Spline, fill, polyline
from sam2_roto.mattes.shapes_fit import fit_spline
from sam2_roto.mattes.shapes_match import carried, spaced
from sam2_roto.mattes.shapes_outlines import follow, outlines

HEIGHT, WIDTH, FRAMES = 120, 200, 30
Mask = NDArray[np.float32]


def blob(frame: float) -> Mask:
    """An antialiased shape of lobes that swims, turns and changes its form."""
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    radius = 26 + 6 * np.cos(3 * angle + 0.1 * frame) + 3 * np.sin(5 * angle - 0.15 * frame)
    turn = 0.02 * frame
    across, down = 1.4 * radius * np.cos(angle), radius * np.sin(angle)
    x = 60 + 2.4 * frame + across * np.cos(turn) - down * np.sin(turn)
    y = 60 + 8 * np.sin(0.15 * frame) + across * np.sin(turn) + down * np.cos(turn)
    return fill([(np.stack([x, y], axis=-1), False)], (0, 0, WIDTH, HEIGHT))


def disc(x: float, y: float, radius: float) -> Mask:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    return np.clip(radius + 0.5 - np.hypot(columns - x, rows - y), 0, 1).astype(np.float32)


def iou(first: NDArray[Any], second: NDArray[Any]) -> float:
    a, b = first > 0.5, second > 0.5
    return float((a & b).sum() / max((a | b).sum(), 1))


def counts(spline: Spline) -> list[set[int]]:
    return [{len(points) for points in shape.keys.values()} for shape in spline.shapes]


def test_a_bending_shape_needs_few_keys_and_keeps_its_points() -> None:
    mattes = [blob(frame) for frame in range(FRAMES)]
    spline = fit_spline("fish", mattes, first=1001, tolerance=0.35)
    assert min(iou(spline.draw(1001 + index), matte) for index, matte in enumerate(mattes)) >= 0.97
    assert len(spline.keyframes) <= FRAMES / 3
    assert (spline.keyframes[0], spline.keyframes[-1], spline.frames) == (1001, 1030, (1001, 1030))
    assert [len(found) for found in counts(spline)] == [1]
    assert 0 < spline.error <= 0.35


@pytest.mark.slow
def test_the_demo_clip_needs_a_third_of_its_frames_as_keys() -> None:
    truth = demo_truth()
    spline = fit_spline("carp", truth, tolerance=0.6)
    assert min(iou(spline.draw(frame), matte) for frame, matte in enumerate(truth)) >= 0.97
    assert len(spline.keyframes) <= len(truth) // 3
    assert [len(found) for found in counts(spline)] == [1]


def test_most_keys_bounds_them_where_mattes_are_unquiet() -> None:
    noise = np.random.default_rng(3).uniform(-2, 2, 20)
    mattes = [disc(60 + 2 * frame + noise[frame], 60, 30) for frame in range(20)]
    free, bound = (fit_spline("ball", mattes, tolerance=0.2, most_keys=keys) for keys in (None, 5))
    assert len(bound.keyframes) <= 5 < len(free.keyframes)
    assert free.error < bound.error < 2
    with pytest.raises(ExportError, match="2 keys or more"):
        fit_spline("ball", mattes, most_keys=1)


def test_flickers_are_left_out_and_lasting_parts_kept() -> None:
    body = [disc(60 + frame, 60, 40) for frame in range(8)]
    spot = disc(150, 30, 5)  # 79 square pixels: over 0.4 % of the body
    flicker = [np.maximum(matte, spot) if index == 4 else matte for index, matte in enumerate(body)]
    assert len(fit_spline("ball", flicker, tolerance=0.9).shapes) == 1
    assert len(fit_spline("ball", [np.maximum(matte, spot) for matte in body], tolerance=0.9).shapes) == 2


def test_points_stay_in_their_order() -> None:
    spline = fit_spline("fish", [blob(frame) for frame in range(0, FRAMES, 2)], tolerance=0.5)
    for points in spline.shapes[0].keys.values():
        corners = points[:, 1].astype(np.float32)
        assert cv2.contourArea(corners, oriented=True) > 1000
    first, last = (spline.shapes[0].keys[frame][:, 1] for frame in (0, spline.keyframes[-1]))
    near = first - first.mean(0), last - last.mean(0)
    ahead = np.linalg.norm(near[0] - near[1], axis=1).mean()
    behind = np.linalg.norm(near[0] - np.roll(near[1], len(first) // 2, axis=0), axis=1).mean()
    assert ahead < 0.5 * behind


def test_a_shape_that_only_moves_needs_two_keys() -> None:
    mattes = [disc(50 + 2.5 * frame, 60, 30) for frame in range(20)]
    spline = fit_spline("ball", mattes, tolerance=0.4)
    assert spline.keyframes == [0, 19]
    assert spline.draw(10).sum() == pytest.approx(np.pi * 30**2, rel=0.01)


def test_holes_are_cut_out() -> None:
    mattes = [disc(70 + frame, 60, 40) - disc(70 + frame, 60, 15) for frame in range(6)]
    spline = fit_spline("ring", mattes)
    assert [shape.hole for shape in spline.shapes] == [False, True]
    assert min(iou(spline.draw(index), matte) for index, matte in enumerate(mattes)) >= 0.97


def test_a_split_ends_one_shape_and_begins_two() -> None:
    mattes = [disc(80 - max(0, frame - 4) * 6, 60, 24) for frame in range(10)]
    mattes = [np.maximum(matte, disc(100 + max(0, index - 4) * 6, 60, 24)) for index, matte in enumerate(mattes)]
    spline = fit_spline("drop", mattes, first=5)
    lives = sorted((shape.first, shape.last) for shape in spline.shapes)
    assert [life[0] for life in lives].count(5) == 1
    assert len(lives) == 3
    assert lives[1] == lives[2] == (lives[0][1] + 1, 14)
    assert min(iou(spline.draw(5 + index), matte) for index, matte in enumerate(mattes)) >= 0.97
    assert all(len(found) == 1 for found in counts(spline))


def test_absent_frames_and_border() -> None:
    empty = np.zeros((HEIGHT, WIDTH), bool)
    mattes = [empty, *(disc(10 - 4 * frame, 20, 24) > 0.5 for frame in range(5)), empty]
    spline = fit_spline("dog", mattes)
    assert spline.draw(0).max() == spline.draw(6).max() == 0
    assert (spline.shapes[0].first, spline.shapes[0].last) == (1, 5)
    drawn = spline.draw(1)
    assert drawn[20, 0] > 0.9
    assert iou(drawn, mattes[1]) >= 0.97
    nothing = fit_spline("none", [empty, empty])
    assert (nothing.shapes, nothing.error, nothing.draw(0).max()) == ((), 0.0, 0.0)


def test_outline_of_a_square_is_that_of_its_pixels() -> None:
    mask = np.zeros((30, 40), np.float32)
    mask[5:25, 10:20] = 1
    (outline,) = outlines(mask)
    assert outline.area == pytest.approx(200, rel=0.01)
    np.testing.assert_allclose(outline.points.min(axis=0), (10, 5), atol=0.1)
    np.testing.assert_allclose(outline.points.max(axis=0), (20, 25), atol=0.1)


def test_places_are_carried_along() -> None:
    old, new = outlines(blob(0))[0], outlines(np.roll(blob(0), (3, 5), axis=(0, 1)))[0]
    places = np.arange(12) / 12 + 0.3
    moved = carried(places, old, new)
    assert (np.diff(moved) > 0).all()
    np.testing.assert_allclose(new.at(moved), old.at(places) + np.array([5, 3]), atol=1.0)


def test_spaced_keeps_order_and_mean() -> None:
    found = spaced(np.array([0.1, 0.11, 0.109, 0.6]), 0.05)
    gaps = np.diff(found, append=found[0] + 1)
    assert gaps.min() >= 0.045
    assert gaps.sum() == pytest.approx(1)


def test_lines_join_the_keys() -> None:
    square = np.repeat(np.array([[0.0, 0], [4, 0], [4, 4], [0, 4]])[:, None], 3, axis=1)
    shape = Shape("s", {0: square, 4: square + 8})
    middle = shape.at(1)
    assert middle is not None
    np.testing.assert_allclose(middle, square + 2)
    assert shape.at(5) is None
    assert polyline(square, 4).shape == (16, 2)
    assert fill([(polyline(square), False)], (0, 0, 6, 6)).sum() == pytest.approx(16, abs=1e-6)


def test_specks_are_left_out() -> None:
    matte = disc(60, 60, 40)
    matte[2:4, 2:4] = 1
    (found,) = follow([outlines(matte)], 0)
    assert found.outlines[0].area > 4000


def test_wrong_words() -> None:
    with pytest.raises(ExportError, match="no mattes of 'dog'"):
        fit_spline("dog", [])
    with pytest.raises(ExportError, match="several sizes"):
        fit_spline("dog", [np.zeros((4, 4)), np.zeros((4, 5))])
    with pytest.raises(ExportError, match="tolerance of 0 px"):
        fit_spline("dog", [np.zeros((4, 4))], tolerance=0)
